"""``opencets text``: words that stand in pictures, read by the recogniser that is plugged in."""

from __future__ import annotations

import json
from pathlib import Path

import click

from opencets.errors import OpenCETSError

RECOGNISER = click.option(
    "--recogniser", default="", envvar="OPENCETS_TEXT_RECOGNISER", help="Dotted name of its class; default: tesseract."
)
LANGUAGES = click.option(
    "--languages",
    default="",
    envvar="OPENCETS_TEXT_LANGUAGES",
    help="What it reads, by its own names joined by +, such as eng+deu; default: all that are installed.",
)


@click.group()
def text() -> None:
    """Words that stand in pictures, and the language they are in."""


@text.command("check")
@RECOGNISER
@LANGUAGES
@click.pass_context
def check(ctx: click.Context, recogniser: str, languages: str) -> None:
    """Whether a recogniser stands ready, and what to install where none does. Exit 1 without one."""
    from opencets.recognising import recogniser_named

    try:
        click.echo(f"Ready: {recogniser_named(recogniser, languages).version}.")
    except OpenCETSError as reason:
        click.echo(reason.sentence, err=True)
        ctx.exit(1)


@text.command("read")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@RECOGNISER
@LANGUAGES
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON value a line, with boxes as shares of the picture's sides."
)
@click.pass_context
def read(ctx: click.Context, paths: tuple[Path, ...], recogniser: str, languages: str, as_json: bool) -> None:
    """The words of each picture, in reading order, and their language where it is clear.

    Each picture is read by a separate process with limits on memory and time. Exit 0 when all were read, 1 when a picture
    could not be (told on standard error), 2 without a recogniser.
    """
    from opencets.parsing.limits import Limits
    from opencets.parsing.sandbox import Pool
    from opencets.recognising import recogniser_named

    recogniser_named(recogniser, languages)  # refused here, before any picture
    troubled = 0
    with Pool(1, Limits(seconds=150.0)) as pool:
        for outcome in pool.run(read_file, [(str(path), recogniser, languages) for path in paths]):
            path = outcome.task[0]
            if outcome.failure is not None:
                troubled += 1
                click.echo(f"{path}: {outcome.failure.sentence}", err=True)
            elif as_json:
                click.echo(json.dumps({"path": path, **outcome.result}, ensure_ascii=False))
            else:
                told = f" ({outcome.result['language']})" if outcome.result["language"] else ""
                click.echo(f"{path}{told}")
                for line in filter(None, outcome.result["text"].split("\n")):
                    click.echo(f"    {line}")
    if troubled:
        ctx.exit(1)


def read_file(task: tuple[str, str, str]) -> dict[str, object]:
    """What a picture says, as plain values; runs in the limited process."""
    from opencets.errors import SourceRefused
    from opencets.hashing.media_type import find_media_type
    from opencets.hashing.picture import decode, upright
    from opencets.recognising import language_of, read_text, recogniser_named

    path, recogniser, languages = task
    with Path(path).open("rb") as stream:
        media_type = find_media_type(stream.read(4096)) or ""
        if not media_type.startswith("image/"):
            raise SourceRefused("it is no picture of a kind that is read")
        stream.seek(0)
        decoded = decode(stream, media_type, scaled=False)
    found = read_text(recogniser_named(recogniser, languages), upright(decoded, 4_800).convert("L"))
    told = language_of(found.text)
    return {
        "text": found.text,
        "turn": found.turn,
        "recogniser": found.version,
        "language": told.code,
        "probability": told.probability,
        "script": told.script,
        "words": [
            [word.text, word.confidence, word.left, word.top, word.width, word.height, word.line]
            for word in found.words
        ],
    }

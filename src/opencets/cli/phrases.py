"""``opencets phrases``: phrase libraries and the texts they are looked for in, without the web part."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from opencets.errors import SourceRefused

FOUND_WANTING = 1
_library = click.option(
    "--library", "libraries", required=True, multiple=True, type=click.Path(path_type=Path),
    help="A folder with library.yaml, or a single file; more than one can be given.",
)  # fmt: skip
_json = click.option("--json", "as_json", is_flag=True, help="JSON instead of lines to read.")
_sample_help = "Innocent text: a file, or a folder of files, one message a line; a file counts as one conversation."
_sample = click.option("--sample", required=True, type=click.Path(exists=True, path_type=Path), help=_sample_help)
_any_folder = click.Path(exists=True, path_type=Path)


@click.group()
def phrases() -> None:
    """Words in disguise in texts and conversations: look for them, and keep libraries of them quiet."""


@phrases.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@_library
@click.option("--language", "languages", multiple=True, help="Only phrases of this language, such as en; repeatable.")
@click.option(
    "--direction", default="", help="Whether the text was typed, shown, clipboard or file; contexts ask for it."
)
@click.option("--program", default="", help="The program that it stood in; contexts ask for it.")
@click.option("--category", default="", help="The kind of address that it stood on, such as news; contexts ask for it.")
@_json
def scan(
    file: Path, libraries: Sequence[Path], languages: Sequence[str], direction: str, program: str, category: str, as_json: bool
) -> None:  # fmt: skip
    """The phrases in FILE (- for standard input): where, which, how severe, and why.

    Offsets count characters from 0; lines from 1. One JSON value a line with --json.
    """
    from opencets.watching import Library, Watcher, Where

    watcher = Watcher([Library.open(path) for path in libraries], languages or None)
    text = _text(file)
    lines = _Lines(text)
    for hit in watcher.scan(text, Where(direction, program, category)):
        line, column = lines.place(hit.start)
        if as_json:
            click.echo(json.dumps({**hit.to_json(), "line": line, "column": column}, ensure_ascii=False))
        else:
            click.echo(f"{line}:{column} [{hit.start}-{hit.end}] severity {hit.severity}: {hit.reason}")


@phrases.command()
@click.argument("folder", metavar="DIR", type=_any_folder)
@click.option("--sample", type=click.Path(exists=True, path_type=Path), help=_sample_help)
@click.option("--noisiest", default=20, show_default=True, type=click.IntRange(1), help="How many of them are named.")
@_json
def check(folder: Path, sample: Path | None, noisiest: int, as_json: bool) -> None:
    """What the author of the library in DIR should look at; with --sample, how noisy each phrase is. Exit 1 when serious."""
    from opencets.watching import Library
    from opencets.watching.noise import measure, remarks

    library = Library.open(folder)
    said = remarks(library)
    noise = measure(library, (line for lines in _conversations(sample) for line in lines)) if sample else None
    if as_json:
        click.echo(
            json.dumps(
                {
                    **_told(library), "remarks": [asdict(remark) for remark in said],
                    "noise": noise and {
                        "lines": noise.lines, "bytes": noise.size, "hits_per_mb": noise.total_per_mb,
                        "phrases": [
                            {"phrase": phrase, "hits": hits, "hits_per_mb": per_mb, "examples": noise.examples[phrase]}
                            for phrase, hits, per_mb in noise.noisiest(noisiest)
                        ],
                    },
                },
                ensure_ascii=False,
            )
        )  # fmt: skip
    else:
        click.echo(
            "{name} version {version}: {phrases} phrases in {languages}, digest {digest}".format(**_told(library))
        )
        for remark in said:
            begin = "serious: " if remark.serious else ""
            click.echo(f"  {begin}{f'“{remark.phrase}”: ' if remark.phrase else ''}{remark.sentence}.")
        if noise:
            click.echo(
                f"{noise.total_per_mb:.2f} hits per MB in {noise.lines:,} lines ({noise.size / 1e6:.2f} MB); noisiest:"
            )
            for phrase, hits, per_mb in noise.noisiest(noisiest):
                click.echo(f"  {per_mb:8.2f} per MB ({hits}) “{phrase}”: {noise.examples[phrase][0]}")
    if any(remark.serious for remark in said):
        sys.exit(FOUND_WANTING)


@phrases.command()
@click.argument("folder", metavar="DIR", type=_any_folder)
@_sample
@click.option(
    "--most-per-mb",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Hits of one phrase per MB that are borne.",
)
@click.option(
    "--most-alerts", default=0, show_default=True, type=click.IntRange(0), help="Innocent conversations that may alert."
)
@_json
def test(folder: Path, sample: Path, most_per_mb: float, most_alerts: int, as_json: bool) -> None:
    """Whether the library in DIR may go live, judged by a sample in which each file is a conversation. Exit 1: not so."""
    from opencets.watching import Library
    from opencets.watching.noise import trial

    library = Library.open(folder)
    result = trial(library, _conversations(sample), most_per_mb, most_alerts)
    if as_json:
        told = {
            **_told(library), "lines": result.noise.lines, "bytes": result.noise.size,
            "hits_per_mb": result.noise.total_per_mb, "conversations": result.conversations, "alerts": result.alerts,
            "may_go_live": not result.reasons, "reasons": result.reasons,
        }  # fmt: skip
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        click.echo(
            f"{result.noise.total_per_mb:.2f} hits per MB; {result.alerts} of {result.conversations} conversations would alert."
        )
        for reason in result.reasons:
            click.echo(f"  {reason}.")
        click.echo("It should not go live." if result.reasons else "It may go live.")
    if result.reasons:
        sys.exit(FOUND_WANTING)


@phrases.command()
@click.argument("old", type=_any_folder)
@click.argument("new", type=_any_folder)
@_sample
@_json
def compare(old: Path, new: Path, sample: Path, as_json: bool) -> None:
    """What the library NEW would find, lose and weigh differently in the sample, compared with OLD."""
    from opencets.watching import Library
    from opencets.watching.noise import compare as compare_libraries

    changes = compare_libraries(
        Library.open(old), Library.open(new), (line for lines in _conversations(sample) for line in lines)
    )
    if as_json:
        click.echo(json.dumps([asdict(change) for change in changes], ensure_ascii=False))
        return
    kinds = Counter("found" if not change.old else "lost" if not change.new else "weighed" for change in changes)
    click.echo(f"{kinds['found']} hits more, {kinds['lost']} fewer, {kinds['weighed']} of another severity.")
    for change in changes:
        what = (
            f"severity {change.old} to {change.new}" if change.old and change.new else "lost" if change.old else "found"
        )
        click.echo(f"  {change.line + 1}: {what} “{change.phrase}”: {change.text}")


@phrases.command()
@click.argument("reviews", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_json
def precision(reviews: Path, as_json: bool) -> None:
    """How often each phrase was worth a look, by REVIEWS: CSV with library, version, phrase and useful (yes or no)."""
    from opencets.watching import precision as of_reviews
    from opencets.watching.reviews import read_reviews

    found = of_reviews(read_reviews(reviews))
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], ensure_ascii=False))
        return
    for each in found:
        click.echo(f"{each.proposal:8} “{each.phrase}” of {each.library} version {each.version}: {each.reason}")


@phrases.command()
@click.option(
    "--pan",
    "folder",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Your corpus in the form of PAN 2012: one XML of conversations, a list of authors, a list of lines.",
)
@_library
@click.option(
    "--authors", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The list of authors to be found."
)
@click.option(
    "--lines", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The list of lines to be found."
)
@click.option("--budget", default=100, show_default=True, type=click.IntRange(1), help="Alerts that can be looked at.")
@click.option(
    "--weights",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Weights of the baseline; shipped ones without.",
)
@click.option(
    "--train", "learned", type=click.Path(dir_okay=False, path_type=Path), help="Learn weights, and write them there."
)
@_json
def evaluate(
    folder: Path, libraries: Sequence[Path], authors: Path | None, lines: Path | None, budget: int, weights: Path | None,
    learned: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """How well the baseline names authors and lines in a corpus of your own: F0.5, at a budget, time to alert.

    With --train the weights are learned from half of the conversations, and measured on the other half.
    """
    from opencets.watching import Library, Watcher
    from opencets.watching.evaluation import evaluate as evaluate_model
    from opencets.watching.evaluation import halves, learn, open_corpus
    from opencets.watching.risk import Baseline, Weights

    corpus = open_corpus(folder, authors, lines)
    if learned and not learned.absolute().parent.is_dir():
        raise SourceRefused(f"The weights cannot be written: there is no folder {learned.absolute().parent}.")
    model = Baseline(Watcher([Library.open(path) for path in libraries]), Weights.open(weights))
    if learned:
        first, corpus = halves(corpus)
        model = Baseline(model.watcher, learn(first, model, learned.stem))
        beside = learned.with_name(f"{learned.name}.part")
        beside.write_text(model.weights.to_yaml(), "utf-8")
        beside.replace(learned)
    result = evaluate_model(corpus, model, budget)
    if as_json:
        click.echo(json.dumps(result.to_json()))
        return
    click.echo(
        f"{result.model}: {result.conversations:,} conversations, {result.messages:,} messages, {result.all_authors:,} authors"
    )
    for name, measure in (
        ("authors", result.authors),
        ("lines", result.lines),
        (f"best {budget} authors", result.at_budget),
    ):
        click.echo(
            f"  {name}: F0.5 {measure.f(0.5):.3f}, F1 {measure.f(1):.3f}, precision {measure.precision:.3f}, recall "
            f"{measure.recall:.3f} ({measure.right} right of {measure.named} named, {measure.there} to be found)"
        )
    if result.turns_to_alert is not None:
        click.echo(
            f"  time to alert: {result.turns_to_alert:g} messages, {result.share_to_alert:.0%} of the conversation (medians)"
        )


def _told(library: object) -> dict[str, object]:
    from opencets.watching import Library

    assert isinstance(library, Library)
    return {
        "name": library.name, "version": library.version, "phrases": len(library.phrases),
        "languages": ", ".join(library.languages), "digest": library.digest,
    }  # fmt: skip


def _text(path: Path) -> str:
    """The text of a file as it stands, with its line ends; what is no UTF-8 becomes U+FFFD, and that is told."""
    try:
        body = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as reason:
        raise SourceRefused(f"{path} cannot be read: {reason.strerror}.") from None
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return body.decode("utf-16", "replace")
    text = body.decode("utf-8", "replace")
    if "\ufffd" in text and b"\xef\xbf\xbd" not in body:
        click.echo(f"{path} is not all UTF-8; what cannot be read separates words.", err=True)
    return text


def _conversations(sample: Path | None) -> Iterator[list[str]]:
    """Each file of a sample as its lines."""
    if sample is None:
        return
    files = sorted(path for path in sample.rglob("*") if path.is_file()) if sample.is_dir() else [sample]
    if not files:
        raise SourceRefused(f"{sample} holds no file.")
    for file in files:
        yield _text(file).split("\n")


class _Lines:
    """Line and column of places that are asked for in their order."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._begin = 0

    def place(self, at: int) -> tuple[int, int]:
        self._line += self._text.count("\n", self._at, at)
        self._begin = self._text.rfind("\n", 0, at) + 1
        self._at = at
        return self._line, at - self._begin + 1

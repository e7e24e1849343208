"""``opencets hash``: digests and perceptual hashes of files, each read once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import click

from opencets.cli.progress import progress
from opencets.errors import Interrupted

BATCH = 64


@click.command("hash")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON value a line instead of columns.")
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1, 256), help="Processes to hash with.")
@click.pass_context
def hash_files(ctx: click.Context, paths: tuple[Path, ...], as_json: bool, jobs: int) -> None:
    """MD5, SHA-1, SHA-256, PDQ and its quality of each file; folders are walked.

    Columns: sha256, sha1, md5, pdq, quality, size, path, separated by tabs; "-" where there is none. Exit 0 when all
    was read, 1 when a picture or file could not be read (told on standard error), 2 when a path does not exist.
    """
    absent = [path for path in paths if not os.path.lexists(path)]
    if absent:
        raise click.UsageError(f"{absent[0]} does not exist; nothing was hashed.")
    files = list(_walk(paths))
    troubled = 0
    with progress("Hashing", len(files)) as advance:
        for path, line in _sign_all(files, jobs):
            click.echo(json.dumps(line) if as_json else _columns(line))
            if line["trouble"]:
                troubled += 1
                click.echo(f"{_printable(path)}: {line['trouble']}", err=True)
            advance(1)
    if troubled:
        ctx.exit(1)


def _walk(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                yield Path(folder, name)


def _sign_all(files: list[Path], jobs: int) -> Iterator[tuple[Path, dict[str, object]]]:
    if jobs == 1 or len(files) < 2:
        for path in files:
            yield path, sign_file(path)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        remaining = iter(files)
        while batch := list(islice(remaining, BATCH * jobs)):
            try:
                yield from zip(batch, pool.map(sign_file, batch, chunksize=8), strict=True)
            except BrokenProcessPool as reason:
                raise Interrupted(
                    "A hashing process was ended from outside, for example for want of memory, among the files from "
                    f"{batch[0]} to {batch[-1]}. Hash these with --jobs 1 to find the one."
                ) from reason


def sign_file(path: Path) -> dict[str, object]:
    """What one line of the output says of the file at ``path``; ``trouble`` tells what could not be read."""
    from opencets.hashing import sign

    line: dict[str, object] = {"path": str(path)}
    try:
        if not path.is_file():
            raise OSError("it is not an ordinary file")
        with path.open("rb") as stream:
            signed = sign(stream)
    except OSError as reason:
        return line | {"trouble": f"The file could not be read: {reason.strerror or reason}."}
    line |= {
        "size": signed.digests.size,
        "md5": signed.digests.md5,
        "sha1": signed.digests.sha1,
        "sha256": signed.digests.sha256,
        "media_type": signed.media_type,
        "width": signed.width,
        "height": signed.height,
        "pdq": signed.pdq.hex() if signed.pdq else None,
        "quality": signed.quality,
        "trouble": signed.trouble,
    }
    if signed.frames:
        line["duration"] = signed.duration
        line["frames"] = [
            {"second": frame.second, "pdq": frame.pdq.hex(), "quality": frame.quality} for frame in signed.frames
        ]
    return line


def _columns(line: dict[str, object]) -> str:
    cells = (line.get(name) for name in ("sha256", "sha1", "md5", "pdq", "quality", "size", "path"))
    return "\t".join("-" if cell is None else _printable(cell) for cell in cells)


def _printable(cell: object) -> str:
    """Text that stays one cell of one line: line breaks, tabs and bytes that are no UTF-8 are written as escapes."""
    text = str(cell).encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text)

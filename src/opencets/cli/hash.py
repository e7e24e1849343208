"""``opencets hash``: digests and perceptual hashes of files, each read once, by a pool of limited processes."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from opencets.cli.progress import progress

if TYPE_CHECKING:
    from opencets.parsing.sandbox import Failure

BATCH = 16
"""Files that one process gets at a time."""
MOST_AHEAD = 20_000
"""Lines kept while an earlier file is still at work."""


@click.command("hash")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON value a line instead of columns.")
@click.option(
    "--jobs", default=0, type=click.IntRange(0, 256), help="Processes to hash with; 0, the default: one for each core."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file to write instead of the output.")
@click.option("--resume", is_flag=True, help="Go on with the file of --out: what it tells already is not read again.")
@click.pass_context
def hash_files(
    ctx: click.Context, paths: tuple[Path, ...], as_json: bool, jobs: int, out: Path | None, resume: bool
) -> None:
    """MD5, SHA-1, SHA-256, PDQ and its quality of each file; folders are walked.

    Columns: sha256, sha1, md5, pdq, quality, size, path, separated by tabs; "-" where there is none. Each file is read by
    a separate process with limits on memory and time: one that is hostile costs its own line. Exit 0 when all was read, 1
    when a picture or file could not be read (told on standard error), 2 when a path does not exist.
    """
    absent = [path for path in paths if not os.path.lexists(path)]
    if absent:
        raise click.UsageError(f"{absent[0]} does not exist; nothing was hashed.")
    if resume and out is None:
        raise click.UsageError("--resume goes on with a file: name it with --out.")
    files = list(_walk(paths))
    troubled = 0
    with _output(out, resume, as_json) as (file, done), progress("Hashing", len(files)) as advance:
        waiting = [path for path in files if _printable(path) not in done]
        advance(len(files) - len(waiting))
        for path, line in _sign_all(waiting, jobs or os.cpu_count() or 1):
            click.echo(json.dumps(line) if as_json else _columns(line), file=file)
            if line["trouble"]:
                troubled += 1
                click.echo(f"{_printable(path)}: {line['trouble']}", err=True)
            advance(1)
    if len(waiting) < len(files):
        click.echo(f"{len(files) - len(waiting)} of {len(files)} files were in {out} already.", err=True)
    if troubled:
        ctx.exit(1)


@contextmanager
def _output(path: Path | None, resume: bool, as_json: bool) -> Iterator[tuple[TextIO | None, set[str]]]:
    """Where lines go, and the paths of those that stand there already."""
    if path is None:
        yield None, set()
        return
    done = _told(path, as_json) if resume and path.exists() else set()
    try:
        with path.open("a" if done else "w", encoding="utf-8", buffering=1) as file:
            yield file, done
    except OSError as reason:
        raise click.FileError(str(path), hint=reason.strerror) from reason


def _told(path: Path, as_json: bool) -> set[str]:
    """The paths of the whole lines in the file of an earlier run; a line cut short by a stop is taken off."""
    done, whole = set(), 0
    try:
        with path.open("r+b") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                text = line.decode("utf-8").rstrip("\n")
                done.add(_printable(json.loads(text)["path"]) if as_json else text.split("\t")[6])
                whole += len(line)
            file.truncate(whole)
    except (ValueError, KeyError, IndexError, TypeError) as reason:
        form = "JSON lines" if as_json else "columns"
        raise click.UsageError(f"{path} does not hold the {form} of an earlier run; nothing was hashed.") from reason
    except OSError as reason:
        raise click.FileError(str(path), hint=reason.strerror) from reason
    return done


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
    """A line for each file, in their order; a file whose process ended is named by it, and the rest of its batch goes on."""
    if len(files) == 1:
        yield files[0], sign_file(files[0])
        return
    from opencets.parsing.sandbox import Pool

    waiting = deque(range(begin, min(begin + BATCH, len(files))) for begin in range(0, len(files), BATCH))
    ahead: dict[int, dict[str, object]] = {}
    told = 0
    with Pool(min(jobs, max(len(waiting), 1))) as pool:
        while waiting or pool.busy:
            while waiting and pool.has_room and (len(ahead) < MOST_AHEAD or waiting[0].start <= told):
                batch = waiting.popleft()
                refused = pool.send(sign_files, tuple((number, str(files[number])) for number in batch))
                if refused is not None and refused.failure is not None:
                    _go_on_after(refused.task, refused.failure, ahead, waiting)
            for outcome in pool.receive():
                if outcome.result is not None:
                    number, line = outcome.result
                    ahead[number] = line
                if outcome.failure is not None:
                    _go_on_after(outcome.task, outcome.failure, ahead, waiting)
            while told in ahead:
                yield files[told], ahead.pop(told)
                told += 1


def _go_on_after(
    task: tuple[tuple[int, str], ...], failure: Failure, ahead: dict[int, dict[str, object]], waiting: deque[range]
) -> None:
    """The first file of the batch without a line is the one; those after it go to another process."""
    left = [(number, path) for number, path in task if number not in ahead]
    if not left:
        return
    number, path = left[0]
    ahead[number] = {"path": path, "trouble": f"The file could not be read: {failure.sentence}"}
    if len(left) > 1:
        waiting.appendleft(range(left[1][0], left[-1][0] + 1))


def sign_files(batch: tuple[tuple[int, str], ...]) -> Iterator[tuple[int, dict[str, object]]]:
    """Each file's number and line; runs in a limited process."""
    for number, path in batch:
        yield number, sign_file(Path(path))


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

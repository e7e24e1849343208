"""``opencets match videos``: which seconds of which video stand in which other one."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opencets.cli.progress import progress

if TYPE_CHECKING:
    from opencets.matching.intervals import Track

COLUMNS = (
    "left", "right", "left_begin", "left_end", "right_begin", "right_end", "speed", "share", "frames", "distance",
    "orientation", "still", "sentence",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Seen:
    """A video that gave frames, ready to be compared."""

    path: Path
    track: Track


@click.command()
@click.argument("left", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--against",
    "against",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Videos or folders to compare with; several times. Without it all of LEFT are compared with each other.",
)
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The CSV to write.")
def videos(left: tuple[Path, ...], against: tuple[Path, ...], out: Path) -> None:
    """The footage that videos share: begin and end in each, speed, share of frames, and a sentence.

    LEFT: videos or folders of them. A file that is broken, too large, empty or without pictures costs a line on the
    error stream and not the run: exit 1 where there was one, else 0.
    """
    from opencets.matching.intervals import find_intervals

    given, others = list(_files(left)), list(_files(against))
    troubles: list[str] = []
    with progress("Watching", len(given) + len(others)) as advance:
        lefts = _watched(given, troubles, advance)
        rights = _watched(others, troubles, advance) if others else lefts
    pairs = (
        [(one, other) for one in lefts for other in rights if one.path.resolve() != other.path.resolve()]
        if others
        else [(one, other) for n, one in enumerate(lefts) for other in lefts[n + 1 :]]
    )
    found = 0
    # The file takes its name only when it is whole, so that a stopped run leaves no half answer.
    draft = out.with_name(f".{out.name}.{os.getpid()}.draft")
    try:
        with draft.open("w", encoding="utf-8", newline="") as file, progress("Comparing", len(pairs)) as advance:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for one, other in pairs:
                for each in find_intervals(one.track, other.track):
                    writer.writerow([one.path, other.path, *(getattr(each, name) for name in COLUMNS[2:])])
                    found += 1
                advance(1)
        draft.replace(out)
    except OSError as reason:
        raise click.FileError(str(out), hint=reason.strerror) from reason
    finally:
        draft.unlink(missing_ok=True)
    for line in troubles:
        click.echo(line, err=True)
    click.echo(f"{found} shared intervals in {len(pairs)} pairs of videos: {out}", err=True)
    if troubles:
        raise SystemExit(1)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(entry for entry in path.rglob("*") if entry.is_file())
        else:
            yield path


def _watched(paths: Sequence[Path], troubles: list[str], advance: Callable[[int], None]) -> list[_Seen]:
    from opencets.hashing import sign
    from opencets.matching.intervals import Track

    seen = []
    for path in paths:
        try:
            with path.open("rb") as stream:
                signed = sign(stream)
        except OSError as reason:
            troubles.append(f"{path}: cannot be read: {reason.strerror}.")
            continue
        finally:
            advance(1)
        if not (signed.media_type or "").startswith("video/"):
            troubles.append(f"{path}: no video ({signed.media_type or 'of no known kind'}); left out.")
            continue
        if signed.trouble:
            troubles.append(f"{path}: {signed.trouble}")
        if signed.frames:
            seen.append(_Seen(path, Track.of_frames(signed.frames, signed.duration)))
    return seen

"""``opencets match``: near-duplicates among PDQ hashes, exactly."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from opencets.cli.match_camera import camera, fingerprint
from opencets.cli.match_region import region
from opencets.cli.match_videos import videos
from opencets.cli.progress import progress

if TYPE_CHECKING:
    from opencets.matching import HammingIndex

QUERIES = 4_096
_radius = click.option(
    "--radius", default=31, show_default=True, type=click.IntRange(0, 256), help="Bits in which two hashes may differ."
)
_hashes = click.argument("hashes", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group()
def match() -> None:
    """Near-duplicates among PDQ hashes: every one within the radius, none missed; and places and things in pictures."""


match.add_command(camera)
match.add_command(fingerprint)
match.add_command(region)
match.add_command(videos)


@match.command()
@_hashes
@_radius
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The CSV to write.")
def pairs(hashes: Path, radius: int, out: Path) -> None:
    """All pairs of lines of HASHES (one 64-digit hexadecimal PDQ a line) within the radius, as left,right,distance.

    Lines count from 0; left is always before right. A line that is no hash stops everything: exit 2 names it.
    """
    from opencets.matching import HammingIndex, read_hex_codes

    codes = read_hex_codes(hashes)
    index = HammingIndex.build(codes)
    found = 0
    with _replacing(out) as file, progress("Pairs found", None) as advance:
        file.write("left,right,distance\n")
        for some in index.each_pairs(radius):
            columns = zip(some.left.tolist(), some.right.tolist(), some.distance.tolist(), strict=True)
            file.writelines(f"{left},{right},{distance}\n" for left, right, distance in columns)
            found += some.left.size
            advance(some.left.size)
    click.echo(f"{found} pairs within {radius} bits among {len(codes)} hashes: {out}", err=True)


@match.command()
@click.argument("index", type=click.Path(exists=True, path_type=Path))
@_hashes
@_radius
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="The CSV to write instead of standard output."
)
def query(index: Path, hashes: Path, radius: int, out: Path | None) -> None:
    """For each line of HASHES, what is near in INDEX (an index folder or a file of hashes), as query,item,distance.

    Lines and items count from 0. The nearest comes first.
    """
    from opencets.matching import read_hex_codes

    known = _open(index)
    codes = read_hex_codes(hashes)
    found = 0
    with _replacing(out) if out else _standard_output() as file, progress("Looking up", len(codes)) as advance:
        file.write("query,item,distance\n")
        for begin in range(0, len(codes), QUERIES):
            some = known.search(codes[begin : begin + QUERIES], radius)
            columns = zip(some.query_index.tolist(), some.item_index.tolist(), some.distance.tolist(), strict=True)
            file.writelines(f"{line + begin},{item},{distance}\n" for line, item, distance in columns)
            found += some.query_index.size
            advance(len(codes[begin : begin + QUERIES]))
    click.echo(f"{found} matches within {radius} bits for {len(codes)} hashes among {len(known)}.", err=True)


def _open(index: Path) -> HammingIndex:
    from opencets.matching import HammingIndex, read_hex_codes

    return HammingIndex.open(index) if index.is_dir() else HammingIndex.build(read_hex_codes(index))


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    """A file that takes its name only when it is whole, so that a stopped run leaves no half answer."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        with draft.open("w", encoding="ascii", newline="") as file:
            yield file
        draft.replace(path)
    except OSError as reason:
        raise click.FileError(str(path), hint=reason.strerror) from reason
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _standard_output() -> Iterator[TextIO]:
    yield sys.stdout

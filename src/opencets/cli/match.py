"""``opencets match``: near-duplicates among PDQ hashes, exactly."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, TextIO

import click

from opencets.cli.match_camera import camera, fingerprint
from opencets.cli.match_region import region
from opencets.cli.match_videos import videos
from opencets.cli.progress import progress

if TYPE_CHECKING:
    from opencets.matching import HammingIndex, Matches
    from opencets.matching.codes import Codes

QUERIES = 4_096
_radius = click.option(
    "--radius", default=31, show_default=True, type=click.IntRange(0, 256), help="Bits in which two hashes may differ."
)
_hashes = click.argument("hashes", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_engine = click.option(
    "--engine",
    type=click.Choice(["local", "spark"]),
    default="local",
    show_default=True,
    help="spark: the executors of a Spark cluster build and search the segments; needs opencets[spark] and Java.",
)
_master = click.option("--master", default="local[*]", show_default=True, help="Spark's master, as spark://host:7077.")
_share = click.option(
    "--share",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="With spark: a folder that every machine sees under the same path; segments are built there.",
)


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
@_engine
@_master
@_share
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The CSV to write.")
def pairs(hashes: Path, radius: int, engine: str, master: str, share: Path | None, out: Path) -> None:
    """All pairs of lines of HASHES (one 64-digit hexadecimal PDQ a line) within the radius, as left,right,distance.

    Lines count from 0; left is always before right. A line that is no hash stops everything: exit 2 names it.
    """
    from opencets.matching import HammingIndex, read_hex_codes

    _check_engine(engine, share)
    codes = read_hex_codes(hashes)
    found = 0
    with ExitStack() as held:
        if engine == "spark":
            from opencets.cluster import cluster
            from opencets.matching import spark

            context = held.enter_context(cluster(master))
            folder = held.enter_context(_scratch(share))
            spark.build(context, codes, folder)
            portions = spark.each_pairs(context, folder, radius)
        else:
            portions = HammingIndex.build(codes).each_pairs(radius)
        file = held.enter_context(_replacing(out))
        advance = held.enter_context(progress("Pairs found", None))
        file.write("left,right,distance\n")
        for some in portions:
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
    "--any-orientation",
    is_flag=True,
    help="Also what was mirrored or turned: a column says how the item lies beside the query.",
)
@_engine
@_master
@_share
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="The CSV to write instead of standard output."
)
def query(
    index: Path,
    hashes: Path,
    radius: int,
    any_orientation: bool,
    engine: str,
    master: str,
    share: Path | None,
    out: Path | None,
) -> None:
    """For each line of HASHES, what is near in INDEX (an index folder or a file of hashes), as query,item,distance.

    Lines and items count from 0. The nearest comes first; with --any-orientation, of each way to lie. The turned hashes are
    made from the hash alone, which costs some ten bits of the radius: those made from the picture, as the web part does, are
    nearer.
    """
    from opencets.matching import HammingIndex, read_hex_codes

    if engine == "local" or not index.is_dir():
        _check_engine(engine, share)
    codes = read_hex_codes(hashes)
    found = 0
    with ExitStack() as held:
        if engine == "spark":
            from opencets.cluster import cluster
            from opencets.matching import spark

            context = held.enter_context(cluster(master))
            if index.is_dir():
                folder = index.absolute()
                known = HammingIndex.open(folder)
            else:
                folder = held.enter_context(_scratch(share))
                known = spark.build(context, read_hex_codes(index), folder)

            def look(some: Codes) -> Iterator[tuple[int, Matches]]:
                return spark.search(context, folder, some, radius)
        else:
            known = _open(index)

            def look(some: Codes) -> Iterator[tuple[int, Matches]]:
                for begin in range(0, len(some), QUERIES):
                    yield begin, known.search(some[begin : begin + QUERIES], radius)

        file = held.enter_context(_replacing(out) if out else _standard_output())
        advance = held.enter_context(progress("Looking up", len(codes) * (8 if any_orientation else 1)))
        file.write("query,item,distance,orientation\n" if any_orientation else "query,item,distance\n")
        for turn, asked in _in_turns(codes, any_orientation):
            told = f",{turn}\n" if any_orientation else "\n"
            for begin, some in look(asked):
                columns = zip(some.query_index.tolist(), some.item_index.tolist(), some.distance.tolist(), strict=True)
                file.writelines(f"{line + begin},{item},{distance}{told}" for line, item, distance in columns)
                found += some.query_index.size
                advance(min(QUERIES, len(asked) - begin))
        among = len(known)
    click.echo(f"{found} matches within {radius} bits for {len(codes)} hashes among {among}.", err=True)


def _in_turns(codes: Codes, every: bool) -> Iterator[tuple[str, Codes]]:
    yield "upright", codes
    if every:
        import numpy as np

        from opencets.hashing.pdq import TURNS, turned_codes

        for place, turn in enumerate(TURNS):
            yield turn, np.ascontiguousarray(turned_codes(codes)[:, place])


def _check_engine(engine: str, share: Path | None) -> None:
    if engine == "spark" and share is None:
        raise click.UsageError("--engine spark needs --share: a folder that every machine sees under the same path.")


@contextmanager
def _scratch(share: Path | None) -> Iterator[Path]:
    """A folder for the segments, removed at the end."""
    assert share is not None
    folder = Path(mkdtemp(prefix="opencets-match-", dir=share.absolute()))
    try:
        yield folder
    finally:
        rmtree(folder, ignore_errors=True)


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

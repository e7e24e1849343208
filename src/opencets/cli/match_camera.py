"""``opencets match camera`` and ``opencets match fingerprint``: which camera took a picture, by the noise of its sensor."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opencets.cli.progress import progress
from opencets.errors import OpenCETSError, ValueRefused

if TYPE_CHECKING:
    from opencets.matching.camera import Pixels

_pictures = click.argument("pictures", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
LARGEST_FILE = 256 << 20


@click.command()
@_pictures
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The fingerprint to write.")
def fingerprint(pictures: tuple[Path, ...], out: Path) -> None:
    """Make a camera's fingerprint from PICTURES that it took: files or folders, of one size, as the camera wrote them.

    Flat, bright pictures (sky, a wall) are best; 20 or more. A picture that cannot serve is named and left out.
    """
    from opencets.matching.camera import FingerprintMaker

    maker = FingerprintMaker()
    files = _files(pictures)
    left_out = 0
    with progress("Reading", len(files)) as advance:
        for path in files:
            try:
                pixels, digest = _pixels(path)
                maker.add(pixels, digest)
            except (OpenCETSError, OSError) as reason:
                left_out += 1
                click.echo(f"{path}: left out: {reason}", err=True)
            advance(1)
    made = maker.finish()
    made.save(out)
    for remark in made.remarks:
        click.echo(remark, err=True)
    height, width = made.shape
    click.echo(
        f"{out}: the fingerprint of a camera with {made.width} × {made.height} pixels, {width} × {height} of them at the "
        f"centre, from {made.references} pictures ({left_out} left out). Its halves agree with a PCE of {made.agreement:.0f}.",
        err=True,
    )


@click.command()
@click.argument("fingerprint_file", metavar="FINGERPRINT", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_pictures
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def camera(ctx: click.Context, fingerprint_file: Path, pictures: tuple[Path, ...], as_json: bool) -> None:
    """Compare PICTURES (files or folders) with a camera's FINGERPRINT; one line each, tab-separated: match, PCE, turn, path.

    The match is ``yes`` from a PCE of 60, ``no`` below, which says nothing against the camera; ``-`` where the picture cannot
    be compared. Exit 1 where one could not be.
    """
    from opencets.matching.camera import THRESHOLD, Fingerprint, false_alarm_in_words

    known = Fingerprint.open(fingerprint_file)
    files = _files(pictures)
    troubled = 0
    matched = 0
    with progress("Comparing", len(files)) as advance:
        for path in files:
            line = _compared(path, known)
            troubled += bool(line["trouble"])
            matched += line["match"] is True
            if as_json:
                click.echo(json.dumps(line))
            else:
                said = "-" if line["match"] is None else "yes" if line["match"] else "no"
                score = "-" if line["pce"] is None else f"{line['pce']:.1f}"
                click.echo(f"{said}\t{score}\t{'-' if line['turn'] is None else line['turn']}\t{path}")
            if line["trouble"]:
                click.echo(f"{path}: {line['trouble']}", err=True)
            advance(1)
    click.echo(f"{matched} of {len(files)} match. {false_alarm_in_words(THRESHOLD)}", err=True)
    if troubled:
        ctx.exit(1)


def _compared(path: Path, known: object) -> dict[str, object]:
    from opencets.matching.camera import Fingerprint, compare, noise_of

    assert isinstance(known, Fingerprint)
    line: dict[str, object] = {"path": str(path), "match": None, "pce": None, "turn": None, "trouble": ""}
    try:
        pixels, digest = _pixels(path)
        found = compare(noise_of(pixels), known)
    except (OpenCETSError, OSError) as reason:
        return line | {"trouble": str(reason)}
    return line | {
        "sha256": digest,
        "match": found.matches,
        "pce": round(found.pce, 2),
        "turn": found.turn,
        "anywhere": found.anywhere,
        "by_theory": found.by_theory,
        "is_reference": digest in known.sources,
    }


def _files(paths: tuple[Path, ...]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        found.extend(sorted(inner for inner in path.rglob("*") if inner.is_file()) if path.is_dir() else [path])
    return found


def _pixels(path: Path) -> tuple[Pixels, str]:
    """The pixels as stored, and the file's SHA-256."""
    import numpy as np

    from opencets.hashing.media_type import find_media_type
    from opencets.hashing.picture import decode

    if path.stat().st_size > LARGEST_FILE:
        raise ValueRefused(f"The file is larger than {LARGEST_FILE >> 20} MB; it is not read as a picture.")
    content = path.read_bytes()
    decoded = decode(io.BytesIO(content), find_media_type(content[:4096]) or "", scaled=False)
    if decoded.broken:
        raise ValueRefused(f"The picture is incomplete ({decoded.broken}); its noise cannot be placed.")
    pixels = np.asarray(decoded.image if decoded.image.mode == "L" else decoded.image.convert("RGB"))
    return pixels, hashlib.sha256(content).hexdigest()

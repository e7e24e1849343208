"""``opencets match region``: the same place or thing, from a region marked on a picture."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opencets.cli.progress import progress
from opencets.errors import OpenCETSError, ValueRefused

if TYPE_CHECKING:
    from opencets.matching.regions import Place

COLUMNS = ("picture", "score", "reported", "points", "maps", "turn_degrees", "size", "mirrored", "likeness", "pairs")


@click.command()
@click.argument("where", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--picture",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What it is marked on.",
)
@click.option("--region", "box", required=True, help="x,y,width,height in pixels of that picture, upright.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The CSV to write.")
@click.option(
    "--keep", type=click.Path(path_type=Path), help="A new folder to keep the index of WHERE in for next time."
)
@click.option("--all", "everything", is_flag=True, help="Also places below the score from which they are reported.")
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    envvar="OPENCETS_REGION_MODEL",
    help="An ONNX embedding that puts the places in order; needs the optional part onnx.",
)
def region(
    where: Path, picture: Path, box: str, out: Path, keep: Path | None, everything: bool, model: Path | None
) -> None:
    """Where the REGION of a picture stands in the pictures of WHERE (their folder, or an index kept of it).

    The best come first. A score counts decimal digits: how rare the verified points are together; see the explanation
    "What the score of a place means". Pairs are x,y,x,y (marked picture, found picture) as shares of width and height.
    """
    from opencets.matching.regions.folder import PictureIndex, mark_box

    try:
        numbers = [float(part) for part in box.split(",")]
        if len(numbers) != 4:
            raise ValueError
    except ValueError:
        raise click.BadParameter("expected x,y,width,height", param_hint="--region") from None
    try:
        query = mark_box(picture, numbers)
        if not len(query):
            raise ValueRefused("Nothing stands out in this region: mark a larger one, or one with more detail.")
        if PictureIndex.is_kept_in(where):
            known = PictureIndex.open(where)
        else:
            count = sum(path.is_file() for path in where.rglob("*"))
            with progress("Looking at pictures", count) as advance:
                known = PictureIndex.build(where, keep, advance)
    except (OpenCETSError, FileExistsError) as reason:
        raise click.ClickException(str(reason)) from reason
    for name, why in known.refused.items():
        click.echo(f"{name}: left out. {why}", err=True)
    found = [(name, place) for name, place in known.search(query) if everything or place.reported]
    likenesses: dict[str, float | None] = {}
    if model is not None:
        found, likenesses = _in_order_of_likeness(model, picture, numbers, found, where)
    draft = out.with_name(f".{out.name}.{os.getpid()}.draft")
    try:
        with draft.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(COLUMNS)
            for name, place in found:
                pairs = " ".join(",".join(f"{part:g}" for part in pair) for pair in place.pairs)
                told = "yes" if place.reported else "no"
                measured = (place.score, told, place.points, place.models, place.turn_degrees, place.size)
                flipped = "yes" if place.mirrored else "no"
                table.writerow((name, *measured, flipped, likenesses.get(name) or "", pairs))
        draft.replace(out)
    except OSError as reason:
        raise click.FileError(str(out), hint=reason.strerror) from reason
    finally:
        draft.unlink(missing_ok=True)
    click.echo(f"{len(found)} places among {len(known.names)} pictures, from {len(query)} points: {out}", err=True)


def _in_order_of_likeness(
    model: Path, picture: Path, box_px: Sequence[float], found: Sequence[tuple[str, Place]], where: Path
) -> tuple[list[tuple[str, Place]], dict[str, float | None]]:
    """Places in the order of an embedding; pictures are read from ``where``, and those not there come last."""
    from opencets.matching.regions.folder import box_of
    from opencets.matching.regions.rerank import Embedding, reranked

    try:
        embedding = Embedding.open(model)
        marked, corners = box_of(picture, box_px)
    except OpenCETSError as reason:
        raise click.ClickException(str(reason)) from reason
    ordered = reranked(embedding, marked, found, corners, lambda name: (where / name).read_bytes())
    return [(name, place) for name, place, _ in ordered], {name: likeness for name, _, likeness in ordered}

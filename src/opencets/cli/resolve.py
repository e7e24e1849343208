"""``opencets resolve``: which rows of a table of people are probably the same person."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from opencets.resolving.suggest import Suggestion

ONE_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("resolve")
@click.argument("records", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--out", required=True, type=ONE_FILE, help="Where to write record_id,cluster_id.")
@click.option(
    "--link",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A second table: only pairs of one row of each are looked for.",
)
@click.option(
    "--engine",
    type=click.Choice(["duckdb", "spark"]),
    default="duckdb",
    show_default=True,
    help="Where the pairs are scored.",
)
@click.option("--pairs", type=ONE_FILE, help="Where to write left,right,probability,why.")
@click.option(
    "--at-least",
    default=0.5,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True),
    help="The probability from which a pair joins a cluster.",
)
def resolve(records: Path, out: Path, link: Path | None, engine: str, pairs: Path | None, at_least: float) -> None:
    """Rows of RECORDS.csv that are probably the same person get the same cluster_id.

    Columns: record_id and any of full_name, given_name, family_name, date_of_birth, place_of_birth, gender, email,
    phone, street, city, postcode, country, national_id, screen_name, occupation. The clusters are suggestions; --pairs
    gives the reasons of each. Exit 0 when done, 2 when a table cannot be used.
    """
    from opencets.errors import ActRefused
    from opencets.resolving.table import resolve_table

    if engine == "spark":
        raise ActRefused("Spark is not offered yet; nothing was resolved. Use --engine duckdb.")
    resolution = resolve_table(records, link, at_least=at_least, tell=_tell)
    _write(out, ("record_id", "cluster_id"), resolution.clusters)
    if pairs is not None:
        _write(pairs, ("left", "right", "probability", "why"), map(_line, resolution.pairs))
    for note in resolution.notes:
        click.echo(note, err=True)
    click.echo(
        f"{len(resolution.clusters):,} records, {resolution.entities:,} clusters, {len(resolution.pairs):,} pairs, "
        f"model {resolution.model}: {out}",
        err=True,
    )


def _line(pair: Suggestion) -> tuple[str, str, str, str]:
    why = f"cannot be one person: {pair.conflict}; {pair.why}" if pair.conflict else pair.why
    return pair.left, pair.right, f"{pair.probability:.4f}", why


def _tell(stage: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"{stage} ...", err=True)


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """The whole file or none of it: written beside, then renamed."""
    beside = path.with_name(f".{path.name}.part")
    try:
        with open(beside, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)
        os.replace(beside, path)
    except OSError as reason:
        beside.unlink(missing_ok=True)
        raise click.ClickException(f"{path} cannot be written: {reason.strerror}.") from None

"""``opencets resolve``: which rows of a table of people are probably the same person."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from opencets.resolving.suggest import Suggestion
    from opencets.resolving.table import Find

ONE_FILE = click.Path(path_type=Path, dir_okay=False)
GIVEN = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("resolve")
@click.argument("records", type=GIVEN)
@click.option("--out", type=ONE_FILE, help="Where to write record_id,cluster_id.")
@click.option(
    "--kind",
    type=click.Choice(["person", "account", "device", "vehicle", "organisation", "place"]),
    default="person",
    show_default=True,
    help="What the rows are; each kind has its own columns and learned weights.",
)
@click.option("--link", type=GIVEN, help="A second table: only pairs of one row of each are looked for.")
@click.option(
    "--engine",
    type=click.Choice(["duckdb", "spark"]),
    default="duckdb",
    show_default=True,
    help="Where the pairs are scored: on this machine, or by the executors of a Spark cluster.",
)
@click.option("--master", default="local[*]", show_default=True, help="The Spark master, with --engine spark.")
@click.option("--pairs", type=ONE_FILE, help="Where to write left,right,probability,why.")
@click.option("--previous", type=GIVEN, help="Clusters of an earlier run: they keep their numbers.")
@click.option(
    "--different", type=GIVEN, help="Pairs (left,right) that a person judged different: never in one cluster."
)
@click.option(
    "--explain",
    nargs=2,
    metavar="A B",
    help="Tell of two records why they may be the same person or not, and what would change it.",
)
@click.option(
    "--at-least",
    default=0.5,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="The probability from which a pair joins a cluster.",
)
def resolve(
    records: Path,
    out: Path | None,
    kind: str,
    link: Path | None,
    engine: str,
    master: str,
    pairs: Path | None,
    previous: Path | None,
    different: Path | None,
    explain: tuple[str, str] | None,
    at_least: float,
) -> None:
    """Rows of RECORDS.csv that are probably the same person, or thing of a --kind, get the same cluster_id.

    Columns: record_id and any of full_name, given_name, family_name, date_of_birth, place_of_birth, gender, email,
    phone, street, city, postcode, country, national_id, screen_name, occupation. With seen_at, latitude and longitude,
    records seen at two places at one time never stand in one cluster. The clusters are suggestions; --pairs gives the
    reasons of each. Exit 0 when done, 2 when a table cannot be used.
    """
    from opencets.resolving.apart import read_different
    from opencets.resolving.table import as_before, explain_pair, read_clusters, resolve_table

    judged = read_different(different) if different else []
    if kind != "person":
        if link or engine == "spark":
            raise click.UsageError("--link and --engine spark are for people.")
        _resolve_kind(kind, records, out, pairs, previous, explain, at_least, judged)
        return
    if explain:
        for line in explain_pair(records, link, *explain, at_least=at_least, different=judged):
            click.echo(line)
    if out is None:
        if explain:
            return
        raise click.UsageError("Say with --out where the clusters are to be written, or ask --explain.")
    before = read_clusters(previous) if previous else None
    with _engine(engine, master) as find:
        resolution = resolve_table(
            records,
            link,
            at_least=at_least,
            pairs_at_least=0.1 if pairs else None,
            tell=_tell,
            find=find,
            different=judged,
        )
    clusters: Iterable[tuple[str, str]] = resolution.clusters
    _write(out, ("record_id", "cluster_id"), clusters if before is None else as_before(clusters, before))
    if pairs is not None:
        _write(pairs, ("left", "right", "probability", "why"), map(_line, resolution.pairs))
    for note in resolution.notes:
        click.echo(note, err=True)
    click.echo(
        f"{len(resolution.clusters):,} records, {resolution.entities:,} clusters, {resolution.found:,} probable pairs, "
        f"model {resolution.model}: {out}",
        err=True,
    )


def _resolve_kind(
    kind: str,
    records: Path,
    out: Path | None,
    pairs: Path | None,
    previous: Path | None,
    explain: tuple[str, str] | None,
    at_least: float,
    judged: Iterable[tuple[str, str]],
) -> None:
    from opencets.resolving.kinds import explain_kind, load_kind, read_rows, resolve_kind
    from opencets.resolving.table import as_before, read_clusters

    model = load_kind(kind)
    rows = read_rows(records, model.kind)
    for line in explain_kind(rows, model, *explain, at_least=at_least) if explain else ():
        click.echo(line)
    if out is None:
        if explain:
            return
        raise click.UsageError("Say with --out where the clusters are to be written, or ask --explain.")
    before = read_clusters(previous) if previous else None
    found = resolve_kind(rows, model, at_least, judged)
    _write(out, ("record_id", "cluster_id"), found.clusters if before is None else as_before(found.clusters, before))
    if pairs is not None:
        told = (pair for pair in found.pairs if pair.probability >= 0.1)
        _write(pairs, ("left", "right", "probability", "why"), map(_line, told))
    for note in found.notes:
        click.echo(note, err=True)
    clusters, joined = (
        len({cluster for _, cluster in found.clusters}),
        sum(one.probability >= at_least for one in found.pairs),
    )
    click.echo(
        f"{len(rows):,} records, {clusters:,} clusters, {joined:,} probable pairs, model {found.model}: {out}", err=True
    )


@contextmanager
def _engine(engine: str, master: str) -> Iterator[Find]:
    if engine == "duckdb":
        from opencets.resolving.bulk import probable_pairs

        yield probable_pairs
        return
    from opencets.cluster import cluster
    from opencets.resolving import spark

    with cluster(master) as context:
        yield partial(spark.probable_pairs, context)


def _line(pair: Suggestion) -> tuple[str, str, str, str]:
    why = f"kept apart: {pair.conflict}; {pair.why}" if pair.conflict else pair.why
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

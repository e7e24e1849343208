"""``opencets sightings``: the ledger of computers that offer known files, without the web part."""

from __future__ import annotations

import csv
import datetime as dt
import getpass
import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from opencets.cli.progress import progress

if TYPE_CHECKING:
    from opencets.sighting.engine import Engine
    from opencets.sighting.ledger import Ledger

SOME_SKIPPED = 1
_store = click.option(
    "--store", required=True, type=click.Path(file_okay=False, path_type=Path), help="The ledger's folder."
)
_purpose = click.option(
    "--purpose", default="", envvar="OPENCETS_PURPOSE", help="Why you ask; it stands in the ledger's log of looks."
)
_json = click.option("--json", "as_json", is_flag=True, help="One JSON value instead of a table.")
_jurisdiction = click.option("--jurisdiction", default="", help="A country (GB) or a region (US-WY); all without it.")
_days = click.option(
    "--days", default=30, show_default=True, type=click.IntRange(1, 3660), help="Up to the newest day."
)


def _engines(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that asks the ledger."""
    engine = click.option(
        "--engine",
        type=click.Choice(["duckdb", "spark"]),
        default="duckdb",
        show_default=True,
        help="spark: statements run on a Spark cluster that sees the ledger's folder; needs opencets[spark] and Java.",
    )
    return engine(click.option("--master", default="local[*]", show_default=True, help="Spark's master.")(command))


@click.group()
def sightings() -> None:
    """Which computers offered known files, where and when; which few matter most. Only metadata, never content."""


@sightings.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_store
@click.option(
    "--mapping", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="YAML: field: column of your tool."
)
@click.option("--sensor", default="", help="The sensor's name, kept with each batch.")
@click.option("--run", default="", help="The run of the sensor.")
@click.option("--software", default="", help="The sensor's program and version.")
@click.option("--clock-offset-ms", type=int, help="The sensor's clock minus UTC, where it was measured.")
@click.option("--clock-source", default="", help="By what it was measured.")
@click.option(
    "--places",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of databases of places (.mmdb).",
)
@click.option("--order", default="", help="The order or authority under which it was observed.")
@_engines
@_json
def load(
    paths: Sequence[Path],
    store: Path,
    mapping: Path | None,
    clock_offset_ms: int | None,
    places: Path | None,
    engine: str,
    master: str,
    as_json: bool,
    **origin: str,
) -> None:
    """Load files (Parquet, Arrow, CSV, JSON, JSON lines; .gz and .zst) into the ledger; nothing is loaded twice.

    Exit 0 when every line was loaded, 1 when some were refused, 2 when a file cannot be used. A load that was stopped is
    done again with the same command.
    """
    from opencets.sighting import Ledger
    from opencets.sighting.places import Places
    from opencets.sighting.reading import mapping_from, read_batches

    known = Places.open(places) if places else None
    ledger = Ledger.create(store, _runs_on(engine, master))
    columns = mapping_from(mapping) if mapping else None
    told: list[dict[str, Any]] = []
    with progress("files", len(paths)) as moved:
        for path in paths:
            report: dict[str, Any] = {"file": path.name, "loaded": 0, "there_before": 0, "refused": 0, "reasons": []}
            for batch in read_batches(path, columns, by_sensor=True, clock_offset_ms=clock_offset_ms, **origin):
                for done in ledger.load([known.placed(batch) if known else batch]):
                    report["there_before" if done.again else "loaded"] += done.rows
                    report["refused"] += done.refused
                    report["reasons"] += [{"line": line, "why": why} for line, why in batch.refused[:20]]
            told.append(report)
            moved(1)
    ledger.derive()
    if as_json:
        click.echo(json.dumps(told))
    else:
        for report in told:
            before = f", {report['there_before']:,} were there" if report["there_before"] else ""
            refused = f", {report['refused']:,} refused" if report["refused"] else ""
            click.echo(f"{report['file']}: {report['loaded']:,} loaded{before}{refused}")
            for reason in report["reasons"][:20]:
                click.echo(f"  line {reason['line']}: {reason['why']}", err=True)
    if any(report["refused"] for report in told):
        sys.exit(SOME_SKIPPED)


@sightings.command()
@_store
@_jurisdiction
@_days
@click.option(
    "--most", default=100, show_default=True, type=click.IntRange(1, 100_000), help="How many to list, the first first."
)
@click.option("--csv", "out", type=click.Path(dir_okay=False, path_type=Path), help="Write every factor to this table.")
@_purpose
@_engines
@_json
def rank(
    store: Path,
    jurisdiction: str,
    days: int,
    most: int,
    out: Path | None,
    engine: str,
    master: str,
    purpose: str,
    as_json: bool,
) -> None:
    """The computers of a jurisdiction to look at first, each factor in sight and what the place would be without it."""
    from opencets.ranking.computers import rank_computers
    from opencets.sighting.answers import computers

    ledger = _opened(store, f"rank {jurisdiction or 'all'} {days} days", purpose, engine, master)
    found = computers(ledger, jurisdiction, days)
    ranked = rank_computers(found.facts, most, count=len(found))
    rows = [
        {
            "rank": one.place,
            "identity": found.identities[one.at],
            "score": one.score,
            **{name: _plain(value) for name, value in found.last[one.at].items()},
            "factors": [
                {
                    "name": share.name,
                    "value": round(share.value, 3),
                    "points": share.points,
                    "place_without": share.place_without,
                }
                for share in one.shares
            ],
            "penalties": list(one.penalties),
            "model": one.model,
        }
        for one in ranked
    ]
    if out is not None:
        _write_csv(out, rows)
    if as_json:
        click.echo(json.dumps({"after": found.after, "until": found.until, "computers": len(found), "ranked": rows}))
        return
    click.echo(f"{len(found):,} computers seen after {found.after} until {found.until}; an address is not a person.")
    for one, row in zip(ranked, rows, strict=True):
        shares = sorted(one.shares, key=lambda share: -share.points)[:3]
        why = "; ".join(share.sentence for share in shares if share.points > 0)
        click.echo(
            f"{one.place:>4} {one.score:>6.2f} {row['identity']:<40} {row['region'] or row['country'] or '':<6} {why}"
        )


@sightings.command()
@click.argument("guid")
@_store
@click.option("--alone", is_flag=True, help="Only this identity, not what is linked to it.")
@_purpose
@_engines
@_json
def computer(guid: str, store: Path, alone: bool, engine: str, master: str, purpose: str, as_json: bool) -> None:
    """One computer's history by its GUID, user hash or peer id: linked identities and why, addresses in turn, files, gaps."""
    from opencets.sighting.answers import history
    from opencets.sighting.batch import IDENTITIES

    ledger = _opened(store, f"computer {guid}", purpose, engine, master)
    found = history(ledger, guid, alone=alone)
    first, last = found.sightings[0], found.sightings[-1]
    kinds = sorted({one.identity_kind for one in found.sightings})
    summary = {
        "identity": found.identity,
        "identities": found.identities,
        "links": [
            {
                "earlier": link.earlier,
                "later": link.later,
                "probability": link.probability,
                "joins": link.joins,
                "rule": link.rule,
                "why": link.sentence,
            }
            for link in found.links
        ],
        "identity_kinds": {kind: IDENTITIES[kind] for kind in kinds},
        "sightings": len(found.sightings),
        "files": len({one.file for one in found.sightings}),
        "networks": sorted({one.network for one in found.sightings}),
        "clients": sorted({one.client for one in found.sightings if one.client}),
        "first_at": _plain(first.seen_at),
        "last_at": _plain(last.seen_at),
        "leases": [
            {
                name: _plain(getattr(lease, name))
                for name in ("address", "first_at", "last_at", "sightings", "ports", "shared_line")
            }
            for lease in found.leases
        ],
        "gaps": [[_plain(begin), _plain(end)] for begin, end in found.gaps],
    }
    if as_json:
        click.echo(json.dumps(summary))
        return
    files = _count(len({one.file for one in found.sightings}), "file")
    click.echo(
        f"{found.identity}: {_count(len(found.sightings), 'sighting')} of {files}, {summary['first_at']} to "
        f"{summary['last_at']}, {', '.join(sorted({one.network for one in found.sightings}))}"
    )
    for kind in kinds:
        click.echo(f"  {kind}: {IDENTITIES[kind]}")
    for link in found.links:
        said = "linked" if link.joins else "perhaps"
        click.echo(f"  {said} {link.probability:.2f}: {link.earlier} and {link.later}: {link.sentence}")
    for lease in found.leases:
        shared = ", shared or anonymised" if lease.shared_line else ""
        click.echo(
            f"  {lease.address:<40} {_plain(lease.first_at)} to {_plain(lease.last_at)}  {_count(lease.sightings, 'sighting')}, "
            f"ports {', '.join(map(str, lease.ports[:5]))}{shared}"
        )
    for begin, end in found.gaps:
        click.echo(f"  not seen from {_plain(begin)} to {_plain(end)}")


@sightings.command()
@_store
@_jurisdiction
@_days
@click.option("--monthly", is_flag=True, help="By month instead of day.")
@click.option("--published", is_flag=True, help="Withhold counts of fewer than five computers.")
@_purpose
@_engines
@_json
def counts(
    store: Path,
    jurisdiction: str,
    days: int,
    monthly: bool,
    published: bool,
    engine: str,
    master: str,
    purpose: str,
    as_json: bool,
) -> None:
    """Sightings and computers by day or month, place and network."""
    from opencets.sighting.answers import counts as counted

    ledger = _opened(store, f"counts {jurisdiction or 'all'} {days} days", purpose, engine, master)
    rows = counted(ledger, jurisdiction, days, monthly=monthly, published=published)
    if as_json:
        click.echo(json.dumps([{name: getattr(row, name) for name in row.__slots__} for row in rows]))
        return
    writer = csv.writer(sys.stdout)
    writer.writerow(("period", "place", "network", "sightings", "computers"))
    for row in rows:
        withheld = "fewer than 5" if row.computers is None else row.computers
        writer.writerow((row.period, row.place, row.network, "" if row.sightings is None else row.sightings, withheld))


@sightings.command()
@_store
@_engines
def compact(store: Path, engine: str, master: str) -> None:
    """Merge the small files of past months; done each night, it keeps questions fast. Readers are not disturbed."""
    from opencets.sighting import Ledger

    click.echo(f"{Ledger.open(store, _runs_on(engine, master)).compact():,} months written")


@sightings.command()
@_store
@click.option("--before", required=True, help="The first day to keep, as 2026-01-31.")
@click.option(
    "--keep", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Identities to keep, one a line."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@_engines
def forget(store: Path, before: str, keep: Path | None, yes: bool, engine: str, master: str) -> None:
    """Remove sightings before a day for good, as your rule of retention says; leads keep what they name."""
    from opencets.errors import ActRefused
    from opencets.sighting import Ledger

    try:
        day = dt.date.fromisoformat(before).isoformat()
    except ValueError:
        raise ActRefused(f"“{before}” is no day; write it as 2026-01-31. Nothing was removed.") from None
    ledger = Ledger.open(store, _runs_on(engine, master))
    if not yes:
        click.confirm(f"Remove all sightings before {day} from {store}? They cannot be brought back", abort=True)
    kept = keep.read_text(encoding="utf-8").split() if keep else ()
    gone = ledger.forget(day, kept)
    click.echo(f"{gone:,} sightings removed")


@sightings.command()
@_store
def looks(store: Path) -> None:
    """Who asked this ledger what, when and why."""
    from opencets.sighting.looks import looks as noted

    for look in noted(store):
        click.echo(f"{look['at']}  {look['who']}  {look['what']}  {look['purpose'] or 'no purpose given'}")


def _opened(store: Path, what: str, purpose: str, engine: str, master: str) -> Ledger:
    """The ledger, after the look was noted."""
    from opencets.sighting import Ledger
    from opencets.sighting.looks import note_look

    ledger = Ledger.open(store, _runs_on(engine, master))
    note_look(store, getpass.getuser(), what, purpose, dt.datetime.now(dt.UTC))
    return ledger


def _runs_on(engine: str, master: str) -> Callable[[Ledger], Engine]:
    """What makes the engine; a cluster is held until the command ends."""
    from opencets.sighting.engine import Duck

    if engine == "duckdb":
        return Duck
    from opencets.cluster import cluster
    from opencets.sighting.spark import Spark

    return partial(Spark, click.get_current_context().with_resource(cluster(master)))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat(timespec="milliseconds") + "Z"
    return list(value) if isinstance(value, tuple) else value


def _write_csv(out: Path, rows: Sequence[dict[str, Any]]) -> None:
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if not rows:
            return
        plain = [name for name in rows[0] if name not in {"factors", "penalties"}]
        names = [factor["name"] for factor in rows[0]["factors"]]
        writer.writerow(
            [*plain, *(f"{name}_{of}" for name in names for of in ("value", "points", "place_without")), "penalties"]
        )
        for row in rows:
            factors = [factor[of] for factor in row["factors"] for of in ("value", "points", "place_without")]
            writer.writerow([*(row[name] for name in plain), *factors, "; ".join(row["penalties"])])

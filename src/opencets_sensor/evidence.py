"""Evidence of one computer: its sightings, the log lines from which they come, clocks, settings, limits; one signed package.

What the ledger says is compared with what the logs say before anything is written: a row that the log does not give is refused.
Lines of other computers are withheld from the logs, each by its hash, so that chain and seal hold without them.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from importlib import resources
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from opencets.errors import ActRefused, DamagedSource
from opencets.packing.package import Part, seal
from opencets.sighting import Ledger
from opencets.sighting.answers import Sighting, history
from opencets.sighting.batch import IDENTITIES
from opencets.sighting.sealed import RAW, SEALED, extract_log, read_log
from opencets_sensor.replaying import sightings_of

_COMPARED = (
    "seen_at", "network", "identity", "identity_kind", "file", "address", "port", "client", "pieces_have", "pieces_total",
    "evidence", "line",
)  # fmt: skip


def write_package(ledger: Ledger, identity: str, out: Path, key: Ed25519PrivateKey, stated: dict[str, str]) -> int:
    """The package of a computer, whole or not at all; how many sightings it holds. ``stated``: who made it, for what, when.

    NotFound: the ledger has no sighting of it. DamagedSource: a log is not as it was sealed, or does not give a row.
    """
    if out.exists():
        raise ActRefused(f"{out} is there already; name a new file. Nothing was written.")
    found = history(ledger, identity)
    identities = {one.identity for one in found.sightings}
    by_batch: dict[int, list[Sighting]] = defaultdict(list)
    for one in found.sightings:
        by_batch[one.batch].append(one)
    batches, logs, replayed, clocks, settings = (
        list[dict[str, Any]](),
        dict[str, bytes](),
        b"",
        list[Any](),
        dict[str, Any](),
    )
    for number, rows in sorted(by_batch.items()):
        origin = ledger.origin(number)
        path = ledger.folder / RAW / f"{origin.get('raw_sha256', '')}{SEALED}"
        batches.append({"batch": number, **origin, "raw_log": path.exists(), "rows_of_this_computer": len(rows)})
        if not path.exists():
            continue
        name = f"logs/{len(logs) + 1:06d}{SEALED}"
        lines = _checked(path, origin, identities, rows)
        logs[name] = extract_log(path, {json.loads(line)["line"] for line in lines})
        replayed += b"".join(lines)
        head, entries = (log := read_log(path)).head, log.entries
        batches[-1] |= {"log": name, "seal_key": log.key, "authority": head["authority"]}
        clocks.append(
            {"log": name, "at_the_beginning": head["clock"], "later": [e for e in entries if e["do"] == "clock"]}
        )
        settings[head["configuration"]] = head["settings"]
    header = {"package": "the sightings of one computer", "identity": found.identity, **stated}
    parts = [
        Part("limits.md", "what this proves, and what it does not", [limits()]),
        Part("sightings.csv", "the sightings, as the ledger has them", [_table(found.sightings)]),
        Part("identities.json", "how far each kind of identity can be trusted", [_json(IDENTITIES)]),
        Part("batches.json", "where each batch comes from", [_json(batches)]),
        Part("clock.json", "how the clock was measured", [_json(clocks)]),
        Part("settings.json", "the sensor's settings, by their SHA-256", [_json(settings)]),
        Part("replayed.jsonl", "the sightings made anew from the logs: opencets sensor replay logs/*", [replayed]),
        *(Part(name, "lines of a sealed log", [content], packed=False) for name, content in logs.items()),
    ]
    staged = out.with_name(f"{out.name}.part")
    with staged.open("wb") as file:
        for chunk in seal(parts, header, key):
            file.write(chunk)
    staged.rename(out)
    return len(found.sightings)


def limits() -> bytes:
    """What sightings prove and what not, in plain words."""
    return resources.files("opencets_sensor").joinpath("limits.md").read_bytes()


def _checked(path: Path, origin: dict[str, Any], identities: Set[str], rows: Sequence[Sighting]) -> list[bytes]:
    """This computer's lines of the replay, under all its linked identities, after they were found to be those of the ledger."""
    log = read_log(path)
    if origin["key"] != f"log:{log.chain}":
        raise DamagedSource(f"The log {path.name} is not the one of its batch. Nothing was written.")
    again = [row for row in sightings_of(log) if row["identity"] in identities]
    wanted = sorted((_said(row) for row in rows), key=str)
    if wanted != sorted((tuple(row[name] for name in _COMPARED) for row in again), key=str):
        raise DamagedSource(
            f"The log {path.name} does not give the sightings that the ledger has of it. Nothing was written."
        )
    return [json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in again]


def _said(row: Sighting) -> tuple[Any, ...]:
    values = {name: getattr(row, name) for name in _COMPARED}
    return tuple({**values, "seen_at": _moment(row.seen_at)}.values())


def _moment(at: dt.datetime) -> str:
    return at.isoformat(timespec="milliseconds") + "Z"


def _table(rows: Sequence[Sighting]) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream)
    names = list(Sighting._fields)
    writer.writerow(names)
    writer.writerows(_cells(row, names) for row in rows)
    return stream.getvalue().encode()


def _cells(row: Sighting, names: Sequence[str]) -> Iterator[Any]:
    """As a spreadsheet takes them for text: what a client calls itself may begin like a formula."""
    for name in names:
        value = getattr(row, name)
        if isinstance(value, str) and value[:1] in "=+-@\t\r" and value:
            value = f"'{value}"
        yield _moment(value) if isinstance(value, dt.datetime) else value


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, default=str).encode() + b"\n"

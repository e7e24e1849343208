"""Batches of sightings: the columns, what is refused, and where a batch comes from.

A sighting is one observation that an address and port offered a known file at a time. What is the same for all sightings
of a batch (sensor, run, versions, the clock's error) stands once, in its `Origin`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from opencets.errors import NotThisFormat

NETWORKS = ("bittorrent", "gnutella", "edonkey", "other")
EVIDENCE = ("handshake", "browse", "tracker", "dht", "pex", "other")
"""How it was learnt, the computer's own word first; from ``tracker`` on it is hearsay (Liberatore and others, 2010)."""
DIRECT = EVIDENCE[:2]
IDENTITIES = {
    "guid": "The number of an installation (Gnutella): it lasts until the program is installed anew, and can be copied.",
    "user_hash": "The number of an installation (eDonkey): it lasts until it is reset, and can be copied.",
    "peer_id": "The number of one run of a program (BitTorrent): the next start has another.",
    "endpoint": "No number was sent: address, port and program stand for one, as long as the address is not given to others.",
}
"""How far each kind of identity can be trusted."""

FIELDS = pa.schema(
    [
        pa.field("seen_at", pa.timestamp("ms"), nullable=False),  # UTC, without a zone: every engine reads that alike
        pa.field("network", pa.string(), nullable=False),
        pa.field("identity", pa.string(), nullable=False),  # GUID, user hash or peer id of the client, lower-case hex
        pa.field("identity_kind", pa.string(), nullable=False),
        pa.field("file", pa.string(), nullable=False),  # the network's own digest of the file, lower-case hex
        pa.field("address", pa.string(), nullable=False),
        pa.field("port", pa.uint16(), nullable=False),
        pa.field("client", pa.string()),
        pa.field("pieces_have", pa.uint32()),
        pa.field("pieces_total", pa.uint32()),
        pa.field("evidence", pa.string(), nullable=False),
        pa.field("country", pa.string()),  # ISO 3166-1 alpha-2
        pa.field("region", pa.string()),  # ISO 3166-2
        pa.field("place", pa.string()),  # county or city, as the database of places names it
        pa.field("accuracy_km", pa.uint16()),  # how far off the database of places says it may be
        pa.field("provider", pa.uint32()),  # number of the autonomous system
        pa.field("shared_line", pa.bool_()),  # an anonymiser, a hosting provider or an address that many use at once
        pa.field("batch", pa.uint32()),
        pa.field("line", pa.uint32()),  # where in the raw log of the batch
    ]
)
NEEDED = ("seen_at", "network", "identity", "identity_kind", "file", "address", "port", "evidence")
GIVEN = tuple(name for name in FIELDS.names if name not in {"batch", "line"})

_RULES = {
    "network": f"^({'|'.join(NETWORKS)})$",
    "evidence": f"^({'|'.join(EVIDENCE)})$",
    "identity": "^[0-9a-f]{8,64}$",
    "identity_kind": f"^({'|'.join(IDENTITIES)})$",
    "file": "^([0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})$",
    "address": r"^(((25[0-5]|2[0-4]\d|1?\d?\d)(\.|$)){4}|[0-9a-f:]*:[0-9a-f:.]*)$",
    "country": "^[A-Z]{2}$",
    "region": "^[A-Z]{2}-[A-Z0-9]{1,3}$",
}
_WHY = {
    "network": f"the network is none of {', '.join(NETWORKS)}",
    "evidence": f"the kind of evidence is none of {', '.join(EVIDENCE)}",
    "identity_kind": f"the kind of identity is none of {', '.join(IDENTITIES)}",
    "identity": "the client's identity is not 8 to 64 hexadecimal digits",
    "file": "the file's digest is not 32, 40 or 64 hexadecimal digits",
    "address": "the address is not an IP address",
    "country": "the country is not two capital letters",
    "region": "the region is not written as in ISO 3166-2",
}
_EARLIEST, _LATEST = "2000-01-01", "2100-01-01"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a batch comes from. ``key`` names it for ever: a batch of a key that is in the ledger is not loaded again."""

    key: str
    sensor: str = ""
    run: str = ""
    software: str = ""
    configuration: str = ""
    """SHA-256 of the sensor's configuration."""
    clock_offset_ms: int | None = None
    """The sensor's clock minus UTC; None where nobody measured it."""
    clock_source: str = ""
    raw_sha256: str = ""
    """Of the raw protocol log, where one is kept."""
    places: str = ""
    """The databases by which it was placed, each with the day it was built."""
    order: str = ""
    """The legal order or authority under which it was observed."""

    def __post_init__(self) -> None:
        if not self.key:
            raise ValueError("a batch without a key could be loaded twice")


@dataclass(frozen=True, slots=True)
class Batch:
    """Sightings of one origin. ``rows`` has the columns of `FIELDS` except ``batch``; ``refused`` says what was left out."""

    origin: Origin
    rows: pa.Table
    refused: tuple[tuple[int, str], ...] = ()
    """Line and reason."""

    @classmethod
    def of(cls, origin: Origin, given: pa.Table, *, most_reasons: int = 1000) -> Batch:
        """The rows that can be kept; missing optional columns are filled with nothing.

        Raises NotThisFormat where a needed column is missing or cannot be read as its type.
        """
        missing = [name for name in NEEDED if name not in given.column_names]
        if missing:
            raise NotThisFormat(
                f"These sightings cannot be loaded: the column{'s' if len(missing) > 1 else ''} {', '.join(missing)} "
                f"{'are' if len(missing) > 1 else 'is'} missing. There are: {', '.join(given.column_names)}."
            )
        columns: dict[str, Any] = {}
        for field in FIELDS:
            if field.name == "batch":
                continue
            if field.name not in given.column_names:
                columns[field.name] = pa.nulls(given.num_rows, field.type)
                continue
            try:
                columns[field.name] = (
                    _encoded(given[field.name]) if field.type == pa.string() else pc.cast(given[field.name], field.type)
                )
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as reason:
                raise NotThisFormat(
                    f"The column {field.name} of these sightings is not of the type {field.type}: {reason}"
                ) from reason
        if "line" not in given.column_names:
            columns["line"] = pa.array(range(given.num_rows), pa.uint32())
        rows = pa.table(columns)
        wrong = _wrong(rows)
        if wrong is None:
            return cls(origin, rows)
        bad = pc.indices_nonzero(pc.not_equal(wrong, ""))
        reasons = [
            (int(line), str(why))
            for line, why in zip(
                rows["line"].take(bad[:most_reasons]).to_pylist(),
                wrong.take(bad[:most_reasons]).to_pylist(),
                strict=True,
            )
        ]
        if len(bad) > most_reasons:
            reasons.append((-1, f"and {len(bad) - most_reasons:,} more lines"))
        return cls(origin, rows.filter(pc.equal(wrong, "")), tuple(reasons))


def _encoded(column: Any) -> pa.DictionaryArray:
    """A text column as numbers into its different values: they are checked and written once each."""
    if not pa.types.is_dictionary(column.type):
        column = pc.cast(column, pa.string()).dictionary_encode()
    whole = column.unify_dictionaries().combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.chunk(0) if whole.num_chunks else pa.array([], pa.dictionary(pa.int32(), pa.string()))
    if whole.type.value_type != pa.string():
        whole = pa.DictionaryArray.from_arrays(whole.indices, pc.cast(whole.dictionary, pa.string()))
    return whole


def _wrong(rows: pa.Table) -> Any:
    """For each row why it cannot be kept, or ""; None where all can."""
    reasons: Any = None

    def mark(bad: Any, why: str) -> None:
        nonlocal reasons
        if not pc.any(bad).as_py():
            return
        if reasons is None:
            reasons = pa.array([""] * rows.num_rows, pa.string())
        reasons = pc.if_else(pc.and_(bad, pc.equal(reasons, "")), why, reasons)

    for name in NEEDED:
        if rows[name].null_count:
            mark(pc.is_null(rows[name]), f"{name} is missing")
    for name, rule in _RULES.items():
        if not pa.types.is_dictionary(rows[name].type):
            continue  # an optional column that was not given
        encoded = rows[name].chunk(0) if rows[name].num_chunks else _encoded(rows[name])
        allowed = pc.match_substring_regex(encoded.dictionary, rule)
        if len(allowed) and not pc.all(allowed).as_py():
            mark(pc.fill_null(pc.invert(allowed.take(encoded.indices)), False), _WHY[name])
    times = pc.min_max(rows["seen_at"]).as_py()
    for moment, off in (("min", pc.less), ("max", pc.greater_equal)):
        limit = pa.scalar(_EARLIEST if moment == "min" else _LATEST).cast(pa.timestamp("ms"))
        if times[moment] is not None and pc.any(off(rows["seen_at"], limit)).as_py():
            mark(pc.fill_null(off(rows["seen_at"], limit), False), f"the time is not between {_EARLIEST} and {_LATEST}")
    if pc.sum(pc.greater(rows["pieces_have"], rows["pieces_total"])).as_py():
        mark(
            pc.fill_null(pc.greater(rows["pieces_have"], rows["pieces_total"]), False),
            "it has more pieces than there are",
        )
    return reasons

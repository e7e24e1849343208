"""Files of sightings: Parquet, Arrow, JSON, JSON lines and CSV, of our sensors and, by a mapping of columns, of other tools.

A row that cannot be kept is refused with its line and the reason; the others are loaded. Times need a zone, or the mapping
says which (``zone``): an address at a time of unknown zone names the wrong subscriber.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.ipc as ipc
import pyarrow.json as pajson
import pyarrow.parquet as pq
import yaml

from opencets.errors import DamagedSource, LimitReached, NotThisFormat, ValueRefused
from opencets.sighting.batch import FIELDS, NEEDED, Batch, Origin
from opencets.values import ip as addresses

ROWS = 1_000_000
BLOCK = 32 << 20
LARGEST_JSON = 256 << 20
ORIGIN = b"opencets.origin"
"""Under which key a Parquet file of our own sensors says where it comes from."""

_NETWORKS = {
    "bittorrent": "bittorrent", "bt": "bittorrent", "gnutella": "gnutella", "gnutella2": "gnutella",
    "edonkey": "edonkey", "edonkey2000": "edonkey", "ed2k": "edonkey", "emule": "edonkey", "kad": "edonkey",
    "edonkey/kad": "edonkey",
}  # fmt: skip
_EVIDENCE = {
    "handshake": "handshake", "direct": "handshake", "browse": "browse", "browse_host": "browse", "tracker": "tracker",
    "dht": "dht", "kad": "dht", "pex": "pex", "server": "tracker",
}  # fmt: skip


@lru_cache(maxsize=1)
def known_columns() -> dict[str, list[str]]:
    """The shipped mapping: for each field the names under which tools write it."""
    table: dict[str, list[str]] = yaml.safe_load(
        files("opencets.sighting").joinpath("columns.yaml").read_text(encoding="utf-8")
    )
    return table


def mapping_from(path: Path) -> dict[str, Any]:
    """A mapping of one's own: field to column or columns, and ``zone``. NotThisFormat names a field that is none."""
    given = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    known = {*known_columns(), "identity_kind", "line", "zone"}
    if not isinstance(given, dict) or not set(given) <= known:
        raise NotThisFormat(
            f"The mapping {path.name} cannot be used: {', '.join(map(str, set(given) - known)) or 'it is no table'} is none "
            f"of {', '.join(sorted(known))}."
        )
    return {name: [value] if isinstance(value, str) and name != "zone" else value for name, value in given.items()}


def read_batches(
    path: Path, mapping: Mapping[str, Any] | None = None, *, by_sensor: bool = False, **origin: Any
) -> Iterator[Batch]:
    """The batches of a file, of at most a million rows; keys are the file's SHA-256 and the part's number.

    ``by_sensor``: a Parquet file of our own sensors says its key and origin itself, so that it is the same batch however it
    comes; only where whoever brings the file may say so, since a key that is taken keeps another batch of that key out.

    ``origin``: what is known of all (``sensor``, ``run``, ``software``, ``clock_offset_ms``, ...). Raises NotThisFormat,
    DamagedSource or LimitReached; what was given before stays good.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    kind = "".join(path.suffixes[-2:]).lower() if path.suffix.lower() in {".gz", ".zst"} else path.suffix.lower()
    readers: dict[str, Callable[[Path], Iterator[pa.Table]]] = {
        ".parquet": _parquet, ".arrow": _arrow, ".arrows": _arrow, ".csv": _csv, ".csv.gz": _csv, ".tsv": _csv,
        ".jsonl": _json_lines, ".ndjson": _json_lines, ".jsonl.gz": _json_lines, ".ndjson.gz": _json_lines,
        ".jsonl.zst": _json_lines, ".json": _json,
    }  # fmt: skip
    if kind not in readers:
        raise NotThisFormat(
            f"{path.name} cannot be loaded: its ending is none of {', '.join(sorted(readers))}. Name the file by what it holds."
        )
    first, told = 0, _origin_in(path) if by_sensor and kind == ".parquet" else {}
    key = told.pop("key", "")
    try:
        for number, (rows, lost) in enumerate(_counted(readers[kind](path))):
            prepared, refused = prepare(rows, mapping or {}, first)
            named = f"{key}:{number}" if key and number else key or f"{digest}:{number}"
            given = {name: value for name, value in origin.items() if value not in ("", None)}
            batch = Batch.of(Origin(named, **(told | given)), prepared)
            yield Batch(batch.origin, batch.rows, (*lost, *refused, *batch.refused))
            first += rows.num_rows + len(lost)
    except (pa.ArrowInvalid, pa.ArrowException, OSError, EOFError) as reason:
        raise DamagedSource(
            f"{path.name} cannot be read further than line {first:,}: {reason}. What came before it is loaded; "
            "loading the mended file again adds the rest."
        ) from reason


def _origin_in(path: Path) -> dict[str, Any]:
    """What a Parquet file of our own sensors says of its origin; nothing where it is of another tool."""
    try:
        said = json.loads((pq.read_schema(path).metadata or {}).get(ORIGIN, b"{}"))
        return {name: said[name] for name in Origin.__slots__ if name in said}
    except (pa.ArrowInvalid, OSError, ValueError, TypeError):
        return {}


def _counted(tables: Iterator[Any]) -> Iterator[tuple[pa.Table, tuple[tuple[int, str], ...]]]:
    for given in tables:
        yield given if isinstance(given, tuple) else (given, ())


def _parquet(path: Path) -> Iterator[pa.Table]:
    with pq.ParquetFile(path) as file:
        there = set(file.schema_arrow.names)
        dictionaries = [field.name for field in FIELDS if field.type == pa.string() and field.name in there]
    with pq.ParquetFile(path, read_dictionary=dictionaries) as file:
        for batch in file.iter_batches(ROWS):
            yield pa.Table.from_batches([batch])


def _arrow(path: Path) -> Iterator[pa.Table]:
    with pa.memory_map(str(path)) as source:
        try:
            reader: Any = ipc.open_file(source)
            batches = (reader.get_batch(number) for number in range(reader.num_record_batches))
        except pa.ArrowInvalid:
            source.seek(0)
            batches = iter(ipc.open_stream(source))
        for batch in batches:
            yield pa.Table.from_batches([batch])


def _stream(path: Path) -> Any:
    return pa.input_stream(str(path), compression="detect")


def _csv(path: Path) -> Iterator[pa.Table]:
    with _stream(path) as source:
        head = source.read(1 << 16).decode("utf-8-sig", "replace")
    try:
        delimiter = csv.Sniffer().sniff(head.partition("\n")[0], ",;\t|").delimiter
    except csv.Error:
        delimiter = ","
    names = next(csv.reader(io.StringIO(head.partition("\n")[0]), delimiter=delimiter), [])
    with _stream(path) as source:
        options = pacsv.ConvertOptions(column_types=dict.fromkeys((name.strip() for name in names), pa.string()))
        reader = pacsv.open_csv(
            source,
            pacsv.ReadOptions(block_size=BLOCK, column_names=[name.strip() for name in names], skip_rows=1),
            pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=False),
            options,
        )
        for batch in reader:
            yield pa.Table.from_batches([batch])


def _json_lines(path: Path) -> Iterator[tuple[pa.Table, tuple[tuple[int, str], ...]]]:
    line, rest = 0, b""
    with _stream(path) as source:
        while True:
            block = source.read(BLOCK)
            text = rest + block
            if not text:
                return
            end = text.rfind(b"\n") + 1 if block else len(text)
            if not end and len(text) > BLOCK:
                raise LimitReached(
                    f"{path.name}: line {line + 1:,} is longer than {BLOCK >> 20} MB; it is no sighting."
                )
            text, rest = text[:end], text[end:]
            if text.strip():
                yield _lines(text, line)
            line += text.count(b"\n")


_AS_WRITTEN = pa.schema([(name, pa.string()) for name in known_columns()["seen_at"]])
"""Times stay text until their zone is looked at."""


def _lines(text: bytes, first: int) -> tuple[pa.Table, tuple[tuple[int, str], ...]]:
    """One block of JSON lines; where a line is broken, line by line."""
    try:
        whole = pajson.ReadOptions(block_size=len(text) + 1)
        return pajson.read_json(pa.BufferReader(text), whole, pajson.ParseOptions(explicit_schema=_AS_WRITTEN)), ()
    except pa.ArrowInvalid:
        kept, lost = [], []
        for number, line in enumerate(text.splitlines(), first):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as reason:
                lost.append((number, f"it is no JSON: {reason}"))
                continue
            if isinstance(row, dict):
                kept.append(_flat(row, number))
            else:
                lost.append((number, "it is no JSON object"))
        return _table(kept), tuple(lost)


def _json(path: Path) -> Iterator[tuple[pa.Table, tuple[tuple[int, str], ...]]]:
    if path.stat().st_size > LARGEST_JSON:
        raise LimitReached(
            f"{path.name} is larger than {LARGEST_JSON >> 20} MB as one JSON value; write one object a line (.jsonl)."
        )
    try:
        rows = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as reason:
        raise DamagedSource(f"{path.name} is no JSON: {reason}. Nothing of it is loaded.") from reason
    if not isinstance(rows, list):
        raise NotThisFormat(f"{path.name} holds no list of sightings.")
    kept = [_flat(row, number) for number, row in enumerate(rows) if isinstance(row, dict)]
    lost = tuple((number, "it is no JSON object") for number, row in enumerate(rows) if not isinstance(row, dict))
    yield _table(kept), lost


def _flat(row: dict[str, Any], line: int) -> dict[str, Any]:
    return {str(name): value for name, value in row.items() if not isinstance(value, (dict, list))} | {"line": line}


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows whose values may differ in type, each column as text unless all are whole numbers or truths."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {}
    for name in names:
        values = [row.get(name) for row in rows]
        same = {type(value) for value in values if value is not None}
        columns[name] = values if len(same) == 1 else [None if value is None else str(value) for value in values]
    return pa.table(columns)


def prepare(
    given: pa.Table, mapping: Mapping[str, Any], first: int = 0
) -> tuple[pa.Table, tuple[tuple[int, str], ...]]:
    """The columns of a sighting from those of a tool, normalised; and the rows that cannot be, with the reason.

    A file that has our own columns already is taken as it is.
    """
    if set(NEEDED) <= set(given.column_names) and given.schema.field("seen_at").type == FIELDS.field("seen_at").type:
        return given, ()
    if not given.num_rows:
        return FIELDS.empty_table().drop_columns(["batch"]), ()
    columns = _Columns(given, mapping)
    lines = columns.find("line") or pa.array(range(first, first + given.num_rows), pa.uint32())
    network = columns.text("network", lambda text: _NETWORKS.get(text.strip().lower(), text.strip().lower()))
    address = columns.text("address", lambda text: addresses.normalise(text))
    port = columns.number("port", pa.uint16())
    client = columns.text("client", lambda text: text.strip()[:100])
    identity, kind = _identity(columns, address, port, client)
    out = {
        "seen_at": columns.times(),
        "network": network,
        "identity": identity,
        "identity_kind": kind,
        "file": columns.text("file", _digest),
        "address": address,
        "port": port,
        "client": client,
        "pieces_have": columns.number("pieces_have", pa.uint32()),
        "pieces_total": columns.number("pieces_total", pa.uint32()),
        "evidence": pc.fill_null(
            columns.text("evidence", lambda text: _EVIDENCE.get(text.strip().lower(), "other")), "other"
        ),
        "country": columns.text("country", lambda text: text.strip().upper() or None),
        "region": columns.text("region", lambda text: text.strip().upper() or None),
        "place": columns.text("place", lambda text: text.strip() or None),
        "accuracy_km": columns.number("accuracy_km", pa.uint16()),
        "provider": columns.number("provider", pa.uint32()),
        "shared_line": columns.truth("shared_line"),
        "line": lines,
    }
    return pa.table(out), tuple(columns.refused(lines, out))


def _digest(text: str) -> str:
    """Hexadecimal from hexadecimal or base32 (``urn:sha1:`` and ``urn:btih:`` too)."""
    plain = text.strip().rpartition(":")[2]
    if len(plain) == 32 and any(letter not in "0123456789abcdefABCDEF" for letter in plain):
        try:
            return base64.b32decode(plain.upper()).hex()
        except ValueError:
            return plain.lower()
    return plain.lower()


def _identity(columns: _Columns, address: Any, port: Any, client: Any) -> tuple[Any, Any]:
    """The strongest identity that was sent, and its kind; where none was, address, port and program."""
    identity = pa.nulls(len(address), pa.string())
    kind = pa.nulls(len(address), pa.string())
    for name in ("guid", "user_hash", "peer_id"):
        found = columns.text(name, _hexadecimal)
        fresh = pc.and_(pc.is_null(identity), pc.is_valid(found))
        identity = pc.if_else(fresh, found, identity)
        kind = pc.if_else(fresh, name, kind)
    if columns.find("identity") is not None:
        found, stated = columns.text("identity", _hexadecimal), columns.text("identity_kind", str)
        kind = pc.if_else(pc.is_null(identity), pc.fill_null(stated, "peer_id"), kind)
        identity = pc.if_else(pc.is_null(identity), found, identity)
    lacking = pc.and_(pc.is_null(identity), pc.is_valid(address))
    if pc.any(lacking).as_py():
        parts = (pc.fill_null(address, ""), pc.cast(pc.fill_null(port, 0), pa.string()), pc.fill_null(client, ""))
        endpoint = pc.binary_join_element_wise(*parts, "|").dictionary_encode()
        digests = pa.array([hashlib.sha256(text.encode()).hexdigest()[:40] for text in endpoint.dictionary.to_pylist()])
        identity = pc.if_else(lacking, digests.take(endpoint.indices), identity)
        kind = pc.if_else(lacking, "endpoint", kind)
    return identity, kind


def _hexadecimal(text: str) -> str | None:
    plain = text.strip().strip("{}").replace("-", "").lower()
    if not plain:
        return None
    if all(letter in "0123456789abcdef" for letter in plain):
        return plain
    return text.strip().encode().hex()  # a peer id written as its letters


class _Columns:
    """The columns of a file by the fields they stand for."""

    def __init__(self, given: pa.Table, mapping: Mapping[str, Any]) -> None:
        self._given, self._mapping = given, mapping
        self._named = {name.strip().lower(): name for name in given.column_names}
        self._reasons: dict[str, dict[str, str]] = {}

    def find(self, field: str) -> Any:
        """The first column that stands for a field and is not empty in all rows; several are put together."""
        found: Any = None
        for name in self._mapping.get(field) or known_columns().get(field, [field]):
            actual = self._named.get(str(name).lower())
            if actual is None or self._given[actual].null_count == self._given.num_rows:
                continue
            column = self._given[actual].combine_chunks()
            if found is None:
                found = column
            elif found.null_count and found.type == column.type:
                found = pc.coalesce(found, column)
            if not found.null_count:
                break
        return found

    def text(self, field: str, change: Callable[[str], str | None]) -> Any:
        """A column of text, each different value changed once; what is refused becomes nothing, with its reason."""
        column = self.find(field)
        if column is None:
            return pa.nulls(self._given.num_rows, pa.string())
        encoded = pc.cast(column, pa.string()).dictionary_encode()
        changed: list[str | None] = []
        for text in encoded.dictionary.to_pylist():
            try:
                changed.append(change(text))
            except ValueRefused as refused:
                changed.append(None)
                self._reasons.setdefault(field, {})[text] = refused.sentence
        return pa.array(changed, pa.string()).take(encoded.indices)

    def number(self, field: str, type: Any) -> Any:
        """A column of whole numbers; what is none becomes nothing."""
        column = self.find(field)
        if column is None:
            return pa.nulls(self._given.num_rows, type)
        try:
            return pc.cast(column, type)
        except pa.ArrowInvalid:
            most = {pa.uint16(): 1 << 16, pa.uint32(): 1 << 32}[type]
            encoded = pc.cast(column, pa.string()).dictionary_encode()
            values = [_whole(text, most) for text in encoded.dictionary.to_pylist()]
            return pa.array(values, type).take(encoded.indices)

    def truth(self, field: str) -> Any:
        """A column of yes and no."""
        column = self.find(field)
        if column is None:
            return pa.nulls(self._given.num_rows, pa.bool_())
        if pa.types.is_boolean(column.type):
            return column
        said = self.text(field, lambda text: text.strip().lower())
        return pc.if_else(pc.is_null(said), None, pc.is_in(said, pa.array(["1", "true", "yes", "y"])))

    def times(self) -> Any:
        """``seen_at`` as UTC without a zone. Text needs its zone, unless the mapping says one."""
        column = self.find("seen_at")
        if column is None:
            return pa.nulls(self._given.num_rows, pa.timestamp("ms"))
        if pa.types.is_timestamp(column.type) and column.type.tz is not None:
            return pc.cast(pc.cast(column, pa.timestamp("ms", "UTC"), safe=False), pa.timestamp("ms"))
        zone = self._mapping.get("zone")
        if pa.types.is_timestamp(column.type) and not zone:
            text = pc.strftime(column, "%Y-%m-%dT%H:%M:%S")
        else:
            text = pc.cast(column, pa.string())
        try:
            return pc.cast(pc.cast(text, pa.timestamp("ms", "UTC")), pa.timestamp("ms"))
        except pa.ArrowInvalid:
            encoded = text.dictionary_encode()
            moments = [self._moment(one, zone) for one in encoded.dictionary.to_pylist()]
            return pa.array(moments, pa.timestamp("ms")).take(encoded.indices)

    def _moment(self, text: str, zone: str | None) -> Any:
        import datetime as dt

        try:
            moment = dt.datetime.fromisoformat(text.strip())
        except ValueError:
            self._reasons.setdefault("seen_at", {})[text] = f"“{text[:40]}” is no time of ISO 8601"
            return None
        if moment.tzinfo is None:
            if not zone:
                self._reasons.setdefault("seen_at", {})[text] = (
                    f"“{text[:40]}” has no time zone; say which in a mapping (zone: UTC)"
                )
                return None
            moment = moment.replace(tzinfo=ZoneInfo(zone))
        return moment.astimezone(dt.UTC).replace(tzinfo=None)

    def refused(self, lines: Any, out: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
        """The reasons for what became nothing here, once for each different value."""
        for field, reasons in self._reasons.items():
            column = self.find(field)
            for text, reason in list(reasons.items())[:100]:
                place = pc.index(pc.cast(column, pa.string()), text).as_py()
                yield int(lines[place].as_py()), reason


def _whole(text: str | None, most: int) -> int | None:
    try:
        number = int(float(text or ""))
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < most else None

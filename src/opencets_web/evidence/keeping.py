"""Keeping what was read: many rows with one statement, each with an id that the same thing gets again.

Reading a file twice, after a crash or on purpose, therefore adds nothing (``on conflict do nothing``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import connection

from opencets.records import Claim, Record

LABELS = {
    "person": ("full_name", "alias", "given_name", "screen_name", "email", "phone"),
    "account": ("screen_name", "account_id", "full_name", "email", "phone"),
    "message": ("body", "subject", "attachment"),
    "media": ("file_name", "file_path", "sha256", "md5"),
    "device": ("device_model", "imei", "device_serial"),
    "event": ("action", "ip"),
    "known_file": ("file_name", "md5", "sha256"),
    "document": ("file_name", "file_path"),
}
TIMES = ("sent_at", "happened_at", "taken_at", "registered_at")


@dataclass(frozen=True, slots=True)
class Under:
    """Under what the rows stand."""

    holding_id: UUID
    agency_id: UUID
    case_id: UUID
    exhibit_id: UUID


def stable_id(*parts: object) -> UUID:
    """The same UUID (version 8, RFC 9562) for the same parts."""
    digest = bytearray(sha256("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return UUID(bytes=bytes(digest))


def record_id(file_id: UUID, reading: int, record: Record) -> UUID:
    """The id that this record of this file always has; another one when the file is read again with corrections."""
    return stable_id(file_id, reading, record.key)


def label_of(record: Record) -> str:
    """What a record is called in lists: the most telling value, shortened to 200 characters."""
    for name in LABELS.get(record.kind, ()):
        for claim in record.claims:
            if claim.property == name and claim.raw.strip():
                return _text(" ".join(claim.raw.split())[:200])
    return _text(record.locator.path[-1].replace("\\", "/").rsplit("/", 1)[-1][:200])


def _text(value: str) -> str:
    """Text that PostgreSQL takes: no NUL, no lone surrogate."""
    return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _first(record: Record, name: str) -> str:
    return next((claim.raw for claim in record.claims if claim.property == name), "")


def _when(record: Record) -> tuple[datetime | None, str]:
    for name in TIMES:
        normal = record.first(name)
        if normal:
            instant = None
            if normal.endswith("Z"):
                try:
                    instant = datetime.fromisoformat(normal)
                except ValueError:
                    instant = None
            return instant, normal[:40]
    return None, ""


def keep_records(under: Under, file_id: UUID, reading: int, records: Sequence[Record], read_at: datetime) -> int:
    """Keep records of one file and their claims; how many were new."""
    return keep_read(under, [(file_id, reading, record) for record in records], read_at)


def keep_read(under: Under, read: Sequence[tuple[UUID, int, Record]], read_at: datetime) -> int:
    """Keep records, each with its file and that file's count of readings, and their claims; how many were new."""
    if not read:
        return 0
    rows: list[tuple[Any, ...]] = []
    claims: list[tuple[Any, ...]] = []
    for file_id, reading, record in read:
        identity = record_id(file_id, reading, record)
        at, at_text = _when(record)
        rows.append(
            (
                identity, file_id, reading, record.key, record.kind, record.reader, _text(record.locator.place),
                label_of(record), at, at_text, _text(_first(record, "conversation")), _text(_first(record, "body")),
                _extra(record),
            )
        )  # fmt: skip
        claims.extend(_claim_row(identity, number, claim) for number, claim in enumerate(record.claims))
    new = _insert(
        "insert into evidence_record (id, holding_id, agency_id, case_id, exhibit_id, file_id, reading, key, kind, reader, place,"
        " label, at, at_text, conversation, body, extra, read_at, linked_at)"
        " select u.id, %s, %s, %s, %s, u.file_id, u.reading, u.key, u.kind, u.reader, u.place, u.label, u.at, u.at_text,"
        " u.conversation, u.body, u.extra, %s, null from unnest(%s::uuid[], %s::uuid[], %s::int[], %s::text[], %s::text[],"
        " %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::jsonb[])"
        " as u(id, file_id, reading, key, kind, reader, place, label, at, at_text, conversation, body, extra)"
        " on conflict do nothing",
        [under.holding_id, under.agency_id, under.case_id, under.exhibit_id, read_at],
        rows,
    )
    if new and claims:
        _insert(
            "insert into evidence_claim (id, holding_id, agency_id, case_id, record_id, property, kind, raw, normal, role, note,"
            " generic) select u.id, %s, %s, %s, u.record_id, u.property, u.kind, u.raw, u.normal, u.role, u.note, false"
            " from unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])"
            " as u(id, record_id, property, kind, raw, normal, role, note) on conflict do nothing",
            [under.holding_id, under.agency_id, under.case_id],
            claims,
        )
    return new


def _claim_row(record: UUID, number: int, claim: Claim) -> tuple[Any, ...]:
    normal = None if claim.normal is None else _text(claim.normal)[:2000]
    return (
        stable_id(record, number), record, claim.property, claim.kind, _text(claim.raw), normal, claim.role, _text(claim.note),
    )  # fmt: skip


def _extra(record: Record) -> str:
    return json.dumps({_text(name): _text(value) for name, value in record.extra}, ensure_ascii=False)


def _insert(statement: str, given: list[Any], rows: Sequence[tuple[Any, ...]]) -> int:
    columns = [list(column) for column in zip(*rows, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(statement, [*given, *columns])
        return max(int(cursor.rowcount), 0)

"""Records released by another agency, read again: exact claims, the sender's locator, and honest lines where it is broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from opencets.parsing import read
from opencets.parsing.readers.released import HEAD


def row(**given: Any) -> dict[str, Any]:
    claims = [
        {"property": "email", "kind": "email", "raw": "Ada@Example.org", "normal": "ada@example.org", "role": "own"},
        {"property": "phone", "kind": "phone", "raw": "020 7946 0000", "normal": "+442079460000", "role": "contact"},
        {"property": "full_name", "kind": "name", "masked": True},
    ]
    told = {"kind": "person", "where": "EX-0001 › people.csv › row 3", "reader": "table/1", "claims": claims}
    return {**told, **given}


def write(folder: Path, *lines: bytes, name: str = "records.jsonl") -> Path:
    path = folder / name
    path.write_bytes(b"\n".join([HEAD, *lines]) + b"\n")
    return path


def as_line(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_a_released_record_keeps_its_claims_and_says_where_it_stood(tmp_path: Path) -> None:
    reading = read(write(tmp_path, as_line(row())))
    (record,) = reading.records
    assert (reading.format, record.kind) == ("released_records", "person")
    assert record.locator.place == "line 2: EX-0001 › people.csv › row 3"
    assert [(claim.property, claim.normal, claim.role) for claim in record.claims] == [
        ("email", "ada@example.org", "own"),
        ("phone", "+442079460000", "contact"),
    ]
    assert dict(record.extra)["left_out_by_sender"] == "full_name"


def test_a_value_normalised_wrongly_by_the_sender_links_nothing(tmp_path: Path) -> None:
    claims = [
        {"property": "email", "kind": "email", "raw": "not an address", "normal": "Eve@Example.org", "role": "own"}
    ]
    (record,) = read(write(tmp_path, as_line(row(claims=claims)))).records
    assert record.claims[0].normal is None


def test_each_broken_line_costs_itself_alone_and_is_named(tmp_path: Path) -> None:
    broken = (b"{", as_line([1]), as_line(row(kind="crown")), as_line(row(claims=7)), b"\xff\x00")
    reading = read(write(tmp_path, *broken, as_line(row()), name="records.jpg"))
    records = [record for record in reading.records if record.reader.startswith("released_records")]
    assert len(records) == 1
    assert len([line for line in reading.report.skipped if line.code == "damaged"]) == len(broken)


def test_a_file_cut_in_a_line_gives_the_lines_before(tmp_path: Path) -> None:
    path = write(tmp_path, as_line(row()), as_line(row(where="EX-0002")))
    path.write_bytes(path.read_bytes()[:-30])
    reading = read(path)
    assert [record.locator.place for record in reading.records] == ["line 2: EX-0001 › people.csv › row 3"]
    assert len(list(reading.report.skipped)) == 1

"""Records that another agency released (``opencets.packing.part``): each as it was read there, with where it stood.

A value is normalised anew here: what the sender normalised is taken only where it normalises to itself. A claim that the sender
left out stays out, and is named in the record's ``extra``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast, get_args

from opencets.parsing.claims import assert_claim, clean
from opencets.parsing.limits import limits_of
from opencets.parsing.source import Event, FolderOpener, Skipped, Source
from opencets.records import PROPERTIES, RECORDS, Claim, Record, Role

FORMAT = "released_records"
VERSION = "1"
LABEL = "Records released by another agency"
HEAD = b'{"opencets": "opencets-released-records-1"}'


def recognise(source: Source) -> str | None:
    """None where the first line names the format."""
    if isinstance(source.open, FolderOpener):
        return "a folder"
    return None if source.head(len(HEAD)) == HEAD else "does not open with the line of released records"


def read(source: Source) -> Iterator[Event]:
    """Each record in turn; a line that is none costs itself alone."""
    most = limits_of(source).line_bytes
    with source.open() as stream:
        stream.readline(most)
        number = 1
        while line := stream.readline(most):
            number += 1
            where = source.locator.at(f"line {number}")
            try:
                row = json.loads(line.decode())
                record = _record(source, number, row)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                yield Skipped(where, "damaged", f"{where}: this line is no released record ({type(error).__name__}).")
                continue
            yield record


def _record(source: Source, number: int, row: dict[str, Any]) -> Record:
    kind = str(row["kind"])
    if kind not in RECORDS:
        raise ValueError(kind)
    claims, masked, unknown = [], [], []
    for told in row["claims"]:
        if told.get("masked"):
            masked.append(str(told["property"]))
        elif told["property"] not in PROPERTIES:
            unknown.append(f"{told['property']}: {told['raw']}")
        else:
            claims.append(_claim(told))
    stood = clean(str(row["where"]))
    extra = {
        "released_from": stood,
        "read_there_by": str(row.get("reader", "")),
        "left_out_by_sender": ", ".join(masked),
        "not_known_here": "; ".join(unknown),
    }
    return Record(
        kind,
        source.locator.at(f"line {number}: {stood}"),
        tuple(claims),
        f"{FORMAT}/{VERSION}",
        tuple((name, clean(text)[:2_000]) for name, text in extra.items() if text),
    )


def _claim(told: dict[str, Any]) -> Claim:
    role = cast(Role, told.get("role") if told.get("role") in get_args(Role) else "mentioned")
    made = assert_claim(str(told["property"]), str(told["raw"]), role=role, note=str(told.get("note", ""))[:500])
    normal = told.get("normal")
    if made.normal is None and isinstance(normal, str):
        # As with a telephone number without its country: the sender knew it.
        again = assert_claim(str(told["property"]), normal, role=role)
        if again.normal == normal:
            return replace(made, normal=normal, note="normalised by the sender")
    return made

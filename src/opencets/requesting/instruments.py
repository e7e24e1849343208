"""Legal bases as data: one YAML file a family, each kind with its fields, terms and template text, and its source.

A file is versioned: a changed law is a new version under the same key, and requests made before keep the one they name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from opencets.errors import SourceRefused

PURPOSES: Mapping[str, str] = {
    "preservation": "Preservation",
    "subscriber": "Subscriber information",
    "traffic": "Traffic data",
    "content": "Content",
    "emergency": "Emergency disclosure",
}
"""What a request is for, in the order in which pages list it."""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that the instrument wants said: its name, label, help, and whether a request may go without it."""

    name: str
    label: str
    help: str
    required: bool


@dataclass(frozen=True, slots=True)
class Instrument:
    """One kind of request under one law."""

    key: str
    version: int
    family: str
    title: str
    law: str
    source: str
    purpose: str
    sentence: str
    fields: tuple[Field, ...]
    categories: tuple[str, ...]
    second_person: bool
    answer_days: int | None
    answer_hours: int | None
    answer_rule: str
    preserve_days: int | None
    renewal_days: int | None
    most_renewals: int | None
    remind_days: int
    opening: str
    closing: str

    @property
    def emergency(self) -> bool:
        """Whether life or safety is at stake: the emergency contact is written to."""
        return self.purpose == "emergency"

    @property
    def preserves(self) -> bool:
        """Whether it asks the provider to keep data, not to hand it over."""
        return self.preserve_days is not None

    @property
    def purpose_label(self) -> str:
        """What it is for, in words."""
        return PURPOSES[self.purpose]


@cache
def load(folder: Path) -> Mapping[tuple[str, int], Instrument]:
    """Every instrument of a folder by key and version; SourceRefused names the file and what is wrong in it."""
    found: dict[tuple[str, int], Instrument] = {}
    for path in sorted(folder.glob("*.yaml")):
        family = yaml.safe_load(path.read_text(encoding="utf-8"))
        for row in family["instruments"]:
            instrument = _instrument(path, family, row)
            if (instrument.key, instrument.version) in found:
                raise SourceRefused(f"{path.name}: {instrument.key} version {instrument.version} stands twice.")
            found[instrument.key, instrument.version] = instrument
    return found


def newest(instruments: Mapping[tuple[str, int], Instrument]) -> tuple[Instrument, ...]:
    """The highest version of each key, by what it is for, then by law."""
    latest: dict[str, Instrument] = {}
    for (key, version), instrument in sorted(instruments.items()):
        if key not in latest or latest[key].version < version:
            latest[key] = instrument
    order = list(PURPOSES)
    return tuple(sorted(latest.values(), key=lambda one: (order.index(one.purpose), one.family, one.key)))


def _instrument(path: Path, family: Mapping[str, Any], row: Mapping[str, Any]) -> Instrument:
    try:
        shared = {field["name"]: field for field in family.get("fields", ())}
        fields = []
        for wanted in row["fields"]:
            given = shared[wanted] if isinstance(wanted, str) else wanted
            fields.append(
                Field(given["name"], given["label"], given.get("help", ""), bool(given.get("required", True)))
            )
        made = Instrument(
            key=row["key"], version=int(row["version"]), family=family["family"], title=row["title"], law=row["law"],
            source=row["source"], purpose=row["purpose"], sentence=row["sentence"], fields=tuple(fields),
            categories=tuple(row["categories"]), second_person=bool(row["second_person"]), answer_days=row.get("answer_days"),
            answer_hours=row.get("answer_hours"), answer_rule=row["answer_rule"], preserve_days=row.get("preserve_days"),
            renewal_days=row.get("renewal_days", row.get("preserve_days")), most_renewals=row.get("most_renewals"),
            remind_days=int(row.get("remind_days", 14)), opening=row["opening"].strip(), closing=row["closing"].strip(),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise SourceRefused(
            f"{path.name}: {row.get('key', 'an instrument')}: {error} is missing or of another kind."
        ) from None
    if made.purpose not in PURPOSES:
        raise SourceRefused(f"{path.name}: {made.key}: “{made.purpose}” is no purpose; one of {', '.join(PURPOSES)}.")
    return made

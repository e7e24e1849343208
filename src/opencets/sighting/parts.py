"""What the journal says: the parts (Parquet files) that count now, the batches that are in, and what is to be derived anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

SIGHTINGS, DAYS, OFFERS, FILES, RARITY = "sightings", "days", "offers", "files", "rarity"
LINKS, GROUPS = "links", "groups"


@dataclass(frozen=True, slots=True)
class Part:
    """One Parquet file of a table. ``first`` and ``last``: the days (ISO 8601) between which its rows lie."""

    table: str
    path: str
    rows: int
    network: str = ""
    first: str = ""
    last: str = ""
    ordered: bool = False
    """Sightings: whether they stand by identity, so that a few of them are found without reading the others."""

    @property
    def month(self) -> str:
        return self.first[:7]


@dataclass(slots=True)
class State:
    """The ledger as its journal tells it."""

    parts: dict[str, Part] = field(default_factory=dict)
    batches: dict[str, int] = field(default_factory=dict)
    """Number by key."""
    origins: dict[int, dict[str, Any]] = field(default_factory=dict)
    stale: dict[tuple[str, str], int] = field(default_factory=dict)
    """Network and day with rows that are not yet in the derived tables, and the last batch that brought some."""
    entries: int = 0
    forgotten: int = 0
    """The number of the last entry by which something was forgotten: what was answered before it is not given any more."""

    def table(self, name: str) -> list[Part]:
        """The parts of a table, in the order in which they came."""
        return [part for part in self.parts.values() if part.table == name]

    def apply(self, entry: dict[str, Any]) -> None:
        """What one entry of the journal changes."""
        self.entries += 1
        added = [Part(**part) for part in entry.get("add", ())]
        for path in entry.get("remove", ()):
            self.parts.pop(path, None)
        self.parts.update((part.path, part) for part in added)
        if entry["do"] == "load":
            self.batches[entry["origin"]["key"]] = entry["batch"]
            self.origins[entry["batch"]] = entry["origin"] | {"rows": entry["rows"], "refused": entry["refused"]}
            for network, day in entry["days"]:
                self.stale[network, day] = entry["batch"]
        elif entry["do"] == "derive":
            for network, day, through in entry["days"]:
                if self.stale.get((network, day), 0) <= through:
                    self.stale.pop((network, day), None)
        elif entry["do"] == "forget":
            self.forgotten = self.entries
            for network, day in entry["days"]:
                self.stale[network, day] = max(self.stale.get((network, day), 0), max(self.origins, default=0))


def said(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """Parts as the journal writes them."""
    return [asdict(part) for part in parts]

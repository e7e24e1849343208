"""Where an address was on a day: databases in MMDB form that an agency supplies, each used from the day it was built.

An address moves between providers and towns, so a sighting is placed with the newest database of its day, and what was
placed once stays. A town is told only where the database itself says that it is right within `NEAR_KM`; a place of an
address is where its provider says the line ends, never where a person is. MMDB: MaxMind DB file format 2.0.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import maxminddb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from opencets.errors import DamagedSource, NotFound, NotThisFormat
from opencets.sighting.batch import FIELDS, Batch

NEAR_KM = 50
_PLACED = ("country", "region", "place", "provider", "shared_line", "accuracy_km")
_KINDS = {
    "anonymous": "anonymous",
    "asn": "provider",
    "isp": "provider",
    "country": "country",
    "city": "place",
    "enterprise": "place",
}
_SHARED = (
    "is_anonymous", "is_anonymous_vpn", "is_hosting_provider", "is_public_proxy", "is_residential_proxy", "is_tor_exit_node",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """What databases say of an address; None where they say nothing. ``region`` as in ISO 3166-2, ``provider`` an AS number."""

    country: str | None = None
    region: str | None = None
    place: str | None = None
    provider: int | None = None
    shared_line: bool | None = None
    accuracy_km: int | None = None


NOWHERE = Place()


@dataclass(frozen=True, slots=True)
class Source:
    """One database: its file, what it tells, and from when on it is used."""

    name: str
    kind: str
    built: dt.date
    reader: Any
    both: bool = True
    """Whether it knows IPv6 too."""


class Places:
    """The databases of a folder. Several of a kind (city, anonymous, provider) are used by the day of the sighting."""

    def __init__(self, sources: list[Source]) -> None:
        self._sources: dict[str, list[Source]] = {}
        for source in sorted(sources, key=lambda one: (one.built, one.name)):
            self._sources.setdefault(source.kind, []).append(source)

    @classmethod
    def open(cls, folder: Path) -> Places:
        """The ``.mmdb`` files of a folder. NotFound where there is none, DamagedSource or NotThisFormat naming one
        that cannot be used."""
        files = sorted(folder.glob("*.mmdb"))
        if not files:
            raise NotFound(f"The folder {folder.name} holds no database of places (.mmdb); nothing was placed.")
        return cls([_opened(file) for file in files])

    def names(self, day: dt.date) -> list[str]:
        """Which databases tell of a day, each with the day it was built."""
        return [f"{source.name} {source.built}" for source in (self._of(kind, day) for kind in sorted(self._sources))]

    def _of(self, kind: str, day: dt.date) -> Source:
        """The newest that was built by that day; before the first was built, the first."""
        sources = self._sources[kind]
        return sources[max(0, bisect_right([source.built for source in sources], day) - 1)]

    def locate(self, address: str, day: dt.date) -> Place:
        """Where an address was on a day. What no database knows is None; DamagedSource where one breaks off."""
        found = NOWHERE
        for kind in sorted(self._sources):
            source = self._of(kind, day)
            if ":" in address and not source.both:
                continue
            try:
                said = source.reader.get(address)
            except (maxminddb.InvalidDatabaseError, ValueError, UnicodeDecodeError) as reason:
                raise DamagedSource(
                    f"The database of places {source.name} cannot be read at {address}: {reason}. Fetch it again; "
                    "the batch was not loaded."
                ) from reason
            if isinstance(said, dict) or kind == "anonymous":
                found = _TOLD[kind](found, said or {})
        return found

    def placed(self, batch: Batch) -> Batch:
        """The batch with places where it has none; what a sensor or tool said itself is kept."""
        rows = batch.rows
        if not rows.num_rows:
            return batch
        encoded = rows["address"].combine_chunks()
        days = rows["seen_at"].to_numpy().astype("datetime64[D]").astype(np.int64)
        pairs = encoded.indices.to_numpy().astype(np.int64) << 32 | days
        different, where = np.unique(pairs, return_inverse=True)
        addresses = encoded.dictionary.to_pylist()
        epoch = dt.date(1970, 1, 1)
        known: dict[tuple[int, tuple[int, ...]], Place] = {}
        told = []
        for pair in different.tolist():
            day = epoch + dt.timedelta(pair & 0xFFFFFFFF)
            key = (pair >> 32, tuple(id(self._of(kind, day)) for kind in self._sources))
            if key not in known:
                known[key] = self.locate(addresses[pair >> 32], day)
            told.append(known[key])
        at = pa.array(where)
        for name in _PLACED:
            kind = FIELDS.field(name).type
            values = pa.array([getattr(place, name) for place in told], kind).take(at)
            if rows[name].null_count < rows.num_rows:
                given = rows[name].combine_chunks()
                given = given.cast(kind) if pa.types.is_dictionary(given.type) else given
                values = pc.coalesce(given, values)
            if kind == pa.string():
                values = values.dictionary_encode()
            rows = rows.set_column(rows.column_names.index(name), name, values)
        names = sorted(
            {name for day in {int(each) for each in np.unique(days)} for name in self.names(epoch + dt.timedelta(day))}
        )
        return replace(batch, origin=replace(batch.origin, places="; ".join(names)), rows=rows)


def _opened(file: Path) -> Source:
    try:
        reader = maxminddb.open_database(file)
        about = reader.metadata()
    except (maxminddb.InvalidDatabaseError, OSError, ValueError, UnicodeDecodeError) as reason:
        raise DamagedSource(f"{file.name} is no database of places in MMDB form, or it is broken: {reason}") from reason
    kind = about.database_type.lower()
    told = next((told for word, told in _KINDS.items() if word in kind), "")
    if not told:
        raise NotThisFormat(f"{file.name} tells of no places: it is a database of the kind {about.database_type}.")
    return Source(
        file.name, told, dt.datetime.fromtimestamp(about.build_epoch, dt.UTC).date(), reader, about.ip_version == 6
    )


def _country(found: Place, said: dict[str, Any]) -> Place:
    country = said.get("country", {}).get("iso_code")
    return replace(found, country=found.country or country)


def _place(found: Place, said: dict[str, Any]) -> Place:
    country = said.get("country", {}).get("iso_code")
    parts = [part.get("iso_code") for part in said.get("subdivisions", ())]
    region = f"{country}-{parts[0]}" if country and parts and parts[0] and len(parts[0]) <= 3 else None
    radius = said.get("location", {}).get("accuracy_radius")
    name = said.get("city", {}).get("names", {}).get("en")
    near = name if radius is not None and radius <= NEAR_KM else None
    # where a database of countries differs, the more precise one is believed
    return replace(found, country=country or found.country, region=region, place=near, accuracy_km=radius)


def _provider(found: Place, said: dict[str, Any]) -> Place:
    return replace(found, provider=said.get("autonomous_system_number"))


def _anonymous(found: Place, said: dict[str, Any]) -> Place:
    return replace(found, shared_line=any(bool(said.get(name)) for name in _SHARED))


_TOLD = {"anonymous": _anonymous, "country": _country, "place": _place, "provider": _provider}

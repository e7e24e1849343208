"""Addresses are placed with the database of their day, no more precisely than it says, and nothing a sensor said is changed."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import maxminddb
import pyarrow as pa
import pytest

from opencets.errors import DamagedSource, NotFound, NotThisFormat
from opencets.sighting import Batch, Ledger, Origin, answers
from opencets.sighting.places import Place, Places, Source
from tests.sighting.invented import invented

FILES = Path(__file__).parents[3] / "shared" / "data" / "geoip"
with_files = pytest.mark.skipif(not FILES.exists(), reason="the sample databases are not beside the repository")
DAY = dt.date(2026, 3, 1)


class Said:
    """Stands for a database file where its content is what the test is about."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told

    def get(self, address: str) -> Any:
        return self._told.get(address)


def city(name: str, built: str, country: str, region: str, radius: int) -> Source:
    told = {
        "country": {"iso_code": country}, "subdivisions": [{"iso_code": region}], "city": {"names": {"en": name}},
        "location": {"accuracy_radius": radius},
    }  # fmt: skip
    return Source(f"{name}.mmdb", "place", dt.date.fromisoformat(built), Said({"198.51.100.1": told}))


def test_each_day_has_its_database() -> None:
    places = Places([city("Northtown", "2026-02-01", "US", "WY", 5), city("Southtown", "2026-03-10", "US", "FL", 500)])
    assert places.locate("198.51.100.1", DAY) == Place("US", "US-WY", "Northtown", accuracy_km=5)
    assert places.locate("198.51.100.1", dt.date(2026, 3, 10)) == Place("US", "US-FL", None, accuracy_km=500)
    assert places.locate("198.51.100.1", dt.date(2020, 1, 1)).region == "US-WY"
    assert places.locate("198.51.100.2", DAY) == Place()
    assert places.names(dt.date(2026, 4, 1)) == ["Southtown.mmdb 2026-03-10"]


def test_a_batch_is_placed_and_what_was_said_is_kept(tmp_path: Path) -> None:
    rows = invented(1, rows=4, computers=1).to_pylist()
    for row, day in zip(rows, (1, 9, 10, 11), strict=True):
        row.update(address="198.51.100.1", seen_at=dt.datetime(2026, 3, day), country=None, region=None)
    rows[3].update(country="GB", region="GB-SCT")
    places = Places([city("Northtown", "2026-02-01", "US", "WY", 5), city("Southtown", "2026-03-10", "US", "FL", 500)])
    batch = places.placed(Batch.of(Origin("four"), pa.Table.from_pylist(rows)))
    assert batch.rows["region"].to_pylist() == ["US-WY", "US-WY", "US-FL", "GB-SCT"]
    assert batch.origin.places == "Northtown.mmdb 2026-02-01; Southtown.mmdb 2026-03-10"
    ledger = Ledger.create(tmp_path)
    list(ledger.load([batch]))
    assert [one.place for one in answers.history(ledger, f"{0:032x}").sightings][:3] == ["Northtown", "Northtown", None]


def known(name: str, wanted: str) -> str:
    """An address that a sample database says something of; none of them is written here."""
    with maxminddb.open_database(FILES / name) as reader:
        return next(str(network[0]) for network, said in reader if isinstance(said, dict) and said.get(wanted))


@with_files
def test_real_files_of_each_kind() -> None:
    places = Places.open(FILES)
    found = places.locate(known("GeoLite2-City-Test.mmdb", "city"), DAY)
    assert found.country
    assert found.accuracy_km is not None
    assert places.locate(known("GeoIP2-Anonymous-IP-Test.mmdb", "is_anonymous"), DAY).shared_line
    assert places.locate(known("GeoLite2-ASN-Test.mmdb", "autonomous_system_number"), DAY).provider
    assert places.locate("192.0.2.1", DAY) == Place(shared_line=False)
    assert len(places.names(DAY)) == 4


@with_files
def test_broken_files_and_those_of_another_kind_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotThisFormat, match="bad-unicode"):
        Places.open(FILES / "bad")
    whole = (FILES / "GeoIP2-City-Test.mmdb").read_bytes()
    (tmp_path / "city.mmdb").write_bytes(b"\xff" * 4000 + whole[4000:])
    broken = Places.open(tmp_path)
    with pytest.raises(DamagedSource, match=r"city\.mmdb"):
        broken.locate("192.0.2.1", DAY)


def test_no_files_and_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no database of places"):
        Places.open(tmp_path)
    (tmp_path / "a.mmdb").write_bytes(b"no database")
    with pytest.raises(DamagedSource, match=r"a\.mmdb"):
        Places.open(tmp_path)

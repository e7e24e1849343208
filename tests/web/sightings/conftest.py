"""A ledger of its own with the invented population, and the tree of jurisdictions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from opencets.rehearsal.computers import sightings, write_sightings

if TYPE_CHECKING:
    from opencets_web.policy.actor import Actor
    from tests.web.conftest import Cast

    Behind = Callable[[Actor | None], AbstractContextManager[None]]

NEWEST = dt.date(2026, 3, 10)
TREE: dict[str, Any] = {
    "version": "test-1",
    "jurisdictions": [
        {
            "code": "GB", "name": "United Kingdom", "countries": ["GB"], "responsible": "Avon",
            "below": [
                {"code": "GB-SCT", "name": "Scotland", "regions": ["GB-SCT"]},
                {"code": "bristol", "name": "City of Bristol", "places": {"GB-ENG": ["Bristol"]}},
            ],
        },
        {"code": "DE", "name": "Germany", "countries": ["DE"], "contact": "Call the federal desk."},
    ],
}  # fmt: skip


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    return list(sightings(7, NEWEST, computers=40, days=40))


@pytest.fixture
def house(cast: Cast, tmp_path: Path, settings: Any) -> Iterator[Path]:
    from opencets_web.sightings import handed_in, ledger

    settings.SIGHTINGS, settings.SIGHTING_PLACES = str(tmp_path / "ledger"), str(tmp_path / "places")
    ledger._opened.cache_clear()
    handed_in.import_jurisdictions(TREE)
    yield tmp_path
    ledger._opened.cache_clear()


@pytest.fixture
def loaded(house: Path, cast: Cast, as_actor: Behind, as_job: Behind) -> Path:
    """The invented population, handed in by Avon's owner and loaded as the job does."""
    from opencets_web.sightings import actions

    path = house / "day.jsonl"
    write_sightings(path, 7, NEWEST, computers=40, days=40)
    with as_actor(cast.owner), path.open("rb") as stream:
        made = actions.receive_file(cast.owner, stream, name="day.jsonl", sensor="sensor 1", authority="Order 7")
    with as_job(cast.owner):
        actions.load_file(cast.owner, made)
    return house

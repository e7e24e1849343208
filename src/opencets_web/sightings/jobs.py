"""Later work of the room for sightings; each calls one action."""

from __future__ import annotations

from uuid import UUID

from opencets_web.policy.officers import actor_for
from opencets_web.sightings import actions, ahead, by_rule, delivered, ledger


def load_sightings(file_id: str, officer_id: str) -> None:
    """Load a file of sightings that was handed in, and count anew."""
    actions.load_file(actor_for(officer_id), UUID(file_id))


def load_delivered(sensor_id: str) -> None:
    """Load what a sensor delivered, and count anew."""
    delivered.load_delivered(UUID(sensor_id))


def look_for_silence() -> None:
    """Sensors that are silent, and what they delivered that nobody loads."""
    by_rule.look_for_silence()
    by_rule.load_left()


def compact_sightings() -> None:
    """Merge the small files of past months, so that questions stay fast."""
    found = ledger.find_ledger()
    if found is not None:
        found.compact()


def answer_ahead() -> None:
    """Answer what every page asks first, where the ledger went on."""
    ahead.answer_ahead()

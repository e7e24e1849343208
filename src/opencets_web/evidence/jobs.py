"""Later work of the evidence room; each calls one action."""

from __future__ import annotations

from uuid import UUID

from opencets_web.evidence import reading, sweeping
from opencets_web.policy.officers import actor_for


def read_exhibit(exhibit_id: str, officer_id: str) -> None:
    """Read an exhibit, as the officer who received it."""
    reading.read_exhibit(actor_for(officer_id), UUID(exhibit_id))


def remove_left_behind() -> None:
    """Remove what dead writers and uploads given up left on the disk; serves no officer and reads no content."""
    sweeping.remove_left_behind()

"""Later work of marks; each calls one action."""

from __future__ import annotations

from uuid import UUID

from opencets_web.marks import searching
from opencets_web.policy.officers import actor_for


def extract_features(exhibit_id: str, officer_id: str) -> None:
    """Put an exhibit's new pictures into the index of regions, and seek every mark in them."""
    searching.extract_features(actor_for(officer_id), UUID(exhibit_id))


def search_region(region_id: str, officer_id: str) -> None:
    """Seek a marked region in all pictures."""
    searching.search_region(actor_for(officer_id), UUID(region_id))

"""Later work of the camera room; each calls one action."""

from __future__ import annotations

from uuid import UUID

from opencets_web.cameras import matching
from opencets_web.policy.officers import actor_for


def make_fingerprint(fingerprint_id: str, officer_id: str) -> None:
    """Make a fingerprint of the pictures chosen for it."""
    matching.make_fingerprint(actor_for(officer_id), UUID(fingerprint_id))


def compare_fingerprint(fingerprint_id: str, officer_id: str) -> None:
    """Compare the next pictures with a fingerprint."""
    matching.compare_fingerprint(actor_for(officer_id), UUID(fingerprint_id))


def compare_new_media(exhibit_id: str, officer_id: str) -> None:
    """Compare an exhibit's new pictures with the fingerprints of their size."""
    matching.compare_new_media(actor_for(officer_id), UUID(exhibit_id))

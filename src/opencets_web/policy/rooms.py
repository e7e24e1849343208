"""Rooms that need a current certification, declared in ``data/rooms.yaml``; an agency says which of them it holds shut.

The database asks the same where a row is written there (``app_may_enter`` in ``policy.wall``).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from django.utils import timezone

from opencets.errors import ActRefused
from opencets_web.accounts.models import Agency, Certification
from opencets_web.policy.actor import Actor


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "data" / "rooms.yaml").read_text("utf-8"))
    return data


def certification_kinds() -> list[tuple[str, str]]:
    """Kinds of certification with their words."""
    return [(row["kind"], row["label"]) for row in _data()["certifications"]]


def room_choices() -> list[tuple[str, str]]:
    """Rooms that may need one, with their words."""
    return [(row["room"], row["label"]) for row in _data()["rooms"]]


@cache
def _rooms_by_address() -> dict[str, dict[str, Any]]:
    return {address: row for row in _data()["rooms"] for address in row["addresses"]}


def room_at(address: str) -> str:
    """The room that an address belongs to; empty for one that needs no certification."""
    return str(_rooms_by_address().get(address, {}).get("room", ""))


def require_certification(actor: Actor, room: str) -> None:
    """ActRefused where the actor's agency holds the room shut and the actor's certification is not current."""
    row = next((row for row in _data()["rooms"] if row["room"] == room), None)
    if row is None:
        raise ActRefused(f"No room is called {room}.")
    if room not in Agency.objects.values_list("certified_rooms", flat=True).get(pk=actor.agency_id):
        return
    today = timezone.now().date()
    current = Certification.objects.filter(
        officer_id=actor.officer_id, kind=row["certification"], withdrawn_at=None, issued_on__lte=today,
        expires_on__gt=today,
    )  # fmt: skip
    if not current.exists():
        words = dict(certification_kinds())[row["certification"]]
        raise ActRefused(
            f"Your agency opens this only to officers with a current certification ({words}). Your administrator enters it."
        )

"""Reading for the page that asks why an officer looks."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from opencets_web.audit import log
from opencets_web.cases.models import Case
from opencets_web.policy import door, purposes
from opencets_web.policy.actor import Actor
from opencets_web.policy.purposes import Choice

MOST_NAMED = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page asks: of which cases (those that the officer may see are named), and what may be answered."""

    cases: tuple[tuple[str, str], ...]
    more: int
    across: bool
    choices: tuple[Choice, ...]
    typed: bool


def get_asked(actor: Actor, holdings: tuple[UUID, ...]) -> Asked:
    """The page for these holdings. One that is closed to the officer, and one that is not there, look alike: not named."""
    rows = door.visible(actor, Case.objects.filter(holding_id__in=holdings)).order_by("reference")
    named = tuple(rows.values_list("reference", "title")) if holdings else ()
    log.record("purpose.asked", actor, details={"cases": [reference for reference, _ in named[:MOST_NAMED]]})
    return Asked(
        named[:MOST_NAMED],
        max(0, len(named) - MOST_NAMED),
        not holdings,
        purposes.choices(),
        purposes.wants_words(actor),
    )

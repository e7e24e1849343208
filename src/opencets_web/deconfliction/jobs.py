"""Later work of the deconfliction room; each calls one action."""

from __future__ import annotations

from uuid import UUID

from opencets_web.deconfliction import comparing
from opencets_web.policy.acting import acting_as
from opencets_web.policy.officers import actor_for


def compare_declaration(declaration_id: str, officer_id: str) -> None:
    """Compare a declaration with all that is declared and kept, and tell both sides."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        comparing.compare_declaration(actor, UUID(declaration_id))


def watch_exhibit(exhibit_id: str, officer_id: str) -> None:
    """Compare what was read of an exhibit with what others declared, and tell both sides."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        comparing.watch_exhibit(actor, UUID(exhibit_id))


def carry_conflict(conflict_id: str, officer_id: str) -> None:
    """Make both sides of a conflict have the same lines and standing."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        comparing.carry(actor, UUID(conflict_id))


def settle_conflicts(holding_id: str, officer_id: str) -> None:
    """Decide again what conflicts tell each side, after a release, its withdrawal, or a changed code."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        comparing.settle_holding(UUID(holding_id))


def end_passed() -> None:
    """End the conflicts of declarations whose day has passed."""
    with acting_as(None):
        comparing.end_passed()

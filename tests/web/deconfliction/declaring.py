"""Declaring as an officer does in the web role, and comparing as the worker does it afterwards."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from opencets_web.cases.models import Case
from opencets_web.deconfliction import actions, comparing
from opencets_web.deconfliction.models import Conflict
from opencets_web.deconfliction.values import values_of
from opencets_web.policy.actor import Actor
from tests.web.conftest import behind_the_wall
from tests.web.leads.worlds import World, working

PURPOSE = "A search warrant on Tuesday"


def declare(world: World, case: Case, text: str, by: Actor | None = None, **given: Any) -> UUID:
    """A target declared by the case's officer, and compared."""
    actor = by or world.by(case)
    values, refused = values_of(text, country="GB")
    assert not refused
    with behind_the_wall(actor):
        made = actions.declare_target(actor, case.reference, values, purpose=PURPOSE, **given)
    compare(actor, made)
    return made


def plan(world: World, case: Case, begins: datetime, **given: Any) -> UUID:
    """An operation of two hours declared by the case's officer, and compared."""
    actor = world.by(case)
    where = given or {"position": (51.4545, -2.5879), "radius_metres": 500}
    with behind_the_wall(actor):
        made = actions.declare_operation(
            actor, case.reference, operation="warrant", begins_at=begins, ends_at=begins + timedelta(hours=2),
            purpose=PURPOSE, **where,
        )  # fmt: skip
    compare(actor, made)
    return made


def compare(actor: Actor, declaration: UUID) -> int:
    """As the worker compares a declaration."""
    with working(actor):
        return comparing.compare_declaration(actor, declaration)


def carry(actor: Actor, conflict: Conflict) -> None:
    """As the worker carries what was written."""
    with working(actor):
        comparing.carry(actor, conflict.id)


def side(case: Case) -> Conflict | None:
    """The case's side of its one conflict that is told, as the owner of the tables reads it."""
    return Conflict.objects.filter(case=case, retired_at=None).first()


def tuesday() -> datetime:
    """Six o'clock, in some days."""
    return (timezone.now() + timedelta(days=5)).replace(hour=6, minute=0, second=0, microsecond=0)

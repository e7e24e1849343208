"""The door: who may see what, asked in one place. PostgreSQL asks the same again (``policy.wall``).

``admit`` gives one row or raises NotFound; ``visible`` narrows a query; ``audience`` names who may be told;
``explain`` says why a door is open. Absent and forbidden look alike.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar, cast
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from opencets.errors import NotFound
from opencets_web.accounts.models import READING_ROLES
from opencets_web.accounts.statements import Statement, ask
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import BetweenTwo, Grant, GrantState, Guarded, Holding
from opencets_web.policy.rules import LEVELS, level_of

M = TypeVar("M", bound=Model)


def _live_grants(actor: Actor) -> QuerySet[Grant]:
    now = timezone.now()
    mine = Q(to_officer_id=actor.officer_id)
    if actor.reads_cases:
        mine |= Q(to_agency_id=actor.agency_id)
    return Grant.objects.filter(mine, state=GrantState.OPEN, withdrawn_at=None, granted_at__lte=now, expires_at__gt=now)


def _opens(actor: Actor, holding: str, agency: str) -> Q:
    granted = Q(**{f"{holding}__in": _live_grants(actor).values("holding_id")})
    if not actor.reads_cases:
        return granted
    own = Q(**{agency: actor.agency_id}) & ~Q(
        **{f"{holding}__in": Holding.objects.filter(agency_id=actor.agency_id, restricted=True).values("id")}
    )
    return own | granted


def visible(actor: Actor, rows: QuerySet[M]) -> QuerySet[M]:
    """The rows of a guarded model that the actor may see; TypeError for a model without a Holding."""
    model = rows.model
    if issubclass(model, Guarded):
        opened = rows.filter(_opens(actor, "holding_id", "agency_id"))
        own_business, personal = model.own_business(actor.agency_id), model.personal(actor.officer_id)
        for kept in (own_business, personal):
            opened = opened if kept is None else opened.filter(kept)
        return opened
    if issubclass(model, BetweenTwo):
        return rows.filter(
            _opens(actor, "left_holding_id", "left_agency_id"), _opens(actor, "right_holding_id", "right_agency_id")
        )
    if issubclass(model, Holding):
        return rows.filter(_opens(actor, "id", "agency_id"))
    raise TypeError(f"{model.__name__} stands behind no door.")


def level(actor: Actor, holding_id: UUID) -> int:
    """0 none, 1 read, 2 contribute, 3 manage."""
    holding = Holding.objects.filter(pk=holding_id).first()
    if holding is None:
        return 0
    return level_of(actor, holding, list(_live_grants(actor).filter(holding_id=holding_id)), timezone.now())


def admit(actor: Actor, rows: QuerySet[M], to: str = "read", **key: object) -> M:
    """The one row with this key, for an actor who may ``read``, ``contribute`` or ``manage``; else NotFound."""
    try:
        row = visible(actor, rows).filter(**key).first()
    except (ValueError, ValidationError):
        raise NotFound from None
    if row is None:
        raise NotFound
    holding_id = cast("UUID", row.pk if isinstance(row, Holding) else getattr(row, "holding_id", None))
    if to != "read" and (holding_id is None or level(actor, holding_id) < LEVELS[to]):
        raise NotFound
    return row


def admit_fields(actor: Actor, model: type[Model], key: UUID, *fields: str) -> tuple[Any, ...]:
    """These fields of the one row with this id, for an actor who may read it; else NotFound.

    ``admit`` for jobs that ask it for each record: the question is put into SQL once, which else takes longer than its answer.
    """
    sql, places = _question(model, fields, actor.reads_cases)
    given = {_OFFICER: actor.officer_id, _AGENCY: actor.agency_id, _KEY: key, datetime: timezone.now()}
    # What stands in the question for the actor, the row and the time is found by itself; everything else is as it was put.
    (rows,) = ask(Statement(sql, [given.get(one, one) if isinstance(one, UUID | type) else one for one in places]))
    if not rows:
        raise NotFound
    return rows[0]


_OFFICER, _AGENCY, _KEY = (UUID(int=2**127 + number) for number in range(3))
"""What stands in a question where the actor's ids and the row's are put."""


@lru_cache(maxsize=64)
def _question(model: type[Model], fields: tuple[str, ...], reads_cases: bool) -> tuple[str, tuple[object, ...]]:
    """The SQL of ``visible`` for one row, and its parameters: those that differ as what stands for them."""
    roles = READING_ROLES if reads_cases else frozenset[str]()
    anybody = Actor(_OFFICER, _AGENCY, "", "", "", roles)
    rows = visible(anybody, model._default_manager.all()).filter(pk=_KEY).values_list(*fields)
    sql, parameters = rows.query.sql_with_params()
    return sql, tuple(datetime if isinstance(one, datetime) else one for one in parameters)


def audience(holding: Holding) -> list[UUID]:
    """The agencies that may be told of something in this holding: the owner, and those with a live grant."""
    now = timezone.now()
    granted = Grant.objects.filter(
        holding=holding,
        to_agency__isnull=False,
        state=GrantState.OPEN,
        withdrawn_at=None,
        granted_at__lte=now,
        expires_at__gt=now,
    ).values_list("to_agency_id", flat=True)
    return [holding.agency_id, *(agency for agency in granted if agency is not None)]


def explain(actor: Actor, holding: Holding) -> str:
    """One sentence: why this actor may see this holding, or that they may not."""
    if holding.agency_id == actor.agency_id and actor.reads_cases and not holding.restricted:
        return "Your agency owns it."
    for grant in _live_grants(actor).filter(holding=holding).select_related("agency").order_by("granted_at"):
        whom = "you" if grant.to_officer_id else "your agency"
        if grant.invited:
            return (
                f"{grant.agency.short_name} invited {whom} ({grant.level}) for: {grant.purpose}. "
                f"Until {grant.expires_at:%Y-%m-%d}."
            )
        return (
            f"{grant.agency.short_name} released it to {whom} ({grant.level}) for: {grant.purpose}. "
            f"Until {grant.expires_at:%Y-%m-%d}."
        )
    return "Not open to you."

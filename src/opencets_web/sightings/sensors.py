"""Sensors that may deliver by themselves: registered by a supervisor for a time, renewed, withdrawn and restored."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from opencets.errors import ActRefused, NotFound, ValueRefused
from opencets.packing.deliveries import sensor_id
from opencets_web.accounts.models import Role
from opencets_web.audit import log
from opencets_web.policy.actor import Actor
from opencets_web.sightings.models import Sensor, SensorState

LONGEST_DAYS = 730
LONGEST_SILENCE = 7 * 24 * 60


def may_register(actor: Actor) -> bool:
    """Whether the actor decides which machines deliver for the agency."""
    return actor.reads_cases and actor.has(Role.SUPERVISOR)


@transaction.atomic
def register_sensor(
    actor: Actor, *, name: str, key: str, authority: str, purpose: str, expires_on: date, silent_minutes: int = 60
) -> UUID:
    """Let the sensor of this key deliver for the actor's agency until a day; its id.

    ActRefused: the actor is no supervisor, the text is no key, the key is registered already, something is not said, or the day
    has passed or lies more than two years ahead.
    """
    _refuse_others(actor)
    if not name.strip():
        raise ActRefused("A sensor has a name, as its settings say it.")
    said = _stated(authority, purpose, expires_on)
    if not 1 <= silent_minutes <= LONGEST_SILENCE:
        raise ActRefused(f"Silence is told after 1 to {LONGEST_SILENCE:,} minutes.")
    try:
        made = sensor_id("".join(key.split()))
    except ValueRefused as refusal:
        raise ActRefused(refusal.sentence) from None
    try:
        with transaction.atomic():
            row = Sensor.objects.create(
                id=made, agency_id=actor.agency_id, name=name.strip()[:120], key="".join(key.split()),
                silent_minutes=silent_minutes, registered_by_id=actor.officer_id, registered_at=timezone.now(), **said,
            )  # fmt: skip
    except IntegrityError:
        raise ActRefused("A sensor with this key is registered already.") from None
    SensorState.objects.create(sensor=row, agency_id=actor.agency_id)
    _log("sensor.registered", actor, row, key=row.key)
    return row.id


@transaction.atomic
def renew_sensor(actor: Actor, sensor: UUID, *, authority: str, purpose: str, expires_on: date) -> str:
    """Give a sensor another authority and day; its name. ActRefused as ``register_sensor``."""
    row = _sensor_for(actor, sensor)
    for name, value in _stated(authority, purpose, expires_on).items():
        setattr(row, name, value)
    row.save(update_fields=["authority", "purpose", "expires_on"])
    _log("sensor.renewed", actor, row)
    return row.name


@transaction.atomic
def withdraw_sensor(actor: Actor, sensor: UUID) -> str:
    """Take nothing from a sensor any more; its name. What it delivered stays."""
    row = _sensor_for(actor, sensor)
    if row.withdrawn_at is not None:
        raise ActRefused("It is withdrawn already.")
    row.withdrawn_at, row.withdrawn_by_id = timezone.now(), actor.officer_id
    row.save(update_fields=["withdrawn_at", "withdrawn_by"])
    _log("sensor.withdrawn", actor, row)
    return row.name


@transaction.atomic
def restore_sensor(actor: Actor, sensor: UUID) -> str:
    """Let a withdrawn sensor deliver again, until the day that it had; its name."""
    row = _sensor_for(actor, sensor)
    if row.withdrawn_at is None:
        raise ActRefused("It may deliver; it is not withdrawn.")
    row.withdrawn_at = row.withdrawn_by_id = None
    row.save(update_fields=["withdrawn_at", "withdrawn_by"])
    _log("sensor.restored", actor, row)
    return row.name


def _sensor_for(actor: Actor, sensor: UUID) -> Sensor:
    if not actor.reads_cases:
        raise NotFound
    row = Sensor.objects.select_for_update().filter(pk=sensor, agency_id=actor.agency_id).first()
    if row is None:
        raise NotFound
    _refuse_others(actor)
    return row


def _refuse_others(actor: Actor) -> None:
    if not actor.reads_cases:
        raise NotFound
    if not may_register(actor):
        raise ActRefused("A supervisor decides which sensors deliver for the agency.")


def _stated(authority: str, purpose: str, expires_on: date) -> dict[str, str | date]:
    if not (authority.strip() and purpose.strip()):
        raise ActRefused("Say by which order or law the sensor observes, and for which purpose.")
    today = timezone.now().date()
    if not today <= expires_on <= today + timedelta(days=LONGEST_DAYS):
        raise ActRefused(f"The last day lies between today and {LONGEST_DAYS} days from now.")
    return {"authority": authority.strip()[:300], "purpose": purpose.strip()[:300], "expires_on": expires_on}


def _log(verb: str, actor: Actor, row: Sensor, **more: str) -> None:
    said = {
        "name": row.name,
        "authority": row.authority,
        "purpose": row.purpose,
        "until": row.expires_on.isoformat(),
        **more,
    }
    log.record(verb, actor, subject=f"sensor:{row.id}", details=said)

"""Reading an agency's sensors for a page: each with its state in words, what it says is wrong, and its last day by the hour."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Extract, Floor, Now
from django.utils import timezone

from opencets.errors import NotFound
from opencets_web.audit import log
from opencets_web.policy.actor import Actor
from opencets_web.sightings.models import FileState, Sensor, SensorState, SightingFile
from opencets_web.sightings.queries import Tab, tabs
from opencets_web.sightings.sensors import may_register
from opencets_web.ui.templatetags.ui import duration

HOURS = 24
WARNED_DAYS = 7
BAR, HIGH = 5, 20
"""Width and height of the picture of an hour, in its units."""


@dataclass(frozen=True, slots=True)
class Bar:
    """The sightings of one hour, as a bar."""

    x: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class SensorRow:
    """A sensor in the list."""

    id: UUID
    name: str
    key: str
    state: str
    tone: str
    heard_at: dt.datetime | None
    alerts: tuple[str, ...]
    parts: int
    sightings: int
    refused: int
    bars: tuple[Bar, ...]
    picture: str
    """The picture in words."""
    parts_ever: int
    sightings_ever: int
    waiting: int
    clock: str
    software: str
    authority: str
    purpose: str
    expires_on: dt.date
    silent_minutes: int
    registered_by: str
    registered_at: dt.datetime
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class SensorsPage:
    """The sensors of an agency, those with something to say first."""

    tabs: tuple[Tab, ...]
    rows: tuple[SensorRow, ...]
    agency_id: UUID
    may: bool


def get_sensors(actor: Actor) -> SensorsPage:
    """The sensors of the actor's agency. NotFound: the actor reads no cases."""
    if not actor.reads_cases:
        raise NotFound
    log.record("sensors.listed", actor)
    now = timezone.now()
    states = {row.sensor_id: row for row in SensorState.objects.filter(agency_id=actor.agency_id)}
    hours = _hours(actor)
    sensors = Sensor.objects.filter(agency_id=actor.agency_id).select_related("registered_by").order_by("name", "id")
    rows = [_row(sensor, states[sensor.id], hours.get(sensor.id, {}), now) for sensor in sensors]
    rows.sort(key=lambda row: (row.withdrawn, not row.alerts))
    return SensorsPage(tabs("sensors"), tuple(rows), actor.agency_id, may_register(actor))


def _hours(actor: Actor) -> dict[UUID, dict[int, tuple[int, int, int]]]:
    """Of each sensor by hours ago (0 to 23): parts, sightings, and parts that could not be loaded."""
    since = timezone.now() - dt.timedelta(hours=HOURS)
    found = (
        SightingFile.objects.filter(agency_id=actor.agency_id, delivered_by__isnull=False, received_at__gt=since)
        .annotate(ago=Floor(Extract(Now() - F("received_at"), "epoch") / 3600))
        .values_list("delivered_by_id", "ago")
        .annotate(parts=Count("id"), sightings=Sum("rows"), lost=Count("id", filter=Q(state=FileState.REFUSED)))
        .order_by()
    )
    by: dict[UUID, dict[int, tuple[int, int, int]]] = {}
    for sensor, ago, *counted in found:
        hours, hour = by.setdefault(sensor, {}), min(HOURS - 1, max(0, int(ago)))
        before = hours.get(hour, (0, 0, 0))
        hours[hour] = before[0] + counted[0], before[1] + counted[1], before[2] + counted[2]
    return by


def _row(sensor: Sensor, state: SensorState, hours: Mapping[int, tuple[int, int, int]], now: dt.datetime) -> SensorRow:
    health: Mapping[str, Any] = state.health or {}
    words, tone = _state(sensor, state, health, now)
    parts, sightings, refused = (sum(hour[at] for hour in hours.values()) for at in range(3))
    most = max((hour[1] for hour in hours.values()), default=0)
    offset = health.get("clock_offset_ms")
    return SensorRow(
        sensor.id, sensor.name, sensor.key, words, tone, state.heard_at, _alerts(sensor, state, health, refused, now), parts,
        sightings, refused, _bars(hours, most),
        f"Sightings by the hour, the last day: {sightings:,}, at most {most:,} in an hour.",
        state.parts, state.sightings, int(health.get("parts_waiting") or 0),
        "" if not health else "not measured" if offset is None else f"{offset} ms off", str(health.get("software") or ""),
        sensor.authority, sensor.purpose, sensor.expires_on, sensor.silent_minutes, sensor.registered_by.display_name,
        sensor.registered_at, sensor.withdrawn_at is not None,
    )  # fmt: skip


def _state(sensor: Sensor, state: SensorState, health: Mapping[str, Any], now: dt.datetime) -> tuple[str, str]:
    if sensor.withdrawn_at is not None:
        return "withdrawn", ""
    if sensor.expires_on < now.date():
        return "authority ended", "bad"
    if state.heard_at is None:
        return ("never heard", "bad") if state.silent_since else ("not heard yet", "info")
    if state.silent_since is not None:
        return "silent", "bad"
    if health.get("ended"):
        return "stopped", "warn"
    return f"heard {duration((now - state.heard_at).total_seconds())} ago", "good"


def _alerts(
    sensor: Sensor, state: SensorState, health: Mapping[str, Any], refused: int, now: dt.datetime
) -> tuple[str, ...]:
    """What is wrong, in sentences: what we noticed first, then what the sensor itself says."""
    told = []
    days = (sensor.expires_on - now.date()).days
    if sensor.withdrawn_at is None:
        if state.silent_since is not None and state.heard_at is not None:
            told.append(f"Silent since {state.silent_since:%Y-%m-%d %H:%M} UTC; it had not said that it stops.")
        elif state.silent_since is not None:
            told.append(f"Never heard since it was registered on {sensor.registered_at:%Y-%m-%d %H:%M} UTC.")
        if days < 0:
            told.append(f"Its authority ended on {sensor.expires_on}; nothing is taken from it until it is renewed.")
        elif days < WARNED_DAYS:
            when = "today" if not days else "tomorrow" if days == 1 else f"in {days} days"
            told.append(f"Its authority ends {when}.")
    if state.refused_at is not None:
        told.append(f"{state.refused_why} ({state.refused_at:%Y-%m-%d %H:%M} UTC)")
    if lost := int(health.get("parts_refused") or 0):
        told.append(f"{lost:,} of its parts were refused here and are kept on its machine; its “status” says why.")
    if refused:
        told.append(f"{refused:,} of its parts could not be loaded; “Received” says why.")
    if sensor.withdrawn_at is None:
        told += [str(one) for one in health.get("alerts") or ()]
    return tuple(told)


def _bars(hours: Mapping[int, tuple[int, int, int]], most: int) -> tuple[Bar, ...]:
    """Oldest hour first; an hour with a part and no sighting has a line."""
    bars = []
    for ago, (_, sightings, _) in sorted(hours.items(), reverse=True):
        height = round(max(1.0, HIGH * sightings / most) if most else 1.0, 1)
        bars.append(Bar((HOURS - 1 - ago) * BAR, round(HIGH - height, 1), height))
    return tuple(bars)

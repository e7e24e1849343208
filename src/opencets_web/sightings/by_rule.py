"""What happens to sensors by rule, without an officer: silence is told once, and what was delivered does not stay lying.

It goes through the sensors of all agencies, so it is done behind the blind door; what it finds leaves only as a mark on the
sensor's own row, a word to its own agency and a job that acts as the sensor.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from opencets_web.audit import log, outbox
from opencets_web.policy.blind import across_holdings
from opencets_web.ui.notify import tell

_SILENT = (
    "update sightings_sensorstate t set silent_since = coalesce(t.heard_at, s.registered_at) from sightings_sensor s"
    " where s.id = t.sensor_id and t.silent_since is null and s.withdrawn_at is null"
    " and s.expires_on >= (%(now)s at time zone 'utc')::date and coalesce(t.health ->> 'ended', '') <> 'true'"
    " and coalesce(t.heard_at, s.registered_at) < %(now)s - make_interval(mins => s.silent_minutes)"
    " returning s.id, s.agency_id, t.silent_since"
)
_LEFT = (
    "select distinct delivered_by_id from sightings_sightingfile where delivered_by_id is not null"
    " and state in ('waiting', 'loading') and received_at < %s"
)
LEFT_MINUTES = 2


@dataclass(frozen=True, slots=True)
class _ByRule:
    """Nobody, for an agency: who stands in its log where a rule acted."""

    agency_id: UUID
    officer_id: None = None
    purpose: str = ""
    otherwise: str = ""
    asks: bool = False
    renews: bool = False
    address: str = ""


@transaction.atomic
def look_for_silence() -> int:
    """Mark each sensor that is silent for too long, and tell its agency, once a silence; how many. Again without harm.

    One that said that it stops, was withdrawn or whose authority ended is expected to be silent.
    """
    with across_holdings():
        with connection.cursor() as cursor:
            cursor.execute(_SILENT, {"now": timezone.now()})
            rows = cursor.fetchall()
        for sensor, agency, since in rows:
            log.record(
                "sensor.silent",
                _ByRule(agency),
                subject=f"sensor:{sensor}",
                details={"since": since.isoformat(timespec="seconds")},
            )
            tell(f"agency:{agency}", "sensor", sensor)
    return len(rows)


@transaction.atomic
def load_left() -> int:
    """Ask again for the loading of what was delivered minutes ago and still waits; of how many sensors.

    A job that begins just as a part is kept does not see it, and the part asked for no other while that job waited.
    """
    with across_holdings(), connection.cursor() as cursor:
        cursor.execute(_LEFT, [timezone.now() - timedelta(minutes=LEFT_MINUTES)])
        found = [sensor for (sensor,) in cursor.fetchall()]
    for sensor in found:
        outbox.post("sightings.delivered", sensor_id=str(sensor))
    return len(found)

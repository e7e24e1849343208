"""What happens by rule, without an officer: silence becomes a fault, and what was kept long enough is let go.

It goes through all files at once, so it is done behind the blind door; what it finds leaves only as rows of the file it is of.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from opencets_web.accounts.ids import new_id
from opencets_web.audit import log
from opencets_web.policy.blind import across_holdings
from opencets_web.supervision.models import Entry, Fault, FaultKind, Hit
from opencets_web.supervision.receiving import dropped
from opencets_web.ui.notify import tell

SILENT_SECONDS = int(os.environ.get("OPENCETS_ABSENT_SECONDS", "60"))
NEVER_HEARD_HOURS = 24
"""So long an order may be in force before its agent is heard for the first time: somebody has to bring it to the device."""
HEARTBEAT_DAYS = 2
ROWS_AT_ONCE = 500
OTHER_DAYS = 90
"""So long the body of what is neither hit nor heartbeat is kept where no condition of its order says less;
and that of a hit which could not be read, so that no condition is known."""

_SILENT = (
    "select d.id, d.holding_id, d.agency_id, d.person_id, d.name, p.in_charge_id, p.reviewer_id, s.received_at, s.last_seq,"
    " greatest(o.signed_at, o.begins_at)"
    " from supervision_device d join supervision_devicestate s on s.device_id = d.id"
    " join supervision_supervisedperson p on p.id = d.person_id"
    " join supervision_order o on o.device_id = d.id and o.state = 'signed'"
    " where d.ended_at is null and s.absent_since is null and not s.stopped"
    " and (s.received_at < %s or (s.received_at is null and greatest(o.signed_at, o.begins_at) < %s))"
    " and o.begins_at <= %s and o.ends_at > %s for update of s"
)


@transaction.atomic
def look_for_absence() -> int:
    """A fault for each device under an order in force that has been silent for too long, once; how many. Again without harm."""
    now = timezone.now()
    with across_holdings():
        with connection.cursor() as cursor:
            silent, never = now - timedelta(seconds=SILENT_SECONDS), now - timedelta(hours=NEVER_HEARD_HOURS)
            cursor.execute(_SILENT, [silent, never, now, now])
            rows = cursor.fetchall()
            if not rows:
                return 0
            cursor.execute(
                "update supervision_devicestate set absent_since = coalesce(received_at, %s) where device_id = any (%s)",
                [now, [row[0] for row in rows]],
            )
        Fault.objects.bulk_create(
            [
                Fault(
                    id=new_id(), holding_id=holding, agency_id=agency, person_id=person, device_id=device,
                    kind=FaultKind.ABSENT, seq=seq, mark=f"absent-{seq}-{heard or signed:%Y%m%dT%H%M%S}", at=now,
                    sentence=_silence(name, heard, signed),
                )
                for device, holding, agency, person, name, _, _, heard, seq, signed in rows
            ],
            ignore_conflicts=True,
        )  # fmt: skip
        for device, holding, agency, _, _, charge, reviewer, *_ in rows:
            log.record(
                "faults.noticed",
                None,
                holding=(holding, agency),
                subject=f"device:{device}",
                details={"kinds": ["absent"]},
            )
            for officer in {charge, reviewer} - {None}:
                tell(f"officer:{officer}", "device", device)
    return len(rows)


def _silence(name: str, heard: datetime | None, signed: datetime) -> str:
    if heard is None:
        return f"{name} was never heard, though its order is in force since {signed:%Y-%m-%d %H:%M} UTC."
    return f"Nothing was heard of {name} since {heard:%Y-%m-%d %H:%M:%S} UTC; it had not said that it stops."


def delete_by_rule() -> int:
    """Let go what was kept as long as its condition says, some hundred at a time; how many hits. Again without harm.

    The words of a hit, its screenshot and its entry go; its number in the chain, its digest and its reviews stay.
    """
    deleted = 0
    while done := _delete_some():
        deleted += done
    while _delete_bodies():
        pass
    return deleted


@transaction.atomic
def _delete_some() -> int:
    now = timezone.now()
    with across_holdings():
        rows = Hit.objects.select_for_update().filter(deleted_at=None, kept=False, delete_on__lte=now.date())
        hits = list(rows.order_by("delete_on")[:ROWS_AT_ONCE])
        for hit in hits:
            hit.said, hit.deleted_at = {}, now
            hit.save(update_fields=["said", "deleted_at"])
            _let_go(Entry.objects.filter(device_id=hit.device_id, seq__in=[hit.seq, hit.screenshot_seq or 0]))
        for holding in sorted({(hit.holding_id, hit.agency_id) for hit in hits}):
            count = sum((hit.holding_id, hit.agency_id) == holding for hit in hits)
            log.record("hits.deleted", None, holding=holding, details={"count": count})
    return len(hits)


@transaction.atomic
def _delete_bodies() -> int:
    """Bodies of heartbeats after two days, and of the rest after the shortest time that a condition of the order says."""
    now = timezone.now()
    with across_holdings(), connection.cursor() as cursor:
        cursor.execute(
            "select e.id from supervision_entry e where e.deleted_at is null and ((e.kind = 'heartbeat' and e.received_at < %s)"
            " or (e.kind not in ('hit', 'screenshot', 'heartbeat') and not exists"
            " (select 1 from supervision_hit h where h.device_id = e.device_id and h.seq = e.seq)"
            " and e.received_at < now() - make_interval(days => coalesce("
            "(select min(c.retention_days) from supervision_condition c join supervision_order o on o.id = c.order_id"
            " where o.order_ref = e.order_ref and o.version = e.order_version and c.removed_at is null), %s)))"
            " or (e.kind = 'screenshot' and e.received_at < now() - interval '1 day' and not exists"
            " (select 1 from supervision_hit h where h.device_id = e.device_id and h.screenshot_seq = e.seq))"
            " or (e.kind = 'hit' and e.received_at < %s and not exists"
            " (select 1 from supervision_hit h where h.device_id = e.device_id and h.seq = e.seq))) limit %s",
            [now - timedelta(days=HEARTBEAT_DAYS), OTHER_DAYS, now - timedelta(days=OTHER_DAYS), ROWS_AT_ONCE],
        )  # fmt: skip
        found = [row[0] for row in cursor.fetchall()]
        _let_go(Entry.objects.filter(pk__in=found))
    return len(found)


def _let_go(entries: object) -> None:
    now = timezone.now()
    for entry in entries.filter(deleted_at=None):  # type: ignore[attr-defined]
        entry.body, entry.deleted_at = dropped(entry.body), now
        entry.save(update_fields=["body", "deleted_at"])


def files_to_join() -> list[tuple[str, str]]:
    """Of each file with hits that were judged as meant and stand in no exhibit: its reference, and the officer in charge."""
    with transaction.atomic(), across_holdings(), connection.cursor() as cursor:
        cursor.execute(
            "select distinct p.reference, p.in_charge_id::text from supervision_hit h join supervision_supervisedperson p"
            " on p.id = h.person_id where h.joined_at is null and h.deleted_at is null and h.state = 'done'"
            " and h.verdict in ('watch', 'breach') and h.collector not in ('drive', 'account') order by 1"
        )
        return [(reference, officer) for reference, officer in cursor.fetchall()]

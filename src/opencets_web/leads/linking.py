"""Linking cases: search the ties from every case that new records touch, keep the connections, tell those who may be told.

One of the files that may use the blind door. The search of a case is complete (from its whole boundary), so the connections of a
case are exactly those of its last search: what is not found again is retired, for instance because a value turned generic.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.utils import timezone

from opencets.linking.explain import explain_path, explain_tie
from opencets.linking.paths import Path, Tie, combined, search
from opencets.ranking.strength import strength
from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency
from opencets_web.audit import log
from opencets_web.cases.models import Case
from opencets_web.evidence.models import Exhibit, Record
from opencets_web.leads.models import Alert, AlertKind, Connection, Pointer, PointerSecret
from opencets_web.leads.ties import DatabaseTies
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.blind import across_holdings
from opencets_web.policy.models import Disclosure, Holding
from opencets_web.ui.notify import tell

MODEL = "paths-1"
MAX_HOPS = 3
MAX_BITS = 6.0
"""A path of less than 1 in 64 is kept for nobody."""
ALERT_STRENGTH = 8.0


def link_exhibit(actor: Actor, exhibit_id: UUID) -> int:
    """Search again from the case of an exhibit and from every case its new records touch; how many alerts were raised."""
    exhibit = door.admit(actor, Exhibit.objects.select_related("case"), "contribute", pk=exhibit_id)
    with across_holdings():
        affected = _affected(exhibit.case_id)
        raised = _link_cases(affected)
        now = timezone.now()
        Record.objects.filter(exhibit=exhibit, linked_at=None).update(linked_at=now)
        Exhibit.objects.filter(pk=exhibit.pk).update(linked_at=now)
    log.record(
        "connection.found",
        actor,
        holding=(exhibit.holding_id, exhibit.agency_id),
        subject=f"exhibit:{exhibit.case.reference}/{exhibit.reference}",
        details={"cases_searched": len(affected), "alerts": raised},
    )
    tell(f"case:{exhibit.case_id}", "connections", exhibit.id)
    return raised


def link_records(actor: Actor, record_ids: Sequence[UUID]) -> int:
    """Search again from the cases of these records and those within reach: after a judgement."""
    with across_holdings():
        cases = list(Record.objects.filter(id__in=record_ids).values_list("case_id", flat=True).distinct())
        affected = sorted({case for start in cases for case in _affected(start)})
        raised = _link_cases(affected)
    log.record("connection.found", actor, details={"cases_searched": len(affected), "alerts": raised})
    return raised


def tell_anew(holding_id: UUID) -> None:
    """What a case's connections tell each side is decided again: after a release or its withdrawal."""
    with across_holdings():
        rows = Connection.objects.filter(retired_at=None).filter(through__contains=[holding_id]) | Connection.objects.filter(
            retired_at=None, left_holding_id=holding_id
        ) | Connection.objects.filter(retired_at=None, right_holding_id=holding_id)
        for row in rows.select_related("left_case", "right_case"):
            _tell_both(row)


def _affected(case_id: UUID) -> list[UUID]:
    """The case, every case that holds one of its linking values (also one that just turned generic), and theirs in turn."""
    reached = {case_id}
    layer = {case_id}
    for _ in range(MAX_HOPS - 1):
        with database.cursor() as cursor:
            cursor.execute(
                """
                select distinct o.case_id from evidence_claim c
                join entities_identifier i on i.kind = c.kind and i.normal = c.normal and i.cases_count between 2 and 12
                join evidence_claim o on o.kind = c.kind and o.normal = c.normal
                where c.case_id = any(%s::uuid[]) and c.normal is not null
                union
                select r.case_id from media_media m join media_nearduplicate d on d.left_id = m.id
                  join media_media r on r.id = d.right_id where m.case_id = any(%s::uuid[]) and m.cases_count <= 12
                union
                select l.case_id from media_media m join media_nearduplicate d on d.right_id = m.id
                  join media_media l on l.id = d.left_id where m.case_id = any(%s::uuid[]) and m.cases_count <= 12
                union
                select b.case_id from evidence_record a join entities_match x on x.left_id = a.id
                  join evidence_record b on b.id = x.right_id where a.case_id = any(%s::uuid[])
                union
                select b.case_id from evidence_record a join entities_match x on x.right_id = a.id
                  join evidence_record b on b.id = x.left_id where a.case_id = any(%s::uuid[])
                """,
                [list(layer)] * 5,
            )
            layer = {row[0] for row in cursor.fetchall()} - reached
        if not layer:
            break
        reached |= layer
    return sorted(reached)


@dataclass(slots=True)
class _Found:
    """What connects two cases through the same intermediate holdings: paths oriented from the lower case id."""

    left: UUID
    right: UUID
    through: tuple[UUID, ...]
    paths: list[Path]


def _link_cases(case_ids: Sequence[UUID]) -> int:
    raised = 0
    for case_id in case_ids:
        raised += _link_case(case_id)
    return raised


def _link_case(case_id: UUID) -> int:
    ties = DatabaseTies()
    starts = ties.boundary(case_id)
    result = search(starts, ties, group_of=ties.group_of, max_hops=MAX_HOPS, max_bits=MAX_BITS) if starts else None
    found: dict[tuple[UUID, UUID, tuple[UUID, ...]], _Found] = {}
    for reached in result.connections if result else ():
        for path in reached.paths:
            other = UUID(reached.group)
            oriented = path if case_id < other else _turned(path)
            left, right = sorted((case_id, other))
            ends = {ties.holding[oriented.records[0]][0], ties.holding[oriented.records[-1]][0]}
            through = tuple(sorted({ties.holding[record][0] for record in oriented.records} - ends))
            found.setdefault((left, right, through), _Found(left, right, through, [])).paths.append(oriented)
    kept = _keep(case_id, list(found.values()), ties)
    return sum(_tell_both(row) for row in kept)


def _turned(path: Path) -> Path:
    return Path(
        tuple(tie.turned() for tie in reversed(path.ties)), tuple(reversed(path.groups)), path.bits, path.hops, path.probability
    )


def _keep(case_id: UUID, found: Sequence[_Found], ties: DatabaseTies) -> list[Connection]:
    """Rows for what was found; those that are new or changed. What this case's search did not find again is retired."""
    now = timezone.now()
    standing = {
        (row.left_case_id, row.right_case_id, tuple(row.through)): row
        for row in (Connection.objects.filter(left_case_id=case_id) | Connection.objects.filter(right_case_id=case_id))
    }
    told: list[Connection] = []
    cases = Case.objects.in_bulk({side for one in found for side in (one.left, one.right)})
    labels = _labels({record for one in found for path in one.paths for record in path.records})
    for one in found:
        one.paths.sort(key=lambda path: (path.bits, path.hops, path.records))
        digest = _digest(one.paths)
        row = standing.pop((one.left, one.right, one.through), None)
        if row is not None and row.digest == digest and row.retired_at is None:
            continue
        fields = _fields(one, labels, digest, now)
        if row is None:
            row = Connection(
                id=new_id(),
                left_case_id=one.left,
                right_case_id=one.right,
                left_holding_id=cases[one.left].holding_id,
                left_agency_id=cases[one.left].agency_id,
                right_holding_id=cases[one.right].holding_id,
                right_agency_id=cases[one.right].agency_id,
                through=list(one.through),
                found_at=now,
                **fields,
            )
            row.save(force_insert=True)
        else:
            for name, value in fields.items():
                setattr(row, name, value)
            row.save(update_fields=list(fields))
        told.append(row)
    gone = [row.id for row in standing.values() if row.retired_at is None]
    Connection.objects.filter(id__in=gone).update(retired_at=now)
    return told


def _fields(one: _Found, labels: dict[str, _Label], digest: str, now: datetime) -> dict[str, Any]:
    best = one.paths[0]
    kinds = sorted({tie.kind for tie in best.ties})
    newest = max((labels[record].at for record in best.records if labels[record].at), default=None)
    days = None if newest is None else max(0.0, (now - newest).total_seconds() / 86_400)
    probability = combined(one.paths)
    judged = strength(probability, kinds, best.hops, days)
    return {
        "kinds": kinds,
        "hops": best.hops,
        "bits": best.bits,
        "probability": probability,
        "strength": judged.score,
        "sentence": explain_path(best, lambda record: labels[record].text).sentence,
        "paths": [_as_json(path, labels) for path in one.paths],
        "digest": digest,
        "model": f"{MODEL}/{judged.model}",
        "changed_at": now,
        "retired_at": None,
    }


@dataclass(frozen=True, slots=True)
class _Label:
    text: str
    label: str
    kind: str
    case: str
    where: str
    at: datetime | None


def _labels(records: Iterable[str]) -> dict[str, _Label]:
    rows = Record.objects.filter(id__in=[UUID(record) for record in records]).select_related("case", "exhibit", "file")
    return {
        str(row.id): _Label(
            f"{row.label[:60]} ({row.case.reference})",
            row.label[:120],
            row.kind,
            row.case.reference,
            f"{row.exhibit.reference} › {' › '.join(row.file.path)}" + (f" › {row.place}" if row.place else ""),
            row.at,
        )
        for row in rows
    }


def _as_json(path: Path, labels: dict[str, _Label]) -> dict[str, Any]:
    """A path as kept: every step names its records, its claims, and says why in a sentence."""
    return {
        "bits": round(path.bits, 3),
        "hops": path.hops,
        "probability": round(path.probability, 4),
        "steps": [_step(tie, labels) for tie in path.ties],
    }


def _step(tie: Tie, labels: dict[str, _Label]) -> dict[str, Any]:
    sides = {}
    for side, record, claim in (("left", tie.left, tie.left_claim), ("right", tie.right, tie.right_claim)):
        label = labels[record]
        sides[side] = {
            "record": record, "claim": claim, "label": label.label, "kind": label.kind, "case": label.case, "where": label.where,
        }  # fmt: skip
    return {"kind": tie.kind, "value": tie.value, "bits": round(tie.bits, 3), "sentence": explain_tie(tie), **sides}


def _digest(paths: Sequence[Path]) -> str:
    ties = sorted((tie.kind, tie.value, *sorted((tie.left, tie.right))) for path in paths for tie in path.ties)
    return sha256(json.dumps(ties).encode()).hexdigest()[:32]


def _tell_both(row: Connection) -> int:
    """Alerts for both sides of a connection, each as far as it may be told; how many were new."""
    raised = 0
    for mine, other in ((row.left_case_id, row.right_case_id), (row.right_case_id, row.left_case_id)):
        raised += _tell_side(row, mine, other)
    return raised


def _tell_side(row: Connection, mine: UUID, other: UUID) -> int:
    case = Case.objects.select_related("holding").get(pk=mine)
    other_case = Case.objects.select_related("holding", "agency").get(pk=other)
    hidden = [
        holding
        for holding in Holding.objects.filter(id__in=[other_case.holding_id, *row.through]).select_related("agency")
        if case.agency_id not in door.audience(holding)
    ]
    judged = strength(row.probability, row.kinds, row.hops)
    if row.strength < ALERT_STRENGTH or row.retired_at is not None:
        return 0
    now = timezone.now()
    if not hidden:
        reference = other_case.reference
        return _raise(
            Alert(
                id=new_id(),
                holding_id=case.holding_id,
                agency_id=case.agency_id,
                case=case,
                kind=AlertKind.CONNECTION,
                sentence=row.sentence,
                strength=row.strength,
                factors=[
                    {"name": factor.name, "value": factor.value, "sentence": factor.sentence} for factor in judged.factors
                ],
                connection=row,
                subject_url=f"/connections/{row.id}/",
                digest=f"connection:{reference}:{row.id}",
                raised_at=now,
            )
        )
    if any(holding.disclosure == Disclosure.SILENT for holding in hidden):
        return 0
    contact = other_case.agency if other_case.holding_id in {holding.id for holding in hidden} else hidden[0].agency
    may_request = all(holding.disclosure == Disclosure.OPEN for holding in hidden)
    pointer = _pointer(row, case, other_case, contact, may_request, now)
    return _raise(
        Alert(
            id=new_id(),
            holding_id=case.holding_id,
            agency_id=case.agency_id,
            case=case,
            kind=AlertKind.POINTER,
            sentence=f"{contact.name} holds something that connects to this case. Call {contact.contact_name}.",
            strength=50.0,
            factors=[],
            pointer=pointer,
            subject_url=f"/cases/{case.reference}/connections/",
            digest=f"pointer:{pointer.id}",
            raised_at=now,
        )
    )


def _pointer(
    row: Connection, case: Case, other: Case, contact: Agency, may_request: bool, now: datetime
) -> Pointer:
    secret = PointerSecret.objects.select_related("pointer").filter(case=case, other_case=other).first()
    if secret is not None:
        return secret.pointer
    pointer = Pointer.objects.create(
        holding_id=case.holding_id,
        agency_id=case.agency_id,
        case=case,
        other_agency=contact,
        may_request=may_request,
        made_at=now,
    )
    PointerSecret.objects.create(pointer=pointer, connection=row, case=case, other_case=other)
    return pointer


def _raise(alert: Alert) -> int:
    """One alert, told once: the same digest for the same case adds nothing."""
    if Alert.objects.filter(case_id=alert.case_id, digest=alert.digest).exists():
        return 0
    alert.save(force_insert=True)
    log.record(
        "alert.raised",
        None,
        holding=(alert.holding_id, alert.agency_id),
        subject=f"alert:{alert.id}",
        details={"kind": alert.kind},
    )
    tell(f"case:{alert.case_id}", "alert", alert.id)
    return 1

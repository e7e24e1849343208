"""Linking cases: search the ties from every case that new records touch, keep the connections, tell those who may be told.

One of the files that may use the blind door. The search of a case is complete (from its whole boundary), so the connections of a
case are exactly those of its last search: what is not found again is retired, for instance because a value turned generic.
What one connection says follows from the records of the holdings on it alone (docs/decisions/connections-for-each-reader.md).
What is told, to whom, and how often: docs/decisions/alerts.md.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import md5, sha256
from typing import Any, cast
from uuid import UUID

from django.db import connection as database
from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from opencets.linking.explain import explain_path, explain_tie
from opencets.linking.paths import Path, Tie, combined, search
from opencets.linking.rarity import default_rarity
from opencets.ranking.strength import Strength, strength
from opencets_web.accounts.ids import new_id
from opencets_web.audit import log
from opencets_web.cases.models import Assignment, Case
from opencets_web.cases.telling import tell_officers
from opencets_web.entities.models import ValueRuling
from opencets_web.evidence.models import Claim, Exhibit, Record
from opencets_web.leads.models import Alert, AlertKind, AlertThreshold, Connection, Pointer, PointerSecret
from opencets_web.leads.ties import DatabaseTies
from opencets_web.media.models import HashSet, Media
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.blind import across_holdings
from opencets_web.policy.models import Disclosure, Grant, GrantState, Holding
from opencets_web.ui.notify import tell

MODEL = "paths-2"
MAX_HOPS = 3
MAX_BITS = 6.0
"""A path of less than 1 in 64 is kept for nobody."""
ALERT_STRENGTH = 8.0


NEUTRAL = "This case connects to another case."
"""All that an alert itself keeps of a connection: the words stand on the connection, behind every door on its way."""
KNOWN_STRENGTH = 60.0
POINTER_STRENGTH = 50.0


def link_exhibit(actor: Actor, exhibit_id: UUID) -> int:
    """Search again from the case of an exhibit and from every case its new records touch; how many alerts were raised."""
    exhibit = door.admit(actor, Exhibit.objects.select_related("case"), "contribute", pk=exhibit_id)
    with across_holdings():
        _one_at_a_time()
        told = _link_cases(_affected(_records_of(exhibit)) | {exhibit.case_id})
        told += _tell_known(Media.objects.filter(file__exhibit=exhibit))
        now = timezone.now()
        Record.objects.filter(exhibit=exhibit, linked_at=None).update(linked_at=now)
        Exhibit.objects.filter(pk=exhibit.pk).update(linked_at=now)
    # The log of this case is read by its agency: how many other cases were searched or told would say what they may not know.
    log.record(
        "connection.found",
        actor,
        holding=(exhibit.holding_id, exhibit.agency_id),
        subject=f"exhibit:{exhibit.case.reference}/{exhibit.reference}",
        details={"alerts": sum(alert.case_id == exhibit.case_id for alert in _open(told))},
    )
    tell(f"case:{exhibit.case_id}", "connections", exhibit.id)
    return len(told)


def link_records(actor: Actor, record_ids: Sequence[UUID]) -> int:
    """Search again from the cases of these records and those within reach: after a judgement."""
    with across_holdings():
        _one_at_a_time()
        cases = set(Record.objects.filter(id__in=record_ids).values_list("case_id", flat=True))
        told = _link_cases(_affected(list(record_ids)) | cases)
    log.record(
        "connection.found", actor, details={"alerts": sum(alert.agency_id == actor.agency_id for alert in _open(told))}
    )
    return len(told)


def link_ruled(actor: Actor, ruling_id: UUID) -> int:
    """Search again from the cases of an agency that hold a value it ruled on, and from those that connect through it."""
    ruling = door.admit(actor, ValueRuling.objects.all(), pk=ruling_id)
    used = md5(f"{ruling.kind}:{ruling.normal}".encode(), usedforsecurity=False).hexdigest()
    with across_holdings():
        _one_at_a_time()
        held = Claim.objects.filter(kind=ruling.kind, normal=ruling.normal, record__retired_at=None)
        cases = set(held.values_list("case_id", flat=True).distinct())
        through = Connection.objects.filter(retired_at=None, uses__contains=[used])
        cases |= {case for pair in through.values_list("left_case_id", "right_case_id") for case in pair}
        told = _link_cases(cases)
    log.record(
        "connection.found", actor, details={"alerts": sum(alert.agency_id == actor.agency_id for alert in _open(told))}
    )
    return len(told)


@transaction.atomic
def search_older(most: int = 200) -> int:
    """Search again from cases whose connections an older model found, ``most`` at a time; how many cases."""
    with across_holdings():
        _one_at_a_time()
        older = Connection.objects.filter(retired_at=None).exclude(model__startswith=f"{MODEL}/")
        cases = set(older.order_by("left_case_id").values_list("left_case_id", flat=True).distinct()[:most])
        if cases:
            _link_cases(cases)
    return len(cases)


def tell_anew(holding_id: UUID) -> int:
    """Decide again what a case's connections tell each side, after a release or its withdrawal; how many alerts were raised."""
    with across_holdings():
        _one_at_a_time()
        rows = Connection.objects.filter(retired_at=None).filter(
            Q(left_holding_id=holding_id) | Q(right_holding_id=holding_id) | Q(through__contains=[holding_id])
        )
        told = _tell(list(rows), {})
        cases = {side for row in rows for side in (row.left_case_id, row.right_case_id)}
        own = set(Case.objects.filter(holding_id=holding_id).values_list("id", flat=True))
        _settle_pointers(cases | own)
        # An open page of a case that learns nothing hears nothing: to whom somebody releases what is theirs.
        partners = set(Grant.objects.filter(holding_id=holding_id).values_list("to_agency_id", flat=True)) - {None}
        theirs = Case.objects.filter(id__in=cases, agency_id__in=partners).values_list("id", flat=True)
        for case_id in own | set(theirs) | {alert.case_id for alert in told}:
            tell(f"case:{case_id}", "connections", case_id)
    return len(told)


def tell_known(hash_set_id: UUID) -> int:
    """Alerts for the known files that a hash set marked in what is kept already; how many were raised."""
    with across_holdings():
        _one_at_a_time()
        return len(_tell_known(Media.objects.filter(known_set_id=hash_set_id)))


def _one_at_a_time() -> None:
    """Two searches at once could each miss the other's half, or tell the same twice."""
    with database.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtext('opencets leads linking'))")


def _records_of(exhibit: Exhibit) -> list[UUID]:
    """The exhibit's records, also those retired by a corrected reading: what hung on them is searched again."""
    return list(Record.objects.filter(exhibit=exhibit).values_list("id", flat=True))


def _affected(record_ids: Sequence[UUID]) -> set[UUID]:
    """The cases whose connections these records can change.

    A path of three hops through a value of theirs has one end within one hop of a holder of that value, and a connection is
    found from either end: so the holders, and those one hop from them. And, however far, the cases of kept connections that
    use one of the records, or a value that is generic by now.
    """
    with database.cursor() as cursor:
        cursor.execute(
            """
            with mine as (select unnest(%(records)s::uuid[]) as id),
            held as (select distinct c.kind, c.normal from mine join evidence_claim c on c.record_id = mine.id
                     where c.normal is not null and c.kind = any(%(kinds)s)),
            shared as (select h.* from held h join entities_identifier i on i.kind = h.kind and i.normal = h.normal
                       and not i.generic and i.cases_count > 1),
            pictures as (select id from media_media where record_id in (select id from mine))
            select o.case_id from shared s join evidence_claim o on o.kind = s.kind and o.normal = s.normal
            union select m.case_id from pictures p join media_nearduplicate d on d.left_id = p.id
              join media_media m on m.id = d.right_id where not m.widely_traded
            union select m.case_id from pictures p join media_nearduplicate d on d.right_id = p.id
              join media_media m on m.id = d.left_id where not m.widely_traded
            union select r.case_id from mine join entities_match x on x.left_id = mine.id
              join evidence_record r on r.id = x.right_id
            union select r.case_id from mine join entities_match x on x.right_id = mine.id
              join evidence_record r on r.id = x.left_id
            """,
            {"records": list(record_ids), "kinds": DatabaseTies().kinds},
        )
        holders = {row[0] for row in cursor.fetchall()}
        cursor.execute(
            """
            with mine as (select unnest(%(records)s::uuid[]) as id),
            changed as (
              select replace(id::text, '-', '') as used from mine
              union select md5(c.kind || ':' || c.normal) from mine join evidence_claim c on c.record_id = mine.id
                where c.generic and c.normal is not null
              union select replace(o.record_id::text, '-', '') from mine join media_media m on m.record_id = mine.id
                join media_nearduplicate d on m.id in (d.left_id, d.right_id)
                join media_media o on o.id in (d.left_id, d.right_id) where o.widely_traded
              union select replace(o.record_id::text, '-', '') from mine join media_media m on m.record_id = mine.id
                join media_media o on o.sha256 = m.sha256 where o.widely_traded
            )
            select left_case_id, right_case_id from leads_connection
            where retired_at is null and uses && (select coalesce(array_agg(used::varchar), '{}') from changed)
            """,
            {"records": list(record_ids)},
        )
        users = {case for row in cursor.fetchall() for case in row}
        cursor.execute(
            """
            with held as (
              select distinct c.kind, c.normal from evidence_claim c
              join entities_identifier i on i.kind = c.kind and i.normal = c.normal and not i.generic and i.cases_count > 1
              where c.case_id = any(%(cases)s::uuid[]) and c.normal is not null and c.kind = any(%(kinds)s)),
            pictures as (select id from media_media
              where case_id = any(%(cases)s::uuid[]) and cases_count > 1 and not widely_traded),
            people as (select r.id from evidence_record r where r.case_id = any(%(cases)s::uuid[])
                         and r.kind in ('person', 'account'))
            select o.case_id from held h join evidence_claim o on o.kind = h.kind and o.normal = h.normal
            union select m.case_id from pictures p join media_nearduplicate d on d.left_id = p.id
              join media_media m on m.id = d.right_id
            union select m.case_id from pictures p join media_nearduplicate d on d.right_id = p.id
              join media_media m on m.id = d.left_id
            union select r.case_id from people p join entities_match x on x.left_id = p.id
              join evidence_record r on r.id = x.right_id
            union select r.case_id from people p join entities_match x on x.right_id = p.id
              join evidence_record r on r.id = x.left_id
            union select r.case_id from people p join entities_judgement x on p.id in (x.left_id, x.right_id)
              join evidence_record r on r.id in (x.left_id, x.right_id) where x.undone_at is null
            """,
            {"cases": list(holders), "kinds": DatabaseTies().kinds},
        )
        return holders | users | {row[0] for row in cursor.fetchall()}


@dataclass(slots=True)
class _Found:
    """What connects two cases through the same intermediate holdings: paths oriented from the lower case id."""

    left: UUID
    right: UUID
    through: tuple[UUID, ...]
    paths: list[Path] = field(default_factory=list)


_Key = tuple[UUID, UUID, tuple[UUID, ...]]


def _link_cases(case_ids: Collection[UUID]) -> list[Alert]:
    """Search from every one of the cases, keep what was found, tell what is new; the alerts raised."""
    ties = DatabaseTies(default_rarity().level())
    found = _found(case_ids, ties)
    searched = set(case_ids)
    # A search from the higher end alone may choose other paths: where it would change something, the lower end is asked.
    lower = {key[0] for key in _differing(searched, found)} - searched
    if lower:
        found = {key: one for key, one in found.items() if key[0] not in lower}
        found |= {key: one for key, one in _found(lower, ties).items() if key[0] in lower and key[1] in searched}
    changed, strengths = _keep(searched, found)
    told = _tell(changed, strengths)
    _settle_pointers(case_ids)
    return told


def _found(case_ids: Collection[UUID], ties: DatabaseTies) -> dict[_Key, _Found]:
    """What connects the cases with others; found from both ends, the lower end's paths stand, whichever exhibit came last."""
    boundaries = ties.boundaries(sorted(case_ids))
    list(ties.ties_of(sorted({record for starts in boundaries.values() for record in starts})))
    found: dict[_Key, _Found] = {}
    for case_id in sorted(case_ids):
        for one in _search(case_id, boundaries[case_id], ties):
            found.setdefault((one.left, one.right, one.through), one)
    return found


def _search(case_id: UUID, starts: Sequence[str], ties: DatabaseTies) -> list[_Found]:
    if not starts:
        return []
    found: dict[_Key, _Found] = {}
    result = search(
        starts, ties, group_of=ties.group_of, held_by=ties.held_by, max_hops=MAX_HOPS, max_bits=MAX_BITS
    )  # fmt: skip
    for reached in result.connections:
        left, right = sorted((case_id, UUID(reached.group)))
        for path in reached.paths:
            oriented = path if left == case_id else _turned(path)
            holdings = [ties.holding[record][0] for record in oriented.records]
            through = tuple(sorted(set(holdings[1:-1]) - {holdings[0], holdings[-1]}))
            found.setdefault((left, right, through), _Found(left, right, through)).paths.append(oriented)
    for one in found.values():
        one.paths.sort(key=lambda path: (path.bits, path.hops, path.records))
    return list(found.values())


def _differing(searched: set[UUID], found: dict[_Key, _Found]) -> list[_Key]:
    """What was found and stands otherwise or not at all, and what stands and was not found again."""
    touching = Q(left_case_id__in=searched) | Q(right_case_id__in=searched)
    rows = Connection.objects.filter(touching, retired_at=None, model__startswith=f"{MODEL}/")
    standing: dict[_Key, str] = {
        (left, right, cast("tuple[UUID, ...]", tuple(through))): digest
        for left, right, through, digest in rows.values_list("left_case_id", "right_case_id", "through", "digest")
    }
    return [
        *(key for key, one in found.items() if standing.get(key) != _digest(one.paths)),
        *(key for key in standing if key not in found),
    ]


def _turned(path: Path) -> Path:
    return Path(
        tuple(tie.turned() for tie in reversed(path.ties)),
        tuple(reversed(path.groups)),
        path.bits,
        path.hops,
        path.probability,
    )


def _keep(searched: set[UUID], found: dict[_Key, _Found]) -> tuple[list[Connection], dict[UUID, Strength]]:
    """Rows for what was found; those that are new or changed, with their strengths. What was not found again is retired."""
    now = timezone.now()
    rows = Connection.objects.filter(Q(left_case_id__in=searched) | Q(right_case_id__in=searched)).defer(
        "paths", "factors"
    )
    standing = {(row.left_case_id, row.right_case_id, tuple(row.through)): row for row in rows}
    digests = {key: _digest(one.paths) for key, one in found.items()}
    new = {
        key: one
        for key, one in found.items()
        if key not in standing
        or standing[key].digest != digests[key]
        or standing[key].retired_at is not None
        or not standing[key].model.startswith(f"{MODEL}/")
    }
    cases = Case.objects.in_bulk({side for one in new.values() for side in (one.left, one.right)})
    labels = _labels({record for one in new.values() for path in one.paths for record in path.records})
    made: list[Connection] = []
    changed: list[Connection] = []
    strengths: dict[UUID, Strength] = {}
    for key, one in new.items():
        row = standing.get(key)
        judged, fields = _fields(one, labels, digests[key], now)
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
            made.append(row)
        else:
            for name, value in fields.items():
                setattr(row, name, value)
            changed.append(row)
        strengths[row.id] = judged
    Connection.objects.bulk_create(made, batch_size=500)
    if changed:
        Connection.objects.bulk_update(changed, list(fields), batch_size=200)
    gone = [row.id for key, row in standing.items() if key not in found and row.retired_at is None]
    Connection.objects.filter(id__in=gone).update(retired_at=now)
    return made + changed, strengths


def _fields(one: _Found, labels: dict[str, _Label], digest: str, now: datetime) -> tuple[Strength, dict[str, Any]]:
    best = one.paths[0]
    kinds = sorted({tie.kind for tie in best.ties})
    newest = max((at for record in best.records if (at := labels[record].at)), default=None)
    days = None if newest is None else max(0.0, (now - newest).total_seconds() / 86_400)
    probability = combined(one.paths)
    judged = strength(probability, kinds, best.hops, days)
    return judged, {
        "kinds": kinds,
        "hops": best.hops,
        "bits": best.bits,
        "probability": probability,
        "strength": judged.score,
        "sentence": explain_path(best, lambda record: labels[record].text).sentence,
        "factors": [asdict(factor) for factor in judged.factors],
        "paths": [_as_json(path, labels) for path in one.paths],
        "uses": _uses(one.paths),
        "digest": digest,
        "model": f"{MODEL}/{judged.model}",
        "changed_at": now,
        "retired_at": None,
    }


def _uses(paths: Sequence[Path]) -> list[str]:
    records = {record.replace("-", "") for path in paths for record in path.records}
    values = {
        md5(f"{tie.kind}:{tie.value}".encode(), usedforsecurity=False).hexdigest()
        for path in paths
        for tie in path.ties
    }
    return sorted(records | values)


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
    ties = sorted(
        (tie.kind, tie.value, *sorted((tie.left, tie.right)), round(tie.bits, 6)) for path in paths for tie in path.ties
    )
    return sha256(json.dumps(ties).encode()).hexdigest()[:32]


@dataclass(slots=True)
class _Audience:
    """Who may be told of what: read once for all the connections of a job."""

    cases: dict[UUID, Case]
    by_holding: dict[UUID, Case]
    told: dict[UUID, set[UUID]]
    pointers: dict[tuple[UUID, UUID], Pointer]

    def hidden(self, case: Case, row: Connection) -> list[Case]:
        """The cases on the way to the other side whose holding the case's agency may not see; the other side first."""
        other = self.other(case, row)
        return [one for one in (other, *self.between(row)) if case.agency_id not in self.told[one.holding_id]]

    def foreign(self, case: Case, row: Connection) -> list[Case]:
        """The cases on the way to the other side that belong to other agencies, released or not."""
        others = (self.other(case, row), *self.between(row))
        return [one for one in others if one.agency_id != case.agency_id]

    def closed(self, case: Case, row: Connection) -> bool:
        """Whether a case of the agency on the way is closed to its own officers: they learn of nothing through it."""
        others = (self.other(case, row), *self.between(row))
        return any(one.agency_id == case.agency_id and one.holding.restricted for one in others)

    def between(self, row: Connection) -> list[Case]:
        return [self.by_holding[cast("UUID", holding)] for holding in row.through]

    def other(self, case: Case, row: Connection) -> Case:
        return self.cases[row.right_case_id if row.left_case_id == case.id else row.left_case_id]


def _audience(rows: Sequence[Connection]) -> _Audience:
    wanted = Case.objects.select_related("holding", "agency")
    between = {holding for row in rows for holding in row.through}
    ends = {side for row in rows for side in (row.left_case_id, row.right_case_id)}
    found = list(wanted.filter(Q(id__in=ends) | Q(holding_id__in=between)))
    told = {case.holding_id: {case.agency_id} for case in found}
    now = timezone.now()
    grants = Grant.objects.filter(
        holding_id__in=told,
        to_agency__isnull=False,
        state=GrantState.OPEN,
        withdrawn_at=None,
        granted_at__lte=now,
        expires_at__gt=now,
    )
    for holding, agency in grants.values_list("holding_id", "to_agency_id"):
        if agency is not None:
            told[holding].add(agency)
    secrets = PointerSecret.objects.filter(case_id__in=ends).select_related("pointer")
    return _Audience(
        {case.id: case for case in found},
        {case.holding_id: case for case in found},
        told,
        {(secret.case_id, secret.other_case_id): secret.pointer for secret in secrets},
    )


def _tell(rows: Sequence[Connection], strengths: dict[UUID, Strength]) -> list[Alert]:
    """Alerts for both sides of each connection, each as far as it may be told; those that are new."""
    worth = sorted(
        (row for row in rows if row.strength >= ALERT_STRENGTH and row.retired_at is None),
        key=lambda row: (-row.strength, row.id),
    )
    if not worth:
        return []
    audience = _audience(worth)
    wanted: list[Alert] = []
    for row in worth:
        for side in (row.left_case_id, row.right_case_id):
            alert = _alert_for(row, audience.cases[side], audience)
            if alert is not None:
                wanted.append(alert)
    return _raise(wanted)


def _alert_for(row: Connection, case: Case, audience: _Audience) -> Alert | None:
    """What one side is told of a connection: all of it, whom to call, or nothing."""
    hidden = audience.hidden(case, row)
    foreign = audience.foreign(case, row)
    silent = any(one.holding.disclosure == Disclosure.SILENT for one in foreign) or audience.closed(case, row)
    if not hidden:
        if foreign and not silent:
            # Stands ready, unseen, for the day on which the release ends by itself.
            _pointer(row, case, foreign[0], audience)
        return _new_alert(case, AlertKind.CONNECTION, NEUTRAL, row.strength, f"connection:{row.id}", connection=row)
    if silent or hidden[0].agency_id == case.agency_id:
        return None
    pointer = _pointer(row, case, hidden[0], audience)
    contact = hidden[0].agency
    return _new_alert(
        case,
        AlertKind.POINTER,
        f"{contact.name} holds something that connects to this case. Call {contact.contact_name}.",
        POINTER_STRENGTH,
        f"pointer:{pointer.id}",
        pointer=pointer,
    )


def _pointer(row: Connection, case: Case, target: Case, audience: _Audience) -> Pointer:
    """The one pointer from a case to another agency's case, made at need; which case it is stands in the secret alone."""
    pointer = audience.pointers.get((case.id, target.id))
    if pointer is None:
        pointer = Pointer.objects.create(
            holding_id=case.holding_id,
            agency_id=case.agency_id,
            case=case,
            other_agency=target.agency,
            may_request=target.holding.disclosure == Disclosure.OPEN,
            made_at=timezone.now(),
        )
        PointerSecret.objects.create(pointer=pointer, connection=row, case=case, other_case=target)
        audience.pointers[case.id, target.id] = pointer
    return pointer


def _settle_pointers(case_ids: Iterable[UUID]) -> None:
    """Pointers from and to these cases stand as long as something connects and the other side's code lets it be told."""
    with database.cursor() as cursor:
        cursor.execute(
            """
            with judged as (
              select p.id, h.disclosure, exists (
                select 1 from leads_connection x where x.retired_at is null and x.strength >= %(least)s
                  and not exists (
                    select 1 from policy_holding w
                    where w.id = any(x.through || array[x.left_holding_id, x.right_holding_id]) and w.id <> p.holding_id
                      and case when w.agency_id = p.agency_id then w.restricted else w.disclosure = 'silent' end)
                  and ((x.left_case_id = s.case_id and (x.right_case_id = s.other_case_id or k.holding_id = any(x.through)))
                    or (x.right_case_id = s.case_id and (x.left_case_id = s.other_case_id or k.holding_id = any(x.through))))
              ) as connects
              from leads_pointersecret s join leads_pointer p on p.id = s.pointer_id
              join cases_case k on k.id = s.other_case_id join policy_holding h on h.id = k.holding_id
              where s.case_id = any(%(cases)s::uuid[]) or s.other_case_id = any(%(cases)s::uuid[])
            )
            update leads_pointer p set may_request = (judged.disclosure = 'open'),
              retired_at = case when judged.connects and judged.disclosure <> 'silent' then null
                                else coalesce(p.retired_at, now()) end
            from judged where judged.id = p.id and (p.may_request <> (judged.disclosure = 'open')
              or (p.retired_at is null) <> (judged.connects and judged.disclosure <> 'silent'))
            """,
            {"cases": list(case_ids), "least": ALERT_STRENGTH},
        )


def _tell_known(media: Any) -> list[Alert]:
    """One alert for each exhibit and hash set, with the counts by category; a later count corrects the sentence."""
    counted: dict[tuple[UUID, UUID], dict[str, int]] = {}
    marked = media.filter(known_set__isnull=False).values_list("file__exhibit_id", "known_set_id", "known_as__0")
    for exhibit_id, set_id, category, number in marked.annotate(number=Count("id")).order_by("-number", "known_as__0"):
        counted.setdefault((exhibit_id, set_id), {})[category] = number
    exhibits = Exhibit.objects.select_related("case").in_bulk({exhibit for exhibit, _ in counted})
    names = dict(HashSet.objects.filter(id__in={found for _, found in counted}).values_list("id", "name"))
    alerts = []
    for (exhibit_id, set_id), by_category in counted.items():
        exhibit, total = exhibits[exhibit_id], sum(by_category.values())
        kinds = ", ".join(f"{number} of {category or 'no category'}" for category, number in by_category.items())
        alerts.append(
            _new_alert(
                exhibit.case,
                AlertKind.KNOWN,
                f"{exhibit.reference} holds {total} known file{'' if total == 1 else 's'} of the set {names[set_id]}: {kinds}.",
                KNOWN_STRENGTH,
                f"known:{exhibit_id.hex[-24:]}:{set_id.hex[-24:]}",
                subject_url=f"/cases/{exhibit.case.reference}/media/",
            )
        )
    return _raise(alerts)


def _new_alert(case: Case, kind: AlertKind, sentence: str, score: float, digest: str, **about: Any) -> Alert:
    found: Connection | None = about.get("connection")
    address = f"/connections/{found.id}/" if found else f"/cases/{case.reference}/connections/"
    return Alert(
        id=new_id(),
        holding_id=case.holding_id,
        agency_id=case.agency_id,
        case=case,
        kind=kind,
        sentence=sentence,
        strength=score,
        digest=digest,
        raised_at=timezone.now(),
        **{"subject_url": address, **about},
    )


def _raise(alerts: Sequence[Alert]) -> list[Alert]:
    """Each alert told once for its case and digest: told again it only takes the new strength and words. Those that are new."""
    known = {
        (alert.case_id, alert.digest): alert
        for alert in Alert.objects.filter(
            case_id__in={alert.case_id for alert in alerts}, digest__in={alert.digest for alert in alerts}
        )
    }
    new: dict[tuple[UUID, str], Alert] = {}
    stale: list[Alert] = []
    for alert in alerts:
        before = known.get((alert.case_id, alert.digest))
        if before is None:
            new.setdefault((alert.case_id, alert.digest), alert)
        elif (before.strength, before.sentence) != (alert.strength, alert.sentence):
            before.strength, before.sentence = alert.strength, alert.sentence
            stale.append(before)
    Alert.objects.bulk_update(stale, ["strength", "sentence"], batch_size=500)
    Alert.objects.bulk_create(new.values(), batch_size=500)
    thresholds = dict(AlertThreshold.objects.values_list("officer_id", "least_strength")) if new else {}
    for alert in new.values():
        log.record(
            "alert.raised",
            None,
            holding=(alert.holding_id, alert.agency_id),
            subject=f"alert:{alert.id}",
            details={"kind": alert.kind},
        )
    _announce(new.values(), thresholds)
    return list(new.values())


def _announce(alerts: Collection[Alert], thresholds: dict[UUID, float]) -> None:
    """Live events: known files to every page of the case, else to its officers of the agency, where all of it can be told.

    A partner on the case does not hear of what is its owner's alone, nor an officer of a case that is closed to them.
    """
    mine = Assignment.objects.filter(case_id__in={alert.case_id for alert in alerts}, until_at=None)
    officers: dict[tuple[UUID, UUID], list[UUID]] = {}
    for case_id, agency_id, officer_id in mine.values_list("case_id", "officer__agency_id", "officer_id"):
        officers.setdefault((case_id, agency_id), []).append(officer_id)
    for alert in _open(alerts):
        if alert.kind == AlertKind.KNOWN:
            tell_officers(alert.case_id, "alert.raised", alert.id)
            continue
        for officer_id in officers.get((alert.case_id, alert.agency_id), ()):
            if not alert.connection or alert.strength >= thresholds.get(officer_id, 0.0):
                tell(f"officer:{officer_id}", "alert.raised", alert.id)


def _open(alerts: Collection[Alert]) -> list[Alert]:
    """Those on whose way lies no case that is closed to officers of the case told."""
    on_the_way = {holding for alert in alerts if alert.connection for holding in _holdings(alert.connection)}
    with across_holdings():
        closed = set(Holding.objects.filter(id__in=on_the_way, restricted=True).values_list("id", flat=True))
    return [
        alert
        for alert in alerts
        if not (alert.connection and closed & _holdings(alert.connection) - {alert.holding_id})
    ]


def _holdings(row: Connection) -> set[UUID]:
    return {row.left_holding_id, row.right_holding_id, *cast("list[UUID]", row.through)}

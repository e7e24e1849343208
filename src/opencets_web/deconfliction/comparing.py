"""Comparing what is declared with everything that is declared or kept, telling both sides, and carrying their thread.

One of the files that may use the blind door: only here is it known which case stands on the other side of a conflict. What comes
out are ``Conflict`` rows, one for each side that may be told, and copies of the lines that they write to each other.
Who is told what: docs/decisions/deconfliction.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
from django.db import connection as database
from django.db.models import Q
from django.utils import timezone

from opencets.values.services import SERVICES
from opencets_web.accounts.ids import new_id
from opencets_web.audit import log
from opencets_web.cases.models import Case
from opencets_web.cases.telling import tell_officers
from opencets_web.deconfliction.models import (
    Conflict,
    ConflictSecret,
    Declaration,
    DeclaredValue,
    Said,
    Subject,
    ThreadLine,
)
from opencets_web.deconfliction.rules import limit, metres_between
from opencets_web.deconfliction.thread import Line, standing
from opencets_web.deconfliction.values import label_of
from opencets_web.evidence.models import Exhibit, Record
from opencets_web.leads.models import Alert, AlertKind, AlertState
from opencets_web.media.index import index_of
from opencets_web.media.matching import RADIUS
from opencets_web.media.models import Media, Signal
from opencets_web.policy.actor import Actor
from opencets_web.policy.blind import across_holdings
from opencets_web.policy.models import Disclosure, Grant
from opencets_web.ui.notify import tell

STRENGTH = 90.0
"""Of the alert of a conflict: above connections and known files, since two are about to meet."""
RECORDS_SHOWN = 5
_UNKNOWN = "unknown:"

Part = dict[str, str | None]


@dataclass(slots=True)
class _Met:
    """What of a declaration meets one other case: what each side has of it."""

    case_id: UUID
    mine: list[Part] = field(default_factory=list)
    theirs: list[Part] = field(default_factory=list)
    meets: set[str] = field(default_factory=set)
    declarations: set[UUID] = field(default_factory=set)

    def add(self, meets: str, mine: Part, theirs: Part) -> None:
        self.meets.add(meets)
        for part, parts in ((mine, self.mine), (theirs, self.theirs)):
            if part not in parts:
                parts.append(part)


def compare_declaration(actor: Actor, declaration_id: UUID) -> int:
    """Compare a declaration with all that is declared and kept, or end its conflicts; how many of them its own side is told.

    Safe to run again: what was told is not told again.
    """
    with across_holdings():
        _one_at_a_time()
        declaration = Declaration.objects.select_related("case").get(pk=declaration_id)
        now = timezone.now()
        found: list[_Met] = []
        if declaration.withdrawn_at is None and declaration.ends_at > now:
            found = _operations(declaration) if declaration.subject == Subject.OPERATION else _targets(declaration, now)
        secrets = [_keep(declaration, met, now) for met in found]
        known = ConflictSecret.objects.filter(declarations__contains=[declaration.id])
        secrets += known.exclude(pk__in=[secret.pk for secret in secrets])
        told = {row.id for secret in secrets for row in _settle(secret, now) if row.case_id == declaration.case_id}
        Declaration.objects.filter(pk=declaration.pk).update(compared_at=timezone.now())
    # Only what this side is told is counted: the log of a case is read by its agency.
    log.record(
        "declaration.compared",
        None,
        holding=(declaration.holding_id, declaration.agency_id),
        subject=f"declaration:{declaration.id}",
        details={"case": declaration.case.reference, "told": len(told)},
    )
    tell(f"case:{declaration.case_id}", "declaration", declaration.id)
    return len(told)


def watch_exhibit(actor: Actor, exhibit_id: UUID) -> int:
    """Compare what was read of an exhibit with what others declared; how many conflicts it stands in."""
    with across_holdings():
        _one_at_a_time()
        now = timezone.now()
        exhibit = Exhibit.objects.get(pk=exhibit_id)
        met = _declared_elsewhere(exhibit, now)
        declarations = Declaration.objects.select_related("case").in_bulk(list(met))
        secrets = {
            secret.pk: secret for key, one in met.items() if (secret := _keep(declarations[key], one, now)) is not None
        }
        for secret in secrets.values():
            _settle(secret, now)
    return len(secrets)


def settle_holding(holding_id: UUID) -> None:
    """Decide again what each side of a case's conflicts is told: its code, or to whom it is released, has changed."""
    with across_holdings():
        _one_at_a_time()
        now = timezone.now()
        sides = Q(left_case__holding_id=holding_id) | Q(right_case__holding_id=holding_id)
        for secret in ConflictSecret.objects.filter(sides):
            _settle(secret, now)


def end_passed() -> int:
    """End the conflicts of which every declaration has passed its day; how many."""
    with across_holdings():
        _one_at_a_time()
        now = timezone.now()
        with database.cursor() as cursor:
            cursor.execute(
                "select s.id from deconfliction_conflictsecret s where s.over_at is null and not exists (select 1 from"
                " deconfliction_declaration d where d.id = any(s.declarations) and d.withdrawn_at is null and d.ends_at > %s)",
                [now],
            )
            passed = [row[0] for row in cursor.fetchall()]
        for secret in ConflictSecret.objects.filter(pk__in=passed):
            _settle(secret, now)
    return len(passed)


def carry(actor: Actor, conflict_id: UUID) -> None:
    """Make both sides of a conflict have the same lines, readers and standing, and tell them; safe to run again."""
    with across_holdings():
        _one_at_a_time()
        now = timezone.now()
        secret = ConflictSecret.objects.get(Q(left_id=conflict_id) | Q(right_id=conflict_id))
        _settle(secret, now)
        rows = [row for row in (secret.left, secret.right) if row is not None]
        if len(rows) == 2 and all(row.told_them and row.retired_at is None for row in rows):
            for one, other in (rows, rows[::-1]):
                _copy_lines(one, other, now)
        for row in rows:
            if _stand(row):
                tell_officers(row.case_id, "conflict", row.id)
            else:
                tell(f"case:{row.case_id}", "conflict", row.id)


def _one_at_a_time() -> None:
    """Two comparisons at once could each miss the other's half, or tell the same twice."""
    with database.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtext('opencets deconfliction'))")


# --- What meets ------------------------------------------------------------------------------------------------------


def _targets(declaration: Declaration, now: datetime) -> list[_Met]:
    values = list(DeclaredValue.objects.filter(declaration=declaration).order_by("id"))
    _mark_generic(values)
    found: dict[UUID, _Met] = {}
    for value, kind, normal, key, case_id in _declared_alike(declaration, values, now):
        met = found.setdefault(case_id, _Met(case_id))
        met.declarations.add(key)
        met.add(_name(kind, normal), _declared(declaration.id, value), _part(kind, normal, declaration=str(key)))
    held = [value for value in values if not value.generic]
    kept = [*_records_alike(declaration, held), *_media_alike(declaration, held)]
    where = _where({record for *_, records in kept for record in records})
    for value, normal, case_id, records in kept:
        met = found.setdefault(case_id, _Met(case_id))
        for record in records:
            part = _part(value.kind, normal, record=str(record), where=where.get(record, ""))
            met.add(_name(value.kind, normal), _declared(declaration.id, value), part)
    newest = sorted(found.values(), key=lambda met: (not met.declarations, -met.case_id.int))
    return newest[: limit("cases_per_declaration")]


def _declared(declaration_id: UUID, value: DeclaredValue) -> Part:
    return _part(value.kind, value.normal, declaration=str(declaration_id))


def _part(kind: str, value: str, *, declaration: str | None = None, record: str | None = None, where: str = "") -> Part:
    return {"kind": kind, "value": value, "declaration": declaration, "record": record, "where": where}


def _name(kind: str, normal: str) -> str:
    return f"{kind}:{normal}"


def _mark_generic(values: Sequence[DeclaredValue]) -> None:
    with database.cursor() as cursor:
        cursor.execute(
            "select i.kind, i.normal from unnest(%s::text[], %s::text[]) v(kind, normal)"
            " join entities_identifier i on i.kind = v.kind and i.normal = v.normal and i.generic",
            [[value.kind for value in values], [value.normal for value in values]],
        )
        common = set(cursor.fetchall())
    for value in values:
        generic = (value.kind, value.normal) in common
        if generic != value.generic:
            value.generic = generic
            value.save(update_fields=["generic"])


def _alike(values: Sequence[DeclaredValue], *, declared: bool) -> tuple[list[int], list[str], list[str]]:
    """Numbers of values, kinds and normal texts to look for; a screen name without a service is looked for with each."""
    rows = []
    for number, value in enumerate(values):
        texts = {value.normal}
        if value.kind == "handle":
            name = value.normal.partition(":")[2]
            if value.normal.startswith(_UNKNOWN):
                texts |= {f"{service}:{name}" for service in SERVICES.values()}
            elif declared:
                texts.add(_UNKNOWN + name)
        rows += [(number, value.kind, text) for text in sorted(texts)]
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]


def _declared_alike(
    declaration: Declaration, values: Sequence[DeclaredValue], now: datetime
) -> list[tuple[DeclaredValue, str, str, UUID, UUID]]:
    """Other cases' standing declarations of the same values: (ours, kind, their value, declaration, case)."""
    with database.cursor() as cursor:
        cursor.execute(
            "select w.number, v.kind, v.normal, d.id, d.case_id"
            " from unnest(%s::int[], %s::text[], %s::text[]) w(number, kind, normal)"
            " join deconfliction_declaredvalue v on v.kind = w.kind and v.normal = w.normal"
            " join deconfliction_declaration d on d.id = v.declaration_id"
            " where d.case_id <> %s and d.withdrawn_at is null and d.ends_at > %s order by d.id",
            [*_alike(values, declared=True), declaration.case_id, now],
        )
        found = [(values[number], *rest) for number, *rest in cursor.fetchall()]
    codes = [value for value in values if value.kind == "pdq"]
    if codes:
        with database.cursor() as cursor:
            cursor.execute(
                "select v.normal, d.id, d.case_id from deconfliction_declaredvalue v"
                " join deconfliction_declaration d on d.id = v.declaration_id where v.kind = 'pdq'"
                " and d.case_id <> %s and d.withdrawn_at is null and d.ends_at > %s",
                [declaration.case_id, now],
            )
            others = cursor.fetchall()
        for mine, other in _near([value.normal for value in codes], [row[0] for row in others]):
            normal, key, case_id = others[other]
            if normal != codes[mine].normal:
                found.append((codes[mine], "pdq", normal, key, case_id))
    return found


def _near(some: Sequence[str], others: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of PDQ values within the radius, by their places: every one compared with every other."""
    if not some or not others:
        return []
    left, right = (
        np.frombuffer(bytes.fromhex("".join(texts)), dtype=np.uint8).reshape(-1, 32) for texts in (some, others)
    )
    pairs = []
    for place, code in enumerate(left):
        distances = np.bitwise_count(right ^ code).sum(axis=1)
        pairs += [(place, int(other)) for other in np.flatnonzero(distances <= RADIUS)]
    return pairs


def _records_alike(
    declaration: Declaration, values: Sequence[DeclaredValue]
) -> list[tuple[DeclaredValue, str, UUID, list[UUID]]]:
    """Other cases' records that hold the values: (ours, their value, case, some of the records)."""
    with database.cursor() as cursor:
        cursor.execute(
            "select w.number, c.normal, c.case_id, (array_agg(distinct r.id))[1:%s]"
            " from unnest(%s::int[], %s::text[], %s::text[]) w(number, kind, normal)"
            " join evidence_claim c on c.kind = w.kind and c.normal = w.normal and not c.generic"
            " join evidence_record r on r.id = c.record_id and r.retired_at is null"
            " where c.case_id <> %s group by 1, 2, 3 order by c.case_id desc limit 2000",
            [RECORDS_SHOWN, *_alike(values, declared=False), declaration.case_id],
        )
        return [(values[number], normal, case_id, records) for number, normal, case_id, records in cursor.fetchall()]


def _media_alike(
    declaration: Declaration, values: Sequence[DeclaredValue]
) -> list[tuple[DeclaredValue, str, UUID, list[UUID]]]:
    """Other cases' pictures and frames within the radius of a declared PDQ."""
    codes = [value for value in values if value.kind == "pdq"]
    index = index_of("media") if codes else None
    if index is None or not len(index):
        return []
    wanted = np.frombuffer(bytes.fromhex("".join(value.normal for value in codes)), dtype=np.uint8).reshape(-1, 32)
    queries, places, _ = (column.tolist() for column in index.search(wanted, RADIUS))
    holders = dict(Signal.objects.filter(position__in=places).values_list("position", "media_id"))
    media = Media.objects.filter(pk__in=holders.values(), record__retired_at=None, widely_traded=False)
    known = {key: (case, record) for key, case, record in media.values_list("id", "case_id", "record_id")}
    found: dict[tuple[int, UUID], list[UUID]] = {}
    for query, place in zip(queries, places, strict=True):
        case_id, record = known.get(holders.get(place, declaration.id), (declaration.case_id, None))
        if record is not None and case_id != declaration.case_id:
            records = found.setdefault((query, case_id), [])
            if record not in records and len(records) < RECORDS_SHOWN:
                records.append(record)
    return [(codes[query], codes[query].normal, case_id, records) for (query, case_id), records in found.items()]


def _where(records: Collection[UUID]) -> dict[UUID, str]:
    rows = Record.objects.filter(pk__in=records).select_related("exhibit", "file")
    return {
        row.id: " › ".join([row.exhibit.reference, *row.file.path, *([row.place] if row.place else [])])[:300]
        for row in rows
    }


def _declared_elsewhere(exhibit: Exhibit, now: datetime) -> dict[UUID, _Met]:
    """Other cases' standing declarations that meet an exhibit's records, by declaration."""
    with database.cursor() as cursor:
        cursor.execute(
            """
            with standing as (
              select v.declaration_id, v.kind, v.normal, v.normal as sought from deconfliction_declaredvalue v
              join deconfliction_declaration d on d.id = v.declaration_id
              where d.case_id <> %(case)s and d.withdrawn_at is null and d.ends_at > %(now)s),
            named as (
              select * from standing
              union all select s.declaration_id, s.kind, s.normal, service || substr(s.normal, 8)
                from standing s, unnest(%(services)s::text[]) service where s.kind = 'handle' and s.normal like 'unknown:%%')
            select n.declaration_id, n.kind, n.normal, c.normal, (array_agg(distinct r.id))[1:%(most)s]
            from named n join evidence_claim c on c.case_id = %(case)s and c.kind = n.kind and c.normal = n.sought
              and not c.generic
            join evidence_record r on r.id = c.record_id and r.exhibit_id = %(exhibit)s and r.retired_at is null
            group by 1, 2, 3, 4
            """,
            {"case": exhibit.case_id, "exhibit": exhibit.id, "now": now, "most": RECORDS_SHOWN,
             "services": sorted(set(SERVICES.values()))},
        )  # fmt: skip
        rows = cursor.fetchall()
    rows += _near_elsewhere(exhibit, now)
    where = _where({record for *_, records in rows for record in records})
    found: dict[UUID, _Met] = {}
    for key, kind, normal, theirs, records in rows:
        met = found.setdefault(key, _Met(exhibit.case_id))
        for record in records:
            mine = _part(kind, normal, declaration=str(key))
            met.add(_name(kind, theirs), mine, _part(kind, theirs, record=str(record), where=where.get(record, "")))
    return found


def _near_elsewhere(exhibit: Exhibit, now: datetime) -> list[tuple[UUID, str, str, str, list[UUID]]]:
    declared = list(
        DeclaredValue.objects.filter(
            kind="pdq", declaration__withdrawn_at=None, declaration__ends_at__gt=now
        ).exclude(declaration__case_id=exhibit.case_id).values_list("declaration_id", "normal")
    )  # fmt: skip
    if not declared:
        return []
    media = Media.objects.filter(file__exhibit=exhibit, pdq__isnull=False, record__retired_at=None)
    codes = [(record, bytes(pdq or b"").hex()) for record, pdq in media.values_list("record_id", "pdq")]
    found = []
    for place, other in _near([normal for _, normal in declared], [code for _, code in codes]):
        record, code = codes[other]
        if code != declared[place][1]:
            found.append((declared[place][0], "pdq", declared[place][1], code, [record]))
    return found


def _operations(declaration: Declaration) -> list[_Met]:
    """Operations of other cases whose window and circle, each with the margin, meet this one's."""
    margin = timedelta(minutes=limit("margin_minutes"))
    begins, ends = declaration.begins_at - margin, declaration.ends_at + margin
    others = Declaration.objects.filter(
        subject=Subject.OPERATION, withdrawn_at=None, begins_at__lte=ends, ends_at__gte=begins,
        begins_at__gte=begins - timedelta(days=limit("operation_days_most")),
    ).exclude(case_id=declaration.case_id)  # fmt: skip
    found: dict[UUID, _Met] = {}
    for other in others.order_by("id"):
        if not _places_meet(declaration, other):
            continue
        met = found.setdefault(other.case_id, _Met(other.case_id))
        met.declarations.add(other.id)
        pair = ":".join(sorted((str(declaration.id), str(other.id))))
        mine, theirs = (_part("operation", one.label, declaration=str(one.id)) for one in (declaration, other))
        met.add(f"operation:{pair}", mine, theirs)
    return list(found.values())


def _places_meet(one: Declaration, other: Declaration) -> bool:
    if one.place_key and one.place_key == other.place_key:
        return True
    if one.latitude is None or one.longitude is None or other.latitude is None or other.longitude is None:
        return False
    apart = metres_between((one.latitude, one.longitude), (other.latitude, other.longitude))
    return apart <= one.radius_metres + other.radius_metres + limit("margin_metres")


# --- Keeping, and telling --------------------------------------------------------------------------------------------


def _keep(declaration: Declaration, met: _Met, now: datetime) -> ConflictSecret:
    """The one conflict of two cases about these values: made, or found again and added to."""
    left, right = sorted((declaration.case_id, met.case_id))
    mine, theirs = ("left", "right") if left == declaration.case_id else ("right", "left")
    same = ConflictSecret.objects.filter(left_case_id=left, right_case_id=right, subject=declaration.subject)
    same = same.filter(Q(meets__overlap=sorted(met.meets)) | Q(declarations__overlap=[declaration.id]))
    secret = same.select_related("left", "right").order_by("found_at", "id").first()
    if secret is None:
        secret = ConflictSecret(subject=declaration.subject, left_case_id=left, right_case_id=right, found_at=now)
    for side, parts in ((mine, met.mine), (theirs, met.theirs)):
        known = getattr(secret, f"{side}_parts")
        setattr(secret, f"{side}_parts", [*known, *(part for part in parts if part not in known)])
    secret.meets = sorted({*secret.meets, *met.meets})
    secret.declarations = sorted({*secret.declarations, declaration.id, *met.declarations})
    setattr(secret, f"{mine}_asked", True)
    if met.declarations:
        setattr(secret, f"{theirs}_asked", True)
    secret.save()
    return secret


def _settle(secret: ConflictSecret, now: datetime) -> list[Conflict]:
    """Make the rows of both sides say what each may be told now; the rows that stand. Told once: a new row raises an alert."""
    cases = Case.objects.select_related("holding", "agency").in_bulk([secret.left_case_id, secret.right_case_id])
    sides = {"left": cases[secret.left_case_id], "right": cases[secret.right_case_id]}
    declared = {
        row.id: row for row in Declaration.objects.filter(pk__in=secret.declarations).select_related("declared_by")
    }
    live = any(row.withdrawn_at is None and row.ends_at > now for row in declared.values())
    secret.over_at = None if live else secret.over_at or now
    told = {side: _is_told(secret, side, sides) for side in sides}
    standing_rows = []
    for side, other in (("left", "right"), ("right", "left")):
        row = getattr(secret, side)
        if row is None and not told[side]:
            continue
        fresh = row is None
        if row is None:
            row = Conflict(
                id=new_id(), holding_id=sides[side].holding_id, agency_id=sides[side].agency_id, case=sides[side],
                subject=secret.subject, found_at=now,
            )  # fmt: skip
        changed = _describe(row, secret, side, other, sides, declared, told, now)
        if fresh or changed:
            row.changed_at = now
            row.save()
            setattr(secret, side, row)
            tell(f"case:{row.case_id}", "conflict", row.id)
        if fresh:
            log.record(
                "conflict.found", None, holding=(row.holding_id, row.agency_id), subject=f"conflict:{row.id}",
                details={"case": sides[side].reference, "with": sides[other].agency.short_name},
            )  # fmt: skip
            _alert(row, f"conflict:{row.id}", _sentence(row, sides[other]), AlertKind.POINTER)
        _hush(row, now)
        if row.retired_at is None:
            standing_rows.append(row)
    secret.save()
    return standing_rows


def _is_told(secret: ConflictSecret, side: str, sides: dict[str, Case]) -> bool:
    """Whether a side learns of the other: the other's code says so; and a silent owner learns who asks."""
    other = "right" if side == "left" else "left"
    mine, theirs = sides[side], sides[other]
    opener: Conflict | None = getattr(secret, other)
    if _opens(mine, theirs) or theirs.holding.disclosure != Disclosure.SILENT:
        return True
    if opener is not None and opener.opened_to_them_at is not None:
        return True
    return mine.holding.disclosure == Disclosure.SILENT and bool(getattr(secret, f"{other}_asked"))


def _opens(mine: Case, theirs: Case) -> bool:
    """Whether the door to their case is open to all of our agency."""
    if mine.agency_id == theirs.agency_id:
        return not theirs.holding.restricted
    now = timezone.now()
    return Grant.objects.filter(
        holding_id=theirs.holding_id, to_agency_id=mine.agency_id, withdrawn_at=None, granted_at__lte=now,
        expires_at__gt=now,
    ).exists()  # fmt: skip


def _describe(
    row: Conflict,
    secret: ConflictSecret,
    side: str,
    other: str,
    sides: dict[str, Case],
    declared: dict[UUID, Declaration],
    told: dict[str, bool],
    now: datetime,
) -> bool:
    """Write into a side's row what it may be told; whether anything changed."""
    mine, theirs = sides[side], sides[other]
    ours = [row.id for row in declared.values() if row.case_id == mine.id]
    of_them = sorted((one for one in declared.values() if one.case_id == theirs.id), key=lambda one: one.declared_at)
    wanted = {
        "parts": getattr(secret, f"{side}_parts"),
        "declarations": sorted(ours),
        "other_agency_id": theirs.agency_id,
        "other_case": theirs.id if _opens(mine, theirs) else None,
        "other_officer": of_them[-1].declared_by.display_name if of_them else "",
        "other_contact": of_them[-1].contact if of_them else "",
        "asked_by_us": bool(getattr(secret, f"{side}_asked")),
        "asked_by_them": bool(getattr(secret, f"{other}_asked")),
        "may_request": theirs.holding.disclosure == Disclosure.OPEN and mine.agency_id != theirs.agency_id,
        "told_them": told[other],
        "over_at": secret.over_at,
        "retired_at": None if told[side] else row.retired_at or now,
    }
    changed = [name for name, value in wanted.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, wanted[name])
    return bool(changed)


def _sentence(row: Conflict, theirs: Case) -> str:
    """What the alert says: their agency, of ours what meets, whom to call. Nothing of theirs."""
    called = sorted({label_of(str(part["kind"]), str(part["value"])) for part in row.parts})
    what = f"{called[0][:80]}" + (f" and {len(called) - 1} more" if len(called) > 1 else "")
    own = theirs.agency_id == row.agency_id
    whom = "Another case of your agency" if own else theirs.agency.name
    call = row.other_contact or theirs.agency.contact_name
    if not row.told_them:
        does = "asks about" if row.asked_by_them else "works on"
        return f"{whom} {does} {what}. Only you are told: decide whether they may know."
    if row.subject == Subject.OPERATION:
        return f"{whom} plans something at the same time and place as {what}. Call {call}."
    return f"{whom} works on {what} too. Call {call}."


def _alert(row: Conflict, digest: str, sentence: str, kind: AlertKind) -> None:
    if Alert.objects.filter(case_id=row.case_id, digest=digest).exists():
        return
    alert = Alert.objects.create(
        id=new_id(), holding_id=row.holding_id, agency_id=row.agency_id, case_id=row.case_id, kind=kind, sentence=sentence,
        strength=STRENGTH, subject_url=f"/conflicts/{row.id}/", digest=digest, raised_at=timezone.now(),
    )  # fmt: skip
    log.record(
        "alert.raised",
        None,
        holding=(row.holding_id, row.agency_id),
        subject=f"alert:{alert.id}",
        details={"kind": kind},
    )
    tell_officers(row.case_id, "alert.raised", alert.id)


def _hush(row: Conflict, now: datetime) -> None:
    """A new alert goes once its owner's code tells nobody any more, and comes back when it does."""
    alerts = Alert.objects.filter(case_id=row.case_id, digest=f"conflict:{row.id}")
    if row.retired_at is not None:
        alerts.filter(state=AlertState.NEW).update(
            state=AlertState.DISMISSED, decided_at=now, decided_because="It may not be told any more."
        )
    else:
        alerts.filter(state=AlertState.DISMISSED, decided_by=None).update(
            state=AlertState.NEW, decided_at=None, decided_because=""
        )


# --- The thread ------------------------------------------------------------------------------------------------------


def _copy_lines(one: Conflict, other: Conflict, now: datetime) -> None:
    """Give the other side what this side wrote, and this side who of the other has read it."""
    there = {line.ref: line for line in ThreadLine.objects.filter(conflict=other)}
    for line in ThreadLine.objects.filter(conflict=one, ours=True, kept_here=False).order_by("said_at", "id"):
        copy = there.get(line.ref)
        if copy is None:
            ThreadLine.objects.create(
                id=new_id(), holding_id=other.holding_id, agency_id=other.agency_id, conflict=other, ref=line.ref,
                said=line.said, ours=False, author=line.author, author_agency=line.author_agency, text=line.text,
                outcome=line.outcome, gives=line.gives, about=line.about, said_at=line.said_at, carried_at=now,
            )  # fmt: skip
            ThreadLine.objects.filter(pk=line.pk).update(carried_at=now)
            _alert_line(other, line)
        elif copy.readers != line.readers:
            ThreadLine.objects.filter(pk=line.pk).update(readers=copy.readers)


def _alert_line(row: Conflict, line: ThreadLine) -> None:
    """What the other side wants of us raises an alert; what it only says is told on the open page."""
    words = {
        Said.ASKED.value: "asks for a release because of a conflict",
        Said.PROPOSED.value: "proposes how to settle a conflict",
        Said.REOPENED.value: "opened a settled conflict again",
    }
    if line.said in words:
        sentence = f"{line.author_agency} {words[line.said]}. Answer them."
        _alert(row, f"conflict-line:{row.id.hex[-16:]}:{line.ref.hex[-16:]}", sentence, AlertKind.REQUEST)


def lines_of(lines: Iterable[ThreadLine]) -> list[Line]:
    """The lines as the standing needs them."""
    return [
        Line(line.ref, line.said, line.ours, line.outcome, line.gives, line.about, line.said_at, line.kept_here)
        for line in lines
    ]


def _stand(row: Conflict) -> bool:
    """Write how a side stands after all its lines; whether that changed."""
    now_stands = standing(lines_of(ThreadLine.objects.filter(conflict=row)))
    wanted = {"state": now_stands.state.value, "outcome": now_stands.outcome, "gives": now_stands.gives}
    changed = [name for name, value in wanted.items() if getattr(row, name) != value]
    if changed:
        Conflict.objects.filter(pk=row.pk).update(**wanted, changed_at=timezone.now())
    return bool(changed)

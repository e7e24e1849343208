"""Reading declarations and conflicts for a page: actor first, frozen pages out. All of it is the own agency's business."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Case as When_
from django.db.models import IntegerField, Q, QuerySet, Value, When
from django.urls import reverse
from django.utils import timezone

from opencets.errors import NotFound
from opencets.records import KINDS
from opencets_web.audit import log
from opencets_web.cases.models import Assignment, Case, CaseState
from opencets_web.cases.queries import CaseFrame, get_frame
from opencets_web.deconfliction.models import (
    Conflict,
    ConflictState,
    Declaration,
    DeclaredValue,
    OperationKind,
    Said,
    Subject,
    ThreadLine,
)
from opencets_web.deconfliction.rules import limit
from opencets_web.deconfliction.thread import Line, standing
from opencets_web.deconfliction.values import label_of
from opencets_web.entities.queries import list_groups
from opencets_web.media.models import Media
from opencets_web.policy import door
from opencets_web.policy.actor import Actor

MOST_VALUES_SHOWN = 60
_TONES = {
    ConflictState.NEW: "bad",
    ConflictState.OURS: "bad",
    ConflictState.THEIRS: "accent",
    ConflictState.NOTED: "line",
    ConflictState.AGREED: "good",
}


@dataclass(frozen=True, slots=True)
class PartRow:
    """Something of ours that meets something of theirs."""

    kind: str
    kind_label: str
    value: str
    where: str
    url: str


@dataclass(frozen=True, slots=True)
class ConflictRow:
    """A conflict as one side may know it."""

    id: UUID
    case: str
    case_title: str
    operation: bool
    what: str
    more: int
    agency: str
    own_agency: bool
    officer: str
    phone: str
    email: str
    contact: str
    other_case: str
    other_case_title: str
    sentence: str
    state: str
    state_label: str
    tone: str
    outcome: str
    told_them: bool
    asked_by_us: bool
    asked_by_them: bool
    may_request: bool
    unanswered: bool
    over: bool
    since: datetime
    changed_at: datetime
    parts: tuple[PartRow, ...]

    @property
    def url(self) -> str:
        """The conflict's own page."""
        return reverse("deconfliction:conflict", args=[self.id])


@dataclass(frozen=True, slots=True)
class ValueRow:
    """One value of a target."""

    kind: str
    kind_label: str
    value: str
    raw: str
    generic: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """An operation's place in the picture of the coming days, in hundredths of its width."""

    left: float
    width: float


@dataclass(frozen=True, slots=True)
class DeclarationRow:
    """What a case declared."""

    id: UUID
    case: str
    case_title: str
    operation: bool
    label: str
    kind_label: str
    values: tuple[ValueRow, ...]
    begins_at: datetime
    ends_at: datetime
    place: str
    contact: str
    purpose: str
    declared_by: str
    declared_at: datetime
    compared_at: datetime | None
    live: bool
    withdrawn_at: datetime | None
    withdrawn_by: str
    withdrawn_because: str
    again: bool
    conflicts: int
    bar: Bar | None

    @property
    def url(self) -> str:
        """The declaration's own page."""
        return reverse("deconfliction:declaration", args=[self.id])


def standing_conflicts(actor: Actor) -> QuerySet[Conflict]:
    """The conflicts that the actor's agency is told, of the cases that the actor may see."""
    return door.visible(actor, Conflict.objects.filter(agency_id=actor.agency_id, retired_at=None))


def _unanswered() -> Q:
    return Q(state__in=(ConflictState.NEW, ConflictState.OURS), over_at=None)


def _ordered(rows: QuerySet[Conflict]) -> QuerySet[Conflict]:
    """Unanswered first, then what waits for them, then what is settled, then what is over; the latest first."""
    rank = When_(
        When(over_at__isnull=False, then=Value(3)),
        When(state__in=(ConflictState.NEW, ConflictState.OURS), then=Value(0)),
        When(state=ConflictState.THEIRS, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    return rows.select_related("case", "other_agency").order_by(rank, "-changed_at", "-id")


def _conflict_rows(actor: Actor, rows: Iterable[Conflict]) -> tuple[ConflictRow, ...]:
    found = list(rows)
    keys = {row.other_case for row in found if row.other_case}
    cases = {case.id: case for case in door.visible(actor, Case.objects.filter(pk__in=keys))} if keys else {}
    return tuple(_conflict_row(actor, row, cases.get(row.other_case) if row.other_case else None) for row in found)


def _conflict_row(actor: Actor, row: Conflict, other: Case | None) -> ConflictRow:
    own = row.other_agency_id == actor.agency_id
    parts = tuple(_part(part) for part in row.parts[:MOST_VALUES_SHOWN])
    called = sorted({part.value for part in parts})
    state = ConflictState(row.state)
    return ConflictRow(
        id=row.id,
        case=row.case.reference,
        case_title=row.case.title,
        operation=row.subject == Subject.OPERATION,
        what=called[0] if called else "",
        more=max(len(called) - 1, 0),
        agency="Another case of your agency" if own else row.other_agency.name,
        own_agency=own,
        officer=row.other_officer or row.other_agency.contact_name,
        phone=row.other_agency.contact_phone,
        email=row.other_agency.contact_email,
        contact=row.other_contact,
        other_case=other.reference if other else "",
        other_case_title=other.title if other else "",
        sentence=_sentence(row),
        state=state.value,
        state_label="Over" if row.over_at else ("Only you are told" if _alone(row) else state.label),
        tone="line" if row.over_at else _TONES[state],
        outcome=outcome_words(row.outcome, gives=row.gives),
        told_them=row.told_them,
        asked_by_us=row.asked_by_us,
        asked_by_them=row.asked_by_them,
        may_request=row.may_request and row.told_them,
        unanswered=row.over_at is None and state in (ConflictState.NEW, ConflictState.OURS),
        over=row.over_at is not None,
        since=row.found_at,
        changed_at=row.changed_at,
        parts=parts,
    )


def _alone(row: Conflict) -> bool:
    return not row.told_them and row.state == ConflictState.NEW


def _sentence(row: Conflict) -> str:
    if row.subject == Subject.OPERATION:
        met = "They plan an operation at the same time and place as yours."
    elif row.asked_by_us and row.asked_by_them:
        met = "You both declared to work on this."
    elif row.asked_by_us:
        met = "They hold records of what you declared."
    else:
        met = "They declared to work on something that your records hold."
    if row.told_them:
        return met
    return f"{met} Only your side is told."


def outcome_words(outcome: str, *, gives: bool) -> str:
    """What was agreed, from this side."""
    return {
        "proceed": "Both proceed, each on their own",
        "hand-over": "We hand over to them" if gives else "They hand over to us",
        "joint": "Work on it together",
        "": "",
    }[outcome]


def _part(part: dict[str, Any]) -> PartRow:
    kind, value = str(part["kind"]), str(part["value"])
    url = ""
    if part.get("record"):
        url = reverse("entities:record", args=[part["record"]])
    elif part.get("declaration"):
        url = reverse("deconfliction:declaration", args=[part["declaration"]])
    label = "Operation" if kind == "operation" else KINDS[kind].label
    where = str(part.get("where") or "") or ("Declared" if part.get("declaration") else "")
    return PartRow(kind, label, label_of(kind, value), where, url)


# --- Declarations ----------------------------------------------------------------------------------------------------


def _declarations(actor: Actor) -> QuerySet[Declaration]:
    rows = door.visible(actor, Declaration.objects.filter(agency_id=actor.agency_id))
    return rows.select_related("case", "declared_by", "withdrawn_by")


@dataclass(frozen=True, slots=True)
class _Days:
    """The days that the picture of operations shows."""

    begins: datetime
    ends: datetime

    def bar(self, row: Declaration) -> Bar | None:
        """Where an operation stands; None: outside of these days."""
        whole = (self.ends - self.begins).total_seconds()
        left = (max(row.begins_at, self.begins) - self.begins).total_seconds() / whole * 100
        right = (min(row.ends_at, self.ends) - self.begins).total_seconds() / whole * 100
        return Bar(round(min(left, 98.5), 2), round(max(right - left, 1.5), 2)) if right > 0 and left < 100 else None


def _days(rows: Sequence[Declaration]) -> _Days:
    """From the beginning of today to the end of the last operation, a week at least and 31 days at most."""
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    last = max((row.ends_at for row in rows), default=today)
    return _Days(today, max(today + timedelta(days=7), min(last, today + timedelta(days=31))))


def _declaration_rows(
    actor: Actor, rows: Iterable[Declaration], days: _Days | None = None
) -> tuple[DeclarationRow, ...]:
    found = list(rows)
    now = timezone.now()
    keys = [row.id for row in found]
    values: dict[UUID, list[ValueRow]] = {}
    for value in door.visible(actor, DeclaredValue.objects.filter(declaration__in=keys)).order_by("id"):
        shown = values.setdefault(value.declaration_id, [])
        shown.append(ValueRow(value.kind, KINDS[value.kind].label, value.normal, value.raw, value.generic))
    counts: dict[UUID, int] = {}
    for declarations in (
        standing_conflicts(actor)
        .filter(declarations__overlap=keys, over_at=None)
        .values_list("declarations", flat=True)
    ):
        for key in declarations:
            counts[key] = counts.get(key, 0) + 1
    return tuple(
        _declaration_row(row, tuple(values.get(row.id, ())), counts.get(row.id, 0), now, days) for row in found
    )


def _declaration_row(
    row: Declaration, values: tuple[ValueRow, ...], conflicts: int, now: datetime, days: _Days | None
) -> DeclarationRow:
    operation = row.subject == Subject.OPERATION
    circle = ""
    if row.latitude is not None and row.longitude is not None:
        circle = f"{row.latitude:.5f}, {row.longitude:.5f} within {row.radius_metres:,} m"
    return DeclarationRow(
        id=row.id,
        case=row.case.reference,
        case_title=row.case.title,
        operation=operation,
        label=row.label,
        kind_label=OperationKind(row.operation).label if operation else "Target",
        values=values,
        begins_at=row.begins_at,
        ends_at=row.ends_at,
        place=" · ".join(part for part in (row.place, circle) if part),
        contact=row.contact,
        purpose=row.purpose,
        declared_by=row.declared_by.display_name,
        declared_at=row.declared_at,
        compared_at=row.compared_at,
        live=row.withdrawn_at is None and row.ends_at > now,
        withdrawn_at=row.withdrawn_at,
        withdrawn_by=row.withdrawn_by.display_name if row.withdrawn_by else "",
        withdrawn_because=row.withdrawn_because,
        again=row.withdrawn_at is not None and row.ends_at > now,
        conflicts=conflicts,
        bar=days.bar(row) if days is not None and operation else None,
    )


@dataclass(frozen=True, slots=True)
class Picture:
    """The operations of the coming days, each as a bar."""

    rows: tuple[DeclarationRow, ...]
    begins: datetime
    ends: datetime
    now: float


def _picture(actor: Actor, rows: QuerySet[Declaration]) -> Picture:
    now = timezone.now()
    coming = list(
        rows.filter(subject=Subject.OPERATION, withdrawn_at=None, ends_at__gt=now).order_by("begins_at", "id")[:40]
    )
    days = _days(coming)
    place = (now - days.begins).total_seconds() / (days.ends - days.begins).total_seconds() * 100
    return Picture(_declaration_rows(actor, coming, days), days.begins, days.ends, round(place, 2))


@dataclass(frozen=True, slots=True)
class Room:
    """The deconfliction room: conflicts, coming operations, standing targets, and for which cases one can declare."""

    conflicts: tuple[ConflictRow, ...]
    page: Page[Conflict]
    unanswered: int
    picture: Picture
    targets: tuple[DeclarationRow, ...]
    targets_total: int
    cases: tuple[tuple[str, str], ...]
    channels: str
    reads_cases: bool


def get_room(actor: Actor, *, number: int = 1) -> Room:
    """Conflicts of all cases that the actor sees, unanswered first; what their agency plans and watches."""
    rows = standing_conflicts(actor)
    page = Paginator(_ordered(rows), 25).get_page(number)
    shown = list(page)
    declared = _declarations(actor)
    targets = declared.filter(subject=Subject.TARGET, withdrawn_at=None, ends_at__gt=timezone.now())
    mine = Assignment.objects.filter(officer_id=actor.officer_id, until_at=None).values("case_id")
    cases = door.visible(actor, Case.objects.filter(agency_id=actor.agency_id, state=CaseState.OPEN, id__in=mine))
    log.record("deconfliction.viewed", actor, details={"page": page.number})
    return Room(
        conflicts=_conflict_rows(actor, shown),
        page=page,
        unanswered=rows.filter(_unanswered()).count(),
        picture=_picture(actor, declared),
        targets=_declaration_rows(actor, targets.order_by("-declared_at")[:25]),
        targets_total=targets.count(),
        cases=tuple(cases.order_by("-opened_at").values_list("reference", "title")[:100]),
        channels=" ".join([f"officer:{actor.officer_id}", *sorted({f"case:{row.case_id}" for row in shown})[:20]]),
        reads_cases=actor.reads_cases,
    )


def new_conflicts(actor: Actor, limit: int = 4) -> tuple[tuple[ConflictRow, ...], int]:
    """The unanswered conflicts of the actor's own cases, for the desk, and how many there are."""
    mine = Assignment.objects.filter(officer_id=actor.officer_id, until_at=None).values("case_id")
    rows = standing_conflicts(actor).filter(_unanswered(), case_id__in=mine)
    shown = list(_ordered(rows)[: limit + 1])
    total = rows.count() if len(shown) > limit else len(shown)
    return _conflict_rows(actor, shown[:limit]), total


@dataclass(frozen=True, slots=True)
class CasePage:
    """Deconfliction of one case."""

    frame: CaseFrame
    conflicts: tuple[ConflictRow, ...]
    picture: Picture
    targets: tuple[DeclarationRow, ...]
    past: tuple[DeclarationRow, ...]
    own: bool


def get_case_page(actor: Actor, reference: str) -> CasePage:
    """What a case declared and its conflicts; another agency that reads the case sees none of it."""
    frame = get_frame(actor, reference, "deconfliction:case")
    log.record("deconfliction.viewed", actor, holding=frame.holding, subject=f"case:{reference}")
    declared = _declarations(actor).filter(case_id=frame.case_id)
    standing_now = Q(withdrawn_at=None, ends_at__gt=timezone.now())
    targets = declared.filter(standing_now, subject=Subject.TARGET)
    return CasePage(
        frame=frame,
        conflicts=_conflict_rows(actor, _ordered(standing_conflicts(actor).filter(case_id=frame.case_id))[:100]),
        picture=_picture(actor, declared),
        targets=_declaration_rows(actor, targets.order_by("-declared_at")[:100]),
        past=_declaration_rows(actor, declared.exclude(standing_now).order_by("-declared_at")[:50]),
        own=frame.own_agency,
    )


@dataclass(frozen=True, slots=True)
class DeclaringPage:
    """The form that declares, with what it is filled with."""

    frame: CaseFrame
    initial: dict[str, Any]
    source: str
    left_today: int
    margin_minutes: int
    margin_metres: int


def get_declaring(actor: Actor, reference: str, subject: str, *, record: str = "", media: str = "") -> DeclaringPage:
    """The page that declares for a case; filled with an entity's identifiers or a medium's digests where one is named.

    NotFound: the case is not the actor's to add to, or the entity or medium is not theirs to see.
    """
    frame = get_frame(actor, reference, "deconfliction:case", to="contribute")
    if not frame.own_agency:
        raise NotFound
    log.record("deconfliction.viewed", actor, holding=frame.holding, subject=f"case:{reference}")
    initial: dict[str, Any] = {}
    source = ""
    if record:
        initial, source = _of_entity(actor, record)
    elif media:
        initial, source = _of_media(actor, media)
    since = timezone.now() - timedelta(days=1)
    mine = Declaration.objects.filter(declared_by_id=actor.officer_id, declared_at__gte=since, subject=subject)
    used, name = mine.count(), "operations_per_officer_and_day"
    if subject == Subject.TARGET:
        used, name = DeclaredValue.objects.filter(declaration__in=mine).count(), "values_per_officer_and_day"
    return DeclaringPage(
        frame, initial, source, max(limit(name) - used, 0), limit("margin_minutes"), limit("margin_metres")
    )


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None


def _of_entity(actor: Actor, record: str) -> tuple[dict[str, Any], str]:
    group = list_groups(actor, [_uuid(record)]).get(_uuid(record))
    if group is None:
        raise NotFound
    lines: dict[str, None] = {}
    for claim in group.claims:
        if claim.role == "own" and claim.normal and claim.kind in KINDS and KINDS[claim.kind].links == "strong":
            lines[f"{claim.kind}: {claim.normal}"] = None
    text = "\n".join(list(lines)[: limit("values_per_declaration")])
    return {"values": text, "record_ref": group.anchor, "label": group.label[:200]}, group.label


def _of_media(actor: Actor, media: str) -> tuple[dict[str, Any], str]:
    row = door.admit(actor, Media.objects.select_related("file"), pk=_uuid(media))
    digests = [(name, getattr(row.file, name)) for name in ("sha256", "sha1", "md5")]
    if row.pdq:
        digests.append(("pdq", bytes(row.pdq).hex()))
    text = "\n".join(f"{name}: {digest}" for name, digest in digests if digest)
    return {"values": text, "media_ref": row.id, "label": row.file.name[:200]}, row.file.name


@dataclass(frozen=True, slots=True)
class DeclarationPage:
    """One declaration, whether it has been compared, and its conflicts."""

    frame: CaseFrame
    row: DeclarationRow
    conflicts: tuple[ConflictRow, ...]
    subject_url: str
    may_change: bool


def get_declaration(actor: Actor, declaration_id: UUID) -> DeclarationPage:
    """One declaration; NotFound unless it is the actor's agency's and its case is open to the actor."""
    row = door.admit(actor, _declarations(actor), pk=declaration_id)
    frame = get_frame(actor, row.case.reference, "deconfliction:case")
    log.record("deconfliction.viewed", actor, holding=frame.holding, subject=f"declaration:{row.id}")
    conflicts = _ordered(standing_conflicts(actor).filter(declarations__contains=[row.id]))
    subject_url = ""
    if row.record_ref:
        subject_url = reverse("entities:detail", args=[row.record_ref])
    elif row.media_ref:
        subject_url = reverse("media:show", args=[row.media_ref])
    return DeclarationPage(
        frame,
        _declaration_rows(actor, [row])[0],
        _conflict_rows(actor, conflicts[:100]),
        subject_url,
        frame.may_contribute,
    )


# --- One conflict ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LineRow:
    """A line of the thread."""

    ref: UUID
    ours: bool
    author: str
    agency: str
    sentence: str
    text: str
    at: datetime
    readers: tuple[str, ...]
    kept_here: bool
    icon: str
    tone: str


@dataclass(frozen=True, slots=True)
class ConflictPage:
    """A conflict: whom to call, what of ours meets, the thread, what can be done next."""

    frame: CaseFrame
    row: ConflictRow
    lines: tuple[LineRow, ...]
    proposal: LineRow | None
    may_write: bool
    may_open: bool
    agreed: bool
    release_url: str


def get_conflict(actor: Actor, conflict_id: UUID) -> ConflictPage:
    """One conflict; NotFound unless the actor's agency is told of it and the actor may see its case."""
    rows = standing_conflicts(actor).select_related("case", "other_agency")
    row = door.admit(actor, rows, pk=conflict_id)
    frame = get_frame(actor, row.case.reference, "deconfliction:case")
    log.record(
        "conflict.viewed", actor, holding=frame.holding, subject=f"conflict:{row.id}", details={"case": frame.reference}
    )
    lines = list(door.visible(actor, ThreadLine.objects.filter(conflict=row)).order_by("said_at", "id"))
    stands = standing(
        Line(line.ref, line.said, line.ours, line.outcome, line.gives, line.about, line.said_at, line.kept_here)
        for line in lines
    )
    shown = tuple(_line(line) for line in lines)
    proposal = stands.proposal
    return ConflictPage(
        frame=frame,
        row=_conflict_rows(actor, [row])[0],
        lines=shown,
        proposal=next((line for line in shown if proposal is not None and line.ref == proposal.ref), None),
        may_write=frame.may_contribute and row.over_at is None,
        may_open=frame.may_manage and not row.told_them and row.over_at is None,
        agreed=row.state == ConflictState.AGREED,
        release_url=reverse("sharing:case", args=[frame.reference]),
    )


_SAYS = {
    Said.SAID: "",
    Said.ASKED: "asks for a release",
    Said.CONFIRMED: "agreed",
    Said.REOPENED: "opened it again",
}
_ICONS = {
    Said.SAID: ("message", ""),
    Said.ASKED: ("send", "accent"),
    Said.PROPOSED: ("scale", "accent"),
    Said.CONFIRMED: ("check", "good"),
    Said.REOPENED: ("lock-open", "warn"),
}


def _line(line: ThreadLine) -> LineRow:
    said = Said(line.said)
    icon, tone = _ICONS[said]
    if said == Said.PROPOSED:
        sentence = f"proposes: {outcome_words(line.outcome, gives=line.gives == line.ours).lower()}"
    elif line.kept_here:
        sentence = "noted, for your side alone"
    else:
        sentence = _SAYS[said]
    return LineRow(
        ref=line.ref, ours=line.ours, author=line.author, agency=line.author_agency, sentence=sentence, text=line.text,
        at=line.said_at, readers=tuple(str(reader["name"]) for reader in line.readers), kept_here=line.kept_here, icon=icon,
        tone=tone,
    )  # fmt: skip


# --- For programs ----------------------------------------------------------------------------------------------------


def list_declarations(actor: Actor, *, case: str = "", live: bool = True, number: int = 1) -> Any:
    """(rows, page) of what the actor's agency declared, newest first; of one case where it is named."""
    rows = _declarations(actor)
    if case:
        frame = get_frame(actor, case, "")
        rows = rows.filter(case_id=frame.case_id)
    if live:
        rows = rows.filter(withdrawn_at=None, ends_at__gt=timezone.now())
    page = Paginator(rows.order_by("-declared_at", "-id"), 50).get_page(number)
    log.record("deconfliction.viewed", actor, details={"page": page.number, "case": case})
    return _declaration_rows(actor, page), page


def list_conflicts(actor: Actor, *, case: str = "", unanswered: bool = False, number: int = 1) -> Any:
    """(rows, page) of conflicts, unanswered first; of one case where it is named."""
    rows = standing_conflicts(actor)
    if case:
        frame = get_frame(actor, case, "")
        rows = rows.filter(case_id=frame.case_id)
    if unanswered:
        rows = rows.filter(_unanswered())
    page = Paginator(_ordered(rows), 50).get_page(number)
    log.record("deconfliction.viewed", actor, details={"page": page.number, "case": case})
    return _conflict_rows(actor, page), page

"""Reading where cases stand, for a page: actor first, frozen pages out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Case as Depending
from django.db.models import CharField, Count, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.utils import timezone

from opencets.errors import NotFound
from opencets_web.audit import log
from opencets_web.cases.models import Assignment, Case, CaseKind, CaseState
from opencets_web.cases.queries import CaseFrame, get_frame
from opencets_web.evidence.models import Exhibit, ExhibitState
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.standards.known import known
from opencets_web.standards.models import (
    AppliedChecklist,
    Clock,
    Deadline,
    Notice,
    NoticeKind,
    Pause,
    QuietHours,
    StepMark,
    StepState,
)
from opencets_web.standards.reckoning import Standing, in_words, share_gone, standing_at
from opencets_web.standards.vocabulary import (
    CALENDARS,
    EVIDENCE,
    RUNS_FROM,
    Change,
    Checklist,
    Clocks,
    Step,
    checklist_of,
    clocks_of,
    difference,
)

TONES = {
    Standing.OVERDUE: "bad",
    Standing.SOON: "warn",
    Standing.RUNNING: "good",
    Standing.PAUSED: "violet",
    Standing.MET: "",
}
BAR = 72
"""The width of a bar in its own units (``.bar`` of the style)."""


@dataclass(frozen=True, slots=True)
class DueView:
    """A deadline as shown: how it stands, in words, and as a bar."""

    title: str
    standing: str
    words: str
    tone: str
    width: float
    due_at: datetime
    runs_from_at: datetime

    @property
    def overdue(self) -> bool:
        """Whether it is late."""
        return self.standing == Standing.OVERDUE


def _due(row: Deadline, now: datetime) -> DueView:
    standing = standing_at(now, due_at=row.due_at, soon_at=row.soon_at, met_at=row.met_at, paused_at=row.paused_at)
    if standing == Standing.MET and row.met_at is not None:
        late = row.met_at > row.due_at
        words = f"done {in_words(row.met_at - row.due_at)} late" if late else "done in time"
        gone = share_gone(row.met_at, row.runs_from_at, row.due_at)
    elif standing == Standing.PAUSED and row.paused_at is not None:
        words = f"paused with {in_words(row.due_at - row.paused_at)} left"
        gone = share_gone(row.paused_at, row.runs_from_at, row.due_at)
    elif standing == Standing.OVERDUE:
        words, gone = f"overdue by {in_words(now - row.due_at)}", 1.0
    else:
        words, gone = f"{in_words(row.due_at - now)} left", share_gone(now, row.runs_from_at, row.due_at)
    return DueView(
        title=row.title,
        standing=standing,
        words=words,
        tone=TONES[standing],
        width=round(BAR * gone, 1),
        due_at=row.due_at,
        runs_from_at=row.runs_from_at,
    )


# --- One case ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MarkView:
    """What somebody said of a step."""

    id: UUID
    state: str
    label: str
    at: datetime
    by: str
    agency: str
    reason: str
    evidence: str
    evidence_url: str


@dataclass(frozen=True, slots=True)
class StepView:
    """A step of a case's checklist."""

    key: str
    title: str
    part: str
    why: str
    done_when: str
    required: bool
    evidence: str
    stops: str
    state: str
    mark: MarkView | None
    due: DueView | None
    history: tuple[MarkView, ...]

    @property
    def open(self) -> bool:
        """Whether something is to be done about it."""
        return self.state == StepState.OPEN

    @property
    def tone(self) -> str:
        """The tone of its state."""
        return {StepState.DONE.value: "good", StepState.OPEN.value: "line"}.get(self.state, "warn")

    @property
    def label(self) -> str:
        """Its state in words."""
        return StepState(self.state).label


@dataclass(frozen=True, slots=True)
class AppliedView:
    """A checklist that a case goes by."""

    id: UUID
    key: str
    title: str
    version: int
    source: str
    jurisdiction: str
    applied_at: datetime
    applied_by: str
    newer: int
    moved_from: int
    steps: tuple[StepView, ...]

    @property
    def settled(self) -> int:
        """How many steps are done, skipped or not applicable."""
        return sum(not step.open for step in self.steps)

    @property
    def required_open(self) -> int:
        """How many required steps are open."""
        return sum(step.open and step.required for step in self.steps)


@dataclass(frozen=True, slots=True)
class ClockView:
    """A clock of a case."""

    id: UUID
    key: str
    title: str
    acts: str
    band: str
    meaning: str
    counting: str
    source: str
    due: DueView
    reason: str
    set_at: datetime
    set_by: str
    agency: str
    first_information_at: datetime
    met_how: str
    met_by: str
    may_pause: bool
    paused_because: str
    threat_to_life: bool
    undoable: bool
    earlier: tuple[str, ...]

    @property
    def standing(self) -> str:
        """How it stands."""
        return self.due.standing


@dataclass(frozen=True, slots=True)
class BandChoice:
    """A set of clocks with its bands, to choose from."""

    key: str
    title: str
    source: str
    acts: str
    bands: tuple[tuple[str, str, str, str], ...]
    """Value, name, how long, meaning."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A checklist that a case could go by; the first is the usual one."""

    key: str
    title: str
    version: int
    steps: int
    source: str


@dataclass(frozen=True, slots=True)
class CaseStandards:
    """The page of one case's checklists and clocks."""

    frame: CaseFrame
    checklists: tuple[AppliedView, ...]
    clocks: tuple[ClockView, ...]
    offers: tuple[Offer, ...]
    bands: tuple[BandChoice, ...]
    exhibits: tuple[tuple[UUID, str], ...]
    first_information_at: datetime
    may_change: bool


def get_case_standards(actor: Actor, reference: str) -> CaseStandards:
    """Where one case stands, for an actor who may read it; else NotFound."""
    frame = get_frame(actor, reference, "standards:case")
    subject = f"case:{reference}"
    log.record("case.viewed", actor, holding=frame.holding, subject=subject, details={"section": "standards"})
    now = timezone.now()
    kind = Case.objects.values_list("kind", flat=True).get(pk=frame.case_id)
    applied = list(
        door.visible(actor, AppliedChecklist.objects.filter(case_id=frame.case_id, ended_at=None))
        .select_related("applied_by", "replaces")
        .order_by("applied_at")
    )
    clocks = list(
        door.visible(actor, Clock.objects.filter(case_id=frame.case_id))
        .select_related("set_by", "by_agency", "met_by", "deadline")
        .order_by("set_at")
    )
    marks: dict[tuple[str, str], list[StepMark]] = {}
    if applied:
        found = door.visible(actor, StepMark.objects.filter(case_id=frame.case_id))
        for mark in found.select_related("by", "by_agency", "exhibit", "record").order_by("-at"):
            marks.setdefault((mark.checklist, mark.step), []).append(mark)
    deadlines = door.visible(actor, Deadline.objects.filter(case_id=frame.case_id, ended_at=None, clock=None))
    dues = {(row.checklist, row.step): _due(row, now) for row in deadlines}
    titles = {entry.key: entry.title for entry in known().clocks}
    here = {row.checklist for row in applied}
    offered = known().checklists_for(kind, actor.country, actor.agency_name, now.date())
    live = [clock for clock in clocks if clock.ended_at is None]
    may_change = frame.may_contribute and frame.open
    return CaseStandards(
        frame=frame,
        checklists=tuple(_applied_view(row, marks, dues, titles, now) for row in applied),
        clocks=tuple(_clock_view(actor, clock, clocks, now) for clock in live),
        offers=tuple(
            Offer(entry.key, entry.title, entry.version, len(entry.steps), entry.source)
            for entry in offered
            if entry.key not in here
        ),
        bands=tuple(
            _band_choice(entry) for entry in known().clocks_for(kind, actor.country, actor.agency_name, now.date())
        ),
        exhibits=_exhibits(actor, frame) if may_change and applied else (),
        first_information_at=min((clock.first_information_at for clock in live), default=frame.opened_at),
        may_change=may_change,
    )


def _exhibits(actor: Actor, frame: CaseFrame) -> tuple[tuple[UUID, str], ...]:
    rows = door.visible(actor, Exhibit.objects.filter(case_id=frame.case_id)).exclude(state=ExhibitState.CANCELLED)
    return tuple((row.id, f"{row.reference} {row.title}") for row in rows.order_by("-begun_at")[:100])


def _applied_view(
    row: AppliedChecklist,
    marks: dict[tuple[str, str], list[StepMark]],
    dues: dict[tuple[str, str], DueView],
    titles: dict[str, str],
    now: datetime,
) -> AppliedView:
    entry = checklist_of(row.content)
    newest = known().checklist(row.checklist, on=now.date())
    return AppliedView(
        id=row.id,
        key=row.checklist,
        title=entry.title,
        version=row.version,
        source=entry.source,
        jurisdiction=entry.jurisdiction,
        applied_at=row.applied_at,
        applied_by=row.applied_by.display_name,
        newer=newest.version if newest and newest.version > row.version else 0,
        moved_from=row.replaces.version if row.replaces else 0,
        steps=tuple(
            _step_view(step, marks.get((row.checklist, step.key), []), dues.get((row.checklist, step.key)), titles)
            for step in entry.steps
        ),
    )


def _step_view(step: Step, marks: list[StepMark], due: DueView | None, titles: dict[str, str]) -> StepView:
    live = next((mark for mark in marks if mark.ended_at is None), None)
    return StepView(
        key=step.key,
        title=step.title,
        part=step.part,
        why=step.why,
        done_when=step.done_when,
        required=step.required,
        evidence=EVIDENCE[step.evidence] if step.evidence != "none" else "",
        stops=", ".join(titles.get(key, key) for key in step.stops),
        state=live.state if live else StepState.OPEN,
        mark=_mark_view(live) if live else None,
        due=due,
        history=tuple(_mark_view(mark) for mark in marks if mark.ended_at is not None),
    )


def _mark_view(mark: StepMark) -> MarkView:
    evidence, url = mark.reference, ""
    if mark.exhibit is not None:
        evidence, url = f"{mark.exhibit.reference} {mark.exhibit.title}", f"/exhibits/{mark.exhibit_id}/"
    elif mark.record is not None:
        evidence, url = mark.record.label or "Record", f"/records/{mark.record_id}/"
    return MarkView(
        mark.id,
        mark.state,
        StepState(mark.state).label,
        mark.at,
        mark.by.display_name,
        mark.by_agency.short_name,
        mark.reason,
        evidence,
        url,
    )


def _clock_view(actor: Actor, clock: Clock, clocks: Iterable[Clock], now: datetime) -> ClockView:
    entry = clocks_of(clock.content)
    band = entry.band(clock.band)
    if band is None:
        raise NotFound
    due = _due(clock.deadline, now)
    paused = None
    if clock.deadline.paused_at is not None:
        paused = door.visible(actor, Pause.objects.filter(clock=clock, until_at=None)).first()
    earlier = [row for row in clocks if row.clocks == clock.clocks and row.id != clock.id]
    return ClockView(
        id=clock.id,
        key=clock.clocks,
        title=entry.title,
        acts=entry.acts,
        band=band.title,
        meaning=band.meaning,
        counting=f"{band.due} {RUNS_FROM[band.runs_from]}, {CALENDARS[entry.calendar]}",
        source=entry.source,
        due=due,
        reason=clock.reason,
        set_at=clock.set_at,
        set_by=clock.set_by.display_name,
        agency=clock.by_agency.short_name,
        first_information_at=clock.first_information_at,
        met_how=clock.met_how,
        met_by=clock.met_by.display_name if clock.met_by else "",
        may_pause=band.may_pause and due.standing in (Standing.RUNNING, Standing.SOON),
        paused_because=paused.reason if paused else "",
        threat_to_life=band.threat_to_life,
        undoable=clock.replaces_id is not None,
        earlier=tuple(_earlier(row) for row in reversed(earlier)),
    )


def _earlier(row: Clock) -> str:
    band = clocks_of(row.content).band(row.band)
    name = band.title if band else row.band
    return f"{name}, set {row.set_at:%Y-%m-%d %H:%M} UTC by {row.set_by.display_name}: {row.reason}"


def _band_choice(entry: Clocks) -> BandChoice:
    return BandChoice(
        entry.key,
        entry.title,
        entry.source,
        entry.acts,
        tuple((f"{entry.key}:{band.key}", band.title, str(band.due), band.meaning) for band in entry.bands),
    )


@dataclass(frozen=True, slots=True)
class Move:
    """What changes when a case moves to a newer version of its checklist."""

    frame: CaseFrame
    applied_id: UUID
    title: str
    version: int
    newer: int
    source: str
    changes: tuple[Change, ...]


def get_move(actor: Actor, applied_id: UUID) -> Move:
    """The difference to the newest version; NotFound where the actor may not move it or there is none."""
    applied = door.admit(
        actor, AppliedChecklist.objects.select_related("case").filter(ended_at=None), "contribute", pk=applied_id
    )
    frame = get_frame(actor, applied.case.reference, "standards:case", to="contribute")
    newest = known().checklist(applied.checklist, on=timezone.now().date())
    before: Checklist = checklist_of(applied.content)
    after = newest if newest and newest.version > applied.version else before
    log.record(
        "case.viewed", actor, holding=frame.holding, subject=f"case:{frame.reference}", details={"section": "standards"}
    )
    return Move(
        frame, applied.id, before.title, applied.version, after.version, after.source, difference(before, after)
    )


# --- Overview and desk ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pressing:
    """A deadline with its case."""

    case: str
    case_title: str
    due: DueView
    url: str
    more: int = 0
    """How many others of the same case press too, where one stands for all."""


def pressing_of_case(actor: Actor, frame: CaseFrame, limit: int = 4) -> tuple[Pressing, ...]:
    """What of a case is due next, clocks first; paused clocks too."""
    rows = _live_deadlines(actor).filter(case_id=frame.case_id).order_by("due_at")[:100]
    clocks_first = sorted(rows, key=lambda row: (row.clock_id is None, row.due_at))
    return tuple(_pressing(row) for row in clocks_first[:limit])


def pressing_of_mine(actor: Actor, limit: int = 6) -> tuple[Pressing, ...]:
    """What is overdue or due soon in the cases that the actor works on: one for each case, its clock before its steps."""
    mine = Assignment.objects.filter(officer_id=actor.officer_id, until_at=None).values("case_id")
    rows = _live_deadlines(actor).filter(case_id__in=mine, soon_at__lte=timezone.now(), paused_at=None)
    cases: dict[UUID, list[Deadline]] = {}
    for row in rows.order_by("due_at")[:300]:
        cases.setdefault(row.case_id, []).append(row)
    shown = [min(rows, key=lambda row: (row.clock_id is None, row.due_at)) for rows in list(cases.values())[:limit]]
    return tuple(_pressing(row, len(cases[row.case_id]) - 1) for row in shown)


def _live_deadlines(actor: Actor) -> QuerySet[Deadline]:
    rows = Deadline.objects.filter(ended_at=None, met_at=None, case__state=CaseState.OPEN)
    return door.visible(actor, rows).select_related("case")


def _pressing(row: Deadline, more: int = 0) -> Pressing:
    reference = row.case.reference
    return Pressing(reference, row.case.title, _due(row, timezone.now()), f"/cases/{reference}/standards/", more)


# --- The supervisor's board -------------------------------------------------------------------------

STANDINGS = (
    ("overdue", "Overdue", "bad"),
    ("soon", "Due soon", "warn"),
    ("on-time", "On time", "good"),
    ("none", "Without a checklist", "line"),
)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the bar and of the counts: its name, number, and place in the bar (of 1,000)."""

    name: str
    label: str
    tone: str
    number: int
    x: float
    width: float

    @property
    def url(self) -> str:
        """The board with these cases alone."""
        return f"/standards/?standing={self.name}"


@dataclass(frozen=True, slots=True)
class BoardRow:
    """A case on the board."""

    reference: str
    title: str
    kind: str
    standing: str
    standing_label: str
    tone: str
    due: DueView | None
    officers: str
    required: int
    settled: int
    url: str


@dataclass(frozen=True, slots=True)
class Board:
    """Where the open cases of the actor's agency stand."""

    parts: tuple[Part, ...]
    total: int
    rows: tuple[BoardRow, ...]
    page: Page[Any]
    standing: str


def get_board(actor: Actor, *, standing: str = "", kind: str = "", words: str = "", number: int = 1) -> Board:
    """The open cases of the actor's own agency by how they stand, the most pressing first."""
    now = timezone.now()
    cases = door.visible(actor, Case.objects.filter(agency_id=actor.agency_id, state=CaseState.OPEN))
    if kind:
        cases = cases.filter(kind=kind)
    if words:
        cases = cases.filter(Q(reference__icontains=words) | Q(title__icontains=words))
    judged = _judged(cases, now)
    counts = dict(judged.order_by().values_list("standing").annotate(number=Count("id")))
    shown = judged.filter(standing=standing) if standing else judged
    page = Paginator(shown.order_by("rank", "next_due", "-opened_at"), 50).get_page(number)
    log.record("standards.listed", actor, details={"standing": standing, "kind": kind, "page": page.number})
    return Board(_parts(counts), sum(counts.values()), _board_rows(actor, list(page), now), page, standing)


def _judged(cases: QuerySet[Case], now: datetime) -> Any:
    live = Deadline.objects.filter(case=OuterRef("pk"), ended_at=None, met_at=None, paused_at=None)
    applied = AppliedChecklist.objects.filter(case=OuterRef("pk"), ended_at=None)
    judged = cases.annotate(
        is_late=Exists(live.filter(due_at__lte=now)),
        is_soon=Exists(live.filter(soon_at__lte=now)),
        has_checklist=Exists(applied),
        next_due=Subquery(live.order_by("due_at").values("due_at")[:1]),
    )
    names = (Q(is_late=True), Q(is_soon=True), Q(has_checklist=True))
    return judged.annotate(
        standing=Depending(
            *(When(test, then=Value(name)) for test, (name, _, _) in zip(names, STANDINGS, strict=False)),
            default=Value("none"),
            output_field=CharField(),
        ),
        rank=Depending(
            *(When(test, then=Value(place)) for place, test in zip((0, 1, 3), names, strict=True)),
            default=Value(2),
            output_field=IntegerField(),
        ),
    )


def _parts(counts: dict[str, int]) -> tuple[Part, ...]:
    total, at, parts = sum(counts.values()), 0.0, []
    for name, label, tone in STANDINGS:
        number = counts.get(name, 0)
        width = 1_000 * number / total if total else 0.0
        parts.append(Part(name, label, tone, number, round(at, 1), round(width, 1)))
        at += width
    return tuple(parts)


def _board_rows(actor: Actor, cases: list[Any], now: datetime) -> tuple[BoardRow, ...]:
    ids = [case.id for case in cases]
    first: dict[UUID, Deadline] = {}
    deadlines = door.visible(actor, Deadline.objects.filter(case_id__in=ids, ended_at=None, met_at=None))
    for row in deadlines.order_by("paused_at", "due_at"):
        if row.case_id not in first or first[row.case_id].paused_at is not None:
            first[row.case_id] = row
    officers: dict[UUID, list[str]] = {}
    for entry in Assignment.objects.filter(case_id__in=ids, until_at=None).select_related("officer"):
        officers.setdefault(entry.case_id, []).append(entry.officer.display_name)
    required: dict[UUID, int] = {}
    for case_id, number in door.visible(
        actor, AppliedChecklist.objects.filter(case_id__in=ids, ended_at=None)
    ).values_list("case_id", "required"):
        required[case_id] = required.get(case_id, 0) + number
    live = AppliedChecklist.objects.filter(case=OuterRef("case"), checklist=OuterRef("checklist"), ended_at=None)
    marks = StepMark.objects.filter(case_id__in=ids, ended_at=None, required=True).exclude(state=StepState.OPEN)
    settled = dict(
        door.visible(actor, marks.filter(Exists(live))).values_list("case_id").annotate(number=Count("id")).order_by()
    )
    labels = {name: (label, tone) for name, label, tone in STANDINGS}
    return tuple(
        BoardRow(
            reference=case.reference,
            title=case.title,
            kind=CaseKind(case.kind).label,
            standing=case.standing,
            standing_label=labels[case.standing][0],
            tone=labels[case.standing][1],
            due=_due(first[case.id], now) if case.id in first else None,
            officers=", ".join(sorted(officers.get(case.id, []))),
            required=required.get(case.id, 0),
            settled=min(settled.get(case.id, 0), required.get(case.id, 0)),
            url=f"/cases/{case.reference}/standards/",
        )
        for case in cases
    )


# --- What an officer is told ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NoticeView:
    """What an officer is told."""

    id: UUID
    kind: str
    case: str
    case_title: str
    due: DueView
    raised_at: datetime
    seen_at: datetime | None
    mailed_at: datetime | None
    url: str
    more: int = 0
    """How many others of the same case were told, where one stands for all."""

    @property
    def escalated(self) -> bool:
        """Whether it was told to supervisors."""
        return self.kind == NoticeKind.ESCALATED


def list_notices(actor: Actor, number: int = 1) -> tuple[tuple[NoticeView, ...], Page[Notice]]:
    """What the actor was told, what is new first."""
    page = Paginator(_notices(actor).order_by("seen_at", "-raised_at"), 50).get_page(number)
    page.object_list = list(page.object_list)
    log.record("standards.listed", actor, details={"section": "notices", "page": page.number})
    return tuple(_notice(row) for row in page), page


def new_notices(actor: Actor, limit: int = 6) -> tuple[NoticeView, ...]:
    """What the actor was told and has not taken note of, one for each case: what stayed late first, then its clock."""
    rows = _notices(actor).filter(seen_at=None, deadline__met_at=None, deadline__ended_at=None)
    cases: dict[UUID, list[Notice]] = {}
    for row in rows.filter(deadline__case__state=CaseState.OPEN).order_by("raised_at")[:300]:
        cases.setdefault(row.deadline.case_id, []).append(row)
    shown = [
        min(told, key=lambda row: (row.kind != NoticeKind.ESCALATED, row.deadline.clock_id is None))
        for told in list(cases.values())[:limit]
    ]
    return tuple(replace(_notice(row), more=len(cases[row.deadline.case_id]) - 1) for row in shown)


def _notices(actor: Actor) -> QuerySet[Notice]:
    rows = Notice.objects.filter(officer_id=actor.officer_id)
    return door.visible(actor, rows).select_related("deadline__case")


def _notice(row: Notice) -> NoticeView:
    case = row.deadline.case
    return NoticeView(
        row.id,
        row.kind,
        case.reference,
        case.title,
        _due(row.deadline, timezone.now()),
        row.raised_at,
        row.seen_at,
        row.mailed_at,
        f"/cases/{case.reference}/standards/",
    )


def get_notice_case(actor: Actor, notice_id: UUID) -> str:
    """The case of what one was told; NotFound where it is not the actor's."""
    return door.admit(actor, _notices(actor), pk=notice_id).deadline.case.reference


def get_quiet_hours(actor: Actor) -> dict[str, Any]:
    """What the actor said about e-mail, as the form takes it; the usual hours where nothing was said."""
    row = QuietHours.objects.filter(officer_id=actor.officer_id).first()
    if row is None:
        return {"mail": True, "begins": "22:00", "ends": "06:00", "zone": "UTC"}
    return {"mail": row.mail, "begins": f"{row.begins:%H:%M}", "ends": f"{row.ends:%H:%M}", "zone": row.zone}

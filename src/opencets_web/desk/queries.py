"""Reading the first page and a case's overview: what is new, why am I told, what do I do next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Q, QuerySet, Subquery
from django.utils import timezone

from opencets.records import KINDS
from opencets_web.accounts.models import Officer
from opencets_web.audit import log
from opencets_web.audit.models import Act
from opencets_web.audit.verbs import VERBS
from opencets_web.cases.models import Assignment, Case, CaseKind, CaseState, Note
from opencets_web.cases.queries import CaseFrame, get_frame
from opencets_web.casework.models import Task
from opencets_web.casework.queries import NoticeRow, TaskRow, my_notices, my_tasks
from opencets_web.deconfliction.queries import ConflictRow, new_conflicts
from opencets_web.entities.queries import count_undecided
from opencets_web.evidence.models import Claim, Exhibit, ExhibitState, Record
from opencets_web.evidence.queries import ExhibitRow, exhibits_under_way
from opencets_web.exposure.queries import AskLine, list_asks
from opencets_web.inquiries.queries import InquiryRow, due_soon
from opencets_web.leads.queries import (
    AlertRow,
    ConnectionRow,
    PointerRow,
    case_alerts,
    case_pointers,
    new_alerts,
    top_connections,
)
from opencets_web.media.models import Media
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.releases.queries import DeskParts, desk_parts
from opencets_web.sharing.models import Asked, RequestState
from opencets_web.sharing.queries import InvitationRow, open_invitations
from opencets_web.standards.queries import (
    NoticeView,
    Pressing,
    new_notices,
    pressing_of_case,
    pressing_of_mine,
)

MOST_CASES = 12
"""With the officer's own channel and the agency's they fit into the sixteen that a page may listen to."""

STRONG_KINDS = tuple(name for name, kind in KINDS.items() if kind.links == "strong")

MOST_ACTS, MOST_NEWS = 300, 10

BY_ANYONE = ("exhibit.read",)
"""What jobs did. That alerts were raised is not told here: some wait until their reader may see both sides."""
BY_OTHERS = (
    "case.opened", "case.joined", "case.left", "case.changed", "case.closed", "case.reopened", "exhibit.received",
    "exhibit.columns-corrected", "note.added", "number.added", "judgement.made", "release.made", "release.withdrawn",
    "request.made", "request.answered", "request.withdrawn", "comment.written", "task.given", "task.done", "task.reopened",
    "decision.made", "invitation.made", "invitation.accepted", "invitation.declined",
    "invitation.left",
    "inquiry.drafted", "inquiry.approved", "inquiry.served",
    "inquiry.preserved", "inquiry.answered", "inquiry.refused",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DeskCase:
    """A case on the desk: where it stands and what waits in it."""

    id: UUID
    holding_id: UUID
    reference: str
    title: str
    kind: str
    agency: str
    own_agency: bool
    handling: str
    tlp: str
    alerts: int
    exhibits: int
    last_at: datetime
    url: str


@dataclass(frozen=True, slots=True)
class Request:
    """What another agency asks for and waits for."""

    id: UUID
    case: str
    agency: str
    officer: str
    purpose: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class News:
    """Something that happened in one of the officer's cases since yesterday."""

    at: datetime
    by: str
    sentence: str
    icon: str
    url: str


@dataclass(frozen=True, slots=True)
class Desk:
    """The first page."""

    reads_cases: bool
    auditor: bool
    cases: tuple[DeskCase, ...]
    more_cases: bool
    alerts: tuple[AlertRow, ...]
    alerts_total: int
    requests: tuple[Request, ...]
    conflicts: tuple[ConflictRow, ...]
    conflicts_total: int
    undecided: int
    running: tuple[tuple[ExhibitRow, str], ...]
    news: tuple[News, ...]
    overdue: tuple[NoticeView, ...]
    pressing: tuple[Pressing, ...]
    channels: str
    tasks: tuple[TaskRow, ...] = ()
    notices: tuple[NoticeRow, ...] = ()
    unread: int = 0
    invitations: tuple[InvitationRow, ...] = ()
    inquiries: tuple[InquiryRow, ...] = ()
    parts: DeskParts | None = None
    asks: tuple[AskLine, ...] = ()

    @property
    def first_time(self) -> bool:
        """Nothing is on the desk yet."""
        waits = self.tasks or self.notices or self.invitations or self.parts or self.asks
        return not (self.cases or self.requests or self.conflicts or self.undecided or self.overdue or waits)


def get_desk(actor: Actor) -> Desk:
    """The actor's desk: own cases, new alerts with reasons, the queue, and what happened since yesterday."""
    log.record("desk.viewed", actor)
    if not actor.reads_cases:
        return Desk(False, actor.has("auditor"), (), False, (), 0, (), (), 0, 0, (), (), (), (), "")
    alerts, numbers = new_alerts(actor, 6)
    conflicts, conflicts_total = new_conflicts(actor)
    cases, more = _cases(actor, numbers)
    late = new_notices(actor)
    told = {notice.case for notice in late}
    ids = [case.id for case in cases]
    return Desk(
        reads_cases=True,
        auditor=actor.has("auditor"),
        cases=cases,
        more_cases=more,
        alerts=alerts,
        alerts_total=sum(numbers.values()),
        requests=_requests(actor),
        conflicts=conflicts,
        conflicts_total=conflicts_total,
        undecided=count_undecided(actor),
        running=exhibits_under_way(actor, ids) if ids else (),
        news=_news(actor, {case.holding_id: case.reference for case in cases}) if cases else (),
        tasks=my_tasks(actor),
        notices=(notices := my_notices(actor)),
        unread=sum(notice.unread for notice in notices),
        invitations=open_invitations(actor),
        channels=" ".join(
            [f"officer:{actor.officer_id}", f"agency:{actor.agency_id}", *(f"case:{case_id}" for case_id in ids)]
        ),
        overdue=late,
        pressing=tuple(row for row in pressing_of_mine(actor) if row.case not in told),
        inquiries=due_soon(actor, ids) if ids else (),
        parts=desk_parts(actor),
        asks=tuple(ask for ask in list_asks(actor) if ask.open and not ask.mine),
    )


def _cases(actor: Actor, alerts: dict[UUID, int]) -> tuple[tuple[DeskCase, ...], bool]:
    mine = Assignment.objects.filter(officer_id=actor.officer_id, until_at=None).values("case_id")
    found = door.visible(actor, Case.objects.filter(state=CaseState.OPEN, id__in=mine))
    cases = list(found.select_related("agency", "holding").order_by("-opened_at")[: MOST_CASES + 1])
    ids = [case.id for case in cases[:MOST_CASES]]
    received = door.visible(actor, Exhibit.objects.filter(case_id__in=ids)).exclude(state=ExhibitState.CANCELLED)
    exhibits = {
        case_id: (number, last)
        for case_id, number, last in received.values_list("case_id").annotate(number=Count("id"), last=Max("begun_at"))
    }
    rows = []
    for case in cases[:MOST_CASES]:
        number, last = exhibits.get(case.id, (0, case.opened_at))
        rows.append(
            DeskCase(
                id=case.id,
                holding_id=case.holding_id,
                reference=case.reference,
                title=case.title,
                kind=CaseKind(case.kind).label,
                agency=case.agency.short_name,
                own_agency=case.agency_id == actor.agency_id,
                handling=case.holding.handling,
                tlp=case.holding.tlp,
                alerts=alerts.get(case.id, 0),
                exhibits=number,
                last_at=max(last, case.opened_at),
                url=f"/cases/{case.reference}/",
            )
        )
    return tuple(rows), len(cases) > MOST_CASES


def _requests(actor: Actor) -> tuple[Request, ...]:
    asked = door.visible(actor, Asked.objects.filter(state=RequestState.ASKED, agency_id=actor.agency_id))
    return tuple(
        Request(
            row.id, row.case.reference, row.from_agency.short_name, row.from_officer_name, row.purpose, row.asked_at
        )
        for row in asked.select_related("case", "from_agency").order_by("asked_at")[:6]
    )


_ICONS = {
    "exhibit": "folder",
    "note": "notes",
    "alert": "bell",
    "connection": "route",
    "release": "share-3",
    "request": "send",
    "inquiry": "send",
}


def _news(actor: Actor, cases: dict[UUID, str]) -> tuple[News, ...]:
    """What happened in the last day in ``cases``, which the actor may see: references by holding."""
    since = timezone.now() - timedelta(days=1)
    told = Q(verb__in=BY_ANYONE) | (Q(verb__in=BY_OTHERS) & ~Q(officer_id=actor.officer_id))
    acts = list(
        Act.objects.filter(told, holding_id__in=list(cases), at__gte=since).order_by("-id").defer("leaf")[:MOST_ACTS]
    )
    names = _names(acts)
    alike: dict[tuple[object, ...], list[Act]] = {}
    for act in acts:
        by = None if act.verb in BY_ANYONE else act.officer_id
        alike.setdefault((act.verb, act.holding_id, by), []).append(act)
    return tuple(_news_of(group, cases, names) for group in list(alike.values())[:MOST_NEWS])


def _news_of(group: list[Act], cases: dict[UUID, str], names: dict[UUID | None, str]) -> News:
    act, reference = group[0], cases[group[0].holding_id] if group[0].holding_id else ""
    times = f", {len(group)} times" if len(group) > 1 else ""
    return News(
        at=act.at,
        by=reference if act.verb in BY_ANYONE else f"{names.get(act.officer_id, 'The system')} · {reference}",
        sentence=sentence_of(act) + times,
        icon=_ICONS.get(act.verb.partition(".")[0], "briefcase"),
        url=f"/cases/{reference}/",
    )


_WITHOUT_AN_OFFICER = {
    "exhibit.read": "An exhibit was read",
}


def sentence_of(act: Act) -> str:
    """What an act was, as a sentence that begins with a capital."""
    told = _WITHOUT_AN_OFFICER.get(act.verb) or VERBS.get(act.verb, act.verb)
    return told[:1].upper() + told[1:]


def _names(acts: list[Act]) -> dict[UUID | None, str]:
    ids = {act.officer_id for act in acts if act.officer_id and act.verb not in BY_ANYONE}
    if not ids:
        return {}
    return dict(Officer.objects.filter(id__in=ids).values_list("id", "display_name"))


@dataclass(frozen=True, slots=True)
class NoteLine:
    """A note as the overview shows it."""

    author: str
    text: str
    written_at: datetime


@dataclass(frozen=True, slots=True)
class Overview:
    """What is known of a case, what is new in it, and what to do next."""

    frame: CaseFrame
    running: tuple[ExhibitRow, ...]
    alerts: tuple[AlertRow, ...]
    connections: tuple[ConnectionRow, ...]
    connections_total: int
    pointers: tuple[tuple[PointerRow, int], ...]
    pointers_total: int
    notes: tuple[NoteLine, ...]
    pressing: tuple[Pressing, ...]
    exhibits: int
    exhibits_read: int
    lines_skipped: int
    media: int
    known: int
    people: int
    messages: int
    records: int
    identifiers: int
    overdue: int
    inquiries: tuple[InquiryRow, ...] = ()

    @property
    def next_step(self) -> tuple[str, str, str]:
        """What to do next: a sentence, the button's label, its address; empty where nothing presses."""
        frame = self.frame
        base = f"/cases/{frame.reference}/"
        if not frame.open:
            return (f"The case is closed: {frame.closed_because}", "", "")
        if not self.exhibits:
            if frame.may_contribute:
                return (
                    "Drop evidence into the case: a folder, an archive or single files.",
                    "Add evidence",
                    base + "exhibits/",
                )
            return ("No evidence has been received yet.", "", "")
        if self.alerts:
            number = len(self.alerts)
            return (f"{number} new alert{'s' if number > 1 else ''} below: take on or dismiss.", "", "")
        if self.pointers:
            return (
                "Another agency holds something that connects: call, or ask for a release.",
                "See whom to call",
                base + "connections/",
            )
        if self.lines_skipped:
            return (
                "Some of the evidence was not read; the report says where and why.",
                "Open exhibits",
                base + "exhibits/",
            )
        return ("", "", "")


def get_overview(actor: Actor, reference: str) -> Overview:
    """The overview of one case for an actor who may read it; else NotFound."""
    frame = get_frame(actor, reference, "desk:case")
    log.record(
        "case.viewed", actor, holding=frame.holding, subject=f"case:{reference}", details={"section": "overview"}
    )
    connections, total = top_connections(actor, frame)
    pointers = case_pointers(actor, frame)
    counted = _counted(actor, frame)
    records = door.visible(actor, Record.objects.filter(case_id=frame.case_id, retired_at=None))
    kinds = dict(records.order_by().values_list("kind").annotate(number=Count("*")))
    claims = door.visible(
        actor, Claim.objects.filter(case_id=frame.case_id, kind__in=STRONG_KINDS, normal__isnull=False)
    )
    notes = door.visible(actor, Note.objects.filter(case_id=frame.case_id, withdrawn_at=None)).select_related("author")
    return Overview(
        frame=frame,
        running=tuple(row for row, _ in exhibits_under_way(actor, [frame.case_id]))
        if counted["number"] > counted["read"]
        else (),
        alerts=case_alerts(actor, frame),
        connections=connections,
        connections_total=total,
        pointers=_by_agency(pointers),
        pointers_total=len(pointers),
        notes=tuple(
            NoteLine(note.author.display_name, note.text, note.written_at) for note in notes.order_by("-written_at")[:3]
        ),
        pressing=pressing_of_case(actor, frame) if frame.open else (),
        exhibits=counted["number"],
        exhibits_read=counted["read"],
        lines_skipped=counted["skipped"],
        media=counted["media"],
        known=counted["known"],
        people=kinds.get("person", 0) + kinds.get("account", 0),
        messages=kinds.get("message", 0),
        records=sum(kinds.values()),
        overdue=counted["overdue"],
        identifiers=claims.order_by().values("kind", "normal").distinct().count(),
        inquiries=due_soon(actor, [frame.case_id]),
    )


def _counted(actor: Actor, frame: CaseFrame) -> dict[str, int]:
    """The numbers of a case's exhibits, media and tasks past their day, in one query."""
    of_case = {"case_id": frame.case_id}
    exhibits = door.visible(actor, Exhibit.objects.filter(**of_case)).exclude(state=ExhibitState.CANCELLED)
    media = door.visible(actor, Media.objects.filter(**of_case))
    late = Task.objects.filter(**of_case, done_at=None, withdrawn_at=None, due_on__lt=timezone.localdate())
    parts = {
        "number": exhibits,
        "read": exhibits.filter(state=ExhibitState.READ),
        "skipped": exhibits.filter(lines_skipped__gt=0),
        "media": media,
        "known": media.exclude(known_as=[]),
        "overdue": door.visible(actor, late),
    }
    rows = Case.objects.filter(pk=frame.case_id).annotate(
        **{f"{name}_counted": _number_of(part) for name, part in parts.items()}
    )
    counted = rows.values_list(*(f"{name}_counted" for name in parts)).get()
    return {name: number or 0 for name, number in zip(parts, counted, strict=True)}


def _number_of(rows: QuerySet[Any]) -> Subquery:
    return Subquery(rows.order_by().values("case_id").annotate(number=Count("id")).values("number"))


def _by_agency(pointers: tuple[PointerRow, ...]) -> tuple[tuple[PointerRow, int], ...]:
    """The newest pointer to each agency, and how many there are to it: one call answers them all."""
    found: dict[str, list[PointerRow]] = {}
    for pointer in pointers:
        found.setdefault(pointer.agency, []).append(pointer)
    return tuple((group[0], len(group)) for group in found.values())

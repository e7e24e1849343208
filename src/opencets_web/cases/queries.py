"""Reading cases for a page: actor first, frozen pages out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, TypedDict
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Count, Exists, Max, Min, OuterRef, QuerySet
from django.urls import NoReverseMatch, reverse

from opencets_web.accounts.models import Officer
from opencets_web.audit import log
from opencets_web.audit.models import Act
from opencets_web.audit.verbs import VERBS
from opencets_web.cases.models import (
    FIELDS,
    HOLDING_FIELDS,
    Assignment,
    Case,
    CaseKind,
    CaseState,
    FieldChange,
    Note,
    PartnerNumber,
    plain_lines,
)
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Disclosure, Handling, Tlp
from opencets_web.policy.purposes import said_today, saying
from opencets_web.policy.rules import LEVELS

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

TABS = (
    ("Overview", "desk:case"),
    ("Work", "casework:work"),
    ("Exhibits", "evidence:exhibits"),
    ("Media", "media:gallery"),
    ("People", "entities:case"),
    ("Messages", "evidence:messages"),
    ("Connections", "leads:connections"),
    ("Patterns", "patterns:case"),
    ("Standards", "standards:case"),
    ("Data requests", "inquiries:case"),
    ("Deconfliction", "deconfliction:case"),
    ("Sharing", "sharing:case"),
    ("Notes", "cases:notes"),
    ("Access", "cases:access"),
)
"""The sections of a case: each room brings the page that its name stands for."""


@dataclass(frozen=True, slots=True)
class Tab:
    """One section of a case."""

    label: str
    url: str
    active: bool


@dataclass(frozen=True, slots=True)
class CaseFrame:
    """What stands above every page of a case. ``case_id`` and ``holding`` serve the rooms above, not the template."""

    case_id: UUID
    holding_id: UUID
    agency_id: UUID
    reference: str
    title: str
    kind: str
    state: str
    summary: str
    handling: str
    tlp: str
    conditions: str
    disclosure: str
    restricted: bool
    agency: str
    opened_at: datetime
    opened_by: str
    closed_because: str
    mine: bool
    own_agency: bool
    may_contribute: bool
    may_manage: bool
    why_open: str
    officers: tuple[str, ...]
    numbers: tuple[tuple[UUID, str, str], ...]
    tabs: tuple[Tab, ...]
    purpose: str

    @property
    def open(self) -> bool:
        """Whether work on the case goes on."""
        return self.state == CaseState.OPEN

    @property
    def holding(self) -> tuple[UUID, UUID]:
        """As ``audit.log.record`` takes it."""
        return self.holding_id, self.agency_id

    @property
    def handling_label(self) -> str:
        """The handling code in words."""
        return Handling(self.handling).label

    @property
    def disclosure_label(self) -> str:
        """What the other side learns of a match, in words."""
        return Disclosure(self.disclosure).label


def get_frame(actor: Actor, reference: str, active: str, *, to: str = "read") -> CaseFrame:
    """The frame of one case for an actor who may read it (or ``contribute``, ``manage``); else NotFound.

    ``active`` is the URL name of the section being shown.
    """
    rows = Case.objects.select_related("holding", "agency", "opened_by").annotate(why=said_today(actor))
    case = door.admit(actor, rows, to, reference=reference)
    working = Assignment.objects.filter(case=case, until_at=None, officer__is_active=True)
    assigned = list(working.select_related("officer").order_by("since_at"))
    level = door.level(actor, case.holding_id)
    return CaseFrame(
        case_id=case.id,
        holding_id=case.holding_id,
        agency_id=case.agency_id,
        reference=case.reference,
        title=case.title,
        kind=CaseKind(case.kind).label,
        state=case.state,
        summary=case.summary,
        handling=case.holding.handling,
        tlp=case.holding.tlp,
        conditions=case.holding.conditions,
        disclosure=case.holding.disclosure,
        restricted=case.holding.restricted,
        agency=case.agency.short_name,
        opened_at=case.opened_at,
        opened_by=case.opened_by.display_name,
        closed_because=case.closed_because,
        mine=any(entry.officer_id == actor.officer_id for entry in assigned),
        own_agency=case.agency_id == actor.agency_id,
        may_contribute=level >= LEVELS["contribute"],
        may_manage=level >= LEVELS["manage"],
        why_open=door.explain(actor, case.holding),
        officers=tuple(entry.officer.display_name for entry in assigned),
        numbers=tuple(
            PartnerNumber.objects.filter(case=case, removed_at=None)
            .order_by("partner")
            .values_list("id", "partner", "number")
        ),
        tabs=_tabs(case.reference, active),
        purpose=actor.purpose or str(vars(case).get("why") or ""),
    )


def _tabs(reference: str, active: str) -> tuple[Tab, ...]:
    """The sections whose rooms are installed."""
    tabs = []
    for label, name in TABS:
        try:
            tabs.append(Tab(label, reverse(name, args=[reference]), name == active))
        except NoReverseMatch:
            continue
    return tuple(tabs)


def stands_now(actor: Actor, frame: CaseFrame) -> dict[str, str]:
    """What stands in each field of the case now, as a form compares it."""
    case = door.admit(actor, Case.objects.select_related("holding"), pk=frame.case_id)
    return {name: plain_lines(getattr(case.holding if name in HOLDING_FIELDS else case, name)) for name in FIELDS}


def _shown(field: str, text: str) -> str:
    """A field's value in words."""
    labels = {"kind": CaseKind, "handling": Handling, "tlp": Tlp, "disclosure": Disclosure}
    return str(labels[field](text).label) if field in labels and text in labels[field].values else text


@dataclass(frozen=True, slots=True)
class FieldChangeRow:
    """One change of one field: by whom, when, from what to what; ``stands``: it is what is to be read now."""

    id: UUID
    field: str
    label: str
    before: str
    after: str
    by: str
    agency: str
    at: datetime
    now: str
    stands: bool
    may_put_back: bool


def _change_rows(actor: Actor, frame: CaseFrame, number: int) -> tuple[FieldChangeRow, ...]:
    now = stands_now(actor, frame)
    changes = door.visible(actor, FieldChange.objects.filter(case_id=frame.case_id)).select_related("by__agency")
    return tuple(
        FieldChangeRow(
            id=row.id,
            field=row.field,
            label=FIELDS[row.field],
            before=_shown(row.field, row.before),
            after=_shown(row.field, row.after),
            by=row.by.display_name,
            agency=row.by.agency.short_name,
            at=row.at,
            now=now[row.field],
            stands=row.after == now[row.field],
            may_put_back=row.before != now[row.field]
            and (frame.may_contribute if row.field not in HOLDING_FIELDS else frame.own_agency and frame.may_manage),
        )
        for row in changes.order_by("-at", "-id")[:number]
    )


def list_changes(actor: Actor, frame: CaseFrame) -> tuple[FieldChangeRow, ...]:
    """Who changed which field of the case, when, from what to what, newest first (500 at most)."""
    log.record(
        "case.viewed", actor, holding=frame.holding, subject=f"case:{frame.reference}", details={"section": "history"}
    )
    return _change_rows(actor, frame, 500)


def changes_since(actor: Actor, frame: CaseFrame, since: datetime | None) -> tuple[FieldChangeRow, ...]:
    """What others changed in the case since the actor opened its form."""
    if since is None:
        return ()
    rows = _change_rows(actor, frame, 20)
    return tuple(row for row in rows if row.at > since and row.by != actor.display_name)


@dataclass(frozen=True, slots=True)
class Meeting:
    """One field that two people changed: what the other wrote, who and when, and what this editor wrote."""

    field: str
    label: str
    theirs: str
    yours: str
    by: str
    at: datetime | None


def list_meetings(
    actor: Actor, frame: CaseFrame, fields: tuple[str, ...], yours: Mapping[str, str]
) -> tuple[Meeting, ...]:
    """Both versions of each field that two people changed, side by side."""
    now = stands_now(actor, frame)
    latest = {row.field: row for row in reversed(_change_rows(actor, frame, 50))}
    return tuple(
        Meeting(
            field=name,
            label=FIELDS[name],
            theirs=_shown(name, now[name]),
            yours=_shown(name, yours[name]),
            by=f"{latest[name].by} ({latest[name].agency})" if name in latest else "",
            at=latest[name].at if name in latest else None,
        )
        for name in fields
    )


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case in a list."""

    reference: str
    title: str
    kind: str
    state: str
    agency: str
    own_agency: bool
    mine: bool
    opened_at: datetime
    handling: str
    tlp: str
    url: str


class _Mine(TypedDict):
    is_mine: bool


def _rows(actor: Actor, cases: QuerySet[Case]) -> QuerySet[WithAnnotations[Case, _Mine]]:
    mine = Assignment.objects.filter(case=OuterRef("pk"), officer_id=actor.officer_id, until_at=None)
    return cases.select_related("agency", "holding").annotate(is_mine=Exists(mine))


def _row(actor: Actor, case: WithAnnotations[Case, _Mine]) -> CaseRow:
    return CaseRow(
        reference=case.reference,
        title=case.title,
        kind=CaseKind(case.kind).label,
        state=case.state,
        agency=case.agency.short_name,
        own_agency=case.agency_id == actor.agency_id,
        mine=case.is_mine,
        opened_at=case.opened_at,
        handling=case.holding.handling,
        tlp=case.holding.tlp,
        url=f"/cases/{case.reference}/",
    )


@dataclass(frozen=True, slots=True)
class CaseList:
    """The page of cases, filtered."""

    rows: tuple[CaseRow, ...]
    page: Page[Any]


def list_cases(
    actor: Actor, *, words: str = "", state: str = CaseState.OPEN, mine: bool = False, number: int = 1
) -> CaseList:
    """The cases that the actor may see, newest first; ``words`` looks in reference, title and partners' numbers."""
    cases = _rows(actor, door.visible(actor, Case.objects.all())).order_by("-opened_at", "-id")
    if state:
        cases = cases.filter(state=state)
    if mine:
        cases = cases.filter(is_mine=True)
    if words:
        numbered = PartnerNumber.objects.filter(number__icontains=words, removed_at=None).values("case_id")
        cases = (
            cases.filter(reference__icontains=words)
            | cases.filter(title__icontains=words)
            | cases.filter(id__in=numbered)
        )
    page = Paginator(cases, 50).get_page(number)
    log.record("case.listed", actor, details={"words": words, "state": state, "page": page.number})
    return CaseList(tuple(_row(actor, case) for case in page), page)


def my_cases(actor: Actor, limit: int = 12) -> tuple[CaseRow, ...]:
    """The open cases that the actor works on, newest first."""
    cases = _rows(actor, door.visible(actor, Case.objects.filter(state=CaseState.OPEN)))
    return tuple(_row(actor, case) for case in cases.filter(is_mine=True).order_by("-opened_at")[:limit])


@dataclass(frozen=True, slots=True)
class NoteEntry:
    """A note as shown."""

    id: UUID
    author: str
    text: str
    written_at: datetime
    withdrawn_at: datetime | None
    mine: bool


def list_notes(actor: Actor, frame: CaseFrame) -> tuple[NoteEntry, ...]:
    """The notes of a case, newest first; withdrawn ones too, marked."""
    notes = (
        door.visible(actor, Note.objects.filter(case_id=frame.case_id)).select_related("author").order_by("-written_at")
    )
    log.record(
        "case.viewed", actor, holding=frame.holding, subject=f"case:{frame.reference}", details={"section": "notes"}
    )
    return tuple(
        NoteEntry(
            note.id,
            note.author.display_name,
            note.text,
            note.written_at,
            note.withdrawn_at,
            note.author_id == actor.officer_id,
        )
        for note in notes[:500]
    )


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """One line of a case's own access history."""

    id: int
    at: datetime
    officer: str
    agency: str
    sentence: str
    subject: str
    purpose: str


@dataclass(frozen=True, slots=True)
class AccessByOfficer:
    """What one officer did with a case, in numbers: looks are acts that change nothing."""

    officer_id: str
    officer: str
    agency: str
    own_agency: bool
    acts: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class AccessPage:
    """A case's own access history, filtered, and the same by officer (unfiltered, those of other agencies first)."""

    entries: tuple[AccessEntry, ...]
    page: Page[Act]
    officers: tuple[AccessByOfficer, ...]


MOST_OFFICERS = 200


def list_access(
    actor: Actor, frame: CaseFrame, *, officer: str = "", verb: str = "", purpose: str = "", since: date | None = None,
    until: date | None = None, number: int = 1,
) -> AccessPage:  # fmt: skip
    """Who of which agency looked at or changed what of this case, when and for what purpose, newest first.

    For the owning agency only (else an empty page): a partner does not see who else looks (Directive 2016/680, Article 25).
    """
    acts = Act.objects.filter(holding_id=frame.holding_id, holding_agency_id=actor.agency_id)
    if not frame.own_agency:
        acts = acts.none()
    by_officer = _by_officer(actor, acts)
    acts = acts.filter(saying(purpose)) if purpose else acts
    page = Paginator(_narrowed(acts, officer, verb, since, until).order_by("-id"), 100).get_page(number)
    shown = list(page)  # read before this look is logged, which would shift the rows by one
    details = {
        "section": "access",
        "officer": officer,
        "verb": verb,
        "purpose": purpose,
        "since": since,
        "until": until,
    }
    log.record(
        "case.viewed", actor, holding=frame.holding, subject=f"case:{frame.reference}",
        details={name: given for name, given in details.items() if given},
    )  # fmt: skip
    names = {entry.officer_id: entry for entry in by_officer}
    entries = []
    for act in shown:
        named = names.get(str(act.officer_id))
        entries.append(
            AccessEntry(
                act.id, act.at, named.officer if named else "The system", named.agency if named else "",
                VERBS.get(act.verb, act.verb), act.subject, act.purpose,
            )
        )  # fmt: skip
    return AccessPage(tuple(entries), page, tuple(by_officer))


def _narrowed(acts: QuerySet[Act], officer: str, verb: str, since: date | None, until: date | None) -> QuerySet[Act]:
    if officer:
        acts = acts.filter(officer_id=UUID(officer))
    if verb:
        acts = acts.filter(verb=verb)
    if since:
        acts = acts.filter(at__gte=datetime.combine(since, time(), UTC))
    if until:
        acts = acts.filter(at__lt=datetime.combine(until + timedelta(days=1), time(), UTC))
    return acts.defer("leaf", "details")


def _by_officer(actor: Actor, acts: QuerySet[Act]) -> list[AccessByOfficer]:
    counted = list(
        acts.filter(officer_id__isnull=False)
        .order_by()
        .values_list("officer_id")
        .annotate(Count("id"), Min("at"), Max("at"))[:MOST_OFFICERS]
    )
    officers = Officer.objects.select_related("agency").in_bulk([row[0] for row in counted])
    found = [
        AccessByOfficer(
            str(identity), officers[identity].display_name, officers[identity].agency.short_name,
            officers[identity].agency_id == actor.agency_id, number, first, last,
        )
        for identity, number, first, last in counted
        if identity in officers
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.own_agency, -one.acts, one.officer))

"""Reading the work on a case for a page: actor first, frozen pages out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.utils import timezone

from opencets_web.accounts.models import READING_ROLES, Officer
from opencets_web.audit import log
from opencets_web.audit.verbs import VERBS
from opencets_web.cases.models import FIELDS, Assignment, Case
from opencets_web.cases.queries import CaseFrame, get_frame
from opencets_web.casework.models import CaseLink, Comment, Decision, Notice, Presence, Task
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Grant, GrantState, Holding
from opencets_web.policy.rules import LEVELS

MOST_PEOPLE, MOST_COMMENTS = 500, 200


@dataclass(frozen=True, slots=True)
class Person:
    """An officer who may see the case, as another may choose or name them."""

    id: UUID
    name: str
    agency: str

    @property
    def label(self) -> str:
        """The name with the agency: two officers of one name stay apart."""
        return f"{self.name} ({self.agency})"


def officers_on(actor: Actor, case_id: UUID, holding_id: UUID, frame: CaseFrame | None = None) -> QuerySet[Officer]:
    """The officers who may see a case, as far as the actor may know of them.

    The owner knows everyone to whom it opened the case; a partner knows the owner's officers and its own, not who else was let in.
    ``frame``: what a page knows of the holding already.
    """
    holding = frame or Holding.objects.get(pk=holding_id)
    now = timezone.now()
    grants = Grant.objects.filter(
        holding_id=holding_id, state=GrantState.OPEN, withdrawn_at=None, granted_at__lte=now, expires_at__gt=now
    )
    if actor.agency_id != holding.agency_id:
        grants = grants.filter(Q(to_agency_id=actor.agency_id) | Q(to_officer_id=actor.officer_id))
    given = list(grants.values_list("to_agency_id", "to_officer_id"))
    agencies = {agency for agency, _ in given if agency}
    named = {officer for _, officer in given if officer}
    if not holding.restricted:
        agencies.add(holding.agency_id)
    elif actor.agency_id != holding.agency_id:
        named |= set(
            Assignment.objects.filter(case_id=case_id, until_at=None, officer__agency_id=holding.agency_id).values_list(
                "officer_id", flat=True
            )
        )
    reads = Q(agency_id__in=agencies, roles__overlap=sorted(READING_ROLES)) | Q(id__in=named)
    return Officer.objects.filter(reads, is_active=True).select_related("agency").order_by("display_name", "id")


def people_on(actor: Actor, case_id: UUID, holding_id: UUID, frame: CaseFrame | None = None) -> tuple[Person, ...]:
    """``officers_on`` as people to choose from."""
    found = officers_on(actor, case_id, holding_id, frame)[:MOST_PEOPLE]
    return tuple(Person(officer.id, officer.display_name, officer.agency.short_name) for officer in found)


def named_in(text: str, people: Iterable[Person]) -> tuple[list[Person], list[str]]:
    """Whom ``@Name`` in a text means, the longest name first; and the names that more than one of them has."""
    by_name: dict[str, list[Person]] = {}
    for person in people:
        by_name.setdefault(person.name.casefold(), []).append(person)
        by_name[person.label.casefold()] = [person]
    longest = sorted(by_name, key=len, reverse=True)
    named: dict[UUID, Person] = {}
    unclear: list[str] = []
    folded = text.casefold()
    for part in folded.split("@")[1:]:
        meant = next((name for name in longest if part.startswith(name) and not part[len(name) :][:1].isalnum()), None)
        if meant is None:
            continue
        if len(by_name[meant]) > 1:
            unclear.append(by_name[meant][0].name)
        else:
            named[by_name[meant][0].id] = by_name[meant][0]
    return list(named.values()), unclear


@dataclass(frozen=True, slots=True)
class CommentRow:
    """A comment as shown."""

    id: UUID
    author: str
    agency: str
    text: str
    named: tuple[str, ...]
    written_at: datetime
    withdrawn_at: datetime | None
    mine: bool
    about: UUID | None


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task as shown; ``reference`` where it stands on the desk."""

    id: UUID
    reference: str
    title: str
    officer: str
    agency: str
    made_by: str
    made_at: datetime
    due_on: date | None
    overdue: bool
    done_at: datetime | None
    done_by: str
    withdrawn_at: datetime | None
    may_change: bool
    mine: bool


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A decision as shown, with what it supersedes and what superseded it."""

    id: UUID
    what: str
    reason: str
    by: str
    agency: str
    at: datetime
    supersedes: UUID | None
    superseded_by: UUID | None


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A linked case, of which the reader may see both sides."""

    id: UUID
    reference: str
    title: str
    agency: str
    own_agency: bool
    reason: str
    linked_by: str
    linked_at: datetime
    withdrawn_at: datetime | None
    withdrawn_by: str
    withdrawn_because: str


@dataclass(frozen=True, slots=True)
class WorkPage:
    """The work on one case: tasks, decisions, comments, linked cases, and whom one may choose."""

    frame: CaseFrame
    tasks: tuple[TaskRow, ...]
    done: tuple[TaskRow, ...]
    decisions: tuple[DecisionRow, ...]
    comments: tuple[CommentRow, ...]
    links: tuple[LinkRow, ...]
    people: tuple[Person, ...]

    @property
    def overdue(self) -> int:
        """How many open tasks are past their day."""
        return sum(task.overdue for task in self.tasks)


def get_work(actor: Actor, reference: str) -> WorkPage:
    """The work on one case for an actor who may read it; else NotFound."""
    frame = get_frame(actor, reference, "casework:work")
    log.record("case.viewed", actor, holding=frame.holding, subject=f"case:{reference}", details={"section": "work"})
    tasks = door.visible(actor, Task.objects.filter(case_id=frame.case_id))
    rows = [_task_row(actor, task, frame.may_contribute) for task in _with_people(tasks)[:300]]
    return WorkPage(
        frame=frame,
        tasks=tuple(row for row in rows if row.done_at is None and row.withdrawn_at is None),
        done=tuple(row for row in rows if row.done_at is not None or row.withdrawn_at is not None),
        decisions=_decisions(actor, frame),
        comments=list_comments(actor, frame.case_id),
        links=list_links(actor, frame),
        people=people_on(actor, frame.case_id, frame.holding_id, frame) if frame.may_contribute else (),
    )


def _with_people(tasks: QuerySet[Task]) -> QuerySet[Task]:
    ordered = tasks.order_by("done_at", "due_on", "made_at")
    return ordered.select_related("for_officer__agency", "made_by", "done_by", "case")


def _task_row(actor: Actor, task: Task, may_change: bool) -> TaskRow:
    is_open = task.done_at is None and task.withdrawn_at is None
    return TaskRow(
        id=task.id,
        reference=task.case.reference,
        title=task.title,
        officer=task.for_officer.display_name,
        agency=task.for_officer.agency.short_name,
        made_by=task.made_by.display_name,
        made_at=task.made_at,
        due_on=task.due_on,
        overdue=is_open and task.due_on is not None and task.due_on < timezone.localdate(),
        done_at=task.done_at,
        done_by=task.done_by.display_name if task.done_by else "",
        withdrawn_at=task.withdrawn_at,
        may_change=may_change or task.for_officer_id == actor.officer_id,
        mine=task.for_officer_id == actor.officer_id,
    )


def _decisions(actor: Actor, frame: CaseFrame) -> tuple[DecisionRow, ...]:
    found = door.visible(actor, Decision.objects.filter(case_id=frame.case_id)).select_related("by__agency")
    rows = list(found.order_by("-at", "-id")[:200])
    later = {row.supersedes_id: row.id for row in rows if row.supersedes_id}
    return tuple(
        DecisionRow(
            row.id, row.what, row.reason, row.by.display_name, row.by.agency.short_name, row.at, row.supersedes_id,
            later.get(row.id),
        )
        for row in rows
    )  # fmt: skip


def list_comments(actor: Actor, case_id: UUID, about: UUID | None = None) -> tuple[CommentRow, ...]:
    """The comments on a case, or those on one exhibit of it, newest first; withdrawn ones too, marked."""
    found = door.visible(actor, Comment.objects.filter(case_id=case_id)).select_related("author__agency")
    if about is not None:
        found = found.filter(about=about)
    rows = list(found.order_by("-written_at", "-id")[:MOST_COMMENTS])
    ids = {officer for row in rows for officer in row.mentions}
    names = dict(Officer.objects.filter(id__in=ids).values_list("id", "display_name")) if ids else {}
    return tuple(
        CommentRow(
            id=row.id,
            author=row.author.display_name,
            agency=row.author.agency.short_name,
            text=row.text,
            named=tuple(names[officer] for officer in row.mentions if officer in names),
            written_at=row.written_at,
            withdrawn_at=row.withdrawn_at,
            mine=row.author_id == actor.officer_id,
            about=row.about,
        )
        for row in rows
    )


def list_links(actor: Actor, frame: CaseFrame) -> tuple[LinkRow, ...]:
    """The cases to which this one is linked, of which the actor may see both; the standing ones first."""
    mine = Q(left_case_id=frame.case_id) | Q(right_case_id=frame.case_id)
    people = ("left_case__agency", "right_case__agency", "linked_by", "withdrawn_by")
    rows = door.visible(actor, CaseLink.objects.filter(mine)).select_related(*people)
    made = []
    for row in rows.order_by("-linked_at")[:100]:
        other = row.right_case if row.left_case_id == frame.case_id else row.left_case
        made.append(
            LinkRow(
                id=row.id,
                reference=other.reference,
                title=other.title,
                agency=other.agency.short_name,
                own_agency=other.agency_id == actor.agency_id,
                reason=row.reason,
                linked_by=row.linked_by.display_name,
                linked_at=row.linked_at,
                withdrawn_at=row.withdrawn_at,
                withdrawn_by=row.withdrawn_by.display_name if row.withdrawn_by else "",
                withdrawn_because=row.withdrawn_because,
            )
        )
    return tuple(sorted(made, key=lambda row: row.withdrawn_at is not None))


# --- Who is here, and what happens ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Here:
    """An officer who has the case open now."""

    name: str
    agency: str
    me: bool


def who_is_here(actor: Actor, case_id: UUID) -> tuple[Here, ...]:
    """Who has the case open now, as far as the actor may know of them; the actor first."""
    now = timezone.now()
    rows = door.visible(actor, Presence.objects.filter(case_id=case_id, until_at__gt=now))
    people = rows.select_related("officer", "of_agency").order_by("since_at")[:40]
    found = [
        Here(row.officer.display_name, row.of_agency.short_name, row.officer_id == actor.officer_id) for row in people
    ]
    return tuple(sorted(found, key=lambda person: not person.me))


_ICONS = {
    "exhibit": "folder",
    "note": "notes",
    "comment": "message",
    "task": "checklist",
    "decision": "scale",
    "judgement": "affiliate",
    "release": "share-3",
    "invitation": "user-plus",
}
_BY_NOBODY = ("exhibit.read",)


@dataclass(frozen=True, slots=True)
class Happening:
    """One act on a case as its readers are told it."""

    id: int
    at: datetime
    by: str
    sentence: str
    icon: str


@dataclass(frozen=True, slots=True)
class FeedPage:
    """What happened on a case, newest first."""

    frame: CaseFrame
    rows: tuple[Happening, ...]


def get_feed(actor: Actor, reference: str, most: int = 12) -> FeedPage:
    """What happened on a case for an actor who may read it: the same for every partner, its owner's own business apart."""
    frame = get_frame(actor, reference, "desk:case")
    log.record("case.viewed", actor, holding=frame.holding, subject=f"case:{reference}", details={"section": "feed"})
    with connection.cursor() as cursor:
        cursor.execute("select id, at, verb, officer_id, details from app_feed(%s, %s)", [frame.holding_id, most])
        acts = cursor.fetchall()
    ids = {officer for _, _, verb, officer, _ in acts if officer and verb not in _BY_NOBODY}
    officers = {row.id: row for row in Officer.objects.filter(id__in=ids).select_related("agency")} if ids else {}
    rows = []
    for number, at, verb, officer_id, details in acts:
        officer = officers.get(officer_id)
        rows.append(
            Happening(
                id=number,
                at=at,
                by=f"{officer.display_name}, {officer.agency.short_name}" if officer else "The system",
                sentence=_sentence(verb, details),
                icon=_ICONS.get(verb.partition(".")[0], "briefcase"),
            )
        )
    return FeedPage(frame, tuple(rows))


def _sentence(verb: str, details: str) -> str:
    told = VERBS.get(verb, verb)
    if verb == "case.changed":
        fields = [FIELDS[name].lower() for name in json.loads(details) if name in FIELDS]
        told += f": {', '.join(fields)}" if fields else ""
    return told[:1].upper() + told[1:]


# --- One's own desk -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """Something an officer is told."""

    id: UUID
    sentence: str
    url: str
    by: str
    at: datetime
    unread: bool


def my_tasks(actor: Actor, most: int = 12) -> tuple[TaskRow, ...]:
    """The actor's open tasks on cases still open to them, the first due first."""
    mine = Task.objects.filter(for_officer_id=actor.officer_id, done_at=None, withdrawn_at=None)
    return tuple(_task_row(actor, task, True) for task in _with_people(door.visible(actor, mine))[:most])


def my_notices(actor: Actor, most: int = 8) -> tuple[NoticeRow, ...]:
    """What the actor is told, unread first, then the newest."""
    rows = door.visible(actor, Notice.objects.all()).select_related("by")
    shown = list(rows.order_by(ExpressionWrapper(Q(read_at=None), BooleanField()).desc(), "-at")[:most])
    unread = [row for row in shown if row.read_at is None]
    read = [row for row in shown if row.read_at is not None][:3]
    return tuple(
        NoticeRow(row.id, row.sentence, row.url, row.by.display_name, row.at, row.read_at is None)
        for row in (*unread, *read)
    )


def unread_notices(actor: Actor) -> QuerySet[Notice]:
    """The notices that the actor has not read."""
    return door.visible(actor, Notice.objects.filter(read_at=None))


def may_work(actor: Actor, case: Case) -> bool:
    """Whether the actor may add to the case."""
    return door.level(actor, case.holding_id) >= LEVELS["contribute"]


def people_for(actor: Actor, reference: str) -> tuple[Person, ...]:
    """Whom the actor may give a task to on a case they may add to; else NotFound."""
    case = door.admit(actor, Case.objects.all(), "contribute", reference=reference)
    return people_on(actor, case.id, case.holding_id)

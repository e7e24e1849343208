"""Working on a case together: one function per verb; check, change, log, follow-up, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets_web.audit import log
from opencets_web.cases.models import Case
from opencets_web.casework.models import CaseLink, Comment, Decision, Notice, Presence, Task
from opencets_web.casework.queries import Person, may_work, named_in, officers_on, people_on
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.ui.notify import tell

HERE = timedelta(seconds=35)
"""How long one beat of an open page counts; pages beat every 20 s, so who has gone is gone within a minute for everybody."""


def _case(actor: Actor, reference: str) -> Case:
    return door.admit(actor, Case.objects.all(), "contribute", reference=reference)


def _log(verb: str, actor: Actor, case: Case, details: dict[str, object]) -> None:
    log.record(
        verb, actor, holding=(case.holding_id, case.agency_id), subject=f"case:{case.reference}", details=details
    )
    tell(f"case:{case.id}", verb, case.id)


def _notify(actor: Actor, case: Case, officers: Iterable[UUID], sentence: str, url: str) -> None:
    for officer_id in officers:
        if officer_id != actor.officer_id:
            tell_officer(actor, case, officer_id, sentence, url)


def tell_officer(actor: Actor, case: Case, officer_id: UUID, sentence: str, url: str) -> None:
    """Tell one officer something of a case that they may see; inside the transaction of the act that says it."""
    notice = Notice.objects.create(
        holding_id=case.holding_id, agency_id=case.agency_id, case=case, officer_id=officer_id, by_id=actor.officer_id,
        sentence=sentence[:400], url=url, at=timezone.now(),
    )  # fmt: skip
    tell(f"officer:{officer_id}", "notice", notice.id)


# --- Comments -------------------------------------------------------------------------------------


@transaction.atomic
def write_comment(
    actor: Actor, reference: str, text: str, *, also: str = "", about: UUID | None = None, page: str = ""
) -> UUID:
    """Write a comment on a case, or on an exhibit of it; its id. ``@Name`` and ``also`` tell officers who may see the case.

    ActRefused: ``also`` is nobody who may see the case, or a name in the text is that of two.
    """
    case = _case(actor, reference)
    people = people_on(actor, case.id, case.holding_id)
    named, unclear = named_in(text, people)
    if unclear:
        raise ActRefused(f"Two officers are called {unclear[0]}: choose the one you mean under “Also tell”.")
    if also.strip():
        named.append(_person(also, people))
    told = list(dict.fromkeys(person.id for person in named))
    comment = Comment.objects.create(
        holding_id=case.holding_id, agency_id=case.agency_id, case=case, about=about, author_id=actor.officer_id,
        text=text, mentions=told, written_at=timezone.now(),
    )  # fmt: skip
    _log("comment.written", actor, case, {"comment": comment.id, "named": told})
    url = f"{page or f'/cases/{reference}/casework/'}#comment-{comment.id}"
    short = text if len(text) <= 160 else text[:157] + "..."
    _notify(actor, case, told, f"{actor.display_name} named you on {reference}: {short}", url)
    return comment.id


def _person(label: str, people: Iterable[Person]) -> Person:
    wanted = label.strip().lstrip("@").casefold()
    found = [person for person in people if wanted in (person.label.casefold(), person.name.casefold())]
    if len(found) != 1:
        raise ActRefused(f"“{label.strip()[:80]}” is nobody who may see this case: choose from the list.")
    return found[0]


@transaction.atomic
def withdraw_comment(actor: Actor, comment_id: UUID) -> str:
    """Withdraw one's own comment; it stays, marked. The case's reference."""
    return _mark_comment(actor, comment_id, withdrawn=True)


@transaction.atomic
def restore_comment(actor: Actor, comment_id: UUID) -> str:
    """Put one's withdrawn comment back. The case's reference."""
    return _mark_comment(actor, comment_id, withdrawn=False)


def _mark_comment(actor: Actor, comment_id: UUID, *, withdrawn: bool) -> str:
    rows = Comment.objects.select_related("case").select_for_update(of=("self",))
    comment = door.admit(actor, rows, "contribute", pk=comment_id, author_id=actor.officer_id)
    if (comment.withdrawn_at is not None) == withdrawn:
        raise ActRefused("It is withdrawn already." if withdrawn else "It was not withdrawn.")
    comment.withdrawn_at = timezone.now() if withdrawn else None
    comment.save(update_fields=["withdrawn_at"])
    verb = "comment.withdrawn" if withdrawn else "comment.restored"
    _log(verb, actor, comment.case, {"comment": comment.id})
    return comment.case.reference


# --- Tasks ----------------------------------------------------------------------------------------


@transaction.atomic
def give_task(actor: Actor, reference: str, title: str, officer_id: UUID, due_on: date | None) -> UUID:
    """Give a task to an officer who may see the case, oneself or a partner's too; its id. ActRefused: to anyone else."""
    case = _case(actor, reference)
    if not officers_on(actor, case.id, case.holding_id).filter(pk=officer_id).exists():
        raise ActRefused("A task is for an officer who may see the case.")
    task = Task.objects.create(
        holding_id=case.holding_id, agency_id=case.agency_id, case=case, title=title, for_officer_id=officer_id,
        due_on=due_on, made_by_id=actor.officer_id, made_at=timezone.now(),
    )  # fmt: skip
    _log("task.given", actor, case, {"task": task.id, "for": officer_id, "due": due_on})
    _tell_desk(task)
    due = f", by {due_on:%Y-%m-%d}" if due_on else ""
    sentence = f"{actor.display_name} gave you a task on {reference}{due}: {title}"
    _notify(actor, case, [officer_id], sentence, f"/cases/{reference}/casework/#task-{task.id}")
    return task.id


def _tell_desk(task: Task) -> None:
    tell(f"officer:{task.for_officer_id}", "task", task.id)


def _task(actor: Actor, task_id: UUID) -> Task:
    """The task for whoever may work on its case, or has it to do; NotFound for all others."""
    rows = Task.objects.select_related("case").select_for_update(of=("self",))
    task = door.admit(actor, rows, pk=task_id)
    if task.for_officer_id != actor.officer_id and not may_work(actor, task.case):
        raise NotFound
    return task


@transaction.atomic
def finish_task(actor: Actor, task_id: UUID) -> str:
    """Mark a task as done; the case's reference. ActRefused: it is done or withdrawn already."""
    task = _task(actor, task_id)
    if task.done_at is not None or task.withdrawn_at is not None:
        raise ActRefused("The task is done or withdrawn already.")
    task.done_at, task.done_by_id = timezone.now(), actor.officer_id
    task.save(update_fields=["done_at", "done_by"])
    return _task_changed("task.done", actor, task)


@transaction.atomic
def reopen_task(actor: Actor, task_id: UUID) -> str:
    """Open a task that was done again; the case's reference."""
    task = _task(actor, task_id)
    if task.done_at is None:
        raise ActRefused("The task is open.")
    task.done_at, task.done_by = None, None
    task.save(update_fields=["done_at", "done_by"])
    return _task_changed("task.reopened", actor, task)


@transaction.atomic
def withdraw_task(actor: Actor, task_id: UUID) -> str:
    """Take a task back that need not be done; it stays, marked. The case's reference."""
    task = _task(actor, task_id)
    if not may_work(actor, task.case):
        raise NotFound
    if task.withdrawn_at is not None:
        raise ActRefused("The task is withdrawn already.")
    task.withdrawn_at = timezone.now()
    task.save(update_fields=["withdrawn_at"])
    return _task_changed("task.withdrawn", actor, task)


@transaction.atomic
def restore_task(actor: Actor, task_id: UUID) -> str:
    """Put a withdrawn task back; the case's reference."""
    task = _task(actor, task_id)
    if not may_work(actor, task.case):
        raise NotFound
    if task.withdrawn_at is None:
        raise ActRefused("The task was not withdrawn.")
    task.withdrawn_at = None
    task.save(update_fields=["withdrawn_at"])
    return _task_changed("task.restored", actor, task)


def _task_changed(verb: str, actor: Actor, task: Task) -> str:
    _log(verb, actor, task.case, {"task": task.id})
    _tell_desk(task)
    return task.case.reference


# --- Decisions ------------------------------------------------------------------------------------


@transaction.atomic
def decide(actor: Actor, reference: str, what: str, reason: str, supersedes: UUID | None = None) -> UUID:
    """Keep a decision with its reason, in place of an earlier one where ``supersedes`` names it; its id.

    ActRefused: the earlier one was superseded already, perhaps a moment ago by someone else.
    """
    case = _case(actor, reference)
    earlier = door.admit(actor, Decision.objects.all(), pk=supersedes, case=case) if supersedes else None
    try:
        with transaction.atomic():
            decision = Decision.objects.create(
                holding_id=case.holding_id, agency_id=case.agency_id, case=case, what=what, reason=reason,
                by_id=actor.officer_id, at=timezone.now(), supersedes=earlier,
            )  # fmt: skip
    except IntegrityError:
        raise ActRefused("That decision was superseded meanwhile: look at the newer one first.") from None
    _log("decision.made", actor, case, {"decision": decision.id, "supersedes": supersedes})
    return decision.id


# --- Linked cases ---------------------------------------------------------------------------------


@transaction.atomic
def link_case(actor: Actor, reference: str, other_reference: str, reason: str) -> UUID:
    """Link a case to another that the actor may see, with a reason; the link's id. Both cases stay as they are.

    ActRefused: the other is not open to the actor (or not there), is this one, or is linked already.
    """
    case = _case(actor, reference)
    try:
        other = door.admit(actor, Case.objects.all(), reference=other_reference.strip())
    except NotFound:
        raise ActRefused(f"No case {other_reference.strip()[:40]} is open to you.") from None
    if other.id == case.id:
        raise ActRefused("A case is not linked to itself.")
    left, right = sorted((case, other), key=lambda one: one.id)
    try:
        with transaction.atomic():
            link = CaseLink.objects.create(
                left_holding_id=left.holding_id, left_agency_id=left.agency_id, right_holding_id=right.holding_id,
                right_agency_id=right.agency_id, left_case=left, right_case=right, reason=reason,
                linked_by_id=actor.officer_id, linked_at=timezone.now(),
            )  # fmt: skip
    except IntegrityError:
        raise ActRefused(f"{reference} and {other.reference} are linked already.") from None
    _link_changed("link.made", actor, case, other, link)
    return link.id


def _link(actor: Actor, link_id: UUID) -> tuple[CaseLink, Case, Case]:
    """A link, the case of it on which the actor may work, and the other; NotFound where there is none."""
    rows = CaseLink.objects.select_related("left_case", "right_case").select_for_update(of=("self",))
    link = door.admit(actor, rows, pk=link_id)
    for case, other in ((link.left_case, link.right_case), (link.right_case, link.left_case)):
        if may_work(actor, case):
            return link, case, other
    raise NotFound


@transaction.atomic
def withdraw_link(actor: Actor, link_id: UUID, reason: str) -> str:
    """Withdraw a link, with a reason; it stays known. The reference of the case it was withdrawn from."""
    link, case, other = _link(actor, link_id)
    if not reason.strip():
        raise ActRefused("A link is withdrawn with a reason.")
    if link.withdrawn_at is not None:
        raise ActRefused("It is withdrawn already.")
    link.withdrawn_at, link.withdrawn_by_id, link.withdrawn_because = timezone.now(), actor.officer_id, reason
    link.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_because"])
    _link_changed("link.withdrawn", actor, case, other, link)
    return case.reference


@transaction.atomic
def link_again(actor: Actor, link_id: UUID) -> str:
    """Link two cases again whose link was withdrawn, for the reason it had; the case's reference."""
    link, case, other = _link(actor, link_id)
    if link.withdrawn_at is None:
        raise ActRefused("It was not withdrawn.")
    link_case(actor, case.reference, other.reference, link.reason)
    return case.reference


def _link_changed(verb: str, actor: Actor, case: Case, other: Case, link: CaseLink) -> None:
    # That there is a link is told to those who may see both cases: an owner who sees one alone reads no line of it.
    own = [side for side in (case, other) if side.agency_id == actor.agency_id]
    side = own[0] if own else case if case.agency_id == other.agency_id else None
    log.record(
        verb,
        actor,
        holding=(side.holding_id, side.agency_id) if side else None,
        subject=f"case:{side.reference}" if side else "",
        details={"link": link.id},
    )
    tell(f"case:{case.id}", verb, link.id)
    tell(f"case:{other.id}", verb, link.id)


# --- Notices and presence -------------------------------------------------------------------------


@transaction.atomic
def read_notice(actor: Actor, notice_id: UUID, *, unread: bool = False) -> str:
    """Mark one's notice as read, or as unread again; the address it leads to."""
    notice = door.admit(actor, Notice.objects.select_related("case"), pk=notice_id)
    notice.read_at = None if unread else timezone.now()
    notice.save(update_fields=["read_at"])
    log.record(
        "notice.unread" if unread else "notice.read",
        actor,
        holding=(notice.holding_id, notice.agency_id),
        subject=f"case:{notice.case.reference}",
        details={"notice": notice.id},
    )
    tell(f"officer:{actor.officer_id}", "notice", notice.id)
    return notice.url


@transaction.atomic
def be_here(actor: Actor, reference: str) -> UUID:
    """Say that the actor has the case open; the case's id. Others are told when someone comes, not at each beat.

    A beat is no act and leaves no line in the log: the look itself was logged when the page was drawn.
    """
    case = door.admit(actor, Case.objects.all(), reference=reference)
    now = timezone.now()
    here = door.visible(actor, Presence.objects.filter(case=case, officer_id=actor.officer_id)).first()
    came = here is None or here.until_at <= now
    Presence.objects.bulk_create(
        [
            Presence(
                holding_id=case.holding_id, agency_id=case.agency_id, case=case, officer_id=actor.officer_id,
                of_agency_id=actor.agency_id, since_at=now if here is None or came else here.since_at, until_at=now + HERE,
            )
        ],
        update_conflicts=True,
        unique_fields=["case", "officer"],
        update_fields=["since_at", "until_at"],
    )  # fmt: skip
    if came:
        tell(f"here:{case.id}", "here", case.id)
    return case.id

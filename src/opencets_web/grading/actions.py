"""Grading: votes on one file or a whole group, taken back as a whole; rounds, settlements, and entries that may leave."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets.packing.entries import Entry, fits_vics, table_entries, vics_entries
from opencets.records.grading import Grade as SchemeGrade
from opencets.records.grading import schemes
from opencets_web.accounts.models import Role
from opencets_web.audit import log, outbox
from opencets_web.cases.models import Case
from opencets_web.grading.models import (
    DecisionState,
    EntryRelease,
    Grade,
    GradeDecision,
    GradingAct,
    GradingRule,
    How,
    Series,
    SeriesMember,
)
from opencets_web.grading.queries import VOTES, entries_leaving, votes_needed
from opencets_web.media.models import Media
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Handling
from opencets_web.policy.rooms import require_certification
from opencets_web.policy.rules import LEVELS, may_release, refused_by_label
from opencets_web.ui.notify import tell

FILES_AT_ONCE = 1_000
ROOM = "media-grading"


@dataclass(frozen=True, slots=True)
class Given:
    """What an act of grading did: its id (the first where a selection lay in several cases), how many files, and as what."""

    act_id: UUID
    files: int
    label: str
    repeated: bool = False


# --- Votes ------------------------------------------------------------------------------------------------------------


def _grade_of(scheme: str, code: str) -> SchemeGrade:
    known = schemes().get(scheme)
    grade = known.grade(code) if known else None
    if grade is None:
        raise ActRefused(f"{scheme[:20]} has no grade {code[:40]}.")
    return grade


@transaction.atomic
def give_grades(
    actor: Actor,
    media_ids: Collection[UUID],
    scheme: str,
    code: str,
    client_id: str,
    *,
    how: str = How.SINGLE.value,
    series: Series | None = None,
) -> Given:
    """Vote on these media as one act: on each distinct file of each case once, in place of the actor's earlier vote on it.

    ``client_id``: the same act sent again changes nothing and answers as before. NotFound where one of them is not the actor's to
    grade; ActRefused for a scheme or grade that is not known, for more than 1,000 at once, without a current certification where
    the agency asks for one, and where the actor looked at the others' votes first.
    """
    require_certification(actor, ROOM)
    grade = _grade_of(scheme, code)
    wanted = set(media_ids)
    if not 0 < len(wanted) <= FILES_AT_ONCE:
        raise ActRefused(f"Between 1 and {FILES_AT_ONCE:,} files are graded at once.")
    if not client_id or len(client_id) > 64:
        raise ActRefused("An act of grading names itself (client id, up to 64 characters), so that it counts once.")
    found = list(door.visible(actor, Media.objects.filter(id__in=wanted)).select_related("case").order_by("case_id"))
    if len(found) != len(wanted):
        raise NotFound
    by_case: dict[UUID, list[Media]] = {}
    for media in found:
        by_case.setdefault(media.case_id, []).append(media)
    given = [_vote(actor, some, grade, client_id, how, series) for some in by_case.values()]
    return Given(given[0].act_id, sum(one.files for one in given), grade.label, all(one.repeated for one in given))


def give_grade(
    actor: Actor, media_id: UUID, scheme: str, code: str, client_id: str, *, whole_group: bool = False
) -> Given:
    """Vote on one medium; ``whole_group``: on its group of near-duplicates, where it stands in one. As ``give_grades``."""
    media = door.admit(actor, Media.objects.all(), "contribute", pk=media_id)
    member = SeriesMember.objects.filter(case_id=media.case_id, sha256=media.sha256, left_at=None).first()
    if whole_group and member is not None:
        return grade_series(actor, member.series_id, member.group, scheme, code, client_id)
    return give_grades(actor, [media_id], scheme, code, client_id)


def grade_series(
    actor: Actor,
    series_id: UUID,
    group: int | None,
    scheme: str,
    code: str,
    client_id: str,
    *,
    how: str = "",
    waiting: bool = False,
    seen: str = "",
) -> Given:
    """Vote on all files of a series, or of one group of near-duplicates in it, as one act; known files are left out.

    ``waiting``: only on those on which the actor has no vote yet in the scheme. ``seen``: the mark of the series as the page
    showed it (``Series.mark``). NotFound and ActRefused as ``give_grades``; ActRefused where files joined it since it was seen.
    """
    series = door.admit(actor, Series.objects.all(), "contribute", pk=series_id)
    if earlier := _sent_before(actor, client_id, series):
        return earlier
    if series.retired_at is not None or (seen and seen != series.mark):
        raise ActRefused(_found_anew(series))
    # With what the page was checked against in one statement: a building that ends now changes both at once.
    rows = SeriesMember.objects.filter(series=series, left_at=None, media__known_set=None, series__retired_at=None)
    members = door.visible(actor, rows.filter(series__grown_at=series.grown_at))
    if group is not None:
        members = members.filter(group=group)
    if waiting:
        own = Grade.objects.filter(
            case_id=series.case_id, sha256=OuterRef("sha256"), scheme=scheme, officer_id=actor.officer_id, ended_at=None
        )
        members = members.filter(~Exists(own))
    ids = list(members.values_list("media_id", flat=True))
    if not ids:
        if earlier := _sent_before(actor, client_id, series):
            return earlier
        now = Series.objects.get(pk=series.pk)
        if (now.mark, now.retired_at) != (series.mark, None):
            raise ActRefused(_found_anew(now))
        raise ActRefused("Nothing in it is left to grade: you graded its files, or they are known.")
    return give_grades(actor, ids, scheme, code, client_id, how=how or How.GROUP.value, series=series)


def _sent_before(actor: Actor, client_id: str, series: Series) -> Given | None:
    act = GradingAct.objects.filter(officer_id=actor.officer_id, client_id=client_id, series=series).first()
    return Given(act.id, act.files, _grade_of(act.scheme, act.code).label, repeated=True) if act else None


def _found_anew(series: Series) -> str:
    if series.retired_at is not None:
        return f"S-{series.number} was found anew and is no series any more: its files stand elsewhere. Look again."
    return f"S-{series.number} was found anew while you looked, and files joined it. Look again before you grade all of it."


def _vote(
    actor: Actor, found: Sequence[Media], grade: SchemeGrade, client_id: str, how: str, series: Series | None
) -> Given:
    case = found[0].case
    if door.level(actor, case.holding_id) < LEVELS["contribute"]:
        raise NotFound
    files = {media.sha256: media for media in sorted(found, key=lambda media: media.id, reverse=True)}
    now, under = timezone.now(), {"holding_id": case.holding_id, "agency_id": case.agency_id, "case": case}
    decisions = _locked(case, files, grade.scheme, now)
    earlier = GradingAct.objects.filter(officer_id=actor.officer_id, client_id=client_id, case=case).first()
    if earlier is not None:
        return Given(earlier.id, earlier.files, grade.label, repeated=True)
    if any(actor.officer_id in decision.shown_to for decision in decisions.values()):
        raise ActRefused("You looked at the others' votes on it: a vote of yours would not be independent any more.")
    act = GradingAct.objects.create(
        **under, officer_id=actor.officer_id, scheme=grade.scheme, code=grade.code, how=how, files=len(files),
        series=series, client_id=client_id, at=now,
    )  # fmt: skip
    standing = {
        vote.sha256: vote
        for vote in Grade.objects.filter(
            case=case, sha256__in=files, scheme=grade.scheme, officer_id=actor.officer_id, ended_at=None
        )
        if vote.round == decisions[vote.sha256].round
    }
    Grade.objects.filter(id__in=[vote.id for vote in standing.values()]).update(ended_at=now)
    edition = schemes()[grade.scheme].edition
    Grade.objects.bulk_create(
        Grade(
            **under, act=act, media=media, sha256=digest, officer_id=actor.officer_id, scheme=grade.scheme, edition=edition,
            code=grade.code, how=how, round=decisions[digest].round, at=now, replaces=standing.get(digest),
        )
        for digest, media in files.items()
    )  # fmt: skip
    _recount(actor, case, decisions, now)
    # The line says that, and not how: votes are independent, and lines of a case are read by all who work on it.
    log.record(
        "grades.given",
        actor,
        holding=(case.holding_id, case.agency_id),
        subject=f"case:{case.reference}",
        details={"act": act.id, "scheme": grade.scheme, "files": len(files), "how": how},
    )
    tell(f"case:{case.id}", "grading", act.id)
    return Given(act.id, len(files), grade.label)


def _locked(case: Case, files: Iterable[str], scheme: str, now: datetime) -> dict[str, GradeDecision]:
    """The decisions on these files, made where there are none, held until the end of the transaction, always in one order."""
    digests = sorted(files)
    known = set(
        GradeDecision.objects.filter(case=case, scheme=scheme, sha256__in=digests).values_list("sha256", flat=True)
    )
    missing = [digest for digest in digests if digest not in known]
    if missing:
        first: dict[str, Media] = {}
        for media in Media.objects.filter(case=case, sha256__in=missing).only("id", "sha256").order_by("id"):
            first.setdefault(media.sha256, media)
        GradeDecision.objects.bulk_create(
            [
                GradeDecision(
                    holding_id=case.holding_id, agency_id=case.agency_id, case=case, media=first[digest], sha256=digest,
                    scheme=scheme, changed_at=now,
                )
                for digest in missing
            ],
            ignore_conflicts=True,
        )  # fmt: skip
    held = GradeDecision.objects.select_for_update().filter(case=case, scheme=scheme, sha256__in=digests)
    return {decision.sha256: decision for decision in held.order_by("sha256")}


def _recount(actor: Actor, case: Case, decisions: dict[str, GradeDecision], now: datetime) -> None:
    """What the live votes of each decision's round come to; a settled one stays settled. What is agreed now weighs the media."""
    if not decisions:
        return
    scheme = next(iter(decisions.values())).scheme
    needed = votes_needed(case.agency_id)
    before = {digest: _agreed(decision, needed) for digest, decision in decisions.items()}
    votes: dict[str, list[str]] = {}
    live = Grade.objects.filter(case=case, scheme=scheme, sha256__in=decisions, ended_at=None)
    for digest, number, code in live.values_list("sha256", "round", "code"):
        if number == decisions[digest].round:
            votes.setdefault(digest, []).append(code)
    for digest, decision in decisions.items():
        given = votes.get(digest, [])
        if decision.state != DecisionState.SETTLED:
            same = len(set(given)) <= 1
            decision.state = DecisionState.OPEN if same else DecisionState.DIFFERS
            decision.code = given[0] if given and same else ""
        decision.votes, decision.agreeing = len(given), given.count(decision.code) if decision.code else 0
        decision.changed_at = now
    GradeDecision.objects.bulk_update(
        list(decisions.values()), ["state", "code", "votes", "agreeing", "changed_at"], batch_size=500
    )
    if before != {digest: _agreed(decision, needed) for digest, decision in decisions.items()}:
        outbox.post("grades.agreed", case_id=str(case.id), officer_id=str(actor.officer_id))


def _agreed(decision: GradeDecision, needed: int) -> str:
    """The code on which enough votes agree, or as which it is settled; empty otherwise."""
    settled = decision.state == DecisionState.SETTLED
    return decision.code if settled or decision.agreeing >= needed else ""


@transaction.atomic
def undo(actor: Actor, act_id: UUID) -> str:
    """Take back a whole act of grading of one's own: its votes end, and those they replaced stand again. The case's reference.

    NotFound for another's; ActRefused where it is undone already.
    """
    rows = GradingAct.objects.select_related("case").select_for_update(of=("self",))
    act = door.admit(actor, rows, "contribute", pk=act_id, officer_id=actor.officer_id)
    if act.undone_at is not None:
        raise ActRefused("It is undone already.")
    now = timezone.now()
    # First the files, then what stands on them: a vote of another page of the same officer may have come meanwhile.
    decisions = _locked(act.case, act.grades.values_list("sha256", flat=True), act.scheme, now)
    votes = list(act.grades.filter(ended_at=None).select_related("replaces__act"))
    Grade.objects.filter(id__in=[vote.id for vote in votes]).update(ended_at=now, undone=True)
    again = [earlier.id for vote in votes if (earlier := _replaced(vote)) is not None]
    Grade.objects.filter(id__in=again).update(ended_at=None)
    act.undone_at = now
    act.save(update_fields=["undone_at"])
    _recount(actor, act.case, decisions, now)
    log.record(
        "grades.undone",
        actor,
        holding=(act.holding_id, act.agency_id),
        subject=f"case:{act.case.reference}",
        details={"act": act.id, "scheme": act.scheme, "files": len(votes)},
    )
    tell(f"case:{act.case_id}", "grading", act.id)
    return act.case.reference


def _replaced(vote: Grade) -> Grade | None:
    """The vote that stands again once this one is taken back: the last before it whose act was not taken back too."""
    earlier = vote.replaces
    while earlier is not None and (earlier.undone or earlier.act.undone_at is not None):
        earlier = earlier.replaces
    return earlier


@transaction.atomic
def redo(actor: Actor, act_id: UUID, client_id: str) -> Given:
    """Give the votes of an act that was undone again, as a new act. NotFound for another's."""
    act = door.admit(actor, GradingAct.objects.all(), "contribute", pk=act_id, officer_id=actor.officer_id)
    if act.undone_at is None:
        raise ActRefused("It stands.")
    ids = list(act.grades.values_list("media_id", flat=True))
    return give_grades(actor, ids, act.scheme, act.code, client_id, how=act.how)


# --- Where votes differ -----------------------------------------------------------------------------------------------


def _decision(actor: Actor, decision_id: UUID) -> GradeDecision:
    rows = GradeDecision.objects.select_related("case").select_for_update(of=("self",))
    return door.admit(actor, rows, "contribute", pk=decision_id)


def _decided(verb: str, actor: Actor, decision: GradeDecision, **details: Any) -> str:
    log.record(
        verb,
        actor,
        holding=(decision.holding_id, decision.agency_id),
        subject=f"media:{decision.media_id}",
        details={"case": decision.case.reference, "scheme": decision.scheme, "round": decision.round, **details},
    )
    tell(f"case:{decision.case_id}", "grading", decision.id)
    return decision.case.reference


def _supervises(actor: Actor, decision: GradeDecision) -> bool:
    return actor.has(Role.SUPERVISOR) and actor.agency_id == decision.agency_id


def _voted(actor: Actor, decision: GradeDecision) -> bool:
    return Grade.objects.filter(
        case_id=decision.case_id, sha256=decision.sha256, scheme=decision.scheme, round=decision.round,
        officer_id=actor.officer_id, ended_at=None,
    ).exists()  # fmt: skip


@transaction.atomic
def show_votes(actor: Actor, decision_id: UUID) -> str:
    """Show a supervisor the votes that differ, to settle them; who looked does not vote in that round. The case's reference.

    ActRefused for anyone who is not a supervisor of the case's agency, and where the votes do not differ.
    """
    decision = _decision(actor, decision_id)
    if not _supervises(actor, decision):
        raise ActRefused(
            "A supervisor of the case's agency looks at votes without one of their own; others vote first."
        )
    if decision.state != DecisionState.DIFFERS:
        raise ActRefused("The votes do not differ.")
    if not _voted(actor, decision) and actor.officer_id not in decision.shown_to:
        decision.shown_to = [*decision.shown_to, actor.officer_id]
        decision.save(update_fields=["shown_to"])
    return _decided("votes.shown", actor, decision)


@transaction.atomic
def settle(actor: Actor, decision_id: UUID, code: str, reason: str) -> str:
    """Settle votes that differ, with a reason: a supervisor of the case's agency, or one who voted with the majority.

    A majority is more than half of three votes or more. The case's reference. ActRefused for anyone else, without a reason, and
    where the votes do not differ (any more).
    """
    decision = _decision(actor, decision_id)
    grade = _grade_of(decision.scheme, code)
    if decision.state != DecisionState.DIFFERS:
        raise ActRefused("The votes do not differ any more; look again.")
    if not reason.strip():
        raise ActRefused("A settlement says why.")
    codes = list(
        Grade.objects.filter(
            case_id=decision.case_id, sha256=decision.sha256, scheme=decision.scheme, round=decision.round, ended_at=None
        ).values_list("code", flat=True)
    )  # fmt: skip
    majority = len(codes) >= 3 and codes.count(code) * 2 > len(codes)
    if _supervises(actor, decision):
        if not _voted(actor, decision) and actor.officer_id not in decision.shown_to:
            raise ActRefused("Look at the votes first, or vote yourself.")
    elif not (majority and _voted(actor, decision)):
        raise ActRefused(
            "It is settled by a supervisor of the case's agency, or by the majority of three votes or more: ask for a vote."
        )
    decision.state, decision.code, decision.agreeing = DecisionState.SETTLED, grade.code, codes.count(code)
    decision.settled_at, decision.settled_by_id, decision.reason = timezone.now(), actor.officer_id, reason.strip()
    decision.changed_at = decision.settled_at
    decision.save(
        update_fields=["state", "code", "agreeing", "settled_at", "settled_by", "reason", "changed_at"]
    )  # fmt: skip
    outbox.post("grades.agreed", case_id=str(decision.case_id), officer_id=str(actor.officer_id))
    return _decided("disagreement.settled", actor, decision, grade=grade.code, majority=majority)


@transaction.atomic
def reopen(actor: Actor, decision_id: UUID) -> str:
    """Take a settlement back: the votes count as before. By who settled it, or a supervisor. The case's reference."""
    decision = _decision(actor, decision_id)
    if decision.state != DecisionState.SETTLED:
        raise ActRefused("It is not settled.")
    if decision.settled_by_id != actor.officer_id and not _supervises(actor, decision):
        raise ActRefused("A settlement is taken back by who made it, or by a supervisor of the case's agency.")
    decision.state, decision.settled_at, decision.settled_by, decision.reason = DecisionState.OPEN, None, None, ""
    decision.save(update_fields=["state", "settled_at", "settled_by", "reason"])
    _recount(actor, decision.case, {decision.sha256: decision}, timezone.now())
    outbox.post("grades.agreed", case_id=str(decision.case_id), officer_id=str(actor.officer_id))
    return _decided("disagreement.reopened", actor, decision)


@transaction.atomic
def open_round(actor: Actor, decision_id: UUID) -> str:
    """Ask for a second round where votes differ: everybody votes anew, and again without seeing the others'. The case's reference.

    ActRefused for one who has neither voted nor supervises the case's agency.
    """
    decision = _decision(actor, decision_id)
    if decision.state != DecisionState.DIFFERS:
        raise ActRefused("The votes do not differ.")
    if not _voted(actor, decision) and not _supervises(actor, decision):
        raise ActRefused("A new round is asked for by one who voted, or by a supervisor of the case's agency.")
    decision.round, decision.shown_to = decision.round + 1, []
    decision.save(update_fields=["round", "shown_to"])
    _recount(actor, decision.case, {decision.sha256: decision}, timezone.now())
    return _decided("round.opened", actor, decision)


@transaction.atomic
def close_round(actor: Actor, decision_id: UUID) -> str:
    """Take back a round in which nobody voted yet: the votes before it count again. The case's reference."""
    decision = _decision(actor, decision_id)
    if decision.round == 1 or decision.votes:
        raise ActRefused("Only a round in which nobody has voted is taken back.")
    decision.round -= 1
    decision.save(update_fields=["round"])
    _recount(actor, decision.case, {decision.sha256: decision}, timezone.now())
    return _decided("round.closed", actor, decision)


# --- Entries that leave -----------------------------------------------------------------------------------------------


@transaction.atomic
def release_entries(
    actor: Actor, decision_ids: Collection[UUID], authority: str, *, conditions_kept: bool = False
) -> int:
    """Let graded files leave the agency as entries of its own hash list: digests and grade, never the file. How many.

    ActRefused: a file on which fewer independent votes agree than the agency demands, whose grade is no category, whose case is
    another agency's, is labelled TLP:RED, or is handled under conditions that nobody says are kept; or without a legal basis.
    NotFound where one of them is not the actor's to release.
    """
    require_certification(actor, ROOM)
    if not authority.strip():
        raise ActRefused("Say on which legal basis the entries leave.")
    wanted = set(decision_ids)
    if not 0 < len(wanted) <= FILES_AT_ONCE:
        raise ActRefused(f"Between 1 and {FILES_AT_ONCE:,} entries are released at once.")
    held = GradeDecision.objects.select_for_update(of=("self",)).select_related("case__holding").order_by("sha256")
    decisions = list(door.visible(actor, held.filter(id__in=wanted)))
    if len(decisions) != len(wanted):
        raise NotFound
    needed, now, holdings = votes_needed(actor.agency_id), timezone.now(), set()
    levels = {holding: door.level(actor, holding) for holding in {decision.holding_id for decision in decisions}}
    for decision in decisions:
        refused = _refused(actor, decision, levels[decision.holding_id], needed, conditions_kept=conditions_kept)
        if refused:
            raise ActRefused(refused)
        holdings.add((decision.holding_id, decision.agency_id))
    try:
        with transaction.atomic():
            EntryRelease.objects.bulk_create(
                EntryRelease(
                    holding_id=decision.holding_id, agency_id=decision.agency_id, case_id=decision.case_id, decision=decision,
                    media_id=decision.media_id, sha256=decision.sha256, scheme=decision.scheme, code=decision.code,
                    votes=decision.agreeing, authority=authority.strip(), released_at=now, released_by_id=actor.officer_id,
                )
                for decision in decisions
            )  # fmt: skip
    except IntegrityError:
        raise ActRefused("Some of them are released already: look at the list again.") from None
    details = {"entries": len(decisions), "authority": authority.strip()[:200], "decisions": sorted(wanted)[:100]}
    log.record_each("entries.released", actor, holdings, subject="entries", details=details)
    return len(decisions)


def _refused(actor: Actor, decision: GradeDecision, level: int, needed: int, *, conditions_kept: bool) -> str:
    """Why this file may not leave as an entry; empty: it may."""
    holding, name = decision.case.holding, f"{decision.case.reference}, {decision.sha256[:12]}…"
    if not may_release(actor, decision.agency_id, level):
        return f"{name}: only officers of the case's own agency who manage it release entries."
    grade = schemes()[decision.scheme].grade(decision.code) if decision.code else None
    if decision.state == DecisionState.DIFFERS or grade is None:
        return f"{name}: the votes differ."
    if decision.agreeing < needed:
        return f"{name}: {decision.agreeing} of {needed} independent votes agree."
    if not grade.category or grade.severity == 0:
        return f"{name}: “{grade.label}” is nothing that a hash list names."
    if label := refused_by_label(holding):
        return f"{name}: {label}"
    if holding.handling == Handling.CONDITIONS and not conditions_kept:
        return f"{name}: the case is handled under conditions ({holding.conditions[:200]}); say that they are kept."
    return ""


@transaction.atomic
def withdraw_entry(actor: Actor, entry_id: UUID, because: str) -> None:
    """Take an entry off the agency's list, with a reason; the next export leaves it out. ActRefused without a reason."""
    entry = _entry(actor, entry_id)
    if entry.withdrawn_at is not None:
        raise ActRefused("It is withdrawn already.")
    if not because.strip():
        raise ActRefused("Say why it is withdrawn: partners who took it ask.")
    entry.withdrawn_at, entry.withdrawn_by_id, entry.withdrawn_because = (
        timezone.now(), actor.officer_id, because.strip(),
    )  # fmt: skip
    entry.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_because"])
    _entry_changed("entry.withdrawn", actor, entry)


@transaction.atomic
def restore_entry(actor: Actor, entry_id: UUID) -> None:
    """Put a withdrawn entry back on the list. ActRefused where it stands, or was released anew meanwhile."""
    entry = _entry(actor, entry_id)
    if entry.withdrawn_at is None:
        raise ActRefused("It stands on the list.")
    entry.withdrawn_at, entry.withdrawn_by, entry.withdrawn_because = None, None, ""
    try:
        with transaction.atomic():
            entry.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_because"])
    except IntegrityError:
        raise ActRefused("It was released anew meanwhile.") from None
    _entry_changed("entry.restored", actor, entry)


def _entry(actor: Actor, entry_id: UUID) -> EntryRelease:
    rows = EntryRelease.objects.select_related("case").select_for_update(of=("self",))
    return door.admit(actor, rows, "manage", pk=entry_id)


def _entry_changed(verb: str, actor: Actor, entry: EntryRelease) -> None:
    log.record(
        verb,
        actor,
        holding=(entry.holding_id, entry.agency_id),
        subject=f"media:{entry.media_id}",
        details={"case": entry.case.reference, "entry": entry.id},
    )


# --- What an agency demands -------------------------------------------------------------------------------------------


@transaction.atomic
def change_rule(actor: Actor, votes: int, scheme: str) -> None:
    """Set how many independent votes an entry needs, and the scheme that pages begin with. ActRefused: no supervisor."""
    if not actor.has(Role.SUPERVISOR):
        raise ActRefused("What the agency demands of its grades is set by its supervisors.")
    if not 1 <= votes <= 9:
        raise ActRefused("An entry needs between 1 and 9 votes.")
    if scheme and scheme not in schemes():
        raise ActRefused(f"{scheme[:20]} is no scheme that people grade in.")
    now = timezone.now()
    rule, made = GradingRule.objects.get_or_create(
        agency_id=actor.agency_id,
        defaults={"votes": votes, "scheme": scheme, "changed_by_id": actor.officer_id, "changed_at": now},
    )
    before = VOTES if made else rule.votes
    if not made:
        rule.votes, rule.scheme, rule.changed_by_id, rule.changed_at = votes, scheme, actor.officer_id, now
        rule.save(update_fields=["votes", "scheme", "changed_by", "changed_at"])
    details = {"votes": votes, "before": before, "scheme": scheme}
    log.record("grading-rule.changed", actor, subject="grading-rule", details=details)


def choose_scheme(actor: Actor, session: Any, scheme: str) -> str:
    """Grade in another scheme for the rest of this session; its label. ActRefused for one that is not known."""
    if scheme not in schemes():
        raise ActRefused(f"{scheme[:20]} is no scheme that people grade in.")
    session["grading_scheme"] = scheme
    return schemes()[scheme].label


@dataclass(frozen=True, slots=True)
class Exported:
    """A list of entries as a file."""

    name: str
    media_type: str
    content: bytes
    entries: int


@transaction.atomic
def export_entries(actor: Actor, scheme: str, form: str, *, now: datetime | None = None) -> Exported:
    """The standing entries of the actor's agency in one scheme as a file: ``vics`` or ``csv``.

    Entries whose votes no longer agree stay out. ActRefused: no entry stands in the scheme, its codes do not fit the form, the
    form is not known; or the actor is nobody who releases (reads no cases).
    """
    require_certification(actor, ROOM)
    if not actor.reads_cases:
        raise NotFound
    if scheme not in schemes() or form not in ("vics", "csv"):
        raise ActRefused("Entries leave as vics or csv, in a scheme that people grade in.")
    leaving = entries_leaving(actor, scheme)
    if not leaving:
        raise ActRefused(f"No entry stands in {schemes()[scheme].label}.")
    rows = [
        Entry(row.md5, row.sha1, row.sha256, row.pdq, row.quality, row.media_type, row.size, row.code)
        for row in leaving
    ]
    if form == "vics" and not fits_vics(row.code for row in rows):
        raise ActRefused(
            f"{schemes()[scheme].label} has codes that are no numbers; VICS has numbers alone. Take the table."
        )
    region = schemes()[scheme].region or scheme
    content = vics_entries(rows, region) if form == "vics" else table_entries(rows, scheme)
    details = {"scheme": scheme, "form": form, "entries": len(rows)}
    log.record("entries.exported", actor, subject="entries", details=details)
    day = (now or timezone.now()).date().isoformat()
    name = f"entries-{scheme.lower()}-{day}.{'json' if form == 'vics' else 'csv'}"
    return Exported(name, "application/json" if form == "vics" else "text/csv; charset=utf-8", content, len(rows))

"""Judging: a person decides whether two records are the same person; every decision stays, and can be undone."""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets.linking import default_rarity
from opencets_web.audit import log, outbox
from opencets_web.entities.models import Judgement, Match, ValueRuling, Verdict
from opencets_web.evidence.models import Claim, Record
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.rules import LEVELS

JUDGED_KINDS = ("person", "account")


@transaction.atomic
def judge(actor: Actor, left_id: UUID, right_id: UUID, verdict: str, reason: str = "") -> UUID:
    """Decide that two records are the same person, different people, or that one is unsure. Returns the judgement's id.

    A standing judgement of the pair is ended, never overwritten; the same verdict again changes nothing. Without a
    reason the reasons of the suggestion are the reason. NotFound: either record is not the actor's, or neither may be
    written to.
    ActRefused: not two people or accounts, no such verdict, or no reason at all.
    """
    if left_id == right_id:
        raise ActRefused("A record cannot be judged against itself.")
    if verdict not in Verdict.values:
        raise ActRefused("Judge a pair as the same, as different or as unsure.")
    rows = Record.objects.filter(kind__in=JUDGED_KINDS)
    left, right = (door.admit(actor, rows, pk=record) for record in sorted((left_id, right_id)))
    if max(door.level(actor, left.holding_id), door.level(actor, right.holding_id)) < LEVELS["contribute"]:
        raise NotFound
    standing = _standing(actor, left, right)
    if standing is not None and standing.verdict == verdict:
        return standing.id
    reason = reason.strip() or _suggested_reason(actor, left, right)
    if not reason:
        raise ActRefused("A judgement needs a reason: say in a few words what you compared.")
    now = timezone.now()
    if standing is not None:
        _end(actor, standing, now)
    judgement = Judgement(
        left=left,
        right=right,
        left_holding_id=left.holding_id,
        left_agency_id=left.agency_id,
        right_holding_id=right.holding_id,
        right_agency_id=right.agency_id,
        verdict=verdict,
        reason=reason,
        by_id=actor.officer_id,
        at=now,
    )
    _keep(judgement)
    _tell("judgement.made", actor, judgement)
    return judgement.id


@transaction.atomic
def undo_judgement(actor: Actor, judgement_id: UUID) -> str:
    """End a judgement; what it had replaced stands again, as the actor's. Returns the verdict that was undone.

    NotFound: not the actor's, or neither side may be written to. ActRefused: it is ended already.
    """
    judgement = door.admit(actor, Judgement.objects.select_for_update(of=("self",)), pk=judgement_id)
    if (
        max(door.level(actor, judgement.left_holding_id), door.level(actor, judgement.right_holding_id))
        < LEVELS["contribute"]
    ):
        raise NotFound
    if judgement.undone_at is not None:
        raise ActRefused("This judgement was ended before; the pair shows what stands now.")
    before = (
        door.visible(
            actor, Judgement.objects.filter(left=judgement.left_id, right=judgement.right_id, undone_at=judgement.at)
        )
        .order_by("-at")
        .first()
    )
    now = timezone.now()
    _end(actor, judgement, now)
    if before is not None:
        _keep(
            Judgement(
                left_id=before.left_id,
                right_id=before.right_id,
                left_holding_id=before.left_holding_id,
                left_agency_id=before.left_agency_id,
                right_holding_id=before.right_holding_id,
                right_agency_id=before.right_agency_id,
                verdict=before.verdict,
                reason=f"Put back: {before.reason.removeprefix('Put back: ')}",
                by_id=actor.officer_id,
                at=now,
            )
        )
    _tell("judgement.undone", actor, judgement)
    return judgement.verdict


@transaction.atomic
def rule_value(actor: Actor, kind: str, normal: str, *, generic: bool, reason: str) -> UUID:
    """Overrule the count for a value in all cases of the actor's agency: it says nothing, or links all the same. The ruling's id.

    A standing ruling is ended, never overwritten; the same again changes nothing. NotFound: no case of the agency to which the
    actor may write holds the value. ActRefused: without a reason.
    """
    if not reason.strip():
        raise ActRefused("A ruling on a value needs a reason: say in a few words why the count is wrong here.")
    claims = Claim.objects.filter(agency_id=actor.agency_id, kind=kind, normal=normal, record__retired_at=None)
    holdings = door.visible(actor, claims).order_by("holding_id").values_list("holding_id", flat=True).distinct()
    holding = next((one for one in holdings[:50] if door.level(actor, one) >= LEVELS["contribute"]), None)
    if holding is None or default_rarity().worths.get(kind) is None:
        raise NotFound
    rows = ValueRuling.objects.select_for_update(of=("self",))
    standing = door.visible(
        actor, rows.filter(agency_id=actor.agency_id, kind=kind, normal=normal, ended_at=None)
    ).first()
    if standing is not None and standing.generic == generic:
        return standing.id
    now = timezone.now()
    if standing is not None:
        standing.ended_at, standing.ended_by_id = now, actor.officer_id
        standing.save(update_fields=["ended_at", "ended_by"])
    ruling = ValueRuling(
        holding_id=holding, agency_id=actor.agency_id, kind=kind, normal=normal, generic=generic,
        reason=reason.strip(), by_id=actor.officer_id, at=now,
    )  # fmt: skip
    try:
        with transaction.atomic():
            ruling.save(force_insert=True)
    except IntegrityError:
        raise ActRefused("Another officer of your agency ruled on this value already.") from None
    _tell_ruling("value.ruled", actor, ruling)
    return ruling.id


@transaction.atomic
def end_ruling(actor: Actor, ruling_id: UUID) -> None:
    """End a ruling: the count holds again. NotFound: not of the actor's agency, or not writable. ActRefused: ended before."""
    rows = ValueRuling.objects.filter(agency_id=actor.agency_id).select_for_update(of=("self",))
    ruling = door.admit(actor, rows, "contribute", pk=ruling_id)
    if ruling.ended_at is not None:
        raise ActRefused("This ruling was ended before; the count holds.")
    ruling.ended_at, ruling.ended_by_id = timezone.now(), actor.officer_id
    ruling.save(update_fields=["ended_at", "ended_by"])
    _tell_ruling("value.ruling-ended", actor, ruling)


def _tell_ruling(verb: str, actor: Actor, ruling: ValueRuling) -> None:
    log.record(
        verb, actor, holding=(ruling.holding_id, ruling.agency_id), subject=f"ruling:{ruling.id}",
        details={"kind": ruling.kind, "value": ruling.normal, "generic": ruling.generic, "reason": ruling.reason},
    )  # fmt: skip
    outbox.post("value.ruled", ruling_id=str(ruling.id), officer_id=str(actor.officer_id))


def _standing(actor: Actor, left: Record, right: Record) -> Judgement | None:
    rows = Judgement.objects.select_for_update(of=("self",)).filter(left=left, right=right, undone_at=None)
    return door.visible(actor, rows).first()


def _suggested_reason(actor: Actor, left: Record, right: Record) -> str:
    match = door.visible(actor, Match.objects.filter(left=left, right=right, retired_at=None)).first()
    if match is None or not match.reasons:
        return ""
    return "Compared side by side; suggested for: " + "; ".join(reason["sentence"] for reason in match.reasons[:6])


def _end(actor: Actor, judgement: Judgement, now: object) -> None:
    judgement.undone_at = now  # type: ignore[assignment]
    judgement.undone_by_id = actor.officer_id
    judgement.save(update_fields=["undone_at", "undone_by"])


def _keep(judgement: Judgement) -> None:
    try:
        with transaction.atomic():
            judgement.save(force_insert=True)
    except IntegrityError:
        raise ActRefused("Somebody judged this pair in the same moment; look at it again.") from None


def _tell(verb: str, actor: Actor, judgement: Judgement) -> None:
    """Log the act for both holdings, and post what follows from it."""
    sides = {
        judgement.left_holding_id: judgement.left_agency_id,
        judgement.right_holding_id: judgement.right_agency_id,
    }
    log.record_each(
        verb, actor, sides.items(), subject=f"judgement:{judgement.id}", details={"verdict": judgement.verdict}
    )
    outbox.post(
        "judgement.changed",
        judgement_id=str(judgement.id),
        left_id=str(judgement.left_id),
        right_id=str(judgement.right_id),
        officer_id=str(actor.officer_id),
    )

"""Judging: a person decides whether two records are the same person; every decision stays, and can be undone.

Weights: administrators ask for a version learned from judgements, take it live, and go back.
"""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets.linking import default_rarity
from opencets.resolving.model import SHIPPED
from opencets_web.accounts.models import Role
from opencets_web.audit import log, outbox
from opencets_web.entities import matching
from opencets_web.entities.models import Judgement, Match, ValueRuling, Verdict, WeightTerm, WeightVersion
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


@transaction.atomic
def ask_weights(actor: Actor, reason: str) -> UUID:
    """Ask for a new version of the weights, learned from the judgements that stand; a job makes it. The version's id.

    NotFound: not an administrator. ActRefused: without a reason, or one is being made.
    """
    _require_administrator(actor)
    if not reason.strip():
        raise ActRefused("Say in a few words why the weights are to be learned anew.")
    if WeightVersion.objects.filter(made_at=None).exists():
        raise ActRefused("A version is being made; wait for it.")
    version = WeightVersion(
        name=f"{SHIPPED}.{WeightVersion.objects.count() + 1}",
        asked_by_id=actor.officer_id,
        asked_at=timezone.now(),
        reason=reason.strip(),
    )
    try:
        with transaction.atomic():
            version.save(force_insert=True)
    except IntegrityError:
        raise ActRefused("Another administrator asked in the same moment.") from None
    _tell_weights("weights.asked", actor, version.name, version.reason)
    outbox.post("weights.asked", version_id=str(version.id), officer_id=str(actor.officer_id))
    return version.id


@transaction.atomic
def take_live(actor: Actor, version_id: UUID, reason: str) -> UUID:
    """Take a version live that another administrator asked for; all suggestions are weighed again. The term's id.

    NotFound: not an administrator, or no such version. ActRefused: the one who asked for it, it was not made, it is live.
    """
    _require_administrator(actor)
    version = WeightVersion.objects.filter(pk=version_id).first()
    if version is None:
        raise NotFound
    if version.content is None:
        raise ActRefused(f"{version.name} was not made: {version.refused or 'wait for it.'}")
    if version.approved_by_id is None:
        if version.asked_by_id == actor.officer_id:
            raise ActRefused(f"{version.name} is taken live by another administrator than the one who asked for it.")
        version.approved_by_id, version.approved_at = actor.officer_id, timezone.now()
        version.save(update_fields=["approved_by", "approved_at"])
    return _begin_term(actor, version, reason, "weights.live")


@transaction.atomic
def go_back(actor: Actor, reason: str) -> UUID:
    """Go back to the version that was live before; any administrator may. The term's id.

    NotFound: not an administrator. ActRefused: nothing was live before.
    """
    _require_administrator(actor)
    former = WeightTerm.objects.filter(ended_at__isnull=False).order_by("-ended_at").first()
    if not WeightTerm.objects.filter(ended_at=None).exists():
        raise ActRefused(f"{SHIPPED}, as it is shipped, is live; there is nothing before it.")
    return _begin_term(actor, former.version if former else None, reason, "weights.back")


def _begin_term(actor: Actor, version: WeightVersion | None, reason: str, verb: str) -> UUID:
    if not reason.strip():
        raise ActRefused("A change of version needs a reason: say in a few words what you compared.")
    with connection.cursor() as cursor:
        # Nobody places a record by one version and keeps it as of another.
        cursor.execute(matching.ALL)
    live = WeightTerm.objects.select_for_update(of=("self",)).filter(ended_at=None).first()
    if (live.version_id if live else None) == (version.id if version else None):
        raise ActRefused(f"{version.name if version else SHIPPED} is live already.")
    now = timezone.now()
    if live is not None:
        live.ended_at, live.ended_by_id = now, actor.officer_id
        live.save(update_fields=["ended_at", "ended_by"])
    term = WeightTerm(version=version, reason=reason.strip(), begun_by_id=actor.officer_id, begun_at=now)
    try:
        with transaction.atomic():
            term.save(force_insert=True)
    except IntegrityError:
        raise ActRefused("Another administrator changed the version in the same moment.") from None
    _tell_weights(verb, actor, version.name if version else SHIPPED, term.reason)
    outbox.post("weights.changed", term_id=str(term.id), officer_id=str(actor.officer_id))
    return term.id


def _require_administrator(actor: Actor) -> None:
    if not actor.has(Role.ADMINISTRATOR):
        raise NotFound


def _tell_weights(verb: str, actor: Actor, name: str, reason: str) -> None:
    log.record(verb, actor, subject=f"weights:{name}", details={"reason": reason})


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

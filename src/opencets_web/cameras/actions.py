"""Writing cameras: a device and its fingerprint asked for, withdrawn, restored; a match judged, and the judgement undone."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from opencets.errors import ActRefused
from opencets.matching.camera import FEWEST_REFERENCES
from opencets_web.audit import log, outbox
from opencets_web.cameras.models import CameraJudgement, CameraMatch, Device, Fingerprint, FingerprintState
from opencets_web.cases.models import Case
from opencets_web.media.models import Media
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.ui.notify import tell

MOST_REFERENCES = 200


@transaction.atomic
def ask_fingerprint(actor: Actor, reference: str, *, name: str, chosen: Sequence[UUID], serial: str = "") -> UUID:
    """Name a device of a case and ask for its fingerprint, which a job makes of the chosen pictures. The fingerprint's id.

    ActRefused: no name, fewer than three different pictures of one size, or more than 200.
    """
    case = door.admit(actor, Case.objects.all(), "contribute", reference=reference)
    rows = list(door.visible(actor, Media.objects.filter(id__in=set(chosen), case=case)).order_by("id"))
    pictures = {row.sha256: row for row in rows if row.media_type.startswith("image/")}
    if not name.strip():
        raise ActRefused("Give the camera a name that you will know again, such as “Telephone of EX-0003”.")
    if len(pictures) < FEWEST_REFERENCES:
        raise ActRefused(
            f"A fingerprint needs at least {FEWEST_REFERENCES} different pictures; {len(pictures)} chosen."
        )
    if len(pictures) > MOST_REFERENCES:
        raise ActRefused(f"At most {MOST_REFERENCES} pictures are used; {len(pictures)} chosen. More do not help.")
    if len({(row.width, row.height) for row in pictures.values()}) > 1:
        raise ActRefused("The chosen pictures are of different sizes. Choose those of one size, turned the same way.")
    now = timezone.now()
    under = {"holding_id": case.holding_id, "agency_id": case.agency_id, "case": case}
    device = Device.objects.create(
        **under, name=name.strip()[:120], serial=serial[:300], made_by_id=actor.officer_id, made_at=now
    )
    row = Fingerprint.objects.create(
        **under, device=device, chosen=[one.id for one in pictures.values()], asked_by_id=actor.officer_id, asked_at=now
    )
    log.record(
        "fingerprint.asked", actor, holding=(case.holding_id, case.agency_id), subject=f"case:{reference}",
        details={"fingerprint": row.id, "device": device.name, "pictures": len(pictures)},
    )  # fmt: skip
    outbox.post("fingerprint.asked", fingerprint_id=str(row.id), officer_id=str(actor.officer_id))
    tell(f"case:{case.id}", "cameras", row.id)
    return row.id


def withdraw_fingerprint(actor: Actor, fingerprint_id: UUID) -> str:
    """Take a fingerprint out of use: it is compared no more and its matches are not shown. The case's reference."""
    return _set_withdrawn(actor, fingerprint_id, withdrawn=True)


def restore_fingerprint(actor: Actor, fingerprint_id: UUID) -> str:
    """Put a withdrawn fingerprint back into use; what was not compared yet is. The case's reference."""
    return _set_withdrawn(actor, fingerprint_id, withdrawn=False)


@transaction.atomic
def _set_withdrawn(actor: Actor, fingerprint_id: UUID, *, withdrawn: bool) -> str:
    rows = Fingerprint.objects.select_related("case", "device")
    row = door.admit(actor, rows, "contribute", pk=fingerprint_id)
    if (row.withdrawn_at is not None) == withdrawn:
        raise ActRefused(f"The fingerprint of {row.device.name} is {'withdrawn' if withdrawn else 'in use'} already.")
    row.withdrawn_at = timezone.now() if withdrawn else None
    fields = ["withdrawn_at"]
    if not withdrawn and row.state == FingerprintState.COMPARED:
        # What came meanwhile was not compared: all is gone through again, and what was found is found once.
        row.state, row.compared_until, row.compared, row.to_compare = FingerprintState.MADE, None, 0, 0
        fields += ["state", "compared_until", "compared", "to_compare"]
    row.save(update_fields=fields)
    verb = "fingerprint.withdrawn" if withdrawn else "fingerprint.restored"
    log.record(
        verb, actor, holding=(row.holding_id, row.agency_id), subject=f"case:{row.case.reference}",
        details={"fingerprint": row.id, "device": row.device.name},
    )  # fmt: skip
    if not withdrawn:
        event = "fingerprint.asked" if row.state == FingerprintState.ASKED else "fingerprint.made"
        outbox.post(event, fingerprint_id=str(row.id), officer_id=str(actor.officer_id))
    outbox.post("ties.changed", case_id=str(row.case_id), officer_id=str(actor.officer_id))
    tell(f"case:{row.case_id}", "cameras", row.id)
    return row.case.reference


@transaction.atomic
def judge_match(actor: Actor, match_id: UUID, *, same: bool, reason: str) -> UUID:
    """Take a match for right or wrong, with the reason. The judgement's id.

    ActRefused: no reason, the actor may work on neither side, or somebody judged it already.
    """
    match = door.admit(actor, CameraMatch.objects.select_related("media", "fingerprint__device"), pk=match_id)
    if max(door.level(actor, match.left_holding_id), door.level(actor, match.right_holding_id)) < CONTRIBUTE:
        raise ActRefused("A match is judged by who may work on one of the two cases.")
    if not reason.strip():
        raise ActRefused("Say why: what else speaks for or against this camera.")
    sides = {
        f"{side}_{part}_id": getattr(match, f"{side}_{part}_id")
        for side in ("left", "right")
        for part in ("holding", "agency")
    }
    try:
        with transaction.atomic():
            made = CameraJudgement.objects.create(
                **sides, match=match, same=same, reason=reason.strip()[:1000], by_id=actor.officer_id, at=timezone.now()
            )
    except IntegrityError:
        raise ActRefused("Somebody judged this match already; their judgement is undone first.") from None
    _log_judged("camera-match.judged", actor, match, {"same": same})
    return made.id


@transaction.atomic
def undo_judgement(actor: Actor, judgement_id: UUID) -> UUID:
    """Undo a judgement: the match is open again, the judgement stays in the record. The medium's id."""
    rows = CameraJudgement.objects.select_related("match__media", "match__fingerprint__device")
    judgement = door.admit(actor, rows, pk=judgement_id)
    match = judgement.match
    if max(door.level(actor, match.left_holding_id), door.level(actor, match.right_holding_id)) < CONTRIBUTE:
        raise ActRefused("A judgement is undone by who may work on one of the two cases.")
    if judgement.undone_at is not None:
        raise ActRefused("The judgement is undone already.")
    judgement.undone_at = timezone.now()
    judgement.undone_by_id = actor.officer_id
    judgement.save(update_fields=["undone_at", "undone_by"])
    _log_judged("camera-match.reopened", actor, match, {})
    return match.media_id


CONTRIBUTE = 2


def _log_judged(verb: str, actor: Actor, match: CameraMatch, details: dict[str, object]) -> None:
    holdings = dict.fromkeys(
        ((match.left_holding_id, match.left_agency_id), (match.right_holding_id, match.right_agency_id))
    )
    log.record_each(
        verb, actor, holdings=list(holdings), subject=f"media:{match.media_id}",
        details={"fingerprint": match.fingerprint_id, "pce": round(match.pce, 1), **details},
    )  # fmt: skip
    if match.left_holding_id == match.right_holding_id:
        outbox.post("ties.changed", case_id=str(match.media.case_id), officer_id=str(actor.officer_id))
    tell(f"case:{match.media.case_id}", "cameras", match.id)

"""Writing marks: a region marked and named, places judged, a mark withdrawn or handed out alone."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets_web.audit import log, outbox
from opencets_web.evidence.models import CustodyEntry
from opencets_web.exposure.actions import Look, count_looks
from opencets_web.marks.models import Mark, MarkJudgement, MarkMatch, MarkRegion, Verdict, kinds
from opencets_web.media.models import Media
from opencets_web.media.queries import covers_of, open_original, refuse_unasked, severity_now
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.rules import LEVELS

SMALLEST = 0.01
CROP_PX = 1600
MOST_CORNERS = 60


@transaction.atomic
def mark_region(
    actor: Actor, media_id: UUID, polygon: Sequence[Sequence[float]], *, name: str, kind: str, description: str = ""
) -> UUID:
    """Make a mark of a region of a picture and let it be sought in all pictures. The mark's id.

    ``polygon``: corners as shares of the upright picture. NotFound: the picture is not the actor's to contribute to.
    ActRefused: no such kind, no name, a video, or a region that is no area of the picture.
    """
    media = door.admit(actor, Media.objects.select_related("case"), "contribute", pk=media_id)
    if not media.media_type.startswith("image/"):
        raise ActRefused("A region is marked on a picture.")
    if kind not in kinds() or not name.strip():
        raise ActRefused("A mark has a name and one of the kinds listed.")
    corners = [[min(max(float(x), 0.0), 1.0), min(max(float(y), 0.0), 1.0)] for x, y in polygon[:MOST_CORNERS]]
    if len(corners) < 3 or _area(corners) < SMALLEST**2:
        raise ActRefused("Draw around the place or thing: the region has no area yet.")
    now = timezone.now()
    under = {"holding_id": media.holding_id, "agency_id": media.agency_id}
    mark = Mark.objects.create(
        **under, case=media.case, name=name.strip()[:120], kind=kind, description=description.strip(), made_at=now,
        made_by_id=actor.officer_id,
    )  # fmt: skip
    region = MarkRegion.objects.create(**under, mark=mark, media=media, polygon=corners)
    _log("mark.made", actor, mark, kind=kind, name=mark.name)
    outbox.post("mark.made", region_id=str(region.id), officer_id=str(actor.officer_id))
    return mark.id


@transaction.atomic
def judge(actor: Actor, match_id: UUID, verdict: str, reason: str = "") -> UUID:
    """Confirm or reject a suggested place; the mark's id. What stood before is ended, never overwritten.

    NotFound: either side is not the actor's to see, or neither is to be written to. ActRefused: no such verdict.
    """
    match = _match(actor, match_id)
    if verdict not in Verdict.values:
        raise ActRefused("Confirm a place as the same, or reject it as something else.")
    standing = _standing(actor, match)
    if standing is not None and standing.verdict == verdict:
        return match.region.mark_id
    if standing is not None:
        _end(actor, standing)
    try:
        with transaction.atomic():
            MarkJudgement.objects.create(
                **_sides(match), match=match, verdict=verdict, by_id=actor.officer_id, at=timezone.now(),
                reason=reason.strip() or f"Compared side by side: {match.points} points verified.",
            )  # fmt: skip
    except IntegrityError:
        raise ActRefused("Somebody judged this place at the same moment; look at what they decided.") from None
    verb = "mark.confirmed" if verdict == Verdict.SAME else "mark.rejected"
    _log(verb, actor, match.region.mark, media=str(match.media_id), points=match.points)
    _tell_series(actor, match.left_holding_id, match.right_holding_id, match.region.mark.case_id)
    return match.region.mark_id


@transaction.atomic
def undo_judgement(actor: Actor, match_id: UUID) -> UUID:
    """End what was decided about a place; the mark's id. ActRefused: nothing stands."""
    match = _match(actor, match_id)
    standing = _standing(actor, match)
    if standing is None:
        raise ActRefused("Nothing is decided about this place; there is nothing to undo.")
    _end(actor, standing)
    _log("mark.judgement-undone", actor, match.region.mark, media=str(match.media_id), verdict=standing.verdict)
    _tell_series(actor, match.left_holding_id, match.right_holding_id, match.region.mark.case_id)
    return match.region.mark_id


def withdraw(actor: Actor, mark_id: UUID) -> Mark:
    """Take a mark out of use; its places stay with it."""
    return _set_withdrawn(actor, mark_id, withdrawn=True)


def restore(actor: Actor, mark_id: UUID) -> Mark:
    """Put a withdrawn mark back; it is sought again."""
    return _set_withdrawn(actor, mark_id, withdrawn=False)


@transaction.atomic
def hand_out(actor: Actor, mark_id: UUID, purpose: str, *, shown: Collection[str]) -> tuple[str, bytes]:
    """The region alone as a picture, everything around it removed, and its file name; logged with the purpose, and a look.

    NotFound: not the actor's to contribute to. ActRefused: no purpose, withdrawn, the picture is not kept, or it is known and
    this session did not ask for it (``shown``). NotNow where the actor is not to be shown it now.
    """
    mark = door.admit(actor, Mark.objects.select_related("case"), "contribute", pk=mark_id)
    if not purpose.strip():
        raise ActRefused("Say for whom and for what the region is handed out.")
    if mark.withdrawn_at is not None:
        raise ActRefused(f"{mark.name} is withdrawn; put it back before it is handed out.")
    region = MarkRegion.objects.select_related("media__file__blob").filter(mark=mark).order_by("id").first()
    if region is None:
        raise NotFound
    refuse_unasked(actor, region.media, shown, original=True)
    refuse_masked(actor, region)
    _refuse_released(actor, region)
    content = crop(region, CROP_PX)
    count_looks(actor, [Look(0.0, severity_now(region.media))])
    _log("mark.handed-out", actor, mark, purpose=purpose.strip()[:500], media=str(region.media_id), size=len(content))
    return f"{mark.name}.jpg", content


def refuse_masked(actor: Actor, region: MarkRegion) -> None:
    """ActRefused while a mask covers a part of the picture: what a colleague covered does not leave in a crop."""
    if covers_of(actor, region.media):
        raise ActRefused("A colleague masked parts of this picture. Take the mask away on its page first.")


def _refuse_released(actor: Actor, region: MarkRegion) -> None:
    """ActRefused for what another agency released: it has terms, and a release of a part asks for them."""
    entries = CustodyEntry.objects.filter(exhibit_id=region.media.file.exhibit_id, act="released")
    if door.visible(actor, entries).exists():
        raise ActRefused("Another agency released this picture to you: release the mark as a part, under their terms.")


def crop(region: MarkRegion, longest_px: int) -> bytes:
    """The region alone as a JPEG: cut to it, what lies outside its corners white, no metadata.

    Raises ActRefused where the file is not kept, SourceRefused where it cannot be decoded.
    """
    from PIL import Image, ImageDraw

    from opencets.hashing.picture import decode, thumbnail

    if region.media.file.blob_id is None:
        raise ActRefused("The file of this picture is not kept here; its region cannot be cut out.")
    with open_original(region.media) as content:
        decoded = decode(io.BytesIO(content.read()), region.media.media_type, scaled=False)
    whole = Image.open(io.BytesIO(thumbnail(decoded.image, max(decoded.image.size), decoded.orientation)))
    corners = [(x * whole.width, y * whole.height) for x, y in region.polygon]
    left, top = (int(min(values)) for values in zip(*corners, strict=True))
    right, bottom = (max(1, round(max(values))) for values in zip(*corners, strict=True))
    part = whole.crop((left, top, max(right, left + 1), max(bottom, top + 1)))
    inside = Image.new("L", part.size, 0)
    ImageDraw.Draw(inside).polygon([(x - left, y - top) for x, y in corners], fill=255)
    alone = Image.new("RGB", part.size, "white")
    alone.paste(part, mask=inside)
    return thumbnail(alone, longest_px)


def _area(corners: Sequence[Sequence[float]]) -> float:
    around = zip(corners, [*corners[1:], corners[0]], strict=True)
    return abs(sum(one[0] * other[1] - other[0] * one[1] for one, other in around)) / 2


def _match(actor: Actor, match_id: UUID) -> MarkMatch:
    rows = MarkMatch.objects.select_related("region__mark__case")
    match = door.admit(actor, rows, pk=match_id)
    levels = (door.level(actor, match.left_holding_id), door.level(actor, match.right_holding_id))
    if max(levels) < LEVELS["contribute"]:
        raise NotFound
    return match


def _standing(actor: Actor, match: MarkMatch) -> MarkJudgement | None:
    rows = MarkJudgement.objects.select_for_update(of=("self",)).filter(match=match, undone_at=None)
    return door.visible(actor, rows).first()


def _end(actor: Actor, judgement: MarkJudgement) -> None:
    judgement.undone_at = timezone.now()
    judgement.undone_by_id = actor.officer_id
    judgement.save(update_fields=["undone_at", "undone_by"])


def _sides(match: MarkMatch) -> dict[str, UUID]:
    names = ("left_holding_id", "left_agency_id", "right_holding_id", "right_agency_id")
    return {name: getattr(match, name) for name in names}


@transaction.atomic
def _set_withdrawn(actor: Actor, mark_id: UUID, *, withdrawn: bool) -> Mark:
    rows = Mark.objects.select_related("case").select_for_update(of=("self",))
    mark = door.admit(actor, rows, "contribute", pk=mark_id)
    if (mark.withdrawn_at is not None) == withdrawn:
        raise ActRefused(f"{mark.name} is {'withdrawn' if withdrawn else 'in use'} already.")
    if not withdrawn and mark.released_by and mark.withdrawn_by_id is None:
        raise ActRefused(f"{mark.released_by} withdrew the release of {mark.name}: it is sought no longer.")
    mark.withdrawn_at = timezone.now() if withdrawn else None
    mark.withdrawn_by_id = actor.officer_id if withdrawn else None
    mark.save(update_fields=["withdrawn_at", "withdrawn_by"])
    _log("mark.withdrawn" if withdrawn else "mark.restored", actor, mark, name=mark.name)
    _tell_series(actor, mark.holding_id, mark.holding_id, mark.case_id)
    if not withdrawn:
        for region_id in MarkRegion.objects.filter(mark=mark).values_list("id", flat=True):
            outbox.post("mark.made", region_id=str(region_id), officer_id=str(actor.officer_id))
    return mark


def _tell_series(actor: Actor, left_holding: UUID, right_holding: UUID, case_id: UUID) -> None:
    """What is confirmed inside one holding ties its series; what lies between two never does."""
    if left_holding == right_holding:
        outbox.post("ties.changed", case_id=str(case_id), officer_id=str(actor.officer_id))


def _log(verb: str, actor: Actor, mark: Mark, **details: object) -> None:
    log.record(
        verb,
        actor,
        holding=(mark.holding_id, mark.agency_id),
        subject=f"mark:{mark.id}",
        details={"case": mark.case.reference, **details},
    )

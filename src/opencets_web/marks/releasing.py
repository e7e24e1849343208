"""A mark without the rest of its picture: what leaves of it when it is released, and what comes of it at the recipient.

What leaves is logged with the release that gives it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from opencets.errors import ActRefused
from opencets.matching.regions import Query
from opencets_web.audit import log, outbox
from opencets_web.evidence.keeping import stable_id
from opencets_web.marks.actions import CROP_PX, MOST_CORNERS, crop, refuse_masked
from opencets_web.marks.models import Mark, MarkRegion, kinds
from opencets_web.media.models import Media
from opencets_web.policy import door
from opencets_web.policy.actor import Actor

WHOLE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]


def region_to_release(actor: Actor, mark: Mark, *, shown: Collection[str] | None = None) -> MarkRegion:
    """The region of a mark that may leave. ActRefused: withdrawn, masked, not kept, not sought yet.

    ``shown``: the known files that this session asked for; where it is given, a known one that is not among them is refused.
    """
    rows = MarkRegion.objects.select_related("media__file__blob", "media__case").filter(mark=mark)
    region = door.visible(actor, rows).order_by("id").first()
    if region is None or mark.withdrawn_at is not None:
        raise ActRefused(f"{mark.name} is withdrawn; put it back before it is released.")
    if shown is not None and region.media.known_set_id is not None and str(region.media_id) not in shown:
        raise ActRefused(f"{mark.name} stands on a known file: ask for that on its page before the mark is released.")
    refuse_masked(actor, region)
    if region.media.file.blob_id is None:
        raise ActRefused(f"The picture of {mark.name} is not kept here; its region cannot be cut out.")
    if region.features is None:
        raise ActRefused(f"{mark.name} has not been read yet; release it once it was sought.")
    return region


def alone(actor: Actor, mark: Mark) -> tuple[dict[str, Any], Callable[[], bytes], bytes]:
    """What leaves of a mark: its row, what cuts the region out, its features as if the region had been the whole picture."""
    region = region_to_release(actor, mark)
    (left, right), (top, bottom) = ((min(side), max(side)) for side in zip(*region.polygon, strict=True))
    outline = [[round((x - left) / (right - left), 5), round((y - top) / (bottom - top), 5)] for x, y in region.polygon]
    row = {
        "id": str(mark.id), "name": mark.name, "kind": mark.kind, "description": mark.description, "outline": outline,
        "points": region.points,
    }  # fmt: skip
    features = Query.unpacked(bytes(region.features or b"")).cropped((left, top, right, bottom))
    return row, lambda: crop(region, CROP_PX), features.packed()


def outline_of(given: object) -> list[list[float]]:
    """The outline that a package tells, or the whole picture where it is none."""
    try:
        corners = [[float(x), float(y)] for x, y in given]  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return WHOLE
    good = 3 <= len(corners) <= MOST_CORNERS and all(0 <= part <= 1 for corner in corners for part in corner)
    return corners if good else WHOLE


def features_of(content: bytes) -> tuple[bytes | None, int]:
    """The features that a package tells, and how many; None where they are none, so that they are read of the region itself."""
    try:
        query = Query.unpacked(content)
    except (ValueError, IndexError):
        return None, 0
    parts = (query.vectors, query.places, query.angles, query.sizes)
    finite = all(math.isfinite(float(part.sum())) for part in parts) and 0.01 < query.aspect < 100
    return (content, len(query)) if finite else (None, 0)


def fields_of(row: dict[str, Any]) -> dict[str, str]:
    """Name, kind and description that a package tells, as a mark has them."""
    kind = str(row.get("kind", ""))
    return {
        "name": str(row.get("name", "")).replace("\x00", "").strip()[:120] or "A mark",
        "kind": kind if kind in kinds() else "other",
        "description": str(row.get("description", "")).replace("\x00", "")[:2_000],
    }


def receive_mark(
    actor: Actor, media: Media, release_ref: UUID, row: dict[str, Any], features: bytes, *, released_by: str
) -> bool:
    """A released mark of our own on the picture of its region, and sought from now on; whether it is new. Inside a transaction.

    What a package tells that is no name, kind or outline is told as what it can only be; features that are none are read anew.
    """
    given, count = features_of(features)
    under = {"holding_id": media.holding_id, "agency_id": media.agency_id}
    mark, made = Mark.objects.get_or_create(
        id=stable_id("released-mark", release_ref, media.id),
        defaults={
            **under, **fields_of(row), "case": media.case, "made_by_id": actor.officer_id, "made_at": timezone.now(),
            "released_by": released_by[:200],
        },
    )  # fmt: skip
    if not made:
        return False
    region = MarkRegion.objects.create(
        **under, mark=mark, media=media, polygon=outline_of(row.get("outline")), features=given, points=count
    )
    log.record(
        "mark.received", actor, holding=(mark.holding_id, mark.agency_id), subject=f"mark:{mark.id}",
        details={"case": media.case.reference, "name": mark.name, "from": released_by, "release": str(release_ref)},
    )  # fmt: skip
    outbox.post("mark.made", region_id=str(region.id), officer_id=str(actor.officer_id))
    return True


def settle_marks(exhibit_id: UUID, withdrawn_at: datetime | None) -> None:
    """Let the marks of a received exhibit say whether their release was withdrawn: then they are sought no longer.

    One that an officer withdrew stays as they left it; after a withdrawal is taken back the others are sought in what comes.
    """
    for region in MarkRegion.objects.filter(media__file__exhibit_id=exhibit_id).select_related("mark"):
        mark = region.mark
        if not mark.released_by or mark.withdrawn_by_id is not None or mark.withdrawn_at == withdrawn_at:
            continue
        mark.withdrawn_at = withdrawn_at
        mark.save(update_fields=["withdrawn_at"])

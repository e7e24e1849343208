"""Reading marks for a page: actor first, frozen pages out."""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO
from uuid import UUID

from django.db.models import Count, F, Prefetch, Q, QuerySet, Window
from django.urls import reverse

from opencets.errors import NotFound
from opencets_web.audit import log
from opencets_web.cases.queries import CaseFrame, get_frame
from opencets_web.evidence.addresses import signed
from opencets_web.marks.actions import crop, refuse_masked
from opencets_web.marks.models import Mark, MarkJudgement, MarkMatch, MarkRegion, Verdict, kinds
from opencets_web.media.models import Media
from opencets_web.media.queries import ExposureToday, Tile, exposure_today, refuse_unasked, tiles_of
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.rules import LEVELS

CROP_PX = 320
PLACES_SHOWN = 60
POINTS_SHOWN = 60
MARKS_SHOWN = 300


GREY = "data:image/gif;base64,R0lGODlhAQABAIAAAICAgAAAACwAAAAAAQABAAACAkQBADs="
"""One grey pixel (RFC 2397): a crop is too small a part for a veil of its own."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as a page shows it: its veil, and the address that gives it when asked; both empty where it is not to be shown."""

    id: UUID
    label: str
    url: str
    address: str
    veil: str
    case_reference: str
    known: bool
    width: int
    """In the units that outlines and points are drawn in: the longer side has 1,000."""
    height: int


@dataclass(frozen=True, slots=True)
class MarkLine:
    """A mark in a list."""

    id: UUID
    name: str
    kind: str
    description: str
    url: str
    crop_url: str
    medium_id: UUID
    made_by: str
    made_at: datetime
    confirmed: int
    suggested: int
    waiting: bool
    trouble: str
    withdrawn: bool
    outline: str
    veil: str = GREY
    """What stands in the place of the crop until it is asked for."""


@dataclass(frozen=True, slots=True)
class Point:
    """A matched point, the same number on both pictures, in their units."""

    number: int
    x: float
    y: float
    item_x: float
    item_y: float


@dataclass(frozen=True, slots=True)
class PlaceLine:
    """A suggested place, and what stands decided about it."""

    id: UUID
    picture: Picture
    why: str
    score: float
    points: int
    drawn: tuple[Point, ...]
    outline: str
    verdict: str
    decided: str
    reason: str
    at: datetime | None
    may_judge: bool


@dataclass(frozen=True, slots=True)
class MediaMarks:
    """A picture to mark regions on, and the marks it has."""

    frame: CaseFrame
    picture: Picture
    shown: bool
    large: bool
    is_picture: bool
    marks: tuple[MarkLine, ...]
    stands_here: tuple[MarkLine, ...]
    hints: tuple[tuple[str, str], ...]
    may_mark: bool
    exposure: ExposureToday


@dataclass(frozen=True, slots=True)
class CaseMarks:
    """The marks of a case."""

    frame: CaseFrame
    marks: tuple[MarkLine, ...]
    exposure: ExposureToday


@dataclass(frozen=True, slots=True)
class MarkPage:
    """A mark with all its places open to the actor."""

    frame: CaseFrame
    mark: MarkLine
    picture: Picture
    shown: bool
    points: int
    places: tuple[PlaceLine, ...]
    rejected: tuple[PlaceLine, ...]
    more: int
    may_change: bool
    exposure: ExposureToday


def get_media_marks(actor: Actor, media_id: UUID, *, shown: Collection[str], large: bool) -> MediaMarks:
    """A picture with the marks made on it and those of other pictures that stand on it."""
    media = door.admit(actor, Media.objects.select_related("file__exhibit", "case"), pk=media_id)
    frame = get_frame(actor, media.case.reference, "media:gallery")
    marks = door.visible(actor, Mark.objects.filter(regions__media=media))
    matches = door.visible(actor, MarkMatch.objects.filter(media=media))
    elsewhere = door.visible(actor, Mark.objects.filter(regions__matches__in=matches, withdrawn_at=None)).distinct()
    _look(actor, media, frame.reference, large=large)
    may_show = media.known_set_id is None or str(media.id) in shown
    is_picture = media.media_type.startswith("image/")
    return MediaMarks(
        frame=frame,
        picture=_picture(actor, media, tiles_of(actor, [media], shown)[media.id], large=large),
        shown=may_show,
        large=large and may_show,
        is_picture=is_picture,
        marks=_lines(actor, marks),
        stands_here=_lines(actor, elsewhere),
        hints=tuple((row["label"], row["hint"]) for row in kinds().values()),
        may_mark=is_picture and may_show and frame.may_contribute and frame.state == "open",
        exposure=exposure_today(actor),
    )


def list_case_marks(actor: Actor, reference: str) -> CaseMarks:
    """The marks of a case, newest first."""
    frame = get_frame(actor, reference, "media:gallery")
    marks = door.visible(actor, Mark.objects.filter(case_id=frame.case_id))
    log.record(
        "marks.listed",
        actor,
        holding=(frame.holding_id, frame.agency_id),
        subject=f"case:{frame.reference}",
        details={},
    )
    return CaseMarks(frame, _lines(actor, marks), exposure_today(actor))


def get_mark(actor: Actor, mark_id: UUID, *, shown: Collection[str]) -> MarkPage:
    """A mark, the picture it was marked on, and the places open to the actor: undecided first, the surest first."""
    mark = door.admit(actor, Mark.objects.select_related("case"), pk=mark_id)
    frame = get_frame(actor, mark.case.reference, "media:gallery")
    region = (
        MarkRegion.objects.select_related("media__file__exhibit", "media__case")
        .filter(mark=mark)
        .order_by("id")
        .first()
    )
    if region is None:
        raise NotFound
    rows = door.visible(actor, MarkMatch.objects.filter(region__mark=mark))
    chosen = list(
        rows.select_related("media__file__exhibit", "media__case")
        .annotate(all_places=Window(Count("id")))
        .order_by(F("likeness").desc(nulls_last=True), "-score")[:PLACES_SHOWN]
    )
    standing = _standing(actor, [match.id for match in chosen])
    levels: dict[UUID, int] = {}
    tiles = tiles_of(actor, [region.media, *(match.media for match in chosen)], shown)
    places = [
        _place(actor, match, region.media, standing.get(match.id), tiles[match.media_id], levels) for match in chosen
    ]
    log.record(
        "mark.viewed",
        actor,
        holding=(mark.holding_id, mark.agency_id),
        subject=f"mark:{mark.id}",
        details={"case": frame.reference},
    )
    kept = [place for place in places if place.verdict != Verdict.DIFFERENT]
    return MarkPage(
        frame=frame,
        mark=_lines(actor, Mark.objects.filter(pk=mark.pk))[0],
        picture=_picture(actor, region.media, tiles[region.media_id]),
        shown=region.media.known_set_id is None or str(region.media_id) in shown,
        points=region.points,
        places=tuple(sorted(kept, key=lambda place: place.verdict == Verdict.SAME)),
        rejected=tuple(place for place in places if place.verdict == Verdict.DIFFERENT),
        more=chosen[0].all_places - len(chosen) if chosen else 0,
        may_change=frame.may_contribute and frame.state == "open",
        exposure=exposure_today(actor),
    )


def open_crop(actor: Actor, mark_id: UUID, *, shown: Collection[str]) -> tuple[BinaryIO, int]:
    """The region alone, small, as a stream with its size; not logged: the page was. NotFound without the file."""
    mark = door.admit(actor, Mark.objects.all(), pk=mark_id)
    region = MarkRegion.objects.select_related("media__file__blob").filter(mark=mark).order_by("id").first()
    if region is None or region.media.file.blob_id is None:
        raise NotFound
    refuse_unasked(actor, region.media, shown)
    refuse_masked(actor, region)
    content = crop(region, CROP_PX)
    return io.BytesIO(content), len(content)


def _look(actor: Actor, media: Media, reference: str, *, large: bool) -> None:
    log.record(
        "media.viewed",
        actor,
        holding=(media.holding_id, media.agency_id),
        subject=f"media:{media.id}",
        details={"case": reference, "sha256": media.sha256, "original": large},
    )


def _picture(actor: Actor, media: Media, tile: Tile, *, large: bool = False) -> Picture:
    address = "" if tile.words else tile.thumbnail_url
    if address and large and media.file.blob_id:
        address = signed(actor, reverse("media:original", args=[media.id]))
    return Picture(
        id=media.id,
        label=media.file.name.rsplit("/", 1)[-1],
        url=reverse("marks:of-media", args=[media.id]),
        address=address,
        veil=tile.veil if address else "",
        case_reference=media.case.reference,
        known=tile.known,
        width=_frame(media)[0],
        height=_frame(media)[1],
    )


def _lines(actor: Actor, marks: QuerySet[Mark]) -> tuple[MarkLine, ...]:
    regions = Prefetch("regions", MarkRegion.objects.select_related("media"))
    chosen = marks.select_related("made_by").prefetch_related(regions)
    rows = list(chosen.order_by("withdrawn_at", "-made_at", "id")[:MARKS_SHOWN])
    found = door.visible(actor, MarkMatch.objects.filter(region__mark__in=[row.id for row in rows]))
    standing = Q(judgements__undone_at=None)
    counts = {
        mark_id: (total, same, different)
        for mark_id, total, same, different in found.values_list("region__mark").annotate(
            total=Count("id", distinct=True),
            same=Count("judgements", filter=standing & Q(judgements__verdict=Verdict.SAME), distinct=True),
            different=Count("judgements", filter=standing & Q(judgements__verdict=Verdict.DIFFERENT), distinct=True),
        )
    }
    return tuple(_line(actor, row, *counts.get(row.id, (0, 0, 0))) for row in rows)


def _line(actor: Actor, mark: Mark, total: int, same: int, different: int) -> MarkLine:
    region = mark.regions.all()[0]
    known = region.media.known_set_id is not None
    return MarkLine(
        id=mark.id,
        name=mark.name,
        kind=kinds().get(mark.kind, {}).get("label", mark.kind),
        description=mark.description,
        url=reverse("marks:show", args=[mark.id]),
        crop_url="" if known else signed(actor, reverse("marks:crop", args=[mark.id])),
        medium_id=region.media_id,
        made_by=mark.made_by.display_name,
        made_at=mark.made_at,
        confirmed=same,
        suggested=total - same - different,
        waiting=region.searched_at is None,
        trouble=region.trouble,
        withdrawn=mark.withdrawn_at is not None,
        outline=_outline(region.polygon, region.media),
    )


def _frame(media: Media) -> tuple[int, int]:
    width, height = media.width or 4, media.height or 3
    scale = 1000 / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _outline(corners: list[list[float]], media: Media) -> str:
    width, height = _frame(media)
    return " ".join(f"{width * x:.1f},{height * y:.1f}" for x, y in corners)


def _standing(actor: Actor, match_ids: list[UUID]) -> dict[UUID, MarkJudgement]:
    rows = MarkJudgement.objects.select_related("by").filter(match__in=match_ids, undone_at=None)
    return {row.match_id: row for row in door.visible(actor, rows)}


def _place(
    actor: Actor,
    match: MarkMatch,
    marked: Media,
    decided: MarkJudgement | None,
    tile: Tile,
    levels: dict[UUID, int],
) -> PlaceLine:
    for holding_id in (match.left_holding_id, match.right_holding_id):
        if holding_id not in levels:
            levels[holding_id] = door.level(actor, holding_id)
    pairs = match.pairs
    step = max(1, len(pairs) / POINTS_SHOWN)
    drawn = [pairs[int(place * step)] for place in range(min(len(pairs), POINTS_SHOWN))]
    scales = (*_frame(marked), *_frame(match.media))
    return PlaceLine(
        id=match.id,
        picture=_picture(actor, match.media, tile),
        why=why(match.points, match.maps, match.size, match.turn_degrees),
        score=match.score,
        points=match.points,
        drawn=tuple(
            Point(number, *(round(scale * part, 1) for scale, part in zip(scales, pair, strict=True)))
            for number, pair in enumerate(drawn, 1)
        ),
        outline=_outline(match.outline, match.media),
        verdict=decided.verdict if decided else "",
        decided=decided.by.display_name if decided else "",
        reason=decided.reason if decided else "",
        at=decided.at if decided else None,
        may_judge=max(levels[match.left_holding_id], levels[match.right_holding_id]) >= LEVELS["contribute"],
    )


def why(points: int, maps: int, size: float, turn_degrees: float) -> str:
    """One plain sentence: what speaks for a place."""
    turned = "upright as marked" if abs(turn_degrees) < 5 else f"turned {abs(turn_degrees):.0f}°"
    sized = "the same size" if 0.9 < size < 1.11 else f"{size:.1f} times the size"
    repeated = f", in {maps} repeats of a pattern," if maps > 1 else ""
    return f"{points} points of the region{repeated} lie here in the same arrangement, {turned}, {sized}."

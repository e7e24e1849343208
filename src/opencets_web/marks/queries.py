"""Reading marks for a page: actor first, frozen pages out."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO
from uuid import UUID

from django.db.models import Count, F, Prefetch, Q, QuerySet, Window
from django.urls import reverse

from opencets.errors import NotFound
from opencets_web.accounts.models import Officer
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
NUMBERED = 8
SECONDS_SHOWN = 12
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
    masked: int
    words: tuple[tuple[str, str], ...]
    """What stands in its place where the actor reads."""
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
    no_crop: str
    """Why the region alone is not shown; empty where it is."""
    medium_id: UUID
    made_by: str
    released_by: str
    made_at: datetime
    confirmed: int
    suggested: int
    waiting: bool
    trouble: str
    withdrawn: bool
    outline: str
    here: bool
    """It was marked on the picture whose page this is."""
    veil: str = GREY
    """What stands in the place of the crop until it is asked for."""


Point = tuple[int, float, float]
"""A matched point: its number, the same on both pictures, and where it lies in their units."""


@dataclass(frozen=True, slots=True)
class PlaceLine:
    """A suggested place, and what stands decided about it."""

    id: UUID
    picture: Picture
    why: str
    score: float
    points: int
    seconds: tuple[tuple[str, str], ...]
    """Of a video: the seconds it stands at, the surest first, each with the address that leads there."""
    more_seconds: int
    mirrored: bool
    points_marked: tuple[Point, ...]
    points_here: tuple[Point, ...]
    outline: str
    """Empty for a video: what is drawn lies in one of its frames, and the picture shown is another."""
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
    mode: str
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
    may_restore: bool
    mode: str
    exposure: ExposureToday


def get_media_marks(actor: Actor, media_id: UUID, *, shown: Collection[str], large: bool) -> MediaMarks:
    """A picture with the marks made on it and those of other pictures that stand on it."""
    media = door.admit(actor, Media.objects.select_related("file__exhibit", "case"), pk=media_id)
    frame = get_frame(actor, media.case.reference, "media:gallery")
    matches = door.visible(actor, MarkMatch.objects.filter(media=media))
    stands_here = Q(regions__matches__in=matches, withdrawn_at=None)
    marks = door.visible(actor, Mark.objects.filter(Q(regions__media=media) | stands_here)).distinct()
    lines = _lines(actor, marks, shown, here=media.id)
    _look(actor, media, frame.reference, large=large)
    may_show = media.known_set_id is None or str(media.id) in shown
    tile = tiles_of(actor, [media], shown)[media.id]
    is_picture = media.media_type.startswith("image/")
    return MediaMarks(
        frame=frame,
        picture=_picture(actor, media, tile, large=large),
        shown=may_show,
        large=large and may_show,
        is_picture=is_picture,
        marks=tuple(line for line in lines if line.here),
        stands_here=tuple(line for line in lines if not line.here),
        hints=tuple((row["label"], row["hint"]) for row in kinds().values()),
        may_mark=is_picture and may_show and frame.may_contribute and frame.state == "open",
        mode=_mode(tile),
        exposure=exposure_today(actor),
    )


def list_case_marks(actor: Actor, reference: str, *, shown: Collection[str]) -> CaseMarks:
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
    return CaseMarks(frame, _lines(actor, marks, shown), exposure_today(actor))


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
        mark=_lines(actor, Mark.objects.filter(pk=mark.pk), shown, tiles=tiles)[0],
        picture=_picture(actor, region.media, tiles[region.media_id]),
        shown=region.media.known_set_id is None or str(region.media_id) in shown,
        points=region.points,
        places=tuple(sorted(kept, key=lambda place: place.verdict == Verdict.SAME)),
        rejected=tuple(place for place in places if place.verdict == Verdict.DIFFERENT),
        more=chosen[0].all_places - len(chosen) if chosen else 0,
        may_change=frame.may_contribute and frame.state == "open",
        may_restore=mark.withdrawn_by_id is not None or not mark.released_by,
        mode=_mode(tiles[region.media_id]),
        exposure=exposure_today(actor),
    )


def list_marks(actor: Actor, reference: str, cursor: UUID | None, limit: int) -> list[dict[str, Any]]:
    """The marks of a case as plain values, the newest first; one more than ``limit`` where there are more."""
    frame = get_frame(actor, reference, "media:gallery")
    log.record(
        "marks.listed",
        actor,
        holding=(frame.holding_id, frame.agency_id),
        subject=f"case:{frame.reference}",
        details={},
    )
    rows = door.visible(actor, Mark.objects.filter(case_id=frame.case_id)).order_by("-id")
    return _plain_marks(actor, (rows.filter(pk__lt=cursor) if cursor else rows)[: limit + 1])


def list_places(actor: Actor, mark_id: UUID, limit: int) -> dict[str, Any]:
    """A mark and its places open to the actor as plain values, the surest first, and how many more there are."""
    mark = door.admit(actor, Mark.objects.select_related("case"), pk=mark_id)
    log.record(
        "mark.viewed",
        actor,
        holding=(mark.holding_id, mark.agency_id),
        subject=f"mark:{mark.id}",
        details={"case": mark.case.reference},
    )
    rows = door.visible(actor, MarkMatch.objects.filter(region__mark=mark)).select_related("media__case")
    found = list(rows.order_by(F("likeness").desc(nulls_last=True), "-score", "id")[:limit])
    standing = _standing(actor, [match.id for match in found])
    plain = ("id", "second", "also_at", "mirrored", "score", "points", "turn_degrees", "size", "outline")
    places = [
        {
            **{name: getattr(match, name) for name in plain},
            "media": match.media_id, "sha256": match.media.sha256, "case": match.media.case.reference, "why": why(match),
            "verdict": decided.verdict if decided else None, "reason": decided.reason if decided else "",
            "judged_by": decided.by.display_name if decided else "", "judged_at": decided.at if decided else None,
        }
        for match, decided in ((match, standing.get(match.id)) for match in found)
    ]  # fmt: skip
    (told,) = _plain_marks(actor, [mark])
    return {**told, "places": places, "more": rows.count() - len(found)}


def _plain_marks(actor: Actor, marks: Iterable[Mark]) -> list[dict[str, Any]]:
    rows = list(marks)
    regions: dict[UUID, MarkRegion] = {}
    of_marks = door.visible(actor, MarkRegion.objects.filter(mark__in=[row.id for row in rows]))
    for region in of_marks.defer("features").order_by("-id"):
        regions[region.mark_id] = region
    people = dict(Officer.objects.filter(pk__in={row.made_by_id for row in rows}).values_list("pk", "display_name"))
    return [
        {
            "id": row.id, "name": row.name, "kind": row.kind, "description": row.description, "made_at": row.made_at,
            "made_by": people.get(row.made_by_id, ""), "withdrawn": row.withdrawn_at is not None, "released_by": row.released_by,
            "media": regions[row.id].media_id, "polygon": regions[row.id].polygon, "features": regions[row.id].points,
            "searched_at": regions[row.id].searched_at, "trouble": regions[row.id].trouble,
        }
        for row in rows
        if row.id in regions
    ]  # fmt: skip


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
        masked=tile.masked,
        words=tile.words,
        width=_frame(media)[0],
        height=_frame(media)[1],
    )


def _lines(
    actor: Actor,
    marks: QuerySet[Mark],
    shown: Collection[str],
    *,
    here: UUID | None = None,
    tiles: Mapping[UUID, Tile] | None = None,
) -> tuple[MarkLine, ...]:
    regions = Prefetch("regions", MarkRegion.objects.select_related("media__file__exhibit", "media__case"))
    chosen = marks.select_related("made_by").prefetch_related(regions)
    rows = list(chosen.order_by(F("withdrawn_at").asc(nulls_first=True), "-made_at", "id")[:MARKS_SHOWN])
    if tiles is None:
        tiles = tiles_of(actor, [row.regions.all()[0].media for row in rows], shown)
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
    lines = []
    for row in rows:
        region = row.regions.all()[0]
        tile = tiles[region.media_id]
        lines.append(
            _line(actor, row, region, counts.get(row.id, (0, 0, 0)), _no_crop(region.media, tile, shown), here)
        )
    return tuple(lines)


def _line(
    actor: Actor, mark: Mark, region: MarkRegion, counts: tuple[int, int, int], no_crop: str, here: UUID | None
) -> MarkLine:
    total, same, different = counts
    return MarkLine(
        id=mark.id,
        name=mark.name,
        kind=kinds().get(mark.kind, {}).get("label", mark.kind),
        description=mark.description,
        url=reverse("marks:show", args=[mark.id]),
        crop_url="" if no_crop else signed(actor, reverse("marks:crop", args=[mark.id])),
        no_crop=no_crop,
        medium_id=region.media_id,
        made_by=mark.made_by.display_name,
        released_by=mark.released_by,
        made_at=mark.made_at,
        confirmed=same,
        suggested=total - same - different,
        waiting=region.searched_at is None,
        trouble=region.trouble,
        withdrawn=mark.withdrawn_at is not None,
        outline=_outline(region.polygon, region.media),
        here=here == region.media_id,
    )


def _mode(tile: Tile) -> str:
    return "text" if tile.words else "pictures"


def _no_crop(media: Media, tile: Tile, shown: Collection[str]) -> str:
    """Why the region of a picture is not shown alone: what `open_crop` would refuse; empty where it is."""
    if tile.words:
        return "Not shown: you review in words or digests."
    if tile.hidden_because:
        return tile.hidden_because
    if tile.known and str(media.id) not in shown:
        return "Not shown unasked: the file is known."
    if tile.masked:
        return "Not shown: a colleague masked parts of the picture."
    return "" if media.file.blob_id else "The file of the picture is not kept here."


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
    drawn, there = [], []
    (width, height), (other_width, other_height) = _frame(marked), _frame(match.media)
    for number, (x, y, item_x, item_y) in enumerate(_apart(match.pairs)):
        drawn.append((number + 1, round(width * x, 1), round(height * y, 1)))
        there.append((number + 1, round(other_width * item_x, 1), round(other_height * item_y, 1)))
    seconds = [] if match.second is None else [match.second, *match.also_at]
    footage = reverse("videos:of-media", args=[match.media_id])
    return PlaceLine(
        id=match.id,
        picture=_picture(actor, match.media, tile),
        why=why(match),
        score=match.score,
        points=match.points,
        seconds=tuple((_tenths(second), f"{footage}#t={second:.2f}") for second in seconds[:SECONDS_SHOWN]),
        more_seconds=max(0, len(seconds) - SECONDS_SHOWN),
        mirrored=match.mirrored,
        points_marked=tuple(drawn),
        points_here=tuple(there),
        outline="" if seconds else _outline(match.outline, match.media),
        verdict=decided.verdict if decided else "",
        decided=decided.by.display_name if decided else "",
        reason=decided.reason if decided else "",
        at=decided.at if decided else None,
        may_judge=_may_judge(actor, match, levels),
    )


def _apart(pairs: list[list[float]]) -> list[list[float]]:
    """At most `POINTS_SHOWN` of the pairs; those that are numbered come first and lie far apart, so that they can be read."""
    step = max(1, len(pairs) / POINTS_SHOWN)
    rest = [pairs[int(number * step)] for number in range(min(len(pairs), POINTS_SHOWN))]
    chosen: list[list[float]] = []
    while rest and len(chosen) < NUMBERED:
        farthest = max(rest, key=lambda pair: min((_far(pair, one) for one in chosen), default=0.0))
        chosen.append(farthest)
        rest.remove(farthest)
    return chosen + rest


def _far(pair: list[float], other: list[float]) -> float:
    return (pair[0] - other[0]) ** 2 + (pair[1] - other[1]) ** 2


def _may_judge(actor: Actor, match: MarkMatch, levels: dict[UUID, int]) -> bool:
    for holding_id in (match.left_holding_id, match.right_holding_id):
        if holding_id not in levels:
            levels[holding_id] = door.level(actor, holding_id)
        if levels[holding_id] >= LEVELS["contribute"]:
            return True
    return False


def why(match: MarkMatch) -> str:
    """One plain sentence: what speaks for a place."""
    turned = "upright as marked" if abs(match.turn_degrees) < 5 else f"turned {abs(match.turn_degrees):.0f}°"
    turned = f"mirrored, {turned}" if match.mirrored else turned
    sized = "the same size" if 0.9 < match.size < 1.11 else f"{match.size:.1f} times the size"
    repeated = f", in {match.maps} parts or repeats," if match.maps > 1 else ""
    here = "here" if match.second is None else f"in the frame at {_tenths(match.second)}"
    return f"{match.points} points of the region{repeated} lie {here} in the same arrangement, {turned}, {sized}."


def _tenths(second: float) -> str:
    minutes, rest = divmod(round(second, 1), 60)
    return f"{int(minutes)}:{rest:04.1f}"

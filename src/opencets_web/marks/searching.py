"""Seeking marks: features of every picture and key frame, and the places of each marked region, across all holdings.

One of the files that may use the blind door. What comes out are ``MarkMatch`` rows, seen only by those who may see both
sides. Two indexes stand in the home (``index/regions`` of pictures, ``index/frames`` of videos, so that the many like
frames of a video make no picture's features common), one writer at a time (the job's lock); positions without a row,
left by a crash between index and commit, are taken out at the next run. A picture of 0.3 megapixels costs 0.13 s of one
core once, and at most 42 KB in the index; a video as much for each of at most 40 key frames, and a tenth more to decode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from opencets.errors import OpenCETSError
from opencets.matching.regions import (
    Features,
    Place,
    Query,
    RegionIndex,
    extract,
    read_brightness,
    search_either,
)
from opencets.matching.regions.features import SIDE_PX, no_features
from opencets.matching.regions.folder import mark
from opencets.matching.regions.rerank import Embedding, reranked
from opencets.packing.blobs import Opening
from opencets_web.audit import log
from opencets_web.evidence.keeping import stable_id
from opencets_web.evidence.models import Exhibit
from opencets_web.evidence.pieces import PieceOpening
from opencets_web.evidence.vault import piece_opening
from opencets_web.marks.extracting import Frames, Video, take_frames
from opencets_web.marks.models import FrameSignal, MarkMatch, MarkRegion, RegionSignal
from opencets_web.media.models import Media
from opencets_web.media.queries import open_original
from opencets_web.policy import door
from opencets_web.policy.acting import acting_as
from opencets_web.policy.actor import Actor
from opencets_web.policy.blind import across_holdings
from opencets_web.ui.notify import tell

MEDIA_AT_ONCE = 100
VIDEOS_AT_ONCE = 4
"""So many bound what a batch holds (160 frames) and how long its transaction is open."""
PLACES = 200
ROUNDS = 5
"""How often frames are sought again without the videos found, whose frames may have crowded out those of others."""


@dataclass(slots=True)
class Standing:
    """Where a region stands: the picture, or the video with the second of the surest frame and those of the others."""

    media_id: UUID
    place: Place
    second: float | None = None
    also_at: list[float] = field(default_factory=list)


def index_of_regions() -> RegionIndex:
    """The index of this machine's pictures, made at first use."""
    return _index("regions")


def index_of_frames() -> RegionIndex:
    """The index of the key frames of this machine's videos, made at first use."""
    return _index("frames")


def _index(name: str) -> RegionIndex:
    folder = Path(settings.HOME) / "index" / name
    if folder.exists():
        return RegionIndex.open(folder)
    return RegionIndex.create(folder)


def extract_features(actor: Actor, exhibit_id: UUID) -> int:
    """Put an exhibit's new pictures and key frames into the indexes and seek every mark in them; how many files were new.

    Each batch is a transaction of its own, so that a stopped run goes on where it was. A file that cannot be decoded
    takes its place without features, with the reason, and is not tried again.
    """
    done = 0
    while True:
        with acting_as(actor.officer_id):
            exhibit = door.admit(actor, Exhibit.objects.all(), "contribute", pk=exhibit_id)
            pictures, videos = _waiting(exhibit)
            if not pictures and not videos:
                return done
            read = [_read(media) for media in pictures]
            frames = take_frames([Video(str(media.id), _opening(media)) for media in videos])
            with across_holdings():
                _keep_pictures(pictures, read)
                _keep_frames(videos, frames)
                _seek_all_in(pictures, [found for found, _ in read], videos, frames)
            done += len(pictures) + len(videos)


def _keep_pictures(pictures: Sequence[Media], read: Sequence[tuple[Features, str]]) -> None:
    index = index_of_regions()
    _remove_orphans(index, RegionSignal.objects.aggregate(last=Max("position"))["last"])
    positions = index.add([features for features, _ in read])
    RegionSignal.objects.bulk_create(
        RegionSignal(position=position, media_id=media.id, trouble=trouble[:200])
        for position, media, (_, trouble) in zip(positions, pictures, read, strict=True)
    )


def _keep_frames(videos: Sequence[Media], frames: dict[str, Frames]) -> None:
    if not videos:
        return
    index = index_of_frames()
    _remove_orphans(index, FrameSignal.objects.aggregate(last=Max("position"))["last"])
    rows = [
        (media.id, second, features, frames[str(media.id)].trouble)
        for media in videos
        for second, features in frames[str(media.id)].found or [(0.0, no_features())]
    ]
    positions = index.add([features for _, _, features, _ in rows])
    FrameSignal.objects.bulk_create(
        FrameSignal(position=position, media_id=media_id, second=second, trouble=trouble[:200])
        for position, (media_id, second, _, trouble) in zip(positions, rows, strict=True)
    )


def search_region(actor: Actor, region_id: UUID) -> int:
    """Seek one marked region in all pictures; how many places were found."""
    with acting_as(actor.officer_id):
        rows = MarkRegion.objects.select_related("mark__case", "media__file__blob")
        region = door.admit(actor, rows, "contribute", pk=region_id)
        region.trouble = ""
        query = None
        try:
            query = _query(region)
        except OpenCETSError as reason:
            region.trouble = str(reason)
        if query is not None:
            region.features, region.points = query.packed(), len(query)
            if not len(query):
                region.trouble = "Nothing stands out in this region: mark a larger one, or one with more detail."
        found = 0
        if query is not None and len(query):
            with across_holdings():
                found_in = [*_in_pictures(query), *_in_frames(query)]
                likenesses = _likenesses(region, [(one.media_id, one.place) for one in found_in if one.second is None])
                found = _keep(region, found_in, likenesses)
        region.searched_at = timezone.now()
        region.save(update_fields=["trouble", "features", "points", "searched_at"])
        log.record(
            "mark.searched",
            actor,
            holding=(region.holding_id, region.agency_id),
            subject=f"mark:{region.mark_id}",
            details={"case": region.mark.case.reference, "points": region.points},
        )
        tell(f"case:{region.mark.case_id}", "marks", region.mark_id)
    return found


def _query(region: MarkRegion) -> Query:
    """What a region is sought by: as it was read before, or as another agency released it, else read now."""
    if region.features is not None:
        return Query.unpacked(bytes(region.features))
    with open_original(region.media) as content:
        return mark(content, np.array(region.polygon, np.float32))


def _waiting(exhibit: Exhibit) -> tuple[list[Media], list[Media]]:
    """Pictures and videos of the exhibit that are kept and have no position yet, as many as are read at once."""
    found = []
    for kind, signals, most in (
        ("image/", RegionSignal.objects.all(), MEDIA_AT_ONCE),
        ("video/", FrameSignal.objects.all(), VIDEOS_AT_ONCE),
    ):
        rows = Media.objects.filter(file__exhibit=exhibit, media_type__startswith=kind, file__blob__isnull=False)
        with across_holdings():
            ids = list(rows.order_by("id").values_list("id", flat=True))
            known = set(signals.filter(media_id__in=ids).values_list("media_id", flat=True))
        missing = [media_id for media_id in ids if media_id not in known][:most]
        found.append(list(Media.objects.select_related("file__blob").filter(id__in=missing).order_by("id")))
    return found[0], found[1]


def _opening(media: Media) -> Opening | PieceOpening:
    assert media.file.blob is not None
    return piece_opening(media.file.blob, media.file.blob_offset, media.file.size)


def _read(media: Media) -> tuple[Features, str]:
    try:
        with open_original(media) as content:
            return extract(read_brightness(content, SIDE_PX).grey), ""
    except OpenCETSError as reason:
        return no_features(), str(reason)


def _remove_orphans(index: RegionIndex, last: int | None) -> None:
    first_orphan = 0 if last is None else last + 1
    if len(index) > first_orphan:
        index.remove(range(first_orphan, len(index)))


def _in_pictures(query: Query) -> list[Standing]:
    places = [place for place in search_either(index_of_regions(), query, at_most=PLACES) if place.reported]
    positions = [place.item for place in places]
    owners = dict(RegionSignal.objects.filter(position__in=positions).values_list("position", "media_id"))
    return [Standing(owners[place.item], place) for place in places if place.item in owners]


def _in_frames(query: Query) -> list[Standing]:
    index = index_of_frames()
    found: list[Standing] = []
    passed: list[int] = []
    for _ in range(ROUNDS):
        places = [place for place in search_either(index, query, at_most=PLACES, exclude=passed) if place.reported]
        rows = FrameSignal.objects.filter(position__in=[place.item for place in places])
        owners = {
            position: (media_id, second)
            for position, media_id, second in rows.values_list("position", "media_id", "second")
        }
        fresh = _of_videos([(*owners[place.item], place) for place in places if place.item in owners])
        if not fresh:
            break
        found += fresh
        passed += FrameSignal.objects.filter(media_id__in=[one.media_id for one in fresh]).values_list(
            "position", flat=True
        )
    return found


def _of_videos(frames: Sequence[tuple[UUID, float, Place]]) -> list[Standing]:
    """Frames, the surest first, as one line for each video."""
    found: dict[UUID, Standing] = {}
    for media_id, second, place in frames:
        if media_id in found:
            found[media_id].also_at.append(second)
        else:
            found[media_id] = Standing(media_id, place, second)
    for one in found.values():
        one.also_at.sort()
    return list(found.values())


def _seek_all_in(
    pictures: Sequence[Media], features: Sequence[Features], videos: Sequence[Media], frames: dict[str, Frames]
) -> None:
    """Every mark in use, in files that have just come in."""
    seconds = [(media.id, second) for media in videos for second, _ in frames[str(media.id)].found]
    regions = MarkRegion.objects.filter(mark__withdrawn_at=None, features__isnull=False, points__gt=0)
    regions = regions.select_related("media", "mark")
    fresh: tuple[RegionIndex, RegionIndex] | None = None
    for region in regions.iterator(chunk_size=100):
        if fresh is None:
            fresh = RegionIndex.create(), RegionIndex.create()
            fresh[0].add(features)
            fresh[1].add([found for media in videos for _, found in frames[str(media.id)].found])
        query = Query.unpacked(bytes(region.features or b""))
        still, moving = ([place for place in search_either(index, query) if place.reported] for index in fresh)
        found = [Standing(pictures[place.item].id, place) for place in still]
        if _keep(region, [*found, *_of_videos([(*seconds[place.item], place) for place in moving])]):
            tell(f"case:{region.mark.case_id}", "marks", region.mark_id)


def _likenesses(region: MarkRegion, places: list[tuple[UUID, Place]]) -> dict[UUID, float | None]:
    """How much each place looks like the region by the embedding of ``OPENCETS_REGION_MODEL``; nothing where none is named.

    A model that cannot be used is told on the mark's page and costs the order alone.
    """
    if not settings.REGION_MODEL or not places:
        return {}
    corners = np.array(region.polygon, np.float32)
    low, high = corners.min(axis=0), corners.max(axis=0)
    media = Media.objects.select_related("file__blob").in_bulk([media_id for media_id, _ in places])

    def picture_of(media_id: UUID) -> bytes:
        with open_original(media[media_id]) as content:
            return content.read()

    try:
        embedding = Embedding.open(Path(settings.REGION_MODEL))
        with open_original(region.media) as content:
            box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
            marked = read_brightness(content, SIDE_PX, box).grey
        found = reranked(embedding, marked, places, region.polygon, picture_of)
    except OpenCETSError as reason:
        region.trouble = str(reason)
        return {}
    return {media_id: likeness for media_id, _, likeness in found}


def _keep(region: MarkRegion, found: Sequence[Standing], likenesses: dict[UUID, float | None] | None = None) -> int:
    """Rows of the places, the marked picture and its identical copies left out; known ones stay as they are. How many."""
    media = Media.objects.in_bulk([one.media_id for one in found])
    now = timezone.now()
    rows = [
        MarkMatch(
            id=stable_id("mark-match", region.id, one.media_id),
            region=region,
            media_id=one.media_id,
            left_holding_id=region.holding_id,
            left_agency_id=region.agency_id,
            right_holding_id=media[one.media_id].holding_id,
            right_agency_id=media[one.media_id].agency_id,
            second=one.second,
            also_at=one.also_at,
            mirrored=one.place.mirrored,
            score=one.place.score,
            points=one.place.points,
            maps=one.place.models,
            turn_degrees=one.place.turn_degrees,
            size=one.place.size,
            likeness=(likenesses or {}).get(one.media_id),
            pairs=[list(pair) for pair in one.place.pairs],
            outline=[list(corner) for corner in one.place.carried(region.polygon)],
            found_at=now,
        )
        for one in found
        if one.media_id in media and media[one.media_id].sha256 != region.media.sha256
    ]
    MarkMatch.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)
    return len(rows)

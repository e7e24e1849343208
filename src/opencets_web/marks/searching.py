"""Seeking marks: features of every picture, and the places of each marked region, across all holdings.

One of the files that may use the blind door. What comes out are ``MarkMatch`` rows, seen only by those who may see both
sides. The index stands in the home (``index/regions``), one writer at a time (the job's lock); positions without a row,
left by a crash between index and commit, are taken out at the next run. A picture of 0.3 megapixels costs 0.13 s of one
core once, and at most 42 KB in the index.
"""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from opencets.errors import OpenCETSError
from opencets.matching.regions import Features, Place, Query, RegionIndex, extract, read_brightness
from opencets.matching.regions.features import SIDE_PX, no_features
from opencets.matching.regions.folder import mark
from opencets.matching.regions.rerank import Embedding, reranked
from opencets_web.audit import log
from opencets_web.evidence.keeping import stable_id
from opencets_web.evidence.models import Exhibit
from opencets_web.marks.models import MarkMatch, MarkRegion, RegionSignal
from opencets_web.media.models import Media
from opencets_web.media.queries import open_original
from opencets_web.policy import door
from opencets_web.policy.acting import acting_as
from opencets_web.policy.actor import Actor
from opencets_web.policy.blind import across_holdings
from opencets_web.ui.notify import tell

PICTURES_AT_ONCE = 100
PLACES = 200


def index_of_regions() -> RegionIndex:
    """The index of this machine, made at first use."""
    folder = Path(settings.HOME) / "index" / "regions"
    if folder.exists():
        return RegionIndex.open(folder)
    return RegionIndex.create(folder)


def extract_features(actor: Actor, exhibit_id: UUID) -> int:
    """Put an exhibit's new pictures into the index and seek every mark in them; how many were new.

    Each batch is a transaction of its own, so that a stopped run goes on where it was. A picture that cannot be decoded
    takes its place without features, with the reason, and is not tried again.
    """
    done = 0
    while True:
        with acting_as(actor.officer_id):
            exhibit = door.admit(actor, Exhibit.objects.all(), "contribute", pk=exhibit_id)
            batch = _waiting(exhibit)
            if not batch:
                return done
            read = [_read(media) for media in batch]
            with across_holdings():
                index = index_of_regions()
                _remove_orphans(index)
                features = [found for found, _ in read]
                positions = index.add(features)
                RegionSignal.objects.bulk_create(
                    RegionSignal(position=position, media_id=media.id, trouble=trouble[:200])
                    for position, media, (_, trouble) in zip(positions, batch, read, strict=True)
                )
                _seek_all_in(batch, features)
            done += len(batch)


def search_region(actor: Actor, region_id: UUID) -> int:
    """Seek one marked region in all pictures; how many places were found."""
    with acting_as(actor.officer_id):
        rows = MarkRegion.objects.select_related("mark__case", "media__file__blob")
        region = door.admit(actor, rows, "contribute", pk=region_id)
        region.trouble = ""
        query = None
        try:
            with open_original(region.media) as content:
                query = mark(content, np.array(region.polygon, np.float32))
        except OpenCETSError as reason:
            region.trouble = str(reason)
        if query is not None:
            region.features, region.points = query.packed(), len(query)
            if not len(query):
                region.trouble = "Nothing stands out in this region: mark a larger one, or one with more detail."
        found = 0
        if query is not None and len(query):
            with across_holdings():
                places = _places(query)
                likenesses = _likenesses(region, places)
                found = _keep(region, places, likenesses)
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


def _waiting(exhibit: Exhibit) -> list[Media]:
    """Pictures of the exhibit that are kept and have no position yet."""
    rows = Media.objects.filter(
        file__exhibit=exhibit, media_type__startswith="image/", file__blob__isnull=False
    ).order_by("id")
    with across_holdings():
        ids = list(rows.values_list("id", flat=True))
        known = set(RegionSignal.objects.filter(media_id__in=ids).values_list("media_id", flat=True))
    missing = [media_id for media_id in ids if media_id not in known][:PICTURES_AT_ONCE]
    return list(Media.objects.select_related("file__blob").filter(id__in=missing).order_by("id"))


def _read(media: Media) -> tuple[Features, str]:
    try:
        with open_original(media) as content:
            return extract(read_brightness(content, SIDE_PX).grey), ""
    except OpenCETSError as reason:
        return no_features(), str(reason)


def _remove_orphans(index: RegionIndex) -> None:
    last = RegionSignal.objects.aggregate(last=Max("position"))["last"]
    first_orphan = 0 if last is None else int(last) + 1
    if len(index) > first_orphan:
        index.remove(range(first_orphan, len(index)))


def _places(query: Query) -> list[tuple[UUID, Place]]:
    index = index_of_regions()
    places = [place for place in index.search(query, at_most=PLACES) if place.reported]
    positions = [place.item for place in places]
    owners = dict(RegionSignal.objects.filter(position__in=positions).values_list("position", "media_id"))
    return [(owners[place.item], place) for place in places if place.item in owners]


def _seek_all_in(batch: list[Media], features: list[Features]) -> None:
    """Every mark in use, in pictures that have just come in."""
    regions = MarkRegion.objects.filter(mark__withdrawn_at=None, features__isnull=False, points__gt=0)
    regions = regions.select_related("media", "mark")
    fresh: RegionIndex | None = None
    for region in regions.iterator(chunk_size=100):
        if fresh is None:
            fresh = RegionIndex.create()
            fresh.add(features)
        places = [place for place in fresh.search(Query.unpacked(bytes(region.features or b""))) if place.reported]
        if _keep(region, [(batch[place.item].id, place) for place in places]):
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


def _keep(
    region: MarkRegion, places: list[tuple[UUID, Place]], likenesses: dict[UUID, float | None] | None = None
) -> int:
    """Rows of the places, the marked picture and its identical copies left out; known ones stay as they are. How many."""
    media = Media.objects.in_bulk([media_id for media_id, _ in places])
    now = timezone.now()
    rows = [
        MarkMatch(
            id=stable_id("mark-match", region.id, media_id),
            region=region,
            media_id=media_id,
            left_holding_id=region.holding_id,
            left_agency_id=region.agency_id,
            right_holding_id=media[media_id].holding_id,
            right_agency_id=media[media_id].agency_id,
            score=place.score,
            points=place.points,
            maps=place.models,
            turn_degrees=place.turn_degrees,
            size=place.size,
            likeness=(likenesses or {}).get(media_id),
            pairs=[list(pair) for pair in place.pairs],
            outline=[list(corner) for corner in place.carried(region.polygon)],
            found_at=now,
        )
        for media_id, place in places
        if media_id in media and media[media_id].sha256 != region.media.sha256
    ]
    MarkMatch.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)
    return len(rows)

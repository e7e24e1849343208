"""Comparing videos across all holdings: shared footage of those that have a near frame.

One of the files that may use the blind door. What comes out are ``SharedFootage`` rows, seen only by those who may see both
sides. Which videos are worth comparing is known already: near-duplicates (``media.matching``) with a frame of both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from opencets.matching.intervals import Interval, Track, find_intervals
from opencets_web.audit import log, outbox
from opencets_web.evidence.keeping import stable_id
from opencets_web.evidence.models import Exhibit
from opencets_web.media.models import Frame, Media, NearDuplicate
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.blind import across_holdings
from opencets_web.ui.notify import tell
from opencets_web.videos.models import SharedFootage

MOST_PARTNERS = 200
"""Videos that one video is compared with, the nearest first: a leader that thousands carry costs no more."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A frame as the engine takes it."""

    second: float
    pdq: bytes
    quality: int
    inner: bytes | None
    inner_quality: int | None


def find_footage(actor: Actor, exhibit_id: UUID) -> int:
    """Compare an exhibit's videos with every near one; how many intervals are new. Runs as a job, as the officer.

    Again after a crash: pairs that have footage are left as they are, so nothing that was judged changes.
    """
    exhibit = door.admit(actor, Exhibit.objects.select_related("case"), "contribute", pk=exhibit_id)
    videos = Media.objects.filter(file__exhibit=exhibit, media_type__startswith="video/", matched_at__isnull=False)
    ids = list(videos.order_by("id").values_list("id", flat=True))
    found = 0
    with across_holdings():
        for media_id in ids:
            found += _compare(media_id)
    if found:
        log.record(
            "footage.found",
            actor,
            holding=(exhibit.holding_id, exhibit.agency_id),
            subject=f"exhibit:{exhibit.case.reference}/{exhibit.reference}",
            details={"videos": len(ids), "intervals": found},
        )
        outbox.post("ties.changed", case_id=str(exhibit.case_id), officer_id=str(actor.officer_id))
        tell(f"case:{exhibit.case_id}", "media", exhibit.id)
    return found


def _compare(media_id: UUID) -> int:
    near = NearDuplicate.objects.filter(Q(left=media_id) | Q(right=media_id), left_second__isnull=False)
    pairs = near.filter(right_second__isnull=False).order_by("distance", "id").values_list("left_id", "right_id")
    others = [right if left == media_id else left for left, right in pairs[:MOST_PARTNERS]]
    told = SharedFootage.objects.filter(Q(left=media_id) | Q(right=media_id)).values_list("left_id", "right_id")
    known = {side for pair in told for side in pair}
    waiting = [other for other in others if other not in known]
    if not waiting:
        return 0
    rows = {row.id: row for row in Media.objects.filter(id__in=[media_id, *waiting])}
    mine, made = _track(rows[media_id]), 0
    for other in waiting:
        (left, left_track), (right, right_track) = sorted(
            ((rows[media_id], mine), (rows[other], _track(rows[other]))), key=lambda side: side[0].id
        )
        made += _keep(left, right, find_intervals(left_track, right_track))
    return made


def _track(media: Media) -> Track:
    frames = Frame.objects.filter(media=media).order_by("second").iterator(2_000)
    return Track.of_frames(
        (
            _Seen(
                frame.second,
                bytes(frame.pdq),
                frame.quality,
                bytes(frame.inner_pdq) if frame.inner_pdq is not None else None,
                frame.inner_quality,
            )
            for frame in frames
        ),
        media.duration,
    )


def _keep(left: Media, right: Media, intervals: Iterable[Interval]) -> int:
    now = timezone.now()
    rows = [
        SharedFootage(
            id=stable_id("footage", left.id, right.id, place),
            left=left,
            right=right,
            left_holding_id=left.holding_id,
            left_agency_id=left.agency_id,
            right_holding_id=right.holding_id,
            right_agency_id=right.agency_id,
            left_begin=one.left_begin,
            left_end=one.left_end,
            right_begin=one.right_begin,
            right_end=max(one.right_begin, one.right_end),
            speed=one.speed,
            share=one.share,
            frames=one.frames,
            distance=one.distance,
            orientation=one.orientation,
            still=one.still,
            found_at=now,
        )
        for place, one in enumerate(intervals)
    ]
    SharedFootage.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)

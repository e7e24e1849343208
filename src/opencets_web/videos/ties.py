"""What videos say of the files of a case, for its series: which of them share footage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from opencets.matching.series import Given
from opencets_web.cases.models import Case
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.videos.models import FootageState, SharedFootage

CONFIRMED, SUGGESTED, WHOLE = 0.8, 0.55, 0.85
AGREE = 0.8
"""Of the frames compared, so many have to agree before footage that nobody judged ties two videos ..."""
COVERS = 0.5
"""... and so much of the longer one it has to fill: a short cut in a long film is a lead, and no series."""
COPY = 0.9


def of_case(actor: Actor, case: Case) -> Iterator[Given]:
    """Two videos of the case whose shared footage a person confirmed; or, weaker, in which most of both agrees.

    Where a person rejected an interval of the two, only a confirmed one ties them. Still pictures as films say nothing unjudged.
    """
    rows = SharedFootage.objects.filter(
        left_holding_id=case.holding_id, right_holding_id=case.holding_id, left__case=case, right__case=case
    )
    found: dict[tuple[str, str], list[SharedFootage]] = defaultdict(list)
    for row in door.visible(actor, rows).select_related("left", "right").order_by("id"):
        if row.left.sha256 != row.right.sha256:
            found[row.left.sha256, row.right.sha256].append(row)
    for (left, right), intervals in sorted(found.items()):
        if tie := _tie(left, right, intervals):
            yield tie


def _tie(left: str, right: str, intervals: Sequence[SharedFootage]) -> Given | None:
    confirmed = [row for row in intervals if row.state == FootageState.CONFIRMED]
    if confirmed:
        seconds = sum(row.left_end - row.left_begin for row in confirmed)
        return Given(
            left, right, "footage", f"They share {seconds:.0f} s of footage, as a person confirmed.", CONFIRMED
        )
    if any(row.state == FootageState.REJECTED for row in intervals):
        return None
    best = max(intervals, key=lambda row: (_covered(row), row.share, row.id))
    covered, agree = _covered(best), f"{best.share:.0%} of the frames compared agree"
    if best.still or best.share < AGREE or covered < COVERS:
        return None
    if covered >= COPY and best.share >= COPY:
        return Given(left, right, "near", f"They are one film from beginning to end: {agree}.", WHOLE)
    seconds = best.left_end - best.left_begin
    return Given(left, right, "footage", f"They seem to share {seconds:.0f} s of footage: {agree}.", SUGGESTED)


def _covered(row: SharedFootage) -> float:
    """Which share of the longer video the interval fills; 0 where its length is not known."""
    if not row.left.duration or not row.right.duration:
        return 0
    return min(
        (row.left_end - row.left_begin) / row.left.duration, (row.right_end - row.right_begin) / row.right.duration
    )

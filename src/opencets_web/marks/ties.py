"""What marks say of the files of a case, for its series: one place or thing that people confirmed in several of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from uuid import UUID

from opencets.matching.series import Shared
from opencets_web.cases.models import Case
from opencets_web.marks.models import Mark, MarkJudgement, MarkRegion, Verdict, kinds
from opencets_web.policy import door
from opencets_web.policy.actor import Actor

CONFIRMED = 0.7


def of_case(actor: Actor, case: Case) -> Iterator[Shared]:
    """Each mark of the case in use, with the file it was marked on and those in which a person confirmed it.

    What is only suggested, rejected or taken back says nothing; nor does a mark of another case, or a place in one.
    """
    under = {"holding_id": case.holding_id, "case": case}
    marks = {row.id: row for row in door.visible(actor, Mark.objects.filter(**under, withdrawn_at=None))}
    files: dict[UUID, set[str]] = defaultdict(set)
    regions = MarkRegion.objects.filter(mark__in=marks, media__case=case, media__holding_id=case.holding_id)
    for mark_id, digest in door.visible(actor, regions).values_list("mark_id", "media__sha256"):
        files[mark_id].add(digest)
    standing = MarkJudgement.objects.filter(
        verdict=Verdict.SAME, undone_at=None, left_holding_id=case.holding_id, right_holding_id=case.holding_id,
        match__region__mark__in=marks, match__media__case=case,
    )  # fmt: skip
    confirmed = door.visible(actor, standing).values_list("match__region__mark_id", "match__media__sha256")
    for mark_id, digest in confirmed:
        files[mark_id].add(digest)
    for mark_id, digests in sorted(files.items()):
        mark = marks[mark_id]
        label = kinds().get(mark.kind, {}).get("label", mark.kind).lower()
        if len(digests) > 1:
            yield Shared("mark", f"“{mark.name}” ({label}), as people confirmed", frozenset(digests), CONFIRMED)

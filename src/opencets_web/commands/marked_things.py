"""The demonstration's marks: a quilt sought in the pictures of two agencies, and a wall of the same room."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from opencets.errors import ActRefused

if TYPE_CHECKING:
    from pathlib import Path

    from opencets_web.policy.actor import Actor

WALL = [[0.02, 0.02], [0.62, 0.02], [0.62, 0.26], [0.02, 0.26]]


def receive_things(actor: Actor, reference: str, name: str, folder: Path) -> None:
    """The pictures of the ``tablet`` or the ``laptop`` into a case, early, so that they are searched before the others are."""
    from opencets.rehearsal.marked import write_things
    from opencets_web.evidence.actions import receive_path
    from opencets_web.evidence.models import Exhibit
    from opencets_web.policy.acting import acting_as

    title = f"The {name} from the shelf"
    with acting_as(actor.officer_id):
        received = Exhibit.objects.filter(case__reference=reference, title=title).exists()
    if not received:
        if not (folder / name).exists():
            write_things(folder)
        receive_path(actor, reference, folder / name, title=title)


def mark_things(actor: Actor, reference: str, seconds: float = 60.0) -> None:
    """Two marks on a picture of the tablet, some of the places judged, some waiting.

    What stands already is left; what is not found within ``seconds`` is found while it is being served, and waits.
    """
    from opencets.rehearsal.marked import MARKED, OUTLINE
    from opencets_web.marks.actions import judge, mark_region
    from opencets_web.marks.models import Mark, MarkJudgement, MarkMatch
    from opencets_web.media.models import Media
    from opencets_web.policy.acting import acting_as

    with acting_as(actor.officer_id), suppress(ActRefused):
        marked = Media.objects.filter(case__reference=reference, file__name__endswith=MARKED).first()
        if marked is None:
            return
        if not Mark.objects.filter(case__reference=reference).exists():
            told = "Patches of printed cloth, six by six. Seen on a bed and on a floor."
            mark_region(actor, marked.id, OUTLINE, name="Patchwork quilt", kind="textile", description=told)
            mark_region(actor, marked.id, WALL, name="Wall of the room with the quilt", kind="wallpaper")
    places, end = 0, time.monotonic() + seconds
    while places < 4 and time.monotonic() < end:
        time.sleep(0.5)
        with acting_as(actor.officer_id):
            places = MarkMatch.objects.filter(region__media=marked).count()
    with acting_as(actor.officer_id), suppress(ActRefused):
        if MarkJudgement.objects.filter(match__region__media=marked).exists():
            return
        for name in ("PIC_0002.jpg", "PIC_0005.jpg"):
            match = MarkMatch.objects.filter(region__media=marked, media__file__name__endswith=name).first()
            if match is not None:
                judge(actor, match.id, "same", "The patch with the torn corner is the same on both.")

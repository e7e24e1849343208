"""Reading the visible text of a case's pictures, a few at a time; each step safe to repeat.

A distinct file is read once for each version of the recogniser; where the officer may see it read in another case, those words are
taken over. A picture that cannot be read keeps the reason and is not tried again by the same version. The words are read outside
any transaction, since that takes seconds.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from opencets.recognising import ReadText, language_of, terms_of
from opencets_web.audit import log, outbox
from opencets_web.cases.models import Case
from opencets_web.evidence.models import Exhibit
from opencets_web.evidence.vault import piece_opening
from opencets_web.media.models import Media
from opencets_web.policy import door
from opencets_web.policy.acting import acting_as
from opencets_web.policy.actor import Actor
from opencets_web.texts.extracting import Picture, Trouble, read_words
from opencets_web.texts.models import TextOrder, VisibleText
from opencets_web.texts.standing import standing
from opencets_web.ui.notify import tell

AT_ONCE = 12
"""Pictures between two transactions: what a killed worker loses."""
SLICE_SECONDS = 30.0
"""After so long a run ends and posts the next, so that other work of the queue has its turn."""
LONGEST_TEXT = 20_000


def waiting(rows: QuerySet[Media], version: str) -> QuerySet[Media]:
    """Of these media, those that can be read and were not by this version."""
    read = VisibleText.objects.filter(
        holding_id=OuterRef("holding_id"), sha256=OuterRef("sha256"), recogniser=version, retired_at=None
    )
    return readable(rows).filter(~Exists(read))


def readable(rows: QuerySet[Media]) -> QuerySet[Media]:
    """Of these media, pictures and videos that are kept."""
    seen = Q(media_type__startswith="image/") | Q(media_type__startswith="video/")
    return rows.filter(seen, file__blob__isnull=False)


def follow_exhibit(actor: Actor, exhibit_id: UUID) -> bool:
    """Post the reading of the exhibit's case where all pictures are read, or those of this case; whether it was posted."""
    ready = standing()
    if not ready.reads:
        return False
    with acting_as(actor.officer_id):
        exhibit = door.admit(actor, Exhibit.objects.all(), "contribute", pk=exhibit_id)
        ordered = door.visible(actor, TextOrder.objects.filter(case_id=exhibit.case_id, ended_at=None))
        if not ready.reads_all and not ordered.exists():
            return False
        outbox.post("text.asked", case_id=str(exhibit.case_id), officer_id=str(actor.officer_id))
    return True


def read_case(actor: Actor, case_id: UUID) -> int:
    """Read pictures of a case for half a minute, and post the rest; how many distinct files were read."""
    ready = standing()
    if not ready.reads:
        return 0
    done, begun = 0, time.monotonic()
    while True:
        with acting_as(actor.officer_id):
            case = door.admit(actor, Case.objects.all(), "contribute", pk=case_id)
            ordered = door.visible(actor, TextOrder.objects.filter(case=case, ended_at=None))
            if not ready.reads_all and not ordered.exists():
                return done
            mine = door.visible(actor, Media.objects.filter(case=case))
            batch = _batch(mine, ready.version)
            known = _known(actor, batch, ready.version)
            pictures = [picture for media in batch if media.sha256 not in known and (picture := _picture(media))]
        if not batch:
            return done
        found = dict(read_words(pictures))
        with acting_as(actor.officer_id):
            _keep(actor, case, batch, found, known, ready.version)
            done += len(batch)
            if time.monotonic() - begun > SLICE_SECONDS:
                outbox.post("text.asked", case_id=str(case_id), officer_id=str(actor.officer_id))
                return done


def _batch(rows: QuerySet[Media], version: str) -> list[Media]:
    distinct = waiting(rows, version).order_by("sha256", "id").distinct("sha256")
    return list(distinct.select_related("file__blob")[:AT_ONCE])


def _known(actor: Actor, batch: Sequence[Media], version: str) -> dict[str, VisibleText]:
    """What the same version read of the same files in other cases that the officer may see."""
    rows = VisibleText.objects.filter(
        sha256__in=[media.sha256 for media in batch], recogniser=version, retired_at=None, trouble=""
    )
    return {row.sha256: row for row in door.visible(actor, rows)}


def _picture(media: Media) -> Picture | None:
    if media.file.blob is None:
        return None
    opening = piece_opening(media.file.blob, media.file.blob_offset, media.file.size)
    return Picture(str(media.id), opening, media.media_type, settings.TEXT_RECOGNISER, settings.TEXT_LANGUAGES)


def _keep(
    actor: Actor,
    case: Case,
    batch: Sequence[Media],
    found: Mapping[str, ReadText | Trouble],
    known: Mapping[str, VisibleText],
    version: str,
) -> None:
    now = timezone.now()
    rows = []
    for media in batch:
        row = VisibleText(
            holding_id=media.holding_id, agency_id=media.agency_id, case=case, sha256=media.sha256, recogniser=version,
            read_at=now, read_for_id=actor.officer_id,
        )  # fmt: skip
        before, read = known.get(media.sha256), found.get(str(media.id))
        if before is not None:
            for name in ("words", "text", "terms", "turn", "language", "probability", "script"):
                setattr(row, name, getattr(before, name))
        elif isinstance(read, ReadText):
            _fill(row, read)
        else:
            row.trouble = (
                read.sentence if read is not None else "The file gave no answer; it is tried by another version."
            )
        rows.append(row)
    former = VisibleText.objects.filter(
        holding_id__in={row.holding_id for row in rows}, sha256__in=[row.sha256 for row in rows], retired_at=None
    )
    former.exclude(recogniser=version).update(retired_at=now)
    VisibleText.objects.bulk_create(rows, ignore_conflicts=True)
    log.record(
        "text.read",
        actor,
        holding=(case.holding_id, case.agency_id),
        subject=f"case:{case.reference}",
        details={
            "recogniser": version,
            "files": len(rows),
            "with text": sum(bool(row.text) for row in rows),
            "not read": sum(bool(row.trouble) for row in rows),
        },
    )
    tell(f"case:{case.id}", "texts", case.id)


def _fill(row: VisibleText, read: ReadText) -> None:
    row.words = [
        [word.text, word.confidence, word.left, word.top, word.width, word.height, word.line, word.second]
        for word in read.words
    ]
    row.text = read.text[:LONGEST_TEXT]
    row.terms = terms_of(row.text)
    row.turn = read.turn
    told = language_of(row.text)
    row.language, row.probability, row.script = told.code, told.probability, told.script

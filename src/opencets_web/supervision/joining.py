"""What reviewed hits name goes into the person's file as an exhibit, so that it meets other cases as any evidence does.

Only of hits that an officer judged as to be watched or as a breach: accounts, addresses, files. It is read like any other table,
each record with its place, and stands under the file's own Holding; who may not see the file learns that somebody has it, no more.
"""

from __future__ import annotations

import csv
import logging
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from opencets.errors import NotFound, OpenCETSError
from opencets_web.audit import log
from opencets_web.evidence.actions import receive_path
from opencets_web.policy.acting import acting_as
from opencets_web.policy.actor import Actor
from opencets_web.policy.officers import actor_for
from opencets_web.supervision.by_rule import files_to_join
from opencets_web.supervision.models import Hit, HitState, SupervisedPerson, Verdict

COLUMNS = ("Date", "Message", "Account", "URL", "File name", "SHA-256", "MD5", "Program", "Conversation", "Hit")
_log = logging.getLogger("opencets.supervision")


def join_all() -> int:
    """Of each file that has anything new; how many hits. One that cannot be joined now is tried again the next night."""
    joined = 0
    for reference, officer_id in files_to_join():
        try:
            joined += join_hits(actor_for(officer_id), reference)
        except NotFound:
            continue
        except OpenCETSError:
            _log.exception("What the hits of a file name could not be put into it; it is tried again.")
    return joined


def join_hits(actor: Actor, reference: str) -> int:
    """Put what a person's judged hits name into the file, once; how many hits."""
    with acting_as(actor.officer_id):
        person = SupervisedPerson.objects.select_related("case").get(reference=reference)
        hits = list(to_join().filter(person=person).order_by("at")[:5_000])
        if not hits:
            return 0
        with tempfile.TemporaryDirectory(prefix="hits-", dir=_scratch()) as scratch:
            folder = Path(scratch) / f"hits-{timezone.now():%Y-%m-%d}"
            folder.mkdir()
            with (folder / "hits.csv").open("w", encoding="utf-8", newline="") as stream:
                writer = csv.writer(stream)
                writer.writerow(COLUMNS)
                writer.writerows(_row(hit) for hit in hits)
            exhibit_id, _ = receive_path(actor, reference, folder, title=f"What hits name, {timezone.now():%Y-%m-%d}")
        Hit.objects.filter(pk__in=[hit.pk for hit in hits]).update(joined_at=timezone.now())
        log.record(
            "hits.joined", actor, holding=(person.holding_id, person.agency_id), subject=f"supervised:{reference}",
            details={"hits": len(hits), "exhibit": str(exhibit_id)},
        )  # fmt: skip
    return len(hits)


def to_join() -> Any:
    """Hits that an officer judged as meant, and that are in no exhibit yet."""
    return Hit.objects.filter(
        joined_at=None, deleted_at=None, state=HitState.DONE, verdict__in=(Verdict.WATCH, Verdict.BREACH)
    )


def _scratch() -> Path:
    folder = Path(settings.HOME) / "run"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _row(hit: Hit) -> tuple[object, ...]:
    said, file = hit.said, hit.said.get("file") or {}
    text = f"{said.get('before', '')}{said.get('match', '')}{said.get('after', '')}"
    return (
        hit.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), text, said.get("window", ""), said.get("address", ""),
        file.get("name", ""), file.get("sha256", ""), file.get("md5", ""), hit.program, hit.conversation, str(hit.id),
    )  # fmt: skip

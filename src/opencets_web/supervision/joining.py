"""What reviewed hits name goes into the person's file as an exhibit, so that it meets other cases as any evidence does.

Only of hits that an officer judged as to be watched or as a breach: accounts, addresses, files. It is read like any other table,
each record with its place, and stands under the file's own Holding; who may not see the file learns that somebody has it, no more.
"""

from __future__ import annotations

import csv
import logging
import tempfile
from collections.abc import Sequence
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

MESSAGES = ("Date", "Message", "Window", "URL", "Program", "Conversation", "Hit")
FILES = ("File name", "Size", "SHA-256", "MD5", "Date", "Program", "Hit")
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
            _write(folder / "messages.csv", MESSAGES, [_message(hit) for hit in hits if not hit.said.get("file")])
            _write(folder / "files.csv", FILES, [_file(hit) for hit in hits if hit.said.get("file")])
            exhibit_id, _ = receive_path(actor, reference, folder, title=f"What hits name, {timezone.now():%Y-%m-%d}")
        Hit.objects.filter(pk__in=[hit.pk for hit in hits]).update(joined_at=timezone.now())
        log.record(
            "hits.joined", actor, holding=(person.holding_id, person.agency_id), subject=f"supervised:{reference}",
            details={"hits": len(hits), "exhibit": str(exhibit_id)},
        )  # fmt: skip
    return len(hits)


def to_join() -> Any:
    """Hits that an officer judged as meant, and that are in no exhibit yet; drives and accounts name nothing that others know."""
    rows = Hit.objects.exclude(collector__in=("drive", "account"))
    return rows.filter(
        joined_at=None, deleted_at=None, state=HitState.DONE, verdict__in=(Verdict.WATCH, Verdict.BREACH)
    )


def _scratch() -> Path:
    folder = Path(settings.HOME) / "run"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _write(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    if rows:
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows((columns, *rows))


def _at(hit: Hit) -> str:
    return hit.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(hit: Hit) -> tuple[object, ...]:
    said = hit.said
    text = f"{said.get('before', '')}{said.get('match', '')}{said.get('after', '')}"
    return _at(hit), text, said.get("window", ""), said.get("address", ""), hit.program, hit.conversation, str(hit.id)


def _file(hit: Hit) -> tuple[object, ...]:
    file = hit.said["file"]
    return file.get("name"), file.get("size"), file.get("sha256"), file.get("md5"), _at(hit), hit.program, str(hit.id)

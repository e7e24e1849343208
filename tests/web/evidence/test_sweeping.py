"""What dead writers and given-up uploads leave on the disk goes, and nothing that somebody may still go on with."""

from __future__ import annotations

import os
import time
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from opencets_web.evidence import actions, jobs
from opencets_web.evidence.models import Exhibit, ExhibitState
from opencets_web.evidence.vault import store
from opencets_web.policy.actor import Actor
from tests.web.evidence.room import REFERENCE, Room

DAY = 86_400


def aged(path: Path, days: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"sealed")
    os.utime(path, (time.time() - days * DAY,) * 2)
    return path


def upload(room: Room, actor: Actor, name: str, state: str, days: float) -> Path:
    """An unfinished upload whose staged file was last written so many days ago, in an exhibit of that state."""
    with room.web(actor):
        exhibit_id = actions.begin_exhibit(actor, REFERENCE, title=name, files_expected=1)
        actions.begin_upload(actor, exhibit_id, path=name, length=9, blob_path=name, wrapped_key=b"k" * 40)
    Exhibit.objects.filter(pk=exhibit_id).update(state=state, begun_at=timezone.now())
    return aged(Path(settings.HOME) / "blobs" / "uploads" / name, days)


def test_half_written_blobs_of_a_day_ago_go_and_those_being_written_stay(room: Room) -> None:
    old, fresh = aged(store().staged_path("a" * 32), 1.1), aged(store().staged_path("b" * 32), 0.9)
    with room.job(None):  # type: ignore[attr-defined]
        jobs.remove_left_behind()
        jobs.remove_left_behind()
    assert (old.exists(), fresh.exists()) == (False, True)


def test_uploads_nobody_goes_on_with_go_and_those_that_may_resume_stay(room: Room) -> None:
    owner = room.cast.owner
    complete = upload(room, owner, "complete", ExhibitState.READ, 8)
    cancelled = upload(room, owner, "cancelled", ExhibitState.CANCELLED, 8)
    receiving = upload(room, owner, "receiving", ExhibitState.RECEIVING, 8)
    recent = upload(room, owner, "recent", ExhibitState.CANCELLED, 6)
    nobodys = aged(complete.with_name("nobodys"), 8)
    with room.job(None):  # type: ignore[attr-defined]
        jobs.remove_left_behind()
    left = [path.name for path in (complete, cancelled, receiving, recent, nobodys) if path.exists()]
    assert left == ["receiving", "recent", "nobodys"]


def test_the_pipeline_sweeps_once_a_day_on_the_queue_of_readers() -> None:
    from procrastinate.contrib.django import app

    assert app.tasks["remove_left_behind"].queue == "reading"
    crons = {task.task.name: task.cron for task in app.periodic_registry.periodic_tasks.values()}
    assert crons["remove_left_behind"].split()[2:] == ["*", "*", "*"]

"""Jobs of dead workers are taken up, also where the same work waits already: a lock that nobody lets go stops everybody."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync

pytestmark = pytest.mark.django_db

SUBJECT = '{"exhibit_id": "1", "officer_id": "2"}'


def left_by_a_dead_worker(task: str, lock: str, coalesce: str) -> int:
    """A job under way whose worker gave its last sign of life long ago."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "insert into procrastinate_workers (last_heartbeat) values (now() - interval '10 minutes') returning id"
        )
        worker = cursor.fetchone()[0]
        cursor.execute(
            "insert into procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args, status, worker_id)"
            " values ('linking', %s, %s, %s, %s, 'doing', %s) returning id",
            [task, lock, coalesce, SUBJECT, worker],
        )
        return int(cursor.fetchone()[0])


def waiting(task: str, lock: str, coalesce: str) -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "insert into procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args)"
            " values ('linking', %s, %s, %s, %s) returning id",
            [task, lock, coalesce, SUBJECT],
        )
        return int(cursor.fetchone()[0])


def states() -> dict[int, str]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("select id, status from procrastinate_jobs")
        return dict(cursor.fetchall())


def test_a_job_whose_work_waits_already_lets_its_lock_go_and_the_others_are_taken_up() -> None:
    from procrastinate.contrib.django import app

    from opencets_web.pipeline import take_up

    doubled = left_by_a_dead_worker("match_media", "connecting", "match-1")
    twin = waiting("match_media", "connecting", "match-1")
    single = left_by_a_dead_worker("read_exhibit", "exhibit-1", "read-1")
    async_to_sync(take_up)(app)
    assert states() == {doubled: "aborted", twin: "todo", single: "todo"}


def test_a_failed_job_leaves_its_next_try_to_the_one_that_waits() -> None:
    from procrastinate.contrib.django import app

    from opencets.errors import NotFound

    subject = {"exhibit_id": "1", "officer_id": "00000000-0000-0000-0000-000000000000"}
    task = app.tasks["match_media"]
    with pytest.raises(NotFound):
        task(**subject)
    twin = waiting("match_media", "connecting", "match-1")
    assert task(**subject) is None
    assert states() == {twin: "todo"}

"""Later work, posted inside the transaction of the change: change, log line and follow-up commit together or not at all.

What follows an event is written in ``opencets_web.pipeline``, on one screen; a room only posts the event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction


@dataclass(frozen=True, slots=True)
class Follow:
    """One job that follows an event: its name, its queue, and under which lock it waits for others of its kind.

    ``coalesce``: a second post while one still waits adds nothing (the waiting one will see the change).
    """

    job: str
    queue: str
    lock: str = ""
    coalesce: str = ""
    priority: int = 0


_follows: dict[str, tuple[Follow, ...]] = {}


def route(table: dict[str, tuple[Follow, ...]]) -> None:
    """Take the table of the pipeline; called once, when the program starts."""
    _follows.clear()
    _follows.update(table)


def post(event: str, **subject: Any) -> None:
    """Defer the jobs that follow ``event``; KeyError for an event that the pipeline lacks, RuntimeError outside a transaction.

    ``subject``: JSON values only, passed to every job; formatted into lock and coalesce names.
    """
    from procrastinate.contrib.django import app
    from procrastinate.exceptions import AlreadyEnqueued

    if not connection.in_atomic_block:
        raise RuntimeError(f"{event} is posted outside of the transaction of the change.")
    for follow in _follows[event]:
        task = app.configure_task(
            follow.job,
            queue=follow.queue,
            priority=follow.priority,
            lock=follow.lock.format(**subject) or None,
            queueing_lock=follow.coalesce.format(**subject) or None,
        )
        if follow.coalesce and _waits(follow.coalesce.format(**subject)):
            continue
        try:
            with transaction.atomic():
                task.defer(**subject)
        except AlreadyEnqueued:
            continue


def waits(job: str, subject: dict[str, Any]) -> bool:
    """Whether another run of a coalesced job waits for the same subject; never for a job that is not coalesced."""
    follows = (follow for some in _follows.values() for follow in some if follow.job == job and follow.coalesce)
    return any(_waits(follow.coalesce.format(**subject)) for follow in follows)


def _waits(queueing_lock: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "select 1 from procrastinate_jobs where queueing_lock = %s and status = 'todo' limit 1", [queueing_lock]
        )
        return cursor.fetchone() is not None

"""Later work of web push; each calls one action."""

from __future__ import annotations

from uuid import UUID

from opencets_web.policy.acting import acting_as
from opencets_web.push import sending


def push_notices() -> None:
    """Send the links that wait, each in a transaction of its own; a service that is not reached is left alone until next time."""
    with acting_as(None):
        sending.end_of_officers()
        waiting = sending.waiting()
    lost: set[str] = set()
    for due in waiting:
        if due.service not in lost:
            with acting_as(None):
                went = sending.push(due)
            if went is None:
                lost.add(due.service)


def end_pushes(officer_id: str, sessions: list[str]) -> None:
    """The browsers of sessions that an officer signed out of are told nothing more."""
    with acting_as(None):
        sending.end_of_session(UUID(officer_id), sessions)

"""Later work of the standards room; each calls one action."""

from __future__ import annotations

from opencets_web.policy.acting import acting_as
from opencets_web.standards import mailing, overdue


def tell_overdue() -> None:
    """Tell of every deadline that became overdue or stayed so, some hundred in a transaction."""
    while True:
        with acting_as(None):
            if overdue.tell_overdue() < overdue.MOST:
                return


def mail_notices() -> None:
    """Mail the links that wait, each in a transaction of its own."""
    with acting_as(None):
        waiting = mailing.waiting()
    for notice_id in waiting:
        with acting_as(None):
            mailing.mail_notice(notice_id)

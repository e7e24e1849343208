"""The blind door: matching compares across all holdings, and what it learns leaves only as pointers and two-sided rows.

Used by jobs only: the web role is not a member of ``opencets_blind``. The files that may import this module are listed in
``tests/house/test_blind_door.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def across_holdings() -> Iterator[None]:
    """Inside, the database shows every holding's rows; needs an open transaction and the jobs role."""
    if not connection.in_atomic_block:
        raise RuntimeError("The blind door opens inside a transaction only.")
    with connection.cursor() as cursor:
        cursor.execute("select current_setting('role'); set local role opencets_blind")
        before = cursor.fetchone()[0]
    try:
        yield
    finally:
        if not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute("select set_config('role', %s, true)", [before])

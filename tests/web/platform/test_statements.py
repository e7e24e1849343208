"""Statements asked for each record: several in one go, kept prepared, with Django's errors."""

from __future__ import annotations

from types import SimpleNamespace
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction

from opencets_web.accounts import statements
from opencets_web.accounts.statements import Statement, ask

pytestmark = pytest.mark.django_db
ONE, OTHER = UUID(int=1), UUID(int=2)


def test_the_rows_of_each_come_in_order_with_their_types() -> None:
    lists = Statement(
        "select a, b, c from unnest(%s::uuid[], %s::bytea[], %s::bigint[]) n(a, b, c)",
        [[ONE, OTHER], [b"\x00\xff", b""], [-(2**63), 2**63 - 1]],
    )
    assert ask(lists, Statement("select %(word)s::text, %(none)s::uuid", {"word": "tree", "none": None})) == [
        [(ONE, b"\x00\xff", -(2**63)), (OTHER, b"", 2**63 - 1)],
        [("tree", None)],
    ]
    assert ask(Statement("select 1 where false")) == [[]]


def test_a_statement_is_kept_prepared() -> None:
    assert [ask(Statement("select %s::int + 41", [number])) for number in (1, 2)] == [[[(42,)]], [[(43,)]]]
    with connection.cursor() as cursor:
        cursor.execute("select statement from pg_prepared_statements where statement like %s", ["%+ 41"])
        assert cursor.fetchall() == [("select $1::int + 41",)]
    # Nothing of what Django asks is counted: its texts hold the values.
    kept = connection.connection._prepared
    assert not [key for key in (*kept._counts, *kept._names) if b"pg_prepared_statements" in key[0]]
    assert connection.connection.prepare_threshold is None


def test_what_is_written_before_an_error_in_the_same_message_is_taken_back() -> None:
    with connection.cursor() as cursor:
        cursor.execute("create temp table counted (number int primary key)")
    add = "insert into counted select %s::int returning number"
    with pytest.raises(IntegrityError), transaction.atomic():
        ask(Statement(add, [1]), Statement(add, [1]), Statement(add, [2]))
    assert ask(Statement("select count(*) from counted")) == [[(0,)]]
    assert ask(Statement(add, [1])) == [[(1,)]]


def test_outside_of_a_transaction_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "connection", SimpleNamespace(in_atomic_block=False))
    with pytest.raises(RuntimeError, match="inside a transaction"):
        ask(Statement("select 1"))

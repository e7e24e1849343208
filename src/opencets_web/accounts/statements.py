"""Statements that are asked for every record that comes: kept prepared on their connection, several sent in one go.

Django writes the parameters into each statement, so the database plans it anew each time, and bytes cross as text of twice
their length. Here the plan is kept, and parameters and answers cross in binary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import connection

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL and its parameters; what the database cannot infer of their types is cast in it.

    A plan is kept for whatever parameters come: SQL is written such that one plan is good for all. What joins the table of
    places with the records of an exhibit is planned for the usual exhibit of fifty thousand, and slow for one of one record.
    """

    sql: str
    parameters: Sequence[Any] | Mapping[str, Any] = ()


def ask(*statements: Statement) -> list[Rows]:
    """The rows of each statement, in order; one that writes says what it returns.

    Inside a transaction (RuntimeError outside of one). Raises what Django's own cursor raises.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("Prepared statements are asked inside a transaction only.")
    connection.validate_no_broken_transaction()
    raw = connection.connection
    try:
        # Only while these are asked: it would count Django's own statements too, and keep their texts, values and all.
        raw.prepare_threshold = 0
        with connection.wrap_database_errors:
            if len(statements) == 1:
                return [_sent(raw, statements[0]).fetchall()]
            with raw.pipeline():
                return [cursor.fetchall() for cursor in [_sent(raw, statement) for statement in statements]]
    finally:
        raw.prepare_threshold = None


def _sent(raw: psycopg.Connection[Any], asked: Statement) -> psycopg.Cursor[Any]:
    return psycopg.Cursor(raw).execute(asked.sql, asked.parameters, prepare=True, binary=True)

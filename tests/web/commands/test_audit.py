"""``opencets audit``: a changed act is named, here and offline, by whoever has the file."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from opencets_web.audit.tree import Frontier, leaf_hash
from opencets_web.commands.audit import FIELDS, lines_of_log, verify_lines


def lines(acts: int = 5, checkpoints: tuple[int, ...] = (2, 5)) -> list[dict[str, Any]]:
    """A log as an export has it."""
    written: list[dict[str, Any]] = [{"line": "header", "format": "opencets-audit-1"}]
    frontier, roots, rows, seals = Frontier(), [], [], []
    for number in range(1, acts + 1):
        act: dict[str, Any] = dict.fromkeys(FIELDS, "")
        act |= {"line": "act", "id": number, "verb": "case.viewed", "details": "{}", "written_in": 700 + number}
        leaf = leaf_hash("\x1f".join(str(act[name]) for name in FIELDS).encode())
        rows.append(act | {"leaf": leaf.hex()})
        seals.append({"line": "seal", "leaf_number": number - 1, "act_id": number})
        frontier.append(leaf)
        if frontier.size in checkpoints:
            roots.append({"line": "checkpoint", "size": frontier.size, "root": frontier.root().hex()})
    return [*written, *roots, *rows, *seals]


def test_a_whole_log_is_as_written() -> None:
    finding = verify_lines(iter(lines()))
    assert (finding.bad, finding.acts, finding.sealed) == ("", 5, 5)


def changed(log: list[dict[str, Any]], number: int, **to: object) -> list[dict[str, Any]]:
    """The log with one act changed."""
    return [line | to if line.get("line") == "act" and line["id"] == number else line for line in log]


def rehashed(log: list[dict[str, Any]], number: int) -> list[dict[str, Any]]:
    """The log with one act changed and its leaf computed again, as a careful forger would."""
    forged = changed(log, number, verb="desk.viewed")
    act = next(line for line in forged if line.get("line") == "act" and line["id"] == number)
    leaf = sha256(b"\x00" + "\x1f".join(str(act[name]) for name in FIELDS).encode()).hexdigest()
    return changed(forged, number, leaf=leaf)


@pytest.mark.parametrize(
    ("log", "told"),
    [
        (changed(lines(), 3, verb="desk.viewed"), "Act 3 is not as it was written"),
        (rehashed(lines(), 4), "Act 5 or one sealed shortly before it (leaves 2 to 4)"),
        (
            [line for line in lines() if not (line["line"] == "act" and line["id"] == 2)],
            "Act 2 was sealed as leaf 1 and is gone",
        ),
        ([line for line in lines() if line.get("leaf_number") != 1], "Leaf 1 is missing"),
        (
            [line for line in lines() if line["line"] != "seal" or line["leaf_number"] < 3],
            "covers 5 leaves; only 3 are there",
        ),
        ([*lines()[:3], {"line": "act", "id": "seven"}], "Line 4 lacks a part"),
        (
            [line for line in lines() if line["line"] != "checkpoint"],
            "5 leaves are sealed and the last checkpoint covers 0",
        ),
        ([line for line in lines() if line.get("size") != 5], "5 leaves are sealed and the last checkpoint covers 2"),
        (
            [*lines(), {"line": "signature", "public_key": "a key"}, {"line": "act", "id": 6}],
            "Something stands after the signature",
        ),
    ],
)
def test_what_is_not_as_written_is_named(log: list[dict[str, Any]], told: str) -> None:
    assert told in verify_lines(iter(log)).bad


def test_a_root_noted_elsewhere_has_to_be_there() -> None:
    log = lines()
    noted = next(line["root"] for line in log if line["line"] == "checkpoint")
    assert verify_lines(iter(log), noted).bad == ""
    assert "No checkpoint has the root" in verify_lines(iter(log), "00" * 32).bad


@pytest.mark.django_db
def test_a_row_changed_past_the_triggers_is_found_and_named() -> None:
    from django.db import connection

    from opencets_web.audit import log, sealer
    from opencets_web.audit.models import Act

    for subject in ("case:AV-1", "case:AV-2", "case:AV-3"):
        log.record("case.viewed", None, subject=subject, details={"größe": 'quote " and \x1f'})
    assert verify_lines(lines_of_log()).bad == ""
    victim = Act.objects.get(subject="case:AV-2").id
    with connection.cursor() as cursor:
        cursor.execute("set local session_replication_role = replica")
        cursor.execute("update audit_act set subject = 'case:AV-9' where id = %s", [victim])
        cursor.execute("set local session_replication_role = origin")
    assert verify_lines(lines_of_log()).bad.startswith(f"Act {victim} is not as it was written")
    assert sealer.verify().broken_act == victim

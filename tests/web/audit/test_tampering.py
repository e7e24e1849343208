"""Ten thousand random tamperings of the table and of its export: each is found, and the first row that is wrong is named.

``opencets``'s promise to an auditor, by a seeded draw; a few hundred in every run, all ten thousand with ``-m proof``.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.web.audit.logs import past_the_triggers, seal_log, verified, write_log

pytestmark = pytest.mark.django_db
ACTS = 48
CHANGES = {
    "verb": "'media.exposed'", "officer_id": "md5(random()::text)::uuid", "agency_id": "md5(random()::text)::uuid",
    "holding_id": "null", "holding_agency_id": "null", "subject": "subject || ' '", "details": "'{}'", "purpose": "'None'",
    "address": "'203.0.113.9'", "at": "at - interval '1 hour'", "written_in": "written_in + 1", "leaf": "sha256(leaf)",
}  # fmt: skip
REHASH_SEALS = "update audit_seal s set leaf = a.leaf from audit_act a where a.id = s.act_id"


@pytest.fixture
def log() -> dict[str, Any]:
    """A sealed log, its last checkpoint held outside."""
    from opencets_web.audit.checkpoints import write_checkpoint

    write_log(ACTS)
    seal_log()
    return write_checkpoint()


def _rehash() -> str:
    from opencets_web.audit.sealer import LEAF

    return f"update audit_act set leaf = {LEAF} where leaf <> {LEAF}"


# --- Hands on the tables: each gives its statements, and the words of which one has to stand in the finding ------------


def _changed(draw: random.Random) -> tuple[list[str], list[str]]:
    act, column = draw.randint(1, ACTS), draw.choice(list(CHANGES))
    return [f"update audit_act set {column} = {CHANGES[column]} where id = {act}"], [f"Act {act} "]


def _changed_and_rehashed(draw: random.Random) -> tuple[list[str], list[str]]:
    act, column = draw.randint(1, ACTS), draw.choice([name for name in CHANGES if name != "leaf"])
    statements = [f"update audit_act set {column} = {CHANGES[column]} where id = {act}", _rehash()]
    if draw.random() < 0.5:
        statements.append(REHASH_SEALS)
    return statements, [f"Act {act} "]


def _removed(draw: random.Random) -> tuple[list[str], list[str]]:
    act = draw.randint(1, ACTS)
    return [f"delete from audit_act where id = {act}"], [f"Act {act} was sealed"]


def _removed_with_its_seal(draw: random.Random) -> tuple[list[str], list[str]]:
    place = draw.randrange(ACTS)
    statements = [
        f"delete from audit_act where id = (select act_id from audit_seal where leaf_number = {place})",
        f"delete from audit_seal where leaf_number = {place}",
    ]
    if draw.random() < 0.5:
        statements.append(f"update audit_seal set leaf_number = leaf_number - 1001 where leaf_number > {place}")
        statements.append("update audit_seal set leaf_number = leaf_number + 1000 where leaf_number < 0")
        return statements, [f"as leaf {place}:", f"only {ACTS - 1} are there", *_inserted_later()]
    return statements, [f"Leaf {place} is missing", f"only {place} are there"]


def _inserted_later() -> list[str]:
    """Leaves that slid over a checkpoint stand in a batch in which they were not written."""
    return [" was inserted later", " is dated "]


def _inserted(draw: random.Random) -> tuple[list[str], list[str]]:
    place = draw.randrange(ACTS)
    statements = [
        "insert into audit_act select 900, at, verb, officer_id, agency_id, holding_id, holding_agency_id, 'case:AV-77', details,"
        f" purpose, address, leaf, written_in from audit_act where id = {draw.randint(1, ACTS)}",
        _rehash(),
    ]
    if draw.random() < 0.5:
        return statements, ["Act 900 was inserted later", "Act 900 is dated"]
    statements += [
        f"update audit_seal set leaf_number = leaf_number - 1000 where leaf_number >= {place}",
        "update audit_seal set leaf_number = leaf_number + 1001 where leaf_number < 0",
        f"insert into audit_seal select {place}, 900, leaf, (select signature from audit_seal where leaf_number = 0)"
        " from audit_act where id = 900",
    ]
    return statements, ["Act 900 "]


def _back_dated(draw: random.Random) -> tuple[list[str], list[str]]:
    hours = draw.randint(1, 2000)
    return [
        "insert into audit_act (id, at, verb, subject, details, purpose, address, leaf, written_in) select 901,"
        f" now() - interval '{hours} hours', 'case.viewed', 'case:AV-1', '{{}}', '', '', '', 9223372036854775000",
        _rehash(),
    ], ["Act 901 is dated"]


def _reordered(draw: random.Random) -> tuple[list[str], list[str]]:
    one, other = draw.sample(range(ACTS), 2)
    columns = draw.choice(["act_id", "act_id, leaf", "act_id, leaf, signature", "leaf", "signature"])
    kept = ", ".join(f"b.{name}" for name in columns.split(", "))
    fresh = ", ".join(f"{name} = k.{name}" for name in columns.split(", "))
    keep = "create temp table k on commit drop as select a.leaf_number, " + kept
    keep += f" from audit_seal a join audit_seal b on (a.leaf_number, b.leaf_number) in (({one}, {other}), ({other}, {one}))"
    statements = [
        keep,
        "alter table audit_seal drop constraint if exists audit_seal_act_id_key",
        f"update audit_seal s set {fresh} from k where k.leaf_number = s.leaf_number",
        "drop table k",
    ]
    return statements, [f"leaf {min(one, other)}", f"(leaf {min(one, other)})", "is gone (or is sealed twice)"]


def _swapped_contents(draw: random.Random) -> tuple[list[str], list[str]]:
    one, other = sorted(draw.sample(range(1, ACTS + 1), 2))
    return [
        f"update audit_act a set at = b.at, verb = b.verb, officer_id = b.officer_id, subject = b.subject, purpose = b.purpose,"
        f" details = b.details from audit_act b where (a.id, b.id) in (({one}, {other}), ({other}, {one}))",
        _rehash(),
        *([REHASH_SEALS] if draw.random() < 0.5 else []),
    ], [f"Act {one} ", f"Act {other} "]


def _cut(draw: random.Random) -> tuple[list[str], list[str]]:
    size = draw.choice([0, 12, 24, 36]) if draw.random() < 0.5 else draw.randrange(ACTS)
    return [
        f"delete from audit_act where id in (select act_id from audit_seal where leaf_number >= {size})",
        f"delete from audit_seal where leaf_number >= {size}",
        f"delete from audit_checkpoint where size > {size}",
    ], [f"leaves {size} to {ACTS - 1} are gone", "a checkpoint is gone"]


def _checkpoint(draw: random.Random) -> tuple[list[str], list[str]]:
    size = draw.choice([12, 24, 36, 48])
    what = draw.choice([
        "root = sha256(root)", "frontier = sha256(frontier)", "at = at + interval '1 second'", "after = after + 1",
        "horizon = horizon + 1", "ceiling = ceiling + 1", "marks = sha256(marks)", "key = 2", "signature = sha512(signature)",
        "signature = null", f"signature = (select signature from audit_checkpoint where size = {60 - size})",
        f"size = {size + 1}",
    ])  # fmt: skip
    return [f"update audit_checkpoint set {what} where size = {size}"], [
        f"checkpoint over {size}",
        f"over {size + 1} leaves",
    ]


def _checkpoint_gone(draw: random.Random) -> tuple[list[str], list[str]]:
    size = draw.choice([12, 24, 36, 48])
    return [f"delete from audit_checkpoint where size = {size}"], ["checkpoint is gone"]


def _seal(draw: random.Random) -> tuple[list[str], list[str]]:
    place = draw.randrange(ACTS)
    what = draw.choice(["leaf = sha256(leaf)", "leaf = null", "signature = sha512(signature)", "signature = null"])
    return [f"update audit_seal set {what} where leaf_number = {place}"], [f"leaf {place}:", f"(leaf {place})"]


def _keys(draw: random.Random) -> tuple[list[str], list[str]]:
    what = draw.choice(
        [
            "public = sha256(public)",
            "since = since + 1",
            "at = at || ' '",
            "signature = sha512(signature)",
            "number = 2",
        ]
    )
    return [f"update audit_signingkey set {what}"], ["Key 1 is"]


HANDS: tuple[Callable[[random.Random], tuple[list[str], list[str]]], ...] = (
    _changed, _changed_and_rehashed, _removed, _removed_with_its_seal, _inserted, _back_dated, _reordered, _swapped_contents,
    _cut, _checkpoint, _checkpoint_gone, _seal, _keys,
)  # fmt: skip


def tamper_with_the_table(held: dict[str, Any], times: int, seed: int) -> Counter[str]:
    """How many tamperings of each kind were found and named; what was not stops the test."""
    from django.db import connection, transaction

    draw, found = random.Random(seed), Counter[str]()
    for turn in range(times):
        hand = draw.choice(HANDS)
        statements, names = hand(draw)
        with transaction.atomic():
            with past_the_triggers(), connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
            finding = verified(held=[held])
            transaction.set_rollback(True)
        assert finding.bad, f"seed {seed}, turn {turn}, {hand.__name__}: {statements} was not found"
        told = any(name in finding.bad for name in names)
        assert told, f"seed {seed}, turn {turn}, {hand.__name__}: {statements}: {finding.bad}"
        found[hand.__name__.strip("_")] += 1
    return found


# --- Hands on the export ---------------------------------------------------------------------------------------------


def _signed_by_another(rows: list[bytes]) -> list[bytes]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from opencets_web.audit.signed import Signer, signed_lines

    return list(signed_lines((json.loads(row) for row in rows), Signer(1, Ed25519PrivateKey.generate())))


def _spoil(draw: random.Random, rows: list[bytes]) -> tuple[str, list[bytes], list[str]]:
    """The kind of tampering, the lines after it, and the words of which one has to stand in the finding."""
    rows = list(rows)
    place = draw.randrange(len(rows))
    kind = draw.choice(["byte", "gone", "twice", "moved", "cut", "field", "forged", "unsigned", "another key"])
    if kind == "byte":
        row = bytearray(rows[place])
        at = draw.randrange(len(row))
        row[at] = draw.choice([byte for byte in range(256) if byte != row[at]])
        rows[place] = bytes(row)
        return kind, rows, []
    if kind == "gone":
        del rows[place]
    elif kind == "twice":
        rows.insert(place, rows[place])
    elif kind == "moved":
        other = draw.choice([number for number in range(len(rows)) if number != place])
        rows.insert(other, rows.pop(place))
    elif kind == "cut":
        whole = b"".join(rows)
        rows = [whole[: draw.randrange(len(whole))]]
    elif kind in {"field", "another key"}:
        return kind, *_field(draw, rows, signed=kind == "another key")
    elif kind == "forged":
        act = json.loads(next(row for row in rows if b'"line":"act"' in row)) | {"id": 950, "subject": "case:AV-77"}
        rows.insert(draw.randint(1, len(rows)), _row(_with_leaf(act)))
    elif kind == "unsigned":
        rows.pop()
        return kind, rows, ["without its signature"]
    return kind, rows, []


def _field(draw: random.Random, rows: list[bytes], *, signed: bool) -> tuple[list[bytes], list[str]]:
    """One field of one act changed, its leaf computed again, the seal's too; and all signed by a key of one's own."""
    number = draw.choice([place for place, row in enumerate(rows) if b'"line":"act"' in row])
    act = json.loads(rows[number])
    column = draw.choice(["verb", "officer_id", "subject", "details", "purpose", "address", "at"])
    act[column] = "2026-01-05T10:00:00.000000Z" if column == "at" else f"{act[column]}x"
    rows[number] = _row(_with_leaf(act))
    for place, row in enumerate(rows):
        seal = json.loads(row)
        if seal["line"] == "seal" and seal["act_id"] == act["id"]:
            rows[place] = _row(seal | {"leaf": json.loads(rows[number])["leaf"]})
    if signed:
        rows = _signed_by_another(rows[:-1])
    return rows, [f"Act {act['id']} "]


def _with_leaf(act: dict[str, Any]) -> dict[str, Any]:
    from opencets_web.audit.signed import FIELDS
    from opencets_web.audit.tree import leaf_hash

    return act | {"leaf": leaf_hash("\x1f".join(str(act[name]) for name in FIELDS).encode()).hex()}


def _row(line: dict[str, Any]) -> bytes:
    return json.dumps(line, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def tamper_with_the_export(folder: Path, times: int, seed: int) -> Counter[str]:
    """How many tamperings of each kind were found; a changed act is named, a broken line told by its number."""
    from opencets.errors import DamagedSource
    from opencets_web.audit.keychain import get_signer
    from opencets_web.audit.lines import lines_of_log
    from opencets_web.audit.signed import lines_of_export, signed_lines
    from opencets_web.audit.verifying import verify_lines

    rows, path = list(signed_lines(lines_of_log(), get_signer())), folder / "log.jsonl"
    path.write_bytes(b"".join(rows))
    assert verify_lines(lines_of_export(path), export=True).bad == ""
    draw, found = random.Random(seed), Counter[str]()
    for turn in range(times):
        kind, spoilt, names = _spoil(draw, rows)
        path.write_bytes(b"".join(spoilt))
        if spoilt == rows:
            continue
        try:
            bad = verify_lines(lines_of_export(path), export=True).bad
        except DamagedSource as damaged:
            bad = str(damaged)
        assert bad, f"seed {seed}, turn {turn}: {kind} was not found"
        assert not names or any(name in bad for name in names), f"seed {seed}, turn {turn}: {kind}: {bad}"
        found[kind] += 1
    return found


@pytest.mark.parametrize(
    "times", [150, pytest.param(5_000, marks=[pytest.mark.proof, pytest.mark.timeout(3_000)])]
)  # fmt: skip
def test_every_tampering_with_the_table_is_found_and_named(log: dict[str, Any], times: int) -> None:
    found = tamper_with_the_table(log, times, seed=2026)
    assert sum(found.values()) == times


@pytest.mark.parametrize(
    "times", [150, pytest.param(5_100, marks=[pytest.mark.proof, pytest.mark.timeout(3_000)])]
)  # fmt: skip
def test_every_tampering_with_the_export_is_found(log: dict[str, Any], tmp_path: Path, times: int) -> None:
    found = tamper_with_the_export(tmp_path, times, seed=6962)
    assert sum(found.values()) >= times * 0.98

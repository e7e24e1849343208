"""What somebody changed, took away, put in, moved or cut is found in the tables and in the export, and named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.web.audit.logs import past_the_triggers, seal_log, verified, write_log

pytestmark = pytest.mark.django_db


@pytest.fixture
def log() -> dict[str, Any]:
    """A sealed log of 48 acts with four checkpoints; the second and the last are held outside."""
    from opencets_web.audit.checkpoints import write_checkpoint

    write_log(48)
    seal_log(24)
    early = write_checkpoint()
    seal_log()
    return {"early": early, "late": write_checkpoint(since=24)}


def tamper(*statements: str) -> None:
    from django.db import connection

    with past_the_triggers(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def rehash(*acts: int) -> str:
    """The leaf computed again, as a careful forger would."""
    from opencets_web.audit.sealer import LEAF

    return f"update audit_act set leaf = {LEAF} where id in ({', '.join(map(str, acts))})"


def test_a_log_that_nobody_touched_is_as_written(log: dict[str, Any]) -> None:
    finding = verified(held=[log["early"], log["late"]])
    assert (finding.bad, finding.acts, finding.sealed, finding.held) == ("", 48, 48, 2)
    assert finding.root == log["late"]["root"]


SEALS_AS_WELL = "update audit_seal s set leaf = a.leaf from audit_act a where a.id = s.act_id"
INSERTED = (
    "insert into audit_act (id, at, verb, subject, details, purpose, address, leaf, written_in)"
    " select 900, {at}, 'case.viewed', 'case:AV-1', '{{}}', '', '', '', {written_in}"
)
CUT = (
    "delete from audit_act where id in (select act_id from audit_seal where leaf_number >= 24)",
    "delete from audit_seal where leaf_number >= 24",
    "delete from audit_checkpoint where size > 24",
)


@pytest.mark.parametrize(
    ("statements", "told"),
    [
        (["update audit_act set subject = 'case:AV-9' where id = 7"], "Act 7 is not as it was written"),
        (["update audit_act set at = at + interval '1 millisecond' where id = 8"], "Act 8 is not as it was written"),
        (["update audit_act set verb = 'desk.viewed' where id = 7", "rehash 7"], "Act 7 is not as it was sealed"),
        (["update audit_act set verb = 'desk.viewed' where id = 7", "rehash 7", SEALS_AS_WELL], "Act 7 was not sealed as leaf"),
        (["delete from audit_act where id = 7"], "Act 7 was sealed as leaf"),
        (["delete from audit_act where id = 7", "delete from audit_seal where act_id = 7"], "is missing from the seals"),
        (
            [
                "delete from audit_act where id = 7",
                "delete from audit_seal where act_id = 7",
                "update audit_seal set leaf_number = -leaf_number",
                "update audit_seal set leaf_number = -leaf_number - (case when -leaf_number > 8 then 1 else 0 end)",
            ],
            "was not sealed as leaf",
        ),
        ([INSERTED.format(at="now()", written_in="11"), "rehash 900"], "Act 900 was inserted later"),
        ([INSERTED.format(at="now() - interval '80 days'", written_in="9223372036854775000"), "rehash 900"], "Act 900 is dated"),
        ([INSERTED.format(at="now() + interval '80 days'", written_in="9223372036854775000"), "rehash 900"], "still to come"),
        (
            [
                INSERTED.format(at="now()", written_in="9223372036854775000"), "rehash 900",
                "insert into audit_seal select 48, 900, leaf, (select signature from audit_seal limit 1) from audit_act"
                " where id = 900",
            ],
            "a checkpoint is gone, or act 900",
        ),
        (["update audit_seal set act_id = 900 where act_id = 7", "update audit_seal set act_id = 7 where act_id = 8",
          "update audit_seal set act_id = 8 where act_id = 900"], "The seal of act"),
        (["update audit_seal set signature = (select signature from audit_seal where leaf_number = 3) where leaf_number = 4"],
         "was not sealed as leaf 4"),
        (["update audit_seal set signature = null where leaf_number = 4"], "was not sealed as leaf 4"),
        (["update audit_checkpoint set signature = (select signature from audit_checkpoint where size = 12)"
          " where size = 24"],
         "The checkpoint over 24 leaves is not as it was signed"),
        (["update audit_checkpoint set root = sha256('') where size = 24"],
         "The checkpoint over 24 leaves is not as it was signed"),
        (["update audit_checkpoint set at = at - interval '1 day' where size = 24"], "over 24 leaves is not as it was signed"),
        (["update audit_checkpoint set frontier = sha256('') where size = 24"],
         "The checkpoint over 24 leaves is not as it was written"),
        (["update audit_checkpoint set signature = null, key = null where size = 24"], "over 24 leaves carries no signature"),
        (["delete from audit_checkpoint where size = 24"], "the one over 36 leaves follows one over 24, not over 12"),
        (["delete from audit_checkpoint where size = 48"], "a checkpoint is gone"),
        (["delete from audit_signingkey"], "names no key of the log"),
        (["update audit_signingkey set public = sha256('')"], "Key 1 is not as it was written"),
        (["delete from audit_seal where leaf_number >= 40"], "covers 48 leaves; only 40 are there"),
        (list(CUT), "covers 48 leaves; the log has 24"),
    ],
)  # fmt: skip
def test_what_is_not_as_written_is_named(log: dict[str, Any], statements: list[str], told: str) -> None:
    tamper(*(rehash(int(one[7:])) if one.startswith("rehash") else one for one in statements))
    finding = verified(held=[log["early"], log["late"]])
    assert told in finding.bad


def test_an_end_cut_off_with_its_checkpoints_is_found_by_who_holds_one(log: dict[str, Any]) -> None:
    tamper(*CUT)
    assert verified().bad == ""  # a whole log of an earlier day: alone it cannot tell
    assert "the leaves 24 to 47 are gone" in verified(held=[log["late"]]).bad


def test_a_log_written_anew_with_another_key_is_found_by_who_holds_a_checkpoint(
    log: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever takes over the whole machine signs all of it again: only what is held outside contradicts."""
    key = verified().key
    tamper(
        "delete from audit_seal",
        "delete from audit_checkpoint",
        "delete from audit_signingkey",
        "update audit_act set subject = 'case:AV-9' where id = 7",
        rehash(7),
    )
    monkeypatch.setenv("OPENCETS_AUDIT_KEY", str(tmp_path / "another-key"))
    seal_log()
    assert verified().bad == ""
    assert "The log has other keys than the checkpoint held outside" in verified(held=[log["early"]]).bad
    assert f"not with {key}" in verified(key=key).bad


def test_with_the_key_stolen_a_rewritten_log_still_contradicts_what_is_held(log: dict[str, Any]) -> None:
    tamper(
        "delete from audit_seal",
        "delete from audit_checkpoint",
        "update audit_act set subject = 'case:AV-9' where id = 7",
        rehash(7),
    )
    from opencets_web.audit.models import Checkpoint

    assert not Checkpoint.objects.exists()
    seal_log()
    assert verified().bad == ""
    assert "it was rewritten" in verified(held=[log["early"]]).bad


def test_two_held_checkpoints_are_compared_without_the_log(log: dict[str, Any]) -> None:
    from opencets_web.audit.verifying import Bad, verify_held

    verify_held(log["late"], log["early"])
    with pytest.raises(Bad, match="does not continue"):
        verify_held(log["late"] | {"proof": [*log["late"]["proof"][:-1], "00" * 32]}, log["early"])
    with pytest.raises(Bad, match="not as it was signed"):
        verify_held(log["late"] | {"root": "00" * 32}, log["early"])
    with pytest.raises(Bad, match="not as it was signed"):
        verify_held(log["early"] | {"at": log["late"]["at"]})


def test_a_new_key_is_signed_by_the_one_before_and_signs_from_then_on(
    tmp_path: Path, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opencets_web.audit import keychain
    from opencets_web.audit.checkpoints import write_checkpoint
    from opencets_web.audit.models import Checkpoint

    monkeypatch.setenv("OPENCETS_AUDIT_KEY", str(tmp_path / "key"))
    write_log(60)
    seal_log(48)
    held = write_checkpoint()
    before = verified().key
    with django_capture_on_commit_callbacks() as later:
        keychain.rotate_key("2026-01-05T00:00:00.000000Z")
    assert keychain.get_signer().number == 2  # the machine stopped before the file was put in its place
    for act in later:
        act()
    assert not (tmp_path / "key.next").exists()
    assert keychain.get_signer().number == 2
    seal_log()
    assert [point.key for point in Checkpoint.objects.order_by("size")] == [1, 1, 1, 1, 2]
    finding = verified(held=[held, write_checkpoint(since=48)])
    assert (finding.bad, finding.held) == ("", 2)
    assert finding.key != before
    tamper(
        "update audit_signingkey set signature = (select signature from audit_signingkey where number = 1) where number = 2"
    )
    assert "Key 2 is not as it was written" in verified().bad


def test_without_the_key_of_the_log_nothing_is_sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from opencets.errors import ActRefused

    write_log(30)
    seal_log(12)
    monkeypatch.setenv("OPENCETS_AUDIT_KEY", str(tmp_path / "absent"))
    with pytest.raises(ActRefused, match="whose private half is not in"):
        seal_log()
    assert not (tmp_path / "absent").exists()


def test_the_private_key_is_readable_by_its_owner_alone(log: dict[str, Any]) -> None:
    from opencets_web.audit import keychain

    assert keychain.key_path().stat().st_mode & 0o077 == 0


def test_seals_from_before_signing_stay_valid_below_the_first_signed_one() -> None:
    from django.utils import timezone

    from opencets_web.audit.models import Act, Checkpoint, Seal
    from opencets_web.audit.tree import Frontier

    write_log(17)
    frontier = Frontier()
    for act in Act.objects.order_by("written_in", "id")[:5]:
        Seal.objects.create(leaf_number=frontier.size, act_id=act.id)
        frontier.append(bytes(act.leaf))
    Checkpoint.objects.create(size=5, root=frontier.root(), frontier=frontier.to_bytes(), at=timezone.now())
    assert "no key that signs them" in verified().bad
    seal_log()
    finding = verified()
    assert (finding.bad, finding.signed_from) == ("", 5)
    tamper(f"update audit_act set subject = 'x' where id = {act.id}", rehash(act.id))
    assert "One of the acts 1 to 6" in verified().bad


def test_the_leaf_is_the_same_here_and_in_the_database_for_every_writing() -> None:
    from opencets_web.audit import log
    from opencets_web.audit.models import Act

    for subject in ("case:AV-1", "case:ÅÄ-2", "case:例-3"):
        log.record("case.viewed", None, subject=subject, details={"größe": 'quote " and \x1f', "weg": "C:\\x"})
    assert verified().bad == ""
    victim = Act.objects.get(subject="case:ÅÄ-2").id
    tamper(f"update audit_act set subject = 'case:AV-9' where id = {victim}")
    assert verified().bad.startswith(f"Act {victim} is not as it was written")


def test_a_root_noted_by_hand_has_to_be_there(log: dict[str, Any]) -> None:
    assert verified(root=log["early"]["root"]).bad == ""
    assert "No checkpoint has the root" in verified(root="00" * 32).bad


def test_something_after_the_signature_is_told(log: dict[str, Any]) -> None:
    from opencets_web.audit.lines import lines_of_log
    from opencets_web.audit.verifying import verify_lines

    lines = [*lines_of_log(), {"line": "nothing"}]
    assert verify_lines(lines).bad.startswith(f"Line {len(lines)} lacks a part")

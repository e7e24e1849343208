"""Entries are sealed, chained and signed; whatever is missing, changed, used twice or out of time shows."""

from __future__ import annotations

import datetime as dt
import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from opencets.errors import ActRefused, DamagedSource, SourceRefused
from opencets.packing import captures
from opencets.packing.captures import Body, Entry, check_chain

DEVICE = "7b8c6a52-2f0e-4f57-9d0a-0c3c1c9a0001"
SERVER = pyrage.x25519.Identity.generate()
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = b64encode(KEY.public_key().public_bytes_raw()).decode()
AT = dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)
HIT = captures.Hit(
    captures.Rule("neutral", "1", "blue-kiosk", 4, "the phrase “meet at the blue kiosk”"), "1", AT,
    captures.Where("typed", "mousepad", "Untitled"), "typed", "c0ffee",
    captures.Text("we could ", "meet at the blue kiosk", " tomorrow", 9, 31), None, True,
)  # fmt: skip
BODIES: tuple[Body, ...] = (
    captures.Started("first", "1", "Linux", "x11", ("typed",), "0" * 64),
    HIT,
    captures.Screenshot(2, "masked", 4, 4, b64encode(b"\xff\xd8\xff\xe0").decode()),
    captures.Heartbeat(
        (captures.Covered("mousepad", "accessibility"),), True, 3, 900, captures.Clock(None, None), "the hour is excluded"
    ),
    captures.Gap(2, 5, 4, {"window": 4}, "The spool was full."),
    captures.Evasion("clock", "The clock was turned back."),
    captures.Drive("added", "sdb1", "/media/x", "vfat", None),
    captures.Account("added", "other"),
    captures.Program("started", "xterm"),
    captures.Address("chromium", "https://shop.example/", "Shop"),
    captures.Window("xterm", "shell"),
    captures.Notice("shown", ""),
    captures.Ended(AT, "device", "The order ended."),
    captures.Stopped("asked to"),
)  # fmt: skip


def chain(bodies: Sequence[Body] = BODIES, boot: str = "b1", after: tuple[int, str] | None = None) -> list[Entry]:
    made, head = list[Entry](), after or captures.beginning(DEVICE)
    for number, body in enumerate(bodies):
        sealed = captures.seal_body(body, str(SERVER.to_public()))
        made.append(
            captures.make_entry(
                head, body, sealed, device=DEVICE, boot=boot, at=AT + dt.timedelta(seconds=number),
                mono_ms=1000 * number, order="o", version=1,
            )
        )  # fmt: skip
        head = made[-1].head
    return made


def kinds(entries: Sequence[Entry], after: Any = None) -> list[str]:
    return [fault.kind for fault in check_chain(entries, after or captures.beginning(DEVICE))]


def test_every_kind_of_entry_comes_back_from_its_seal_as_it_was() -> None:
    assert {captures.kind_of(body) for body in BODIES} == set(captures.KINDS)
    read = captures.read_batch(captures.batch_of(chain()))
    assert [captures.open_body(entry, [str(SERVER)]) for entry in read] == list(BODIES)
    assert kinds(read) == []


def test_nothing_of_a_body_can_be_read_without_the_servers_key() -> None:
    written = captures.batch_of(chain())
    assert b"kiosk" not in written
    with pytest.raises(DamagedSource, match="cannot be opened"):
        captures.open_body(chain()[1], [str(pyrage.x25519.Identity.generate())])


def test_whatever_was_done_to_a_chain_shows() -> None:
    made = chain()
    assert kinds([*made[:3], *made[4:]]) == ["missing"]
    assert kinds([made[0], replace(made[1], body=made[2].body), *made[2:]]) == ["altered"]
    forged = replace(made[1], at="2026-03-04T12:00:01.001Z")
    assert kinds([made[0], replace(forged, hash=forged.reckoned()), *made[2:]]) == ["broken"]
    assert kinds([made[0], made[1], made[1]]) == ["repeated"]
    assert "device" in kinds([replace(made[1], device="x")], made[0])


def test_a_moved_clock_and_a_run_without_goodbye_show() -> None:
    first = chain(BODIES[:2])
    jumped = captures.make_entry(
        first[-1].head, HIT, captures.seal_body(HIT, str(SERVER.to_public())), device=DEVICE, boot="b1",
        at=AT - dt.timedelta(hours=2), mono_ms=2000, order="o", version=1,
    )  # fmt: skip
    (fault,) = check_chain([jumped], first[-1])
    assert (fault.kind, "back" in fault.sentence) == ("clock", True)
    killed = chain([BODIES[0]], "b2", first[-1].head)
    assert kinds([*first, *killed]) == ["killed"]
    well = chain([captures.Stopped("asked to")])
    assert kinds([*well, *chain([BODIES[0]], "b2", well[-1].head)]) == []


def test_a_body_that_was_let_go_leaves_the_chain_whole() -> None:
    made = chain()
    made[1] = made[1].without_body()
    read = captures.read_batch(captures.batch_of(made))
    assert kinds(read) == []
    assert read[1].dropped
    assert captures.open_body(read[1], [str(SERVER)]) is None


def test_a_batch_is_signed_by_the_device_for_one_time_and_one_body() -> None:
    body = captures.batch_of(chain()[:2])
    headers = captures.sign_batch(DEVICE, AT, body, KEY)
    mark = headers["X-Signature"]
    assert captures.require_signed(DEVICE, headers["X-Time"], mark, body, PUBLIC) == AT
    for device, time, given in (("x", headers["X-Time"], body), (DEVICE, "2026-03-04T12:00:00.001Z", body),
                                (DEVICE, headers["X-Time"], body + b" ")):  # fmt: skip
        with pytest.raises(ActRefused):
            captures.require_signed(device, time, mark, given, PUBLIC)


@pytest.mark.parametrize(
    "written", [b"", b"{}", b"[]", b"[1]", b"[" * 100_000, b"\xff", b'[{"device":"x"}]', json.dumps([{}] * 65).encode()]
)
def test_what_is_no_batch_is_refused(written: bytes) -> None:
    with pytest.raises(SourceRefused):
        captures.read_batch(written)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"conversation": None}, "conversation is no text"),
        ({"more": 1}, "not known"),
        ({"text": None}, "one of them"),
        ({"rule": {"library": "l", "version": "1", "phrase": "p", "severity": 6, "reason": ""}}, "from 1 to 5"),
        ({"at": "yesterday"}, "no moment"),
        ({"conversation": "\ud800"}, "no text has"),
    ],
)
def test_a_body_that_is_not_wholly_understood_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(DamagedSource, match=words):
        captures.body_of("hit", captures.said_of(HIT) | change)


def test_a_picture_that_is_none_is_refused() -> None:
    given = captures.said_of(BODIES[2]) | {"jpeg": "aGVsbG8="}
    with pytest.raises(DamagedSource, match="no JPEG"):
        captures.body_of("screenshot", given)

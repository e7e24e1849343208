"""An order holds signed, whole, for one device and between two moments; every other is refused with its own sentence."""

from __future__ import annotations

import datetime as dt
import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from opencets.errors import ActRefused
from opencets.packing.order import Excluded, Hours, Order, open_order, open_request, sign_order, sign_request

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
DEVICE_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
DEVICE = "7b8c6a52-2f0e-4f57-9d0a-0c3c1c9a0001"
NOW = dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)


def public(key: Ed25519PrivateKey) -> str:
    return b64encode(key.public_key().public_bytes_raw()).decode()


def order(**other: Any) -> dict[str, Any]:
    return {
        "order": "0b9b4f2e-7f67-4f49-8b4e-2a53c1f20001", "version": 1, "replaces": None, "setting": "court",
        "service": "Avon Probation", "court": "the invented court of Avon", "reference": "Order 7/2026",
        "words": "His computer is watched.", "person": {"ref": "P-1", "name": "Rowan Example"},
        "device": {"id": DEVICE, "name": "laptop", "key": public(DEVICE_KEY), "accounts": ["rowan"]},
        "co_users": ["Sam Example"], "begins_at": "2026-03-01T00:00:00.000Z", "ends_at": "2026-04-01T00:00:00.000Z",
        "time_zone": "Europe/Paris", "server": "https://watch.example", "complaint": "The court's registry",
        "server_key": str(pyrage.x25519.Identity.generate().to_public()), "libraries": [], "known_files": None,
        "conditions": [{
            "ref": "1", "words": "What he types is compared with phrases.", "collectors": ["typed", "shown"],
            "retention_days": 30,
        }],
    } | other  # fmt: skip


def opened(**other: Any) -> Order:
    return open_order(sign_order(order(**other), KEY), [public(KEY)])


def test_an_order_comes_back_as_it_was_signed() -> None:
    read = opened()
    read.require(DEVICE, NOW)
    read.require_account("rowan")
    assert (read.reference, read.collectors(), read.key) == ("Order 7/2026", ("typed", "shown"), public(KEY))
    assert read.conditions[0].captures.screenshot == "none"


@pytest.mark.parametrize(
    ("device", "now", "words"),
    [
        ("7b8c6a52-2f0e-4f57-9d0a-0c3c1c9a0002", NOW, "for another device"),
        (DEVICE, dt.datetime(2026, 2, 28, 23, 59, tzinfo=dt.UTC), "begins at 2026-03-01 01:00"),
        (DEVICE, dt.datetime(2026, 4, 1, tzinfo=dt.UTC), "ended at 2026-04-01 02:00"),
    ],
)
def test_an_order_for_another_device_or_another_time_is_refused(device: str, now: dt.datetime, words: str) -> None:
    with pytest.raises(ActRefused, match=words):
        opened().require(device, now)


def test_another_account_of_the_device_is_refused() -> None:
    with pytest.raises(ActRefused, match="does not reach the account sam"):
        opened().require_account("sam")


def test_an_unsigned_an_altered_and_a_strangers_order_are_refused_each_in_its_words() -> None:
    written = sign_order(order(), KEY)
    with pytest.raises(ActRefused, match="not among the trusted keys"):
        open_order(written, [public(DEVICE_KEY)])
    with pytest.raises(ActRefused, match="changed after it was signed"):
        open_order(written.replace(b"2026-04-01", b"2027-04-01"), [public(KEY)])
    envelope = json.loads(written)
    del envelope["signature"]
    for unsigned in (
        json.dumps(envelope).encode(),
        b"",
        b"[" * 100_000,
        b"\xff\x00",
        b"{}",
        written[:200],
        b" " * (1 << 21),
    ):
        with pytest.raises(ActRefused, match="no signed order"):
            open_order(unsigned, [public(KEY)])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"conditions": []}, "no condition"),
        ({"hidden": True}, "“hidden”, which is not known"),
        ({"key": "x"}, "not known"),
        ({"ends_at": "2026-03-01T00:00:00.000Z"}, "ends before it begins"),
        ({"ends_at": "2026-04-01T00:00:00"}, "offset"),
        ({"ends_at": "9999-12-31T23:59:59-23:00"}, "out of the calendar"),
        ({"time_zone": "Avon/Nowhere"}, "no time zone"),
        ({"time_zone": "../../etc/passwd"}, "no time zone"),
        ({"server": "ftp://watch.example"}, "no address"),
        ({"server_key": "age1x"}, "no recipient"),
        ({"version": 2}, "version 1 replaces nothing"),
        ({"version": True}, "no whole number"),
        ({"words": "  "}, "says no words"),
        ({"court": "a\0b"}, "no text has"),
        ({"setting": "secret"}, "setting is one of"),
        ({"person": {"ref": "P-1"}}, "lacks name"),
        ({"conditions": [{"ref": "1", "words": "w", "collectors": ["keys"], "retention_days": 1}]}, "one of typed"),
        (
            {"conditions": [{"ref": "1", "words": "w", "collectors": ["typed"], "retention_days": 1,
                             "excluded": {"hours": [{"days": ["mon"], "from": "25:00", "to": "06:00"}]}}]},
            "hours are days",
        ),
    ],
)  # fmt: skip
def test_an_order_that_is_not_wholly_understood_is_not_signed(change: Mapping[str, Any], words: str) -> None:
    with pytest.raises(ActRefused, match=words):
        opened(**change)


def test_only_a_later_version_that_names_the_present_one_follows_it() -> None:
    first = opened()
    second = opened(version=2, replaces=first.digest)
    assert second.follows(first)
    assert not first.follows(second)
    assert not opened(version=2, replaces="0" * 64).follows(first)
    assert not opened(version=2, replaces=first.digest, order="0b9b4f2e-7f67-4f49-8b4e-2a53c1f20002").follows(first)


def test_what_is_excluded_says_why() -> None:
    excluded = Excluded(
        ("signal-desktop",), ("bank.example", "clinic.example/patients"), ("Dr. Avon Healer",),
        (Hours(("fri",), "22:00", "06:00"),),
    )  # fmt: skip
    noon = dt.datetime(2026, 3, 4, 12)
    for where, why in (
        (("Signal-Desktop", "", "", noon), "program"),
        (("chromium", "", "https://www.bank.example/login", noon), "bank.example"),
        (("chromium", "", "https://my.BANK.example:8443/", noon), "bank.example"),
        (("chromium", "", "https://clinic.example/patients/7", noon), "clinic.example"),
        (("chromium", "Chat with dr.  avon healer", "", noon), "Dr. Avon Healer"),
        (("xterm", "", "", dt.datetime(2026, 3, 6, 23)), "hour"),
        (("xterm", "", "", dt.datetime(2026, 3, 7, 5, 59)), "hour"),
    ):
        assert why in excluded.why(*where)
    for where in (
        ("chromium", "", "https://notbank.example/", noon),
        ("chromium", "", "https://clinic.example/opening", noon),
        ("chromium", "", "https://other.example/?next=bank.example", noon),
        ("chromium", "Dr. Avon Healers", "", noon),
        ("xterm", "", "", dt.datetime(2026, 3, 7, 6)),
        ("xterm", "", "", dt.datetime(2026, 3, 7, 23)),
        ("xterm", "", "http://[broken", noon),
    ):
        assert excluded.why(*where) == ""


def test_hours_with_equal_ends_are_the_whole_day() -> None:
    sunday = Hours(("sun",), "00:00", "00:00")
    assert sunday.contains(dt.datetime(2026, 3, 8, 0))
    assert sunday.contains(dt.datetime(2026, 3, 8, 23, 59))
    assert not sunday.contains(dt.datetime(2026, 3, 9, 0, 0))


def test_a_devices_request_is_signed_by_the_key_that_it_names() -> None:
    said = {"device": DEVICE, "name": "laptop", "accounts": ["rowan"], "system": "Linux", "made_at": NOW}
    written = sign_request(said, DEVICE_KEY)
    assert open_request(written).key == public(DEVICE_KEY)
    with pytest.raises(ActRefused, match="changed after"):
        open_request(written.replace(b"rowan", b"sam  "))
    with pytest.raises(ActRefused, match="no request"):
        open_request(b"null")

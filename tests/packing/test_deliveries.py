"""Requests of sensors: signed by the sensor for one time, one kind and one body; bodies come back as they were sent."""

from __future__ import annotations

import datetime as dt
import json
from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from opencets.errors import ActRefused, DamagedSource, ValueRefused
from opencets.packing import deliveries

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = b64encode(KEY.public_key().public_bytes_raw()).decode()
NOW = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
HEALTH = deliveries.Health(
    "rehearsal", "run", NOW, False, ("The clock was not measured.",), 7, 5, 3, 2, 900, 1, None, "2026-03-31"
)


def test_a_request_is_signed_by_the_sensor_for_one_time_one_kind_and_one_body() -> None:
    headers = deliveries.sign_delivery("parts", NOW, b"a part", KEY)
    given = headers["X-Sensor"], headers["X-Time"], headers["X-Digest"], headers["X-Signature"]
    assert given[0] == str(deliveries.sensor_id(PUBLIC))
    assert deliveries.require_signed("parts", *given, PUBLIC) == NOW
    other = b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
    for kind, changed, key in (
        ("health", given, PUBLIC),
        ("parts", given, other),
        ("parts", (given[0], "2026-03-10T12:00:01.000Z", *given[2:]), PUBLIC),
        ("parts", (*given[:2], "0" * 64, given[3]), PUBLIC),
        ("parts", (*given[:3], "none"), PUBLIC),
    ):
        with pytest.raises(ActRefused):
            deliveries.require_signed(kind, *changed, key)


@pytest.mark.parametrize("key", ["", "no key", PUBLIC[:-2], PUBLIC + "AAAA", "é" * 44])
def test_what_is_no_key_names_no_sensor(key: str) -> None:
    with pytest.raises(ValueRefused):
        deliveries.sensor_id(key)


def test_a_part_comes_back_as_it_was_sent() -> None:
    for log, sightings in ((b"log", b"sightings"), (b"", b""), (b"\n" * 50, b"opencets part 1\n")):
        assert deliveries.read_part(deliveries.join_part(log, sightings)) == (log, sightings)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"opencets part 1\n", b"opencets part 2\n1 1\nab", b"opencets part 1\n1 1\na", b"opencets part 1\n1 1\nabc",
        b"opencets part 1\n-1 3\nab", b"opencets part 1\n1\nab", b"opencets part 1\n" + b"9" * 60 + b" 1\nab",
        "opencets part 1\n１ 1\nab".encode(),
    ],
)  # fmt: skip
def test_what_is_no_part_is_refused(body: bytes) -> None:
    with pytest.raises(DamagedSource):
        deliveries.read_part(body)


def test_health_comes_back_as_it_was_told() -> None:
    assert deliveries.read_health(deliveries.write_health(HEALTH)) == HEALTH
    well = replace(HEALTH, clock_offset_ms=-12, alerts=())
    assert deliveries.read_health(deliveries.write_health(well)) == well


def test_too_many_alerts_and_too_long_texts_are_cut() -> None:
    health = deliveries.read_health(
        deliveries.write_health(replace(HEALTH, alerts=("alert " * 200,) * 80, run="x" * 500))
    )
    assert len(health.alerts) == deliveries.MOST_ALERTS
    assert len(health.alerts[0]) == deliveries.LONGEST_ALERT
    assert len(health.run) == 120


@pytest.mark.parametrize("change", [{"asked": -1}, {"asked": 1 << 70}, {"alerts": "x"}, {"more": 1}, {"at": "now"}])
def test_health_that_is_not_wholly_understood_is_refused(change: dict[str, Any]) -> None:
    said = json.loads(deliveries.write_health(HEALTH)) | change
    with pytest.raises(DamagedSource):
        deliveries.read_health(json.dumps(said).encode())
    with pytest.raises(DamagedSource):
        deliveries.read_health(b"[" * 100_000)

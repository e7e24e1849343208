"""Without a signed order for this device and account, on a day on which it holds, the agent does not start, and says why."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from opencets.errors import ActRefused
from opencets.packing.fields import instant
from opencets.packing.order import open_order, open_request, sign_order
from opencets_agent.clock import Clock, Clocks
from opencets_agent.command import agent
from opencets_agent.gate import adopt, prepare
from tests.agent.ready import PUBLIC, Watched, condition, health

NOW = dt.datetime.now(dt.UTC)


def expired(watched: Watched) -> bytes:
    return watched.order(ends_at=instant(NOW - dt.timedelta(minutes=1)))


def not_begun(watched: Watched) -> bytes:
    return watched.order(begins_at=instant(NOW + dt.timedelta(hours=1)))


def unsigned(watched: Watched) -> bytes:
    return json.dumps({"text": json.loads(watched.order())["text"]}).encode()


def altered(watched: Watched) -> bytes:
    return watched.order().replace(b"Avon Probation", b"Avon Probatiom")


def strange(watched: Watched) -> bytes:
    return sign_order({**watched.said}, watched.device.key)


def of_another_device(watched: Watched) -> bytes:
    return watched.order(device={**watched.said["device"], "id": "0b9b4f2e-7f67-4f49-8b4e-2a53c1f20099"})


def of_a_former_key(watched: Watched) -> bytes:
    return watched.order(device={**watched.said["device"], "key": PUBLIC})


def of_another_account(watched: Watched) -> bytes:
    return watched.order(device={**watched.said["device"], "accounts": ["nobody-here"]})


def over_an_open_line(watched: Watched) -> bytes:
    return watched.order(server="http://watch.example")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (expired, "ended at"),
        (not_begun, "begins at"),
        (unsigned, "no signed order"),
        (altered, "changed after it was signed"),
        (strange, "not among the trusted keys"),
        (of_another_device, "is for another device"),
        (of_a_former_key, "another key of this device"),
        (of_another_account, "does not reach the account"),
        (over_an_open_line, "only https"),
    ],
)
def test_it_does_not_start_and_says_why(watched: Watched, make: Callable[[Watched], bytes], words: str) -> None:
    watched.bring(make(watched))
    with pytest.raises(ActRefused, match=words):
        prepare(watched.settings)


@pytest.mark.parametrize("make", [expired, altered])
def test_the_command_exits_with_2_and_sends_nothing(watched: Watched, make: Callable[[Watched], bytes]) -> None:
    watched.bring(make(watched))
    done = watched.agent("run", str(watched.settings))
    assert done.returncode == 2
    assert "opencets: The order" in done.stderr
    assert (watched.peer.requests, health(watched)) == (0, {})


def test_without_order_device_or_known_settings_it_does_not_start(watched: Watched) -> None:
    (watched.folder / "order.json").unlink()
    with pytest.raises(ActRefused, match=r"no order at order\.json"):
        prepare(watched.settings)
    (watched.folder / "state" / "device.json").unlink()
    with pytest.raises(ActRefused, match="enrol"):
        prepare(watched.settings)
    watched.settings.write_text(watched.settings.read_text() + "\n[notice]\nhidden = true\n")
    with pytest.raises(ActRefused, match="“notice”, which is not known"):
        prepare(watched.settings)


def test_enrolling_twice_keeps_the_key_and_writes_a_request_that_the_officer_can_check(watched: Watched) -> None:
    out = watched.folder / "request.json"
    for _ in range(2):
        done = CliRunner().invoke(agent, ["enrol", str(watched.settings), "--out", str(out), "--account", "rowan"])
        assert done.exit_code == 0
        request = open_request(out.read_bytes())
        assert (request.device, request.key, request.accounts) == (watched.device.id, watched.device.public, ("rowan",))
    assert (watched.folder / "state" / "device.json").stat().st_mode & 0o77 == 0


def test_the_notice_prints_all_that_is_recorded_and_who_else_knows(watched: Watched) -> None:
    excluded = {"programs": ["signal-desktop"], "sites": ["bank.example"], "people": ["Dr. Healer"], "hours": []}
    watched.bring(watched.order(conditions=[condition(excluded=excluded)]))
    printed = CliRunner().invoke(agent, ["notice", str(watched.settings)]).output
    for words in ("Avon Probation", "Order 7/2026", "Sam Example", "registry@court.example", "text that is typed",
                  "signal-desktop; bank.example; Dr. Healer", "Never recorded: passwords"):  # fmt: skip
        assert words in printed
    watched.bring(watched.order(language="fr"))
    assert "Cet ordinateur est surveillé" in CliRunner().invoke(agent, ["notice", str(watched.settings)]).output


def test_a_later_version_is_obeyed_and_no_other(watched: Watched) -> None:
    ready = prepare(watched.settings)
    second = watched.later(reference="Order 7/2026, changed")
    order = adopt(second, ready.order, ready)
    assert order is not None
    assert prepare(watched.settings).order.reference == "Order 7/2026, changed"
    with pytest.raises(ActRefused, match="does not replace"):
        adopt(watched.order(version=2, replaces="0" * 64), ready.order, ready)
    with pytest.raises(ActRefused, match="not among the trusted"):
        adopt(sign_order(watched.said, watched.device.key), ready.order, ready)
    third = watched.order(version=3, replaces=open_order(second, [PUBLIC]).digest)
    assert adopt(third, ready.order, ready) is not None, "version 2 may never have reached the device"


def test_a_clock_turned_back_does_not_make_the_order_longer_and_one_turned_on_does_not_end_it(watched: Watched) -> None:
    folder, day = watched.folder / "state", 86_400.0
    time = {"wall": 1_000 * day, "boot": 50.0}
    clocks = Clocks(lambda: time["wall"], lambda: time["boot"], "boot 1")
    clock = Clock(folder, clocks)
    time["boot"] += 3600
    time["wall"] += 3600 - 7 * day
    assert clock.now().timestamp() == 1_000 * day + 3600
    assert clock.moved() == pytest.approx(-7 * day)
    assert clock.moved() == 0
    clock.keep()
    time["wall"] += 14 * day
    assert Clock(folder, clocks).now().timestamp() == 1_000 * day + 3600
    later = Clock(folder, Clocks(lambda: 990 * day, lambda: 5.0, "boot 2"))
    assert later.now().timestamp() == 1_000 * day + 3600
    clock.hear(dt.datetime.fromtimestamp(2_000 * day, dt.UTC))
    assert clock.now().timestamp() == 2_000 * day

"""What devices send: kept once, in order, whatever comes twice, late, cut or changed; nothing beyond the order is shown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from opencets.errors import ActRefused, DamagedSource, NotFound, SourceRefused
from opencets.packing.captures import Account, Drive, Entry, Evasion, Gap, Stopped, batch_of, check_chain
from tests.web.supervision.conftest import Agent, Watched, heartbeat, hit, picture, supervising, watch

if TYPE_CHECKING:
    from opencets_web.policy.actor import Actor
    from tests.web.conftest import Cast

    Behind = Callable[[Actor | None], AbstractContextManager[None]]


@pytest.fixture
def send(watched: Watched, as_actor: Behind) -> Callable[..., dict[str, Any]]:
    """Bring entries as the device does, signature and all, behind the wall and signed in as nobody."""
    from opencets_web.supervision import receiving

    def bring(entries: list[Entry], agent: Agent | None = None) -> dict[str, Any]:
        by, body, now = agent or watched.agent, batch_of(entries), dt.datetime.now(dt.UTC)
        headers = by.headers(body)
        with as_actor(None):
            device, said = receiving.require_device(
                headers["X-Device"], headers["X-Time"], headers["X-Signature"], body, now
            )
            return receiving.take_batch(device, said, body, now)

    return bring


def _rows(watched: Watched) -> tuple[list[Any], list[Any], list[Any]]:
    from opencets_web.supervision import models

    of = {"device_id": watched.device_id}
    return (
        list(models.Entry.objects.filter(**of).order_by("seq")),
        list(models.Hit.objects.filter(**of).order_by("seq")),
        list(models.Fault.objects.filter(**of).order_by("at", "id")),
    )


def test_a_hit_is_kept_once_with_what_its_condition_allows(watched: Watched, send: Any, as_actor: Behind) -> None:
    agent = watched.agent
    entries = [agent.entry(heartbeat()), agent.entry(hit(screenshot=True)), agent.entry(picture(2))]
    answer = send(entries)
    assert answer["received"] == 3
    assert answer["order"] is None
    assert send(entries)["received"] == 3
    with as_actor(watched.officer):
        kept, hits, faults = _rows(watched)
    assert [row.seq for row in kept] == [1, 2, 3]
    assert not faults
    (found,) = hits
    assert found.said["match"] == "meet at the blue kiosk"
    assert found.said["before"] == "x" * 40
    assert len(found.said["after"]) == 40
    assert found.screenshot_seq == 3
    assert found.delete_on == (found.received_at + dt.timedelta(days=60)).date()
    again = [
        Entry(row.device_id.__str__(), row.boot, row.seq, row.at_text, row.mono_ms, row.kind, str(row.order_ref),
              row.order_version, row.prev, row.body, row.hash)
        for row in kept
    ]  # fmt: skip
    assert again == entries


def test_batches_that_come_in_another_order_are_all_kept_without_a_fault(
    watched: Watched, send: Any, as_actor: Behind
) -> None:
    entries = [watched.agent.entry(heartbeat()) for _ in range(9)]
    assert send(entries[3:6])["received"] == 0
    assert send(entries[:3])["received"] == 3
    assert send(entries[6:])["received"] == 3
    assert send(entries[3:6])["received"] == 6
    assert send(entries[2:])["received"] == 9
    with as_actor(watched.officer):
        kept, _, faults = _rows(watched)
    assert [row.seq for row in kept] == list(range(1, 10))
    assert not faults


def test_what_a_device_no_longer_has_is_a_gap_that_a_late_entry_fills(
    watched: Watched, send: Any, as_actor: Behind
) -> None:
    entries = [watched.agent.entry(hit(words)) for words in ("one", "two", "three", "four")]
    assert send(entries[:1])["received"] == 1
    assert send(entries[3:])["received"] == 1
    assert send(entries[3:])["received"] == 4
    with as_actor(watched.officer):
        _, hits, (gap,) = _rows(watched)
        assert gap.kind == "gap"
        assert "2 to 3" in gap.sentence
        assert len(hits) == 2
    assert send(entries[1:3])["received"] == 4
    with as_actor(watched.officer):
        kept, hits, _ = _rows(watched)
        assert [row.seq for row in kept] == [1, 2, 3, 4]
        assert len(hits) == 4


def test_a_number_used_again_and_a_changed_entry_are_kept_and_told(
    watched: Watched, send: Any, as_actor: Behind
) -> None:
    agent = watched.agent
    first, second = agent.entry(heartbeat()), agent.entry(hit())
    send([first, second])
    other = replace(second, mono_ms=second.mono_ms + 1)
    send([first, replace(other, hash=other.reckoned())])
    third = agent.entry(heartbeat())
    send([replace(third, kind="window")])
    agent.after = (3, third.hash)
    fourth = agent.entry(heartbeat(), prev="0" * 64)
    send([fourth])
    with as_actor(watched.officer):
        kept, hits, faults = _rows(watched)
    assert [row.seq for row in kept] == [1, 2, 3, 4]
    assert len(hits) == 1
    told = {(fault.kind, fault.seq) for fault in faults}
    assert {("reused", 2), ("chain", 3), ("chain", 4)} <= told
    assert next(fault for fault in faults if fault.kind == "reused").kept


def test_two_entries_of_one_number_in_one_batch_are_one_entry_and_a_fault(
    watched: Watched, send: Any, as_actor: Behind
) -> None:
    first = watched.agent.entry(heartbeat())
    other = replace(first, mono_ms=7)
    assert send([first, replace(other, hash=other.reckoned())])["received"] == 1
    with as_actor(watched.officer):
        kept, _, faults = _rows(watched)
    assert [row.hash for row in kept] == [first.hash]
    assert "reused" in {fault.kind for fault in faults}


def test_what_goes_beyond_the_order_is_let_go_and_told(watched: Watched, send: Any, as_actor: Behind) -> None:
    agent = watched.agent
    beyond = [
        hit(condition="C9"), hit(collector="clipboard"), hit(severity=1), hit(program="thunderbird"),
        hit(address="https://login.bank.example/in"),
    ]  # fmt: skip
    entries = [agent.entry(body) for body in beyond]
    entries += [agent.entry(hit(screenshot=True)), agent.entry(picture(6, "screen"))]
    assert send(entries)["received"] == 7
    with as_actor(watched.officer):
        kept, hits, faults = _rows(watched)
    assert [row.seq for row in hits] == [6]
    assert hits[0].screenshot_seq is None
    assert [fault.kind for fault in faults] == ["order"] * 6
    assert [row.seq for row in kept if row.body.startswith("sha256:")] == [1, 2, 3, 4, 5, 7]
    again = [replace(sent, body=row.body) for sent, row in zip(entries, kept, strict=True)]
    assert not check_chain(again, (0, entries[0].prev))


def test_texts_and_numbers_that_no_database_keeps_do_not_stop_a_device(
    watched: Watched, send: Any, as_actor: Behind
) -> None:
    agent = watched.agent
    odd = hit("a\x00b\ud800c", program="x\x00term", conversation="\udfff")
    assert send([agent.entry(odd), agent.entry(heartbeat())])["received"] == 2
    with pytest.raises(DamagedSource):
        send([agent.entry(heartbeat(), seq=1 << 70)])
    with as_actor(watched.officer):
        kept, hits, faults = _rows(watched)
    assert [row.seq for row in kept] == [1, 2]
    assert not hits
    assert [fault.kind for fault in faults] == ["unreadable"]


def test_gaps_evasion_and_stopping_are_told(watched: Watched, send: Any, as_actor: Behind) -> None:
    agent = watched.agent
    send(
        [
            agent.entry(Gap(1, 9, 9, {"window": 9}, "the spool was full")),
            agent.entry(Evasion("live-system", "The device was started from another drive.", 4)),
            agent.entry(heartbeat(notice_visible=False)),
            agent.entry(Stopped("asked by the user")),
        ]
    )
    with as_actor(watched.officer):
        _, _, faults = _rows(watched)
    assert {fault.kind for fault in faults} == {"gap", "evasion", "notice", "stopped"}


def test_drives_and_accounts_are_hits_as_severe_as_the_condition_says_and_those_that_stay_are_told_once(
    watched: Watched, send: Any, as_actor: Behind
) -> None:
    from opencets.packing.order import open_order
    from opencets_web.supervision import actions, by_rule, queries
    from opencets_web.supervision.models import Entry, Hit, Order

    officer, agent = watched.officer, watched.agent
    stick = Drive("present", "/dev/sdb1", "/media/sam/STICK", "vfat", 16_000_000_000)
    send([agent.entry(stick)])
    with as_actor(officer):
        _, hits, (fault,) = _rows(watched)
        assert not hits
        assert "no condition names the collector drive" in fault.sentence
        made = actions.draft_order(officer, watched.device_id)
        hours = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "00:00", "to": "00:00"}]
        for ref, collectors, excluded in (
            ("C1", ["drive"], {"hours": hours}), ("C2", ["account", "drive"], {}), ("C3", ["drive"], {}),
        ):  # fmt: skip
            actions.put_condition(
                officer, made, ref=ref, words="No other drives.", collectors=collectors, excluded=excluded,
                alert_severity=3, severity_from=5,
            )  # fmt: skip
        actions.sign_order(officer, made)
        row = Order.objects.get(pk=made)
        order = open_order(row.document.encode(), [watched.order.key])
        assert {one.ref: one.alert_severity for one in order.conditions} == {"C1": 3, "C2": 3, "C3": 3}
        agent.obey(order)
    bodies = [
        stick, replace(stick, device="/dev/sdc1"), replace(stick, act="removed"), replace(stick, act="added"),
        Account("present", "guest"), Account("present", "guest"), Account("signed in", "guest"), Account("signed out", "guest"),
    ]  # fmt: skip
    send([agent.entry(body) for body in bodies])
    send([agent.entry(stick)])
    with as_actor(officer):
        _, hits, _ = _rows(watched)
        assert [(hit.seq, hit.phrase, hit.severity, hit.condition) for hit in hits] == [
            (2, "A drive is plugged in", 3, "C2"), (5, "A drive was plugged in", 3, "C2"),
            (6, "There is another account", 3, "C2"), (8, "Another account signed in", 3, "C2"),
        ]  # fmt: skip
        assert hits[0].said["reason"] == (
            "The drive /dev/sdb1 (vfat, 16.0 GB) was there when the agent began to look; its folder is /media/sam/STICK."
            " Nothing on it was looked at. Condition C2 tells of it with severity 3."
        )
        assert "“guest”, which the order does not name, signed in" in hits[3].said["reason"]
        listed = queries.get_queue(officer).rows
        assert {(one.phrase, one.text) for one in listed} == {
            ("A drive was plugged in", "/dev/sdb1 at /media/sam/STICK"), ("Another account signed in", "guest"),
        }  # fmt: skip
        Entry.objects.filter(kind__in=["drive", "account"]).update(
            received_at=dt.datetime.now(dt.UTC) - dt.timedelta(days=91)
        )
    with as_actor(None):
        by_rule.delete_by_rule()
    with as_actor(officer):
        kept, hits, _ = _rows(watched)
        assert all(hit.deleted_at is None for hit in hits)
        with_words = {row.seq for row in kept if not row.body.startswith("sha256:")}
        assert with_words == {2, 5, 6, 8}, "what a hit stands on stays as long as the hit"
        assert Hit.objects.count() == 4


def test_signatures_clocks_and_other_devices_are_refused(
    watched: Watched, send: Any, cast: Cast, as_actor: Behind
) -> None:
    from opencets_web.supervision import receiving

    now = dt.datetime.now(dt.UTC)
    body = batch_of([watched.agent.entry(heartbeat())])
    headers = watched.agent.headers(body, now - dt.timedelta(seconds=400))
    with as_actor(None):
        with pytest.raises(receiving.ClockApart):
            receiving.require_device(*headers.values(), body, now)
        headers = watched.agent.headers(body)
        with pytest.raises(ActRefused, match="signature"):
            receiving.require_device(*headers.values(), body + b" ", now)
        with pytest.raises(NotFound):
            receiving.require_device("x", *list(headers.values())[1:], body, now)
        stranger = Agent()
        with pytest.raises(NotFound):
            receiving.require_device(*stranger.headers(body).values(), body, now)
    other = Agent()
    colleague = supervising(cast.colleague)
    with as_actor(colleague):
        watch(colleague, other, "SV-2026-0002")
    with pytest.raises(SourceRefused, match="another device"):
        send([watched.agent.entry(heartbeat())], other)
    for hostile in (b"[]", b"{}", b"[" * 100_000, b'[{"seq":1}]', b"\xff"):
        headers = watched.agent.headers(hostile)
        with as_actor(None):
            device, said = receiving.require_device(*headers.values(), hostile, now)
            with pytest.raises(DamagedSource):
                receiving.take_batch(device, said, hostile, now)
    with as_actor(watched.officer):
        kept, _, faults = _rows(watched)
    assert not kept
    assert [fault.kind for fault in faults] == ["clock"]


def test_a_newer_order_is_handed_out_until_the_agent_has_it(watched: Watched, send: Any, as_actor: Behind) -> None:
    import json

    from opencets.packing.order import open_order
    from opencets_web.supervision import actions

    officer, agent = watched.officer, watched.agent
    with as_actor(officer):
        made = actions.draft_order(officer, watched.device_id)
        actions.change_draft(officer, made, words="Computer use is watched, less than before.")
        actions.sign_order(officer, made)
    document = send([agent.entry(heartbeat())])["order"]
    order = open_order(json.dumps(document).encode(), [document["key"]])
    assert order.version == 2
    assert order.follows(watched.order)
    agent.obey(order)
    assert send([agent.entry(heartbeat())])["order"] is None
    with as_actor(officer):
        ended = actions.end_order(officer, made)
    document = send([agent.entry(heartbeat())])["order"]
    order = open_order(json.dumps(document).encode(), [document["key"]])
    assert order.version == 3
    with pytest.raises(ActRefused, match="ended"):
        order.require(agent.device, dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1))
    assert ended


def test_nobody_but_the_officer_by_name_sees_it(watched: Watched, send: Any, cast: Cast, as_actor: Behind) -> None:
    from opencets_web.policy import door
    from opencets_web.supervision.models import Device, Entry, Hit, SupervisedPerson

    send([watched.agent.entry(hit())])
    for actor in (cast.colleague, cast.outsider, cast.administrator, cast.auditor, None):
        with as_actor(actor):
            for model in (SupervisedPerson, Device, Entry, Hit):
                assert not model.objects.exists(), (actor, model)
                if actor is not None:
                    assert not door.visible(actor, model.objects.all()).exists()
    with as_actor(watched.officer):
        assert Hit.objects.count() == 1

"""Whatever the server does, each entry arrives once and in order, and a hit does not wait."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from opencets.packing import captures
from opencets_agent.clock import Clock
from opencets_agent.gate import prepare
from opencets_agent.sending import Answer, Sender
from opencets_agent.spool import Spool
from tests.agent.desktop import until
from tests.agent.peer import Peer
from tests.agent.ready import Watched, make_watched


class Agent:
    """Spool and sender alone, as the agent joins them."""

    def __init__(self, watched: Watched) -> None:
        self.watched, self.heard = watched, list[Answer]()
        ready = prepare(watched.settings)
        self.clock: Clock = ready.clock
        self.spool = Spool(ready.folder, ready.device.id, str(uuid4()), self.clock.wall, 1 << 24)
        self.to, self.order = ready.order.server_key, ready.order.order
        self.sender = Sender(
            self.spool, ready.device, self.clock, ready.order.server, ready.context, 1, self.heard.append
        )
        self.sender.start()

    def put(self, count: int = 1) -> None:
        for number in range(count):
            self.spool.append(captures.Window("xterm", f"{number}"), self.to, self.order, 1)
        self.sender.hurry()

    def arrived(self) -> list[int]:
        return [entry.seq for entry in self.watched.peer.entries(self.watched.device.id)]


@pytest.fixture
def agent(watched: Watched) -> Iterator[Agent]:
    made = Agent(watched)
    yield made
    made.sender.finish(3)
    made.spool.close()


def all_of(agent: Agent, count: int) -> None:
    until(lambda: len(agent.arrived()) == count and agent.spool.waiting()[0] == 0, 20)
    assert agent.arrived() == list(range(1, count + 1))
    assert agent.watched.peer.faults(agent.watched.device.id) == []
    assert agent.watched.peer.again == []


@pytest.mark.parametrize("how", ["500", "503", "403", "404", "429", "cut", "cut after", "nonsense", "silent"])
def test_nothing_is_lost_or_doubled_when_the_server_fails(agent: Agent, how: str) -> None:
    agent.put(3)
    until(lambda: len(agent.arrived()) == 3)
    agent.watched.peer.failing = how
    agent.put(70)
    until(lambda: agent.sender.trouble, 10)
    assert agent.spool.waiting()[0] >= 70 - 64
    agent.watched.peer.failing = ""
    agent.put(1)
    all_of(agent, 74)


def test_a_hit_does_not_wait_for_the_pause(agent: Agent) -> None:
    agent.watched.peer.failing = "500"
    for _ in range(5):
        agent.put()
        time.sleep(0.55)
    agent.watched.peer.failing = ""
    began = time.monotonic()
    agent.put()
    all_of(agent, 6)
    assert time.monotonic() - began < 2


def test_while_all_is_well_an_entry_is_there_at_once(agent: Agent) -> None:
    took = []
    for number in range(1, 21):
        began = time.monotonic()
        agent.put()
        until(lambda number=number: len(agent.arrived()) == number, 5, 0.002)
        took.append(time.monotonic() - began)
    assert sorted(took)[18] < 1


def test_the_servers_time_is_taken_and_a_device_whose_clock_is_wrong_still_comes_through(agent: Agent) -> None:
    agent.watched.peer.ahead = dt.timedelta(days=2)
    agent.put(2)
    all_of(agent, 2)
    assert abs(agent.clock.now() - dt.datetime.now(dt.UTC) - dt.timedelta(days=2)) < dt.timedelta(seconds=5)
    assert abs((agent.clock.ahead_ms() or 0) + 2 * 86_400_000) < 5000


def test_it_comes_over_tls_and_a_stranger_in_between_gets_nothing(tmp_path: Path) -> None:
    with Peer(tmp_path / "true") as peer, Peer(tmp_path / "stranger") as stranger:
        watched = make_watched(tmp_path / "device", peer)
        agent = Agent(watched)
        agent.put(2)
        all_of(agent, 2)
        agent.sender.finish(3)
        agent.spool.close()
        watched.bring(watched.order(server=stranger.address))
        fooled = Agent(watched)
        fooled.put()
        until(lambda: "certificate" in fooled.sender.trouble.lower(), 10)
        assert (bytes(stranger.wire), fooled.spool.waiting()[0]) == (b"", 1)
        fooled.sender.finish(1)
        fooled.spool.close()


def test_a_library_is_fetched_by_its_digest(agent: Agent) -> None:
    agent.watched.peer.libraries["ab" * 32] = b"library"
    assert agent.sender.fetch_library("ab" * 32) == b"library"
    with pytest.raises(ValueError, match="404"):
        agent.sender.fetch_library("cd" * 32)

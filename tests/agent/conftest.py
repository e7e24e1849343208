"""A server and a device with its order, for each test anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.peer import Peer
from tests.agent.ready import Watched, make_watched


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as made:
        yield made


@pytest.fixture
def watched(tmp_path: Path, peer: Peer) -> Watched:
    return make_watched(tmp_path / "device", peer)

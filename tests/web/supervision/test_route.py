"""The route of devices on a real socket: whoever is no device of ours is turned away before a byte of theirs is read."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from opencets.packing.captures import LARGEST_BATCH
from tests.web.supervision.conftest import Agent

SECONDS = 10.0
"""Far less than the route waits for a body that does not come."""


@pytest.fixture
def port(db: None) -> Iterator[int]:
    """The route alone, served as in front of Django."""
    import uvicorn

    from opencets_web.supervision.route import BODY_SECONDS, AgentApp

    assert SECONDS < BODY_SECONDS
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(AgentApp(), log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield int(listening.getsockname()[1])
        server.should_exit = True
        thread.join(20)


def answered(port: int, headers: dict[str, str], path: str = "/agent/v1/entries") -> tuple[int, dict[str, str]]:
    """Status and words of the answer to a request that says how long its body is, and sends none of it."""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as line:
        said = {
            "Host": "localhost",
            "Content-Type": "application/json",
            "Content-Length": str(LARGEST_BATCH),
            **headers,
        }
        lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in said.items()), "", ""]
        line.sendall("\r\n".join(lines).encode())
        given = b""
        while b"\r\n\r\n" not in given or not given.endswith(b"}"):
            piece = line.recv(65536)
            assert piece, f"the line ended after {given!r}"
            given += piece
    head, _, body = given.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


STRANGER = "01a1e9d0-6f3a-7c55-8d1e-3b7f5a9c2e46"


@pytest.mark.parametrize("device", [STRANGER, "nobody", "", STRANGER.upper()])
def test_a_stranger_is_turned_away_before_the_body_is_read(port: int, device: str) -> None:
    headers = {**Agent().headers(b""), "X-Device": device}
    status, said = answered(port, headers)
    assert (status, said["code"]) == (401, "signature")
    assert said["sentence"] == "The signature of the device does not hold."


def test_what_is_no_address_of_devices_is_not_read_either(port: int) -> None:
    assert answered(port, {}, "/agent/v1/elsewhere")[0] == 404

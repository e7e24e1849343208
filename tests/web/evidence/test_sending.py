"""Files sent by a browser to the real server and the real database, with the server killed in the middle."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from tests.web.evidence.programs import run

PART = 1_500_000
CONTENT = random.Random(11).randbytes(4 * PART + 12_345)


@dataclass
class Server:
    """The real web server on a socket that outlives it."""

    taken: socket.socket
    running: subprocess.Popen[bytes] | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"http://localhost:{self.taken.getsockname()[1]}"

    def start(self) -> None:
        number = self.taken.fileno()
        self.running = subprocess.Popen(
            [sys.executable, "-m", "opencets_web.commands.children", "web", str(number)],
            env={**os.environ, "OPENCETS_DB_ROLE": "web", "OPENCETS_PARENT": str(os.getpid())},
            pass_fds=(number,),
        )
        until = time.monotonic() + 90
        while True:
            try:
                if httpx.get(f"{self.address}/healthz", timeout=30).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < until, "the server did not answer"
            time.sleep(0.2)

    def end(self, sign: signal.Signals = signal.SIGTERM) -> None:
        if self.running is not None:
            self.running.send_signal(sign)
            self.running.wait(60)
            self.running = None

    def ask(self, method: str, path: str, cookie: str, content: bytes = b"", **headers: str) -> httpx.Response:
        sent = {"Tus-Resumable": "1.0.0", "Origin": self.address, "Cookie": cookie} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return httpx.request(method, self.address + path, headers=sent, content=content, timeout=60)


@pytest.fixture(scope="module")
def server(prepared: None) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        made = Server(taken)
        made.start()
        yield made
        made.end()


def described(**texts: str) -> str:
    return ",".join(f"{name} {base64.b64encode(text.encode()).decode()}" for name, text in texts.items())


@pytest.mark.slow
def test_a_file_sent_in_parts_over_a_killed_server_arrives_whole_and_is_read(server: Server) -> None:
    name = uuid.uuid4().hex[:8]
    officer = run("owner", "cast", "Kelvin")["officer"]
    stranger = run("owner", "cast", "Lomond")["officer"]
    cookie, other = run("web", "session", officer)["cookie"], run("web", "session", stranger)["cookie"]
    exhibit = run("web", "begin", officer, f"UP-{name}")["exhibit"]
    length = str(len(CONTENT))

    def create(by: str, path: str = "phone/clip.bin", **headers: str) -> httpx.Response:
        told = described(exhibit=exhibit, relative_path=path)
        return server.ask("POST", "/uploads/", by, Upload_Length=length, Upload_Metadata=told, **headers)

    # Nobody but the officers of the case comes in, and only from the server's own pages.
    assert create(other).status_code == 404
    assert create("").status_code in (401, 403)
    assert create("sessionid=unknown").status_code in (401, 403)
    assert create(cookie, Origin="http://elsewhere.example.org").status_code == 403
    assert create(cookie, path="long/" * 300 + "name").status_code == 400
    assert create(cookie, path="../../climbing.bin").status_code == 400

    made = create(cookie)
    assert made.status_code == 201, made.text
    place = made.headers["location"].removeprefix(server.address)
    part = {"Content_Type": "application/offset+octet-stream"}
    assert server.ask("HEAD", place, other).status_code == 404
    assert server.ask("PATCH", place, other, CONTENT[:10], Upload_Offset="0", **part).status_code == 404
    assert server.ask("PATCH", place, cookie, CONTENT[:PART], Upload_Offset="0", **part).status_code == 204

    # A connection that is open while the server dies.
    with socket.create_connection(server.taken.getsockname()) as line:
        head = (
            f"PATCH {place} HTTP/1.1\r\nHost: localhost:{server.taken.getsockname()[1]}\r\nOrigin: {server.address}\r\n"
            f"Cookie: {cookie}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {PART}\r\n"
            f"Content-Type: application/offset+octet-stream\r\nContent-Length: {len(CONTENT) - PART}\r\n\r\n"
        )
        line.sendall(head.encode() + CONTENT[PART : 3 * PART])
        time.sleep(1.0)
        server.end(signal.SIGKILL)
    server.start()

    found = server.ask("HEAD", place, cookie)
    assert found.status_code in (200, 204)
    offset = int(found.headers["upload-offset"])
    assert 0 < offset <= 3 * PART
    while offset < len(CONTENT):
        answer = server.ask("PATCH", place, cookie, CONTENT[offset : offset + PART], Upload_Offset=str(offset), **part)
        assert answer.status_code == 204, answer.text
        offset = int(answer.headers["upload-offset"])

    run("web", "complete", officer, exhibit)
    run("jobs", "read", officer, exhibit)
    told = run("owner", "tell", exhibit)
    ((path, state, sha256, size, *_),) = told["files"]
    assert (path, size) == ("phone/clip.bin", len(CONTENT))
    assert sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert state != "waiting"
    assert told["exhibit"][0][0] == "read"
    # The exhibit is complete: nothing more comes in.
    assert create(cookie).status_code == 409

"""A small server on loopback that takes what a sensor delivers, and does with it what a test says."""

from __future__ import annotations

import datetime as dt
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opencets.packing import deliveries
from opencets.packing.fields import instant
from opencets.sighting.delivered import check_part

Rule = Callable[[str, bytes], "tuple[int, dict[str, Any]] | None"]


@dataclass
class Taken:
    """What the sensor of one key sent, and what was kept. ``rule``: an answer instead of the server's own; 0: none at all."""

    key: str
    kept: dict[str, int] = field(default_factory=dict)
    """By SHA-256 of the log: how often it came."""
    rows: int = 0
    health: list[deliveries.Health] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    rule: Rule | None = None
    ahead: dt.timedelta = dt.timedelta()
    port: int = 0

    @property
    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.ahead

    def answer(self, kind: str, headers: Any, body: bytes) -> tuple[int, dict[str, Any]]:
        """As the real one: signature, clock, digest, then the body."""
        given = [headers.get(f"X-{name}", "") for name in ("Sensor", "Time", "Digest", "Signature")]
        said = deliveries.require_signed(kind, given[0], given[1], given[2], given[3], self.key)
        assert given[2] == sha256(body).hexdigest()
        self.asked.append(kind)
        if abs((said - self.now).total_seconds()) > deliveries.LATEST_SECONDS:
            return 409, {"code": "clock", "sentence": "Too far."}
        if self.rule is not None and (made := self.rule(kind, body)) is not None and made[0]:
            return made
        if kind == "health":
            self.health.append(deliveries.read_health(body))
            return 200, {"kept": "health"}
        checked, rows = check_part(*deliveries.read_part(body), self.key)
        self.kept[checked.digest] = self.kept.get(checked.digest, 0) + 1
        self.rows += rows if self.kept[checked.digest] == 1 else 0
        return 200, {"kept": checked.digest, "again": self.kept[checked.digest] > 1}


@contextmanager
def serving(taken: Taken, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """The server's address; at the same port as before where ``taken`` was served before."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            kind = self.path.removeprefix("/sensor/v1/")
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, said = taken.answer(kind, self.headers, body)
            if taken.rule is not None and (made := taken.rule(kind, body)) is not None and not made[0]:
                self.close_connection = True
                return
            told = json.dumps({**said, "time": instant(taken.now)}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *given: Any) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True

    server = Server(("127.0.0.1", taken.port), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    taken.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"{'http' if context is None else 'https'}://127.0.0.1:{taken.port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

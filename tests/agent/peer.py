"""A small server that keeps the contract of entries with real sockets: for tests of the agent alone, and for its benchmark.

It keeps what it was sent as it was sent, answers as the contract says, and can be told to fail in the ways that servers fail.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyrage
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from opencets.errors import OpenCETSError
from opencets.packing import captures
from opencets.packing.captures import Body, Entry, beginning, check_chain, read_batch, require_signed
from opencets.packing.fields import instant


class Peer:
    """Keeps entries of devices. ``failing``: what it does instead of answering, as long as it is set."""

    def __init__(self, folder: Path | None = None) -> None:
        self.identity = pyrage.x25519.Identity.generate()
        self.keys: dict[str, str] = {}
        self.kept: dict[str, dict[int, Entry]] = {}
        self.arrived: dict[tuple[str, int], float] = {}
        self.again: list[tuple[str, int]] = []
        """Numbers that came with another hash than before."""
        self.doubled = 0
        self.orders: dict[str, Any] = {}
        self.libraries: dict[str, bytes] = {}
        self.wanted: list[dict[str, str]] = []
        self.wire = bytearray()
        self.requests = 0
        self.failing = ""
        self.ahead = dt.timedelta(0)
        self.lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Answering)
        self._server.peer = self
        self.certificate = ""
        if folder is not None:
            self.certificate = str(_certificate(folder))
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate, folder / "peer.key")
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.address = f"http{'s' if folder else ''}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.failing = "cut"
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def entries(self, device: str) -> list[Entry]:
        with self.lock:
            return [entry for _, entry in sorted(self.kept.get(device, {}).items())]

    def bodies(self, device: str, kind: type[Any] | None = None) -> list[Body]:
        """What the entries say, opened with the server's key."""
        opened = [captures.open_body(entry, [str(self.identity)]) for entry in self.entries(device)]
        return [body for body in opened if body is not None and (kind is None or isinstance(body, kind))]

    def faults(self, device: str) -> list[str]:
        return [fault.kind for fault in check_chain(self.entries(device), beginning(device))]

    def take(self, device: str, body: bytes, headers: Any) -> tuple[int, dict[str, Any]]:
        now = dt.datetime.now(dt.UTC) + self.ahead
        said = {"time": instant(now)}
        try:
            at = require_signed(device, headers["X-Time"], headers["X-Signature"], body, self.keys[device])
        except (KeyError, OpenCETSError):
            return 403, said
        if abs((at - now).total_seconds()) > captures.LATEST_SECONDS:
            return 401, said
        if not body:
            return 200, said
        with self.lock:
            kept = self.kept.setdefault(device, {})
            for entry in read_batch(body):
                if entry.seq in kept:
                    self.doubled += 1
                    if kept[entry.seq].hash != entry.hash:
                        self.again.append((device, entry.seq))
                    continue
                kept[entry.seq] = entry
                self.arrived[device, entry.seq] = time.time()
            received = next((n for n in range(len(kept), 0, -1) if n in kept and len(kept) >= n), 0)
        return 200, {**said, "received": received, "order": self.orders.get(device), "libraries": self.wanted}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    peer: Peer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that was cut is what these tests are about."""


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        peer = self.server.peer
        body = self.rfile.read(int(self.headers["Content-Length"]))
        peer.requests += 1
        with peer.lock:
            peer.wire += self.path.encode() + str(self.headers).encode() + body
        if self._fails(peer, lambda: peer.take(self.headers["X-Device"], body, self.headers)):
            return
        self._answer(*peer.take(self.headers["X-Device"], body, self.headers))

    def do_GET(self) -> None:
        peer = self.server.peer
        status, said = peer.take(self.headers["X-Device"], b"", self.headers)
        library = peer.libraries.get(self.path.rpartition("/")[2])
        if status == 200 and library is not None:
            self._send(200, library)
        else:
            self._answer(404 if status == 200 else status, said)

    def _fails(self, peer: Peer, take: Callable[[], object]) -> bool:
        how = peer.failing
        if how.isdigit():
            self._send(int(how), b"<html>no</html>")
        elif how == "silent":
            time.sleep(3)
            self.close_connection = True
        elif how == "cut":
            self.close_connection = True
        elif how == "cut after":
            take()
            self.close_connection = True
        elif how == "nonsense":
            self._send(200, b"[" * 1000)
        else:
            return False
        return True

    def _answer(self, status: int, said: dict[str, Any]) -> None:
        self._send(status, json.dumps(said).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _certificate(folder: Path) -> Path:
    """A certificate of its own for 127.0.0.1, of an hour."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "peer.example")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "peer.key").write_bytes(private)
    (folder / "peer.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return folder / "peer.pem"

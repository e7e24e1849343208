"""The audit of dependencies ends red where a locked version has an advisory, and says so where it could not ask.

The two services cannot be reached from where tests run. A server on loopback stands for them: it speaks the part of their
protocols that pip-audit and npm use, and those two run as they are.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from gzip import decompress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.house.repository import ROOT

WEAKNESS = "GHSA-xxxx-test-0001"


class Advisories(ThreadingHTTPServer):
    """Answers for OSV (one package a question) and for npm (all in one)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.weak: set[str] = set()
        self.asked: set[str] = set()
        self.address = f"http://127.0.0.1:{self.server_address[1]}/"


class _Answers(BaseHTTPRequestHandler):
    server: Advisories

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        question = json.loads(decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        answer: object
        if "bulk" in self.path:
            self.server.asked |= set(question)
            answer = {
                name: [
                    {"id": 1, "title": "Planted", "severity": "high", "vulnerable_versions": "*", "url": "", "cwe": []}
                ]
                for name in self.server.weak & set(question)
            }
        else:
            name = question["package"]["name"]
            self.server.asked.add(name)
            affected = [{"package": {"name": name, "ecosystem": "PyPI"}, "versions": [question["version"]]}]
            weakness = {"id": WEAKNESS, "summary": "Planted", "modified": "2026-11-22T00:00:00Z", "affected": affected}
            answer = {"vulns": [weakness]} if name in self.server.weak else {}
        told = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def advisories() -> Iterator[Advisories]:
    """A service in which no package has a weakness yet."""
    serving = Advisories()
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield serving
    serving.shutdown()
    serving.server_close()


def _audit(address: str, *more: str) -> tuple[int, str]:
    mirrors = {"OPENCETS_ADVISORIES": f"{address}v1/query", "OPENCETS_NPM_ADVISORIES": address}
    line = [sys.executable, str(ROOT / "scripts" / "audit_dependencies.py"), *more]
    ended = subprocess.run(
        line,
        env={**os.environ, **mirrors},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_sound_locks_are_said_to_be_sound_and_every_package_is_asked_about(advisories: Advisories) -> None:
    code, told = _audit(advisories.address)
    assert (code, told.count("no known weakness")) == (0, 2), told
    assert {"django", "cryptography", "psycopg"} <= advisories.asked
    assert "vite" in advisories.asked


@pytest.mark.parametrize("package", ["django", "vite"])
def test_a_weak_package_ends_the_audit_red_and_is_named(advisories: Advisories, package: str) -> None:
    advisories.weak = {package}
    code, told = _audit(advisories.address)
    assert code == 1, told
    assert f"  {package} " in told


def test_a_service_that_is_not_reached_is_said_and_stops_a_release_alone() -> None:
    nowhere = "http://127.0.0.1:9/"
    code, told = _audit(nowhere)
    assert (code, told.count("NOT AUDITED")) == (0, 2), told
    assert _audit(nowhere, "--must")[0] == 2

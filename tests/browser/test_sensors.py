"""Sensors on real sockets against a real server: registered by a page, delivering, refused; strangers turned away unread."""

from __future__ import annotations

import datetime as dt
import http.client
import json
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from opencets.errors import Interrupted
from opencets.packing import deliveries
from opencets.sighting.sealed import read_log
from opencets_sensor import delivery
from opencets_sensor.running import sensor_key
from opencets_sensor.sending import Server
from opencets_sensor.settings import Deliver
from tests.browser.conftest import AXE, DESKTOP, PHONE, until, what_is_wrong
from tests.browser.world import BRIGID, INES, NOOR, Served
from tests.sensor.parts import body_of, make_log

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Officers = Callable[[str], Any]
ROOM = "/sightings/sensors/"


class Machine:
    """The machine of a sensor: its folder, its key, and how it delivers."""

    def __init__(self, folder: Path, served: Served) -> None:
        for part in (delivery.WAITING, delivery.SENT):
            (folder / part).mkdir(parents=True)
        self.folder, self.served, self.key, self.name = folder, served, sensor_key(folder), f"north-{time.time_ns():x}"
        self.number = 0

    @property
    def public(self) -> str:
        return b64encode(self.key.public_key().public_bytes_raw()).decode()

    def make(self, count: int = 1) -> list[Path]:
        self.number += count
        numbers = range(self.number - count + 1, self.number + 1)
        return [make_log(self.folder / delivery.WAITING, self.key, number, run=self.name) for number in numbers]

    def deliver(self, *alerts: str) -> delivery.Delivered:
        address = f"http://127.0.0.1:{self.served.port}"
        server = Server(address, self.key, None, 20)
        told = deliveries.Health(
            "rehearsal", self.name, dt.datetime.now(dt.UTC), False, alerts, 9, 4, 2, 0, 0, 0, 3, "2026-12-31"
        )
        try:
            return delivery.deliver(self.folder, Deliver(server=address), self.folder, server, told)
        finally:
            server.close()

    def left(self) -> int:
        return len(list((self.folder / delivery.WAITING).iterdir()))


@pytest.fixture
def machine(tmp_path: Path, served: Served) -> Machine:
    return Machine(tmp_path / "sensor", served)


def register(page: Any, machine: Machine) -> None:
    """Paste the key into the page, as a supervisor does."""
    page.goto(f"{machine.served.address}{ROOM}")
    for name, value in {
        "name": machine.name, "key": machine.public, "authority": "Order 7/2026", "purpose": "Operation Heron",
        "expires_on": f"{dt.datetime.now(dt.UTC) + dt.timedelta(days=30):%Y-%m-%d}",
    }.items():  # fmt: skip
        page.fill(f"form:has(button:has-text('Register')) [name={name}]", value)
    page.click("button:has-text('Register')")
    until(page, f"document.querySelector('#sensors').innerText.includes('{machine.name}')")


def request(
    served: Served, kind: str, body: bytes, key: Ed25519PrivateKey, **changed: str
) -> tuple[int, dict[str, Any]]:
    """One request over a socket of its own: status, and what was said."""
    line = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    try:
        headers = {**deliveries.sign_delivery(kind, dt.datetime.now(dt.UTC), body, key), **changed}  # type: ignore[arg-type]
        line.request("POST", f"/sensor/v1/{kind}", body, headers)
        answer = line.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        line.close()


def headers_alone(served: Served, headers: dict[str, str], size: int) -> tuple[int, dict[str, Any]]:
    """What is answered to headers that promise a body of so many bytes, of which none is sent."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as line:
        said = {"Host": f"127.0.0.1:{served.port}", "Content-Length": str(size), **headers}
        text = "\r\n".join(f"{name}: {value}" for name, value in said.items())
        line.sendall(f"POST /sensor/v1/parts HTTP/1.1\r\n{text}\r\n\r\n".encode())
        answer = http.client.HTTPResponse(line)
        answer.begin()
        return answer.status, json.loads(answer.read())


def row_of(machine: Machine) -> str:
    """The text of its row, as a script; empty while there is none."""
    rows = "[...document.querySelectorAll('#sensors tbody tr')]"
    return f"({rows}.find(row => row.innerText.includes('{machine.name}'))?.innerText ?? '')"


def test_a_sensor_is_registered_delivers_is_withdrawn_and_restored(
    officer: Officers, served: Served, machine: Machine
) -> None:
    noor = officer(NOOR)
    page = noor.open(ROOM)
    machine.make(3)
    with pytest.raises(Interrupted, match="No sensor that is registered here"):
        machine.deliver()
    assert machine.left() == 3
    register(page, machine)
    assert machine.deliver("The clock was not measured.").parts == 3
    assert machine.left() == 0
    until(page, f"{row_of(machine)}.includes('The clock was not measured.')", 30)
    # loaded by the worker, as the sensor
    until(page, f"{row_of(machine)}.includes('9 sightings')", 60)
    assert page.locator(f"#sensors tr:has-text('{machine.name}') svg rect").count() >= 1
    page.goto(f"{served.address}/sightings/received/")
    received = page.inner_text("#received")
    assert received.count(f"by the sensor {machine.name}") == 3
    logs = served.home / "sightings" / "raw"
    for path in (machine.folder / delivery.SENT).iterdir():
        assert (logs / f"{read_log(path).digest}.log.gz").read_bytes() == path.read_bytes()

    page.goto(f"{served.address}{ROOM}")
    machine.make()
    page.locator(f"#sensors tr:has-text('{machine.name}') button:has-text('Withdraw')").focus()
    page.keyboard.press("Enter")
    until(page, f"{row_of(machine)}.includes('withdrawn')")
    with pytest.raises(Interrupted, match=f"{machine.name} was withdrawn"):
        machine.deliver()
    page.reload()
    until(page, f"{row_of(machine)}.includes('It was withdrawn, and delivers still.')")
    page.locator(f"#sensors tr:has-text('{machine.name}') button:has-text('Restore')").click()
    until(page, f"{row_of(machine)}.includes('Withdraw')")
    assert machine.deliver().parts == 1
    assert machine.left() == 0
    assert not noor.complaints
    # another agency sees neither the sensor nor its files
    ines = officer(INES)
    for address in (ROOM, "/sightings/received/"):
        assert machine.name not in ines.open(address).inner_text("body")
    # and an officer who is no supervisor reads who decides
    assert "A supervisor registers sensors" in officer(BRIGID).open(ROOM).inner_text("body")


def test_who_is_no_sensor_of_ours_is_turned_away_before_a_byte_of_a_body_is_read(
    officer: Officers, served: Served, machine: Machine
) -> None:
    stranger, body = Ed25519PrivateKey.generate(), b"x" * 1000
    signed = deliveries.sign_delivery("parts", dt.datetime.now(dt.UTC), body, stranger)
    assert headers_alone(served, signed, 50 << 20)[0] == 401
    assert headers_alone(served, {}, 50 << 20)[0] == 401
    register(officer(NOOR).open(ROOM), machine)
    ours = deliveries.sign_delivery("parts", dt.datetime.now(dt.UTC), body, machine.key)
    # its public key is known to others too: without its signature nothing is read either
    status, said = headers_alone(served, {**signed, "X-Sensor": ours["X-Sensor"]}, 50 << 20)
    assert (status, said["code"]) == (401, "signature")
    assert headers_alone(served, {**ours, "X-Digest": "0" * 64}, 50 << 20)[0] == 401
    late = deliveries.sign_delivery("parts", dt.datetime.now(dt.UTC) - dt.timedelta(hours=1), body, machine.key)
    status, said = headers_alone(served, late, 50 << 20)
    assert (status, said["code"]) == (409, "clock")
    assert abs((dt.datetime.fromisoformat(said["time"]) - dt.datetime.now(dt.UTC)).total_seconds()) < 60
    # and of its own no more than a part may have
    assert headers_alone(served, ours, deliveries.LARGEST_PART + 1)[0] == 413
    for kind, status in (("none", 404), ("parts/more", 404)):
        line = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
        line.request("POST", f"/sensor/v1/{kind}", b"", ours)
        assert line.getresponse().status == status
        line.close()


def test_what_was_altered_or_is_anothers_is_refused_and_the_server_says_why(
    officer: Officers, served: Served, machine: Machine, tmp_path: Path
) -> None:
    register(officer(NOOR).open(ROOM), machine)
    body = body_of(machine.make()[0])
    wrong = body[:-100] + bytes([body[-100] ^ 1]) + body[-99:]
    signed = deliveries.sign_delivery("parts", dt.datetime.now(dt.UTC), body, machine.key)
    status, said = request(served, "parts", wrong, machine.key, **signed)
    assert (status, said["code"]) == (400, "altered")
    other = Ed25519PrivateKey.generate()
    status, said = request(served, "parts", body_of(make_log(tmp_path / "other", other)), machine.key)
    assert (status, "another sensor" in said["sentence"]) == (422, True)
    at = body.find(b"\x1f\x8b") + 40
    status, said = request(served, "parts", body[:at] + b"\0\0\0\0" + body[at + 4 :], machine.key)
    assert status == 422
    for hostile in (b"", b"[]", b"opencets part 1\n9999999999 1\n", b"[" * 60_000):
        assert request(served, "parts", hostile, machine.key)[0] == 422
        assert request(served, "health", hostile, machine.key)[0] == 422
    assert request(served, "parts", body, machine.key)[1]["again"] is False
    assert request(served, "parts", body, machine.key)[1]["again"] is True


def test_cut_lines_and_a_killed_server_lose_nothing_and_double_nothing(
    officer: Officers, served: Served, machine: Machine
) -> None:
    page = officer(NOOR).open(ROOM)
    register(page, machine)
    page.close()  # an open page would complain of the server that is killed
    parts, stop = machine.make(12), threading.Event()
    for path in parts[:4]:
        body = body_of(path)
        signed = deliveries.sign_delivery("parts", dt.datetime.now(dt.UTC), body, machine.key)
        with socket.create_connection(("127.0.0.1", served.port), timeout=10) as line:
            text = "".join(
                f"{name}: {value}\r\n" for name, value in {"Content-Length": str(len(body)), **signed}.items()
            )
            line.sendall(
                f"POST /sensor/v1/parts HTTP/1.1\r\nHost: 127.0.0.1\r\n{text}\r\n".encode() + body[: len(body) // 2]
            )
        with socket.create_connection(("127.0.0.1", served.port), timeout=10) as line:
            line.sendall(f"POST /sensor/v1/parts HTTP/1.1\r\nHost: 127.0.0.1\r\n{text}\r\n".encode() + body)
            # the answer is not awaited

    def kill() -> None:
        time.sleep(0.3)
        served.kill_web_server()
        stop.set()

    killer = threading.Thread(target=kill)
    killer.start()
    end = time.monotonic() + 120
    while machine.left() or not stop.is_set():
        assert time.monotonic() < end
        try:
            machine.deliver()
        except Interrupted:
            time.sleep(0.3)
    killer.join()
    served.wait_until_up()
    page = officer(NOOR).open(ROOM)
    until(page, f"{row_of(machine)}.includes('12 parts in all')", 60)
    until(page, f"{row_of(machine)}.includes('36 sightings')", 90)


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci in frontend/")
def test_the_page_is_accessible_and_fits_its_window(officer: Officers, served: Served, machine: Machine) -> None:
    register(officer(NOOR).open(ROOM), machine)
    machine.make(2)
    machine.deliver("The clock was not measured: no time server answered.")
    wrong: dict[str, object] = {}
    for viewport, scheme in ((DESKTOP, "light"), (PHONE, "dark")):
        for email in (NOOR, INES):
            page = officer(email).open(ROOM, viewport=viewport, scheme=scheme)
            wrong |= {
                f"{email} {scheme} {path}": what for path, what in what_is_wrong(page, served.address, (ROOM,)).items()
            }
    assert not wrong

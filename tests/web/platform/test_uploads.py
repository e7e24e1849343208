from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from upload_server import FileLedger

from opencets.packing.frames import FRAME_SIZE, FrameReader, sealed_size
from opencets_web.evidence.uploads import Refusal, UploadApp, read_metadata, safe_path

HEADERS = {"Tus-Resumable": "1.0.0", "Origin": "http://cets.example.org", "Cookie": "officer=1"}
PART = {"Content-Type": "application/offset+octet-stream"}
TEXT = random.Random(5).randbytes(2 * FRAME_SIZE + 70_000)


def metadata(**texts: str) -> str:
    return ",".join(f"{name} {base64.b64encode(text.encode()).decode()}" for name, text in texts.items())


def ask(app: UploadApp[str], method: str, url: str, **given: object) -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://cets.example.org") as client:
            headers = {**HEADERS, **given.pop("headers", {})}  # type: ignore[dict-item]
            headers = {name: value for name, value in headers.items() if value is not None}
            return await client.request(method, url, headers=headers, **given)  # type: ignore[arg-type]

    return asyncio.run(once())


@pytest.fixture
def ledger(tmp_path: Path) -> FileLedger:
    return FileLedger(tmp_path)


@pytest.fixture
def app(ledger: FileLedger) -> UploadApp[str]:
    return UploadApp(ledger)


def begin(app: UploadApp[str], length: int, name: str = "holiday/a.jpg") -> str:
    made = ask(
        app,
        "POST",
        "/uploads/",
        headers={"Upload-Length": str(length), "Upload-Metadata": metadata(relative_path=name, case="C-1")},
    )
    assert made.status_code == 201, made.text
    return made.headers["location"]


def send(app: UploadApp[str], url: str, offset: int, part: bytes, **headers: str) -> httpx.Response:
    return ask(app, "PATCH", url, headers={**PART, "Upload-Offset": str(offset), **headers}, content=part)


def clear_text(ledger: FileLedger, url: str) -> bytes:
    row = ledger.row(url.rsplit("/", 1)[1])
    raw = (ledger.folder / "staged" / url.rsplit("/", 1)[1]).open("rb")
    with FrameReader(raw, bytes.fromhex(str(row["key"])), str(row["blob_id"])) as stream:
        return stream.read()


@pytest.mark.parametrize("length", [0, 1, FRAME_SIZE, FRAME_SIZE + 1, len(TEXT)])
def test_a_file_in_one_part_is_kept_sealed_with_its_digest(
    app: UploadApp[str], ledger: FileLedger, length: int
) -> None:
    text = TEXT[:length]
    url = begin(app, length)
    if length:
        assert send(app, url, 0, text).headers["upload-offset"] == str(length)
    row = ledger.row(url.rsplit("/", 1)[1])
    assert row["sha256"] == hashlib.sha256(text).hexdigest()
    assert row["size"] == length
    assert clear_text(ledger, url) == text
    path = ledger.folder / "staged" / url.rsplit("/", 1)[1]
    assert path.stat().st_size == sealed_size(length)
    assert path.stat().st_mode & 0o777 == 0o600
    if length > 100:
        assert text[:64] not in path.read_bytes()


def test_parts_add_up_and_only_whole_frames_count(app: UploadApp[str], ledger: FileLedger) -> None:
    url = begin(app, len(TEXT))
    half = FRAME_SIZE + 500
    assert send(app, url, 0, TEXT[:half]).headers["upload-offset"] == str(FRAME_SIZE)
    told = ask(app, "HEAD", url)
    assert (told.headers["upload-offset"], told.headers["upload-length"]) == (str(FRAME_SIZE), str(len(TEXT)))
    assert told.headers["cache-control"] == "no-store"
    wrong = send(app, url, half, TEXT[half:])
    assert (wrong.status_code, wrong.headers["upload-offset"]) == (409, str(FRAME_SIZE))
    short = send(app, url, FRAME_SIZE, TEXT[FRAME_SIZE : FRAME_SIZE + 10])
    assert (short.status_code, short.json()["code"]) == (400, "part-too-short")
    assert send(app, url, FRAME_SIZE, TEXT[FRAME_SIZE:]).status_code == 204
    assert clear_text(ledger, url) == TEXT
    assert send(app, url, len(TEXT), b"more").status_code == 409


def test_a_torn_frame_is_cut_off_and_sent_again(app: UploadApp[str], ledger: FileLedger) -> None:
    url = begin(app, len(TEXT))
    send(app, url, 0, TEXT[: 2 * FRAME_SIZE])
    path = ledger.folder / "staged" / url.rsplit("/", 1)[1]
    with path.open("ab") as stream:
        stream.write(b"half a frame, as a killed server leaves it")
    assert ask(app, "HEAD", url).headers["upload-offset"] == str(2 * FRAME_SIZE)
    assert send(app, url, 2 * FRAME_SIZE, TEXT[2 * FRAME_SIZE :]).status_code == 204
    assert clear_text(ledger, url) == TEXT


def test_an_end_that_was_not_acknowledged_is_acknowledged_when_asked(app: UploadApp[str], ledger: FileLedger) -> None:
    url = begin(app, len(TEXT))
    send(app, url, 0, TEXT)
    row_path = ledger.folder / f"{url.rsplit('/', 1)[1]}.json"
    row_path.write_text(row_path.read_text().replace('"sha256"', '"forgotten"'))
    assert ask(app, "HEAD", url).headers["upload-offset"] == str(len(TEXT))
    assert ledger.row(url.rsplit("/", 1)[1])["sha256"] == hashlib.sha256(TEXT).hexdigest()


def test_damage_on_the_disk_is_found_before_the_file_counts(app: UploadApp[str], ledger: FileLedger) -> None:
    url = begin(app, len(TEXT))
    send(app, url, 0, TEXT[: 2 * FRAME_SIZE])
    path = ledger.folder / "staged" / url.rsplit("/", 1)[1]
    changed = bytearray(path.read_bytes())
    changed[5000] ^= 1
    path.write_bytes(changed)
    refused = send(app, url, 2 * FRAME_SIZE, TEXT[2 * FRAME_SIZE :])
    assert (refused.status_code, refused.json()["code"]) == (503, "interrupted")
    assert "sha256" not in ledger.row(url.rsplit("/", 1)[1])
    assert ask(app, "HEAD", url).headers["upload-offset"] == "0"
    assert send(app, url, 0, TEXT).status_code == 204
    assert clear_text(ledger, url) == TEXT


def test_a_part_with_a_wrong_checksum_leaves_no_trace(app: UploadApp[str], ledger: FileLedger) -> None:
    url = begin(app, len(TEXT))
    send(app, url, 0, TEXT[:FRAME_SIZE])
    rest = TEXT[FRAME_SIZE:]
    bad = base64.b64encode(hashlib.sha1(b"other", usedforsecurity=False).digest()).decode()
    good = base64.b64encode(hashlib.sha256(rest).digest()).decode()
    assert send(app, url, FRAME_SIZE, rest, **{"Upload-Checksum": f"crc32 {bad}"}).status_code == 400
    assert send(app, url, FRAME_SIZE, rest, **{"Upload-Checksum": f"sha1 {bad}"}).status_code == 460
    assert ask(app, "HEAD", url).headers["upload-offset"] == str(FRAME_SIZE)
    assert send(app, url, FRAME_SIZE, rest, **{"Upload-Checksum": f"sha256 {good}"}).status_code == 204
    assert clear_text(ledger, url) == TEXT


def test_another_officer_finds_nothing_and_a_stranger_is_asked_to_sign_in(app: UploadApp[str]) -> None:
    url = begin(app, 10)
    for method in ("HEAD", "DELETE"):
        assert ask(app, method, url, headers={"Cookie": "officer=2"}).status_code == 404
    other = ask(app, "PATCH", url, headers={**PART, "Upload-Offset": "0", "Cookie": "officer=2"}, content=b"0123456789")
    absent = ask(app, "PATCH", "/uploads/0", headers={**PART, "Upload-Offset": "0"}, content=b"0123456789")
    assert other.status_code == absent.status_code == 404
    assert other.json() == absent.json()
    assert ask(app, "HEAD", url, headers={"Cookie": "officer="}).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://elsewhere.example.com"},
        {"Origin": "null"},
        {"Origin": None},
        {"Origin": None, "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_request_from_another_page_is_refused(app: UploadApp[str], headers: dict[str, str]) -> None:
    refused = ask(app, "POST", "/uploads/", headers={"Upload-Length": "1", **headers})
    assert (refused.status_code, refused.json()["code"]) == (403, "origin")
    url = begin(app, 5)
    assert ask(app, "DELETE", url, headers=headers).status_code == 403


def test_a_request_that_a_browser_says_is_of_the_same_page_is_taken(app: UploadApp[str]) -> None:
    url = begin(app, 5)
    taken = ask(app, "DELETE", url, headers={"Origin": None, "Sec-Fetch-Site": "same-origin"})
    assert taken.status_code == 204
    assert ask(app, "HEAD", url).status_code == 404


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Upload-Length": "-1"}, 400, "upload-length"),
        ({}, 400, "upload-length"),
        ({"Upload-Length": "9" * 15}, 413, "too-large"),
        ({"Upload-Length": "1", "Upload-Metadata": "filename !!!"}, 400, "metadata"),
        ({"Upload-Length": "1", "Upload-Metadata": "f " + "A" * 9000}, 400, "metadata"),
        ({"Upload-Length": "1", "Upload-Metadata": metadata(relativePath="../../x")}, 400, "path"),
        ({"Upload-Length": "1", "Tus-Resumable": "0.2.2"}, 412, "tus-version"),
    ],
)
def test_a_bad_beginning_is_refused_with_a_sentence(
    app: UploadApp[str], headers: dict[str, str], status: int, code: str
) -> None:
    named = {"Upload-Metadata": metadata(filename="a.jpg")} | headers
    refused = ask(app, "POST", "/uploads/", headers=named)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert refused.json()["sentence"].endswith(".")


def test_more_than_announced_is_refused(app: UploadApp[str], ledger: FileLedger) -> None:
    url = begin(app, 10)
    assert send(app, url, 0, b"01234567890").status_code == 413
    assert send(app, url, 0, b"0123456789").status_code == 204
    assert clear_text(ledger, url) == b"0123456789"


def test_methods_and_abilities_are_told(app: UploadApp[str]) -> None:
    told = ask(app, "OPTIONS", "/uploads/")
    assert told.headers["tus-extension"] == "creation,termination,checksum"
    assert ask(app, "PUT", "/uploads/0").status_code == 405
    assert send(app, begin(app, 3), 0, b"abc", **{"Content-Type": "text/plain"}).status_code == 415


@pytest.mark.parametrize(
    ("named", "safe"),
    [("a.jpg", "a.jpg"), ("Trip\\Day 1\\b.jpg", "Trip/Day 1/b.jpg"), ("./x//y.zip", "x/y.zip"), ("日本/ø", "日本/ø")],
)
def test_paths_are_kept_in_one_form(named: str, safe: str) -> None:
    assert safe_path(named) == safe
    assert read_metadata(metadata(relativePath=named))["relative_path"] == safe
    assert read_metadata(metadata(relativePath="null", filename=named))["relative_path"] == safe


@pytest.mark.parametrize("named", ["", "..", "a/../b", "/etc/passwd", "C:\\x", "a\0b", "a\nb", "x" * 1025])
def test_paths_that_leave_their_folder_are_refused(named: str) -> None:
    with pytest.raises(Refusal):
        safe_path(named)


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[[], tuple[subprocess.Popen[bytes], str]]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running: list[subprocess.Popen[bytes]] = []

    def start() -> tuple[subprocess.Popen[bytes], str]:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        program = [sys.executable, str(Path(__file__).parent / "upload_server.py"), str(tmp_path), str(port)]
        running.append(subprocess.Popen(program, env=environment))
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        return running[-1], f"127.0.0.1:{port}"

    yield start
    for server in running:
        server.kill()
        server.wait()


def send_some(host: str, url: str, text: bytes, length: int) -> socket.socket:
    """Announce ``length`` bytes and send only ``text``."""
    name, port = host.split(":")
    connection = socket.create_connection((name, int(port)), timeout=30)
    head = (
        f"PATCH {url} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nCookie: officer=1\r\n"
        f"Tus-Resumable: 1.0.0\r\n"
        f"Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nContent-Length: {length}\r\n\r\n"
    )
    connection.sendall(head.encode() + text)
    return connection


def wait_for_frames(path: Path, count: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and (not path.exists() or path.stat().st_size < sealed_size(count * FRAME_SIZE)):
        time.sleep(0.02)


@pytest.mark.parametrize("killed", [True, False], ids=["server killed", "connection lost"])
def test_what_was_received_survives(
    tmp_path: Path, killed: bool, start_server: Callable[[], tuple[subprocess.Popen[bytes], str]]
) -> None:
    server, host = start_server()
    text = random.Random(6).randbytes(5 * FRAME_SIZE + 99)
    headers = HEADERS | {"Origin": f"http://{host}"}
    made = httpx.post(
        f"http://{host}/uploads/",
        headers=headers | {"Upload-Length": str(len(text)), "Upload-Metadata": metadata(filename="a.bin")},
    )
    url = made.headers["location"]
    connection = send_some(host, url, text[: 3 * FRAME_SIZE + 77], len(text))
    wait_for_frames(tmp_path / "staged" / url.rsplit("/", 1)[1], 3)
    if killed:
        server.send_signal(signal.SIGKILL)
        server.wait()
        start_server()
    connection.close()
    end = time.monotonic() + 10
    told = httpx.head(f"http://{host}{url}", headers=headers)
    while told.status_code == 423 and time.monotonic() < end:
        time.sleep(0.05)
        told = httpx.head(f"http://{host}{url}", headers=headers)
    offset = int(told.headers["upload-offset"])
    assert offset == 3 * FRAME_SIZE
    rest = httpx.patch(
        f"http://{host}{url}",
        headers=headers | PART | {"Upload-Offset": str(offset)},
        content=text[offset:],
        timeout=60,
    )
    assert rest.status_code == 204
    row = FileLedger(tmp_path).row(url.rsplit("/", 1)[1])
    assert row["sha256"] == hashlib.sha256(text).hexdigest()
    assert clear_text(FileLedger(tmp_path), url) == text


def test_two_connections_do_not_write_one_upload(
    tmp_path: Path, start_server: Callable[[], tuple[subprocess.Popen[bytes], str]]
) -> None:
    _, host = start_server()
    headers = HEADERS | {"Origin": f"http://{host}"}
    made = httpx.post(
        f"http://{host}/uploads/",
        headers=headers | {"Upload-Length": str(3 * FRAME_SIZE), "Upload-Metadata": metadata(filename="a.bin")},
    )
    url = made.headers["location"]
    first = send_some(host, url, TEXT[: FRAME_SIZE + 1], 3 * FRAME_SIZE)
    wait_for_frames(tmp_path / "staged" / url.rsplit("/", 1)[1], 1)
    second = httpx.patch(f"http://{host}{url}", headers=headers | PART | {"Upload-Offset": "0"}, content=TEXT[:100])
    assert (second.status_code, second.json()["code"]) == (423, "busy")
    first.close()

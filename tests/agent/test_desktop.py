"""The agent on a whole desktop, with real programs: what it takes, what it never takes, and when it stops."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import mss
import pytest
from PIL import Image

from opencets.packing import captures
from opencets.packing.captures import Hit
from opencets.packing.fields import instant
from opencets.packing.known import KEY_BYTES, for_device, read_list
from opencets_agent.notice import BACK
from tests.agent.chat import Chat
from tests.agent.desktop import Desktop, desktop, missing, until
from tests.agent.peer import Peer
from tests.agent.ready import Watched, condition, end, health, make_watched

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing()), reason=f"not installed: {missing()}"),
]
SECONDS = 2.0
"""A hit is at the server within so many."""


@pytest.fixture
def desk() -> Iterator[Desktop]:
    with desktop() as made:
        yield made


@pytest.fixture
def running(desk: Desktop, watched: Watched) -> Iterator[subprocess.Popen[str]]:
    program = started(desk, watched)
    yield program
    finished(program)


_STARTED: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def _none_left_behind() -> Iterator[None]:
    yield
    while _STARTED:
        if (program := _STARTED.pop()).poll() is None:
            end(program, signal.SIGKILL)


def begun(watched: Watched, environment: dict[str, str]) -> subprocess.Popen[str]:
    _STARTED.append(watched.start(environment))
    return _STARTED[-1]


def started(desk: Desktop, watched: Watched) -> subprocess.Popen[str]:
    program = begun(watched, desk.environment)
    end_at = time.monotonic() + 25
    while not (health(watched).get("collecting") and health(watched).get("process") == program.pid):
        assert time.monotonic() < end_at, (watched.told(), health(watched))
        assert program.poll() is None, watched.told()
        time.sleep(0.05)
    return program


def finished(program: subprocess.Popen[str]) -> None:
    if program.poll() is None:
        end(program)


def hits(watched: Watched) -> list[Hit]:
    return [body for body in watched.peer.bodies(watched.device.id) if isinstance(body, Hit)]


def hit_of(watched: Watched, phrase: str, collector: str, program: str, seconds: float = SECONDS) -> Hit:
    """The hit, within so many seconds from now."""
    found: list[Hit] = []

    def is_there() -> bool:
        wanted = (phrase, collector, program)
        found[:] = [one for one in hits(watched) if (one.rule.phrase, one.where.collector, one.where.program) == wanted]
        return bool(found)

    until(is_there, seconds)
    return found[-1]


def everything(watched: Watched) -> str:
    """All that was ever sent or waits, opened with the server's key, and the wire and the spool as they are."""
    opened = "\n".join(repr(body) for body in watched.peer.bodies(watched.device.id))
    raw = bytes(watched.peer.wire) + b"".join(path.read_bytes() for path in (watched.folder / "state").iterdir())
    return opened + raw.decode("latin-1")


def editor(desk: Desktop) -> None:
    desk.start("mousepad")
    desk.focus(desk.window("Mousepad"))
    time.sleep(1.0)


def browser(desk: Desktop, chat: Chat, host: str = "127.0.0.1") -> str:
    desk.chromium(chat.address(host))
    window = desk.window("Chat with Kim")
    desk.focus(window)
    time.sleep(2.5)
    return window


def test_what_is_typed_received_shown_and_copied_is_told_within_two_seconds_and_passwords_never(
    desk: Desktop, watched: Watched, running: subprocess.Popen[str]
) -> None:
    editor(desk)
    desk.type("hello, we could meet at the blue kiosk")
    hit = hit_of(watched, "meet at the blue kiosk", "typed", "mousepad")
    assert hit.text is not None
    assert (hit.text.before, hit.text.match) == ("hello, we could ", "meet at the blue kiosk")
    assert hit.where.window.endswith("Untitled 1 - Mousepad")
    desk.key("ctrl+a")
    desk.key("ctrl+c")
    assert hit_of(watched, "meet at the blue kiosk", "clipboard", "mousepad").direction == "clipboard"
    with Chat() as chat:
        browser(desk, chat)
        chat.say("please send the train timetable to me")
        hit = hit_of(watched, "send the train timetable", "shown", "chromium")
        assert hit.where.address == chat.address()
        desk.type("I can meet at the blue kiosk")
        typed = hit_of(watched, "meet at the blue kiosk", "typed", "chromium")
        assert typed.conversation == hit.conversation
        desk.key("Tab")
        desk.type("bring the green umbrella")
        time.sleep(1)
    desk.start("xterm", "-fa", "Monospace", "-fs", "14", "-e", "cat")
    desk.focus(desk.window("cat"))
    time.sleep(1)
    desk.type("send the train timetable please\n")
    hit_of(watched, "send the train timetable", "shown", "xterm", 12)
    finished(running)
    assert "green umbrella" not in everything(watched)
    assert watched.peer.faults(watched.device.id) == []
    shots = [body for body in watched.peer.bodies(watched.device.id) if isinstance(body, captures.Screenshot)]
    assert shots
    for shot in shots:
        picture = Image.open(BytesIO(b64decode(shot.jpeg)))
        assert (picture.size, shot.form) == ((1280, 800), "masked")
        lightest = picture.convert("L").crop((0, 0, 1280, 20)).getextrema()[1]
        assert isinstance(lightest, int)
        assert lightest < 40, "the notice is no part of the window"
    kinds = {body.__class__.__name__ for body in watched.peer.bodies(watched.device.id)}
    assert {"Started", "Notice", "Heartbeat", "Window", "Address", "Program", "Stopped"} <= kinds
    covered = {
        (one.program, one.source)
        for body in watched.peer.bodies(watched.device.id, captures.Heartbeat)
        for one in body.coverage
    }  # type: ignore[union-attr]
    assert {("mousepad", "accessibility"), ("chromium", "accessibility"), ("xterm", "ocr")} <= covered


def test_a_phrase_in_several_messages_of_a_page_is_told_once(
    desk: Desktop, watched: Watched, running: subprocess.Popen[str]
) -> None:
    with Chat() as chat:
        browser(desk, chat)
        chat.say("shall we meet at")
        time.sleep(1)
        chat.say("the blue kiosk, then")
        hit = hit_of(watched, "meet at the blue kiosk", "shown", "chromium")
        assert hit.text is not None
        assert hit.text.match == "meet at\nthe blue kiosk"
        assert "its parts stand in 2 messages" in hit.rule.reason
        desk.type("do bring the")
        time.sleep(0.5)
        desk.key("ctrl+a")
        desk.key("BackSpace")
        desk.type("green umbrella too")
        hit = hit_of(watched, "bring the green umbrella", "typed", "chromium")
        assert hit.text is not None
        assert (hit.text.before, hit.text.match) == ("do ", "bring the\ngreen umbrella")
        time.sleep(1)
        beat = len(watched.peer.bodies(watched.device.id, captures.Heartbeat))
        until(lambda: len(watched.peer.bodies(watched.device.id, captures.Heartbeat)) > beat, 5)
        keys = len("do bring the") + len("green umbrella too")
        assert health(watched)["texts"] <= keys + 6, "each text is heard of once"
    assert running.poll() is None
    assert sorted(one.rule.phrase for one in hits(watched)) == ["bring the green umbrella", "meet at the blue kiosk"]


def test_of_excluded_programs_sites_and_people_nothing_is_taken(desk: Desktop, tmp_path: Path, peer: Peer) -> None:
    excluded = {"programs": ["mousepad"], "sites": ["127.0.0.1"], "people": ["lawyer of Rowan"], "hours": []}
    watched = make_watched(tmp_path / "device", peer, conditions=[condition(excluded=excluded)])
    program = started(desk, watched)
    editor(desk)
    desk.type("meet at the blue kiosk")
    desk.key("ctrl+a")
    desk.key("ctrl+c")
    time.sleep(1)
    with Chat() as chat:
        window = browser(desk, chat)
        chat.say("send the train timetable")
        desk.type("meet at the blue kiosk")
        time.sleep(2.5)
        desk.xdotool("set_window", "--name", "no longer in front", window)
        desk.start("xterm", "-T", "Mail to lawyer of Rowan", "-fa", "Monospace", "-fs", "14", "-e", "cat")
        desk.focus(desk.window("lawyer of Rowan"))
        desk.type("bring the green umbrella")
        time.sleep(3)
    desk.start("xterm", "-T", "open shell", "-fa", "Monospace", "-fs", "14", "-e", "cat")
    desk.focus(desk.window("open shell"))
    time.sleep(1)
    desk.type("send the train timetable please\n")
    hit_of(watched, "send the train timetable", "shown", "xterm", 12)
    finished(program)
    assert {one.where.window for one in hits(watched)} == {"open shell"}
    taken = everything(watched)
    for words in ("kiosk", "umbrella", "mousepad", "Mousepad", "Chat with Kim", chat.address(), "lawyer of Rowan"):
        assert words not in taken, words


def test_in_excluded_hours_nothing_is_taken_and_the_heartbeat_says_why(
    desk: Desktop, tmp_path: Path, peer: Peer
) -> None:
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    hours = [{"days": days, "from": "00:00", "to": "00:00"}]
    excluded: dict[str, Any] = {"programs": [], "sites": [], "people": [], "hours": hours}
    watched = make_watched(tmp_path / "device", peer, conditions=[condition(excluded=excluded)])
    program = begun(watched, desk.environment)
    until(lambda: watched.peer.bodies(watched.device.id, captures.Notice), 25)
    editor(desk)
    desk.type("meet at the blue kiosk")
    time.sleep(3)
    finished(program)
    kinds = {body.__class__.__name__ for body in watched.peer.bodies(watched.device.id)}
    assert kinds == {"Started", "Notice", "Heartbeat", "Stopped"}
    assert "kiosk" not in everything(watched)
    beat = watched.peer.bodies(watched.device.id, captures.Heartbeat)[-1]
    assert (beat.paused, beat.notice_visible, beat.coverage) == ("the hour is excluded", True, ())  # type: ignore[union-attr]


def test_when_the_notice_is_closed_collecting_stops_until_it_is_seen_again(
    desk: Desktop, watched: Watched, running: subprocess.Popen[str]
) -> None:
    editor(desk)
    desk.xdotool("search", "--name", "OpenCETS notice", "windowkill")

    def states() -> list[str]:
        return [body.state for body in watched.peer.bodies(watched.device.id, captures.Notice)]  # type: ignore[union-attr]

    until(lambda: states() == ["shown", "closed"], 5)
    desk.type("meet at the blue kiosk. ")
    time.sleep(1)
    assert hits(watched) == []
    until(lambda: states() == ["shown", "closed", "shown"], 12)
    until(lambda: health(watched).get("collecting"), 5)
    assert desk.window("OpenCETS notice", 3)
    time.sleep(0.5)
    desk.type("send the train timetable")
    hit_of(watched, "send the train timetable", "typed", "mousepad")
    assert "blue kiosk" not in {one.rule.phrase for one in hits(watched)}
    assert running.poll() is None


def test_a_window_that_fills_the_screen_does_not_hide_the_notice(
    desk: Desktop, watched: Watched, running: subprocess.Popen[str]
) -> None:
    with Chat() as chat, mss.MSS(display=desk.environment["DISPLAY"]) as screen:
        browser(desk, chat)
        desk.key("F11")

        def first_rows() -> set[tuple[int, int, int]]:
            grabbed = screen.grab({"left": 0, "top": 2, "width": 8, "height": 40})
            return {grabbed.pixel(x, y) for x in range(8) for y in (0, 20, 39)}

        time.sleep(2)
        until(lambda: first_rows() == {BACK}, 5)
        until(lambda: health(watched).get("collecting"), 5)
        time.sleep(1)
        chat.say("please send the train timetable")
        hit_of(watched, "send the train timetable", "shown", "chromium", 4)
        desk.key("F11")
        time.sleep(1.5)
        assert first_rows() == {BACK}
    assert running.poll() is None


def test_without_a_notice_nothing_is_taken_and_the_server_is_told(desk: Desktop, watched: Watched) -> None:
    bare = {name: value for name, value in desk.environment.items() if name != "DISPLAY"}
    program = begun(watched, bare)
    until(lambda: watched.peer.bodies(watched.device.id, captures.Notice), 25)
    editor(desk)
    desk.type("meet at the blue kiosk")
    time.sleep(1.5)
    finished(program)
    (notice,) = watched.peer.bodies(watched.device.id, captures.Notice)
    assert notice.state == "refused"  # type: ignore[union-attr]
    assert hits(watched) == []


def test_the_order_ends_while_there_is_no_server_and_the_agent_with_it(desk: Desktop, watched: Watched) -> None:
    over = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=9)
    watched.bring(watched.order(ends_at=instant(over)))
    watched.peer.failing = "cut"
    program = started(desk, watched)
    assert program.wait(60) == 0
    assert dt.datetime.now(dt.UTC) - over < dt.timedelta(seconds=20)
    assert "ended at" in watched.told()
    assert watched.agent("run", str(watched.settings), environment=desk.environment).returncode == 2
    waiting = watched.agent("spool", str(watched.settings))
    assert "ended: 1" in waiting.stdout
    assert waiting.returncode == 0


def test_a_kill_in_the_middle_loses_nothing_and_is_seen(desk: Desktop, watched: Watched) -> None:
    program = started(desk, watched)
    editor(desk)
    watched.peer.failing = "cut after"
    desk.type("meet at the blue kiosk. ")
    until(lambda: hits(watched), 5)
    end(program, signal.SIGKILL)
    watched.peer.failing = ""
    program = started(desk, watched)
    time.sleep(1)
    desk.type("send the train timetable")
    hit_of(watched, "send the train timetable", "typed", "mousepad")
    finished(program)
    assert watched.peer.faults(watched.device.id) == ["killed"]
    assert watched.peer.again == []
    assert [one.rule.phrase for one in hits(watched)].count("meet at the blue kiosk") == 1
    afters = [body.after for body in watched.peer.bodies(watched.device.id, captures.Started)]  # type: ignore[union-attr]
    assert afters == ["first", "killed"]


def test_a_later_order_of_the_server_is_obeyed_and_a_known_file_is_told(
    desk: Desktop, tmp_path: Path, peer: Peer
) -> None:
    import hashlib

    watched = make_watched(tmp_path / "device", peer)
    program = started(desk, watched)
    listed = read_list(hashlib.md5(b"a file of the list").hexdigest().encode())
    known = for_device(listed, bytes(range(KEY_BYTES)))
    only = condition(collectors=["file"], captures={"text_around": 0, "screenshot": "none", "file_content": False})
    peer.orders[watched.device.id] = watched.later(
        conditions=[only], known_files=hashlib.sha256(known).hexdigest()
    ).decode()
    until(lambda: health(watched).get("version") == 2 and health(watched).get("collecting"), 15)
    (watched.folder / "files" / "early.jpg").write_bytes(b"a file of the list")

    def says_that_the_list_lacks() -> bool:
        beats = watched.peer.bodies(watched.device.id, captures.Heartbeat)
        return any(one.program == "new files" and one.source == "none" for beat in beats[-2:] for one in beat.coverage)  # type: ignore[union-attr]

    until(says_that_the_list_lacks, 5)
    assert hits(watched) == []
    peer.libraries[hashlib.sha256(known).hexdigest()] = known
    until(lambda: any(one.file and one.file.name == "early.jpg" for one in hits(watched)), 8)
    editor(desk)
    desk.type("meet at the blue kiosk")
    (watched.folder / "files" / "other.bin").write_bytes(b"a file of nobody")
    (watched.folder / "files" / "holiday.jpg.part").write_bytes(b"a file of the list")
    (watched.folder / "files" / "holiday.jpg.part").rename(watched.folder / "files" / "holiday.jpg")
    until(lambda: any(one.file and one.file.name == "holiday.jpg" for one in hits(watched)), 5)
    assert {one.direction for one in hits(watched)} == {"file"}
    stopped = watched.agent(
        "stop", str(watched.settings), "--why", "a test of the command", environment=desk.environment
    )
    assert stopped.returncode == 0
    assert program.wait(20) == 0
    (last,) = watched.peer.bodies(watched.device.id, captures.Stopped)
    assert last.why.endswith("a test of the command")  # type: ignore[union-attr]
    assert "other.bin" not in everything(watched)
    kept = b"".join(
        path.read_bytes() for path in watched.folder.rglob("*") if path.is_file() and "files" not in path.parts
    )
    assert known[-8:] not in kept, "the list is never written on the device"
    assert hashlib.md5(b"a file of the list").digest() not in kept

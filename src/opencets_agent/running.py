"""One run of an agent: notice, collectors, judge, spool, sender; until it is told to stop or its order ends.

Order matters. Nothing is collected before the notice is seen, nothing is matched before exclusions were looked at, nothing is sent
before it is on the disk. What goes wrong in a collector ends that collector and is told; what goes wrong here ends the run.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import platform
import sqlite3
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from uuid import uuid4

from opencets.errors import ActRefused, Interrupted, OpenCETSError
from opencets.packing import captures
from opencets.packing.captures import Body, Hit
from opencets.packing.known import KnownFiles
from opencets.packing.order import Condition, Order
from opencets.watching import Hit as Find
from opencets.watching import Library, Watcher, Where
from opencets_agent.accessibility import Accessibility
from opencets_agent.collectors import account, drive, evasion, program
from opencets_agent.collectors.contract import BROWSERS, CHROMIUMS, Place, Seen
from opencets_agent.collectors.file import Found, NewFiles
from opencets_agent.device import write_whole
from opencets_agent.gate import Ready, adopt
from opencets_agent.judging import Judge
from opencets_agent.notice import Notice
from opencets_agent.programs import user_of
from opencets_agent.reading import WindowReader
from opencets_agent.screen import Front, Screen
from opencets_agent.sending import Answer, Sender
from opencets_agent.spool import Spool

HEALTH, LOCK, STOP_WORDS = "health.json", "lock", "stop.txt"
NOTICE_AGAIN_SECONDS = 5.0
SILENT_SECONDS = 600.0
GOODBYE_SECONDS = 10.0
_HERE = "127.0.0.1"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One run at a time on a device. ActRefused: another runs."""
    with (folder / LOCK).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ActRefused("The agent of this device runs already. It does not start twice.") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def running_process(folder: Path) -> int | None:
    """The process of the agent that runs, None: none does."""
    try:
        with (folder / LOCK).open("r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read().strip() or 0) or None
    except (OSError, ValueError):
        pass
    return None


def software() -> str:
    """The program and its version."""
    try:
        return f"OpenCETS agent {version('opencets')}"
    except PackageNotFoundError:
        return "OpenCETS agent, not installed"


def session_kind() -> str:
    """X11, Wayland (with or without XWayland), or none."""
    if os.environ.get("WAYLAND_DISPLAY") or os.environ.get("XDG_SESSION_TYPE") == "wayland":
        return "wayland with XWayland" if os.environ.get("DISPLAY") else "wayland"
    return "x11" if os.environ.get("DISPLAY") else "none"


class Run:
    """From the first entry to the last."""

    def __init__(self, ready: Ready, tell: Callable[[str], None] = lambda text: print(text, file=sys.stderr)) -> None:  # noqa: T201
        self._ready, self._settings, self._tell, self._clock = ready, ready.settings, tell, ready.clock
        self.order = ready.order
        self._display = os.environ.get("DISPLAY", "")
        self._spool = Spool(
            ready.folder,
            ready.device.id,
            str(uuid4()),
            self._clock.wall,
            int(self._settings.spool.most_megabytes * (1 << 20)),
        )
        self._libraries = self._load_libraries()
        self._known: KnownFiles | None = None
        self._watcher = Watcher(list(self._libraries.values()))
        self._judge = self._new_judge()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop, self._why = asyncio.Event(), "told to stop on the device"
        self._notice: Notice | None = None
        self._notice_at, self._notice_told = 0.0, ""
        self._accessibility: Accessibility | None = None
        self._screen: Screen | None = None
        self._files: NewFiles | None = None
        self._reader = WindowReader(self._settings.reading.ocr_language)
        self._reads_pictures = self._settings.reading.ocr and WindowReader.is_there()
        self._collecting = False
        self._paused = "the notice is not shown yet"
        self._drives: dict[str, captures.Drive] = {}
        self._others: frozenset[str] = frozenset()
        self._signed_in: frozenset[str] = frozenset()
        self._programs: dict[int, str] = {}
        self._users: dict[int, bool] = {}
        self._signs: set[tuple[str, str]] = set()
        self._last_window = self._last_address = ("", "")
        self._heartbeat_at, self._began = 0.0, time.monotonic()
        self._trouble: dict[str, str] = {}
        self._broken: BaseException | None = None
        self._sender = Sender(
            self._spool,
            ready.device,
            self._clock,
            self.order.server,
            ready.context,
            self._settings.sending.answer_seconds,
            self._heard,
        )

    def stop(self, why: str) -> None:
        """End in good order."""
        self._why = why
        self._stop.set()

    async def until_stopped(self) -> str:
        """Run; in a sentence why it ended."""
        self._loop = asyncio.get_running_loop()
        before = {None: "first", "stopped": "stopped", "ended": "ended"}.get(self._spool.last_kind, "killed")
        started = captures.Started(
            before,  # type: ignore[arg-type]
            software(), f"{platform.system()} {platform.release()}", session_kind(), self.order.collectors(), self.order.digest,
        )  # fmt: skip
        self._put(started, now=True)
        self._sender.start()
        if before == "killed":
            self._sign(
                captures.Evasion(
                    "stopped agent", "The run before ended without a goodbye: killed, or the power was cut.", 3
                )
            )
        heartbeat = self._settings.sending.heartbeat_seconds
        beats: tuple[tuple[Callable[[], Awaitable[None] | None], float], ...] = (
            (self._watch_order_and_notice, 0.5),
            (self._heartbeat, heartbeat),
            (self._read_front, self._settings.reading.ocr_seconds),
            (self._look_at_drives, 2),
            (self._look_at_programs, 5),
            (self._look_at_accounts, 30),
            (self._look_for_signs, 10),
            (self._look_round, 3),
            (self._clock.keep, 30),
        )
        loops = [asyncio.create_task(self._beat(act, seconds)) for act, seconds in beats]
        try:
            await self._stop.wait()
        finally:
            for task in loops:
                task.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            self._stop_collecting("the agent stops")
            self._drop_notice()
            if self._broken is not None:
                self._why = f"an error in the agent: {type(self._broken).__name__}"
            if self._spool.last_kind != "ended" or not self._is_over():
                self._put(captures.Stopped(self._why), now=True)
            self._clock.keep()
            await asyncio.to_thread(self._sender.finish, GOODBYE_SECONDS)
            self._health(ended=True)
            self._spool.close()
        if self._broken is not None:
            raise self._broken
        return self._why

    async def _beat(self, act: Callable[[], Awaitable[None] | None], seconds: float) -> None:
        try:
            while not self._stop.is_set():
                if (doing := act()) is not None:
                    await doing
                await asyncio.sleep(seconds)
        except Exception as reason:
            self._broken = self._broken or reason
            self._stop.set()

    # --- Order, notice, collecting ------------------------------------------------------------------------------------

    def _is_over(self) -> bool:
        return self._clock.now() >= self.order.ends_at

    def _watch_order_and_notice(self) -> Awaitable[None] | None:
        if self._is_over():
            self._end()
            return None
        if (moved := self._clock.moved()) and "evasion" in self.order.collectors():
            self._sign(
                captures.Evasion(
                    "clock",
                    f"The clock of the device was set {'on' if moved > 0 else 'back'} by {abs(moved):,.0f} s.",
                    4,
                ),
                again=True,
            )
        if self._screen is not None:
            self._screen.read_events()
        why = self._why_no_notice() or self._judge.why_paused()
        if why and self._collecting:
            self._stop_collecting(why)
        elif not why and not self._collecting:
            return self._start_collecting()
        self._paused = why
        if self._notice is not None:
            self._notice.tell(self.order, self._judge.why_paused())
        return None

    def _end(self) -> None:
        """The order is over: nothing is taken any more, whatever the server says or does not say."""
        self._stop_collecting("the order ended")
        by = "server" if self._clock.heard_seconds_ago() is not None else "device"
        words = f"The order {self.order.reference} ended at {self.order.local(self.order.ends_at)}. Nothing is taken any more."
        self._put(captures.Ended(self.order.ends_at, by, words), now=True)  # type: ignore[arg-type]
        self._spool.last_kind = "ended"
        self.stop(words)

    def _why_no_notice(self) -> str:
        """Show it where it is not; why it cannot be seen now."""
        if self._notice is None and time.monotonic() - self._notice_at > NOTICE_AGAIN_SECONDS:
            self._notice_at = time.monotonic()
            try:
                if not self._display:
                    raise Interrupted("The notice cannot be shown: this session has no X server and no XWayland.")
                self._notice = Notice(self._display, self.order)
                self._loop_of().add_reader(self._notice.fileno(), self._read_notice)
            except Interrupted as reason:
                self._tell_notice("refused", reason.sentence)
                return reason.sentence
        if self._notice is None:
            return self._paused or "the notice is not shown"
        self._read_notice()
        if self._notice is None:
            return "the notice was closed"
        why = self._notice.why_not
        if not why:
            self._tell_notice("shown", "The notice is shown.")
            return ""
        if time.monotonic() - self._notice_at < 1.5 and not self._collecting and why == "the notice is not shown":
            return why
        self._tell_notice(
            "covered" if why == "the notice is covered" else "closed", f"{why[0].upper()}{why[1:]}; nothing is taken."
        )
        if why != "the notice is covered":
            self._drop_notice()
            self._notice_at = time.monotonic()
        return why

    def _read_notice(self) -> None:
        if self._notice is None:
            return
        try:
            self._notice.read_events()
        except Exception:  # somebody cut its connection, or the X server ended
            self._drop_notice()
            self._notice_at = time.monotonic()
            self._tell_notice("closed", "The notice was closed; nothing is taken.")

    def _drop_notice(self) -> None:
        if self._notice is not None:
            with suppress(Exception):
                self._loop_of().remove_reader(self._notice.fileno())
            self._notice.stop()
            self._notice = None

    def _tell_notice(self, state: str, words: str) -> None:
        if (told := f"{state} {words}") != self._notice_told:
            self._notice_told = told
            if state != "shown" and self._collecting:
                self._stop_collecting(words)
            self._put(captures.Notice(state, words), now=True)  # type: ignore[arg-type]
            self._tell(words)

    async def _start_collecting(self) -> None:
        wanted = set(self.order.collectors())
        self._collecting, self._paused = True, ""
        if wanted & {"typed", "shown", "address"}:
            await self._listen()
            if not self._collecting:
                return
        try:
            self._screen = Screen(self._display, self._fronted, self._copied if "clipboard" in wanted else None)
            self._loop_of().add_reader(self._screen.fileno(), self._read_screen)
        except Interrupted as reason:
            self._trouble["screen"] = reason.sentence
        if "file" in wanted and self.order.known_files is not None:
            self._files = NewFiles(self._known_files(), self.order.device.accounts, self._file_found)
            self._files.watch([Path(os.path.expanduser(folder)) for folder in self._settings.files.folders])
        if "drive" in wanted:
            self._drives = dict(drive.mounted())
            for one in self._drives.values():
                self._put_if_allowed("drive", one)
        if "account" in wanted:
            self._others, self._signed_in = account.others(self.order.device.accounts), frozenset()
            for name in sorted(self._others):
                self._put_if_allowed("account", captures.Account("present", name))
        if "program" in wanted or "evasion" in wanted:
            self._programs = program.running({}, self.order.device.accounts)
        if "evasion" in wanted:
            for sign in evasion.of_machine():
                self._sign(sign)
        self._tell("It collects what the order says.")

    async def _listen(self) -> None:
        """Hear of texts, once: what was begun while collecting stopped, or beside another, is ended again."""
        listening = Accessibility(self._see, self._opened, self._may)
        try:
            await listening.start()
            self._trouble.pop("accessibility", None)
        except Interrupted as reason:
            self._trouble["accessibility"] = reason.sentence
            return
        if self._collecting and self._accessibility is None:
            self._accessibility = listening
        else:
            listening.stop()

    def _stop_collecting(self, why: str) -> None:
        """At once: what was on its way is forgotten."""
        self._collecting, self._paused = False, why
        if self._accessibility is not None:
            self._accessibility.forget()
            self._accessibility.stop()
            self._accessibility = None
        if self._screen is not None:
            with suppress(Exception):
                self._loop_of().remove_reader(self._screen.fileno())
            self._screen.stop()
            self._screen = None
        if self._files is not None:
            self._files.stop()
            self._files = None
        self._reader.forget()
        self._judge.forget()

    def _read_screen(self) -> None:
        if self._screen is None:
            return
        try:
            self._screen.read_events()
        except Exception:  # the X server ended
            self._stop_collecting("the X server ended")
            self._drop_notice()

    # --- What collectors hand on --------------------------------------------------------------------------------------

    def _see(self, seen: Seen) -> None:
        if self._collecting and self._is_watched(seen.place.process):
            self._judge.see(seen)

    def _may(self, collector: str, place: Place) -> bool:
        """Whether anything may be taken there: asked before a text is even put together."""
        return self._collecting and self._is_watched(place.process) and bool(self._judge.allowing(collector, place))

    def _is_watched(self, process: int) -> bool:
        """Whether a process is of an account that the order reaches."""
        if not process:
            return True
        if process not in self._users:
            if len(self._users) > 1000:
                self._users.clear()
            self._users[process] = user_of(process) in self.order.device.accounts
        return self._users[process]

    def _opened(self, place: Place) -> None:
        told = (place.program, place.address)
        known = place.address.partition(":")[0] in ("http", "https", "ftp", "file") and self._is_watched(place.process)
        if self._collecting and known and told != self._last_address and self._judge.allowing("address", place):
            self._last_address = told
            self._put(captures.Address(place.program, place.address, place.window))

    def _fronted(self, front: Front) -> None:
        place, told = front.place, (front.place.program, front.place.window)
        if (
            not self._collecting
            or told == self._last_window
            or not place.program
            or not self._is_watched(place.process)
        ):
            return
        conditions = self._judge.allowing("window", place)
        if conditions:
            self._last_window = told
            self._put(captures.Window(place.program, place.window))

    def _copied(self, text: str) -> None:
        if self._screen is not None:
            place = self._screen.front().place
            self._see(Seen("clipboard", place, text, 0, len(text)))

    def _file_found(self, found: Found) -> None:
        def tell() -> None:
            if self._collecting:
                self._judge.see_file(found)

        self._loop_of().call_soon_threadsafe(tell)

    async def _read_front(self) -> None:
        """Read the window in front where its program shows no tree."""
        screen = self._screen
        if not (
            self._collecting and self._reads_pictures and screen is not None and "shown" in self.order.collectors()
        ):
            return
        front = screen.front()
        covered = self._accessibility.processes if self._accessibility is not None else frozenset()
        if not front.window or front.place.process in covered or front.place.process == os.getpid():
            return
        if not self._judge.allowing("shown", front.place) or (box := screen.box_of(front.window)) is None:
            self._reader.forget()
            return
        text = await self._reader.read(front.window, screen.picture_of(front.window, box))
        if text.strip():
            self._see(Seen("shown", front.place, text, 0, len(text)))

    def _look_at_drives(self) -> None:
        if self._collecting and "drive" in self.order.collectors():
            now = dict(drive.mounted())
            changed, self._drives = drive.changes(self._drives, now), now
            for one in changed:
                self._put_if_allowed("drive", one)

    def _look_at_accounts(self) -> None:
        if self._collecting and "account" in self.order.collectors():
            allowed = self.order.device.accounts
            others, signed_in = account.others(allowed), account.signed_in(allowed)
            changed = account.changes(self._others, others, "added", "removed")
            changed += account.changes(self._signed_in, signed_in, "signed in", "signed out")
            self._others, self._signed_in = others, signed_in
            for one in changed:
                self._put_if_allowed("account", one)

    def _look_at_programs(self) -> None:
        wanted = set(self.order.collectors())
        if not self._collecting or not wanted & {"program", "evasion"}:
            return
        before, self._programs = self._programs, program.running(self._programs, self.order.device.accounts)
        if "program" in wanted:
            for name in sorted(set(self._programs.values()) - set(before.values())):
                self._put_program("started", name)
            for name in sorted(set(before.values()) - set(self._programs.values())):
                self._put_program("ended", name)
        if "evasion" in wanted:
            for sign in evasion.of_programs(set(self._programs.values())):
                self._sign(sign)

    def _put_program(self, act: str, name: str) -> None:
        local = self.order.local_time(self._clock.now())
        if any(not one.excluded.why(name, "", "", local) for one in self.order.conditions_for("program")):
            self._put(captures.Program(act, name))  # type: ignore[arg-type]

    def _put_if_allowed(self, collector: str, body: Body) -> None:
        if self._judge.allowing(collector, Place("")):
            self._put(body)

    def _look_for_signs(self) -> None:
        if not self._collecting or "evasion" not in self.order.collectors():
            return
        if others := evasion.screens(self._display):
            words = f"Besides the watched screen session there are others on this device: {len(others)}."
            self._sign(captures.Evasion("second session", words, 3))
        reached = self._sender.reached_at or self._began
        if time.monotonic() - reached > SILENT_SECONDS and evasion.has_network():
            self._sign(
                captures.Evasion("server unreached", "The network is there, and the server cannot be reached.", 3)
            )
        elif not evasion.has_network() and not self.order.server.startswith(f"http://{_HERE}"):
            self._sign(captures.Evasion("network gone", "The device has no way to any network.", 2))
        for name in {place.program for _, place in (self._screen.windows() if self._screen else [])}:
            if name in CHROMIUMS and self._covering(name) == "uncovered":
                self._sign(
                    captures.Evasion("uncovered", f"{name} was started without --force-renderer-accessibility.", 2)
                )

    def _sign(self, sign: captures.Evasion, *, again: bool = False) -> None:
        """A sign, told once a run, or at each time."""
        key = (sign.sign, sign.words)
        if (again or key not in self._signs) and self._judge.allowing("evasion", Place("")):
            self._signs.add(key)
            self._put(sign, now=True)

    async def _look_round(self) -> None:
        if self._accessibility is None:
            return
        if not self._accessibility.is_alive and self._collecting:
            self._accessibility.stop()
            self._accessibility = None
            await self._listen()
        else:
            await self._accessibility.look_round()

    # --- Hits ---------------------------------------------------------------------------------------------------------

    def _new_judge(self) -> Judge:
        return Judge(self.order, self._ready.device.id, self._clock, self._scan, self._hit)

    def _scan(self, text: str, seen: Seen) -> list[Find]:
        return self._watcher.scan(text, Where(direction=seen.collector, program=seen.place.program))

    def _hit(self, hit: Hit, condition: Condition, place: Place, shot: bool) -> None:
        window = self._window_of(place) if shot and self._may_be_pictured(place, condition) else 0
        seq = self._put(replace(hit, screenshot=bool(window)), now=True)
        form = condition.captures.screenshot
        if not window or self._screen is None or form == "none":
            return
        local = self.order.local_time(self._clock.now())
        shown = self._screen.place_of(window)
        if condition.excluded.why(shown.program, shown.window, "", local):
            return

        def hidden(other: Place) -> bool:
            excluded = condition.excluded
            unknown = bool(excluded.sites) and other.program in BROWSERS
            return unknown or bool(excluded.why(other.program, other.window, "", local))

        taken = self._screen.screenshot(window, form, hidden)
        if taken is not None:
            jpeg, width, height = taken
            self._put(captures.Screenshot(seq, form, width, height, b64encode(jpeg).decode()), now=True)

    def _may_be_pictured(self, place: Place, condition: Condition) -> bool:
        """Where sites or people are excluded, a page that is not the one in front has no picture: another would be in it."""
        return place.in_front or not (condition.excluded.sites or condition.excluded.people)

    def _window_of(self, place: Place) -> int:
        """The X window of a place: that in front, or the highest of its process that has the title."""
        if self._screen is None:
            return 0
        front = self._screen.front()
        if front.place.process == place.process and place.process:
            return front.window
        own = [(window, other) for window, other in self._screen.windows() if other.process == place.process]
        titled = [window for window, other in own if other.window == place.window]
        return titled[-1] if titled else own[-1][0] if own and place.process else 0

    def _put(self, body: Body, *, now: bool = False) -> int:
        try:
            seq = self._spool.append(body, self.order.server_key, self.order.order, self.order.version)
        except sqlite3.Error as reason:
            self._broken = self._broken or Interrupted(
                f"What was found cannot be kept: {reason}. The agent ends, since it could not tell what it sees."
            )
            self._stop.set()
            return 0
        if now or self._sender.trouble == "":
            self._sender.hurry()
        return seq

    # --- Heartbeat ----------------------------------------------------------------------------------------------------

    def _heartbeat(self) -> None:
        now = time.monotonic()
        self._judge.forget_old()
        if now - self._heartbeat_at < 60 and self._heartbeat_at and not self._spool.is_calm():
            return
        self._heartbeat_at = now
        waiting, size = self._spool.waiting()
        beat = captures.Heartbeat(
            tuple(self._coverage()), self._notice is not None and not self._notice.why_not, waiting, size,
            captures.Clock(self._clock.ahead_ms(), self._clock.heard_seconds_ago()), self._paused,
        )  # fmt: skip
        self._put(beat)
        self._health()

    def _coverage(self) -> Iterator[captures.Covered]:
        """Programs with a window, each once, and by what their text is read; excluded ones without a name."""
        told = set[tuple[str, str]]()
        if self._files is not None and self._known_files() is None:
            yield captures.Covered("new files", "none", "the list of known files has not come yet")
        for _, place in self._screen.windows() if self._screen is not None else []:
            if not place.program or place.process == os.getpid():
                continue
            source, words = self._covering(place.program, place), ""
            if not self._judge.allowing("shown", place) and not self._judge.allowing("typed", place):
                known = place.program in BROWSERS and self._may_be_open(place)
                source = source if known else "excluded"
            if source == "uncovered":
                words, source = (
                    "started without --force-renderer-accessibility",
                    "ocr" if self._reads_pictures else "none",
                )
            name = "excluded" if source == "excluded" else place.program
            if (name, source) not in told:
                told.add((name, source))
                yield captures.Covered(name, source, words)  # type: ignore[arg-type]

    def _may_be_open(self, place: Place) -> bool:
        """Whether a browser is excluded only for sites whose address is not known from its window alone."""
        local = self.order.local_time(self._clock.now())
        return any(not one.excluded.why(place.program, place.window, "", local) for one in self.order.conditions)

    def _covering(self, name: str, place: Place | None = None) -> str:
        covered = self._accessibility.processes if self._accessibility is not None else frozenset()
        windows = [place] if place is not None else [one for _, one in self._screen.windows()] if self._screen else []
        if any(one.program == name and one.process in covered for one in windows):
            return "accessibility"
        return (
            "uncovered" if name in CHROMIUMS else "ocr" if self._reads_pictures and self._screen is not None else "none"
        )

    def _health(self, *, ended: bool = False) -> None:
        waiting, size = self._spool.waiting()
        told = {
            "ended": ended, "at": self._clock.wall().isoformat(), "order": self.order.reference, "version": self.order.version,
            "until": self.order.ends_at.isoformat(), "collecting": self._collecting, "paused": self._paused, "waiting": waiting,
            "waiting_bytes": size, "server": self._sender.trouble, "trouble": self._trouble, "head": self._spool.head[0],
            "libraries": sorted(self._libraries), "texts": self._judge.counted, "process": os.getpid(),
        }  # fmt: skip
        write_whole(self._ready.folder / HEALTH, json.dumps(told).encode())

    # --- What the server says (in the sender's thread) ----------------------------------------------------------------

    def _heard(self, answer: Answer) -> None:
        order = None
        if answer.order is not None:
            try:
                order = adopt(answer.order, self.order, self._ready)
                self._trouble.pop("order", None)
            except OpenCETSError as reason:
                self._trouble["order"] = reason.sentence
        libraries = self._fetch_libraries(order or self.order, answer.libraries)
        self._fetch_known_files(order or self.order)
        if (order is not None or libraries) and self._loop is not None:
            self._loop.call_soon_threadsafe(self._change, order, libraries)

    def _fetch_libraries(self, order: Order, wanted: tuple[tuple[str, str], ...]) -> dict[str, Library]:
        """Libraries that the server wants used, of the names that the order has; each is what its digest says, or not taken."""
        assert threading.current_thread() is self._sender
        named = {one.name: one.digest for one in order.libraries}
        asked = {name: digest for name, digest in {**named, **dict(wanted)}.items() if name in named}
        fetched = dict[str, Library]()
        for name, digest in asked.items():
            if name in self._libraries and self._libraries[name].digest == digest:
                continue
            try:
                given = self._sender.fetch_library(digest)
                library = Library.from_bytes(given)
                if (library.name, library.digest) != (name, digest):
                    raise ValueError("it is not the one that was asked for")
                folder = self._ready.base / self._settings.libraries
                folder.mkdir(parents=True, exist_ok=True)
                write_whole(folder / f"{sha256(name.encode()).hexdigest()[:16]}.json", given)
                fetched[name] = library
                self._trouble.pop(f"library {name}", None)
            except (OSError, ValueError, OpenCETSError) as reason:
                self._trouble[f"library {name}"] = str(reason)
        return fetched

    def _change(self, order: Order | None, libraries: dict[str, Library]) -> None:
        """Obey a later version of the order, look with other libraries."""
        if order is not None:
            self._stop_collecting("the order was changed")
            self.order = order
            self._tell(f"Version {order.version} of the order {order.reference} holds.")
        named = {one.name for one in self.order.libraries}
        self._libraries = {name: one for name, one in {**self._libraries, **libraries}.items() if name in named}
        self._watcher = Watcher(list(self._libraries.values()))
        self._judge = self._new_judge()

    def _load_libraries(self) -> dict[str, Library]:
        """Those of the order that are on this device; another, or one that was changed, is not used."""
        folder, found = self._ready.base / self._settings.libraries, dict[str, Library]()
        wanted = {one.name: one.digest for one in self.order.libraries}
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            try:
                library = Library.from_bytes(path.read_bytes()) if path.suffix == ".json" else Library.open(path)
            except (OSError, ValueError, OpenCETSError) as reason:
                self._tell(f"The library {path.name} is not used: {reason}")
                continue
            if library.name in wanted and (library.digest == wanted[library.name] or library.name not in found):
                found[library.name] = library
        return found

    def _known_files(self) -> KnownFiles | None:
        """The order's list, where it has come."""
        known = self._known
        return known if known is not None and known.digest == self.order.known_files else None

    def _fetch_known_files(self, order: Order) -> None:
        """The list that the order names, into memory and nowhere else; asked for with each answer until it is here."""
        assert threading.current_thread() is self._sender
        digest = order.known_files
        if digest is None or "file" not in order.collectors() or (self._known and self._known.digest == digest):
            return
        try:
            self._known = KnownFiles(self._sender.fetch_library(digest), digest)
            self._trouble.pop("known files", None)
        except (OSError, ValueError, OpenCETSError) as reason:
            self._trouble["known files"] = f"New files are not compared yet: {reason}"
        else:
            self._loop_of().call_soon_threadsafe(self._compare_files)

    def _compare_files(self) -> None:
        known = self._known_files()
        if self._files is not None and known is not None:
            self._files.compare(known)

    def _loop_of(self) -> asyncio.AbstractEventLoop:
        assert self._loop is not None
        return self._loop

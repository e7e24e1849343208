"""One run of a sensor: who is due is asked, what is said is written, parts are sealed and delivered; round the clock.

Order matters. The purpose is on the disk before the first question; an entry is written before it is known; a place's next turn
is noted before it is asked, and given back where the log has nothing of it. So a crash at any moment doubles nothing.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import fcntl
import heapq
import json
import os
import secrets
import sys
import time
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Lock
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from opencets.errors import ActRefused, Interrupted
from opencets.packing.authority import Authority, Wanted, open_authority
from opencets.packing.deliveries import LONGEST_ALERT, Health
from opencets.packing.fields import cleaned
from opencets.sighting.looks import note_look
from opencets.sighting.sealed import SEALED, Line
from opencets_sensor import clock, guard
from opencets_sensor.delivery import (
    REFUSED,
    SENT,
    WAITING,
    Delivered,
    deliver,
    pause_after,
    refusals,
    server_of,
    waiting_bytes,
)
from opencets_sensor.log import Log, left_open
from opencets_sensor.networks import NETWORKS
from opencets_sensor.networks.contract import Asker, Place, Source
from opencets_sensor.pace import Pace
from opencets_sensor.sending import OFF_MS
from opencets_sensor.settings import Settings, read_settings
from opencets_sensor.state import State

OPEN = "open"
HEALTH, KEY, CHAIN = "health.json", "key", "chain"
SHORTEST_PURPOSE = 10
LONGEST_PAUSE = 86_400
LONGEST_LOG = 32 << 20
"""Bytes of a part, unpacked; longer ones would grow beyond what a server takes."""
HELD_AT_ONCE, HELD_A_FILE = 10, 3
WARNED_DAYS = 4


@dataclass(frozen=True, slots=True)
class Ready:
    """A sensor that may look: everything that it needs was checked."""

    settings: Settings
    base: Path
    folder: Path
    authority: Authority
    purpose: str
    operator: str


def prepare(path: Path, purpose: str, operator: str, now: dt.datetime) -> Ready:
    """Everything but looking. ActRefused says what is missing; then nothing is asked of anybody."""
    guard.require_no_transfer()
    settings = read_settings(path)
    base = path.absolute().parent
    if not settings.trusted_keys:
        raise ActRefused(
            f"{path.name} trusts no key (trusted_keys), so no authority can hold. The sensor does not start."
        )
    try:
        written = (base / settings.authority).read_bytes()
    except OSError:
        raise ActRefused(
            f"There is no authority at {settings.authority}: a signed list of files with its order. "
            "“opencets hash-set authorise” makes one. The sensor does not start."
        ) from None
    authority = open_authority(written, settings.trusted_keys)
    authority.require_day(now)
    if len(purpose.strip()) < SHORTEST_PURPOSE:
        raise ActRefused(
            "Say for what it looks (--purpose), in a few words; they are kept in its log. It does not start."
        )
    for network, table in settings.networks.items():
        if network not in NETWORKS:
            raise ActRefused(f"{path.name}: there is no network {network}; there are {', '.join(NETWORKS)}.")
        NETWORKS[network].joined(table)
    if not any(network in settings.networks and settings.mine(file) for network, file in authority.files):
        raise ActRefused(
            f"The authority “{authority.name}” names no file that this sensor looks for. It does not start."
        )
    folder = base / settings.state
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for part in (OPEN, WAITING, SENT, REFUSED):
        (folder / part).mkdir(exist_ok=True)
    return Ready(settings, base, folder, authority, purpose.strip(), operator)


def sensor_key(folder: Path) -> Ed25519PrivateKey:
    """The key that seals this sensor's logs, made at first use, readable by its owner alone."""
    path = folder / KEY
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(b64encode(Ed25519PrivateKey.generate().private_bytes_raw()))
            file.flush()
            os.fsync(file.fileno())
    return Ed25519PrivateKey.from_private_bytes(b64decode(path.read_bytes()))


def software() -> str:
    """The program and its version, as every batch names it."""
    try:
        return f"OpenCETS sensor {version('opencets')}"
    except PackageNotFoundError:
        return "OpenCETS sensor, not installed"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One run at a time in a sensor's folder. ActRefused: another runs there."""
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ActRefused(f"Another run of this sensor uses {folder.name}. It does not start twice.") from None
        yield


class Run:
    """A run, from its first question to its last part."""

    def __init__(self, ready: Ready, tell: Callable[[str], None] = lambda text: print(text, file=sys.stderr)) -> None:  # noqa: T201
        self._ready, self._settings, self._tell = ready, ready.settings, tell
        self._key = sensor_key(ready.folder)
        self._state = State(ready.folder / "state.db")
        self._pace = Pace(ready.settings.pace)
        self._name = f"{ready.settings.name}-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        self._number = 0
        self._clock = clock.Measured(clock.now_ms())
        self._alerts: dict[str, str] = {}
        self._askers: dict[str, Asker] = {}
        self._log: Log | None = None
        self._began = 0.0
        self._on_disk = 0
        self._is_full = False
        self._delivering = Lock()
        self._server = server_of(self._settings.deliver, ready.base, self._key)
        self._failed, self._deliver_at = 0, 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._due: dict[tuple[str, str], list[tuple[int, str, Source]]] = {}
        self._busy = Counter[tuple[str, str]]()
        self._held: dict[str, tuple[float, int]] = {}
        self._holding = 0
        self._counts = {"asked": 0, "answered": 0, "delivered_parts": 0}
        self._broken: BaseException | None = None

    async def until(self, stop: asyncio.Event) -> None:
        """Look until told to stop or the authority ends; then seal, deliver once more and leave."""
        ready = self._ready
        note_look(
            ready.folder, ready.operator,
            f"sensor {self._settings.name} looks for {len(ready.authority.files)} files by {ready.authority.order}",
            ready.purpose, dt.datetime.now(dt.UTC),
        )  # fmt: skip
        self._recover()
        await self._measure()
        self._open()
        for network, table in self._settings.networks.items():
            asker = NETWORKS[network].joined(table)
            await asker.begin()
            self._askers[network] = asker
        self._line_up()
        beats = (
            (self._look, 0.1), (self._rotate, 0.2), (self._watch_spool, 0.5), (self._health, 5),
            (self._measure_again, self._settings.clock.every_seconds),
            (self._deliver_in_turn, 0.2), (self._forget, 600),
        )  # fmt: skip
        loops = [asyncio.create_task(self._beat(act, seconds, stop)) for act, seconds in beats]
        try:
            await stop.wait()
        finally:
            for task in (*loops, *self._tasks):
                task.cancel()
            await asyncio.gather(*loops, *self._tasks, return_exceptions=True)
            for asker in self._askers.values():
                await asker.leave()
            self._seal("ended")
            await self._deliver(ended=True)
            self._health_now(ended=True)
            if self._server is not None:
                self._server.close()
            self._state.close()
        if self._broken is not None:
            raise self._broken

    async def _beat(self, act: Callable[[], Any], seconds: float, stop: asyncio.Event) -> None:
        """Do it again and again; what goes wrong ends the run, because a sensor that half works tells half."""
        try:
            while not stop.is_set():
                if (doing := act()) is not None:
                    await doing
                await asyncio.sleep(seconds)
        except Exception as reason:
            self._broken = self._broken or reason
            stop.set()

    # --- Looking ------------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Ask the sources and places whose turn it is, as far as pace and spool let."""
        self._ready.authority.require_day(dt.datetime.now(dt.UTC))
        if self._is_full:
            return
        for task in self._tasks:
            if task.done() and not task.cancelled() and (reason := task.exception()) is not None:
                raise reason
        self._tasks = {task for task in self._tasks if not task.done()}
        now = clock.now_ms()
        self._ask_sources(now)
        room = self._settings.pace.at_once - len(self._tasks)
        if room <= 0:
            return
        moment = asyncio.get_running_loop().time()
        for network, file, place in self._state.due_places(now, 4 * self._settings.pace.at_once):
            if not room or moment < self._pace.next_at:
                return
            wanted_here = self._ready.authority.files.get((network, file))
            if wanted_here is None or network not in self._askers or not self._settings.mine(file):
                self._state.asked(network, file, place, now + LONGEST_PAUSE * 1000, answered=False)
                continue
            if not self._pace.takes(place.address, moment):
                continue
            self._state.asking(network, file, place, now + int(self._settings.pace.ask_again_seconds * 1000))
            self._spawn(self._ask(network, wanted_here, place, hold=self._takes_hold(file, moment)))
            room -= 1

    def _line_up(self) -> None:
        """For each source its files, the one first whose turn comes first."""
        for (network, file), wanted in self._ready.authority.files.items():
            if network in self._askers and self._settings.mine(file):
                for source in self._askers[network].sources(wanted):
                    due = self._state.source_due_at(network, file, source.name)
                    self._due.setdefault((network, source.name), []).append((due, file, source))
        for line in self._due.values():
            heapq.heapify(line)

    def _ask_sources(self, now: int) -> None:
        """Each source is asked about as many files at a time as it takes."""
        for busy, line in self._due.items():
            while line and line[0][0] <= now and self._busy[busy] < line[0][2].at_once:
                self._busy[busy] += 1
                _, file, source = heapq.heappop(line)
                self._spawn(self._find(busy[0], source, file))

    async def _find(self, network: str, source: Source, file: str) -> None:
        wanted = self._ready.authority.require(network, file, dt.datetime.now(dt.UTC))
        pause, failed = self._settings.pace.source_again_seconds, False
        try:
            pause = max(pause, await self._askers[network].find(source, wanted, self._note))
        except Interrupted:
            failed = True
        again = clock.now_ms() + int(min(pause, LONGEST_PAUSE) * 1000)
        times = self._state.source_asked(network, file, source.name, again, failed=failed)
        heapq.heappush(self._due[network, source.name], (again, file, source))
        self._alert(
            "silent " + source.name, f"{source.name} did not answer {times} times in a row." if times >= 3 else ""
        )
        await asyncio.sleep(self._settings.pace.source_gap_seconds)
        self._busy[network, source.name] -= 1

    async def _ask(self, network: str, wanted: Wanted, place: Place, *, hold: bool) -> None:
        self._ready.authority.require(network, wanted.file, dt.datetime.now(dt.UTC))
        self._counts["asked"] += 1
        try:
            await self._askers[network].ask(place, wanted, self._note, hold=hold)
        finally:
            self._holding -= hold

    def _takes_hold(self, file: str, moment: float) -> bool:
        """Whether this conversation is held to hear of others: few a file and turn, few at once."""
        since, count = self._held.get(file, (moment, 0))
        if moment >= since + self._settings.pace.source_again_seconds:
            since, count = moment, 0
        if self._holding >= HELD_AT_ONCE or count >= HELD_A_FILE:
            return False
        self._held[file] = since, count + 1
        self._holding += 1
        return True

    def _spawn(self, work: Any) -> None:
        self._tasks.add(asyncio.create_task(work))

    def _note(self, do: str, **said: Any) -> Line:
        """Write what was said, then know it."""
        assert self._log is not None
        entry = self._log.note(do, **said)
        self._know(entry)
        return entry

    def _know(self, entry: Line) -> None:
        reading = NETWORKS.get(str(entry.get("network")))
        if reading is None:
            return
        told = [
            (place, kind)
            for place, kind in reading.told_in(entry)
            if self._settings.reach.allows(place.address, place.port)
        ]
        if told:
            network, now, most = str(entry["network"]), clock.now_ms(), self._settings.pace.most_places
            self._state.learn(network, str(entry["file"]), told, now, most)
        if entry["do"] == "heard":
            answered = any(line[1] == "<" for line in entry["wire"])
            self._counts["answered"] += answered
            again = int(entry["at"]) + int(self._settings.pace.ask_again_seconds * 1000)
            place = Place(str(entry["address"]), int(entry["port"]))
            self._state.asked(str(entry["network"]), str(entry["file"]), place, again, answered=answered)

    # --- Parts of the log ---------------------------------------------------------------------------------------------

    def _open(self) -> None:
        authority, settings = self._ready.authority, self._settings
        self._number += 1
        chain = self._ready.folder / CHAIN
        self._log = Log.begin(
            self._ready.folder / OPEN, f"{self._name}-{self._number:06d}",
            {
                "at": clock.now_ms(), "sensor": settings.name, "run": self._name, "part": self._number,
                "software": software(), "configuration": settings.digest(), "settings": settings.said(),
                "authority": {
                    "digest": authority.digest, "key": authority.key, "name": authority.name, "agency": authority.agency,
                    "order": authority.order, "purpose": authority.purpose, "ends_on": authority.ends_on.isoformat(),
                },
                "purpose": self._ready.purpose, "operator": self._ready.operator, "clock": self._clock.said(),
                "before": chain.read_text() if chain.exists() else "",
            },
        )  # fmt: skip
        self._began = asyncio.get_running_loop().time()

    def _rotate(self) -> None:
        """Seal what is long or old enough. A part in which nothing was said stays open."""
        log, limits = self._log, self._settings.spool
        assert log is not None
        if log.count != self._on_disk:
            log.bring_to_disk()
            self._on_disk = log.count
        old = asyncio.get_running_loop().time() - self._began > limits.seconds
        if log.count > 1 and (log.count > limits.most_entries or log.size > LONGEST_LOG or old):
            self._seal("turn")
            self._open()

    def _seal(self, why: str) -> None:
        if self._log is not None:
            log, self._log = self._log, None
            self._pack(log, why)

    def _pack(self, log: Log, why: str) -> None:
        _, chain = log.seal(self._ready.folder / WAITING, why, clock.now_ms(), self._key)
        staged = self._ready.folder / f"{CHAIN}.part"
        staged.write_text(chain)
        staged.rename(self._ready.folder / CHAIN)

    def _recover(self) -> None:
        """Seal what a crash left open, once, and know what it says."""
        for log, lines in left_open(self._ready.folder / OPEN):
            if any((self._ready.folder / part / f"{log.name}{SEALED}").exists() for part in (WAITING, SENT)):
                log.drop()
                continue
            for entry in lines:
                self._know(entry)
            self._pack(log, "recovered")
        self._state.resume(clock.now_ms())

    def _watch_spool(self) -> None:
        """Stop looking while too much waits."""
        folder = self._ready.folder
        waits = waiting_bytes(folder / WAITING, folder / OPEN, folder / REFUSED)
        self._is_full = waits > self._settings.spool.most_megabytes * 1_000_000
        sentence = f"{waits:,} bytes wait to be delivered; nothing is looked for until they are."
        self._alert("full", sentence if self._is_full else "")

    async def _deliver_in_turn(self) -> None:
        if time.monotonic() >= self._deliver_at:
            await self._deliver()

    async def _deliver(self, *, ended: bool = False) -> None:
        folder, to = self._ready.folder, self._settings.deliver
        health = self._health_said(ended=ended) if self._server is not None else None

        def one_after_the_other() -> Delivered:
            with self._delivering:
                return deliver(folder, to, self._ready.base, self._server, health)

        try:
            delivered = await asyncio.to_thread(one_after_the_other)
        except Interrupted as reason:
            self._failed += 1
            self._deliver_at = time.monotonic() + pause_after(self._failed)
            self._alert("delivery", reason.sentence)
        else:
            self._failed, self._deliver_at = 0, time.monotonic() + to.every_seconds
            self._counts["delivered_parts"] += delivered.parts
            self._alert("delivery", "")
            self._alert(
                "health", f"The server does not understand how it goes: {why}" if (why := delivered.unheard) else ""
            )
        self._alert("refused", _refused(refusals(folder)))
        off = self._server.clock_off_ms if self._server is not None else None
        apart = off is not None and abs(off) > OFF_MS
        self._alert(
            "server clock", f"The server's clock is {off} ms off this one; one of them is wrong." if apart else ""
        )

    # --- Clock and health ---------------------------------------------------------------------------------------------

    async def _measure(self) -> None:
        self._clock = measured = await clock.measure(self._settings.clock.servers)
        if measured.offset_ms is None:
            self._alert("clock", "The clock was not measured: no time server answered.")
        elif abs(measured.offset_ms) > self._settings.clock.alert_ms:
            self._alert("clock", f"The clock is {measured.offset_ms} ms off by {measured.source}.")
        else:
            self._alert("clock", "")

    async def _measure_again(self) -> None:
        """A part has one clock: one that goes otherwise begins the next."""
        before = self._clock
        if clock.now_ms() - before.at < 1000:
            return
        await self._measure()
        assert self._log is not None
        self._log.note("clock", **self._clock.said())
        moved = (before.offset_ms is None) != (self._clock.offset_ms is None)
        if moved or abs((before.offset_ms or 0) - (self._clock.offset_ms or 0)) > 20:
            self._seal("clock")
            self._open()

    def _alert(self, what: str, sentence: str) -> None:
        """Raise an alert, or lower it with no sentence; each change is told once and written."""
        if self._alerts.get(what, "") == sentence:
            return
        if what not in self._alerts or not sentence:
            self._tell(f"{self._settings.name}: {sentence or what + ' is right again.'}")
            if self._log is not None:
                self._log.note("alert", at=clock.now_ms(), what=what, sentence=sentence)
        if sentence:
            self._alerts[what] = sentence
        else:
            del self._alerts[what]

    def _forget(self) -> None:
        self._state.forget(clock.now_ms() - int(self._settings.pace.forget_after_hours * 3_600_000))

    def _health_said(self, *, ended: bool) -> Health:
        """How it goes, as a server is told it; what waits and what was refused is counted when it is told."""
        alerts = tuple(
            cleaned(one, LONGEST_ALERT)
            for what, one in sorted(self._alerts.items())
            if what not in ("delivery", "refused")
        )
        return Health(
            software(), self._name, dt.datetime.now(dt.UTC), ended, alerts, self._counts["asked"], self._counts["answered"],
            self._state.counts()[0], 0, 0, 0, self._clock.offset_ms, self._ready.authority.ends_on.isoformat(),
        )  # fmt: skip

    def _health(self) -> None:
        self._health_now()

    def _health_now(self, *, ended: bool = False) -> None:
        """Write how it goes, whole or not at all, for ``opencets sensor status`` and any watchdog."""
        folder, ends_on = self._ready.folder, self._ready.authority.ends_on
        ending = (ends_on - dt.datetime.now(dt.UTC).date()).days < WARNED_DAYS and not ended
        self._alert("authority", f"The authority ends on {ends_on}; then it stops looking." if ending else "")
        known, answered = self._state.counts()
        said = {
            "sensor": self._settings.name, "run": self._name, "at": clock.now_ms(), "ended": ended,
            "alerts": sorted(self._alerts.values()), **self._counts, "places": known, "places_answered": answered,
            "parts_waiting": len(list((folder / WAITING).glob(f"*{SEALED}"))), "parts_refused": len(refusals(folder)),
            "bytes_waiting": waiting_bytes(folder / WAITING),
            "clock_offset_ms": self._clock.offset_ms, "clock_source": self._clock.source,
            "authority_ends_on": ends_on.isoformat(),
        }  # fmt: skip
        staged = folder / f"{HEALTH}.part"
        staged.write_text(json.dumps(said, indent=1))
        staged.rename(folder / HEALTH)


def _refused(found: Mapping[str, str]) -> str:
    """The alert of parts that the server will never take; empty: there are none."""
    if not found:
        return ""
    name, why = max(found.items())
    return f"{len(found):,} parts were refused by the server and are kept in {REFUSED}; the last, {name}: {why}"

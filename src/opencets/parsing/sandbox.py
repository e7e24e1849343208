"""Work on untrusted bytes in separate, limited processes: a crash, a bomb or an endless loop costs its own task only.

Each child has limits on address space, processor time, open files and file size, writes no core dump, has no network
where the system permits (``Pool.network`` says whether), sees none of the parent's environment beyond what Python
needs, and dies with the parent. What it sends back is bounded and unpacked by an unpickler that builds only values of
this project's own classes and plain ones, so that a child taken over by a file cannot run code in the parent.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import io
import json
import os
import pickle
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from opencets.parsing.limits import Limits


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task gave no (further) result: ``code`` for machines, a sentence for people.

    Codes: crashed, killed, time, memory, exited, result-too-large, result-refused, not-sendable, no-process, failed, or
    the code of the error that the function raised.
    """

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a task: one outcome of a plain function; of a generator one per item and a last one, ``done``."""

    task: Any
    result: Any = None
    failure: Failure | None = None
    done: bool = True


@dataclass(slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    into: int
    out: int
    network: str = ""
    buffer: bytearray = field(default_factory=bytearray)
    task: Any = None
    busy: bool = False
    result: Any = None
    deadline: float = 0.0
    tasks: int = 0
    frame: bytes = b""
    begun: bool = False
    tries: int = 0


_NOTHING = object()
_PLAIN = {
    ("builtins", name) for name in ("set", "frozenset", "complex", "bytearray", "slice", "range", "object")
} | {
    ("collections", name) for name in ("Counter", "OrderedDict", "deque", "defaultdict")
} | {
    ("datetime", name) for name in ("datetime", "date", "time", "timedelta", "timezone")
} | {("decimal", "Decimal"), ("pathlib", "PosixPath"), ("pathlib", "PurePosixPath")}  # fmt: skip
_ENVIRONMENT = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "NUMBA_CACHE_DIR",
    "TESSDATA_PREFIX",
    "LD_LIBRARY_PATH",
    "VIRTUAL_ENV",
)


class Pool:
    """Long-lived limited processes. Use it as a context manager, from the one thread that made it.

    ``processes``: how many. ``tasks_per_child``: a child is replaced after so many tasks, or when its memory has grown
    by a quarter of what it may use. ``trusted``: further classes, as ``module.name``, that results may hold.
    """

    def __init__(
        self,
        processes: int = 2,
        limits: Limits | None = None,
        *,
        tasks_per_child: int = 10_000,
        trusted: Iterable[str] = (),
    ) -> None:
        self.processes = max(1, processes)
        self.limits = limits or Limits()
        self.tasks_per_child = tasks_per_child
        self.trusted = frozenset(trusted)
        self.network = "not started"
        self._children: list[_Child] = []
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends every child."""
        for child in list(self._children):
            self._end(child)
        self._selector.close()

    def run(self, function: Callable[[Any], Any], tasks: Iterable[Any]) -> Generator[Outcome, None, None]:
        """Runs a picklable function on each task and gives outcomes as they come, in the order of completion.

        ``function`` may be a generator; its items come one by one, and wait in the child while nobody takes them. Tasks
        are taken from the iterable only when a child is free. Leaving early ends the children that are still at work.
        """
        waiting = iter(tasks)
        more = True
        try:
            while True:
                while more and self.has_room:
                    task = next(waiting, _NOTHING)
                    if task is _NOTHING:
                        more = False
                    else:
                        refused = self.send(function, task)
                        if refused is not None:
                            yield refused
                if not self.busy:
                    return
                yield from self.receive()
        finally:
            self.abandon()

    @property
    def busy(self) -> int:
        """How many children are at work."""
        return sum(child.busy for child in self._children)

    @property
    def has_room(self) -> bool:
        """Whether a task can be sent at once."""
        return self.busy < self.processes

    def send(self, function: Callable[[Any], Any], task: Any) -> Outcome | None:
        """Gives a task to a free child. None when sent; an outcome with the failure when it cannot be."""
        try:
            packed = pickle.dumps((function, task), protocol=5)
        except (pickle.PicklingError, TypeError, AttributeError, ValueError) as error:
            return Outcome(task, None, Failure("not-sendable", f"The task cannot be given to another process: {error}"))
        return self._give(task, b"T" + len(packed).to_bytes(8, "big") + packed, tries=0)

    def _give(self, task: Any, frame: bytes, tries: int) -> Outcome | None:
        while tries < 3:
            tries += 1
            child = next((one for one in self._children if not one.busy), None) or self._start()
            try:
                rest = memoryview(frame)
                while rest:
                    rest = rest[os.write(child.into, rest) :]
            except OSError:  # it died while it waited
                self._end(child)
                continue
            child.busy, child.task, child.result = True, task, None
            child.frame, child.begun, child.tries = frame, False, tries
            child.deadline = time.monotonic() + self.limits.seconds
            child.tasks += 1
            return None
        return Outcome(
            task, None, Failure("no-process", "No separate process could be started for the task; try again.")
        )

    def receive(self) -> Iterator[Outcome]:
        """Waits for at least one frame or end from the children at work, and gives the outcomes that came."""
        while self.busy:
            wait = min(child.deadline for child in self._children if child.busy) - time.monotonic()
            ready = self._selector.select(max(0.0, min(wait, 60.0)))
            found = False
            for key, _ in ready:
                child: _Child = key.data
                if child not in self._children:
                    continue
                for outcome in self._take(child):
                    found = True
                    yield from self._paused(outcome)
            now = time.monotonic()
            for child in [one for one in self._children if one.busy and one.deadline <= now]:
                found = True
                task = child.task
                self._end(child)
                yield Outcome(
                    task, None, Failure("time", f"It took longer than {self.limits.seconds:g} seconds and was stopped.")
                )
            if found:
                return

    def abandon(self) -> None:
        """Ends the children that are at work; their tasks give no outcome."""
        for child in [one for one in self._children if one.busy]:
            self._end(child)

    def _paused(self, outcome: Outcome) -> Iterator[Outcome]:
        """While the caller is busy with an outcome, no child's clock runs."""
        before = time.monotonic()
        yield outcome
        away = time.monotonic() - before
        for child in self._children:
            child.deadline += away

    def _start(self) -> _Child:
        task_read, task_write = os.pipe()
        answer_read, answer_write = os.pipe()
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if entry)
        environment["OMP_NUM_THREADS"] = environment["OPENBLAS_NUM_THREADS"] = "1"
        try:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "opencets.parsing.child",
                    str(task_read),
                    str(answer_write),
                    str(os.getpid()),
                    json.dumps(dataclasses.asdict(self.limits)),
                ],
                pass_fds=(task_read, answer_write),
                stdin=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        except BaseException:
            os.close(task_write)
            os.close(answer_read)
            raise
        finally:
            os.close(task_read)
            os.close(answer_write)
        os.set_blocking(answer_read, False)
        child = _Child(process, task_write, answer_read)
        self._children.append(child)
        self._selector.register(answer_read, selectors.EVENT_READ, child)
        return child

    def _end(self, child: _Child) -> int:
        """Kills a child and gives its exit status."""
        if child in self._children:
            self._children.remove(child)
            self._selector.unregister(child.out)
            os.close(child.into)
            os.close(child.out)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.process.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            child.process.kill()
        return child.process.wait()

    def _take(self, child: _Child) -> Iterator[Outcome]:
        try:
            block = os.read(child.out, 1 << 20)
        except BlockingIOError:
            return
        if not block:
            yield from self._ended(child)
            return
        child.buffer += block
        most = self.limits.result_bytes + 4096
        while len(child.buffer) >= 9 and child in self._children:
            length = int.from_bytes(child.buffer[1:9], "big")
            if length > most:
                yield from self._distrusted(child, f"it announced a result of {length:,} bytes, {most:,} are allowed")
                return
            if len(child.buffer) < 9 + length:
                return
            kind, content = bytes(child.buffer[:1]), bytes(child.buffer[9 : 9 + length])
            del child.buffer[: 9 + length]
            try:
                value = _Unpickler(content, self.trusted).load()
            except Exception as error:
                yield from self._distrusted(child, f"what it sent cannot be accepted ({type(error).__name__}: {error})")
                return
            yield from self._frame(child, kind, value)

    def _frame(self, child: _Child, kind: bytes, value: Any) -> Iterator[Outcome]:
        if kind == b"H":
            self.network = str(value["network"])
            child.deadline = time.monotonic() + self.limits.seconds
        elif kind == b"B":
            child.begun, child.frame = True, b""
            child.deadline = time.monotonic() + self.limits.seconds
        elif kind == b"I" and child.busy:
            yield Outcome(child.task, value, None, done=False)
        elif kind == b"R" and child.busy:
            child.result = value
        elif kind == b"D" and child.busy:
            failure = value["failure"]
            task, result = child.task, child.result
            child.busy, child.task, child.result = False, None, None
            grown = int(value["resident"]) > self.limits.memory_bytes // 4
            if failure or grown or child.tasks >= self.tasks_per_child:
                self._end(child)
            if failure:
                sentence = f"The task stopped: {failure['why']}."
                yield Outcome(task, None, Failure(str(failure["code"]), sentence))
            else:
                yield Outcome(task, result)

    def _distrusted(self, child: _Child, why: str) -> Iterator[Outcome]:
        task, busy = child.task, child.busy
        self._end(child)
        if busy:
            yield Outcome(task, None, Failure("result-refused", f"The process was stopped: {why}."))

    def _ended(self, child: _Child) -> Iterator[Outcome]:
        task, busy = child.task, child.busy
        try:
            status = child.process.wait(5)
        except subprocess.TimeoutExpired:
            status = None
        self._end(child)
        if not busy:
            return
        if child.begun:
            yield Outcome(task, None, _failure_of(status, self.limits))
        elif (refused := self._give(task, child.frame, child.tries)) is not None:
            yield refused


def _failure_of(status: int | None, limits: Limits) -> Failure:
    if status is None:
        return Failure("exited", "The process closed its connection without an answer and was stopped.")
    if status >= 0:
        return Failure("exited", f"The process ended by itself (exit status {status}) without an answer.")
    number = -status
    name = signal.Signals(number).name if number in signal.Signals._value2member_map_ else f"signal {number}"
    if number == signal.SIGXCPU:
        return Failure("time", f"It used more than {limits.seconds:g} seconds of processor time and was stopped.")
    if number == signal.SIGKILL:
        return Failure(
            "killed", "The process was killed from outside (SIGKILL), perhaps because the machine ran out of memory."
        )
    return Failure(
        "crashed", f"The process crashed ({name}); the file may be made to attack the program that opens it."
    )


class _Unpickler(pickle.Unpickler):
    """Builds plain values and the project's own classes; refuses functions and every other class."""

    def __init__(self, content: bytes, trusted: frozenset[str]) -> None:
        super().__init__(io.BytesIO(content))
        self.trusted = trusted

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _PLAIN or f"{module}.{name}" in self.trusted:
            return getattr(importlib.import_module(module), name)
        if module.split(".")[0] in ("opencets", "opencets_web") and "." not in name:
            if module.startswith("opencets."):  # the engines' modules do nothing when they are imported
                importlib.import_module(module)
            found = getattr(sys.modules.get(module), name, None)
            if isinstance(found, type) and found.__module__ == module:
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is not a class that a result may hold")

"""The other side of the sandbox: a process that takes tasks from a pipe, within limits, and sends back what they give.

Started by ``opencets.parsing.sandbox`` as ``python -m opencets.parsing.child <in> <out> <parent> <limits>``.
Frames: one byte of kind, eight bytes of length, the pickled content.
"""

from __future__ import annotations

import ctypes
import inspect
import json
import os
import pickle
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000


def main() -> None:
    """Runs until the parent closes the pipe."""
    into, out = int(sys.argv[1]), int(sys.argv[2])
    limits = json.loads(sys.argv[4])
    _die_with(int(sys.argv[3]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interruption means
    network = _without_network()
    _limit(limits)
    quiet = os.open(os.devnull, os.O_RDWR)
    os.dup2(quiet, 0)
    os.dup2(quiet, 1)
    with os.fdopen(into, "rb") as tasks, os.fdopen(out, "wb", buffering=0) as answers:
        _send(answers, b"H", {"network": network})
        while (frame := _receive(tasks, answers)) is not None:
            _limit_cpu(limits["seconds"])
            _run(frame, answers, limits["result_bytes"])


def _die_with(parent: int) -> None:
    """Killed by the kernel when the parent dies; a parent that died before this line is noticed too."""
    library = ctypes.CDLL(None, use_errno=True)
    prctl = getattr(library, "prctl", None)
    if prctl is None:
        return
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def _without_network() -> str:
    """``closed`` when this process has no network any more, else why it still has."""
    unshare = getattr(ctypes.CDLL(None, use_errno=True), "unshare", None)
    if unshare is None:
        return "open: this system has no network namespaces"
    for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET):
        if unshare(flags) == 0:
            return "closed"
    return f"open: the system does not permit a network namespace ({os.strerror(ctypes.get_errno())})"


def _limit(limits: dict[str, Any]) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _lower(resource.RLIMIT_NOFILE, 256)
    _lower(resource.RLIMIT_AS, _address_space() + int(limits["memory_bytes"]))
    _lower(resource.RLIMIT_FSIZE, int(limits["member_bytes"]))


def _lower(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, value))


def _limit_cpu(seconds: float) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    wanted = int(used.ru_utime + used.ru_stime + seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _statm() -> tuple[int, int]:
    try:
        with open("/proc/self/statm", encoding="ascii") as stream:
            size, resident = (int(part) * resource.getpagesize() for part in stream.read().split()[:2])
        return size, resident
    except OSError:
        return 512 * 1024 * 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _address_space() -> int:
    return _statm()[0]


def _receive(stream: BinaryIO, answers: Any) -> tuple[Callable[[Any], Any], Any] | None:
    head = stream.read(9)
    if len(head) < 9:
        return None
    content = stream.read(int.from_bytes(head[1:], "big"))
    _send(answers, b"B", None)
    try:
        frame: tuple[Callable[[Any], Any], Any] = pickle.loads(content)  # noqa: S301 - from the parent, which is trusted
    except Exception as error:
        reason = f"the task cannot be unpacked in the other process: {type(error).__name__}: {error}"

        def refuse(_: Any) -> None:
            raise RuntimeError(reason)

        return refuse, None
    return frame


def _send(stream: Any, kind: bytes, content: object) -> None:
    packed = pickle.dumps(content, protocol=5)
    _write(stream, kind, packed)


def _write(stream: Any, kind: bytes, packed: bytes) -> None:
    rest = memoryview(kind + len(packed).to_bytes(8, "big") + packed)
    while rest:
        rest = rest[stream.write(rest) :]


def _run(frame: tuple[Callable[[Any], Any], Any], answers: Any, most: int) -> None:
    function, task = frame
    failure: dict[str, str] | None = None
    result: object = None
    try:
        given = function(task)
        if inspect.isgenerator(given):
            for one in given:
                _write(answers, b"I", _pack(one, most))
        else:
            result = given
        packed = _pack(result, most)
        _write(answers, b"R", packed)
    except MemoryError:
        failure = {"code": "memory", "why": "it needed more memory than is allowed"}
    except BrokenPipeError:
        os._exit(0)
    except _TooLarge as error:
        failure = {"code": "result-too-large", "why": str(error)}
    except Exception as error:
        said = " ".join(str(error).split())[:500]
        failure = {"code": str(getattr(error, "code", "failed")), "why": f"{type(error).__name__}: {said}"}
    _send(answers, b"D", {"failure": failure, "resident": _statm()[1]})


class _TooLarge(Exception):
    pass


def _pack(result: object, most: int) -> bytes:
    packed = pickle.dumps(result, protocol=5)
    if len(packed) > most:
        raise _TooLarge(f"one result has {len(packed):,} bytes, {most:,} are allowed")
    return packed


if __name__ == "__main__":
    main()

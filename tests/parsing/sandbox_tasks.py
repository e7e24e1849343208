"""Functions that the sandbox tests run in other processes: some harmless, most hostile."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from opencets.parsing import Source
from opencets.records import Locator


def square(number: int) -> int:
    return number * number


def whoami(_: object) -> int:
    return os.getpid()


def count_up(number: int) -> Iterator[int]:
    yield from range(number)


def count_then_crash(number: int) -> Iterator[int]:
    yield from range(number)
    ctypes.string_at(0)


def act(name: str) -> object:
    if name == "crash":
        ctypes.string_at(0)
    if name == "loop":
        while True:
            pass
    if name == "sleep":
        time.sleep(3600)
    if name == "memory":
        return len([bytearray(16 * 1024 * 1024) for _ in range(100_000)])
    if name == "exit":
        os._exit(3)
    if name == "raise":
        raise ValueError("no such luck")
    if name == "large":
        return b"x" * (80 * 1024 * 1024)
    if name == "lambda":
        return lambda: 1
    if name == "print":
        os.write(1, b"a library that prints to standard output")
    if name == "environment":
        return sorted(os.environ)
    return name


class Attack:
    """Unpickled by a careless parent, this would run a command there."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (self.path,))


def attack(path: str) -> Attack:
    return Attack(path)


def connect(address: tuple[str, int]) -> str:
    try:
        socket.create_connection(address, timeout=2).close()
    except OSError as error:
        return type(error).__name__
    return "connected"


def child_with_grandchild(_: object) -> int:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid


def say_who_then_sleep(_: object) -> Iterator[int]:
    yield os.getpid()
    time.sleep(600)


@dataclass(frozen=True)
class CrashingOpener:
    """Stands for a file whose bytes crash whatever reads them."""

    name: str

    def __call__(self) -> BinaryIO:
        ctypes.string_at(0)
        raise AssertionError("not reached")


def crashing_source(name: str) -> Source:
    return Source(Locator((name,)), 100, CrashingOpener(name))

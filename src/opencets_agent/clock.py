"""The time that the order is held against: the last trusted moment, and what has passed since by a clock nobody can turn.

The server's time is trusted; where none was heard yet, the device's own as it was when the agent first ran. From then on only
the time since boot counts (``CLOCK_BOOTTIME``: it goes on while the machine sleeps, and cannot be set). So a clock turned back
does not make an order longer, and one turned on does not end it early. Over a restart of the machine the moment never goes
behind what was known.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from opencets_agent.device import write_whole

FILE = "clock.json"
MOVED_SECONDS = 5
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clocks of the machine; another for tests."""

    wall: Callable[[], float] = time.time
    since_boot: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)
    boot: str = _BOOT.read_text().strip() if _BOOT.exists() else "unknown"


class Clock:
    """Tells the time of the order. ``moved``: by how many seconds the device's clock was set since it was last asked."""

    def __init__(self, folder: Path, clocks: Clocks | None = None) -> None:
        self._path, self._clocks = folder / FILE, clocks or Clocks()
        self._trusted, self._at, self._by_server = 0.0, 0.0, False
        self._heard: float | None = None
        self._begin()
        self._difference = self._clocks.wall() - self._clocks.since_boot()

    def _begin(self) -> None:
        wall, since_boot = self._clocks.wall(), self._clocks.since_boot()
        try:
            known = json.loads(self._path.read_bytes())
            trusted, at, boot, by_server = (known[name] for name in ("trusted", "at", "boot", "by_server"))
            trusted, at = float(trusted), float(at)
        except (OSError, ValueError, KeyError, TypeError):
            self._trusted, self._at = wall, since_boot
            return
        if boot == self._clocks.boot and since_boot >= at:
            self._trusted, self._at, self._by_server = trusted, at, bool(by_server)
        else:
            self._trusted, self._at = max(wall, trusted), since_boot

    def now(self) -> dt.datetime:
        """The trusted moment, UTC."""
        return dt.datetime.fromtimestamp(self._trusted + self._clocks.since_boot() - self._at, dt.UTC)

    def wall(self) -> dt.datetime:
        """What the device's clock shows."""
        return dt.datetime.fromtimestamp(self._clocks.wall(), dt.UTC)

    def hear(self, server: dt.datetime) -> None:
        """The server said its time."""
        self._trusted, self._at, self._by_server = server.timestamp(), self._clocks.since_boot(), True
        self._heard = self._at

    def keep(self) -> None:
        """Put what is known on the disk, for the next start."""
        now = self.now().timestamp()
        told = {
            "trusted": now, "at": self._clocks.since_boot(), "boot": self._clocks.boot, "by_server": self._by_server,
        }  # fmt: skip
        write_whole(self._path, json.dumps(told).encode())

    def moved(self) -> float:
        """Seconds by which the device's clock was set since this was last asked; 0 where it only ran."""
        difference = self._clocks.wall() - self._clocks.since_boot()
        moved, self._difference = difference - self._difference, difference
        return moved if abs(moved) > MOVED_SECONDS else 0.0

    def ahead_ms(self) -> int | None:
        """By how much the device's clock is ahead of the server's, where the server said its time in this run."""
        return None if self._heard is None else round((self._clocks.wall() - self.now().timestamp()) * 1000)

    def heard_seconds_ago(self) -> int | None:
        """How long ago the server said its time, in this run."""
        return None if self._heard is None else int(self._clocks.since_boot() - self._heard)

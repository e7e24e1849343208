"""A whole desktop of its own for a test: X server, window manager, session bus, accessibility bus; programs are started in it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

NEEDED = ("Xvfb", "openbox", "xterm", "mousepad", "dbus-daemon", "xdotool", "tesseract")
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
LAUNCHER = Path("/usr/libexec/at-spi-bus-launcher")


def missing() -> str:
    """What of the desktop is not installed; empty: all is."""
    names = [name for name in NEEDED if not shutil.which(name)]
    return ", ".join([*names, *([] if CHROMIUM else ["chromium"]), *([] if LAUNCHER.exists() else ["at-spi2-core"])])


class Desktop:
    """Runs programs in it and types into them."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self.environment, self.folder = dict(environment), folder
        self._programs: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str, stdout: int | None = subprocess.DEVNULL, **more: str) -> subprocess.Popen[bytes]:
        program = subprocess.Popen(
            command, env={**self.environment, **more}, stdout=stdout, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self._programs.append(program)
        return program

    def start_reading(self, *command: str) -> subprocess.Popen[bytes]:
        return self.start(*command, stdout=subprocess.PIPE)

    def chromium(self, address: str, *, accessible: bool = True) -> subprocess.Popen[bytes]:
        flags = ["--no-sandbox", "--no-first-run", "--disable-gpu", "--password-store=basic", "--disable-sync",
                 "--no-default-browser-check", "--disable-background-networking"]  # fmt: skip
        flags.append(f"--user-data-dir={self.folder}/chromium")
        flags += ["--force-renderer-accessibility"] if accessible else []
        return self.start(CHROMIUM, *flags, "--window-size=900,600", "--window-position=40,120", address)

    def xdotool(self, *words: str) -> str:
        done = subprocess.run(
            ["xdotool", *words], env=self.environment, capture_output=True, text=True, timeout=30, check=False
        )
        return done.stdout.strip()

    def window(self, name: str, seconds: float = 30) -> str:
        """The X window whose title has ``name``, when it is there."""
        return until(
            lambda: (self.xdotool("search", "--onlyvisible", "--name", name).splitlines() or [""])[-1], seconds
        )

    def focus(self, window: str) -> None:
        self.xdotool("windowactivate", "--sync", window)

    def type(self, text: str, gap_ms: int = 12) -> None:
        self.xdotool("type", "--delay", str(gap_ms), text)

    def key(self, name: str) -> None:
        self.xdotool("key", name)

    def end(self, program: subprocess.Popen[bytes]) -> None:
        _end(program)
        self._programs.remove(program)

    def close(self) -> None:
        for program in reversed(self._programs):
            _end(program)


@contextmanager
def desktop(size: str = "1280x800") -> Iterator[Desktop]:
    """A desktop, and nothing of it left behind."""
    with tempfile.TemporaryDirectory(prefix="desk") as name:
        folder = Path(name)
        (folder / "run").mkdir(mode=0o700)
        kept = {word: os.environ[word] for word in ("PATH", "LANG", "LC_ALL", "VIRTUAL_ENV") if word in os.environ}
        own = {
            "HOME": name,
            "XDG_RUNTIME_DIR": f"{name}/run",
            "XDG_CONFIG_HOME": f"{name}/config",
            "GTK_MODULES": "gail:atk-bridge",
        }
        desk = Desktop({"LANG": "C.UTF-8", **kept, **own}, folder)
        try:
            display = _first_line(
                desk.start_reading(
                    "Xvfb", "-displayfd", "1", "-screen", "0", f"{size}x24", "-nolisten", "tcp", "-noreset"
                )
            )
            desk.environment["DISPLAY"] = f":{display}"
            bus = desk.start_reading("dbus-daemon", "--session", "--nofork", "--print-address=1")
            desk.environment["DBUS_SESSION_BUS_ADDRESS"] = _first_line(bus)
            desk.start(str(LAUNCHER), "--launch-immediately", "--a11y=1")
            desk.start("openbox", "--sm-disable")
            until(lambda: desk.xdotool("get_num_desktops"), 15)
            yield desk
        finally:
            desk.close()


def until(asked: Callable[[], object], seconds: float = 15, gap: float = 0.05) -> str:
    """What ``asked`` gives as soon as it gives something."""
    end = time.monotonic() + seconds
    while not (found := asked()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s")
        time.sleep(gap)
    return found  # type: ignore[return-value]


def _first_line(program: subprocess.Popen[bytes]) -> str:
    assert program.stdout is not None
    line = program.stdout.readline().decode().strip()
    assert line, f"{program.args!r} did not start"
    return line


def _end(program: subprocess.Popen[bytes]) -> None:
    """End it and what it started, by its own group."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(program.pid, how)
        except ProcessLookupError:
            break
        try:
            program.wait(4)
        except subprocess.TimeoutExpired:
            continue
    program.wait(5)
    if program.stdout is not None:
        program.stdout.close()

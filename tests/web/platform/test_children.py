from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from opencets.errors import ActRefused
from opencets_web.commands.children import Child, Keeper
from opencets_web.commands.serve import _taken
from opencets_web.commands.setup import remove_home, running

WAITING = """
import pathlib, signal, sys, time
place = pathlib.Path(sys.argv[1])
def end(*_):
    place.with_suffix(".ended").touch()
    raise SystemExit
signal.signal(signal.SIGTERM, end)
with place.open("a") as stream:
    print("started", file=stream)
while True:
    time.sleep(0.05)
"""


def until(found: Callable[[], object], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not found() and time.monotonic() < end:
        time.sleep(0.02)
    assert found()


def starts(place: Path) -> int:
    return len(place.read_text().splitlines()) if place.exists() else 0


def test_a_child_that_dies_is_started_again_and_its_sibling_goes_on(tmp_path: Path) -> None:
    places = [tmp_path / "web", tmp_path / "worker"]
    children = [Child(place.name, ["-c", WAITING, str(place)]) for place in places]
    told: list[str] = []

    def killed() -> None:
        until(lambda: starts(places[0]) == 1 and starts(places[1]) == 1)
        sibling, child = children[0].running, children[1].running
        assert sibling is not None
        assert child is not None
        child.kill()
        until(lambda: starts(places[1]) == 2)
        assert starts(places[0]) == 1
        assert sibling.poll() is None

    failures: list[BaseException] = []

    def story(keeper: Keeper) -> None:
        try:
            killed()
        except BaseException as error:
            failures.append(error)
        finally:
            keeper.stop()

    keeper = Keeper(children, told.append)
    teller = threading.Thread(target=story, args=(keeper,))
    teller.start()
    keeper.run()
    teller.join()
    assert failures == []
    assert told == ["worker ended (signal 9); it starts again in 0.5 seconds."]
    assert all(place.with_suffix(".ended").exists() for place in places)


def test_what_a_killed_child_started_ends_with_it(tmp_path: Path) -> None:
    place = tmp_path / "reader"
    program = "import subprocess, sys, time; subprocess.Popen([sys.executable, *sys.argv[1:]]); time.sleep(60)"
    child = Child(
        "worker", ["-c", program, "-c", WAITING.replace("started", "{__import__('os').getpid()}"), str(place)]
    )
    child.arguments = [argument.replace('print("{', 'print(f"{') for argument in child.arguments]
    child.look(print)
    until(lambda: starts(place) == 1)
    assert child.running is not None
    child.running.kill()
    child.running.wait()
    child.look(print)
    reader = int(place.read_text())
    until(lambda: not Path(f"/proc/{reader}/exe").exists())


def test_a_child_that_cannot_live_waits_longer_each_time() -> None:
    child = Child("broken", ["-c", "raise SystemExit(3)"])
    told: list[str] = []
    child.look(told.append)
    waits = []
    for _ in range(3):
        assert child.running is not None
        child.running.wait()
        child.look(told.append)
        waits.append(child.wait)
        child.start_after = 0.0
        child.look(told.append)
    assert child.running is not None
    child.running.wait()
    assert waits == [0.5, 1.0, 2.0]
    assert told[0] == "broken ended (code 3); it starts again in 0.5 seconds."


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux tells a child that its parent died.")
def test_children_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    place = tmp_path / "child"
    child = f"from opencets_web.commands.children import end_with_parent; end_with_parent()\n{WAITING}"
    parent = f"""
from opencets_web.commands.children import Child, Keeper
Keeper([Child("child", ["-c", {child!r}, {str(place)!r}])], print).run()
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", parent], env=environment) as started:
        until(lambda: starts(place) == 1)
        started.send_signal(signal.SIGKILL)
    until(place.with_suffix(".ended").exists)


def test_a_taken_port_is_refused_with_what_to_do() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ActRefused, match="--port"), _taken("127.0.0.1", other.getsockname()[1]):
            pass


def test_only_a_home_that_nobody_serves_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    stranger = tmp_path / "letters"
    stranger.mkdir()
    with pytest.raises(ActRefused, match="not a home"):
        remove_home(stranger)
    assert stranger.exists()
    home = tmp_path / "var"
    with running(home, "serve"):
        with pytest.raises(ActRefused, match="running already"):
            remove_home(home)
        assert home.exists()
    remove_home(home)
    assert not home.exists()
    remove_home(home)
    monkeypatch.setenv("DATABASE_URL", "postgresql://192.0.2.1/agency")
    with pytest.raises(ActRefused, match="server of your own"):
        remove_home(home)

"""Programs kept running: each is started, watched, started again when it ends, and stopped together.

``Keeper`` is the one parent; ``python -m opencets_web.commands.children web|worker ...`` is what it starts.
The parent holds the web server's socket, so that a request waits, and is not refused, while that server starts again.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

STOP_SECONDS = 20.0
CALM_SECONDS = 10.0
"""A program that lived this long is started again at once; one that ends sooner waits longer each time."""

MOST_WAIT_SECONDS = 15.0
GRACE_SECONDS = 3
"""How long the web server lets requests end when it stops."""

QUEUES = ("reading", "linking", "default")
CONCURRENCY = {"reading": 1, "linking": 1, "default": 2}
_PARENT_DEATH_SIGNAL = 1


@dataclass(slots=True)
class Child:
    """One program to keep: its name, arguments after the interpreter, environment, and files it takes over.

    ``listens``: it hears of work from the database, and is started again when that was; it would only ask now and then.
    """

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    files: tuple[int, ...] = ()
    listens: bool = False
    running: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_after: float = 0.0
    wait: float = 0.0

    def start(self) -> None:
        """Start it, in a session of its own: Ctrl-C reaches the parent alone, which stops all in order."""
        self.running = subprocess.Popen(
            [sys.executable, *self.arguments],
            env={**os.environ, **self.environment, "OPENCETS_PARENT": str(os.getpid())},
            pass_fds=self.files,
            start_new_session=True,
        )
        self.started_at = time.monotonic()

    def look(self, tell: Callable[[str], None]) -> None:
        """Start it again where it has ended; sooner after a long life, later after a short one."""
        now = time.monotonic()
        if self.running is not None and (code := self.running.poll()) is not None:
            end_group(self.running.pid)
            calm = now - self.started_at > CALM_SECONDS
            self.wait = 0.0 if calm else min(max(0.5, self.wait * 2), MOST_WAIT_SECONDS)
            self.start_after = now + self.wait
            self.running = None
            ending = f"signal {-code}" if code < 0 else f"code {code}"
            tell(f"{self.name} ended ({ending}); it starts again in {self.wait:.1f} seconds.")
        if self.running is None and now >= self.start_after:
            self.start()


class Keeper:
    """Keeps children running until it is told to stop (SIGINT, SIGTERM, or ``stop()``).

    ``every``: called about each two seconds, true where it started the database again; what it raises is told.
    """

    def __init__(
        self, children: Sequence[Child], tell: Callable[[str], None], every: Callable[[], bool] | None = None
    ) -> None:
        self.children = list(children)
        self._tell = tell
        self._every = every
        self._stopping = False

    def stop(self, *_: object) -> None:
        """End ``run`` soon."""
        self._stopping = True

    def run(self) -> None:
        """Start all, watch them, and stop them all at the end."""
        before = {sign: signal.signal(sign, self.stop) for sign in (signal.SIGINT, signal.SIGTERM)}
        looked_at = time.monotonic()
        try:
            while not self._stopping:
                for child in self.children:
                    child.look(self._tell)
                if self._every is not None and time.monotonic() - looked_at > 2:
                    looked_at = time.monotonic()
                    try:
                        if self._every():
                            self._renew_listeners()
                    except Exception as error:
                        self._tell(str(error))
                time.sleep(0.1)
        finally:
            self._stop_all()
            for sign, action in before.items():
                signal.signal(sign, action)

    def _renew_listeners(self) -> None:
        for child in self.children:
            if child.listens and child.running is not None:
                child.running.terminate()

    def _stop_all(self) -> None:
        running = [child.running for child in self.children if child.running is not None]
        for program in running:
            program.terminate()
        end = time.monotonic() + STOP_SECONDS
        for program in running:
            try:
                program.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                # Its work is taken up again by the next worker.
                program.kill()
                program.wait()
            end_group(program.pid)


def end_group(leader: int) -> None:
    """End what a child that is gone left running in its session: readers of a killed worker, for example."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


_THIS = ("-m", "opencets_web.commands.children")


def web_child(taken: socket.socket) -> Child:
    """The web server on a socket that the parent holds."""
    number = taken.fileno()
    return Child("The web server", [*_THIS, "web", str(number)], {"OPENCETS_DB_ROLE": "web"}, (number,))


def worker_child(queue: str) -> Child:
    """The worker of one queue."""
    return Child(
        f"The worker of the queue {queue}", [*_THIS, "worker", queue], {"OPENCETS_DB_ROLE": "jobs"}, listens=True
    )


def main(arguments: Sequence[str]) -> None:
    """Be one child: ``web FILE-NUMBER`` or ``worker QUEUE``."""
    end_with_parent()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opencets_web.config.settings")
    if arguments[0] == "web":
        serve_web(int(arguments[1]))
    else:
        serve_jobs(arguments[1])


def end_with_parent() -> None:
    """Have the system stop this program when its parent dies, even by kill -9 (Linux; elsewhere it is noticed late)."""
    parent = os.environ.get("OPENCETS_PARENT")
    if parent is None:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(parent):
        raise SystemExit(1)


def serve_web(number: int) -> None:
    """Serve the web application on an open socket until told to stop."""
    import uvicorn

    from opencets_web.config import asgi

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: object) -> None:
            # Streams of live events would hold the end up until the grace is over.
            asgi.live.stop()
            super().handle_exit(sig, frame)  # type: ignore[arg-type]

    configuration = uvicorn.Config(
        asgi.application,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=30,
        lifespan="on",
    )
    Server(configuration).run(sockets=[socket.socket(fileno=number)])


def serve_jobs(queue: str) -> None:
    """Work on one queue until told to stop; the running job is ended first, a longer one is taken up again later."""
    import django

    django.setup()
    from procrastinate.contrib.django import app

    if queue == "reading":
        from opencets_web.evidence.sweeping import remove_staged

        remove_staged()
    if queue == "linking":
        from opencets_web.entities import placing

        placing.ready()
    with app.replace_connector(app.connector.get_worker_connector()):  # type: ignore[attr-defined]
        app.run_worker(
            queues=[queue],
            name=f"{queue}-{os.getpid()}",
            concurrency=CONCURRENCY.get(queue, 1),
            shutdown_graceful_timeout=STOP_SECONDS * 0.7,
            update_heartbeat_interval=5.0,
            stalled_worker_timeout=20.0,
            delete_jobs="never",
        )


if __name__ == "__main__":
    main(sys.argv[1:])

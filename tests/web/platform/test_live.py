from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from opencets.errors import NotFound
from opencets_web.commands import postgres, roles
from opencets_web.config import connection
from opencets_web.ui import live
from opencets_web.ui.live import NOTIFY, LiveApp, Message, Scope, announcement


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("live") / "var"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DATABASE_URL", raising=False)
        roles.prepare_database(place)
        yield place
        postgres.remove_cluster(place)


@pytest.fixture
def app(home: Path, monkeypatch: pytest.MonkeyPatch) -> LiveApp:
    monkeypatch.delenv("DATABASE_URL", raising=False)

    async def authorise(scope: Scope, channels: frozenset[str]) -> bool:
        if "case:hidden" in channels:
            raise NotFound
        return dict(scope["headers"]).get(b"cookie") == b"officer=1"

    return LiveApp(authorise, lambda: connection.conninfo("web", place=home))


def announce(home: Path, *texts: str) -> None:
    with psycopg.connect(connection.conninfo("jobs", place=home)) as opened:
        for text in texts:
            opened.execute(NOTIFY, [text])


class Page:
    """One open page: what was sent to it."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.received = b""
        self.ended = False
        self.gone = asyncio.Event()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        else:
            self.received += message.get("body", b"")
            self.ended = not message.get("more_body", False)

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def wait_for(self, part: bytes, seconds: float = 15.0) -> None:
        async with asyncio.timeout(seconds):
            while part not in self.received:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def opened(app: LiveApp, query: str, cookie: bytes = b"officer=1") -> AsyncIterator[Page]:
    page = Page()
    scope: Scope = {"type": "http", "method": "GET", "query_string": query.encode(), "headers": [(b"cookie", cookie)]}
    task = asyncio.create_task(app(scope, page.receive, page.send))
    try:
        while page.status == 0:
            await asyncio.sleep(0.01)
        yield page
    finally:
        page.gone.set()
        await task


async def listening(app: LiveApp, home: Path) -> None:
    async with asyncio.timeout(15):
        while True:
            with psycopg.connect(connection.conninfo("superuser", place=home)) as asked:
                found = asked.execute("select 1 from pg_stat_activity where query ilike 'listen%' limit 1").fetchone()
            if found:
                return
            await asyncio.sleep(0.05)


def test_a_page_hears_its_channels_and_no_others(app: LiveApp, home: Path) -> None:
    async def story() -> None:
        async with opened(app, "channel=case:7&channel=officer:3") as page, opened(app, "channel=case:8") as other:
            await listening(app, home)
            announce(home, announcement("case:8", "import", "a1"), announcement("case:7", "alert", "b2"))
            await page.wait_for(b'event: alert\ndata: {"channel":"case:7","event":"alert","id":"b2"}\n\n')
            await other.wait_for(b'"id":"a1"')
            assert b"a1" not in page.received
            assert b"b2" not in other.received
            assert page.received.startswith(b"retry: ")
            assert page.headers[b"x-accel-buffering"] == b"no"
            assert page.headers[b"content-type"].startswith(b"text/event-stream")
            assert app.open_streams == 2
        assert app.open_streams == 0
        app.stop()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("query", "cookie", "status"),
    [
        ("channel=case:7", b"", 404),
        ("channel=case:hidden", b"officer=1", 404),
        ("", b"officer=1", 400),
        ("channel=anything", b"officer=1", 400),
        ("&".join(f"channel=case:{number}" for number in range(65)), b"officer=1", 400),
    ],
)
def test_a_door_that_is_shut_says_nothing(app: LiveApp, query: str, cookie: bytes, status: int) -> None:
    async def story() -> None:
        async with opened(app, query, cookie) as page:
            assert page.status == status
        assert app.open_streams == 0

    asyncio.run(story())


def test_a_quiet_stream_is_kept_open_and_ends_when_the_right_is_withdrawn(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PING_SECONDS", 0.05)
    monkeypatch.setattr(live, "ASK_AGAIN_SECONDS", 0.2)
    granted = [True]

    async def authorise(scope: Scope, channels: frozenset[str]) -> bool:
        return granted[0]

    app = LiveApp(authorise, lambda: connection.conninfo("web", place=home))

    async def story() -> None:
        async with opened(app, "channel=case:7") as page:
            await page.wait_for(b": ping\n\n: ping\n\n")
            granted[0] = False
            async with asyncio.timeout(10):
                while not page.ended:
                    await asyncio.sleep(0.01)
        app.stop()

    asyncio.run(story())


def test_after_the_database_was_killed_pages_are_told_to_fetch_again(app: LiveApp, home: Path) -> None:
    async def story() -> None:
        async with opened(app, "channel=case:7") as page:
            await listening(app, home)
            pid = postgres.server_pid(home)
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            end = time.monotonic() + 10
            while postgres.server_pid(home) == pid and time.monotonic() < end:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(postgres.ensure_server, home)
            await page.wait_for(b"event: resync")
            announce(home, announcement("case:7", "alert", "after"))
            await page.wait_for(b'"after"')
        app.stop()

    asyncio.run(story())


def test_a_page_that_does_not_read_is_told_to_fetch_all(app: LiveApp, home: Path) -> None:
    async def story() -> None:
        async with opened(app, "channel=case:7") as page:
            await listening(app, home)
            for listener in list(app._listeners):
                for number in range(live.QUEUE_LENGTH + 5):
                    listener.put(f"event: a\ndata: {number}\n\n".encode())
                assert listener.queue.qsize() < live.QUEUE_LENGTH
                waiting = [listener.queue.get_nowait() for _ in range(listener.queue.qsize())]
                assert waiting[0] == live.RESYNC
            assert page.status == 200
        app.stop()

    asyncio.run(story())


def test_stopping_ends_the_streams_at_once(app: LiveApp) -> None:
    async def story() -> None:
        async with opened(app, "channel=case:7") as page:
            app.stop()
            async with asyncio.timeout(5):
                while not page.ended:
                    await asyncio.sleep(0.01)

    asyncio.run(story())


def test_only_identifiers_travel() -> None:
    assert (
        announcement("case:1f0c-9", "import.done", "77") == '{"channel":"case:1f0c-9","event":"import.done","id":"77"}'
    )
    for channel, event, subject in [
        ("cases", "import", "1"),
        ("case:1\n2", "import", "1"),
        ("case:1", "Import\n", "1"),
        ("case:1", "import", "the whole text of a message, which is too long for an identifier, is refused"),
    ]:
        with pytest.raises(ValueError, match="No announcement"):
            announcement(channel, event, subject)

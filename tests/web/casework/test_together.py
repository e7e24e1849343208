"""Two agencies on one case at the same time: at the same instant, and from 20 clients while web and workers are killed."""

from __future__ import annotations

import html
import os
import re
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.browser.world import Served
from tests.web.conftest import WHY
from tests.web.evidence import programs

run = partial(programs.run, program=Path(__file__).with_name("program.py"))


@pytest.mark.slow
def test_of_two_changes_at_the_same_instant_one_is_kept_and_the_other_meets_it() -> None:
    programs.prepare()
    run("owner", "people", "1")
    told = run("web", "at-once", f"AV-{uuid4().hex[:12]}", "8")
    assert told["changes"] == [[1, 1, True]] * 8
    assert told["decisions"] == [1] * 8


# --- Twenty clients -------------------------------------------------------------------------------

CLIENTS, EDITS = 20, 6
KILLS = 20
"""About five minutes on two cores."""


class Client(threading.Thread):
    """One officer at work: adds a line to the summary, writes a comment, gives a task; until each is acknowledged."""

    def __init__(self, system: Served, email: str, cookies: dict[str, str], case: str) -> None:
        super().__init__()
        self.system, self.email, self.case = system, email, case
        token = uuid4().hex
        self.http = httpx.Client(
            base_url=system.address,
            cookies={**cookies, "csrftoken": token},
            headers={"X-CSRFToken": token, **WHY},
            timeout=30,
        )
        self.lines: list[str] = []
        self.comments: list[str] = []
        self.tasks: list[str] = []
        self.met = 0
        self.cut = 0
        self.wrong: list[str] = []

    def run(self) -> None:
        """Work until all is acknowledged; what went wrong is kept for the test to say."""
        try:
            for number in range(EDITS):
                mark = f"{self.email.partition('.')[0]} {number} {uuid4().hex[:6]}"
                self._add_line(f"line {mark}")
                self._say("comments", {"text": f"comment {mark}"}, f"comment {mark}", self.comments)
                self._say("tasks", {"title": f"task {mark}", "officer": self._me()}, f"task {mark}", self.tasks)
        except Exception as error:
            self.wrong.append(repr(error))
        finally:
            self.http.close()

    def _ask(self, method: str, path: str, given: dict[str, str] | None = None) -> httpx.Response | None:
        """The answer, or None where the line was cut: then nobody knows yet whether it was done."""
        end = time.monotonic() + 120
        while True:
            try:
                answer = self.http.request(method, path, data=given)
            except httpx.HTTPError:
                self.cut += 1
                if method == "POST":
                    return None
                if time.monotonic() > end:
                    raise
                time.sleep(0.3)
                continue
            if answer.status_code < 500:
                return answer
            self.cut += 1
            if method == "POST":
                return None
            time.sleep(0.3)

    def _me(self) -> str:
        page = self._ask("GET", f"/cases/{self.case}/casework/")
        assert page is not None
        name = f"{'Avon' if 'avon' in self.email else 'Borders'} joint {self.email.partition('@')[0].removeprefix('joint')} ("
        found = re.search(rf'<option value="([0-9a-f-]{{36}})">{re.escape(name)}', page.text)
        assert found, page.status_code
        return found[1]

    def _form(self, text: str) -> dict[str, str]:
        form = {
            name: html.unescape(value)
            for name, value in re.findall(r'<input type="hidden" name="(seen_\w+)"(?: value="([^"]*)")?', text)
        }
        assert "seen_summary" in form, text[:400]
        return form | {name.removeprefix("seen_"): value for name, value in form.items()}

    def _add_line(self, line: str) -> None:
        page = self._ask("GET", f"/cases/{self.case}/change/")
        assert page is not None
        form = self._form(page.text)
        while True:
            if line not in form["seen_summary"].splitlines():
                form["summary"] = f"{form['seen_summary']}\n{line}"
                answer = self._ask("POST", f"/cases/{self.case}/change/", form)
                if answer is not None and answer.status_code == 302:
                    break
                if answer is not None and answer.status_code == 409:
                    self.met += 1
                    form = self._form(answer.text)
                    continue
                assert answer is None, (answer.status_code, answer.text[:300])
                time.sleep(0.3)
                page = self._ask("GET", f"/cases/{self.case}/change/")
                assert page is not None
                form = self._form(page.text)
            else:
                break
        self.lines.append(line)

    def _say(self, to: str, given: dict[str, str], words: str, kept: list[str]) -> None:
        while True:
            answer = self._ask("POST", f"/cases/{self.case}/{to}/", given)
            if answer is not None:
                assert answer.status_code == 302, (answer.status_code, answer.text[:300])
                break
            time.sleep(0.3)
            page = self._ask("GET", f"/cases/{self.case}/casework/")
            if page is not None and words in page.text:
                break
        kept.append(words)


class Outsider(threading.Thread):
    """An officer of a third agency, who asks for the case all the while and must read nothing of it."""

    def __init__(self, system: Served, cookies: dict[str, str], case: str) -> None:
        super().__init__()
        self.http = httpx.Client(base_url=system.address, cookies=cookies, headers=WHY, timeout=30)
        self.case, self.over, self.asked = case, threading.Event(), 0
        self.wrong: list[str] = []

    def run(self) -> None:
        """Ask for one page after another."""
        while not self.over.is_set():
            for path in ("casework/", "feed/", "history/", "change/", ""):
                try:
                    answer = self.http.get(f"/cases/{self.case}/{path}")
                except httpx.HTTPError:
                    continue
                self.asked += 1
                if (answer.status_code != 404 and answer.status_code < 500) or "line joint" in answer.text:
                    self.wrong.append(f"{path} {answer.status_code}")
            time.sleep(0.2)
        self.http.close()


def kill(system: Served, wanted: bytes) -> None:
    """End one child of the keeper at once; its keeper starts another."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = stat.read_text().rpartition(")")[2].split()[1]
            line = (stat.parent / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if parent == str(system.keeper) and wanted in line:
            os.kill(int(stat.parent.name), signal.SIGKILL)
            return


@pytest.mark.proof
@pytest.mark.timeout(1200)
def test_twenty_clients_of_two_agencies_lose_nothing_while_web_and_workers_are_killed(tmp_path: Path) -> None:
    system, case = Served(tmp_path / "home"), "AV-2026-0900"
    environment = system.environment()
    # The tables first: the keeper waits for its server no longer than an officer would.
    setup = [str(Path(sys.executable).with_name("opencets")), "setup"]
    subprocess.run(setup, env=environment, capture_output=True, check=True)
    try:
        system.serve()
        cookies = run("owner", "people", str(CLIENTS // 2), environment=environment)
        run("web", "joint", case, environment=environment)
        clients = [Client(system, email, cookie, case) for email, cookie in cookies.items() if "cumbria" not in email]
        assert len(clients) == CLIENTS
        outsider = Outsider(system, cookies["joint0@cumbria.example.org"], case)
        begun = time.monotonic()
        for thread in (*clients, outsider):
            thread.start()
        for _ in range(KILLS):
            time.sleep(6)
            kill(system, b"web")
            kill(system, b"default")
        for client in clients:
            client.join()
        seconds = time.monotonic() - begun
        outsider.over.set()
        outsider.join()
        system.wait_until_up()
        found = run("owner", "outcome", case, environment=environment)
    finally:
        system.stop()
    assert not [wrong for client in clients for wrong in client.wrong]
    assert not outsider.wrong
    assert outsider.asked > 10
    lines = found["summary"].splitlines()
    assert sorted(lines[1:]) == sorted(line for client in clients for line in client.lines)
    assert len(lines) == 1 + CLIENTS * EDITS
    # Each change began from what the one before it left: none was written over.
    assert all(one[1] == following[0] for one, following in zip(found["changes"], found["changes"][1:], strict=False))
    assert len(found["changes"]) == found["change_acts"]
    for part, verb, kept in (("comments", "comment.written", "comments"), ("tasks", "task.given", "tasks")):
        rows = found[part]
        assert {words for client in clients for words in getattr(client, kept)} <= set(rows.values())
        assert sorted(rows) == sorted(found["logged"][verb])
    sys.stdout.write(
        f"{CLIENTS} clients, {len(found['changes'])} changes of one field, {sum(client.met for client in clients)} meetings, "
        f"{sum(client.cut for client in clients)} cut lines, {KILLS} kills of web and worker each, {seconds:.0f} s"
    )

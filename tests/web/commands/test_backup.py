"""The restore drill with the real programs: a backup is made, the home is wiped, and what is restored is the same."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PAGES = """
import django; django.setup()
import hashlib, json, re, sys
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.test import Client
from opencets_web.accounts import notice
from opencets_web.accounts.models import Officer
shown = {}
for email in ("iva@avon.example.org", "lena@borders.example.org"):
    officer = Officer.objects.get(email=email)
    browser = Client(headers={"host": "localhost"})
    browser.force_login(officer, backend="allauth.account.auth_backends.AuthenticationBackend")
    UserSession.objects.create(user=officer, session_key=browser.session.session_key, ip="127.0.0.1")
    officer.notice_seen = notice.version(notice.text_for(officer.agency))
    officer.save(update_fields=["notice_seen"])
    paths = ["/cases/", *(f"/cases/AV-2026-0001/{tab}" for tab in ("", "exhibits/", "people/", "media/", "notes/"))]
    for path in paths:
        answer = browser.get(path)
        text = answer.content.decode()
        if path.endswith("/notes/") and "iva@" in email: browser_text = text
        text = re.sub(r'csrf-token" content="[^"]*"|name="csrfmiddlewaretoken" value="[^"]*"', "", text)
        text = re.sub(r"(<time[^>]*>)[^<]*", r"\\1", text)  # how long ago it is goes on
        found = re.findall(r'/media/[0-9a-f-]{36}/thumbnail[?]signed=[^"]*', text)[:1]
        text = re.sub(r'[?]signed=[^"]*', "", text)
        shown[f"{email} {path}"] = [answer.status_code, hashlib.sha256(text.encode()).hexdigest()]
        for picture in found:
            got = browser.get(picture)
            content = b"".join(got.streaming_content) if got.streaming else got.content
            shown[f"{email} {picture.partition('?')[0]}"] = [got.status_code, hashlib.sha256(content).hexdigest()]
json.dump(shown, sys.stdout)
"""
OPEN_CASE = """
import django; django.setup()
from opencets_web.cases.actions import add_note, open_case
from opencets_web.policy.acting import acting_as
from opencets_web.policy.officers import actor_by_email
with acting_as(None): actor = actor_by_email("iva@avon.example.org")
with acting_as(actor.officer_id): open_case(actor, reference="AV-2026-0001", title="Heron", kind="possession")
with acting_as(actor.officer_id): add_note(actor, "AV-2026-0001", "Mirabel was seen at the weir")
"""


PLANTED = b"Mirabel"
"""A child's name in a note: it is shown on a page, and stands nowhere else."""


class Machine:
    """One machine: a home of its own, and the programs over it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENCETS_", "DATABASE_URL"))}
        source = str(Path(__file__).parents[3] / "src")
        self.environment = {**kept, "OPENCETS_HOME": str(home), "PYTHONPATH": source}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``opencets`` with these arguments, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "opencets.cli.main", *arguments],
            env=self.environment, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip

    def does(self, *arguments: str) -> str:
        """As ``run``; AssertionError with all that was said where it failed."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def python(self, text: str) -> str:
        """A few lines as the web role."""
        settings = {"DJANGO_SETTINGS_MODULE": "opencets_web.config.settings", "OPENCETS_DB_ROLE": "web"}
        done = subprocess.run(
            [sys.executable, "-c", text], env=self.environment | settings, capture_output=True, text=True, check=False,
            timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def wipe(self) -> None:
        """The machine is lost: its database server is stopped and the home is removed."""
        self.does("reset", "--yes")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Avon with a case and read evidence, pictures among it; Borders outside."""
    from PIL import Image

    made = Machine(tmp_path_factory.mktemp("m") / "home")
    folder = tmp_path_factory.mktemp("evidence") / "phone"
    folder.mkdir()
    (folder / "people.csv").write_text("Name,Email\nIva Marsh,night.heron@example.org\nÅse Lind,ase@example.org\n")
    for number in range(3):
        Image.effect_noise((640, 480), 40 + number).save(folder / f"IMG_{number}.png")
    (folder / "disk.bin").write_bytes(os.urandom(3_000_000))
    try:
        made.does("setup")
        made.does("database", "start")
        for name in ("Avon", "Borders"):
            made.does(
                "agency", "add", "--name", f"{name} Police", "--short-name", name, "--country", "gb", "--contact", "Desk",
                "--phone", "+442079460000", "--email", f"desk@{name.lower()}.example.org",
            )  # fmt: skip
        for email, agency in (("iva@avon.example.org", "Avon"), ("lena@borders.example.org", "Borders")):
            made.does("officer", "add", email, "--name", "An Officer", "--agency", agency)
        made.python(OPEN_CASE)
        imported = made.run("import", str(folder), "--case", "AV-2026-0001", "--as", "iva@avon.example.org")
        assert imported.returncode in (0, 1), imported.stderr
        yield made
    finally:
        made.run("database", "stop")


@pytest.fixture(scope="module")
def medium(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another medium with the backup key beside two backups of the machine."""
    medium = tmp_path_factory.mktemp("medium")
    refused = machine.run("backup", "make", str(medium / "backups"))
    assert refused.returncode == 2
    assert "There is no backup key yet" in refused.stderr
    assert not (medium / "backups").exists()
    machine.does("backup", "key", str(medium / "backup.key"))
    first = json.loads(machine.does("backup", "make", str(medium / "backups"), "--json"))
    assert first["blobs_copied"] == first["number"] > 1
    time.sleep(1.1)
    second = json.loads(machine.does("backup", "make", str(medium / "backups"), "--json"))
    assert second["blobs_copied"] == 0, "blobs never change: a second backup copies none of them again"
    return medium


def place(medium: Path) -> str:
    return str(medium / "backups")


def test_nothing_of_the_database_or_the_secrets_stands_in_clear(machine: Machine, medium: Path) -> None:
    whole = b"".join(path.read_bytes() for path in (medium / "backups").rglob("*") if path.is_file())
    for clear in (b"night.heron", b"iva@avon", b"PGDMP", (machine.home / "secrets" / "master-key").read_bytes()):
        assert clear not in whole
    assert "PRIVATE" not in (medium / "backup.key").read_text()
    assert (medium / "backup.key").stat().st_mode & 0o077 == 0


def test_a_backup_is_whole_until_a_byte_of_it_is_changed_or_gone(
    machine: Machine, medium: Path, tmp_path: Path
) -> None:
    told = machine.does("backup", "verify", place(medium), "--identity", str(medium / "backup.key"))
    assert "as it was written, and the key opens it" in told
    assert machine.does("backup", "list", place(medium)).count("cases") == 2
    blob = next(path for path in (medium / "backups" / "blobs").glob("??/??/*") if path.stat().st_size > 1_000_000)
    for spoil, words in (
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), f"Blob {blob.name} is not as it was written"),
        (lambda path: path.unlink(), f"Blob {blob.name} is missing"),
    ):
        copy = tmp_path / words[-3:]
        shutil.copytree(medium / "backups", copy)
        spoil(copy / "blobs" / blob.name[:2] / blob.name[2:4] / blob.name)
        done = machine.run("backup", "verify", str(copy))
        assert done.returncode == 1
        assert words in done.stdout
    for name, words in (("manifest.json", "signature does not fit"), ("database.age", "database.age is not as it was")):
        copy = tmp_path / name
        shutil.copytree(medium / "backups", copy)
        changed = max((copy / "backups").iterdir()) / name
        octets = bytearray(changed.read_bytes())
        octets[len(octets) // 2] ^= 1 if name != "manifest.json" else 0
        changed.write_bytes(
            bytes(octets) if name != "manifest.json" else bytes(octets).replace(b'"number": ', b'"number": 1')
        )
        done = machine.run("backup", "verify", str(copy))
        assert done.returncode == 1
        assert words in done.stdout
        fresh = Machine(tmp_path / f"fresh-{name}")
        refused = fresh.run("backup", "restore", str(copy), "--identity", str(medium / "backup.key"))
        assert refused.returncode == 2
        assert not fresh.home.exists(), "a damaged backup touches no home"


def test_another_key_opens_nothing(machine: Machine, medium: Path, tmp_path: Path) -> None:
    other, fresh = Machine(tmp_path / "other"), Machine(tmp_path / "fresh")
    other.does("backup", "key", str(tmp_path / "other.key"))
    done = fresh.run("backup", "restore", place(medium), "--identity", str(tmp_path / "other.key"))
    assert done.returncode == 2
    assert "is not opened by this key" in done.stderr
    again = machine.run("backup", "key", str(tmp_path / "second.key"))
    assert again.returncode == 2
    assert not (tmp_path / "second.key").exists()


def test_a_private_word_stands_in_no_dump_and_in_no_file_of_the_home(machine: Machine) -> None:
    shown = machine.python(
        PAGES.replace("json.dump(shown", "print('Mirabel was seen' in browser_text); json.dump(shown")
    )
    assert shown.startswith("True"), "the note is read by its officer"
    with psycopg.connect(machine.does("database", "url", "--role", "superuser").strip(), autocommit=True) as database:
        database.execute("checkpoint")
        row = database.execute("select left(text, 5) from cases_note").fetchone()
        assert row == ("ocs1.",)
        shown_folder = database.execute("show data_directory").fetchone()
        assert shown_folder is not None
    dump = machine.python(
        "import subprocess, sys\nfrom pathlib import Path\nfrom django.conf import settings\n"
        "from opencets_web.commands import client\n"
        "told = client.start(Path(settings.HOME), 'pg_dump', '--format=plain', stdout=subprocess.PIPE)\n"
        "sys.stdout.buffer.write(told.communicate()[0]); sys.exit(told.returncode)"
    )
    assert "COPY public.cases_note" in dump
    assert PLANTED.decode() not in dump
    kept = [*machine.home.rglob("*"), *Path(shown_folder[0]).rglob("*")]
    files = [path for path in kept if path.is_file() and path.stat().st_size < 1 << 30]
    assert any(path.parent.parent.name == "base" for path in files), "the tables' own files are among them"
    spoken = [path.name for path in files if PLANTED in path.read_bytes()]
    assert spoken == []


def test_without_the_root_key_nothing_is_served_and_none_is_made(machine: Machine) -> None:
    kept, away = machine.home / "secrets" / "master-key", machine.home / "secrets" / "master-key.away"
    kept.rename(away)
    try:
        refused = machine.run("serve", "--port", "0")
        assert refused.returncode == 2
        assert "does not open what its database keeps sealed: master-key is not in the secrets folder" in refused.stderr
        assert not kept.exists()
        kept.write_bytes(b"x" * 32)
        assert "does not open what its database keeps sealed" in machine.run("serve", "--port", "0").stderr
    finally:
        away.replace(kept)


def test_what_was_lost_is_restored_whole_also_after_a_kill_in_the_middle(machine: Machine, medium: Path) -> None:
    before = json.loads(machine.python(PAGES))
    assert before["iva@avon.example.org /cases/AV-2026-0001/"][0] == 200
    assert before["lena@borders.example.org /cases/AV-2026-0001/"][0] == 404
    assert any("thumbnail" in path for path in before)
    machine.does("seal")
    machine.does("backup", "make", place(medium))
    blobs = tree(machine.home / "blobs")
    busy = machine.run("backup", "restore", place(medium), "--identity", str(medium / "backup.key"))
    assert busy.returncode == 2
    assert "is in use" in busy.stderr
    machine.wipe()
    assert not machine.home.exists()
    # The first try is killed once the mark of the restoring stands; the same command goes on.
    command = [
        sys.executable, "-m", "opencets.cli.main", "backup", "restore", place(medium), "--identity", str(medium / "backup.key"),
    ]  # fmt: skip
    with subprocess.Popen(
        command, env=machine.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as dying:
        end = time.monotonic() + 60
        while not (machine.home / "secrets" / "master-key").exists():
            assert time.monotonic() < end
            assert dying.poll() is None
            time.sleep(0.02)
        dying.send_signal(signal.SIGKILL)
    served = machine.run("serve", "--port", "0")
    assert served.returncode == 2
    assert "has not ended" in served.stderr
    told = machine.does("backup", "restore", place(medium), "--identity", str(medium / "backup.key"))
    assert "the log is as it was written, and every blob opens" in told
    machine.does("database", "start")
    assert tree(machine.home / "blobs") == blobs
    assert "as written" in machine.does("audit", "verify")
    after = json.loads(machine.python(PAGES))
    assert after == before


def test_pruning_keeps_the_newest_and_the_blobs_it_names(machine: Machine, medium: Path) -> None:
    kept = machine.does("backup", "list", place(medium)).split("\n")[-2].split()[0]
    machine.does("backup", "prune", place(medium), "--keep", "1")
    assert [path.name for path in (medium / "backups" / "backups").iterdir()] == [kept]
    machine.does("backup", "verify", place(medium))


def tree(folder: Path) -> dict[str, str]:
    """The SHA-256 of each blob by its name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("??/??/*")}

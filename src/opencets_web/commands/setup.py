"""Set-up: home, database, roles, tables; each step is skipped where it has been done."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import psycopg

import opencets_web
from opencets.errors import ActRefused, DamagedSource, Interrupted
from opencets_web.commands.postgres import make_home, remove_cluster, write_private
from opencets_web.commands.roles import prepare_database
from opencets_web.config.connection import conninfo, url_stamp
from opencets_web.evidence.root import FileRoot, root_key

PACKAGE = Path(opencets_web.__file__).parent
MANIFEST = PACKAGE / "ui" / "static" / "dist" / "manifest.json"
RESTORING = "restoring"
"""In the home's ``run``: the name of the backup that is being restored into it."""
MIGRATING_PACKAGES = ("django", "django-allauth", "procrastinate")


def prepare_home(home: Path) -> bool:
    """Make ``home`` ready to serve; true where tables were made or changed. Again: quick and without effect.

    ActRefused: a backup is half restored into it.
    """
    mark = home / "run" / RESTORING
    if mark.exists():
        raise ActRefused(
            f"The restoring of backup {mark.read_text()} into {home} has not ended: give the same `opencets backup restore` again."
        )
    prepare_database(home)
    (home / "static").mkdir(exist_ok=True)
    refuse_another_root(home)
    return migrate(home)


def refuse_another_root(home: Path) -> None:
    """ActRefused where the root key here is not the one that wraps what the database keeps; nothing is served without it.

    Asked of the node's own key alone: all others are wrapped by the same root, and a program that keeps it may be slow.
    """
    with psycopg.connect(conninfo("owner", place=home)) as database:
        if database.execute("select to_regclass('public.evidence_fieldkey')").fetchone() == (None,):
            return
        row = database.execute(
            "select wrapped_key from evidence_fieldkey where agency_id is null and ended_at is null"
        ).fetchone()
    if row is None:
        return
    root = root_key(home)
    try:
        if isinstance(root, FileRoot) and not root.path.exists():
            raise DamagedSource(f"{root.path.name} is not in the secrets folder.")
        root.unwrap(bytes(row[0]))
    except (DamagedSource, Interrupted) as error:
        raise ActRefused(
            f"The root key of {home} does not open what its database keeps sealed: {error} Put back the secrets folder, or"
            " the program of OPENCETS_ROOT_KEY, from before. Nothing is served without it."
        ) from error


def migrate(home: Path) -> bool:
    """Bring tables and wall to this version, as their owner; false where they are. Interrupted: a migration failed."""
    stamp_path = home / "run" / "migrated"
    stamp = _migrations_stamp()
    if stamp_path.exists() and stamp_path.read_text() == stamp and _has_tables(home):
        return False
    answer = subprocess.run(
        [sys.executable, "-m", "opencets_web.commands.setup"],
        env={
            **os.environ,
            "OPENCETS_HOME": str(home),
            "OPENCETS_DB_ROLE": "owner",
            "DJANGO_SETTINGS_MODULE": "opencets_web.config.settings",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        raise Interrupted(f"The tables could not be made: {answer.stderr.strip()[-2000:]}")
    write_private(stamp_path, stamp)
    return True


def refuse_without_assets() -> None:
    """ActRefused: the pages' scripts and styles have not been built."""
    if not MANIFEST.exists():
        raise ActRefused("The pages' scripts and styles are not built: run `make setup` (it needs Node 20 and npm).")


@contextlib.contextmanager
def running(home: Path, name: str) -> Iterator[None]:
    """Hold the home while a program serves it. ActRefused: another one does."""
    make_home(home)
    number = os.open(home / "run" / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ActRefused(f"OpenCETS is running already for {home}: stop it there first (Ctrl-C).") from None
        yield
    finally:
        os.close(number)


def remove_home(home: Path) -> None:
    """Remove all that is kept in ``home``, its database too. ActRefused: no home, or in use."""
    if os.environ.get("DATABASE_URL"):
        raise ActRefused(
            "DATABASE_URL names a server of your own: drop its database there, then unset it and try again."
        )
    if not home.exists():
        return
    if not (home / "run").is_dir() or not (home / "secrets").is_dir():
        raise ActRefused(f"{home} is not a home of OpenCETS (no run and secrets folders); nothing was removed.")
    with running(home, "serve"), running(home, "worker"):
        remove_cluster(home)
    shutil.rmtree(home)


def make_tables() -> None:
    """Make the tables and the wall over them; in a program of its own, as the role ``owner``."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
    from opencets_web.policy import wall

    wall.build()
    from opencets_web.accounts.sealed import seal_factors, seal_rows
    from opencets_web.evidence import keyring
    from opencets_web.evidence.field_keys import refuse_without_field_keys

    refuse_without_field_keys()
    keyring.ensure_keys()
    seal_rows()
    seal_factors()
    from opencets_web.push.services import make_server_key

    make_server_key()


def _migrations_stamp() -> str:
    digest = hashlib.sha256((url_stamp() or "embedded").encode())
    for package in MIGRATING_PACKAGES:
        digest.update(f"{package}={metadata.version(package)}".encode())
    sources = [*PACKAGE.glob("*/migrations/*.py"), *PACKAGE.glob("*/models.py"), PACKAGE / "policy" / "wall.py"]
    for path in sorted(sources):
        if path.is_file():
            digest.update(str(path.relative_to(PACKAGE)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _has_tables(home: Path) -> bool:
    with psycopg.connect(conninfo("owner", place=home)) as connection:
        row = connection.execute("select to_regclass('public.django_migrations') is not null").fetchone()
    return bool(row and row[0])


if __name__ == "__main__":
    make_tables()

"""What every test shares: the sample files beside the repository, and a real PostgreSQL for the web part.

Each run takes the first free home under ``build/``, so that two runs on one machine do not meet; the server is started with
OpenCETS's own supervisor and stopped at the end. The database is kept between runs as long as models and wall are the same.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
from pathlib import Path
from typing import IO

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
SAMPLES = REPOSITORY.parent / "shared" / "data"

_lock: IO[str] | None = None
_home: Path | None = None


def _take_home() -> Path:
    global _lock
    kind = "other-server-home" if os.environ.get("PG_BIN") else "test-home"
    for number in range(16):
        home = REPOSITORY / "build" / f"{kind}-{number}"
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / "taken").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        _lock = lock
        return home
    raise RuntimeError("Sixteen test runs are under way on this machine: wait for one to end.")


def _engines_only() -> bool:
    """Whether this run names test folders of engines alone, or asks for no test at all."""
    given = [word for word in sys.argv[1:] if "tests/" in word]
    if os.environ.get("OPENCETS_ENGINES_ONLY") == "1" or {"--help", "-h", "--version", "--fixtures"} & set(sys.argv):
        return True
    web = ("tests/web", "tests/house", "tests/browser")
    return bool(given) and not any(folder in word for word in given for folder in web)


def _prepare_web() -> None:
    """Prepare the database and Django before a conftest further in imports a model: at import, not in a hook."""
    global _home
    os.environ["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY / "src"), os.environ.get("PYTHONPATH", "")]).rstrip(":")
    sys.path.insert(0, str(REPOSITORY / "src"))
    from opencets_web.commands.roles import prepare_database

    _home = _take_home()
    (_home / "static").mkdir(exist_ok=True)
    os.environ["OPENCETS_HOME"] = str(_home)
    # Several servers run side by side, each with little in it.
    os.environ.setdefault("OPENCETS_DATABASE_BUFFERS", "128")
    os.environ["OPENCETS_DB_ROLE"] = "superuser"
    os.environ["DJANGO_SETTINGS_MODULE"] = "opencets_web.config.settings"
    prepare_database(_home)
    import django

    django.setup()


def _hands_out() -> bool:
    """Whether this process hands the tests out to others (pytest-xdist) and runs none itself."""
    asked = any(word == "-n" or word.startswith(("-n=", "--numprocesses")) for word in sys.argv[1:])
    return asked and "PYTEST_XDIST_WORKER" not in os.environ


if not _engines_only():
    _prepare_web()
    if _hands_out():
        # Those that run the tests take a home each; with these they would read the settings of this one before they can.
        for name in ("DJANGO_SETTINGS_MODULE", "OPENCETS_HOME", "OPENCETS_DB_ROLE"):
            os.environ.pop(name, None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browsers last: what drives them keeps an event loop running in this thread until the end of the run."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


def pytest_unconfigure() -> None:
    """Stop the server that this run started, and give its home back."""
    if _home is not None and not os.environ.get("DATABASE_URL"):
        from opencets_web.commands.postgres import stop_server

        stop_server(_home)
    if _lock is not None:
        _lock.close()


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Keep the test database while models, migrations and wall are the same."""
    if _home is None:
        return False
    digest = hashlib.sha256()
    sources = [*REPOSITORY.glob("src/opencets_web/**/migrations/*.py"), REPOSITORY / "src/opencets_web/policy/wall.py"]
    for path in sorted(sources):
        digest.update(path.read_bytes())
    stamp = _home / "database-of"
    same = stamp.exists() and stamp.read_text() == digest.hexdigest()
    stamp.write_text(digest.hexdigest())
    return same


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of real, harmless sample files; the test is skipped where it is not there."""
    if not SAMPLES.is_dir():
        pytest.skip("The sample files (../shared/data) are not on this machine.")
    return SAMPLES

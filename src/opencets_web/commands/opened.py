"""Django in a command's own process, as one database role, over a home that is set up; the server is left as it was found."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from opencets.errors import Interrupted
from opencets_web.commands import postgres
from opencets_web.commands.setup import prepare_home
from opencets_web.config.connection import Role, home


@contextlib.contextmanager
def opened(role: Role) -> Iterator[Path]:
    """The home, with Django set up in this process as ``role``. A process has one role: the first asked for stays.

    Interrupted: the database went away in the middle.
    """
    place = home()
    os.environ["OPENCETS_HOME"] = str(place)
    was_running = bool(os.environ.get("DATABASE_URL")) or postgres.server_pid(place) is not None
    prepare_home(place)
    os.environ["OPENCETS_DB_ROLE"] = role
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opencets_web.config.settings")
    import django
    from django.apps import apps

    if not apps.ready:
        django.setup()
    from django.db import OperationalError

    try:
        yield place
    except OperationalError as away:
        raise Interrupted(
            f"The database stopped answering ({str(away).strip().splitlines()[0]}). What was acknowledged before is kept; "
            "begin again when it is back."
        ) from away
    finally:
        if not was_running:
            _let_go()
            postgres.stop_server(place)


@contextlib.contextmanager
def database_as_found(place: Path) -> Iterator[None]:
    """Stop the embedded server at the end, where it was not running before."""
    was_running = bool(os.environ.get("DATABASE_URL")) or postgres.server_pid(place) is not None
    try:
        yield
    finally:
        if not was_running:
            postgres.stop_server(place)


def _let_go() -> None:
    """Close this process's connections, those that a pool keeps too."""
    from django.db import connection

    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]

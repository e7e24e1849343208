"""Where the home is, and how each role reaches the database.

``opencets setup`` writes ``<home>/run/database.json`` (the address) and ``<home>/secrets/roles.json`` (the passwords);
settings read them here. ``OPENCETS_HOME`` names the home, ``OPENCETS_DB_ROLE`` the role (``web`` where unset).
"""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import psycopg

from opencets.errors import ActRefused

Role = Literal["owner", "web", "jobs", "superuser"]
ROLES: tuple[Role, ...] = ("owner", "web", "jobs", "superuser")
"""``superuser`` is the account that set-up used; tests build their database with it, and nothing else may."""

ENGINE = "opencets_web.policy.postgresql"
POOL_SIZE = 8


def home() -> Path:
    """The folder of all that this installation keeps: ``OPENCETS_HOME``, else ``var`` of the repository or of here."""
    named = os.environ.get("OPENCETS_HOME")
    if named:
        return Path(named).absolute()
    repository = Path(__file__).resolve().parents[3]
    return (repository if (repository / "pyproject.toml").exists() else Path.cwd()) / "var"


def role() -> Role:
    """The database role of this program, from ``OPENCETS_DB_ROLE``. ActRefused: a word that names none."""
    return _known(os.environ.get("OPENCETS_DB_ROLE", "web"))


def _known(named: str) -> Role:
    for known in ROLES:
        if known == named:
            return known
    raise ActRefused(f"OPENCETS_DB_ROLE is {named!r}; it may be owner, web or jobs.")


def url_stamp() -> str | None:
    """What tells one ``DATABASE_URL`` from another without keeping its password; None where it is unset."""
    url = os.environ.get("DATABASE_URL")
    return sha256(url.encode()).hexdigest()[:16] if url else None


def parameters(role: str, *, place: Path | None = None) -> dict[str, Any]:
    """The psycopg connection parameters of ``role``. ActRefused: set-up has not run, or ran for another database."""
    place = place or home()
    try:
        address = json.loads((place / "run" / "database.json").read_text())
        login = json.loads((place / "secrets" / "roles.json").read_text())[_known(role)]
    except (FileNotFoundError, KeyError):
        raise ActRefused(f"{place} has not been set up: run `opencets setup` first.") from None
    except PermissionError as error:
        raise ActRefused(f"{error.filename} may not be read by this account: use the one that ran set-up.") from None
    if url_stamp() != address["url"]:
        raise ActRefused(
            f"DATABASE_URL names another database than the one that {place} was set up for: "
            f"correct it, or run `opencets setup` for the new one."
        )
    return {**address["parameters"], "user": login["user"], "password": login["password"]}


def conninfo(role: str, *, place: Path | None = None) -> str:
    """The connection string of ``role``, for a connection outside Django."""
    return psycopg.conninfo.make_conninfo(**parameters(role, place=place))


def database(role: str) -> dict[str, Any]:
    """Django's ``DATABASES["default"]`` for ``role``. ActRefused as for ``parameters``."""
    given = parameters(role)
    options: dict[str, Any] = {name: value for name, value in given.items() if name not in _DJANGO_NAMES}
    # The zone is a start-up setting, so that RESET ALL comes back to it. The server ends what a lost client left open.
    options["options"] = "-c timezone=UTC -c idle_in_transaction_session_timeout=300000"
    options["application_name"] = f"opencets {role}"
    if role == "web":
        options["pool"] = {
            "min_size": 1,
            "max_size": int(os.environ.get("OPENCETS_DB_POOL", POOL_SIZE)),
            "timeout": 15,
            "max_idle": 300,
            "reset": reset_session,
        }
    return {
        "ENGINE": ENGINE,
        "NAME": given["dbname"],
        "USER": given["user"],
        "PASSWORD": given["password"],
        "HOST": given.get("host", ""),
        "PORT": str(given.get("port", "")),
        "OPTIONS": options,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": True,
        "TEST": {"NAME": f"test_{given['dbname']}"},
    }


_DJANGO_NAMES = {"dbname", "user", "password", "host", "port"}


def reset_session(connection: psycopg.Connection[Any]) -> None:
    """Forget what a session set, before its connection serves the next request."""
    connection.execute("RESET SESSION AUTHORIZATION")
    connection.execute("RESET ALL")
    if not connection.autocommit:
        connection.commit()

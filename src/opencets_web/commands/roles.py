"""The database and its roles, made from the connection of a superuser or of an owner that may make roles.

========================  =======================================================================================
``opencets_owner``        owns the tables and runs the migrations
``opencets_web``          serves pages: inherits nothing, owns nothing, row-level security holds for it
``opencets_jobs``         does the later work: row-level security too; may take on ``opencets_blind`` by SET ROLE
``opencets_blind``        cannot sign in; policies let it compare across all holdings
``opencets_definer``      cannot sign in; owns the few SECURITY DEFINER functions
========================  =======================================================================================

No role may pass row-level security by an attribute; policies name the roles. Names are fixed, one OpenCETS a cluster.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from opencets.errors import ActRefused, Interrupted
from opencets_web.commands.postgres import OLDEST_MAJOR, ensure_server, make_home, write_private
from opencets_web.config.connection import url_stamp

DATABASE = "opencets"
LOGINS = {"owner": "opencets_owner", "web": "opencets_web", "jobs": "opencets_jobs"}
BLIND = "opencets_blind"
DEFINER = "opencets_definer"


def prepare_database(home: Path) -> None:
    """Make the database and its roles and write how to reach them; again without effect. Starts the embedded server.

    ActRefused: the server is too old, or the account of ``DATABASE_URL`` may not do what is needed, and which.
    """
    home = home.absolute()
    make_home(home)
    url = os.environ.get("DATABASE_URL")
    if url:
        try:
            admin = conninfo_to_dict(url)
        except psycopg.ProgrammingError as error:
            raise ActRefused(f"DATABASE_URL cannot be read ({error}): postgresql://user:password@host/name.") from None
        admin.setdefault("dbname", DATABASE)
    else:
        admin = conninfo_to_dict(ensure_server(home).conninfo(DATABASE))
    _make_database(admin)
    passwords = _passwords(home)
    with _connect(admin) as connection:
        _refuse_old_server(connection)
        _make_roles(connection, passwords, admin)
        open_database(connection, str(admin["dbname"]))
    parameters = {name: value for name, value in admin.items() if name not in {"user", "password"}}
    logins = {role: {"user": LOGINS[role], "password": passwords[role]} for role in LOGINS}
    logins["superuser"] = {"user": str(admin.get("user", "")), "password": str(admin.get("password", ""))}
    write_private(home / "secrets" / "roles.json", json.dumps(logins, indent=1))
    write_private(home / "run" / "database.json", json.dumps({"url": url_stamp(), "parameters": parameters}, indent=1))


def _connect(parameters: dict[str, Any]) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(make_conninfo("", **parameters), autocommit=True, connect_timeout=15)


def _passwords(home: Path) -> dict[str, str]:
    """The passwords already in use, else new ones."""
    try:
        kept = json.loads((home / "secrets" / "roles.json").read_text())
    except FileNotFoundError:
        kept = {}
    return {role: kept.get(role, {}).get("password") or secrets.token_urlsafe(32) for role in LOGINS}


def _make_database(admin: dict[str, Any]) -> None:
    try:
        _connect(admin).close()
        return
    except psycopg.OperationalError as error:
        if "does not exist" not in str(error):
            raise Interrupted(f"The database server could not be reached: {str(error).strip()}") from error
    name = sql.Identifier(str(admin["dbname"]))
    for entrance in ("postgres", "template1"):
        try:
            with _connect(admin | {"dbname": entrance}) as connection:
                connection.execute(sql.SQL("create database {} template template0 encoding 'UTF8'").format(name))
            return
        except psycopg.errors.DuplicateDatabase:
            return
        except psycopg.errors.InsufficientPrivilege:
            raise ActRefused(
                f"The database {admin['dbname']} does not exist, and {admin.get('user')} may not make it: "
                f"make it with that owner (createdb -O), or give the role CREATEDB."
            ) from None
        except psycopg.OperationalError as error:
            refusal = str(error).strip()
    raise Interrupted(f"The database {admin['dbname']} could not be made: {refusal}")


def _refuse_old_server(connection: psycopg.Connection[Any]) -> None:
    if connection.info.server_version // 10000 < OLDEST_MAJOR:
        raise ActRefused(
            f"The server is PostgreSQL {connection.info.server_version // 10000}; {OLDEST_MAJOR} or newer is needed."
        )
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise ActRefused(f"The database keeps text as {encoding}; UTF8 is needed: make it with encoding 'UTF8'.")


def _make_roles(connection: psycopg.Connection[Any], passwords: dict[str, str], admin: dict[str, Any]) -> None:
    wanted = {
        LOGINS["owner"]: "login noinherit",
        LOGINS["web"]: "login noinherit",
        LOGINS["jobs"]: "login noinherit",
        BLIND: "nologin noinherit",
        DEFINER: "nologin noinherit",
    }
    try:
        for name, attributes in wanted.items():
            with connection.transaction():
                # Two set-ups at once wait here for each other, in whichever database of the cluster.
                connection.execute("select pg_advisory_xact_lock(hashtext('opencets roles'))")
                found = connection.execute("select rolinherit from pg_roles where rolname = %s", [name]).fetchone()
                if found is None:
                    connection.execute(sql.SQL("create role {} " + attributes).format(sql.Identifier(name)))
                elif found[0]:
                    connection.execute(sql.SQL("alter role {} noinherit").format(sql.Identifier(name)))
        for role, name in LOGINS.items():
            if not _signs_in(admin, name, passwords[role]):
                connection.execute(
                    sql.SQL("alter role {} password {}").format(sql.Identifier(name), sql.Literal(passwords[role]))
                )
        _make_members(connection)
    except psycopg.errors.InsufficientPrivilege as error:
        raise ActRefused(
            f"The account of DATABASE_URL may not make or change a role ({str(error).strip()}): "
            f"give it CREATEROLE, and on PostgreSQL 16 or newer the ADMIN option on roles that stand already."
        ) from None
    _refuse_strong_roles(connection, wanted)


def _signs_in(admin: dict[str, Any], name: str, password: str) -> bool:
    try:
        _connect(admin | {"user": name, "password": password}).close()
    except psycopg.OperationalError:
        return False
    return True


def _make_members(connection: psycopg.Connection[Any]) -> None:
    """Who may take on whom: jobs the blind role, by SET ROLE alone; the owner the definer, to give it functions."""
    only_set = sql.SQL(" with inherit false, set true") if connection.info.server_version >= 160000 else sql.SQL("")
    for member, granted, manner in (
        (LOGINS["jobs"], BLIND, only_set),
        (LOGINS["owner"], DEFINER, only_set),
    ):
        statement = sql.SQL("grant {} to {}").format(sql.Identifier(granted), sql.Identifier(member))
        connection.execute(statement + manner)


def _refuse_strong_roles(connection: psycopg.Connection[Any], wanted: dict[str, str]) -> None:
    rows = connection.execute(
        "select rolname, rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication, rolinherit "
        "from pg_roles where rolname = any(%s)",
        [list(wanted)],
    ).fetchall()
    for name, strong, inherits in rows:
        if strong or (inherits and "noinherit" in wanted[name]):
            raise ActRefused(
                f"The role {name} stands already with more rights than it may have: as a superuser, write "
                f"ALTER ROLE {name} NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB NOREPLICATION"
                f"{' NOINHERIT' if 'noinherit' in wanted[name] else ''}."
            )
    members = connection.execute(
        "select roleid::regrole::text from pg_auth_members where member = %s::regrole",
        [LOGINS["web"]],
    ).fetchall()
    if members:
        raise ActRefused(
            f"The role {LOGINS['web']} is a member of {members[0][0]}: revoke it, it may belong to nothing."
        )


def open_database(connection: psycopg.Connection[Any], database: str) -> None:
    """Let the roles into ``database`` and its schema; ``connection`` is the superuser's, in that database.

    Rights on tables come with the tables, in the migrations. A test database needs this too, after it was made.
    """
    everyone = sql.SQL(", ").join(map(sql.Identifier, [*LOGINS.values(), BLIND, DEFINER]))
    logins = sql.SQL(", ").join(map(sql.Identifier, LOGINS.values()))
    name = sql.Identifier(database)
    owner = sql.Identifier(LOGINS["owner"])
    try:
        with connection.transaction():
            for statement in (
                sql.SQL("revoke all on database {} from public").format(name),
                sql.SQL("grant connect on database {} to {}").format(name, logins),
                sql.SQL("grant create, temporary on database {} to {}").format(name, owner),
                sql.SQL("revoke all on schema public from public"),
                sql.SQL("grant usage on schema public to {}").format(everyone),
                sql.SQL("grant create on schema public to {}, {}").format(owner, sql.Identifier(DEFINER)),
            ):
                connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege as error:
        raise ActRefused(
            f"The account of DATABASE_URL may not open the database {database} to the roles ({str(error).strip()}): "
            f"make that account the database's owner."
        ) from None

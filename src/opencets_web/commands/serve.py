"""``opencets setup``, ``demo``, ``serve``, ``worker``, ``reset`` and ``database``."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path

import click
from rich.console import Console

from opencets.errors import ActRefused
from opencets_web.commands import backup, children, client, postgres
from opencets_web.commands.opened import database_as_found
from opencets_web.commands.roles import prepare_database
from opencets_web.commands.setup import prepare_home, refuse_without_assets, remove_home, running
from opencets_web.config import connection

console = Console(highlight=False, soft_wrap=True)


@click.command()
def setup() -> None:
    """Make the home, the database, its roles and its tables; a second time, check them."""
    home = _chosen_home()
    started = time.monotonic()
    with database_as_found(home):
        changed = prepare_home(home)
    state = "made" if changed else "up to date"
    console.print(f"Set up in {home} (tables {state}, {time.monotonic() - started:.1f} s).")
    try:
        refuse_without_assets()
    except ActRefused as refusal:
        console.print(refusal.sentence)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8000, show_default=True, help="The port to listen on.")
@click.option("--worker/--no-worker", default=True, show_default=True, help="Run the workers of all queues too.")
def serve(host: str, port: int, worker: bool) -> None:
    """Serve the pages, and do the later work, until Ctrl-C."""
    home = _chosen_home()
    refuse_without_assets()
    with database_as_found(home), _taken(host, port) as taken:
        prepare_home(home)
        _serve(home, taken, worker=worker, ready=backup.reminder(home))


@click.command()
@click.option("--queue", "queues", multiple=True, help="Only these queues: reading, linking, default.")
def worker(queues: tuple[str, ...]) -> None:
    """Do the later work of the queues, until Ctrl-C; the web server runs elsewhere."""
    home = _chosen_home()
    prepare_home(home)
    kept = [children.worker_child(queue) for queue in queues or children.QUEUES]
    console.print(f"Working on {', '.join(queues or children.QUEUES)}. Ctrl-C stops.")
    with running(home, "worker") if not queues else contextlib.nullcontext():
        children.Keeper(kept, console.print, _database_watch(home)).run()


@click.command()
@click.option("--port", default=8000, show_default=True, help="The port to listen on.")
def demo(port: int) -> None:
    """Set everything up, load the invented world, and serve it."""
    home = _chosen_home()
    refuse_without_assets()
    with database_as_found(home), _taken("127.0.0.1", port) as taken:
        prepare_home(home)
        told = import_module("opencets_web.commands.demonstration").load(home, console)
        lines = [told] if isinstance(told, str) else list(told or [])
        _serve(home, taken, worker=True, ready=lines)


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(yes: bool) -> None:
    """Remove the home: database, evidence, secrets. Nothing of it can be brought back."""
    home = _chosen_home()
    if not home.exists():
        console.print(f"{home} is not there; nothing to remove.")
        return
    if not yes:
        click.confirm(f"Remove {home} with its database, evidence and secrets?", abort=True)
    remove_home(home)
    console.print(f"{home} is removed.")


@click.group()
def database() -> None:
    """The embedded database server: start, stop, its address, a copy of it."""


@database.command()
def start() -> None:
    """Start the server where it is not running."""
    server = postgres.ensure_server(_embedded_home())
    console.print(f"PostgreSQL {server.version} listens in {server.socket_dir}.")


@database.command()
def stop() -> None:
    """Stop the server; no session is waited for, nothing committed is lost."""
    stopped = postgres.stop_server(_embedded_home())
    console.print("PostgreSQL is stopped." if stopped else "PostgreSQL was not running.")


@database.command()
@click.option("--role", default="owner", show_default=True, help="owner, web, jobs or superuser.")
def url(role: str) -> None:
    """Print the connection string of a role, with its password, for psql and its like."""
    click.echo(connection.conninfo(role, place=_chosen_home()))


@database.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def dump(file: Path) -> None:
    """Write a copy of the database to FILE (pg_dump's own form)."""
    if file.exists():
        raise ActRefused(f"{file} is there already; name a new file.")
    home = _chosen_home()
    if not os.environ.get("DATABASE_URL"):
        postgres.ensure_server(home)
    staged = file.with_name(f".{file.name}.part")
    try:
        client.run(home, "pg_dump", "--format=custom", f"--file={staged}")
        staged.chmod(0o600)
        staged.replace(file)
    finally:
        staged.unlink(missing_ok=True)
    console.print(f"The database is copied to {file}; the secrets folder of {home} belongs to it and is not inside.")


@database.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def restore(file: Path) -> None:
    """Read FILE, made by dump, into a database without tables."""
    home = _chosen_home()
    prepare_database(home)
    import psycopg

    with psycopg.connect(connection.conninfo("superuser", place=home)) as opened:
        if opened.execute("select 1 from pg_tables where schemaname = 'public' limit 1").fetchone():
            raise ActRefused("The database has tables already: restore into a new home (OPENCETS_HOME).")
    client.run(
        home, "pg_restore", "--exit-on-error", "--single-transaction", "--dbname", _database_name(home), str(file)
    )
    console.print(f"The database is read from {file}.")


def _database_name(home: Path) -> str:
    return str(connection.parameters("superuser", place=home)["dbname"])


def _chosen_home() -> Path:
    home = connection.home()
    # Programs started from here read the same one, wherever they start.
    os.environ["OPENCETS_HOME"] = str(home)
    return home


def _embedded_home() -> Path:
    if os.environ.get("DATABASE_URL"):
        raise ActRefused("DATABASE_URL names a server of your own; it is started and stopped where it runs.")
    return _chosen_home()


def _serve(home: Path, taken: socket.socket, *, worker: bool, ready: Sequence[str] = ()) -> None:
    host, port = taken.getsockname()[:2]
    kept = [children.web_child(taken)]
    if worker:
        kept += [children.worker_child(queue) for queue in children.QUEUES]
    with running(home, "serve"):
        threading.Thread(target=_tell_when_ready, args=(host, port, ready), daemon=True).start()
        children.Keeper(kept, console.print, _database_watch(home)).run()
    console.print("Stopped.")


def _tell_when_ready(host: str, port: int, lines: Sequence[str]) -> None:
    """Say where it is served, once it answers."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    near = everywhere.get(host, host)
    near = f"[{near}]" if ":" in near else near
    for _ in range(600):
        try:
            asked = urllib.request.Request(f"http://{near}:{port}/", headers={"Host": f"localhost:{port}"})
            urllib.request.urlopen(asked, timeout=5).close()  # noqa: S310
            break
        except urllib.error.HTTPError as answer:
            answer.close()
            break
        except OSError:
            time.sleep(0.2)
    shown = "localhost" if host in {"127.0.0.1", "::1", *everywhere} else near
    console.print(f"\nOpenCETS is served at http://{shown}:{port}  (Ctrl-C stops it)")
    for line in lines:
        console.print(line, markup=False)


@contextlib.contextmanager
def _taken(host: str, port: int) -> Iterator[socket.socket]:
    """The listening socket. ActRefused: the port is taken, or may not be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen(1024)
        except OSError as error:
            raise ActRefused(
                f"Nothing can listen on {host}, port {port} ({error.strerror}): choose another with --port."
            ) from None
        listening.set_inheritable(True)
        yield listening


def _database_watch(home: Path) -> Callable[[], bool] | None:
    """What starts the embedded server again where it died; nothing for a server of one's own."""
    if os.environ.get("DATABASE_URL"):
        return None

    def watch() -> bool:
        if postgres.server_pid(home) is not None:
            return False
        console.print("The database server ended; it starts again.")
        postgres.ensure_server(home)
        return True

    return watch


COMMANDS: tuple[click.Command, ...] = (setup, demo, serve, worker, reset, database)

if __name__ == "__main__":
    sys.exit(click.Group(commands={command.name or "": command for command in COMMANDS})())

"""``opencets backup``: one command makes a whole backup, one verifies it, one restores it to a fresh machine."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from threading import Thread
from typing import IO, Any

import click
import psycopg
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from opencets.errors import ActRefused, DamagedSource, Interrupted, NotFound, SourceRefused
from opencets_web.audit.signing import signing_key
from opencets_web.commands import backing, client
from opencets_web.commands.audit import seal_moved
from opencets_web.commands.backing import Backup, Place, SealedBlob
from opencets_web.commands.opened import database_as_found, opened
from opencets_web.commands.postgres import make_home, write_private
from opencets_web.commands.roles import prepare_database
from opencets_web.commands.setup import RESTORING, migrate
from opencets_web.config import connection

console = Console(highlight=False, soft_wrap=True)
PLACE = click.argument("place", type=click.Path(path_type=Path, file_okay=False))
NAMED = click.option(
    "--backup", "name", default="", help="The backup's name, as `backup list` shows it; else the newest."
)
COUNTED = ("cases_case", "evidence_exhibit", "evidence_record", "evidence_claim", "evidence_blob", "audit_act")
REMIND_AFTER_DAYS = 2


@click.group()
def backup() -> None:
    """Make, verify and restore backups; each is sealed, and appears whole or not at all."""


@backup.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--replace", is_flag=True, help="Seal later backups to the new key; earlier ones keep theirs.")
def key(file: Path, replace: bool) -> None:
    """Make the backup key and write what opens it to FILE: keep it away from this machine, and on paper."""
    home = _chosen_home()
    kept = home / "secrets" / "backup-recipient"
    if kept.exists() and not replace:
        raise ActRefused(
            f"Backups of {home} are sealed to {kept.read_text().strip()} already: --replace makes another key."
        )
    if file.exists():
        raise ActRefused(f"{file} is there already; name a new file.")
    make_home(home)
    opens, seals = backing.make_key()
    write_private(file, f"# Opens the backups of OpenCETS that are sealed to\n# {seals}\n{opens}\n")
    write_private(kept, seals + "\n")
    console.print(
        f"Backups are sealed to {seals} from now on. Only {file} opens them: move it off this machine, and keep a second"
        " copy on paper. Without it no backup can be restored by anybody.", markup=False,
    )  # fmt: skip


@backup.command()
@PLACE
@click.option("--json", "as_json", is_flag=True, help="What was made, as one JSON value.")
def make(place: Path, as_json: bool) -> None:
    """Copy database, blobs and secrets to PLACE, a folder on another medium. Others may go on working.

    Of the blobs only new ones are copied. What is made appears whole or not at all.
    """
    with opened("owner") as home:
        to = backing.recipient(_kept_recipient(home))
        into = Place(place.absolute())
        with into.alone():
            name = f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}"
            with into.staged(name) as folder:
                copied = _write(home, into, folder, to)
            made = into.get(name)
        _log("backup.made", {"backup": name, "blobs": made.manifest["blobs"], "root": made.manifest["audit"]["root"]})
        write_private(home / "run" / "last-backup", name)
    told = {"backup": name, "blobs_copied": copied, **made.manifest["blobs"], "counts": made.manifest["counts"]}
    if as_json:
        click.echo(json.dumps(told))
    else:
        console.print(
            f"Backup {name}: the database, {told['number']} blobs ({copied} of them new) and the secrets are in {place},"
            " sealed. Verify it: opencets backup verify " + str(place), markup=False,
        )  # fmt: skip


def _write(home: Path, into: Place, folder: Path, to: Any) -> int:
    """Write one backup into ``folder`` and its new blobs into the place; how many were copied.

    Database and list of blobs are of one instant: both read the same exported snapshot.
    """
    with psycopg.connect(connection.conninfo("superuser", place=home)) as database:
        database.execute("set transaction isolation level repeatable read, read only")
        row = database.execute("select pg_export_snapshot()").fetchone()
        assert row is not None
        names = [str(path) for (path,) in database.execute("select path from evidence_blob order by path")]
        counts = {table: _number(database, table) for table in COUNTED}
        audit = database.execute(
            "select size, encode(root, 'hex') from audit_checkpoint order by size desc limit 1"
        ).fetchone()
        server = database.info.server_version // 10000
        _dump(home, str(row[0]), folder / "database.age", to)
    backing.seal(io.BytesIO(backing.pack_secrets(home / "secrets")), folder / "secrets.age", to)
    blobs, copied = _copy_out(home, into, names)
    with (folder / "blobs.tsv").open("w", encoding="ascii") as lines:
        lines.writelines(f"{blob.name}\t{blob.size}\t{blob.sha256}\n" for blob in blobs)
    manifest = {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": metadata.version("opencets"),
        "postgresql": server,
        "sealed_to": str(to),
        "counts": counts,
        "blobs": {"number": len(blobs), "bytes": sum(blob.size for blob in blobs)},
        "audit": {"sealed": audit[0] if audit else 0, "root": audit[1] if audit else ""},
    }
    backing.write_manifest(folder, signing_key(home), manifest)
    return copied


def _dump(home: Path, snapshot: str, target: Path, to: Any) -> None:
    """pg_dump's custom form, sealed while it is written: no clear copy touches a disk."""
    with client.start(home, "pg_dump", "--format=custom", f"--snapshot={snapshot}", stdout=subprocess.PIPE) as dumping:
        assert dumping.stdout is not None
        assert dumping.stderr is not None
        errors = _Said(dumping.stderr)
        try:
            backing.seal(dumping.stdout, target, to)
        except OSError as error:
            dumping.kill()
            raise Interrupted(f"The database could not be written to {target}: {error}.") from error
        dumping.wait()
    client.refuse_failure("pg_dump", dumping, errors.text())


def _copy_out(home: Path, into: Place, names: list[str]) -> tuple[list[SealedBlob], int]:
    """Every named blob in the place, and how many had to be copied. Interrupted: one is missing in the home."""
    known, blobs, copied = into.known(), [], 0
    with _bar("Copying blobs", len(names), whole=True) as step:
        for name in names:
            target, source = into.blob_path(name), home / "blobs" / backing.blob_place(name)
            kept = known.get(name)
            if kept is not None and target.exists() and target.stat().st_size == kept.size:
                blobs.append(kept)
            elif not source.exists():
                raise Interrupted(
                    f"Blob {name} is named by the database and missing in {source.parent}: the home has lost it. Restore it from"
                    " an earlier backup before a new one is made."
                )
            else:
                blobs.append(backing.copy_blob(source, target))
                copied += 1
            step(1)
    return blobs, copied


@backup.command("list")
@PLACE
def list_backups(place: Path) -> None:
    """List the backups in PLACE, oldest first."""
    found = Place(place).whole()
    if not found:
        console.print(f"No backup in {place} yet: opencets backup make {place} makes one.", markup=False)
    for each in found:
        counts, blobs = each.manifest["counts"], each.manifest["blobs"]
        console.print(
            f"{each.name}  {counts['cases_case']} cases, {counts['evidence_record']} records, {blobs['number']} blobs,"
            f" {blobs['bytes'] / 1e6:,.0f} MB, {counts['audit_act']} acts", markup=False,
        )  # fmt: skip


@backup.command()
@PLACE
@NAMED
@click.option(
    "--identity", type=click.Path(path_type=Path, dir_okay=False), help="The backup key: open what is sealed, too."
)
@click.pass_context
def verify(ctx: click.Context, place: Path, name: str, identity: Path | None) -> None:
    """Read a backup again, each byte of it, and say whether it is as it was written.

    Exit 0: whole. Exit 1: each part that is missing or changed, a line each.
    """
    chosen = Place(place).get(name)
    total = chosen.manifest["blobs"]["bytes"] + sum(each["size"] for each in chosen.manifest["files"].values())
    with _bar("Reading", total) as step:
        wrong = list(backing.differences(Place(place), chosen, step))
    if identity is not None and not wrong:
        opens = backing.read_identity(identity)
        for part in ("secrets.age", "database.age"):
            with open(os.devnull, "wb") as nowhere:
                backing.unseal(chosen.folder / part, nowhere, opens)
    for sentence in wrong:
        console.print(sentence, markup=False)
    if wrong:
        console.print(f"Backup {chosen.name} is not whole: make a new one, or use an earlier one.", markup=False)
        ctx.exit(1)
    opened_too = ", and the key opens it" if identity else "; with --identity the key is tried as well"
    console.print(f"Backup {chosen.name} is as it was written{opened_too}. {_counts(chosen)}", markup=False)


@backup.command()
@PLACE
@click.option("--keep", type=click.IntRange(min=1), required=True, help="How many of the newest stay.")
def prune(place: Path, keep: int) -> None:
    """Remove the oldest backups, and the blobs that no remaining one names."""
    into = Place(place)
    with into.alone():
        gone, blobs = into.prune(keep)
    console.print(f"{len(gone)} backups and {blobs} blobs are removed; {len(into.whole())} backups stay.")


@backup.command()
@PLACE
@NAMED
@click.option("--identity", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The backup key.")
@click.pass_context
def restore(ctx: click.Context, place: Path, name: str, identity: Path) -> None:
    """Restore a backup into a new home (OPENCETS_HOME), then verify the log and open every blob.

    Stopped in the middle, the same command goes on; until it has ended nothing serves the home. Exit 1: what was restored is
    not what was kept, a line each.
    """
    chosen, opens = Place(place).get(name), backing.read_identity(identity)
    wrong = [line for line in backing.differences(Place(place), chosen) if not line.startswith("Blob ")]
    if wrong:
        raise DamagedSource(f"{wrong[0]} Restore an earlier backup: opencets backup list {place}")
    home = _chosen_home()
    _begin(home, chosen)
    secrets = io.BytesIO()
    backing.unseal(chosen.folder / "secrets.age", secrets, opens)
    backing.unpack_secrets(secrets.getvalue(), home / "secrets")
    with database_as_found(home):
        prepare_database(home)
        _read_database(home, chosen, opens)
        _copy_in(home, Place(place), chosen)
        migrate(home)
        (home / "run" / RESTORING).unlink()
        found = _restored(chosen)
    for sentence in found:
        console.print(sentence, markup=False)
    if found:
        ctx.exit(1)
    console.print(
        f"Backup {chosen.name} is restored into {home}: the log is as it was written, and every blob opens. {_counts(chosen)}"
        " Go on: opencets serve", markup=False,
    )  # fmt: skip


def _begin(home: Path, chosen: Backup) -> None:
    """Mark the home as being restored. ActRefused: it is in use, or another backup is half restored into it."""
    mark = home / "run" / RESTORING
    if mark.exists():
        if mark.read_text() != chosen.name:
            raise ActRefused(
                f"{home} holds a half restored backup {mark.read_text()}: go on with that, or name a new home."
            )
        return
    if any((home / name).exists() and any((home / name).iterdir()) for name in ("secrets", "blobs", "postgres")):
        raise ActRefused(f"{home} is in use: restore into a new, empty home (OPENCETS_HOME).")
    if os.environ.get("DATABASE_URL"):
        _refuse_tables(os.environ["DATABASE_URL"])
    make_home(home)
    write_private(mark, chosen.name)


def _refuse_tables(url: str) -> None:
    """ActRefused: the database that DATABASE_URL names has tables."""
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url, connect_timeout=15) as database:
        if _has_tables(database):
            raise ActRefused("The database of DATABASE_URL has tables already: name an empty one.")


def _has_tables(database: psycopg.Connection[Any]) -> bool:
    found = database.execute(
        "select 1 from pg_tables where schemaname = 'public' and tablename = 'audit_act'"
    ).fetchone()
    return found is not None


def _read_database(home: Path, chosen: Backup, opens: Any) -> None:
    """Read the sealed dump into the database, in one transaction; already there: nothing."""
    with psycopg.connect(connection.conninfo("superuser", place=home)) as database:
        if _has_tables(database):
            return
    name = str(connection.parameters("superuser", place=home)["dbname"])
    given = ("--exit-on-error", "--single-transaction", "--dbname", name)
    with client.start(home, "pg_restore", *given, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as reading:
        assert reading.stdin is not None
        assert reading.stderr is not None
        errors = _Said(reading.stderr)
        try:
            backing.unseal(chosen.folder / "database.age", reading.stdin, opens)
        except (SourceRefused, OSError):
            reading.kill() if reading.poll() is None else None
            if errors.text():
                raise Interrupted(f"pg_restore stopped: {errors.text().decode('utf-8', 'replace')[-1000:]}") from None
            raise
        finally:
            with contextlib.suppress(OSError):
                reading.stdin.close()
        reading.wait()
    client.refuse_failure("pg_restore", reading, errors.text())


def _copy_in(home: Path, place: Place, chosen: Backup) -> None:
    """Every blob of the backup into the home; DamagedSource names the first that is not as it was written."""
    with _bar("Copying blobs", chosen.manifest["blobs"]["number"], whole=True) as step:
        for blob in chosen.blobs():
            source, target = place.blob_path(blob.name), home / "blobs" / backing.blob_place(blob.name)
            if not (target.exists() and target.stat().st_size == blob.size):
                if not source.exists():
                    raise DamagedSource(f"Blob {blob.name} is missing in {place.folder}: restore an earlier backup.")
                copied = backing.copy_blob(source, target)
                if copied != blob:
                    target.unlink()
                    raise DamagedSource(
                        f"Blob {blob.name} of {place.folder} is not as it was written: restore an earlier one."
                    )
            step(1)


def _restored(chosen: Backup) -> list[str]:
    """What of the restored home is not as the backup says: the log, the numbers of rows, each blob's content."""
    with opened("owner"):
        from django.db import connection as database

        from opencets_web.audit.lines import lines_of_log
        from opencets_web.audit.verifying import verify_lines
        from opencets_web.evidence.models import Blob
        from opencets_web.evidence.vault import opening

        log = verify_lines(lines_of_log(), root=str(chosen.manifest["audit"]["root"]))
        wrong = [log.bad] if log.bad else []
        with database.cursor() as cursor:
            for table, number in chosen.manifest["counts"].items():
                cursor.execute(f"select count(*) from {table}" if table in COUNTED else "select -1")
                found = cursor.fetchone()[0]
                if found != number:
                    wrong.append(f"{table} has {found} rows; the backup had {number}.")
        with _bar("Opening blobs", chosen.manifest["blobs"]["number"], whole=True) as step:
            for blob in Blob.objects.order_by("path").iterator(chunk_size=1000):
                try:
                    with opening(blob)() as clear:
                        same = _sha256(clear) == blob.sha256
                except (NotFound, SourceRefused) as error:
                    wrong.append(f"Blob {blob.path} does not open: {error}")
                except ActRefused:
                    pass  # its key was destroyed, and stays so
                else:
                    wrong += [] if same else [f"Blob {blob.path} is not what was received: its SHA-256 differs."]
                step(1)
        _log("backup.restored", {"backup": chosen.name, "wrong": len(wrong)})
        seal_moved()  # numbers of transactions begin anew in this server
    return wrong


def _sha256(stream: Any) -> str:
    digest = sha256()
    while part := stream.read(backing.PART):
        digest.update(part)
    return digest.hexdigest()


def reminder(home: Path) -> list[str]:
    """What to say of backups when the home begins to be served; nothing where the last is fresh."""
    try:
        made = datetime.strptime((home / "run" / "last-backup").read_text(), "%Y-%m-%dT%H%M%SZ").replace(tzinfo=UTC)
    except (OSError, ValueError):
        return ["No backup has been made yet: opencets backup key FILE, then opencets backup make PLACE."]
    days = (datetime.now(UTC) - made).days
    return [f"The last backup is {days} days old: opencets backup make PLACE."] if days >= REMIND_AFTER_DAYS else []


def _kept_recipient(home: Path) -> str:
    try:
        return (home / "secrets" / "backup-recipient").read_text()
    except FileNotFoundError:
        raise ActRefused(
            "There is no backup key yet: opencets backup key FILE makes one, FILE on another medium."
        ) from None


def _log(verb: str, details: dict[str, Any]) -> None:
    from django.db import transaction

    from opencets_web.audit import log

    with transaction.atomic():
        log.record(verb, None, details=details)


def _number(database: psycopg.Connection[Any], table: str) -> int:
    row = database.execute(f"select count(*) from {table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def _counts(chosen: Backup) -> str:
    counts = chosen.manifest["counts"]
    return f"{counts['cases_case']} cases, {counts['evidence_record']} records, {chosen.manifest['blobs']['number']} blobs."


class _Said:
    """What a program says on its error stream, read beside its output so that neither waits for the other."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._parts: list[bytes] = []
        self._reader = Thread(target=lambda: self._parts.extend(iter(lambda: stream.read(4096), b"")), daemon=True)
        self._reader.start()

    def text(self) -> bytes:
        """All of it, once the program has ended."""
        self._reader.join(timeout=30)
        return b"".join(self._parts)


@contextlib.contextmanager
def _bar(what: str, total: int, *, whole: bool = False) -> Iterator[backing.Step]:
    shown = TextColumn("{task.completed} of {task.total}") if whole else DownloadColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), shown, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=total)
        yield lambda step: bar.advance(task, step)


def _chosen_home() -> Path:
    home = connection.home()
    os.environ["OPENCETS_HOME"] = str(home)
    return home


COMMANDS: tuple[click.Command, ...] = (backup,)

"""``opencets audit``: whether the log is as it was written, here and offline; checkpoints for others to hold; the key."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from opencets.errors import ActRefused
from opencets_web.commands.opened import opened

if TYPE_CHECKING:
    from opencets_web.audit.verifying import Finding

console = Console(highlight=False, soft_wrap=True)
FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def audit() -> None:
    """The append-only log: verify it, export it, hand out checkpoints, change its key."""


@audit.command()
@click.argument("export", required=False, type=FILE)
@click.option(
    "--checkpoint",
    "held",
    multiple=True,
    type=FILE,
    help="A checkpoint held outside: the log has to continue it. Again for more.",
)
@click.option(
    "--root", "root", default="", help="A root noted earlier (hexadecimal): one of the checkpoints has to have it."
)
@click.option("--key", "key", default="", help="The public key that signs now, known from elsewhere (hexadecimal).")
@click.option("--json", "as_json", is_flag=True, help="The finding as one JSON value.")
@click.pass_context
def verify(ctx: click.Context, export: Path | None, held: tuple[Path, ...], root: str, key: str, as_json: bool) -> None:
    """Compute every leaf, root and signature again: of this node's log, or offline of EXPORT.

    Exit 0 when all is as it was written; 1 with the first bad row; 2 when there is nothing to verify.
    """
    if export is not None:
        if not export.is_file():
            raise ActRefused(f"{export} is no file: opencets audit export FILE writes one.")
        from opencets_web.audit.signed import lines_of_export

        finding = _verified(lines_of_export(export), held, root, key, export=True)
    else:
        with opened("owner"):
            finding = _verified(_lines_of_database(), held, root, key, export=False)
    if as_json:
        shown = {"acts": finding.acts, "sealed": finding.sealed, "root": finding.root, "bad": finding.bad or None}
        click.echo(json.dumps({**shown, "act": finding.act, "key": finding.key or None, "held": finding.held}))
    elif finding.bad:
        console.print(finding.bad, markup=False)
    else:
        _tell(finding, held)
    if finding.bad:
        ctx.exit(1)


@audit.command("export")
@click.argument("file", type=FILE)
def export_log(file: Path) -> None:
    """Write the whole log to FILE, one JSON value a line: keys, checkpoints, acts, seals; the last line signs them.

    It holds subjects and details of every agency of this node: keep it as you keep evidence.
    """
    _refuse_existing(file)
    with opened("owner"):
        from opencets_web.audit.keychain import get_signer
        from opencets_web.audit.signed import signed_lines

        _seal_all()
        written = _write(file, signed_lines(_lines_of_database(), get_signer()))
    console.print(
        f"{written} lines are written to {file}. Anyone verifies it: opencets audit verify {file}", markup=False
    )


@audit.command()
@click.option("--out", "out", required=True, type=FILE, help="The file to write; whoever holds it need not be trusted.")
@click.option("--since", "since", type=FILE, help="An earlier checkpoint: the new one proves that it continues it.")
def checkpoint(out: Path, since: Path | None) -> None:
    """Seal the log and write its signed checkpoint, for a partner or an auditor to hold outside.

    It says how many acts the log has and their root, no act. A log that is rewritten or cut later contradicts it.
    """
    _refuse_existing(out)
    before = _read_checkpoint(since) if since else None
    with opened("owner"):
        from django.db import transaction

        from opencets_web.audit import log
        from opencets_web.audit.checkpoints import write_checkpoint

        _seal_all()
        with transaction.atomic():
            point = write_checkpoint(since=int(before["size"]) if before else None)
            log.record("audit.checkpoint-taken", None, subject=f"checkpoint:{point['size']}", details={"by": "command"})
    _write(out, iter([json.dumps(point, sort_keys=True, indent=1).encode() + b"\n"]))
    console.print(f"The checkpoint over {point['size']} acts is written to {out}. Root {point['root']}", markup=False)


@audit.command()
@click.argument("earlier", type=FILE)
@click.argument("later", type=FILE)
@click.pass_context
def compare(ctx: click.Context, earlier: Path, later: Path) -> None:
    """Check two held checkpoints without the log: LATER, made with --since EARLIER, has to prove that it continues it.

    Exit 1 when it does not.
    """
    from opencets_web.audit.verifying import Bad, verify_held

    first, second = _read_checkpoint(earlier), _read_checkpoint(later)
    try:
        verify_held(second, first)
    except Bad as bad:
        console.print(bad.sentence, markup=False)
        ctx.exit(1)
    console.print(
        f"The log over {second['size']} acts continues the one over {first['size']}: nothing before was rewritten."
    )


@audit.command("key")
@click.option("--rotate", is_flag=True, help="Make a new key, signed by the one before; it signs from now on.")
def key(rotate: bool) -> None:
    """Show the public keys of the log, the one that signs now last; --rotate makes a new one."""
    with opened("owner"):
        from django.db import transaction

        from opencets_web.audit import log
        from opencets_web.audit.keychain import get_signer, rotate_key
        from opencets_web.audit.models import SigningKey
        from opencets_web.audit.sealer import database_time

        _seal_all()
        with transaction.atomic():
            get_signer()
            if rotate:
                fresh = rotate_key(database_time())
                log.record("audit.key-changed", None, subject=f"key:{fresh.number}", details={"by": "command"})
        for row in SigningKey.objects.order_by("number"):
            public = bytes(row.public)
            console.print(
                f"Key {row.number}, {row.at}: {public.hex()} (base64 {b64encode(public).decode()})", markup=False
            )


@click.command()
@click.option(
    "--moved", is_flag=True, help="The database was moved to another server: also seal what was written there."
)
def seal(moved: bool) -> None:
    """Give every act that was committed its place in the tree now; workers do so every few seconds."""
    with opened("owner"):
        sealed = _seal_all(moved=moved)
    console.print(f"{sealed} acts sealed.")


def seal_moved() -> None:
    """Seal all acts after the database came to this server; in a process that Django is set up in."""
    _seal_all(moved=True)


def _seal_all(*, moved: bool = False) -> int:
    from opencets_web.audit import sealer

    sealed = 0
    while now := sealer.seal(moved=moved):
        sealed += now
    return sealed


def _verified(lines: Iterator[dict[str, Any]], held: tuple[Path, ...], root: str, key: str, *, export: bool) -> Finding:
    from opencets_web.audit.verifying import Bad, points_of, verify_lines

    try:
        points = list(points_of(_read_checkpoint(path) for path in held))
    except Bad as bad:
        raise ActRefused(bad.sentence) from None
    return verify_lines(lines, held=points, root=root.lower(), key=key.lower(), export=export)


def _tell(finding: Finding, held: tuple[Path, ...]) -> None:
    console.print(f"{finding.acts} acts, {finding.sealed} of them sealed: as written. Root {finding.root}")
    if finding.key:
        console.print(f"Signed with the key {finding.key}: compare it with one noted elsewhere (--key).")
    if finding.signed_from:
        console.print(f"Signing began at leaf {finding.signed_from}: what is before has no signature of its own.")
    if held:
        console.print(f"It continues {finding.held} of {len(held)} checkpoints held outside.")
    else:
        console.print(
            "Nothing held outside was compared: opencets audit checkpoint --out FILE gives something to hold."
        )


def _read_checkpoint(path: Path) -> dict[str, Any]:
    """ActRefused: the file is no checkpoint."""
    try:
        point = json.loads(path.read_bytes())
        if point["format"] != "opencets-checkpoint-1":
            raise ValueError
        return dict(point)
    except FileNotFoundError:
        raise ActRefused(f"{path} is not there: name a checkpoint that opencets audit checkpoint wrote.") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ActRefused(f"{path} is no checkpoint: opencets audit checkpoint --out FILE writes one.") from None


def _refuse_existing(file: Path) -> None:
    if file.exists():
        raise ActRefused(f"{file} is there already; name a new file.")


def _write(file: Path, rows: Iterator[bytes]) -> int:
    """Write the rows, readable for our own account alone, whole or not at all; how many."""
    staged, written = file.with_name(f".{file.name}.part"), 0
    try:
        with staged.open("wb") as stream:
            staged.chmod(0o600)
            for row in rows:
                stream.write(row)
                written += 1
        staged.replace(file)
    finally:
        staged.unlink(missing_ok=True)
    return written


def _lines_of_database() -> Iterator[dict[str, Any]]:
    """The lines of this node's log, read in one snapshot."""
    from django.db import connection, transaction

    from opencets_web.audit.lines import lines_of_log

    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read, read only")
        yield from lines_of_log()


COMMANDS: tuple[click.Command, ...] = (audit, seal)

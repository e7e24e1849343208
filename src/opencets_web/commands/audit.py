"""``opencets audit verify``, ``audit export`` and ``seal``: whether the log is as it was written, here and offline."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from rich.console import Console

from opencets.errors import ActRefused, DamagedSource
from opencets_web.audit.signing import signing_key
from opencets_web.audit.tree import Frontier, leaf_hash
from opencets_web.commands.opened import opened

console = Console(highlight=False, soft_wrap=True)
FORMAT = "opencets-audit-1"
FIELDS = (
    "id", "at", "verb", "officer_id", "agency_id", "holding_id", "holding_agency_id", "subject", "details", "purpose",
    "address", "written_in",
)  # fmt: skip
"""In the order in which the leaf joins them (``audit.sealer.LEAF``)."""


@dataclass(slots=True)
class Finding:
    """What a verification found; ``bad`` names the first row that is not as it was written."""

    acts: int = 0
    sealed: int = 0
    root: str = ""
    bad: str = ""
    signed_by: str = ""


@click.group()
def audit() -> None:
    """The append-only log: verify it, export it."""


@audit.command()
@click.argument("export", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--root", "known", default="", help="A root noted earlier (hexadecimal): one of the checkpoints has to have it."
)
@click.option("--json", "as_json", is_flag=True, help="The finding as one JSON value.")
@click.pass_context
def verify(ctx: click.Context, export: Path | None, known: str, as_json: bool) -> None:
    """Compute every leaf and every checkpoint's root again: of this node's log, or offline of EXPORT.

    Exit 0 when all is as it was written; 1 with the first bad row; 2 when there is nothing to verify.
    """
    if export is not None:
        if not export.is_file():
            raise ActRefused(f"{export} is no file: opencets audit export FILE writes one.")
        finding = verify_lines(_lines_of(export), known.lower())
    else:
        with opened("owner"):
            finding = verify_lines(_lines_of_database(), known.lower())
    if as_json:
        shown = {"acts": finding.acts, "sealed": finding.sealed, "root": finding.root, "bad": finding.bad or None}
        click.echo(json.dumps({**shown, "signed_by": finding.signed_by or None}))
    elif finding.bad:
        console.print(finding.bad, markup=False)
    else:
        console.print(f"{finding.acts} acts, {finding.sealed} of them sealed: as written. Root {finding.root}")
        if finding.signed_by:
            console.print(f"Signed with the key {finding.signed_by}: compare it with the node's own.")
        elif export is not None:
            console.print("The export carries no signature: compare the root with one noted elsewhere (--root).")
    if finding.bad:
        ctx.exit(1)


@audit.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def export_log(file: Path) -> None:
    """Write the whole log to FILE, one JSON value a line: checkpoints, acts with leaves, seals; the last line signs them.

    It holds subjects and details of every agency of this node: keep it as you keep evidence.
    """
    if file.exists():
        raise ActRefused(f"{file} is there already; name a new file.")
    with opened("owner") as home:
        key = signing_key(home)
        digest, written = sha256(), 0
        staged = file.with_name(f".{file.name}.part")
        try:
            with staged.open("wb") as stream:
                staged.chmod(0o600)
                for line in _lines_of_database():
                    row = json.dumps(line, sort_keys=True, separators=(",", ":")).encode() + b"\n"
                    digest.update(row)
                    stream.write(row)
                    written += 1
                public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
                signed = {
                    "line": "signature", "algorithm": "Ed25519 over SHA-256 of all lines before",
                    "public_key": b64encode(public).decode(), "signature": b64encode(key.sign(digest.digest())).decode(),
                }  # fmt: skip
                stream.write(json.dumps(signed).encode() + b"\n")
            staged.replace(file)
        finally:
            staged.unlink(missing_ok=True)
    console.print(
        f"{written} lines are written to {file}. Anyone verifies it: opencets audit verify {file}", markup=False
    )


@click.command()
def seal() -> None:
    """Give every act that was committed its place in the tree now; workers do so every few seconds."""
    with opened("owner"):
        from opencets_web.audit import sealer

        sealed = 0
        while now := sealer.seal():
            sealed += now
    console.print(f"{sealed} acts sealed.")


def verify_lines(lines: Iterator[dict[str, Any]], known: str = "") -> Finding:
    """Verify a log, line by line: each act's leaf, each seal's act, each checkpoint's root; stops at the first bad row."""
    log = _Log()
    for number, line in enumerate(lines, 1):
        try:
            log.take(line)
        except (KeyError, TypeError, ValueError):
            log.finding.bad = f"Line {number} lacks a part or has a wrong one: {json.dumps(line)[:120]}"
        if log.finding.bad:
            return log.finding
    return log.end(known)


@dataclass(slots=True)
class _Log:
    finding: Finding = field(default_factory=Finding)
    leaves: dict[int, bytes] = field(default_factory=dict)
    roots: dict[int, str] = field(default_factory=dict)
    frontier: Frontier = field(default_factory=Frontier)
    passed: int = 0
    last_id: int = 0

    def take(self, line: dict[str, Any]) -> None:
        kind = line.get("line")
        if self.finding.signed_by:
            self.finding.bad = "Something stands after the signature: it was added after the export."
            return
        if kind == "act":
            self._act(line)
        elif kind == "seal":
            self._seal(int(line["leaf_number"]), int(line["act_id"]))
        elif kind == "checkpoint":
            self.roots[int(line["size"])] = str(line["root"])
        elif kind == "signature":
            self.finding.signed_by = str(line.get("public_key", ""))
            if not line.get("holds", True):
                self.finding.bad = (
                    "The signature does not fit: a line was changed, added or taken away after the export."
                )

    def _act(self, line: dict[str, Any]) -> None:
        number = int(line["id"])
        leaf = leaf_hash("\x1f".join(str(line[name]) for name in FIELDS).encode())
        self.finding.acts += 1
        if leaf.hex() != line["leaf"]:
            self.finding.bad = f"Act {number} is not as it was written: its leaf hash differs."
        if number in self.leaves:
            self.finding.bad = f"Act {number} is there twice."
        self.leaves[number] = leaf

    def _seal(self, leaf_number: int, act: int) -> None:
        if leaf_number != self.frontier.size:
            self.finding.bad = f"Leaf {self.frontier.size} is missing from the seals."
            return
        if act not in self.leaves:
            self.finding.bad = f"Act {act} was sealed as leaf {leaf_number} and is gone."
            return
        self.frontier.append(self.leaves[act])
        root = self.roots.get(self.frontier.size)
        if root is not None:
            if root != self.frontier.root().hex():
                self.finding.bad = (
                    f"Act {act} or one sealed shortly before it (leaves {self.passed} to {leaf_number}) is not as it was written: "
                    f"the root over {self.frontier.size} leaves differs from its checkpoint."
                )
            self.passed = self.frontier.size

    def end(self, known: str) -> Finding:
        self.finding.sealed, self.finding.root = self.frontier.size, self.frontier.root().hex()
        most = max(self.roots, default=0)
        if most > self.frontier.size:
            self.finding.bad = f"A checkpoint covers {most} leaves; only {self.frontier.size} are there."
        elif most < self.frontier.size:
            self.finding.bad = (
                f"{self.frontier.size} leaves are sealed and the last checkpoint covers {most}: a checkpoint is gone."
            )
        elif known and known not in self.roots.values():
            self.finding.bad = (
                f"No checkpoint has the root {known}: the log is not a continuation of the one it was noted from."
            )
        return self.finding


def _lines_of(export: Path) -> Iterator[dict[str, Any]]:
    """The lines of an export; its signature is checked on the way. DamagedSource: a line is no JSON."""
    digest, first = sha256(), True
    with export.open("rb") as stream:
        for number, row in enumerate(stream, 1):
            try:
                line = json.loads(row)
                if not isinstance(line, dict) or (first and line.get("format") != FORMAT):
                    raise ValueError
            except ValueError:
                raise DamagedSource(
                    f"{export}, line {number}: not a line of {FORMAT}; the file is cut or is another one."
                ) from None
            first = False
            if line.get("line") == "signature":
                line["holds"] = _holds(line, digest.digest())
            digest.update(row)
            yield line


def _holds(line: dict[str, Any], digest: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(b64decode(line["public_key"])).verify(b64decode(line["signature"]), digest)
    except (InvalidSignature, ValueError, KeyError, TypeError):
        return False
    return True


def _lines_of_database() -> Iterator[dict[str, Any]]:
    """The lines of this node's log, read in one snapshot."""
    from django.db import connection, transaction

    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read, read only")
        yield from lines_of_log()


def lines_of_log() -> Iterator[dict[str, Any]]:
    """Header, checkpoints, acts and seals, as an export has them; inside a transaction of the owner's."""
    from django.utils import timezone

    yield {"line": "header", "format": FORMAT, "at": timezone.now().isoformat()}
    yield from _rows(
        "select 'checkpoint' as line, size, encode(root, 'hex') as root, at::text as at from audit_checkpoint order by size"
    )
    yield from _rows(
        "select 'act' as line, id, to_char(at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') as at, verb,"
        " coalesce(officer_id::text, '') as officer_id, coalesce(agency_id::text, '') as agency_id,"
        " coalesce(holding_id::text, '') as holding_id, coalesce(holding_agency_id::text, '') as holding_agency_id,"
        " subject, details, purpose, address, written_in, encode(leaf, 'hex') as leaf from audit_act order by id"
    )
    yield from _rows("select 'seal' as line, leaf_number, act_id from audit_seal order by leaf_number")


def _rows(statement: str) -> Iterator[dict[str, Any]]:
    from django.db import connection

    with connection.chunked_cursor() as cursor:
        cursor.execute(statement)
        names: list[str] | None = None
        while rows := cursor.fetchmany(2_000):
            names = names or [column[0] for column in cursor.description]
            for row in rows:
                yield dict(zip(names, row, strict=True))


COMMANDS: tuple[click.Command, ...] = (audit, seal)

"""``opencets sensor``: check, run, replay, deliver, status, evidence, forget."""

from __future__ import annotations

import asyncio
import datetime as dt
import getpass
import json
import signal
import sys
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import click

_settings = click.argument("settings", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_purpose = click.option(
    "--purpose",
    default="",
    envvar="OPENCETS_PURPOSE",
    help="For what it looks; kept in its log before anything is asked.",
)
STALE_SECONDS = 60


@click.group()
def sensor() -> None:
    """Who offers known files, by what computers say themselves. Metadata only: no content is asked for, taken or kept."""


@sensor.command()
@_settings
@_purpose
def check(settings: Path, purpose: str) -> None:
    """Say whether the sensor of SETTINGS would start, and why not (exit 2). Nobody is asked anything but the time."""
    from opencets_sensor import clock
    from opencets_sensor.running import prepare, sensor_key

    ready = prepare(settings, purpose, getpass.getuser(), dt.datetime.now(dt.UTC))
    measured = asyncio.run(clock.measure(ready.settings.clock.servers))
    authority = ready.authority
    click.echo(f"{len(authority.files):,} files by {authority.order}, {authority.agency}, until {authority.ends_on}")
    click.echo(f"configuration {ready.settings.digest()}")
    click.echo(f"key of the seals {b64encode(sensor_key(ready.folder).public_key().public_bytes_raw()).decode()}")
    if ready.settings.deliver.server:
        click.echo(f"a supervisor registers this key at {ready.settings.deliver.server.rstrip('/')}/sightings/sensors/")
    if measured.offset_ms is None:
        click.echo("clock: not measured, no time server answered")
    else:
        click.echo(
            f"clock: {measured.offset_ms} ms off, at most {measured.error_ms} ms more or less, by {measured.source}"
        )


@sensor.command()
@_settings
@_purpose
@click.option("--for", "seconds", type=click.FloatRange(min=0.1), help="Stop after so many seconds; without it, never.")
def run(settings: Path, purpose: str, seconds: float | None) -> None:
    """Look until it is stopped (Ctrl-C, SIGTERM) or its authority ends.

    It starts only with a signed authority of a trusted key, on a day on which that holds, and with a purpose; otherwise it says
    why, asks nobody anything and exits with 2.
    """
    from opencets_sensor.running import Run, alone, prepare

    ready = prepare(settings, purpose, getpass.getuser(), dt.datetime.now(dt.UTC))

    async def look() -> None:
        stop = asyncio.Event()
        for one in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(one, stop.set)
        if seconds is not None:
            asyncio.get_running_loop().call_later(seconds, stop.set)
        await Run(ready, lambda text: click.echo(text, err=True)).until(stop)

    with alone(ready.folder):
        asyncio.run(look())


@sensor.command()
@click.argument("logs", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key",
    default="",
    help="The sensor's public key, base64: a log that another sealed is refused.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the sightings to this file.")
def replay(logs: Sequence[Path], key: str, out: Path | None) -> None:
    """Check the seals of LOGS and make their sightings anew, as JSON lines: the same bytes each time, on any machine.

    Needs no network, no ledger and no authority; what each log says of itself goes to standard error.
    """
    from hashlib import sha256

    from opencets.errors import DamagedSource
    from opencets.sighting.sealed import read_log
    from opencets_sensor.replaying import lines_of

    written = b""
    for path in logs:
        log = read_log(path)
        if key and log.key != key:
            raise DamagedSource(f"{path.name} was sealed by the key {log.key}, not by that of the sensor.")
        head = log.head
        lines = lines_of(log)
        count = lines.count(b"\n")
        click.echo(
            f"{path.name}: sealed by {log.key}; {head['software']}, run {head['run']} part {head['part']}, order "
            f"{head['authority']['order']}, clock {head['clock']['offset_ms']} ms off by {head['clock']['source'] or 'nobody'}; "
            f"{len(log.entries):,} entries, {count:,} sightings, SHA-256 {sha256(lines).hexdigest()}",
            err=True,
        )
        written += lines
    if out is not None:
        out.write_bytes(written)
    else:
        sys.stdout.buffer.write(written)


@sensor.command(name="deliver")
@_settings
def deliver_parts(settings: Path) -> None:
    """Deliver what waits of the sensor of SETTINGS, while it does not run. Delivered again, it counts once.

    What the server refused before is tried again too; exit 1 where it still refuses some.
    """
    from opencets_sensor.delivery import deliver, server_of, try_again
    from opencets_sensor.running import alone, sensor_key
    from opencets_sensor.settings import read_settings

    given, base = read_settings(settings), settings.absolute().parent
    folder = base / given.state
    with alone(folder):
        server = server_of(given.deliver, base, sensor_key(folder))
        try:
            try_again(folder)
            done = deliver(folder, given.deliver, base, server)
        finally:
            if server is not None:
                server.close()
    click.echo(f"{done.parts:,} parts delivered")
    for name, why in done.refused.items():
        click.echo(f"  refused: {name}: {why}")
    if done.refused:
        sys.exit(1)


@sensor.command()
@_settings
@click.option("--json", "as_json", is_flag=True, help="One JSON value.")
def status(settings: Path, as_json: bool) -> None:
    """How the sensor of SETTINGS goes. Exit 0: well; 1: an alert stands, or it has not been heard of for a minute."""
    from opencets_sensor.clock import now_ms
    from opencets_sensor.running import HEALTH
    from opencets_sensor.settings import read_settings

    path = settings.absolute().parent / read_settings(settings).state / HEALTH
    if not path.exists():
        click.echo("This sensor has not run yet.")
        sys.exit(1)
    said = json.loads(path.read_text())
    silent = (now_ms() - said["at"]) / 1000
    if silent > STALE_SECONDS or said["ended"]:
        said["alerts"].insert(0, f"It has not run for {silent:,.0f} seconds.")
    if as_json:
        click.echo(json.dumps(said))
    else:
        click.echo(
            f"{said['sensor']}: {said['asked']:,} asked, {said['answered']:,} answered in this run; {said['places']:,} places "
            f"known; {said['parts_waiting']:,} parts wait; authority until {said['authority_ends_on']}"
        )
        for sentence in said["alerts"]:
            click.echo(f"  alert: {sentence}")
    if said["alerts"]:
        sys.exit(1)


@sensor.command()
@click.argument("identity")
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--store", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path), help="The ledger's folder."
)
@click.option(
    "--key", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The private key that signs the package (Ed25519, base64), for example the node's.",
)  # fmt: skip
@click.option(
    "--purpose", required=True, envvar="OPENCETS_PURPOSE", help="For what it is made; kept in the log of looks."
)
def evidence(identity: str, out: Path, store: Path, key: Path, purpose: str) -> None:
    """Write the evidence of one computer into OUT, a signed package that anyone verifies offline with the verify.py inside.

    It holds the sightings, the lines of the sealed logs from which they come, versions, settings, how the clock was measured,
    and what all this proves and what not. Ledger and logs are compared first: where they differ, nothing is written (exit 2).
    """
    from base64 import b64decode

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from opencets.errors import ActRefused
    from opencets.sighting import Ledger
    from opencets.sighting.looks import note_look
    from opencets_sensor.evidence import write_package

    try:
        signer = Ed25519PrivateKey.from_private_bytes(b64decode(key.read_bytes()))
    except ValueError:
        raise ActRefused(f"{key.name} holds no private key in base64. Nothing was written.") from None
    now, who = dt.datetime.now(dt.UTC), getpass.getuser()
    note_look(store, who, f"evidence {identity}", purpose, now)
    stated = {"made_by": who, "purpose": purpose, "made_at": now.isoformat(timespec="seconds")}
    count = write_package(Ledger.open(store), identity, out, signer, stated)
    click.echo(f"{out}: {count:,} sightings")


@sensor.command()
@click.option(
    "--store", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path), help="The ledger's folder."
)
@click.option("--before", required=True, type=click.DateTime(["%Y-%m-%d"]), help="The first day to keep.")
def forget(store: Path, before: dt.datetime) -> None:
    """Forget in a ledger's logs what ``opencets sightings forget`` took out of the ledger; run it after that.

    Lines whose sightings are gone are withheld, each by its hash, so that the seal of what is kept still holds; a log of which
    nothing is kept is removed. It cannot be undone.
    """
    from opencets.sighting import Ledger
    from opencets_sensor.delivery import forget_logs

    removed, shortened = forget_logs(Ledger.open(store), before.date().isoformat())
    click.echo(f"{removed:,} logs removed, {shortened:,} shortened")


def commands() -> list[click.Command]:
    """For the entry point ``opencets.commands``."""
    return [sensor]

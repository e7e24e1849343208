"""``opencets agent``: enrol, check, run, notice, status, spool, stop."""

from __future__ import annotations

import datetime as dt
import getpass
import json
import os
import platform
import signal
import time
from collections import Counter
from pathlib import Path

import click

_settings = click.argument("settings", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group()
def agent() -> None:
    """Watch this computer under a court's order, in the open, within what the order says, and stop at its end."""


@agent.command()
@_settings
@click.option("--name", default=platform.node, help="The device's name, as the officer will know it.")
@click.option(
    "--account",
    "accounts",
    multiple=True,
    help="An account of this computer that the order is to reach; again for more.",
)
@click.option(
    "--out", default="device-request.json", type=click.Path(dir_okay=False, path_type=Path), help="The request's file."
)
def enrol(settings: Path, name: str, accounts: tuple[str, ...], out: Path) -> None:
    """Make this device's key, once, and write the request for an order that the officer takes along."""
    from opencets.packing.order import open_request
    from opencets_agent import device
    from opencets_agent.settings import read_settings

    folder = settings.absolute().parent / read_settings(settings).state
    written = device.enrol(folder, name, accounts or (getpass.getuser(),), dt.datetime.now(dt.UTC))
    device.write_whole(out.absolute(), written)
    request = open_request(written)
    click.echo(
        f"{out}: the request for device {request.device} ({request.name}), accounts {', '.join(request.accounts)}"
    )
    click.echo(f"key of the device {request.key}")
    click.echo("Compare the key with the officer's screen. Nothing is taken before there is a signed order.")


@agent.command()
@_settings
def check(settings: Path) -> None:
    """Say whether the agent of SETTINGS would start, and why not (exit 2). Nothing is taken and nobody is asked."""
    from opencets_agent.gate import prepare

    order = prepare(settings).order
    click.echo(f"{order.reference}, version {order.version}, {order.service}, until {order.local(order.ends_at)}")
    click.echo(f"collects: {', '.join(order.collectors())}")


@agent.command()
@_settings
@click.option("--for", "seconds", type=click.FloatRange(min=0.1), help="Stop after so many seconds; without it, never.")
def run(settings: Path, seconds: float | None) -> None:
    """Watch until it is stopped (Ctrl-C, SIGTERM) or its order ends.

    It starts only with a signed order of a trusted key for this device and account, on a day on which that holds; otherwise it
    says why and exits with 2. While the notice cannot be seen nothing is taken.
    """
    import asyncio

    from opencets_agent.gate import prepare
    from opencets_agent.running import STOP_WORDS, Run, alone

    ready = prepare(settings)

    async def watch() -> None:
        run = Run(ready, lambda text: click.echo(text, err=True))
        loop = asyncio.get_running_loop()

        def stop() -> None:
            try:
                words = (ready.folder / STOP_WORDS).read_text()[:500]
                (ready.folder / STOP_WORDS).unlink()
            except OSError:
                words = "told to stop on the device, without a reason"
            run.stop(words)

        for one in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(one, stop)
        if seconds is not None:
            loop.call_later(seconds, run.stop, f"asked to run for {seconds:g} s")
        click.echo(await run.until_stopped(), err=True)

    with alone(ready.folder):
        asyncio.run(watch())


@agent.command()
@_settings
def notice(settings: Path) -> None:
    """Print all that the person and others at this computer must know: who watches, until when, what is recorded, whom to ask."""
    from opencets_agent.device import open_device
    from opencets_agent.gate import standing_order
    from opencets_agent.settings import read_settings
    from opencets_agent.texts import page_of

    read, base = read_settings(settings), settings.absolute().parent
    folder = base / read.state
    click.echo(page_of(standing_order(read, base, folder, open_device(folder))))


@agent.command()
@_settings
def status(settings: Path) -> None:
    """Say whether the agent runs and collects, what waits, and what is wrong. Exit 1: it does not run."""
    from opencets_agent.running import HEALTH, running_process
    from opencets_agent.settings import read_settings

    folder = settings.absolute().parent / read_settings(settings).state
    process = running_process(folder)
    try:
        health = json.loads((folder / HEALTH).read_bytes())
    except (OSError, ValueError):
        health = {}
    click.echo("It runs." if process else "It does not run.")
    if health:
        click.echo(f"order {health['order']}, version {health['version']}, until {health['until']}")
        collecting = "collects" if health["collecting"] else f"does not collect: {health['paused']}"
        click.echo(f"{collecting} (as of {health['at']})")
        click.echo(f"waiting for the server: {health['waiting']:,} entries, {health['waiting_bytes']:,} bytes")
        for what, sentence in {"server": health["server"], **health["trouble"]}.items():
            if sentence:
                click.echo(f"{what}: {sentence}")
    if not process:
        raise click.exceptions.Exit(1)


@agent.command()
@_settings
def spool(settings: Path) -> None:
    """Say what waits for the server, by kind, and whether its chain holds (exit 1: it does not). Contents stay sealed."""
    from opencets.packing.captures import Entry, check_chain
    from opencets_agent.device import open_device
    from opencets_agent.settings import read_settings
    from opencets_agent.spool import FILE, open_database

    folder = settings.absolute().parent / read_settings(settings).state
    open_device(folder)
    entries = list[Entry]()
    if (folder / FILE).exists():
        database = open_database(folder / FILE)
        entries = [
            Entry.from_json(json.loads(text)) for (text,) in database.execute("select text from entry order by seq")
        ]
        database.close()
    for kind, count in sorted(Counter(one.kind for one in entries).items()):
        click.echo(f"{kind}: {count:,}")
    click.echo(f"{len(entries):,} entries wait")
    faults = check_chain(entries[1:], entries[0]) if entries else []
    for fault in faults:
        click.echo(fault.sentence)
    if any(fault.kind in ("altered", "broken", "missing", "repeated") for fault in faults):
        raise click.exceptions.Exit(1)


@agent.command()
@_settings
@click.option("--why", required=True, help="Why it is stopped; the officer reads it.")
@click.option("--within", "seconds", default=20.0, help="How long to wait for its end, in seconds.")
def stop(settings: Path, why: str, seconds: float) -> None:
    """Stop the agent in good order: it says so, with the reason, and the officer sees both. Exit 1: none runs."""
    from opencets_agent.device import write_whole
    from opencets_agent.running import STOP_WORDS, running_process
    from opencets_agent.settings import read_settings

    folder = settings.absolute().parent / read_settings(settings).state
    process = running_process(folder)
    if process is None:
        click.echo("It does not run.")
        raise click.exceptions.Exit(1)
    write_whole(folder / STOP_WORDS, f"{getpass.getuser()}: {why}".encode())
    os.kill(process, signal.SIGTERM)
    end = time.monotonic() + seconds
    while running_process(folder) == process and time.monotonic() < end:
        time.sleep(0.1)
    if running_process(folder) == process:
        click.echo(f"It still runs (process {process}).")
        raise click.exceptions.Exit(1)
    click.echo("It was stopped, and said so.")


def commands() -> list[click.Command]:
    """For the entry point ``opencets.commands``."""
    return [agent]

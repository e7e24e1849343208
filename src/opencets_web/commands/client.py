"""PostgreSQL's own client programs, run as the account that set-up used."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import IO

from opencets.errors import Interrupted
from opencets_web.commands.postgres import find_binaries
from opencets_web.config import connection

_NAMES = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}


def run(home: Path, program: str, *arguments: str) -> None:
    """Run it to its end. Interrupted: it stopped, with what it said."""
    with start(home, program, *arguments) as running:
        _, said = running.communicate()
    refuse_failure(program, running, said)


def start(
    home: Path, program: str, *arguments: str, stdin: int | IO[bytes] | None = None, stdout: int | None = None
) -> subprocess.Popen[bytes]:
    """Start it over the database of ``home``; the password travels in the environment only."""
    given = connection.parameters("superuser", place=home)
    environment = {_NAMES[name]: str(value) for name, value in given.items() if name in _NAMES}
    return subprocess.Popen(
        [str(find_binaries().folder / program), *arguments],
        env={**os.environ, **environment},
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


def refuse_failure(program: str, ended: subprocess.Popen[bytes], said: bytes) -> None:
    """Interrupted where the program ended with an error, with the end of what it said."""
    if ended.returncode:
        raise Interrupted(f"{program} stopped: {said.decode('utf-8', 'replace').strip()[-1000:]}")

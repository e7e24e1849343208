"""Starting a folder's ``program.py`` in a process of its own, in a database role."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).with_name("program.py")


def run(role: str, *arguments: str, program: Path = PROGRAM, environment: dict[str, str] | None = None) -> Any:
    """What one act gave. AssertionError with what it said where it failed."""
    settings = {"OPENCETS_DB_ROLE": role, "DJANGO_SETTINGS_MODULE": "opencets_web.config.settings"}
    done = subprocess.run(
        [sys.executable, str(program), *arguments],
        env={**(environment or os.environ), **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def prepare() -> None:
    """The real database of this run's home gets its tables; a second time it is quick."""
    program = str(Path(sys.executable).with_name("opencets"))
    done = subprocess.run([program, "setup"], env=os.environ.copy(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

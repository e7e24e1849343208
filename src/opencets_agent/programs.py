"""Which program a process runs, and whose it is, as /proc says."""

from __future__ import annotations

import os
import pwd
from functools import lru_cache
from pathlib import Path


def program_of(process: int) -> str:
    """The name of the program's file; empty where it is gone or not to be seen."""
    try:
        return os.path.basename(os.readlink(f"/proc/{process}/exe").removesuffix(" (deleted)"))
    except OSError:
        try:
            return Path(f"/proc/{process}/comm").read_text(errors="replace").strip()
        except OSError:
            return ""


def user_of(process: int) -> str:
    """The account whose it is; empty where it is gone."""
    try:
        return _account(os.stat(f"/proc/{process}").st_uid)
    except OSError:
        return ""


def arguments_of(process: int) -> list[str]:
    """The arguments by which it was started: looked at for one flag of browsers, never kept."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


@lru_cache(maxsize=64)
def _account(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)

"""What the promises look at: the files of this repository, as git knows them or as they lie in the folder."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "src" / "opencets_web"
LEFT_OUT = {".git", ".venv", "node_modules", "build", "var", "dist", "__pycache__"}
PROSE = {".md", ".txt"}


@cache
def files() -> tuple[Path, ...]:
    """Every file that belongs to the repository, also one not committed yet; without git, all that is not built."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout.splitlines()  # fmt: skip
        found = [ROOT / name for name in listed]
    else:
        found = [path for path in ROOT.rglob("*") if not LEFT_OUT & set(path.relative_to(ROOT).parts)]
    return tuple(sorted(path for path in found if path.is_file()))


def named(*endings: str, under: str = "") -> list[Path]:
    """The files whose name ends so, below a folder of the repository."""
    place = ROOT / under
    return [path for path in files() if path.name.endswith(endings) and path.is_relative_to(place)]


def short(path: Path) -> str:
    """The path as it is written in a report: from the root of the repository."""
    return path.relative_to(ROOT).as_posix()


def lines(path: Path) -> list[tuple[int, str]]:
    """The numbered lines of a text file; a file that is no UTF-8 text has none."""
    try:
        return list(enumerate(path.read_text("utf-8").splitlines(), 1))
    except UnicodeDecodeError:
        return []


def nothing(found: Iterable[object], why: str = "") -> None:
    """Fail with every line of what was found, where nothing should have been."""
    listed = [str(one) for one in found]
    if listed:
        raise AssertionError("\n".join([why or "found:", *sorted(listed)]))

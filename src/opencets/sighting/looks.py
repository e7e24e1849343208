"""The ledger's log of looks: who asked what, when and why, in the ledger's folder, append-only like its journal.

The web part keeps its own audit log in the database; this one stands beside a ledger that is asked from the command line.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from opencets.sighting.journal import Journal

LOOKS = "looks"


def note_look(folder: Path, who: str, what: str, purpose: str, at: dt.datetime) -> None:
    """Write one look down, before its answer is given."""
    journal = Journal.create(folder / LOOKS)
    with journal.writing():
        journal.append(
            {"do": "look", "who": who, "what": what, "purpose": purpose, "at": at.isoformat(timespec="seconds")}
        )


def looks(folder: Path) -> list[dict[str, Any]]:
    """Every look, the earliest first."""
    if not (folder / LOOKS).exists():
        return []
    entries, _ = Journal(folder / LOOKS).read()
    return [entry for entry in entries if entry["do"] == "look"]

"""Where the ledger of this installation stands, and answers that are kept as long as it says the same.

The ledger is one folder (OPENCETS_SIGHTINGS); who may see what of it is asked before each question, never after
(``sightings.sight``). An answer is a function of the question and of the ledger's journal: it is kept beside the ledger under the
number of the journal's entries, so that every process finds it, and swept when the ledger goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from opencets.errors import NotThisFormat
from opencets.sighting import Ledger
from opencets.sighting.ledger import ANSWERS

KEPT = 64
_recent: dict[tuple[str, int, str], Any] = {}


def folder() -> Path:
    """The ledger's folder."""
    return Path(settings.SIGHTINGS)


def places_folder() -> Path:
    """Where the databases of places (.mmdb) lie."""
    return Path(settings.SIGHTING_PLACES)


@lru_cache(maxsize=4)
def _opened(place: Path) -> Ledger:
    return Ledger.open(place)


def find_ledger() -> Ledger | None:
    """The ledger, or None where nothing was loaded yet."""
    try:
        ledger = _opened(folder())
        return ledger if ledger.state().origins else None
    except NotThisFormat:
        return None


def make_ledger() -> Ledger:
    """The ledger, begun where there is none."""
    return Ledger.create(folder())


def answered(ledger: Ledger, question: dict[str, Any], answer: Callable[[], Any]) -> Any:
    """The answer (JSON) to a question, found where it was asked before of the same ledger."""
    text = json.dumps(question, sort_keys=True, default=sorted)
    entries = ledger.state().entries
    known = (str(ledger.folder), entries, text)
    if known in _recent:
        return _recent[known]
    path = ledger.folder / ANSWERS / str(entries) / f"{hashlib.sha256(text.encode()).hexdigest()}.json"
    try:
        told = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        told = json.loads(json.dumps(answer(), default=str))
        _keep(path, told)
    while len(_recent) >= KEPT:
        _recent.pop(next(iter(_recent)))
    _recent[known] = told
    return told


def _keep(path: Path, told: Any) -> None:
    """Write an answer beside the ledger; what cannot be written is asked again the next time."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(told, stream)
        os.replace(draft, path)
    except OSError:
        return
    for old in path.parent.parent.iterdir():
        if old.name.isdigit() and int(old.name) < int(path.parent.name):
            for file in old.iterdir():
                file.unlink(missing_ok=True)
            old.rmdir()

"""Where the ledger of this installation stands, and answers that are kept as long as it says the same.

The ledger is one folder (OPENCETS_SIGHTINGS); who may see what of it is asked before each question, never after
(``sightings.sight``). An answer is a function of the question and of the ledger's journal: it is kept beside the ledger under the
number of the journal's entries, so that every process finds it. While sensors deliver round the clock the journal never rests:
then an answer counts for ten minutes, unless a person had a file loaded since (`expect_anew`).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from opencets.errors import NotThisFormat
from opencets.sighting import Ledger
from opencets.sighting.ledger import ANSWERS

KEPT = 64
BEHIND_SECONDS = 600.0
"""So long an answer is given although sensors have delivered since."""
_LEAST = "least"
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


def answered(ledger: Ledger, question: dict[str, Any], answer: Callable[[], Any], *, anew: bool = False) -> Any:
    """The answer (JSON, not to be changed) to a question, found where it was asked before; ``anew``: of the ledger as it is now."""
    text = json.dumps(question, sort_keys=True, default=sorted)
    entries = ledger.state().entries
    known = (str(ledger.folder), entries, text)
    if known in _recent:
        return _recent[known]
    name = f"{hashlib.sha256(text.encode()).hexdigest()}.json"
    path = ledger.folder / ANSWERS / str(entries) / name
    told = _read(path)
    if told is None and not anew:
        told = _of_late(ledger, entries, name)
        if told is not None:
            return told
    if told is None:
        told = json.loads(json.dumps(answer(), default=str))
        _keep(path, told)
    while len(_recent) >= KEPT:
        _recent.pop(next(iter(_recent)))
    _recent[known] = told
    return told


def expect_anew(ledger: Ledger) -> None:
    """From now on no answer is given that the ledger gave before this: somebody waits to see what they had loaded."""
    folder = ledger.folder / ANSWERS
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _put(folder / _LEAST, str(ledger.state().entries))


def _of_late(ledger: Ledger, entries: int, name: str) -> Any:
    """The newest answer of the last minutes that the ledger gave before it went on; None: there is none.

    None from before something was forgotten, also where a slow question was written down after that.
    """
    folder, least = ledger.folder / ANSWERS, ledger.state().forgotten
    with suppress(OSError, ValueError):
        least = max(least, int((folder / _LEAST).read_text("utf-8")))
    for number in sorted(_numbers(folder), reverse=True):
        path = folder / str(number) / name
        if least <= number < entries and path.exists() and time.time() - path.stat().st_mtime < BEHIND_SECONDS:
            return _read(path)
    return None


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _numbers(folder: Path) -> list[int]:
    try:
        return [int(one.name) for one in folder.iterdir() if one.name.isdigit()]
    except OSError:
        return []


def _put(path: Path, text: str) -> None:
    handle, draft = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.replace(draft, path)


def _keep(path: Path, told: Any) -> None:
    """Write an answer beside the ledger; what cannot be written is asked again the next time. Old ones are swept."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _put(path, json.dumps(told))
    except OSError:
        return
    for number in _numbers(path.parent.parent):
        old = path.parent.parent / str(number)
        if number < int(path.parent.name) and time.time() - old.stat().st_mtime > 2 * BEHIND_SECONDS:
            shutil.rmtree(old, ignore_errors=True)

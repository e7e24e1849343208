"""The two Hamming indexes of this machine: where they stand, how they are made anew, and how they are merged.

The rows say what an index holds: the position of each signal and each entry is in the database, so that an index that was
lost, or written by an earlier version, is built again with the same positions.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db import connection

from opencets.errors import Interrupted, NotThisFormat
from opencets.hashing import USABLE_QUALITY
from opencets.matching import HammingIndex
from opencets.matching.codes import CODE_BYTES, Codes

_log = logging.getLogger("opencets.media")
NAMES = ("media", "known")
MOST_FRAGMENTS = 8
ROWS_AT_ONCE = 10_000


def index_of(name: str) -> HammingIndex:
    """The index ``media`` or ``known`` of this machine, made of the rows where there is none. Inside the blind door."""
    folder = _folder(name)
    try:
        return HammingIndex.open(folder)
    except NotThisFormat:
        return _build_anew(name, folder)


def merge_indexes(*, whole: bool = False) -> None:
    """Merge the latest segments where there are many, or, ``whole``, all into one without what was removed."""
    for name in NAMES:
        try:
            index = HammingIndex.open(_folder(name))
            if whole or index.fragments > MOST_FRAGMENTS:
                index.compact(whole=whole)
        except NotThisFormat:
            continue
        except Interrupted as reason:
            _log.info("The index %s was not merged now: %s", name, reason.sentence)


def _folder(name: str) -> Path:
    return Path(settings.HOME) / "index" / name


def _build_anew(name: str, folder: Path) -> HammingIndex:
    """Beside the old one, then in its place: a crash leaves either, and who builds at the same time builds the same."""
    draft = folder.with_name(f".{name}.{os.getpid()}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(draft, ignore_errors=True)
    codes, gone = _kept(name)
    HammingIndex.build(codes, draft).remove(gone)
    old = folder.with_name(f".{name}.{os.getpid()}.old")
    if folder.exists():
        folder.rename(old)
    try:
        draft.rename(folder)
    except OSError:  # another process was first
        shutil.rmtree(draft, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    return HammingIndex.open(folder)


def _kept(name: str) -> tuple[Codes, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """The code at each position, and the positions that no row has."""
    with connection.cursor() as cursor:
        table = {"media": "media_signal", "known": "media_hashentry"}[name]
        cursor.execute(f"select coalesce(max(position) + 1, 0) from {table}")
        count = int(cursor.fetchone()[0])
    codes = np.zeros((count, CODE_BYTES), np.uint8)
    empty = np.ones(count, np.bool_)
    for position, code in _rows(name):
        if code is None:
            continue
        codes[position] = np.frombuffer(bytes(code), np.uint8)
        empty[position] = False
    return codes, np.flatnonzero(empty).astype(np.int64)


def _rows(name: str) -> Iterator[tuple[int, bytes | None]]:
    """Position and code, in order. A frame's code without borders stands right after its code with them (``matching``)."""
    asked = {
        "media": f"""
            select s.position, case when s.second is null then m.pdq
              when before.position is not null or f.quality < {USABLE_QUALITY} then f.inner_pdq else f.pdq end
            from media_signal s join media_media m on m.id = s.media_id
            left join media_frame f on f.media_id = s.media_id and f.second = s.second
            left join media_signal before on before.position = s.position - 1
              and before.media_id = s.media_id and before.second = s.second
            where s.position > %s and (s.second is null and m.pdq is not null or f.id is not null)
            order by s.position limit %s""",
        "known": """
            select position, pdq from media_hashentry where position > %s and pdq is not null
            order by position limit %s""",
    }[name]
    last = -1
    while True:
        with connection.cursor() as cursor:
            cursor.execute(asked, [last, ROWS_AT_ONCE])
            rows = cursor.fetchall()
        yield from rows
        if len(rows) < ROWS_AT_ONCE:
            return
        last = rows[-1][0]

"""Bytes to Records: ``read(path)`` of a file, folder or archive, ``walk`` streamed, ``walk_apart`` in processes."""

from __future__ import annotations

from opencets.parsing.apart import walk_apart
from opencets.parsing.limits import Limits
from opencets.parsing.sandbox import Failure, Outcome, Pool
from opencets.parsing.source import Event, Member, Noted, Skipped, Source, source_of
from opencets.parsing.walk import (
    FileRead,
    Reading,
    ReadingReport,
    read,
    read_file,
    walk,
)

__all__ = [
    "Event",
    "Failure",
    "FileRead",
    "Limits",
    "Member",
    "Noted",
    "Outcome",
    "Pool",
    "Reading",
    "ReadingReport",
    "Skipped",
    "Source",
    "read",
    "read_file",
    "source_of",
    "walk",
    "walk_apart",
]

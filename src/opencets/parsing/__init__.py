"""Bytes to Records: ``read(path)`` of a file, folder or archive; ``walk(source)`` streamed; ``sandbox.Pool`` limited."""

from __future__ import annotations

from opencets.parsing.limits import Limits
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
    "FileRead",
    "Limits",
    "Member",
    "Noted",
    "Reading",
    "ReadingReport",
    "Skipped",
    "Source",
    "read",
    "read_file",
    "source_of",
    "walk",
]

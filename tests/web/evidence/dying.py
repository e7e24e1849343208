"""A reading process that dies by a segmentation fault at one word: what a hostile file may do to a decoder."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

from opencets_web.evidence.examine import Batch, Finding
from opencets_web.evidence.examine import examine as really_examine

WORD = b"Deadly Nightshade"


def examine(batch: Batch) -> Iterator[Finding]:
    """As the real one, until the word stands in a file."""
    for source in batch.sources:
        with source.open() as stream:
            if WORD in stream.read():
                os.kill(os.getpid(), signal.SIGSEGV)
    yield from really_examine(batch)

"""The walk with every file read in a separate, limited process: a crash, a bomb or a loop costs that file's rest only.

Containers are listed by one process while others read their members, so the order of events is not that of the exhibit;
every event carries its locator, and the events of one file come in order with its FileRead last.
"""

from __future__ import annotations

import dataclasses
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from opencets.parsing.limits import Budget, Limits
from opencets.parsing.sandbox import Failure, Pool
from opencets.parsing.source import Event, FileOpener, FolderOpener, Member, Noted, Skipped, Source
from opencets.parsing.walk import FileRead, read_file, refuse_member
from opencets.records import Record


@dataclass(slots=True)
class _Step:
    """A source that waits or is being read: how deep it lies, and the budget of the exhibit it came out of."""

    source: Source
    depth: int
    budget: Budget | None
    records: int = 0
    skipped: int = 0
    ended: bool = False


def walk_apart(source: Source, pool: Pool, limits: Limits | None = None) -> Iterator[Event | FileRead]:
    """Like ``walk``, each file in a child of the pool. Gives Records, Skipped, Noted, and a FileRead per file.

    A file whose reading dies costs one Skipped line with the pool's reason; records it gave before are kept.
    Memory: the members still waiting (some 700 bytes each) are held, at most ``limits.members`` per container.
    """
    allowed = limits or pool.limits
    first = dataclasses.replace(source, options={**source.options, "limits": allowed})
    budget = None if isinstance(source.open, FolderOpener) else Budget(source.size, allowed)
    waiting: deque[_Step] = deque([_Step(first, 0, budget)])
    at_work: dict[int, _Step] = {}
    try:
        while waiting or at_work:
            while waiting and pool.has_room:
                step = waiting.pop()
                at_work[id(step.source)] = step
                refused = pool.send(read_file, step.source)
                if refused is not None and refused.failure is not None:
                    del at_work[id(step.source)]
                    yield from _lost(step, refused.failure)
            for outcome in pool.receive():
                step = at_work[id(outcome.task)]
                if outcome.done:
                    del at_work[id(outcome.task)]
                    if outcome.failure is not None:
                        yield from _lost(step, outcome.failure)
                    continue
                event = outcome.result
                if isinstance(event, Member):
                    yield from _descend(event, step, allowed, waiting)
                elif isinstance(event, FileRead):
                    step.ended = True
                    yield dataclasses.replace(event, locator=step.source.locator, source=step.source)
                elif isinstance(event, Record | Skipped | Noted):
                    step.records += isinstance(event, Record)
                    step.skipped += isinstance(event, Skipped)
                    yield event
    finally:
        pool.abandon()


def _descend(member: Member, step: _Step, limits: Limits, waiting: deque[_Step]) -> Iterator[Event]:
    folder = isinstance(step.source.open, FolderOpener)
    if not _belongs(member.source, step.source):
        where = step.source.locator
        yield Skipped(
            where, "result-refused", f"{where}: its reader named a member that lies outside of it; not opened."
        )
        return
    depth = step.depth + (not folder)
    inner = dataclasses.replace(member.source, options=step.source.options)
    budget = Budget(inner.size, limits) if folder else step.budget
    refusal = refuse_member(member, limits, depth, None if folder else budget)
    if refusal is not None:
        yield refusal
    else:
        waiting.appendleft(_Step(inner, depth, budget))


def _root(opener: object) -> object:
    """The opener of the outermost file: openers of members keep the container's in ``container`` (or in ``where``)."""
    while True:
        inner = getattr(getattr(opener, "where", opener), "container", None)
        if inner is None:
            return opener
        opener = inner


def _belongs(member: Source, outer: Source) -> bool:
    """Whether a member opens nothing but bytes of its container: a child taken over by a file may say otherwise."""
    root = _root(member.open)
    if isinstance(outer.open, FolderOpener):
        folder = os.path.abspath(outer.open.path)
        return isinstance(root, FileOpener) and os.path.commonpath((folder, os.path.abspath(root.path))) == folder
    return member.open != outer.open and bool(root == _root(outer.open))


def _lost(step: _Step, failure: Failure) -> Iterator[Event | FileRead]:
    where = step.source.locator
    kept = f"{step.records:,} records before it are kept" if step.records else "nothing was read from it"
    yield Skipped(where, failure.code, f"{where}: reading stopped; {kept}. {failure.sentence}")
    if not step.ended:
        yield FileRead(where, "", "", step.source.size, step.records, step.skipped + 1, step.source)

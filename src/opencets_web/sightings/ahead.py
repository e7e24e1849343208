"""What every page asks first is answered as soon as the ledger goes on, so that nobody waits for it."""

from __future__ import annotations

import time
from uuid import UUID

from opencets.ranking.computers import computers_model
from opencets.sighting.areas import Area
from opencets_web.sightings import ledger as kept
from opencets_web.sightings.figures import counted
from opencets_web.sightings.queries import Wanted, ranked
from opencets_web.sightings.sight import Tree, read_tree

MOST_SECONDS = 120.0
DEPTH = 2
"""Jurisdictions further down are small: they are answered when they are asked."""


def answer_ahead() -> int:
    """Answer the order and the statistics of each agency's part of the world and of the large jurisdictions; how many parts.

    What was answered of the same ledger is passed over. Sees no grant: who sees a part by grant alone asks for it as a part.
    """
    ledger, begun, done = kept.find_ledger(), time.monotonic(), 0
    if ledger is None or ledger.state().stale:
        return 0
    model = computers_model()
    for area, by in _parts(read_tree()):
        if time.monotonic() - begun > MOST_SECONDS:
            break
        ranked(ledger, area, Wanted(), model, anew=True)
        for one in ("none", by):
            counted(ledger, area, "", one, anew=True)
        done += 1
    return done


def _parts(tree: Tree) -> list[tuple[Area, str]]:
    """Areas, each once, the agencies' own first, and by what their statistics are told."""
    own: dict[UUID, Area] = {}
    for node in tree:
        for agency in {one.responsible_id for one in tree.above(node) if one.responsible_id}:
            own[agency] = own.get(agency, Area()) | node.area
    found = {area.condition(): (area, "country") for area in own.values()}
    for node in sorted((node for node in tree if node.depth < DEPTH), key=lambda node: node.depth):
        found.setdefault(f"{node.area.condition()} region", (node.area, "region"))
    return [part for part in found.values() if part[0]]

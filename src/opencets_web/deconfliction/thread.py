"""How a conflict stands, from what both sides said: pure, the same on both sides, whatever order the copies arrived in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from opencets_web.deconfliction.models import ConflictState, Said


@dataclass(frozen=True, slots=True)
class Line:
    """A line as the standing needs it; ``ours`` as seen from one side."""

    ref: UUID
    said: str
    ours: bool
    outcome: str
    gives: bool
    about: UUID | None
    at: datetime
    kept_here: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """Whose turn it is, what was agreed, and which proposal waits for the other side's word."""

    state: ConflictState
    outcome: str = ""
    gives: bool = False
    proposal: Line | None = None


def standing(lines: Iterable[Line]) -> Standing:
    """How it stands after these lines, in the order in which they were said.

    A proposal replaces the one before; only the side that did not make the standing proposal confirms it, any other
    confirmation says nothing. What was agreed stands until one side opens it again.
    """
    state, outcome, gives = ConflictState.NEW, "", False
    proposal: Line | None = None
    for line in sorted(lines, key=lambda one: (one.at, one.ref)):
        if line.kept_here:
            state = ConflictState.NOTED if state == ConflictState.NEW else state
        elif line.said == Said.REOPENED:
            state, outcome, proposal = _turn(line), "", None
        elif state == ConflictState.AGREED:
            continue
        elif line.said == Said.PROPOSED:
            proposal, state = line, _turn(line)
        elif line.said == Said.CONFIRMED:
            if proposal is not None and line.about == proposal.ref and line.ours != proposal.ours:
                state, outcome = ConflictState.AGREED, proposal.outcome
                gives = proposal.gives if proposal.ours else not proposal.gives
                proposal = None
        else:
            state = _turn(line)
    return Standing(state, outcome, gives and outcome == "hand-over", proposal)


def _turn(line: Line) -> ConflictState:
    return ConflictState.THEIRS if line.ours else ConflictState.OURS

"""Whether a phrase stands at a place of a folded text: the rule that decides, whoever found the place.

A hit begins and ends at the ends of tokens. Between them the text may be cut as the phrase is (words), a word may be spelled letter
by letter (three letters side by side at least), or, for a phrase of several words and ten letters, anyhow (joined). A digit or a
sign stands for a letter where its token has a true letter; tokens without one do so while they are less than half of the phrase. A
letter written three times or more, or two letters doubled side by side, make a token emphasised: its repeated letters stand for
any number of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from opencets.watching.folding import LEET, SAME, Folded, Run, is_unspaced, runs_of
from opencets.watching.library import Phrase

JOINED_FROM = 10
"""Letters from which a phrase of several words is found however it is cut."""
SPELLED_FROM = 3
_REPEATED = re.compile(r"(.)\1+", re.DOTALL)
_MANY_LETTERS_A_WORD = 4
_FEW_LETTERS_A_WORD = 2


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """A phrase, folded: its letters without spaces, and where its tokens begin among them."""

    phrase: Phrase
    library: str
    version: int
    letters: str
    cuts: tuple[int, ...]
    words: int
    glued: bool
    """It has letters of a script without spaces."""
    loose: str
    """For the screen: one letter for all that may stand for each other, none repeated."""

    @property
    def is_joined(self) -> bool:
        return self.words > 1 and len(self.letters) >= JOINED_FROM

    @property
    def tokens(self) -> list[str]:
        ends = [0, *self.cuts, len(self.letters)]
        return [self.letters[start:end] for start, end in pairwise(ends)]


class Place(NamedTuple):
    """Where a phrase stands among the runs of a text, and how it is written there."""

    first: int
    end: int
    how: str
    leet: bool
    emphasised: bool


def wanted(phrase: Phrase, library: str = "", version: int = 0) -> Wanted:
    """The phrase, or the anchor of the pattern, ready to compare."""
    letters, cuts = "", []
    for run in runs_of(phrase.phrase):
        if run.opens and letters:
            cuts.append(len(letters))
        letters += run.letter * run.size
    glued = any(is_unspaced(letter) for letter in letters)
    words = len(cuts) + 1
    if glued:
        long = "\u0e00" <= max(letters) < "\u1800"
        words = max(1, len(letters) // (_MANY_LETTERS_A_WORD if long else _FEW_LETTERS_A_WORD))
    return Wanted(phrase, library, version, letters, tuple(cuts), words, glued, loose_of(letters))


def loose_of(letters: str) -> str:
    """Letters for the screen: what may stand for each other is one, and none is repeated."""
    return _REPEATED.sub(r"\1", letters.translate(SAME))


def places(entry: Wanted, text: Folded, letter: int) -> Iterator[Place]:
    """Where the phrase stands in full, beginning with a run that a letter of ``loose`` stands for."""
    first, last = text.runs_at(letter)
    _, end = text.runs_at(letter + len(entry.loose) - 1)
    runs, before = text.beside(first, end)
    for at in range(first - before, last - before):
        if runs[at].opens:
            for place in _walk(entry, runs, at, at, 0, (), 0, False, False):
                yield place._replace(first=place.first + before, end=place.end + before)


def _walk(
    entry: Wanted, runs: Sequence[Run], first: int, at: int, matched: int, cuts: tuple[int, ...], alone: int, leet: bool,
    emphasised: bool,
) -> Iterator[Place]:  # fmt: skip
    letters = entry.letters
    while matched < len(letters):
        if at == len(runs):
            return
        run = runs[at]
        if run.opens and matched:
            cuts = (*cuts, matched)
        stand = run.letter + LEET.get(run.letter, "")
        if letters[matched] not in stand:
            return
        most = 1
        while most < run.size and matched + most < len(letters) and letters[matched + most] in stand:
            most += 1
        if len(stand) > 1 and letters[matched : matched + most] != run.letter * most:
            leet = True
            if not run.may_be_leet:
                alone += most - letters.count(run.letter, matched, matched + most)
        if run.least == run.size:
            if most < run.size:
                return
        else:
            for less in range(run.least, most):
                yield from _walk(entry, runs, first, at + 1, matched + less, cuts, alone, leet, True)
            emphasised = emphasised or most < run.size
        at += 1
        matched += most
    if at < len(runs) and not runs[at].opens:
        return
    how = how_written(entry, cuts)
    if how and 2 * alone < len(letters):
        yield Place(first, at, how, leet, emphasised)


def how_written(entry: Wanted, cuts: tuple[int, ...]) -> str:
    """How a text that is cut so says the phrase; empty when it does not."""
    if cuts == entry.cuts:
        return "words"
    given = set(cuts)
    if given.issuperset(entry.cuts) and _is_spelled(entry, given):
        return "spelled"
    return "joined" if entry.is_joined else ""


def _is_spelled(entry: Wanted, cuts: set[int]) -> bool:
    ends = [0, *entry.cuts, len(entry.letters)]
    for start, end in pairwise(ends):
        within = cuts.intersection(range(start + 1, end))
        if within and len(within) != end - start - 1:
            return False
    bounds = [0, *sorted(cuts), len(entry.letters)]
    alone = 0
    for start, end in pairwise(bounds):
        alone = alone + 1 if end - start == 1 else 0
        if alone >= SPELLED_FROM:
            return True
    return False


def least_places(found: Sequence[Place]) -> list[Place]:
    """Of the places of one phrase those that have no other within."""
    if len(found) < 2:
        return list(found)
    kept: list[Place] = []
    for place in sorted(set(found), key=lambda place: (place.end - place.first, place.first, place.how)):
        if not any(place.first <= other.first and other.end <= place.end for other in kept):
            kept.append(place)
    return sorted(kept, key=lambda place: place.first)

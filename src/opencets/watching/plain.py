"""The plain version of the watcher, kept as its reference: every stretch of tokens is spelled out and looked up.

It shares with the fast version how a character is folded, and nothing after that: no automaton, no runs, no screen. A token stands
for every word it may mean (digits and signs as letters, repeated letters fewer times); stretches of tokens are put together for as
long as some phrase begins so. Time and space grow with the number of readings, so it is for tests and short lines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby, product

from opencets.watching.comparing import Wanted
from opencets.watching.folding import LEET, counted_signs, fold, is_emphasised, tokens_of

Span = tuple[int, int, str]


class Plain:
    """The phrases with all their beginnings."""

    def __init__(self, wanted: Sequence[Wanted]) -> None:
        self._whole: dict[str, list[Wanted]] = defaultdict(list)
        self._beginnings: set[str] = set()
        for entry in wanted:
            self._whole[entry.letters].append(entry)
            self._beginnings.update(entry.letters[:size] for size in range(1, len(entry.letters) + 1))

    def spans(self, text: str) -> set[Span]:
        """Where which phrase stands: begin, end, the phrase; of those of one phrase within each other the least."""
        found: dict[int, set[tuple[int, int]]] = defaultdict(set)
        entries: dict[int, Wanted] = {}
        for signed in (False, True) if counted_signs(text) else (False,):
            tokens = tokens_of(text, signed)
            readings = [list(_readings("".join(unit[0] for unit in token))) for token in tokens]
            for at in range(len(tokens)):
                for entry, end in self._from(readings, at):
                    entries[id(entry)] = entry
                    last = tokens[end][-1][2]
                    while last < len(text) and not fold(text[last]):
                        last += 1
                    found[id(entry)].add((tokens[at][0][1], last))
        return {
            (*span, entries[key].phrase.key)
            for key, spans in found.items()
            for span in spans
            if not any(other != span and span[0] <= other[0] and other[1] <= span[1] for other in spans)
        }

    def _from(self, readings: Sequence[Sequence[tuple[str, int]]], at: int) -> Iterator[tuple[Wanted, int]]:
        open_: list[tuple[str, tuple[str, ...], int]] = [("", (), 0)]
        for end in range(at, len(readings)):
            longer = []
            for before, words, alone in open_:
                for word, lone in readings[end]:
                    text = before + word
                    if text not in self._beginnings:
                        continue
                    longer.append((text, (*words, word), alone + lone))
                    for entry in self._whole.get(text, ()):
                        if 2 * longer[-1][2] < len(text) and _says(longer[-1][1], entry):
                            yield entry, end
            open_ = longer
            if not open_:
                return


def _readings(token: str) -> Iterator[tuple[str, int]]:
    """What a token may stand for, and how many digits or signs that takes for letters where it has no letter of its own."""
    runs = [(letter, len(list(same))) for letter, same in groupby(token)]
    emphasised = is_emphasised(runs)
    true = any(letter not in LEET for letter in token)
    for sizes in product(*(range(1 if emphasised else size, size + 1) for _, size in runs)):
        spelled = "".join(letter * size for (letter, _), size in zip(runs, sizes, strict=True))
        for word in product(*(letter + LEET.get(letter, "") for letter in spelled)):
            changed = sum(one != other for one, other in zip(word, spelled, strict=True))
            yield "".join(word), 0 if true else changed


def _says(words: Sequence[str], entry: Wanted) -> bool:
    """Whether these tokens say the phrase: as it stands, with words spelled, or anyhow where it is long."""
    if list(words) == entry.tokens or entry.is_joined:
        return True
    left = list(words)
    for word in entry.tokens:
        if left and left[0] == word:
            left.pop(0)
        elif left[: len(word)] == list(word):
            del left[: len(word)]
        else:
            return False
    sizes = "".join("1" if len(word) == 1 else "." for word in words)
    return not left and "111" in sizes

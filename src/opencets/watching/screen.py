"""Which of many lines can have a hit, and of which phrases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from opencets.watching.comparing import Wanted


class Screen:
    """Lines that may have hits, with the phrases to compare; None for all of them."""

    def __init__(self, wanted: Sequence[Wanted]) -> None:
        self._wanted = wanted

    def candidates(self, lines: Iterable[str]) -> Iterator[tuple[int, str, Sequence[int] | None]]:
        for number, line in enumerate(lines):
            yield number, line, None

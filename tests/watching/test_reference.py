"""The fast watcher and its plain version find the same, in nine scripts and in whatever a text may be."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opencets.rehearsal.phrases import InventedPhrases
from opencets.watching import Watcher
from opencets.watching.plain import Plain
from tests.watching.libraries import invented, library_of

PHRASES = (
    "ab", "aab", "a bb", "abba ab", "il", "ill", "lil il", "sos", "so s1", "12 a", "кот ab", "天地", "天 a", "ก า", "กา", "가나 다",
    "abab abab ab", "ßa", "bab abba bab", "がa", "l1l", "天地ab天地天地天地", "lobster lobster",
)  # fmt: skip
LETTERS = "aabbills1053!$@|+ .  \u200b\u0301éßкотАВ天地กาั가나다が\u3099ｶﾞ\u1100\u1161ﷺ\n🚂ﬁ"


@cache
def _small() -> tuple[Watcher, Plain]:
    watcher = Watcher([library_of(*PHRASES)])
    return watcher, Plain(watcher.wanted)


def _spans(watcher: Watcher, text: str) -> set[tuple[int, int, str]]:
    return {(hit.start, hit.end, hit.phrase) for hit in watcher.scan(text)}


@settings(max_examples=1_500, deadline=None)
@given(st.lists(st.text(alphabet=LETTERS, max_size=24), min_size=1, max_size=4))
def test_the_same_hits_as_the_plain_version_in_dense_texts(lines: list[str]) -> None:
    watcher, plain = _small()
    by_lines = {
        number: {(hit.start, hit.end, hit.phrase) for hit in hits} for number, hits in watcher.scan_lines(lines)
    }
    for number, line in enumerate(lines):
        assert _spans(watcher, line) == by_lines.get(number, set()) == plain.spans(line), line


def _compare(made: InventedPhrases, watcher: Watcher, count: int) -> tuple[int, int]:
    plain = Plain(watcher.wanted)
    lines = list(made.lines(count, planted=0.3))
    by_lines = dict(watcher.scan_lines(lines))
    found = 0
    for number, line in enumerate(lines):
        expected = plain.spans(line)
        found += len(expected)
        assert {(hit.start, hit.end, hit.phrase) for hit in by_lines.get(number, ())} == expected, line
        assert all(line[hit.start : hit.end] == hit.matched for hit in by_lines.get(number, ()))
        if number % 10 == 0:
            assert _spans(watcher, line) == expected, line
    return len(lines), found


def test_the_same_hits_in_generated_chat_of_ten_languages() -> None:
    made, watcher = invented(5_000, 21)
    lines, found = _compare(made, watcher, 6_000)
    assert lines == 6_000
    assert found > 1_000


@pytest.mark.proof
@pytest.mark.timeout(3_600)
def test_none_missed_and_none_invented_in_a_million_lines() -> None:
    made, watcher = invented(5_000, 22)
    lines = found = 0
    for _ in range(50):
        more = _compare(made, watcher, 20_000)
        lines, found = lines + more[0], found + more[1]
    print(f"{lines:,} lines, {found:,} hits, none missed, none invented")  # noqa: T201
    assert lines == 1_000_000

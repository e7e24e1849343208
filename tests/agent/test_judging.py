"""What the order excludes is put away before it is compared; of a find as much is kept as its condition allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from opencets.packing.captures import Hit
from opencets.packing.order import Condition, open_order
from opencets.watching import Watcher
from opencets_agent.clock import Clock
from opencets_agent.collectors.contract import Place, Seen
from opencets_agent.judging import Judge, Match
from tests.agent.ready import LIBRARY, PUBLIC, Watched, condition

EDITOR = Place("mousepad", "Untitled", "", 0)
SITE = Place("chromium", "Chat", "https://chat.example/thread/1", 0)


class Judged:
    """A judge, what it let be compared, and what it kept."""

    def __init__(self, watched: Watched, **conditions: Any) -> None:
        self.kept = list[tuple[Hit, Condition, bool]]()
        self.compared = list[str]()
        watcher = Watcher([LIBRARY])
        written = watched.order(conditions=conditions.pop("conditions", None) or [condition(**conditions)])

        def scan(text: str, seen: Seen) -> Sequence[Match]:
            self.compared.append(text)
            return [
                Match(one.start, one.end, one.phrase, one.library, str(one.version), one.severity, one.reason)
                for one in watcher.scan(text)
            ]

        order = open_order(written, [PUBLIC])
        clock = Clock(watched.folder / "state")
        self.judge = Judge(
            order, "device", clock, scan, lambda hit, one, place, shot: self.kept.append((hit, one, shot))
        )

    def see(self, text: str, place: Place = EDITOR, collector: Any = "typed", begin: int = 0) -> list[Hit]:
        before = len(self.kept)
        self.judge.see(Seen(collector, place, text, begin, len(text)))
        return [hit for hit, _, _ in self.kept[before:]]


def test_of_a_find_as_much_is_kept_as_the_condition_allows(watched: Watched) -> None:
    captures = {"text_around": 5, "screenshot": "none", "file_content": False}
    (hit,) = Judged(watched, captures=captures).see("aaaaaaaaaa meet at the blue kiosk bbbbbbbbbb")
    assert hit.text is not None
    assert (hit.text.before, hit.text.match, hit.text.after) == ("aaaa ", "meet at the blue kiosk", " bbbb")
    assert (hit.text.start, hit.text.end, hit.screenshot) == (11, 33, False)


def test_what_is_not_found_leaves_nothing(watched: Watched) -> None:
    judged = Judged(watched)
    assert judged.see("an ordinary line") == []
    assert judged.kept == []


@pytest.mark.parametrize(
    ("excluded", "place"),
    [
        ({"programs": ["mousepad"]}, EDITOR),
        ({"sites": ["chat.example"]}, SITE),
        ({"sites": ["bank.example"]}, Place("chromium", "Some page", "", 0)),
        ({"people": ["Kim Example"]}, Place("chromium", "Chat with kim example", "https://chat.example/", 0)),
        ({"hours": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "00:00", "to": "00:00"}]}, EDITOR),
    ],
)  # fmt: skip
def test_what_is_excluded_is_not_even_compared(watched: Watched, excluded: dict[str, Any], place: Place) -> None:
    judged = Judged(watched, excluded=excluded)
    assert judged.see("meet at the blue kiosk", place) == []
    assert judged.compared == []


def test_a_collector_that_no_condition_names_takes_nothing(watched: Watched) -> None:
    judged = Judged(watched, collectors=["shown"])
    assert judged.see("meet at the blue kiosk", EDITOR, "typed") == []
    assert judged.compared == []
    assert len(judged.see("meet at the blue kiosk", EDITOR, "shown")) == 1


def test_a_condition_takes_only_from_its_severity_on_and_the_next_may_take_the_rest(watched: Watched) -> None:
    only_high = condition(ref="high", severity_from=5)
    judged = Judged(watched, conditions=[only_high, condition(ref="low", severity_from=4)])
    assert [hit.condition for hit in judged.see("meet at the blue kiosk")] == ["low"]
    assert [hit.condition for hit in judged.see("bring the green umbrella")] == ["high"]
    assert judged.see("send the train timetable") == []


def test_what_one_condition_excludes_another_may_not_take_back_by_a_repetition(watched: Watched) -> None:
    excluding = condition(ref="1", excluded={"programs": ["mousepad"]})
    judged = Judged(watched, conditions=[excluding])
    for _ in range(3):
        assert judged.see("meet at the blue kiosk") == []


def test_a_find_is_told_once_in_ten_seconds_and_one_picture_is_taken_of_a_phrase(watched: Watched) -> None:
    judged = Judged(watched)
    assert len(judged.see("meet at the blue kiosk")) == 1
    assert judged.see("meet at the blue kiosk") == []
    assert len(judged.see("again: meet at the blue kiosk")) == 1
    assert len(judged.see("meet at the blue kiosk", SITE)) == 1
    assert [shot for _, _, shot in judged.kept] == [True, False, False]


def test_only_a_find_in_the_new_part_of_a_text_is_told(watched: Watched) -> None:
    judged = Judged(watched)
    text = "meet at the blue kiosk and more"
    assert judged.see(text, begin=len(text) - 1) == []


def test_a_conversation_is_one_for_a_thread_and_another_elsewhere(watched: Watched) -> None:
    judged = Judged(watched)
    (one,) = judged.see("meet at the blue kiosk", SITE)
    (same,) = judged.see("send the train timetable", SITE, "shown")
    (other,) = judged.see("bring the green umbrella", EDITOR)
    assert one.conversation == same.conversation != other.conversation
    assert "chat.example" not in one.conversation

"""What the order excludes is put away before it is compared; of a find as much is kept as its condition allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from opencets.packing.captures import Hit
from opencets.packing.order import Condition, open_order
from opencets.watching import Hit as Find
from opencets.watching import Library, Phrase, Watcher
from opencets_agent.clock import Clock
from opencets_agent.collectors.contract import Place, Seen
from opencets_agent.conversations import KEPT_OF_A_MESSAGE, MOST_CONVERSATIONS, MOST_MESSAGES
from opencets_agent.judging import Judge
from tests.agent.ready import LIBRARY, PUBLIC, Watched, condition

EDITOR = Place("mousepad", "Untitled", "", 0)
SITE = Place("chromium", "Chat", "https://chat.example/thread/1", 0)


class Judged:
    """A judge, what it let be compared, and what it kept."""

    def __init__(self, watched: Watched, **conditions: Any) -> None:
        self.kept = list[tuple[Hit, Condition, bool]]()
        self.compared = list[str]()
        watcher = Watcher([conditions.pop("library", LIBRARY)])
        written = watched.order(conditions=conditions.pop("conditions", None) or [condition(**conditions)])

        def scan(text: str, seen: Seen) -> Sequence[Find]:
            self.compared.append(text)
            return watcher.scan(text)

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


# --- Conversations ----------------------------------------------------------------------------------------------------


def typing(judged: Judged, text: str, place: Place = SITE, before: str = "") -> list[Hit]:
    """Key by key, as the collector hands it on: the whole field, and where the new letter stands."""
    hits = list[Hit]()
    for number in range(len(before), len(before) + len(text)):
        whole = (before + text)[: number + 1]
        kept = len(judged.kept)
        judged.judge.see(Seen("typed", place, whole, number, number + 1))
        hits += [hit for hit, _, _ in judged.kept[kept:]]
    return hits


def test_a_phrase_typed_in_several_messages_is_told_once_with_where_its_parts_stand(watched: Watched) -> None:
    judged = Judged(watched)
    assert typing(judged, "so we meet at") == []
    assert judged.see("where?", SITE, "shown") == []
    (hit,) = typing(judged, "the blue kiosk, yes")
    assert hit.text is not None
    assert hit.text.match == "meet at\nthe blue kiosk"
    assert (hit.text.before, hit.text.after, hit.text.start, hit.text.end) == ("so we ", "", 6, 28)
    assert "its parts stand in 2 messages: characters 6 to 13 of one typed" in hit.rule.reason
    assert "0 to 14 of one typed now" in hit.rule.reason
    assert (hit.where.collector, hit.rule.phrase) == ("typed", "meet at the blue kiosk")
    assert judged.see("so we meet at", SITE, "shown") == [], "the page shows what was typed"
    assert judged.see("the blue kiosk, yes", SITE, "shown") == []
    assert typing(judged, "the blue kiosk") == []


def test_a_phrase_that_both_sides_say_in_pieces_is_told_and_a_name_between_is_no_obstacle(watched: Watched) -> None:
    judged = Judged(watched)
    assert judged.see("Kim", SITE, "shown") == []
    assert judged.see("bring the", SITE, "shown") == []
    (hit,) = typing(judged, "green umbrella")
    assert hit.text is not None
    assert hit.text.match == "bring the\ngreen umbrella"
    assert "one shown" in hit.rule.reason
    for line in ("send the train", "Kim"):
        assert judged.see(line, SITE, "shown") == []
    assert [one.rule.phrase for one in judged.see("timetable", SITE, "shown")] == ["send the train timetable"]


def test_names_and_times_in_what_is_shown_are_no_part_of_a_phrase(watched: Watched) -> None:
    judged = Judged(watched)
    for line in ("Robin an ordinary line 12:01 seen", "Kim shall we bring 12:04 seen"):
        assert judged.see(line, SITE, "shown") == []
    (hit,) = judged.see("Kim the green umbrella, then 12:05 seen", SITE, "shown")
    assert hit.text is not None
    assert hit.text.match == "bring\nthe green umbrella"
    assert "characters 13 to 18 of one shown" in hit.rule.reason
    assert "4 to 22 of one shown now" in hit.rule.reason


def test_pieces_of_other_windows_and_of_another_condition_never_make_a_phrase(watched: Watched) -> None:
    judged = Judged(watched)
    typing(judged, "meet at", SITE)
    assert typing(judged, "the blue kiosk", EDITOR) == []
    typed, shown = condition(ref="typed", collectors=["typed"]), condition(ref="shown", collectors=["shown"])
    apart = Judged(watched, conditions=[typed, shown])
    typing(apart, "meet at")
    assert apart.see("the blue kiosk", SITE, "shown") == []
    (hit,) = typing(apart, "the blue kiosk")
    assert hit.condition == "typed"


def test_of_a_phrase_in_pieces_as_much_is_kept_as_the_condition_allows(watched: Watched) -> None:
    captures = {"text_around": 3, "screenshot": "none", "file_content": False}
    judged = Judged(watched, captures=captures)
    judged.see("a long story, meet at", SITE, "shown")
    (hit,) = judged.see("the blue kiosk and so on", SITE, "shown")
    assert hit.text is not None
    assert (hit.text.before, hit.text.after) == ("y, ", " an")


def test_a_field_that_is_corrected_is_one_message_and_nothing_is_put_together_from_what_was_deleted(
    watched: Watched,
) -> None:
    judged = Judged(watched)
    typing(judged, "we meet at the red kiosk")
    assert judged.see("we meet at the d kiosk", SITE, begin=21) == []
    assert typing(judged, " at noon", before="we meet at the d kiosk") == []
    assert [len(one.messages) for one in judged.judge._conversations._threads.values()] == [1]


def test_weak_phrases_tell_together_what_none_of_them_tells_alone(watched: Watched) -> None:
    weak = tuple(Phrase(words, 2, "en", "meetings", "made for the tests") for words in
                 ("the second bench", "the old pond", "the quiet path"))  # fmt: skip
    judged = Judged(watched, severity_from=3, library=Library("weak", 1, "Weak phrases.", "made for the tests", weak))
    assert judged.see("the second bench", SITE, "shown") == []
    (hit,) = judged.see("and then the old pond", SITE, "shown")
    assert (hit.rule.library, hit.rule.phrase, hit.rule.severity) == ("conversation", "several phrases together", 3)
    assert "distinct phrases" in hit.rule.reason
    assert hit.text is not None
    assert hit.text.match == "the old pond"
    stronger = Judged(watched, severity_from=4, library=Library("weak", 1, "Weak.", "made for the tests", weak))
    assert [stronger.see(one.phrase, SITE, "shown") for one in weak] == [[], [], []]


def test_a_told_phrase_says_what_else_counts_in_its_conversation(watched: Watched) -> None:
    judged = Judged(watched)
    (first,) = judged.see("meet at the blue kiosk", SITE, "shown")
    (second,) = judged.see("bring the green umbrella", SITE, "shown")
    assert "In this conversation" not in first.rule.reason
    assert "In this conversation: Score" in second.rule.reason
    assert "meet at the blue kiosk" in second.rule.reason


def test_what_is_remembered_of_conversations_is_bounded_and_forgotten(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = Judged(watched)
    for number in range(MOST_CONVERSATIONS + 20):
        judged.see("an ordinary line", Place("chromium", f"Chat {number}", "", 0), "shown")
    kept = judged.judge._conversations
    assert len(kept) == MOST_CONVERSATIONS
    for number in range(MOST_MESSAGES + 20):
        judged.see(f"{number} " + "x" * 5000, SITE, "shown")
    (thread,) = [one for one in kept._threads.values() if len(one.messages) > 1]
    assert len(thread.messages) == MOST_MESSAGES
    assert {len(one.text) for one in thread.messages} == {KEPT_OF_A_MESSAGE}
    judged.judge.forget()
    assert len(kept) == 0
    judged.see("meet at", SITE, "shown")
    now = [0.0]
    monkeypatch.setattr("opencets_agent.judging.time.monotonic", lambda: 1e6 + now[0])
    judged.judge.forget()
    judged.see("meet at", SITE, "shown")
    now[0] = 899
    judged.judge.forget_old()
    assert len(kept) == 1
    now[0] = 901
    judged.judge.forget_old()
    assert len(kept) == 0
    assert judged.see("the blue kiosk", SITE, "shown") == []


def test_a_phrase_in_pieces_is_told_again_only_of_other_messages(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("opencets_agent.judging.time.monotonic", lambda: 1e6 + now[0])
    judged = Judged(watched)
    assert [len(judged.see(one, SITE, "shown")) for one in ("meet at", "the blue kiosk")] == [0, 1]
    assert [len(typing(judged, one)) for one in ("meet at", "the blue kiosk")] == [0, 0], "the page shows it first"
    now[0] = 61
    assert [len(typing(judged, one)) for one in (" meet at", " the blue kiosk")] == [0, 1]

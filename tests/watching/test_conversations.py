"""What hits amount to over a conversation, what reviews say of phrases, how a version goes live, and who would be looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from opencets.errors import ActRefused, SourceRefused
from opencets.watching import Conversation, Review, Settings, Watcher, precision
from opencets.watching.evaluation import Measure, evaluate, halves, learn, open_corpus, read_conversations
from opencets.watching.risk import Baseline, Message, Weights
from opencets.watching.rollout import Rollout, advice
from tests.watching.invented_chats import write_corpus
from tests.watching.libraries import library_of

WATCHER = Watcher(
    [library_of("send the train timetable", "meet at the blue kiosk", "green umbrella", "kiosk", "drizzle")]
)


def test_distinct_phrases_of_both_sides_add_up_to_an_alert_that_says_why() -> None:
    chat = Conversation(WATCHER)
    first = chat.add("please s3nd the train timetable", "anna", 0)
    assert (first.alert, first.score, first.severity, first.distinct) == (False, 8.0, 3, 1)
    assert not chat.add("send the train timetable, send the train timetable", "anna", 10).alert
    second = chat.add("ok, meet at the blue kiosk", "ben", 20)
    assert second.alert
    assert second.reason.startswith("Score 20.")
    assert "“send the train timetable” 7." in second.reason
    assert "1 turn ago" in second.reason
    assert "raised 1.25 times because both sides use them" in second.reason
    assert not chat.add("meet at the blue kiosk!", "ben", 30).alert


def test_single_words_never_alert_alone() -> None:
    chat = Conversation(WATCHER, Settings(alert_from=0.5))
    turn = chat.add("kiosk, drizzle, kiosk", "anna")
    assert turn.score > 0.5
    assert not turn.alert
    assert turn.reason.endswith("single words alone never alert.")
    assert chat.add("a green umbrella", "anna").alert


def test_a_phrase_fades_with_text_and_with_time_and_leaves_the_window() -> None:
    chat = Conversation(WATCHER, Settings(both_sides=1.0))
    start = chat.add("green umbrella", "anna", 0).score
    later = chat.add("x " * 1_000, "ben", 0)
    assert later.score == pytest.approx(start / 2, rel=0.01)
    assert chat.add("", "ben", 6 * 3600).score == pytest.approx(start / 4, rel=0.01)
    assert chat.add("y " * 11_000, "ben", 6 * 3600).distinct == 0
    assert chat.add("", "anna").reason == "No phrase counts in this conversation."


def test_precision_comes_with_its_uncertainty_and_a_proposal() -> None:
    reviews = [Review("neutral", 1, "kiosk", number == 0) for number in range(60)]
    reviews += [Review("neutral", 1, "green umbrella", number % 4 == 0) for number in range(40)]
    reviews += [Review("neutral", 1, "blue kiosk", True) for _ in range(30)]
    reviews += [Review("neutral", 2, "kiosk", False)] * 3
    said = {(each.phrase, each.version): each for each in precision(reviews)}
    assert {key: each.proposal for key, each in said.items()} == {
        ("kiosk", 1): "mute", ("green umbrella", 1): "narrow", ("blue kiosk", 1): "keep", ("kiosk", 2): "measure",
    }  # fmt: skip
    assert said["green umbrella", 1].low < 0.25 < said["green umbrella", 1].high
    assert "1 of 60 hits were worth the look" in said["kiosk", 1].reason
    assert precision([]) == []


def test_a_larger_share_contains_the_smaller_and_the_way_back_is_whole() -> None:
    devices = [f"device-{number}" for number in range(2_000)]
    plan = Rollout("neutral", "old", "new")
    shares, before = [], set()
    for _ in range(4):
        tried = {device for device in devices if plan.digest_for(device) == "new"}
        assert before <= tried
        shares.append(len(tried) / len(devices))
        before, plan = tried, plan.step()
    assert shares[0] == 0
    assert shares[1] == pytest.approx(0.05, abs=0.02)
    assert shares[2] == pytest.approx(0.25, abs=0.04)
    assert shares[3] == 1
    assert {plan.back().digest_for(device) for device in devices} == {"old"}
    with pytest.raises(ActRefused):
        Rollout("neutral", "old", "new", 1.5)


def test_advice_compares_devices_that_try_a_version_with_the_others() -> None:
    devices = [f"device-{number}" for number in range(200)]
    plan = Rollout("neutral", "old", "new", 0.25)
    hours = dict.fromkeys(devices, 10.0)
    loud = {device: 30 if plan.digest_for(device) == "new" else 1 for device in devices}
    assert not advice(plan, loud, hours, devices).go_on
    assert advice(plan, dict.fromkeys(devices, 1), hours, devices).go_on
    assert not advice(plan, loud, {}, devices).go_on
    assert "nothing to compare" in advice(plan.back(), loud, hours, devices).reason


def test_the_baseline_says_who_and_why_and_never_for_talk_alone() -> None:
    phrases = ("send the train timetable", "meet at the blue kiosk", "green umbrella")
    model = Baseline(Watcher([library_of(*phrases, severity=4)]), Weights.open())
    chat = [
        Message(1, "anna", "hello, how are you?"), Message(2, "ben", "fine"), Message(3, "anna", "send the train timetable?"),
        Message(4, "anna", "meet at the blue kiosk?"), Message(5, "ben", "ok"), Message(6, "anna", "bring the green umbrella"),
    ]  # fmt: skip
    anna, ben = sorted(model.judge(chat), key=lambda risk: risk.author)
    assert (ben.score, ben.alert_turn, ben.lines) == (0.0, None, ())
    assert anna.lines == (3, 4, 6)
    assert 0 < anna.score < 1
    assert anna.reason.startswith(f"Score {anna.score:.2f} by baseline-1: ")
    early = [risk for risk in model.judge(chat[:3]) if risk.author == "anna"]
    assert early[0].score < anna.score


def test_evaluation_on_a_corpus_in_the_form_of_pan(tmp_path: Path) -> None:
    watcher = write_corpus(tmp_path, 300, 5)
    corpus = open_corpus(tmp_path)
    model = Baseline(watcher, Weights.open())
    result = evaluate(corpus, model, budget=10)
    assert result.conversations == 300
    assert result.authors.there == len(corpus.authors) > 10
    assert result.authors.precision > 0.9
    assert result.authors.recall > 0.5
    assert result.lines.precision > 0.9
    assert result.at_budget.named == 10
    assert result.turns_to_alert is not None
    assert result.turns_to_alert > 1
    assert result.share_to_alert is not None
    assert 0 < result.share_to_alert <= 1
    first, second = halves(corpus)
    assert first.authors | second.authors == corpus.authors
    learned = Baseline(watcher, learn(first, model, "learned-1"))
    assert evaluate(second, learned).authors.f(0.5) >= 0.8
    (tmp_path / "learned.yaml").write_text(learned.weights.to_yaml())
    assert Weights.open(tmp_path / "learned.yaml").model == "learned-1"


def test_the_measures_are_those_of_the_task() -> None:
    """The published winner: 200 of 204 named were right, 254 were there."""
    winner = Measure(204, 200, 254)
    assert (round(winner.precision, 3), round(winner.recall, 3)) == (0.980, 0.787)
    assert (round(winner.f(1), 3), round(winner.f(0.5), 3)) == (0.873, 0.935)
    assert Measure(0, 0, 0).f(0.5) == 0


@pytest.mark.parametrize(
    ("xml", "told"),
    [
        ("<conversations><conversation id='a'><message line='1'>", "no element found"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><conversations/>", "a document type stands in it"),
        ("<chats/>", "is not of the form"),
        ("<conversations><conversation/></conversations>", "has no id"),
        ("<conversations><message line='1'/></conversations>", "stands in no conversation"),
        ("<conversations><conversation id='a'><message line='x'/></conversation></conversations>", "or has no line"),
        (f"<conversations><conversation id='a'><message line='1'><text>{'x' * 200_000}", "more than 100,000"),
    ],
)
def test_a_damaged_or_hostile_corpus_is_refused_with_its_line(tmp_path: Path, xml: str, told: str) -> None:
    path = tmp_path / "chats.xml"
    path.write_text(xml)
    with pytest.raises(SourceRefused) as refused:
        list(read_conversations(path))
    assert told in refused.value.sentence
    assert refused.value.sentence.startswith("chats.xml:1: ")

"""What is said about a path."""

from __future__ import annotations

from opencets.linking import Holdings, Path, Tie, best_paths, explain_path, explain_tie

LABELS = {"A1": "Ann K. (AV-12)", "B1": "screen name robin (BO-7)", "C1": "IMG_0001.jpg (CU-3)"}


def three_cases() -> Path:
    holdings = Holdings()
    holdings.add("A1", "A", "email", "a@b.example")
    holdings.add("B1", "B", "email", "a@b.example")
    holdings.add("B1", "B", "camera_serial", "maker|model|77")
    holdings.add("C1", "C", "camera_serial", "maker|model|77")
    return best_paths(["A1"], holdings, group_of=holdings.group_of)[-1]


def tie(kind: str, value: str, note: str = "") -> Tie:
    return Tie("l", "r", kind, value, 0.1, "", "", note)


def test_a_tie_is_said_in_the_words_of_the_vocabulary() -> None:
    assert explain_tie(tie("email", "a@b.example")) == "the same e-mail address a@b.example"
    assert explain_tie(tie("pdq", "00~01", "distance 12 of 256")) == "a near-duplicate picture (distance 12 of 256)"
    assert (
        explain_tie(tie("ip_hour", "192.0.2.1@2026-01-02T03"))
        == "the same IP address within the same hour 192.0.2.1 (2026-01-02 03:00 UTC)"
    )
    assert explain_tie(tie("sha256", "ab" * 32)) == "the identical file"
    assert explain_tie(tie("same_person", "l~r", "probability 0.91")) == "probably the same person (probability 0.91)"


def test_a_path_is_one_sentence() -> None:
    explained = explain_path(three_cases(), LABELS.__getitem__)
    assert explained.sentence == (
        "Ann K. (AV-12) is connected to screen name robin (BO-7) by the same e-mail address a@b.example, "
        "and screen name robin (BO-7) to IMG_0001.jpg (CU-3) by the same camera serial number maker|model|77."
    )
    assert explained.probability == three_cases().probability
    assert explained.steps[0].words == "the same e-mail address a@b.example"

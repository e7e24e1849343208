"""The legal bases that come with the program, and what their terms make of an instant."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import opencets
from opencets.errors import SourceRefused
from opencets.requesting import answer_due, load, preserved_until, renewal_due
from opencets.requesting.instruments import PURPOSES, newest

FOLDER = Path(opencets.__file__).parents[1] / "opencets_web" / "inquiries" / "instruments"
ALL = load(FOLDER)
SERVED = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key", "days", "hours", "preserved", "renewed", "second"),
    [
        ("budapest-29", 3, None, 60, 90, False),
        ("protocol-2-article-7", 30, None, None, None, True),
        ("protocol-2-article-8", 90, None, None, None, True),
        ("eu-epoc-subscriber", 10, None, None, None, True),
        ("eu-epoc-traffic", 10, None, None, None, True),
        ("eu-epoc-content", 10, None, None, None, True),
        ("eu-epoc-emergency", None, 8, None, None, False),
        ("eu-epoc-pr", 3, None, 60, 30, True),
        ("us-2703-f", 3, None, 90, 90, False),
    ],
)  # fmt: skip
def test_the_terms_are_those_of_the_law(
    key: str, days: int | None, hours: int | None, preserved: int | None, renewed: int | None, second: bool
) -> None:
    one = ALL[key, 1]
    assert (one.answer_days, one.answer_hours, one.preserve_days, one.renewal_days, one.second_person) == (
        days, hours, preserved, renewed, second,
    )  # fmt: skip


def test_every_purpose_has_an_instrument_and_every_instrument_its_source_and_fields() -> None:
    shown = newest(ALL)
    assert {one.purpose for one in shown} == set(PURPOSES)
    for one in shown:
        assert one.source
        assert one.law
        assert one.sentence.endswith(".")
        assert {"authority", "facts"} <= {field.name for field in one.fields}, one.key
        assert (one.answer_days is None) != (one.answer_hours is None), one.key
        assert one.preserves is (one.purpose == "preservation"), one.key


def test_article_29_asks_for_what_its_second_paragraph_lists() -> None:
    named = [field.name for field in ALL["budapest-29", 1].fields]
    assert named == ["authority", "offence", "facts", "relation", "custodian", "necessity"]
    assert "intends to submit a request for mutual assistance" in ALL["budapest-29", 1].closing


def test_a_term_in_days_ends_with_its_last_day_where_the_provider_is() -> None:
    epoc = ALL["eu-epoc-subscriber", 1]
    assert answer_due(epoc, SERVED) == datetime(2026, 12, 2, 23, 59, 59, tzinfo=UTC)
    # In Athens it is the 23rd already; the tenth day is the third of December.
    assert answer_due(epoc, SERVED, ZoneInfo("Europe/Athens")) == datetime(2026, 12, 3, 21, 59, 59, tzinfo=UTC)


def test_a_term_in_hours_runs_by_the_clock_also_over_a_change_of_it() -> None:
    emergency = ALL["eu-epoc-emergency", 1]
    served = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
    assert answer_due(emergency, served, ZoneInfo("Europe/Berlin")) == datetime(2026, 10, 25, 6, 0, tzinfo=UTC)


def test_a_preservation_lapses_by_the_clock_and_is_renewed_before() -> None:
    order = ALL["eu-epoc-pr", 1]
    until = preserved_until(order, SERVED)
    assert until == datetime(2027, 1, 21, 22, 30, tzinfo=UTC)
    assert renewal_due(order, until) == datetime(2027, 1, 7, 22, 30, tzinfo=UTC)
    assert preserved_until(order, until, renewed=True) == datetime(2027, 2, 20, 22, 30, tzinfo=UTC)
    assert preserved_until(ALL["eu-epoc-subscriber", 1], SERVED) is None


def test_a_new_version_is_chosen_and_the_old_one_stays(tmp_path: Path) -> None:
    text = (FOLDER / "national.yaml").read_text(encoding="utf-8")
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "b.yaml").write_text(text.replace("version: 1", "version: 2"), encoding="utf-8")
    both = load(tmp_path)
    assert {version for key, version in both if key == "us-2703-f"} == {1, 2}
    assert {one.version for one in newest(both)} == {2}


def test_a_file_that_lacks_something_says_what_and_where(tmp_path: Path) -> None:
    text = (FOLDER / "national.yaml").read_text(encoding="utf-8")
    (tmp_path / "broken.yaml").write_text(text.replace("    purpose: preservation\n", "", 1), encoding="utf-8")
    with pytest.raises(SourceRefused, match=r"broken\.yaml: us-2703-f: 'purpose'"):
        load(tmp_path)

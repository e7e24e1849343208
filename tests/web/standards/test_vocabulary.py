"""Checklists and clocks as files: read exactly, and refused with file and line."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from opencets.errors import SourceRefused
from opencets_web.standards.reckoning import Standing, after, in_words, quiet, share_gone, standing_at
from opencets_web.standards.vocabulary import (
    HERE,
    KINDS,
    Term,
    checklist_of,
    clocks_of,
    content_of,
    read,
)

CHECKLIST = """checklist: avon
version: 1
title: Avon's own
jurisdiction: GB
kinds: [possession]
valid_from: 2026-01-01
source: "Force policy 12"
agencies: [Avon]
steps:
  - key: call
    title: Call
    why: They know more than they wrote.
    done_when: The call is noted.
    evidence: reference
    due: {hours: 24}
    required: false
"""
CLOCKS = """clocks: avon-bands
version: 1
title: Avon's bands
jurisdiction: GB
kinds: [possession]
valid_from: 2026-01-01
source: "Force policy 12"
acts: Visit made
calendar: working-days
zone: Europe/London
holidays: [2026-12-25, 2026-12-28]
bands:
  - key: high
    title: High
    meaning: Children are near.
    due: {days: 3}
    due_soon: {days: 1}
    escalate_after: {minutes: 30}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An agency's folder with one file of each sort."""
    for name, text in (("checklists/avon.yaml", CHECKLIST), ("clocks/avon.yaml", CLOCKS)):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    return tmp_path


def test_every_file_of_the_program_is_right_and_names_its_source() -> None:
    known = read(HERE)
    assert {entry.jurisdiction for entry in known.checklists} == {"GB", "US", "*"}
    assert {kind for entry in known.checklists for kind in entry.kinds} == set(KINDS)
    for entry in (*known.checklists, *known.clocks):
        assert len(entry.source) > 40, entry.key
        assert entry.version == 1
    bands = known.clock("gb-risk-bands")
    assert bands is not None
    assert [(band.key, str(band.due)) for band in bands.bands] == [
        ("very-high", "24 hours"), ("high", "7 days"), ("medium", "14 days"), ("low", "30 days"),
    ]  # fmt: skip


def test_the_kinds_of_case_are_those_of_the_cases() -> None:
    from opencets_web.cases.models import CaseKind

    assert tuple(CaseKind.values) == KINDS


def test_what_a_case_keeps_reads_back_as_it_was() -> None:
    known = read(HERE)
    for checklist in known.checklists:
        assert checklist_of(content_of(checklist)) == checklist
    for clocks in known.clocks:
        assert clocks_of(content_of(clocks)) == clocks


def test_an_agency_s_own_files_are_offered_to_it_first_and_to_no_other(folder: Path) -> None:
    known = read(HERE, folder)
    today = date(2026, 6, 1)
    ours = [entry.key for entry in known.checklists_for("possession", "GB", "Avon", today)]
    assert ours == ["avon", "gb-online-images", "international-online"]
    assert "avon" not in [entry.key for entry in known.checklists_for("possession", "GB", "Borders", today)]
    clocks = known.clock("avon-bands")
    assert clocks is not None
    assert clocks.holidays == (date(2026, 12, 25), date(2026, 12, 28))
    assert clocks in known.clocks_for("possession", "GB", "Avon", today)


def test_a_version_counts_from_its_day_and_the_newest_is_offered(folder: Path) -> None:
    (folder / "checklists" / "avon-2.yaml").write_text(
        CHECKLIST.replace("version: 1", "version: 2").replace("2026-01-01", "2026-07-01")
    )
    known = read(folder)
    offered = {
        day: known.checklists_for("possession", "GB", "Avon", day) for day in (date(2026, 6, 30), date(2026, 7, 1))
    }
    assert [entries[0].version for entries in offered.values()] == [1, 2]


@pytest.mark.parametrize(
    ("before", "after_it", "line", "told"),
    [
        ("evidence: reference", "evidence: paper", 14, "evidence is one of none, reference, record, exhibit"),
        ("kinds: [possession]", "kinds: [theft]", 5, "'theft' is not known; there are possession"),
        ("jurisdiction: GB", "jurisdiction: UK1", 4, "two letters"),
        ("version: 1", "version: one", 2, "a whole number from 1"),
        ("valid_from: 2026-01-01", "valid_from: soon", 6, "written YYYY-MM-DD"),
        ("    why: They know more than they wrote.\n", "", 10, "why is missing"),
        ("due: {hours: 24}", "due: {weeks: 2}", 15, "weeks is not known here"),
        ("due: {hours: 24}", "due: {hours: 24, days: 2}", 15, "either"),
        ("required: false", "required: maybe", 16, "true or false"),
        ("required: false", "stops: [no-such]", 16, "no clocks are called 'no-such'"),
        ("required: false", "colour: red", 16, "colour is not known here"),
        ("title: Call", "title: Call\n    title: Ring", 12, "written twice"),
        ("title: Call", "title: [", 13, "not YAML"),
        ("key: call", "key: Call me", 10, "small letters"),
        ("source: \"Force policy 12\"\n", "", 1, "source is missing"),
    ],
)  # fmt: skip
def test_a_slip_of_the_pen_is_named_with_file_and_line(
    folder: Path, before: str, after_it: str, line: int, told: str
) -> None:
    path = folder / "checklists" / "avon.yaml"
    assert before in CHECKLIST
    path.write_text(CHECKLIST.replace(before, after_it, 1))
    with pytest.raises(SourceRefused) as refusal:
        read(HERE, folder)
    assert refusal.value.sentence.startswith(f"{path}, line {line}: "), refusal.value.sentence
    assert told in refusal.value.sentence


@pytest.mark.parametrize(
    ("before", "after_it", "line", "told"),
    [
        ("due: {days: 3}", "due: {hours: 72}", 16, "due is given in days"),
        ("due_soon: {days: 1}", "due_soon: {days: 3}", 17, "shorter than due"),
        ("zone: Europe/London", "zone: Europe/Nowhere", 10, "a time zone such as"),
        ("    escalate_after: {minutes: 30}\n", "    escalate_after: {minutes: 30}\n    may_pause: true\n"
         "    threat_to_life: true\n", 19, "never paused"),
    ],
)  # fmt: skip
def test_clocks_that_could_not_run_are_refused(folder: Path, before: str, after_it: str, line: int, told: str) -> None:
    path = folder / "clocks" / "avon.yaml"
    assert before in CLOCKS
    path.write_text(CLOCKS.replace(before, after_it, 1))
    with pytest.raises(SourceRefused, match=told) as refusal:
        read(folder)
    assert f"line {line}: " in refusal.value.sentence


def test_one_version_cannot_stand_twice(folder: Path) -> None:
    (folder / "checklists" / "other.yaml").write_text(CHECKLIST)
    with pytest.raises(SourceRefused, match=r"stands in .*avon.yaml already"):
        read(folder)


def test_the_command_checks_a_folder_without_a_database(folder: Path) -> None:
    import subprocess

    command = [sys.executable, "-m", "opencets.cli.main", "standards", "check", str(folder)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert "avon version 1 (GB; possession): 1 steps" in answer.stdout
    (folder / "checklists" / "avon.yaml").write_text(CHECKLIST.replace("version: 1", "version: 0"))
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert "avon.yaml, line 2: version is a whole number from 1." in answer.stderr


# --- Reckoning --------------------------------------------------------------------------------------

FRIDAY = datetime(2026, 12, 18, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "term", "due"),
    [
        (FRIDAY, Term(hours=24), datetime(2026, 12, 19, 15, 0, tzinfo=UTC)),
        (FRIDAY, Term(days=7), datetime(2026, 12, 25, 15, 0, tzinfo=UTC)),
        # Across the change of the clocks on 29 March 2026 seven days are 168 hours, whatever the wall says.
        (datetime(2026, 3, 28, 12, 0, tzinfo=UTC), Term(days=7), datetime(2026, 4, 4, 12, 0, tzinfo=UTC)),
    ],
)
def test_where_every_day_counts_a_day_is_24_hours(start: datetime, term: Term, due: datetime) -> None:
    assert after(start, term, "Europe/London") == due


@pytest.mark.parametrize(
    ("start", "days", "due"),
    [
        (FRIDAY, 1, datetime(2026, 12, 21, 15, 0, tzinfo=UTC)),
        # Christmas Day and the Monday after it are left out.
        (FRIDAY, 5, datetime(2026, 12, 29, 15, 0, tzinfo=UTC)),
        # What begins on a Saturday begins with Monday.
        (datetime(2026, 12, 19, 9, 0, tzinfo=UTC), 1, datetime(2026, 12, 22, 0, 0, tzinfo=UTC)),
        # Friday 27 March 2026 12:00 in London is 12:00 UTC; Monday 30 March 12:00 in London is 11:00 UTC.
        (datetime(2026, 3, 27, 12, 0, tzinfo=UTC), 1, datetime(2026, 3, 30, 11, 0, tzinfo=UTC)),
    ],
)
def test_working_days_pass_over_weekends_and_holidays(start: datetime, days: int, due: datetime) -> None:
    off = {date(2026, 12, 25), date(2026, 12, 28)}
    assert after(start, Term(days=days), "Europe/London", off) == due


def test_how_something_stands_at_an_instant() -> None:
    due, soon = FRIDAY, FRIDAY - timedelta(hours=6)
    stands = {
        "running": {"now": soon - timedelta(seconds=1)},
        "soon": {"now": soon},
        "overdue": {"now": due},
        "paused": {"now": due, "paused_at": soon},
        "met": {"now": due, "met_at": due, "paused_at": soon},
    }
    for expected, given in stands.items():
        assert standing_at(due_at=due, soon_at=soon, **given) == Standing(expected)  # type: ignore[arg-type]
    assert share_gone(soon, soon - timedelta(hours=18), due) == 0.75
    assert share_gone(due + timedelta(days=9), soon, due) == 1.0


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0, "0 min"), (59, "59 min"), (60, "1 h"), (190, "3 h 10 min"), (1_440, "1 day"), (3_120, "2 days 4 h"), (43_205, "30 days")],
)  # fmt: skip
def test_a_span_in_words(minutes: int, words: str) -> None:
    assert in_words(timedelta(minutes=minutes)) == words


@pytest.mark.parametrize(
    ("utc", "begins", "ends", "expected"),
    [
        ("21:30", "22:00", "06:00", True), ("20:59", "22:00", "06:00", False), ("05:00", "22:00", "06:00", False),
        ("04:59", "22:00", "06:00", True), ("12:00", "12:00", "14:00", True), ("13:00", "12:00", "14:00", False),
        ("12:00", "07:00", "07:00", False),
    ],
)  # fmt: skip
def test_quiet_hours_go_by_the_clock_of_the_zone(utc: str, begins: str, ends: str, expected: bool) -> None:
    hour, minute = map(int, utc.split(":"))
    now = datetime(2026, 7, 1, hour, minute, tzinfo=UTC)  # London is one hour ahead
    assert quiet(now, begins, ends, "Europe/London") is expected

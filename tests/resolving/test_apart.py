"""Judged different, seen at two places at one time, two dates of birth: never in one cluster, said why, in any order."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest
from click.testing import CliRunner

from opencets.cli.resolve import resolve
from opencets.errors import NotThisFormat
from opencets.resolving.apart import Apart, read_different, read_seen
from opencets.resolving.crowd import crowd
from opencets.resolving.table import Resolution, explain_pair, resolve_table

PEOPLE = """record_id,full_name,date_of_birth,city,phone,seen_at,latitude,longitude
1,Ingrid Halvorsen,1984-03-09,Stavern,+447700900123,2026-05-01T12:00:00Z,59.00,10.04
2,Ingrid Halvorsen,1984-03-09,Stavern,+447700900123,,,
3,Ingrid Halvorsen,1984-03-09,Stavern,+447700900123,2026-05-01T14:30:00+02:00,41.15,-8.61
4,Ingrid Halvorsen,1984-03-09,Stavern,+447700900123,2026-05-03T12:00:00Z,41.15,-8.61
5,Tomas Kowalski,1990-01-02,Tolva,,2026-05-01T12:00:00Z,59.00,10.04
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE, "utf-8")
    return path


def run(*words: str) -> tuple[int, str, str]:
    """The command, as it is called."""
    done = CliRunner().invoke(resolve, list(words))
    return done.exit_code, done.stdout, done.stderr


def clusters(resolved: Resolution) -> set[frozenset[str]]:
    """Who stands together."""
    groups: dict[str, set[str]] = {}
    for record, cluster in resolved.clusters:
        groups.setdefault(cluster, set()).add(record)
    return {frozenset(group) for group in groups.values()}


def test_two_places_at_one_time_split_a_cluster_and_a_journey_does_not(table: Path) -> None:
    found = resolve_table(table)
    together = clusters(found)
    assert not any({"1", "3"} <= group for group in together), "half an hour, 2,400 km"
    assert any({"1", "4"} <= group or {"3", "4"} <= group for group in together), "two days are enough for the way"
    assert {"5"} in together
    told = {(one.left, one.right): one for one in found.pairs}
    assert told["1", "3"].conflict.startswith(
        "two places at one time: 59.00, 10.04 at 2026-05-01 12:00 UTC, and 41.15, -8.61"
    )
    assert any("kept apart: judged different, or seen at two places" in note for note in found.notes)
    said = explain_pair(table, None, "1", "3")
    assert any(line.startswith("They are kept apart, whatever else is stated: two places at one time") for line in said)
    assert said[-1] == "No further value would change it while that stands."


def test_what_a_person_judged_different_stays_apart_also_by_way_of_a_third(table: Path, tmp_path: Path) -> None:
    judged = tmp_path / "different.csv"
    judged.write_text("left,right,reason\n2,4,Two passports\n8,9,Not in this table\n", "utf-8")
    together = clusters(resolve_table(table, different=read_different(judged)))
    assert not any({"2", "4"} <= group for group in together)
    out, pairs = tmp_path / "clusters.csv", tmp_path / "pairs.csv"
    code, _, err = run(str(table), "--out", str(out), "--pairs", str(pairs), "--different", str(judged))
    assert code == 0
    assert "1 pairs judged different name a record that is not in the table" in err
    with pairs.open(encoding="utf-8", newline="") as file:
        why = {(row["left"], row["right"]): row["why"] for row in csv.DictReader(file)}
    assert why["2", "4"].startswith("kept apart: a person judged them different; ")
    across = [
        text for pair, text in why.items() if pair not in {("2", "4"), ("1", "3")} and text.startswith("kept apart")
    ]
    assert across
    assert all("judged them different" in text or "two places at one time" in text for text in across)
    code, out_text, _ = run(str(table), "--explain", "2", "4", "--different", str(judged))
    assert code == 0
    assert "They are kept apart, whatever else is stated: a person judged them different." in out_text


def test_the_order_of_the_rows_and_when_they_came_change_nothing(tmp_path: Path) -> None:
    """What a later run over all records gives is what one run over them gives: in any order, with every reason to split."""
    some = crowd(600, 9)
    chance = random.Random(9)
    rows = [
        [f"r{at:04d}", name, born, *(("2026-05-01T12:00:00Z", f"{chance.choice((41, 59))}", "10") if at % 3 == 0 else ("", "", ""))]
        for at, (name, born) in enumerate(zip(some.full_name, some.date_of_birth, strict=True))
    ]  # fmt: skip
    people = some.person.tolist()
    same = [(a, b) for a in range(len(rows)) for b in range(a + 1, len(rows)) if people[a] == people[b]]
    different = [(rows[a][0], rows[b][0]) for a, b in chance.sample(same, 25)]
    found = []
    for turn in range(3):
        path = tmp_path / f"{turn}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(
                [["record_id", "full_name", "date_of_birth", "seen_at", "latitude", "longitude"], *rows]
            )
        found.append(clusters(resolve_table(path, different=different, pairs_at_least=None)))
        chance.shuffle(rows)
    assert found[0] == found[1] == found[2]
    apart = Apart(different, read_seen(path))
    assert all(not apart.why(a, b) for group in found[0] for a in group for b in group if a < b)
    without = tmp_path / "without.csv"
    with without.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["record_id", "full_name", "date_of_birth"], *(row[:3] for row in rows)])
    joined = clusters(resolve_table(without, pairs_at_least=None))
    assert sum(any({a, b} <= group for group in joined) for a, b in different) > 15, "else they would prove nothing"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("6,A,1980-01-01,,,2026-05-01T12:00:00,59,10", "line 7 has no place at a time"),
        ("6,A,1980-01-01,,,2026-05-01T12:00:00Z,95,10", "line 7 has no place at a time"),
    ],
)
def test_a_place_without_its_zone_or_off_the_globe_is_refused_by_its_line(table: Path, line: str, said: str) -> None:
    table.write_text(PEOPLE + line + "\n", "utf-8")
    with pytest.raises(NotThisFormat, match=said):
        read_seen(table)
    half = table.with_name("half.csv")
    half.write_text("record_id,full_name,seen_at\n1,A B,2026-05-01T12:00:00Z\n", "utf-8")
    with pytest.raises(NotThisFormat, match="no column latitude"):
        resolve_table(half)


def test_a_file_of_judged_pairs_that_names_none_is_refused(tmp_path: Path) -> None:
    for text, said in (
        ("a,b\n1,2\n", "columns left and right"),
        ("left,right\n1,\n", "line 2 does not name two records"),
    ):
        path = tmp_path / "pairs.csv"
        path.write_text(text, "utf-8")
        with pytest.raises(NotThisFormat, match=said):
            read_different(path)

"""Tables of people in, clusters out; broken tables are refused by line and column."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner

from opencets.cli.resolve import resolve
from opencets.errors import ActRefused, NotThisFormat
from opencets.resolving import FIELDS, PersonRow, prepare, suggest
from opencets.resolving.invented import Invented, invent
from opencets.resolving.table import as_before, each_row, resolve_people, resolve_table
from opencets.resolving.train import measure


def write(path: Path, rows: tuple[PersonRow, ...]) -> Path:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(FIELDS)
        writer.writerows([getattr(row, name) for name in FIELDS] for row in rows)
    return path


def together(clusters: tuple[tuple[str, str], ...]) -> set[tuple[str, str]]:
    held: dict[str, list[str]] = {}
    for record, handle in clusters:
        held.setdefault(handle, []).append(record)
    return {(a, b) for records in held.values() for a in records for b in records if a < b}


@pytest.fixture(scope="module")
def people() -> Invented:
    return invent(600, seed=61)


def test_a_table_comes_back_in_clusters_that_are_mostly_right(people: Invented, tmp_path: Path) -> None:
    found = resolve_table(write(tmp_path / "people.csv", people.rows))
    assert [record for record, _ in found.clusters] == [row.record_id for row in people.rows]
    measured = measure(together(found.clusters), people.true_pairs())
    assert measured.precision >= 0.97
    assert measured.recall >= 0.88
    assert found.model == "person-3"


def test_the_table_and_the_small_set_give_the_same_pairs(people: Invented, tmp_path: Path) -> None:
    found = resolve_table(write(tmp_path / "people.csv", people.rows), pairs_at_least=0.3)
    small = suggest(people.rows, at_least=0.3)
    assert {(min(p.left, p.right), max(p.left, p.right), round(p.bits, 6)) for p in found.pairs} == {
        (p.left, p.right, round(p.bits, 6)) for p in small
    }


def test_homonyms_born_years_apart_stay_apart_even_through_a_third() -> None:
    rows = [
        PersonRow("a", "Anna Bergmann", date_of_birth="1980-02-13", email="anna.b@example.org"),
        PersonRow("b", "Anna Bergmann", email="anna.b@example.org", phone="+15550100"),
        PersonRow("c", "Anna Bergmann", date_of_birth="1951-11-30", phone="+15550100"),
    ]
    found = resolve_people([prepare(row) for row in rows])
    assert {(pair.left, pair.right) for pair in found.pairs if pair.probability > 0.5} == {("a", "b"), ("b", "c")}
    handles = dict(found.clusters)
    assert handles["a"] != handles["c"]
    assert "1 probable pairs were kept apart" in found.notes[0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("full_name,email\nAnna,a@example.org\n", "no column record_id; its columns are: full_name, email"),
        ("record_id,shoe_size\n1,38\n", "no column to compare people by"),
        ("record_id,full_name\n1,Anna\n1,Berta\n", "line 3 repeats record_id 1"),
        ("record_id,full_name\n,Anna\n", "line 2 has no record_id"),
        ("record_id,full_name\n1,Anna,Berta\n", "line 2 has more fields"),
        ("record_id,email,email\n1,a,b\n", "the column email twice"),
        ("", "no column record_id; its columns are: none"),
        ('record_id,full_name\n1,"Anna\n', "is no CSV"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_the_place(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(NotThisFormat, match=reason):
        resolve_table(path)


def test_a_table_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_bytes("record_id,full_name\n1,Jürgen\n".encode("latin-1"))
    with pytest.raises(NotThisFormat, match="not UTF-8"):
        list(each_row(tmp_path / "people.csv"))


def test_a_table_without_rows_gives_no_clusters(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("record_id,full_name\n", "utf-8")
    assert list(resolve_table(tmp_path / "people.csv").clusters) == []


def test_a_field_that_looks_like_sql_or_csv_is_only_text(tmp_path: Path) -> None:
    odd = ("'); DROP TABLE people; --", 'An "old" name, with commas', "=1+1", "Ann\nBergmann", "\x00zero")
    rows = tuple(PersonRow(f"r'{number}", name, email="x@example.org") for number, name in enumerate(odd))
    assert len(resolve_table(write(tmp_path / "people.csv", rows)).clusters) == len(rows)


def test_the_command_writes_clusters_and_reasons(people: Invented, tmp_path: Path) -> None:
    table, out, pairs = write(tmp_path / "people.csv", people.rows), tmp_path / "clusters.csv", tmp_path / "pairs.csv"
    done = CliRunner().invoke(resolve, [str(table), "--out", str(out), "--pairs", str(pairs)])
    assert (done.exit_code, done.stdout) == (0, "")
    with open(out, encoding="utf-8", newline="") as file:
        clusters = list(csv.DictReader(file))
    assert len(clusters) == len(people.rows)
    assert clusters[0].keys() == {"record_id", "cluster_id"}
    with open(pairs, encoding="utf-8", newline="") as file:
        first = next(csv.DictReader(file))
    assert first.keys() == {"left", "right", "probability", "why"}
    assert float(first["probability"]) > 0.9
    assert "(+" in first["why"]


def test_two_tables_are_linked_only_across_and_need_numbers_of_their_own(people: Invented, tmp_path: Path) -> None:
    half = len(people.rows) // 2
    one, other = write(tmp_path / "a.csv", people.rows[:half]), write(tmp_path / "b.csv", people.rows[half:])
    found = resolve_table(one, other)
    first = {row.record_id for row in people.rows[:half]}
    assert all((pair.left in first) != (pair.right in first) for pair in found.pairs)
    assert len(found.clusters) == len(people.rows)
    with pytest.raises(NotThisFormat, match=r"stands in a\.csv too"):
        resolve_table(one, one)


def test_clusters_keep_their_numbers_through_merge_split_and_undo() -> None:
    first = [("a", "a"), ("b", "a"), ("c", "c"), ("d", "c"), ("e", "e")]
    merged = as_before([("a", "a"), ("b", "a"), ("c", "a"), ("d", "a"), ("e", "e")], first)
    assert merged == [("a", "a"), ("b", "a"), ("c", "a"), ("d", "a"), ("e", "e")]
    again = as_before(first, merged)
    assert [again[0], again[1], again[4]] == [("a", "a"), ("b", "a"), ("e", "e")]
    assert again[2][1] == again[3][1] == "c"
    # A smaller record that comes does not take the number over, and a number that was somebody's is nobody else's.
    assert as_before([("0", "0"), ("a", "0"), ("b", "0")], first) == [("0", "a"), ("a", "a"), ("b", "a")]
    split = as_before([("a", "a"), ("b", "b"), ("x", "b")], [("a", "q"), ("b", "q"), ("x", "q")])
    assert split == [("a", "a"), ("b", "q"), ("x", "q")]


def test_previous_numbers_are_read_and_kept_by_the_command(people: Invented, tmp_path: Path) -> None:
    table, out, before = write(tmp_path / "people.csv", people.rows), tmp_path / "out.csv", tmp_path / "before.csv"
    runner = CliRunner()
    assert runner.invoke(resolve, [str(table), "--out", str(out)]).exit_code == 0
    before.write_text("\n".join(line + "!" * (at > 0) for at, line in enumerate(out.read_text().split())) + "\n")
    assert runner.invoke(resolve, [str(table), "--out", str(out), "--previous", str(before)]).exit_code == 0
    assert out.read_text() == before.read_text()
    before.write_text("a,b\n")
    done = runner.invoke(resolve, [str(table), "--out", str(out), "--previous", str(before)])
    assert isinstance(done.exception, NotThisFormat)


def test_a_pair_is_explained_line_by_line_with_what_would_change_it(tmp_path: Path) -> None:
    rows = (
        PersonRow("1", "Anna Bergmann", date_of_birth="1980-02-13", gender="f"),
        PersonRow("2", "Bergman Anna", date_of_birth="1980-02-13"),
        PersonRow("3", "Otto Horvath", date_of_birth="1951-05-05"),
        PersonRow("4", "Anna Lindner", city="Corville"),
    )
    table = write(tmp_path / "people.csv", rows)

    def told(one: str, other: str) -> list[str]:
        done = CliRunner().invoke(resolve, [str(table), "--explain", one, other])
        assert done.exit_code == 0, done.output
        return done.stdout.splitlines()

    same = told("1", "2")
    assert same[0].startswith("1 and 2: probably the same person, probability 0.8")
    assert any("names one letter apart: bergmann and bergman" in line for line in same)
    bits = [float(line.split()[0]) for line in same if " bits  " in line]
    assert float(same[len(bits)].rpartition("so far ")[2].rstrip(")")) == pytest.approx(sum(bits), abs=0.4)
    assert same[-1].startswith("It would not be probable if each stated another ")
    other = told("1", "3")
    assert "They cannot be one person: dates of birth 1980-02-13 and 1951-05-05 are years apart." in other
    assert "They share no key, so a run over the table would not have compared them." in other
    assert other[-1] == "No further value would change it while both dates of birth stand."
    assert told("1", "4")[-1].startswith("It would be probable if both stated the same ")
    done = CliRunner().invoke(resolve, [str(table), "--explain", "1", "9"])
    assert isinstance(done.exception, ActRefused)
    assert CliRunner().invoke(resolve, [str(table)]).exit_code == 2

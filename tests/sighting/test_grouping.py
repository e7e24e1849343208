"""Runs of a program that follow each other are one computer, for reasons that can be followed; an address joins nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
from click.testing import CliRunner

from opencets.cli.main import main
from opencets.sighting import Batch, Ledger, Origin, answers
from opencets.sighting.parts import GROUPS, LINKS
from tests.sighting.invented import batch, sessions

FIRST, LAST, HASH = f"{0xA0:040x}", f"{0xAA:040x}", f"{0xE0:032x}"


def made(folder: Path, *batches: Batch) -> Ledger:
    ledger = Ledger.create(folder)
    for one in batches:
        list(ledger.load([one]))
        ledger.derive()
    return ledger


def told(ledger: Ledger) -> list[list[tuple[object, ...]]]:
    tables = {LINKS: ledger.state().table(LINKS), GROUPS: ledger.state().table(GROUPS)}
    return [sorted(ledger.rows(tables, f"select * from {table}")) for table in (LINKS, GROUPS)]


def test_a_computer_is_found_under_all_its_identities_with_the_reasons(tmp_path: Path) -> None:
    ledger = made(tmp_path, sessions())
    found = answers.history(ledger, LAST)
    assert len(found.identities) == 6
    assert [lease.address for lease in found.leases] == ["203.0.113.7", "203.0.113.9"]
    assert [link.rule for link in found.links] == [
        "together",
        "address_port",
        "address_port",
        "port_file",
        "address_port",
    ]
    assert {link.rule: link.sentence for link in found.links} == {
        "address_port": "the next run of the same program at the same address and port, 23.0 hours later",
        "port_file": "the next run of the same program at the same port 40123, provider and region, with files in common, "
        "7 days later at another address",
        "together": "the same program in two networks, at the same address on 5 days of March 2026, through 2 addresses",
    }
    assert answers.history(ledger, HASH).identities == found.identities
    assert answers.history(ledger, LAST, alone=True).identities == [LAST]
    counted = answers.computers(ledger, "GB", 30)
    assert counted.identities == [FIRST]
    assert counted.facts["days"].tolist() == [5]
    assert counted.facts["networks"].tolist() == [2]
    assert counted.facts["vanishing"].tolist() == [2.0]
    assert counted.facts["first_here"].tolist() == [2]
    assert {count.computers for count in answers.counts(ledger, "", 30)} == {1}
    done = CliRunner().invoke(main, ["sightings", "computer", LAST, "--store", str(tmp_path), "--json"])
    assert [link["joins"] for link in json.loads(done.output)["links"]] == [True] * 5
    assert (
        "  linked 0.97: " in CliRunner().invoke(main, ["sightings", "computer", LAST, "--store", str(tmp_path)]).output
    )


def test_a_shared_line_another_program_and_two_at_once_join_nothing(tmp_path: Path) -> None:
    rows = sessions().rows.drop_columns(["line"])
    size = rows.num_rows

    def with_column(name: str, values: pa.Array) -> Batch:
        return Batch.of(Origin(name), rows.set_column(rows.column_names.index(name), name, values))

    shared = made(tmp_path / "shared", with_column("shared_line", pa.array([True] * size)))
    assert told(shared) == [[], []]
    updated = made(tmp_path / "updated", with_column("client", pa.array([f"example {at // 4}" for at in range(size)])))
    assert told(updated) == [[], []]
    other = made(
        tmp_path / "other",
        with_column("client", pa.array(["example 1.0", "example 1.0", "other", "other"] * (size // 4))),
    )
    assert [link.sentence for link in answers.history(other, HASH).links] == [
        "at the same address on 5 days of March 2026, by another program: one line may serve several computers"
    ]
    assert answers.history(other, HASH).identities == [HASH]
    moved = [f"192.0.2.{at % 4 // 2 + at // 4 * 2}" for at in range(size)]
    crowd = rows.set_column(rows.column_names.index("address"), "address", pa.array(moved))
    twin = crowd.set_column(
        crowd.column_names.index("identity"), "identity", pa.array([f"{at // 4 + 0xB0:040x}" for at in range(size)])
    )
    twin = twin.set_column(twin.column_names.index("file"), "file", pa.array([f"{at:040x}" for at in range(size)]))
    both = made(tmp_path / "twin", Batch.of(Origin("one"), crowd), Batch.of(Origin("twin"), twin))
    assert "port_alone" not in {row[2] for row in told(both)[0]}


def test_what_comes_in_pieces_is_grouped_as_what_comes_whole(tmp_path: Path) -> None:
    days = (0, 1, 2, 9, 10, 33, 34, 40, 62, 63, 64)
    extra = [batch(seed, days=70) for seed in (1, 2)]
    whole = made(tmp_path / "whole", *extra, sessions(days))
    late = made(
        tmp_path / "late", sessions((40, 62, 63)), extra[1], sessions((1, 2, 64), "more"), extra[0],
        sessions((0, 9, 10, 33, 34), "oldest"),
    )  # fmt: skip
    assert told(late) == told(whole)
    assert len(told(whole)[1]) > 8

"""The names that outside programs rely on are there, with the arguments they were promised."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.house.repository import ROOT, nothing


def _arguments(function: object) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name not in {"self", "cls"}]  # type: ignore[arg-type]


def test_the_index_of_near_pictures_keeps_its_names() -> None:
    from opencets.matching import HammingIndex

    assert _arguments(HammingIndex.build)[:2] == ["codes", "path"]
    assert _arguments(HammingIndex.open)[:1] == ["path"]
    assert _arguments(HammingIndex.add)[:1] == ["codes"]
    assert _arguments(HammingIndex.search)[:2] == ["queries", "radius"]
    assert _arguments(HammingIndex.pairs)[:1] == ["radius"]
    assert inspect.signature(HammingIndex.search).parameters["radius"].default == 31
    assert inspect.signature(HammingIndex.pairs).parameters["radius"].default == 31
    codes = np.zeros((2, 32), np.uint8)
    codes[1, 0] = 0b111
    queries, items, distances = HammingIndex.build(codes).search(codes[:1])
    assert [tuple(map(int, row)) for row in zip(queries, items, distances, strict=True)] == [(0, 0, 0), (0, 1, 3)]


def test_reading_a_path_gives_records_report_and_format(tmp_path: Path) -> None:
    from opencets.parsing import read

    table = tmp_path / "people.csv"
    table.write_text("name,email\nAda Example,ada@example.org\n")
    reading = read(table)
    records = list(reading.records)
    assert [claim.normal for record in records for claim in record.claims if claim.property == "email"] == [
        "ada@example.org"
    ]
    assert reading.format
    assert reading.report is not None


def test_the_make_targets_keep_their_names() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"run", "test", "setup", "check", "proof", "reset"} <= targets


def test_the_commands_keep_their_names_and_options() -> None:
    import click

    from opencets.cli.main import main

    promised: dict[str, set[str]] = {
        "demo": set(),
        "serve": set(),
        "worker": set(),
        "import": {"--case", "--format", "--json"},
        "hash": {"--json"},
        "match pairs": {"--radius", "--out"},
        "match query": set(),
        "resolve": {"--out", "--link", "--engine", "--pairs"},
        "bench": set(),
        "audit verify": set(),
    }
    missing = []
    with click.Context(main) as context:
        for path, options in promised.items():
            found: click.Command | None = main
            for word in path.split():
                found = found.get_command(context, word) if isinstance(found, click.Group) else None
            if found is None:
                missing.append(path)
                continue
            have = {name for option in found.params for name in option.opts}
            missing += [f"{path} {option}" for option in sorted(options - have)]
    nothing(missing)


def test_the_engines_work_without_the_web_part(tmp_path: Path) -> None:
    """An interpreter that refuses Django and the database driver imports every engine."""
    program = tmp_path / "engines.py"
    program.write_text(
        "import sys\n"
        "for name in ('django', 'psycopg', 'procrastinate', 'opencets_web'):\n"
        "    sys.modules[name] = None\n"
        "import opencets.cli.main, opencets.parsing, opencets.hashing, opencets.matching, opencets.linking\n"
        "import opencets.resolving, opencets.ranking, opencets.packing, opencets.records.vocabulary, opencets.values\n"
    )
    answer = subprocess.run([sys.executable, str(program)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr[-2000:]

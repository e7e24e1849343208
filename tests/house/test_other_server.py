"""The wall and the access matrix hold on the operating system's PostgreSQL too, and on its older version."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.repository import ROOT

DEBIANS = Path("/usr/lib/postgresql/15/bin")


NEEDS_NO_SERVER = "not every_action and not every_verb and not every_query"
"""Tests that read the program's text are the same on every server."""


@pytest.mark.debian
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_wall_and_the_nearest_people_pass_on_debians_postgresql() -> None:
    """The wall itself, the log, and the matrix as those nearest to the case; every person at every address is a proof."""
    far = "[administrator] [auditor] [former] [partner] [provider] [withdrawn]"
    _passes(" and ".join([NEEDS_NO_SERVER, *(f"not {who}" for who in far.split())]))


@pytest.mark.debian
@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_the_access_tests_pass_on_debians_postgresql() -> None:
    _passes(NEEDS_NO_SERVER)


def _passes(only: str) -> None:
    """Run the access tests on the other server in a process of their own."""
    if not (DEBIANS / "postgres").exists():
        pytest.skip(f"Debian's PostgreSQL 15 is not installed ({DEBIANS}): apt-get install postgresql-15.")
    if os.environ.get("PG_BIN") or os.environ.get("DATABASE_URL"):
        pytest.skip("This run is on another server than the embedded one already.")
    asked = ["tests/house/test_wall.py", "tests/house/test_access_matrix.py", "tests/house/test_audit.py"]
    left_out = {"OPENCETS_HOME", "OPENCETS_DB_ROLE", "DJANGO_SETTINGS_MODULE", "PYTEST_CURRENT_TEST"}
    environment = {name: value for name, value in os.environ.items() if name not in left_out} | {"PG_BIN": str(DEBIANS)}
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", *asked, "-q", "-k", only],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout[-6000:] + answer.stderr[-2000:]
    assert " passed" in answer.stdout


def test_this_run_knows_which_server_it_is_on(db: None) -> None:
    from django.db import connection

    version = connection.cursor().connection.info.server_version // 10_000
    assert version >= 15
    if os.environ.get("PG_BIN") == str(DEBIANS):
        assert version == 15

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from opencets.errors import ActRefused
from opencets_web.commands import postgres, roles
from opencets_web.config import connection


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("connection") / "var"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DATABASE_URL", raising=False)
        roles.prepare_database(place)
        yield place
        postgres.remove_cluster(place)


@pytest.fixture(autouse=True)
def _this_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("OPENCETS_HOME", str(home))


def test_only_the_web_role_shares_connections() -> None:
    web, jobs = connection.database("web"), connection.database("jobs")
    assert (web["USER"], jobs["USER"]) == ("opencets_web", "opencets_jobs")
    assert web["ENGINE"] == "opencets_web.policy.postgresql"
    assert web["CONN_MAX_AGE"] == 0
    assert web["OPTIONS"]["pool"]["reset"] is connection.reset_session
    assert "pool" not in jobs["OPTIONS"]


def test_what_a_request_set_is_gone_before_the_next_and_the_zone_stays() -> None:
    options = connection.database("web")["OPTIONS"]["options"]
    with psycopg.connect(connection.conninfo("web"), options=options) as opened:
        opened.execute("select set_config('app.officer', '7', false)")
        opened.execute("set timezone to 'Asia/Tokyo'")
        opened.commit()
        connection.reset_session(opened)
        row = opened.execute("select current_setting('app.officer', true), current_setting('timezone')").fetchone()
    assert row == ("", "UTC")


def test_an_unknown_role_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENCETS_DB_ROLE", "postgres")
    with pytest.raises(ActRefused, match="owner, web or jobs"):
        connection.role()
    with pytest.raises(ActRefused, match="owner, web or jobs"):
        connection.database("administrator")
    monkeypatch.delenv("OPENCETS_DB_ROLE")
    assert connection.role() == "web"

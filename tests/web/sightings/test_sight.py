"""Who sees which computers: the tree, what is open to whom, and that nothing else is read, ranked, counted or named."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from opencets.errors import ActRefused, NotFound
from opencets.rehearsal.computers import write_sightings
from opencets.sighting.reading import read_batches
from tests.web.sightings.conftest import NEWEST

if TYPE_CHECKING:
    from django.test import Client

    from opencets_web.policy.actor import Actor
    from tests.web.conftest import Cast

    Behind = Callable[[Actor | None], AbstractContextManager[None]]


def of(rows: list[dict[str, Any]], country: str, after: dt.date, **more: str) -> set[str]:
    """The computers of a country, counted by hand."""
    return {
        next(row[name] for name in ("peer_id", "guid", "user_hash") if name in row)
        for row in rows
        if row["country"] == country
        and row["observed_at"][:10] > after.isoformat()
        and all(row[name] == value for name, value in more.items())
    }


def test_the_responsible_agency_sees_its_jurisdiction_and_nobody_sees_another(
    loaded: Path, cast: Cast, as_actor: Behind, rows: list[dict[str, Any]]
) -> None:
    from opencets_web.sightings.queries import Wanted, get_ranking

    after = NEWEST - dt.timedelta(30)
    with as_actor(cast.owner):
        found = get_ranking(cast.owner, Wanted())
        assert found.computers == len(of(rows, "GB", after))
        assert {row.identity for row in found.rows} <= of(rows, "GB", after)
        assert [row.place for row in found.rows] == list(range(1, len(found.rows) + 1))
        assert found.rows[0].score == max(row.score for row in found.rows)
        narrow = get_ranking(cast.owner, Wanted("bristol"))
        assert narrow.computers == len(of(rows, "GB", after, place="Bristol", region="GB-ENG"))
        with pytest.raises(NotFound):
            get_ranking(cast.owner, Wanted("DE"))
    with as_actor(cast.outsider):
        assert get_ranking(cast.outsider, Wanted()).standing.missing == "sight"
    with as_actor(cast.administrator), pytest.raises(NotFound):
        get_ranking(cast.administrator, Wanted())


def test_a_supervisor_opens_a_jurisdiction_and_closes_it(
    loaded: Path, cast: Cast, as_actor: Behind, rows: list[dict[str, Any]]
) -> None:
    from dataclasses import replace

    from opencets_web.sightings import actions
    from opencets_web.sightings.models import Sight
    from opencets_web.sightings.queries import Wanted, get_jurisdictions, get_ranking

    chief = replace(cast.owner, roles=cast.owner.roles | {"supervisor"})
    given = {"to_agency": cast.borders.id, "purpose": "A common series", "days": 30}
    with as_actor(cast.owner), pytest.raises(ActRefused, match="supervisor"):
        actions.grant_sight(cast.owner, "GB-SCT", **given)
    with as_actor(cast.owner):
        assert get_jurisdictions(cast.owner).open_nodes == ()
    with as_actor(chief):
        made = actions.grant_sight(chief, "GB-SCT", **given)
        assert get_jurisdictions(chief).open_nodes != ()
        assert [row.given for row in get_jurisdictions(chief).sights] == [True]
        with pytest.raises(NotFound):
            actions.grant_sight(chief, "DE", **given)
    scottish = of(rows, "GB", NEWEST - dt.timedelta(30), region="GB-SCT")
    with as_actor(cast.outsider):
        assert get_ranking(cast.outsider, Wanted()).computers == len(scottish)
        with pytest.raises(NotFound):
            actions.set_sight_withdrawn(cast.outsider, made, withdrawn=True)
    with as_actor(chief):
        actions.set_sight_withdrawn(chief, made, withdrawn=True)
    with as_actor(cast.outsider):
        assert get_ranking(cast.outsider, Wanted()).standing.missing == "sight"
        assert Sight.objects.count() == 1
    with as_actor(None):
        assert Sight.objects.count() == 0


def test_one_computer_is_shown_as_far_as_it_is_open(
    loaded: Path, cast: Cast, as_actor: Behind, rows: list[dict[str, Any]]
) -> None:
    from opencets_web.sightings.queries import get_computer

    identity = next(iter(of(rows, "GB", dt.date(2000, 1, 1), place="Bristol")))
    mine = [row for row in rows if identity in row.values()]
    with as_actor(cast.owner):
        page = get_computer(cast.owner, identity.upper())
        assert page.sightings == len(mine)
        assert {lease.address for lease in page.leases} == {row["address"] for row in mine}
        assert not page.hits
        assert page.unknown == len({row["file"] for row in mine})
        assert page.kinds[0][1]
        for closed in (next(iter(of(rows, "DE", dt.date(2000, 1, 1)))), "ff" * 16, "no identity"):
            with pytest.raises(NotFound):
                get_computer(cast.owner, closed)
    with as_actor(cast.outsider), pytest.raises(NotFound):
        get_computer(cast.outsider, identity)


def test_where_a_file_is_offered_is_told_for_a_file_of_a_set_and_for_a_purpose_alone(
    loaded: Path, cast: Cast, as_actor: Behind, rows: list[dict[str, Any]]
) -> None:
    from opencets_web.audit.models import Act
    from opencets_web.sightings import actions, queries

    digest = next(row["file"] for row in rows if row["country"] == "GB")
    with as_actor(cast.owner):
        with pytest.raises(ActRefused, match="No set"):
            queries.seek_file(cast.owner, digest, "Operation Heron")
        listed = io.BytesIO(f"digest,category\n{digest},UK:1\nno digest,UK:2\n".encode())
        until = dt.date.today() + dt.timedelta(10)
        with pytest.raises(ActRefused, match="authority"):
            actions.import_file_set(cast.owner, listed, name="List", authority=" ", expires_on=until)
        made = actions.import_file_set(cast.owner, listed, name="List", authority="Section 12", expires_on=until)
        with pytest.raises(ActRefused, match="purpose"):
            queries.seek_file(cast.owner, digest, "  ")
        found = queries.seek_file(cast.owner, digest, "Operation Heron")
        offering = {
            next(row[name] for name in ("peer_id", "guid", "user_hash") if name in row)
            for row in rows
            if row["file"] == digest and row["country"] == "GB"
        }
        assert {row.identity for row in found.rows} == offering
        page = queries.get_computer(cast.owner, next(iter(offering)))
        assert [(hit.digest, hit.category) for hit in page.hits] == [(digest, "UK:1")]
    with as_actor(cast.outsider), pytest.raises(ActRefused, match="No set"):
        queries.seek_file(cast.outsider, digest, "Operation Heron")
    with as_actor(cast.owner):
        actions.set_file_set_withdrawn(cast.owner, made, withdrawn=True)
        with pytest.raises(ActRefused, match="No set"):
            queries.seek_file(cast.owner, digest, "Operation Heron")
    act = Act.objects.get(verb="sightings.file-sought")
    assert json.loads(act.details)["purpose"] == "Operation Heron"
    assert act.subject == f"file:{digest}"


def test_the_map_counts_where_it_is_known_and_no_more_precisely(
    loaded: Path, cast: Cast, as_actor: Behind, rows: list[dict[str, Any]]
) -> None:
    from opencets_web.sightings.maps import MapWanted, get_map

    after = NEWEST - dt.timedelta(30)
    with as_actor(cast.owner):
        world = get_map(cast.owner, MapWanted())
        assert [(tile.code, tile.computers) for tile in world.listed] == [("GB", len(of(rows, "GB", after)))]
        country = get_map(cast.owner, MapWanted("GB"))
        for tile in country.listed:
            assert tile.computers == len(of(rows, "GB", after, region=tile.code)), tile.code
        nowhere = {
            name
            for name in of(rows, "GB", after)
            if any(name in row.values() and row["region"] is None for row in rows)
        }
        assert country.less == len(nowhere)
        assert country.computers == world.computers
        region = get_map(cast.owner, MapWanted("GB-ENG"))
        assert {tile.name for tile in region.listed} <= {"Bristol", "Bath"}
        earlier = get_map(cast.owner, MapWanted("", "", 7, 20))
        assert earlier.last_day == "2026-02-18"
        with pytest.raises(NotFound):
            get_map(cast.owner, MapWanted("DE"))


def test_statistics_withhold_small_numbers(
    loaded: Path, cast: Cast, as_actor: Behind, rows: list[dict[str, Any]]
) -> None:
    from opencets_web.sightings.figures import get_figures, picture, table
    from opencets_web.sightings.queries import Wanted

    with as_actor(cast.owner):
        found = get_figures(cast.owner, Wanted())
        counts = {}
        for row in rows:
            if row["country"] == "GB":
                who = next(row[name] for name in ("peer_id", "guid", "user_hash") if name in row)
                counts.setdefault((row["observed_at"][:7], row["network"]), set()).add(who)
        words = {"bittorrent": "BitTorrent", "gnutella": "Gnutella", "edonkey": "eDonkey"}
        for month in found.months:
            for (name, _, _, _), value in zip(found.networks, month.values, strict=True):
                network = next(key for key, word in words.items() if word == name)
                held = len(counts.get((month.period, network), ()))
                assert value == (held if held >= 5 or not held else None), (month.period, name)
        assert "fewer than 5" in table(cast.owner, Wanted())
        assert picture(cast.owner, Wanted()).startswith("<svg")


def test_files_arrive_in_chunks_once_and_what_is_wrong_is_said(
    house: Path, cast: Cast, as_actor: Behind, as_job: Behind
) -> None:
    from opencets_web.sightings import actions, ledger
    from opencets_web.sightings.models import SightingFile

    path = house / "small.jsonl"
    write_sightings(path, 3, NEWEST, computers=6, days=5)
    content = path.read_bytes() + b'{"network": "gnutella"}\n'
    stated = {"name": "small.jsonl", "sensor": "sensor 2", "authority": "Order 8"}
    with as_actor(cast.owner):
        with pytest.raises(ActRefused, match="ending"):
            actions.begin_file(cast.owner, **{**stated, "name": "small.exe"})
        made = actions.begin_file(cast.owner, **stated, size=len(content))
        half = len(content) // 2
        assert actions.add_chunk(cast.owner, made, 0, content[:half]) == half
        assert actions.add_chunk(cast.owner, made, 0, content[:half]) == half
        with pytest.raises(ActRefused, match=f"byte {half}"):
            actions.add_chunk(cast.owner, made, half + 1, b"x")
        with pytest.raises(ActRefused, match="not complete"):
            actions.complete_file(cast.owner, made)
        actions.add_chunk(cast.owner, made, half, content[half:])
        with pytest.raises(ActRefused, match="SHA-256"):
            actions.complete_file(cast.owner, made, "0" * 64)
        actions.complete_file(cast.owner, made)
    with as_actor(cast.colleague), pytest.raises(NotFound):
        actions.add_chunk(cast.colleague, made, 0, b"x")
    with as_job(cast.owner):
        loaded = actions.load_file(cast.owner, made)
        assert actions.load_file(cast.owner, made) == loaded
    row = SightingFile.objects.get(pk=made)
    assert (row.state, row.rows, row.refused) == ("loaded", content.count(b"\n") - 1, 1)
    state = ledger.make_ledger().state()
    assert [origin["order"] for origin in state.origins.values()] == ["Avon: Order 8"]
    assert not state.stale
    with as_actor(cast.outsider):
        assert not SightingFile.objects.exists()


def test_a_tree_that_cannot_be_used_changes_nothing(house: Path, cast: Cast) -> None:
    from opencets_web.sightings import handed_in
    from opencets_web.sightings.models import Jurisdiction

    before = Jurisdiction.objects.filter(ended_at=None).count()
    for wrong, words in (
        ({"version": "2"}, "version and a list"),
        ({"version": "2", "jurisdictions": [{"code": "A"}]}, "no name"),
        ({"version": "2", "jurisdictions": [{"code": "A", "name": "A", "countries": ["Avon"]}]}, "no country"),
        ({"version": "2", "jurisdictions": [{"code": "A", "name": "A", "responsible": "Nobody"}]}, "Nobody"),
        ({"version": "2", "jurisdictions": [{"code": "A", "name": "A"}, {"code": "A", "name": "B"}]}, "twice"),
    ):
        with pytest.raises(ActRefused, match=words):
            handed_in.import_jurisdictions(wrong)
    assert Jurisdiction.objects.filter(ended_at=None).count() == before
    handed_in.import_jurisdictions(
        {"version": "3", "jurisdictions": [{"code": "GB", "name": "Britain", "countries": ["GB"]}]}
    )
    assert [row.name for row in Jurisdiction.objects.filter(ended_at=None)] == ["Britain"]


def test_each_page_answers_and_shows_what_is_open_alone(
    loaded: Path, cast: Cast, client_for: Callable[[Actor], Client]
) -> None:
    browser = client_for(cast.owner)
    for address in (
        "/sightings/", "/sightings/?jurisdiction=bristol&days=90", "/sightings/map/", "/sightings/map/?at=GB",
        "/sightings/map/?at=GB-ENG&days=7&back=3", "/sightings/statistics/", "/sightings/jurisdictions/", "/sightings/received/",
        "/sightings/known-files/", "/sightings/known-files/seek/",
    ):  # fmt: skip
        answer = browser.get(address)
        assert answer.status_code == 200, (address, answer.content[:400])
    assert b"United Kingdom" in browser.get("/sightings/map/").content
    assert browser.get("/sightings/?jurisdiction=DE").status_code == 404


def test_the_map_looked_at_again_says_the_same(loaded: Path, cast: Cast, as_actor: Behind) -> None:
    from opencets_web.sightings.maps import MapWanted, get_map

    with as_actor(cast.owner):
        once, again = (get_map(cast.owner, MapWanted(at="GB", days=60)) for _ in range(2))
    assert once.less > 0, "some are known to the country only"
    assert (again.less, again.computers, again.tiles) == (once.less, once.computers, once.tiles)


def test_what_every_page_asks_first_is_answered_before_anybody_asks(
    loaded: Path, cast: Cast, as_actor: Behind, as_job: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opencets_web.sightings import ahead, ledger
    from opencets_web.sightings.figures import get_figures
    from opencets_web.sightings.queries import Wanted, answers, get_ranking

    asked: list[str] = []
    for name in ("computers", "counts"):
        real = getattr(answers, name)
        monkeypatch.setattr(
            answers, name, lambda *given, of=name, real=real, **how: asked.append(of) or real(*given, **how)
        )
    with as_job(None):
        assert ahead.answer_ahead() >= 3, "Avon's part, and the jurisdictions"
        assert asked
        asked.clear()
        ahead.answer_ahead()
    assert not asked, "the ledger did not go on"
    ledger._recent.clear()
    with as_actor(cast.owner):
        pages = [get_ranking(cast.owner, Wanted()), get_ranking(cast.owner, Wanted(jurisdiction="GB"))]
        assert all(page.rows for page in pages)
        assert get_figures(cast.owner, Wanted()).lines
        assert get_figures(cast.owner, Wanted(jurisdiction="GB")).lines
    assert not asked


def test_an_answer_counts_some_minutes_while_sensors_deliver_and_not_once_somebody_loaded_a_file(
    loaded: Path, cast: Cast, as_actor: Behind, as_job: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opencets_web.sightings import actions, ledger
    from opencets_web.sightings.queries import Wanted, get_ranking

    def computers() -> int:
        ledger._recent.clear()
        with as_actor(cast.owner):
            return get_ranking(cast.owner, Wanted(days=90)).computers

    def more(seed: int) -> Path:
        path = loaded / f"{seed}.jsonl"
        write_sightings(path, seed, NEWEST, computers=30, days=40)
        return path

    before = computers()
    found = ledger.make_ledger()
    list(found.load(read_batches(more(11))))
    found.derive()
    assert computers() == before, "what a sensor delivered is counted some minutes later"
    monkeypatch.setattr(ledger, "BEHIND_SECONDS", 0.0)
    after = computers()
    assert after > before
    monkeypatch.undo()
    with as_actor(cast.owner), more(12).open("rb") as stream:
        made = actions.receive_file(cast.owner, stream, name="12.jsonl", sensor="sensor 1", authority="Order 7")
    with as_job(cast.owner):
        actions.load_file(cast.owner, made)
    counted = computers()
    assert counted > after, "who had a file loaded sees it at once"
    newest = ledger.make_ledger().state().entries
    found.forget("2026-03-05")
    late = loaded / "ledger" / ledger.ANSWERS / str(newest)
    late.mkdir(parents=True)
    question = {"ask": "late"}
    (late / f"{hashlib.sha256(json.dumps(question).encode()).hexdigest()}.json").write_text('{"computers": -1}')
    told = ledger.answered(found, question, lambda: {"computers": 0})
    assert told == {"computers": 0}, "a slow answer from before something was forgotten is not given"

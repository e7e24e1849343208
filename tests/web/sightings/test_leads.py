"""Leads: followed, given, taken into a case, visited and ended; two forces on one computer learn of each other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from opencets.errors import ActRefused, NotFound

if TYPE_CHECKING:
    from django.test import Client

    from opencets_web.policy.actor import Actor
    from tests.web.conftest import Cast

    Behind = Callable[[Actor | None], AbstractContextManager[None]]


@pytest.fixture
def first(loaded: Path, cast: Cast, as_actor: Behind) -> str:
    """The computer in Scotland to look at first."""
    from opencets_web.sightings.queries import Wanted, get_ranking

    with as_actor(cast.owner):
        return get_ranking(cast.owner, Wanted("GB-SCT")).rows[0].identity


def test_two_forces_on_one_computer_learn_of_each_other_and_whom_to_call(
    first: str, cast: Cast, as_actor: Behind
) -> None:
    from opencets_web.sightings import actions, leads
    from opencets_web.sightings.lead_pages import get_queue
    from opencets_web.sightings.models import ComputerLead

    chief = replace(cast.owner, roles=cast.owner.roles | {"supervisor"})
    with as_actor(cast.outsider), pytest.raises(NotFound):
        leads.open_lead(cast.outsider, first)
    with as_actor(chief):
        actions.grant_sight(chief, "GB-SCT", cast.borders.id, "A common series", 30)
        leads.open_lead(chief, first)
        with pytest.raises(ActRefused, match="already"):
            leads.open_lead(chief, first)
        assert not get_queue(chief).rows[0].others
    with as_actor(cast.outsider):
        theirs = leads.open_lead(cast.outsider, first)
        (row,) = get_queue(cast.outsider).rows
        assert [(other.agency, other.phone) for other in row.others] == [("Avon", cast.avon.contact_phone)]
        assert ComputerLead.objects.count() == 1
        # links between identities may change what a computer is named by: the forces meet all the same
        ComputerLead.objects.filter(pk=theirs).update(identity="ab" * 16)
    with as_actor(chief):
        (row,) = get_queue(chief).rows
        assert [other.agency for other in row.others] == ["Borders"]
        with pytest.raises(NotFound):
            leads.assign_lead(chief, theirs, None)
    with as_actor(cast.outsider):
        leads.end_lead(cast.outsider, theirs, "passed-on", "Avon has it.")
    with as_actor(chief):
        assert not get_queue(chief).rows[0].others


def test_a_lead_has_a_clock_an_officer_and_an_end_that_the_order_is_judged_by(
    first: str, cast: Cast, as_actor: Behind
) -> None:
    from opencets_web.sightings import leads
    from opencets_web.sightings.lead_pages import get_lead, get_queue
    from opencets_web.sightings.models import ComputerLead

    with as_actor(cast.owner):
        made = leads.open_lead(cast.owner, first)
        lead = ComputerLead.objects.get(pk=made)
        band = leads.band_of(lead.score)
        assert lead.score > 0
        assert lead.place
        assert lead.due_at == lead.opened_at + dt.timedelta(hours=band.take_hours)
        leads.assign_lead(cast.owner, made, cast.colleague.officer_id)
        lead.refresh_from_db()
        assert lead.due_at == lead.opened_at + dt.timedelta(days=band.act_days)
        with pytest.raises(NotFound):
            leads.assign_lead(cast.owner, made, cast.outsider.officer_id)
        ComputerLead.objects.filter(pk=made).update(due_at=lead.opened_at - dt.timedelta(days=1))
        queue = get_queue(cast.owner, jurisdiction="GB", state="overdue")
        assert [(row.identity, row.overdue, row.assigned) for row in queue.rows] == [(first, True, "Avon colleague")]
        assert not get_queue(cast.owner, jurisdiction="bristol").rows
        with pytest.raises(ActRefused, match="future"):
            leads.record_visit(cast.owner, made, lead.opened_at + dt.timedelta(days=3))
        seen_until = dt.datetime(2026, 3, 10, 23, 59, tzinfo=dt.UTC)
        ComputerLead.objects.filter(pk=made).update(visited_at=seen_until)
        assert not get_lead(cast.owner, [first]).row.again  # type: ignore[union-attr]
        ComputerLead.objects.filter(pk=made).update(visited_at=seen_until - dt.timedelta(days=39))
        assert get_lead(cast.owner, [first]).row.again  # type: ignore[union-attr]
        with pytest.raises(ActRefused, match="became"):
            leads.end_lead(cast.owner, made, "", "")
        leads.end_lead(cast.owner, made, "found", "Two discs.")
        assert [(did.label, did.ended, did.good) for did in get_queue(cast.owner).did] == [(band.label, 1, 1)]
        with pytest.raises(ActRefused, match="ended"):
            leads.assign_lead(cast.owner, made, None)
        leads.reopen_lead(cast.owner, made)
        assert get_lead(cast.owner, [first]).row is not None


def test_taken_into_a_case_its_sightings_become_values_that_a_provider_is_asked_about(
    first: str,
    house: Path,
    cast: Cast,
    as_actor: Behind,
    as_job: Behind,
    client_for: Callable[[Actor], Client],
    rows: list[dict[str, Any]],
) -> None:
    from opencets_web.cases.actions import open_case
    from opencets_web.deconfliction.models import DeclaredValue
    from opencets_web.evidence import reading
    from opencets_web.evidence.models import Claim
    from opencets_web.sightings import leads
    from opencets_web.sightings.lead_pages import get_lead
    from opencets_web.sightings.models import ComputerLead
    from opencets_web.sightings.queries import Wanted, get_ranking

    mine = [row for row in rows if first in row.values()]
    with as_actor(cast.owner):
        open_case(cast.owner, reference="AV-2026-0100", title="Lantern", kind="possession")
        made = leads.open_lead(cast.owner, first)
        with pytest.raises(NotFound):
            leads.take_into_case(cast.owner, made, "AV-2026-9999")
        leads.take_into_case(cast.owner, made, "AV-2026-0100")
        with pytest.raises(ActRefused, match="already"):
            leads.take_into_case(cast.owner, made, "AV-2026-0100")
        assert DeclaredValue.objects.filter(kind="account_id", normal=f"p2p:{first}").count() == 1
    exhibit = ComputerLead.objects.get(pk=made).exhibit_id
    with as_job(cast.owner):
        reading.read_exhibit(cast.owner, UUID(str(exhibit)))
    with as_actor(cast.owner):
        expected = {f"{row['address']}:{row['port']}@{row['observed_at'][:13]}" for row in mine}
        found = set(Claim.objects.filter(kind="ip_port").values_list("normal", flat=True))
        assert found == expected
        assert set(Claim.objects.filter(kind="account_id").values_list("normal", flat=True)) == {f"p2p:{first}"}
        page = get_lead(cast.owner, [first])
        assert page.row is not None
        assert page.row.case == "AV-2026-0100"
        assert page.asked
        ranked = next(row for row in get_ranking(cast.owner, Wanted("GB-SCT")).rows if row.identity == first)
        assert next(bar for bar in ranked.bars if bar.name == "links").points > 0
    _a_suspect_who_teaches_raises_it(cast, as_actor, first)
    _does_it_again(exhibit, first, mine, house)
    browser = client_for(cast.owner)
    answer = browser.get(page.asked[0].url)
    assert answer.status_code == 200
    assert page.asked[0].value.partition(":")[0].encode() in answer.content
    text = browser.get(f"/sightings/computers/{first}/").content
    assert b"AV-2026-0100" in text
    assert browser.get("/sightings/leads/").status_code == 200


def _a_suspect_who_teaches_raises_it(cast: Cast, as_actor: Behind, identity: str) -> None:
    """Signs of access to children are those of suspects in cases that the computer meets, for who may see these."""
    from opencets_web.cases.models import Case
    from opencets_web.sightings.links import children_of
    from opencets_web.sightings.queries import Wanted, get_computer, get_ranking
    from tests.web.entities.conftest import Books

    case, books = Case.objects.get(reference="AV-2026-0100"), Books(cast)
    books.exhibit(case, "EX-9")
    books.record(case, "person", "Witness", ("role_in_case", "witness"), ("occupation", "Teacher"), exhibit="EX-9")
    books.record(case, "person", "Suspect", ("role_in_case", "suspect"), ("occupation", "coachbuilder"), exhibit="EX-9")
    with as_actor(cast.owner):
        assert children_of(cast.owner, [case.reference]) == {}
    said = (("role_in_case", "suspect"), ("occupation", "Swimming coach, Avon Baths"))
    books.record(case, "person", "Second suspect", *said, exhibit="EX-9")
    with as_actor(cast.owner):
        assert children_of(cast.owner, [case.reference]) == {
            case.reference: ("the occupation of a suspect is stated as “Swimming coach, Avon Baths”",)
        }
        ranked = next(row for row in get_ranking(cast.owner, Wanted("GB-SCT")).rows if row.identity == identity)
        bars = {bar.name: bar for bar in ranked.bars}
        assert bars["children"].points > bars["links"].points
        assert "Swimming coach" in get_computer(cast.owner, identity).links[0][2][0]
    with as_actor(cast.outsider):
        assert children_of(cast.outsider, [case.reference]) == {}


def _does_it_again(exhibit: object, identity: str, mine: list[dict[str, Any]], house: Path) -> None:
    """The exhibit's own account names where each comes from, and its sightings give the same history in an empty ledger."""
    from opencets.sighting import Ledger, answers
    from opencets.sighting.reading import read_batches
    from opencets_web.evidence.models import ExhibitFile
    from opencets_web.evidence.vault import piece

    files = {file.name: file for file in ExhibitFile.objects.filter(exhibit_id=exhibit).select_related("blob")}
    kept = {}
    for name in ("account.txt", "replay.jsonl"):
        file = files[name]
        assert file.blob is not None
        with piece(file.blob, file.blob_offset, file.size) as stream:
            kept[name] = stream.read()
    told = kept["account.txt"].decode()
    for words in ("Sensor: sensor 1", "Avon: Order 7", "WHAT IT DOES NOT SAY", "opencets sightings computer", "clock"):
        assert words in told
    path = house / "replay.jsonl"
    path.write_bytes(kept["replay.jsonl"])
    ledger = Ledger.create(house / "again")
    assert sum(done.rows for done in ledger.load(read_batches(path))) == len(mine)
    ledger.derive()
    once, again = answers.history(Ledger.open(house / "ledger"), identity), answers.history(ledger, identity)
    assert [(one.seen_at, one.file, one.address, one.port) for one in again.sightings] == [
        (one.seen_at, one.file, one.address, one.port) for one in once.sightings
    ]
    assert again.gaps == once.gaps

"""The pages of people and identifiers, as browsers of the cast see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from opencets_web.audit.models import Act
from opencets_web.entities import jobs
from opencets_web.entities.models import Judgement
from opencets_web.evidence.models import Claim
from opencets_web.policy.actor import Actor
from tests.web.conftest import Behind, Cast
from tests.web.entities.conftest import Books, exhibit_of

ANNA = (("full_name", "Anna Keller"), ("date_of_birth", "1984-03-09"), ("phone", "07700 900123"))
Browsers = Callable[[Actor | None], Client]
MOST_QUERIES = 25


def addresses(record: Any) -> list[str]:
    return [
        f"/entities/{record.id}/",
        f"/records/{record.id}/",
        f"/cases/{record.case.reference}/people/",
        f"/cases/{record.case.reference}/people/?show=identifiers",
    ]


def test_the_outsider_finds_nothing_until_the_case_is_granted(books: Books, cast: Cast, client_for: Browsers) -> None:
    case = books.case("AV-1")
    record = books.record(case, "person", "Anna Keller", *ANNA)
    for address in addresses(record):
        assert client_for(cast.owner).get(address).status_code == 200, address
        assert client_for(cast.colleague).get(address).status_code == 200, address
        for actor in (cast.outsider, cast.administrator, cast.auditor):
            assert client_for(actor).get(address).status_code == 404, address
        assert client_for(None).get(address).status_code == 302, address
    for show in ("judge", "people", "decisions"):
        answer = client_for(cast.outsider).get(f"/entities/?show={show}&q=Anna")
        assert (answer.status_code, b"Keller" in answer.content) == (200, False)
    books.grant(case, cast.outsider)
    for address in addresses(record):
        assert client_for(cast.outsider).get(address).status_code == 200, address


def test_the_record_page_says_where_every_claim_comes_from(books: Books, cast: Cast, client_for: Browsers) -> None:
    case = books.case("AV-1")
    record = books.record(case, "person", "Anna Keller", *ANNA, ("email", "not an address"))
    page = client_for(cast.owner).get(f"/records/{record.id}/").content.decode()
    for words in (
        "07700 900123",
        "+447700900123",
        "phone.zip › contacts.csv › row 1",
        "csv_table/1",
        "EX-1",
        "not of its kind",
        record.key,
    ):
        assert words in page, words
    assert Act.objects.filter(verb="record.viewed", holding_id=case.holding_id).count() == 1


def test_the_case_page_groups_and_lists_identifiers_with_generic_ones_marked(
    books: Books, cast: Cast, client_for: Browsers
) -> None:
    case, second = books.case("AV-1"), books.case("AV-2")
    books.record(case, "person", "Anna Keller", *ANNA)
    books.record(case, "account", "annak", ("phone", "07700 900123"), ("email", "desk@example.org"))
    books.record(second, "account", "annak", ("phone", "07700 900123"))
    Claim.objects.filter(normal="desk@example.org").update(generic=True)
    page = client_for(cast.owner).get("/cases/AV-1/people/").content.decode()
    assert "1 entities from 2 records" in page
    assert 'href="/cases/AV-2/people/"' in page
    identifiers = client_for(cast.owner).get("/cases/AV-1/people/?show=identifiers&kind=email").content.decode()
    assert "desk@example.org" in identifiers
    assert "generic" in identifiers
    assert "+447700900123" not in identifiers


def test_judging_from_the_queue_and_undoing(books: Books, cast: Cast, as_job: Behind, client_for: Browsers) -> None:
    case = books.case("AV-1")
    left, right = (books.record(case, "person", "Anna Keller", *ANNA[:2]) for _ in range(2))
    with as_job(cast.owner):
        jobs.resolve_people(exhibit_of(case), str(cast.owner.officer_id))
    browser = client_for(cast.owner)
    assert 'name="verdict" value="same"' in browser.get("/entities/?show=within").content.decode()
    asked = {
        "left": left.id,
        "right": right.id,
        "verdict": "different",
        "reason": "Twins.",
        "next": "/entities/?show=within",
    }
    assert client_for(cast.outsider).post("/entities/judge/", asked).status_code == 404
    answer = browser.post("/entities/judge/", asked)
    assert (answer.status_code, answer["Location"]) == (302, "/entities/?show=within")
    judgement = Judgement.objects.get()
    page = browser.get("/entities/?show=within").content.decode()
    assert f"/judgements/{judgement.id}/undo/" in page
    assert "Nothing to judge" in page
    assert client_for(cast.outsider).post(f"/judgements/{judgement.id}/undo/").status_code == 404
    assert (
        browser.post(f"/judgements/{judgement.id}/undo/", {"next": "https://example.net/"})["Location"] == "/entities/"
    )
    assert "Anna Keller and Anna Keller" in browser.get("/entities/?show=within").content.decode()


@pytest.mark.parametrize("address", ["/entities/", "/entities/?show=people", "/entities/?show=decisions"])
def test_the_number_of_queries_does_not_grow_with_the_rows(
    books: Books, cast: Cast, as_job: Behind, client_for: Browsers, address: str
) -> None:
    case = books.case("AV-1")
    records = [
        books.record(case, "person", f"Anna Keller {number}", *ANNA, ("email", f"a{number // 2}@example.org"))
        for number in range(14)
    ]
    with as_job(cast.owner):
        jobs.resolve_people(exhibit_of(case), str(cast.owner.officer_id))
    browser = client_for(cast.owner)
    browser.post("/entities/judge/", {"left": records[0].id, "right": records[1].id, "verdict": "unsure"})
    for url in (address, *addresses(records[0])):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert browser.get(url).status_code == 200
        own = [
            query
            for query in asked.captured_queries
            if not query["sql"].startswith(("set local", "reset", "SAVEPOINT", "RELEASE"))
        ]
        assert len(own) <= MOST_QUERIES, (url, len(own))

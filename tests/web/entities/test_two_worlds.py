"""Two worlds that differ only in hidden records give a reader the same pages, byte for byte: nothing can be inferred.

What is hidden is made to touch what is seen in every way there is: the same values in further cases, doubles of the same
people, accounts that bridge two visible ones, and judgements.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from opencets_web.cases.models import Case
from opencets_web.entities import actions, jobs
from opencets_web.entities.models import Match
from opencets_web.entities.numbering import number_of
from opencets_web.evidence.models import Record
from opencets_web.leads import jobs as leads
from opencets_web.leads.models import Connection
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Holding
from tests.web.conftest import Behind, Cast
from tests.web.entities.conftest import Books, exhibit_of

ANNA = (("full_name", "Anna Keller"), ("date_of_birth", "1984-03-09"))
PHONE, MAIL, BANK = ("phone", "07700 900123"), ("email", "quiet@example.org"), ("iban", "GB33BUKB20201555555555")
OF_THE_REQUEST = re.compile(
    r'<meta name="csrf-token" content="[^"]*">|name="csrfmiddlewaretoken" value="[^"]*"|nonce="[^"]*"|(?<=data-reltime>)[^<]*'
)
"""What differs from one request to the next and tells of no record."""


def _place(case: Case, by: Actor, as_job: Behind) -> None:
    exhibit, officer = exhibit_of(case), str(by.officer_id)
    with as_job(by):
        jobs.count_identifiers(exhibit, officer)
        jobs.resolve_people(exhibit, officer)
        leads.link_exhibit(exhibit, officer)


def _pages(browser: Client, cases: list[Case], records: list[Record]) -> dict[str, str]:
    """The pages of people, pairs, queue and numbers, charts, search and alerts that the reader can open, as sent.

    Connections and what is made of charts: tests/web/leads/test_two_worlds.py.
    """
    addresses = [f"{reverse('entities:list')}?show={show}" for show in ("judge", "within", "people", "decisions")]
    addresses += [f"{reverse('entities:list')}?show=people&q={words}" for words in ("Keller", "07700900123", "hidden")]
    addresses += [reverse("leads:list"), reverse("desk:home"), f"{reverse('desk:search')}?q=keller"]
    for case in cases:
        addresses += [reverse("entities:case", args=[case.reference])]
        addresses += [f"{reverse('entities:case', args=[case.reference])}?show=identifiers"]
    for record in records:
        addresses += [
            reverse("entities:detail", args=[record.id]),
            reverse("entities:number", args=[number_of(record.id)]),
        ]
    addresses += [reverse("entities:record", args=[records[0].id]), reverse("charts:graph", args=[records[0].id])]
    seen = {}
    for address in addresses:
        response = browser.get(address)
        assert response.status_code in (200, 302), (address, response.status_code)
        body = OF_THE_REQUEST.sub("", response.content.decode())
        seen[address] = f"{response.status_code} {response.get('Location', '')} {len(body)} {body}"
    return seen


def test_hidden_records_leave_every_page_of_people_as_it_was(
    books: Books,
    cast: Cast,
    as_job: Behind,
    as_actor: Behind,
    client_for: Callable[[Actor | None], Client],
) -> None:
    ours = [books.case(reference) for reference in ("AV-1", "AV-2")]
    records = [
        books.record(ours[0], "person", "Anna Keller", *ANNA, PHONE, BANK),
        books.record(ours[1], "person", "KELLER Anna", ("full_name", "Keller Anna"), ANNA[1], ("city", "Bristol")),
        books.record(ours[0], "account", "quietowl", ("screen_name", "quietowl"), MAIL),
        books.record(ours[1], "account", "line", PHONE, BANK),
        books.record(ours[1], "person", "Jan Novotny", ("full_name", "Jan Novotny"), ("date_of_birth", "1990-05-01")),
    ]
    for case in ours:
        _place(case, cast.owner, as_job)
    with as_actor(cast.owner):
        actions.judge(cast.owner, records[2].id, records[4].id, "different", "Compared by hand.")
    long_ago = timezone.now() - timedelta(days=3)
    Match.objects.update(found_at=long_ago)
    assert Match.objects.filter(retired_at=None).exists()
    assert Connection.objects.filter(retired_at=None).exists()
    browser = client_for(cast.owner)
    browser.get("/")  # the first look leaves its mark on what is remembered of the officer
    before = _pages(browser, ours, records)

    for number in range(3):
        theirs = books.case(f"BO-{number}", cast.borders)
        Holding.objects.filter(pk=theirs.holding_id).update(disclosure="silent")
        hidden = books.record(theirs, "person", "Hidden Keller", *ANNA, PHONE, MAIL, BANK, ("screen_name", "quietowl"))
        double = books.record(
            theirs, "person", "Jan Novotny", ("full_name", "Jan Novotny"), ("date_of_birth", "1990-05-01")
        )
        _place(theirs, cast.outsider, as_job)
        with as_actor(cast.outsider):
            actions.judge(cast.outsider, hidden.id, double.id, "same", "Theirs to say.")
    for case in ours:
        _place(case, cast.owner, as_job)
    assert Match.objects.filter(retired_at=None, right_agency_id=cast.borders.id).exists()

    after = _pages(browser, ours, records)
    differing = {address for address in before if before[address] != after[address]}
    assert not differing, sorted(differing)

"""Patterns of a case and paths between two: drawn from what the reader sees, and from nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from opencets.errors import NotFound
from opencets_web.audit.models import Act
from opencets_web.cases.models import Case
from opencets_web.cases.queries import get_frame
from opencets_web.evidence.models import Claim, Record
from opencets_web.patterns import between, queries
from opencets_web.policy.actor import Actor
from tests.web.conftest import Behind, Cast
from tests.web.entities.conftest import Books

Browsers = Callable[[Actor | None], Client]
MONDAY = datetime(2026, 3, 2, 21, 10, tzinfo=UTC)
MOST_QUERIES = 25


def message(books: Books, case: Case, sender: str, at: datetime, *recipients: str) -> Record:
    record = books.record(
        case, "message", f"From {sender}", ("sender", sender), *(("recipient", name) for name in recipients),
        conversation="" if recipients else "club",
    )  # fmt: skip
    Record.objects.filter(pk=record.pk).update(at=at, at_text=at.isoformat())
    return record


def club(books: Books, case: Case) -> None:
    """Anna and Ben write to each other, Cleo to both by mail; Ben and Cleo shared an address for an hour."""
    message(books, case, "Anna", MONDAY)
    message(books, case, "Ben", MONDAY + timedelta(minutes=3))
    message(books, case, "Cleo <cleo@example.org>", MONDAY + timedelta(days=40), "Anna", "Ben")
    for name in ("Ben", "Cleo"):
        account = books.record(case, "account", name, ("screen_name", f"{name.lower()}_7"))
        Claim.objects.create(
            holding_id=case.holding_id, agency_id=case.agency_id, case=case, record=account, property="ip_hour",
            kind="ip_hour", raw="198.51.100.7", normal="198.51.100.7@2026-03-02T21", role="own",
        )  # fmt: skip


def test_the_patterns_of_a_case_are_counted_from_its_messages_and_addresses(
    books: Books, cast: Cast, as_actor: Behind
) -> None:
    case = books.case("AV-1")
    club(books, case)
    with as_actor(cast.owner):
        found = queries.get_patterns(cast.owner, get_frame(cast.owner, "AV-1", "patterns:case"))
    assert {(one.sender, one.recipient, one.count) for one in found.exchanges} == {
        ("Anna", "Ben", 1), ("Ben", "Anna", 1), ("Cleo", "Anna", 1), ("Cleo", "Ben", 1),
    }  # fmt: skip
    assert found.week is not None
    assert "Monday, 21:00 to 22:00 UTC, 2 messages" in found.week.sentence
    assert found.months is not None
    assert [bar.slice.month for bar in found.months.bars] == ["2026-03", "2026-04"]
    assert found.together is not None
    assert [(row.left, row.right, len(row.marks)) for row in found.together.rows] == [("Ben", "Cleo", 1)]
    assert found.network is not None
    assert {dot.name for dot in found.network.dots} == {"Anna", "Ben", "Cleo"}


def test_the_page_draws_what_it_tells_in_tables_and_asks_little(books: Books, cast: Cast, client_for: Browsers) -> None:
    case = books.case("AV-1")
    club(books, case)
    books.case("AV-2")
    client = client_for(cast.owner)
    with CaptureQueriesContext(connection) as asked:
        page = client.get(reverse("patterns:case", args=["AV-1"])).content.decode()
    assert len(asked) <= MOST_QUERIES
    assert page.count('role="img"') == 5
    assert page.count("The same as") == 5
    assert "No pattern yet" in client.get(reverse("patterns:case", args=["AV-2"])).content.decode()
    assert client_for(cast.outsider).get(reverse("patterns:case", args=["AV-1"])).status_code == 404
    assert Act.objects.filter(verb="patterns.viewed").count() == 2


def chain(books: Books, hidden: Case | None = None) -> tuple[Record, Record]:
    """Anna and Dora, two ties apart through an account in ``hidden``, or in a case of Avon's."""
    one, two, middle = books.case("AV-1"), books.case("AV-2"), hidden or books.case("AV-3")
    anna = books.record(one, "person", "Anna Keller", ("full_name", "Anna Keller"), ("phone", "07700 900123"))
    books.record(
        middle, "account", "night.heron", ("phone", "07700 900123", "contact"), ("email", "quiet.box@example.org")
    )
    dora = books.record(
        two, "person", "Dora Lind", ("full_name", "Dora Lind"), ("email", "quiet.box@example.org", "contact")
    )
    return anna, dora


def test_a_path_between_two_is_shown_with_every_tie(books: Books, cast: Cast, as_actor: Behind) -> None:
    anna, dora = chain(books)
    with as_actor(cast.owner):
        found = between.get_paths(cast.owner, anna.id, to=dora.id)
        around = between.get_paths(cast.owner, anna.id)
        words = between.get_paths(cast.owner, anna.id, words="Dora")
    (path,) = found.paths
    assert [step["label"] for step in path.steps] == ["Anna Keller", "night.heron", "Dora Lind"]
    assert "the same telephone number +447700900123" in path.sentence
    assert found.together == path.probability == "88 %"
    assert [(one.line.label, one.probability) for one in around.neighbours] == [("Dora Lind", "88 %")]
    assert [line.label for line, _ in words.choices] == ["Dora Lind"]


def test_a_hidden_case_in_between_connects_nothing_until_it_is_released(
    books: Books, cast: Cast, as_actor: Behind
) -> None:
    hidden = books.case("BO-1", cast.borders)
    anna, dora = chain(books, hidden)
    with as_actor(cast.owner):
        found = between.get_paths(cast.owner, anna.id, to=dora.id)
        assert (found.paths, found.complete) == ((), True)
        assert between.get_paths(cast.owner, anna.id).neighbours == ()
    books.grant(hidden, cast.owner)
    with as_actor(cast.owner):
        assert len(between.get_paths(cast.owner, anna.id, to=dora.id).paths) == 1
    with as_actor(cast.outsider), pytest.raises(NotFound):
        between.get_paths(cast.outsider, anna.id)


def test_hidden_records_change_no_byte_of_the_page(books: Books, cast: Cast, client_for: Browsers) -> None:
    anna, dora = chain(books)
    address = f"{reverse('patterns:paths', args=[anna.id])}?to={dora.id}"
    client = client_for(cast.owner)

    def main() -> str:
        page = client.get(address).content.decode()
        return page[page.index("<main") : page.index("</main>")]

    before = main()
    hidden = books.case("BO-1", cast.borders)
    books.record(hidden, "account", "other", ("phone", "07700 900123"), ("email", "quiet.box@example.org"))
    assert main() == before


def test_the_page_of_paths_asks_at_most_twenty_five_times(books: Books, cast: Cast, client_for: Browsers) -> None:
    anna, dora = chain(books)
    client = client_for(cast.owner)
    for tail in (f"?to={dora.id}", "", "?q=Dora"):
        with CaptureQueriesContext(connection) as asked:
            assert client.get(reverse("patterns:paths", args=[anna.id]) + tail).status_code == 200
        assert len(asked) <= MOST_QUERIES, "\n".join(one["sql"][:90] for one in asked)

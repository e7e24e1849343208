"""An agency overrules the count for a value in its own cases, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from opencets.errors import ActRefused, NotFound
from opencets_web.audit.models import Act
from opencets_web.entities import actions, jobs
from opencets_web.entities.models import ValueRuling
from opencets_web.entities.shared import list_shared
from opencets_web.evidence.models import Claim
from opencets_web.leads import jobs as leads
from opencets_web.leads.models import Connection
from opencets_web.leads.weighing import weighed
from opencets_web.policy.actor import Actor
from tests.web.conftest import Behind, Cast
from tests.web.entities.conftest import Books, exhibit_of

DESK = "desk@example.org"


def crowded(books: Books, cast: Cast, as_job: Behind) -> None:
    """Two cases of Avon and ten of Borders hold one address: generic by the count."""
    cases = [books.case("AV-1"), books.case("AV-2"), *(books.case(f"BO-{n}", cast.borders) for n in range(10))]
    for case in cases:
        books.record(case, "account", "desk", ("email", DESK))
    with as_job(cast.owner):
        jobs.count_identifiers(exhibit_of(cases[0]), str(cast.owner.officer_id))
    assert not Claim.objects.filter(normal=DESK, generic=False).exists()


def rule(cast: Cast, as_actor: Behind, as_job: Behind, *, generic: bool, reason: str = "A desk of two people.") -> str:
    with as_actor(cast.owner):
        ruling = str(actions.rule_value(cast.owner, "email", DESK, generic=generic, reason=reason))
    follow(ruling, cast, as_job)
    return ruling


def follow(ruling: str, cast: Cast, as_job: Behind) -> None:
    for job in (jobs.apply_ruling, leads.link_ruled):
        with as_job(cast.owner):
            job(ruling, str(cast.owner.officer_id))


def test_a_value_let_through_links_the_agencys_own_cases_alone_until_the_ruling_ends(
    books: Books, cast: Cast, as_actor: Behind, as_job: Behind
) -> None:
    crowded(books, cast, as_job)
    ruling = rule(cast, as_actor, as_job, generic=False)
    assert set(Claim.objects.filter(normal=DESK, generic=False).values_list("agency_id", flat=True)) == {cast.avon.id}
    (found,) = Connection.objects.filter(retired_at=None)
    assert {found.left_case.reference, found.right_case.reference} == {"AV-1", "AV-2"}
    # Cases of others count for it no more than for any value: what a reader sees follows from what is open to that reader.
    assert found.probability == pytest.approx(0.95, abs=0.001)
    with as_actor(cast.owner):
        assert weighed(cast.owner, [found])[0].probability == pytest.approx(0.95, abs=0.001)
    # A later reading does not undo it.
    late = books.record(found.left_case, "account", "late", ("email", DESK))
    with as_job(cast.owner):
        jobs.count_identifiers(exhibit_of(found.left_case), str(cast.owner.officer_id))
    assert not late.claims.get().generic
    with as_actor(cast.colleague):
        actions.end_ruling(cast.colleague, ValueRuling.objects.get().id)
    follow(ruling, cast, as_job)
    assert not Claim.objects.filter(normal=DESK, generic=False).exists()
    assert not Connection.objects.filter(retired_at=None).exists()
    assert list(Act.objects.filter(verb__startswith="value.").order_by("id").values_list("verb", flat=True)) == [
        "value.ruled", "value.ruling-ended",
    ]  # fmt: skip


def test_a_value_forced_to_say_nothing_is_marked_for_the_agency_and_ruled_anew_keeps_the_history(
    books: Books, cast: Cast, as_actor: Behind, as_job: Behind
) -> None:
    for case in (books.case("AV-1"), books.case("BO-1", cast.borders)):
        books.record(case, "account", "desk", ("email", DESK))
    first = rule(cast, as_actor, as_job, generic=True)
    assert set(Claim.objects.filter(generic=True).values_list("agency_id", flat=True)) == {cast.avon.id}
    assert rule(cast, as_actor, as_job, generic=True) == first
    rule(cast, as_actor, as_job, generic=False, reason="Looked again.")
    assert ValueRuling.objects.count() == 2
    assert ValueRuling.objects.get(pk=first).ended_at is not None
    with as_actor(cast.owner):
        (row,) = list_shared(cast.owner).rows
        assert (row.value, row.cases, row.ruling and row.ruling.reason) == (DESK, 1, "Looked again.")


def test_no_reason_no_right_no_ruling(books: Books, cast: Cast, as_actor: Behind, as_job: Behind) -> None:
    books.record(books.case("AV-1"), "account", "desk", ("email", DESK))
    with as_actor(cast.owner), pytest.raises(ActRefused, match="reason"):
        actions.rule_value(cast.owner, "email", DESK, generic=True, reason=" ")
    with as_actor(cast.outsider), pytest.raises(NotFound):
        actions.rule_value(cast.outsider, "email", DESK, generic=True, reason="A desk.")
    ruling = UUID(rule(cast, as_actor, as_job, generic=True))
    with as_actor(cast.outsider), pytest.raises(NotFound):
        actions.end_ruling(cast.outsider, ruling)
    with as_actor(cast.outsider):
        assert list_shared(cast.outsider).rows == ()


def test_the_page_rules_and_takes_back(books: Books, cast: Cast, client_for: Callable[[Actor | None], Client]) -> None:
    books.record(books.case("AV-1"), "account", "desk", ("email", DESK))
    client, address = client_for(cast.owner), f"{reverse('entities:shared')}?kind=email&value={DESK}"
    assert "It says nothing in our cases" in client.get(address).content.decode()
    asked = {"kind": "email", "value": DESK, "says": "nothing", "reason": "A front desk.", "next": address}
    assert client.post(reverse("entities:rule"), asked).status_code == 302
    page = client.get(address).content.decode()
    assert "Ruled to say nothing" in page
    ruling = ValueRuling.objects.get()
    assert client.post(reverse("entities:ruling-end", args=[ruling.id])).status_code == 302
    assert "Overrule the count" in client.get(address).content.decode()

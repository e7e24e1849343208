"""Counting identifiers and suggesting people across holdings, with the wall up."""

from __future__ import annotations

import pytest
from django.db import ProgrammingError, connection
from django.utils import timezone

from opencets.errors import NotFound
from opencets.resolving.placing import SUGGESTED_FROM
from opencets_web.entities import jobs
from opencets_web.entities.models import CandidateKey, Identifier, Match, Placement
from opencets_web.evidence.models import Claim, Record
from tests.web.conftest import Behind, Cast
from tests.web.entities.conftest import Books, exhibit_of

ANNA = (("full_name", "Anna Keller"), ("date_of_birth", "1984-03-09"), ("phone", "07700 900123"), ("city", "Bristol"))


def test_a_value_turns_generic_past_its_cap_and_back_when_it_falls(books: Books, cast: Cast, as_job: Behind) -> None:
    cases = [books.case(f"AV-{number}") for number in range(11)]
    for case in cases:
        books.record(case, "account", "desk", ("email", "desk@example.org"))
        books.record(case, "account", "again", ("email", "Desk@example.org", "mentioned"))
    with as_job(cast.owner):
        changed = jobs.count_identifiers(exhibit_of(cases[0]), str(cast.owner.officer_id))
    assert [(value.normal, value.cases, value.bucket, value.generic) for value in changed] == [
        ("desk@example.org", 11, 3, True)
    ]
    assert Claim.objects.filter(normal="desk@example.org", generic=True).count() == 22
    identifier = Identifier.objects.get()
    assert (identifier.kind, identifier.cases_count, identifier.bucket, identifier.generic) == ("email", 11, 3, True)
    # A case whose records were replaced by a corrected reading makes the value say something again.
    Record.objects.filter(case=cases[10]).update(retired_at=timezone.now())
    with as_job(cast.owner):
        changed = jobs.count_identifiers(exhibit_of(cases[0]), str(cast.owner.officer_id))
    assert [(value.cases, value.generic) for value in changed] == [(10, False)]
    assert not Claim.objects.filter(normal="desk@example.org", generic=True).exists()


def test_counting_again_changes_nothing_and_marks_claims_that_came_later(
    books: Books, cast: Cast, as_job: Behind
) -> None:
    cases = [books.case(f"AV-{number}") for number in range(12)]
    for case in cases:
        books.record(case, "account", "desk", ("email", "desk@example.org"))
    with as_job(cast.owner):
        assert jobs.count_identifiers(exhibit_of(cases[0]), str(cast.owner.officer_id))
    with as_job(cast.owner):
        assert jobs.count_identifiers(exhibit_of(cases[0]), str(cast.owner.officer_id)) == ()
    late = books.record(cases[3], "account", "late", ("email", "desk@example.org"))
    with as_job(cast.owner):
        assert jobs.count_identifiers(exhibit_of(cases[3]), str(cast.owner.officer_id)) == ()
    assert late.claims.get().generic


def test_cases_of_other_agencies_count_and_their_claims_are_marked(books: Books, cast: Cast, as_job: Behind) -> None:
    mine = books.case("AV-1")
    theirs = [books.case(f"BO-{number}", cast.borders) for number in range(11)]
    books.record(mine, "account", "desk", ("email", "desk@example.org"))
    for case in theirs:
        books.record(case, "account", "desk", ("email", "desk@example.org"))
    with as_job(cast.owner):
        (changed,) = jobs.count_identifiers(exhibit_of(mine), str(cast.owner.officer_id))
    assert changed.cases == 12
    assert Claim.objects.filter(generic=True).count() == 12


def test_an_exhibit_that_is_not_the_officers_is_not_counted(books: Books, cast: Cast, as_job: Behind) -> None:
    exhibit = exhibit_of(books.case("AV-1"))
    for job in (jobs.count_identifiers, jobs.resolve_people):
        with as_job(cast.outsider), pytest.raises(NotFound):
            job(exhibit, str(cast.outsider.officer_id))


def test_two_agencies_records_of_one_person_are_suggested_once_with_reasons(
    books: Books, cast: Cast, as_job: Behind, as_actor: Behind
) -> None:
    ours, theirs = books.case("AV-1"), books.case("BO-1", cast.borders)
    left = books.record(ours, "person", "Anna Keller", *ANNA)
    right = books.record(theirs, "person", "KELLER Anna", ("full_name", "Keller Anna"), *ANNA[1:3])
    with as_job(cast.owner):
        assert jobs.resolve_people(exhibit_of(ours), str(cast.owner.officer_id)) == 0
    with as_job(cast.outsider):
        assert jobs.resolve_people(exhibit_of(theirs), str(cast.outsider.officer_id)) == 1
    with as_job(cast.outsider):
        assert jobs.resolve_people(exhibit_of(theirs), str(cast.outsider.officer_id)) == 0
    match = Match.objects.get()
    assert {match.left_id, match.right_id} == {left.id, right.id}
    assert match.left_id < match.right_id
    assert match.probability > 0.95
    assert {reason["feature"] for reason in match.reasons} == {"name", "birth", "phone"}
    assert all({"sentence", "left", "right", "bits"} <= set(reason) for reason in match.reasons)
    for actor in (cast.owner, cast.outsider):
        with as_actor(actor):
            assert Match.objects.count() == 0
    books.grant(ours, cast.outsider)
    with as_actor(cast.outsider):
        assert Match.objects.count() == 1


def test_a_corrected_reading_retires_what_was_suggested_on_the_old_records(
    books: Books, cast: Cast, as_job: Behind
) -> None:
    case = books.case("AV-1")
    old, _ = (books.record(case, "person", "Anna Keller", *ANNA) for _ in range(2))
    with as_job(cast.owner):
        assert jobs.resolve_people(exhibit_of(case), str(cast.owner.officer_id)) == 1
    Record.objects.filter(pk=old.pk).update(retired_at=timezone.now())
    books.record(case, "person", "Anna Keller", *ANNA)
    with as_job(cast.owner):
        assert jobs.resolve_people(exhibit_of(case), str(cast.owner.officer_id)) == 1
    live = Match.objects.get(retired_at=None)
    assert old.id not in (live.left_id, live.right_id)
    assert Match.objects.count() == 2


def test_contacts_and_mentions_suggest_nobody(books: Books, cast: Cast, as_job: Behind) -> None:
    case = books.case("AV-1")
    books.record(case, "person", "Anna Keller", *ANNA)
    books.record(case, "person", "Tom Reed", ("full_name", "Tom Reed"), ("phone", "07700 900123", "contact"))
    with as_job(cast.owner):
        assert jobs.resolve_people(exhibit_of(case), str(cast.owner.officer_id)) == 0
    assert not Match.objects.exists()


def test_an_identical_bank_account_is_a_reason_of_its_own(books: Books, cast: Cast, as_job: Behind) -> None:
    case = books.case("AV-1")
    for name in ("Anna Keller", "A. Keller"):
        books.record(case, "person", name, ("full_name", name), ("iban", "GB33BUKB20201555555555"))
    with as_job(cast.owner):
        assert jobs.resolve_people(exhibit_of(case), str(cast.owner.officer_id)) == 1
    match = Match.objects.get()
    reason = next(reason for reason in match.reasons if reason["feature"] == "iban")
    assert reason["sentence"] == "the same bank account GB33BUKB20201555555555"
    assert reason["bits"] > 5
    assert match.probability >= SUGGESTED_FROM


def test_the_same_account_twice_is_nothing_to_ask_about(books: Books, cast: Cast, as_job: Behind) -> None:
    case = books.case("AV-1")
    for _ in range(3):
        books.record(case, "account", "redfox", ("screen_name", "redfox84"))
    with as_job(cast.owner):
        assert jobs.resolve_people(exhibit_of(case), str(cast.owner.officer_id)) == 0
    assert CandidateKey.objects.count() >= 3


def test_a_key_that_too_many_share_proposes_nobody(books: Books, cast: Cast, as_job: Behind) -> None:
    case = books.case("AV-1")
    for _ in range(102):
        books.record(case, "person", "Front desk", ("email", "desk@example.org"))
    with as_job(cast.owner):
        assert jobs.resolve_people(exhibit_of(case), str(cast.owner.officer_id)) == 0
    assert not Match.objects.exists()


@pytest.mark.parametrize("model", [Identifier, CandidateKey, Placement])
def test_the_web_role_cannot_read_blind_territory(model: type[Identifier], cast: Cast, as_actor: Behind) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), as_actor(cast.owner):
        model.objects.count()


def test_the_web_role_cannot_open_the_blind_door(cast: Cast) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select pg_has_role('opencets_web', 'opencets_blind', 'member')")
        assert cursor.fetchone() == (False,)


def test_a_suggestion_through_a_value_that_turned_generic_is_taken_back(
    books: Books, cast: Cast, as_job: Behind
) -> None:
    """The order of arrival changes nothing: the last case makes the address generic, and the first two are strangers."""
    cases = [books.case(f"AV-{number}") for number in range(11)]
    for number, case in enumerate(cases[:2]):
        books.record(case, "person", f"Reader {number}", ("full_name", ("Ines Halloran", "Boyd Vasquez")[number]),
                     ("email", "reading.room@example.org"), ("phone", "020 7946 0999"))  # fmt: skip
    officer = str(cast.owner.officer_id)
    for case in cases[:2]:
        with as_job(cast.owner):
            jobs.count_identifiers(exhibit_of(case), officer)
            jobs.resolve_people(exhibit_of(case), officer)
    assert Match.objects.get().retired_at is None
    for number, case in enumerate(cases[2:]):
        books.record(case, "person", f"Visitor {number}", ("full_name", f"Visitor {number}"),
                     ("email", "reading.room@example.org"), ("phone", "020 7946 0999"))  # fmt: skip
    with as_job(cast.owner):
        jobs.count_identifiers(exhibit_of(cases[-1]), officer)
    assert Match.objects.get().retired_at is not None

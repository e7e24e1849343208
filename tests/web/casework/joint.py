"""Cases put in directly, opened to another agency, for the tests of work that several agencies share."""

from __future__ import annotations

from datetime import timedelta

from django.test import Client
from django.utils import timezone

from opencets_web.cases.models import Case
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Grant, Holding
from tests.web.conftest import Cast


def make_case(cast: Cast, reference: str, actor: Actor | None = None) -> Case:
    """A case put in directly, of the actor's agency."""
    by = actor or cast.owner
    holding = Holding.objects.create(agency_id=by.agency_id)
    return Case.objects.create(
        holding=holding, agency_id=by.agency_id, reference=reference, title=f"Case {reference}", kind="possession",
        opened_at=timezone.now(), opened_by_id=by.officer_id,
    )  # fmt: skip


def open_to(case: Case, agency_id: object, level: str = "contribute") -> Grant:
    """The case released to another agency, an hour ago."""
    now = timezone.now()
    return Grant.objects.create(
        holding_id=case.holding_id, agency_id=case.agency_id, to_agency_id=agency_id, level=level, purpose="Joint inquiry",
        granted_by_id=case.opened_by_id, granted_at=now - timedelta(hours=1), expires_at=now + timedelta(days=9),
    )  # fmt: skip


def refused(browser: Client, path: str, given: dict[str, str] | None = None) -> str:
    """The sentence of a refused act."""
    answer = browser.post(path, given or {}, headers={"accept": "application/json"})
    assert answer.status_code == 409, answer.status_code
    return str(answer.json()["sentence"])

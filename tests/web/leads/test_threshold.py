"""Alerts stand together by reason, and connections below an officer's own threshold do not disturb that officer."""

from __future__ import annotations

import pytest
from django.utils import timezone

from opencets.errors import ActRefused
from opencets_web.cases.models import Assignment, Case
from opencets_web.leads import actions, queries
from opencets_web.leads.models import Alert, AlertKind, Connection
from tests.web.conftest import Behind, Cast
from tests.web.entities.conftest import Books


@pytest.fixture
def books(cast: Cast) -> Books:
    """Cases to connect."""
    return Books(cast)


def connect(left: Case, right: Case, strength: float, *kinds: str) -> None:
    """A connection of two cases of Avon with its alert to the first."""
    lower, higher = sorted((left, right), key=lambda case: case.id)
    now = timezone.now()
    found = Connection.objects.create(
        left_case=lower, right_case=higher, left_holding_id=lower.holding_id, left_agency_id=lower.agency_id,
        right_holding_id=higher.holding_id, right_agency_id=higher.agency_id, kinds=list(kinds), hops=1, bits=0.1,
        probability=0.9, strength=strength, sentence=f"{left.reference} meets {right.reference}.", digest="0" * 32,
        model="paths-1", found_at=now, changed_at=now,
    )  # fmt: skip
    Alert.objects.create(
        holding_id=left.holding_id, agency_id=left.agency_id, case=left, kind=AlertKind.CONNECTION, sentence="Neutral.",
        strength=strength, digest=f"connection:{found.id}", connection=found, raised_at=now,
    )  # fmt: skip


def test_alerts_of_one_case_and_reason_stand_together_and_weak_ones_wait(
    books: Books, cast: Cast, as_actor: Behind
) -> None:
    home, *others = (books.case(f"AV-{number}") for number in range(5))
    for case, strength, kind in zip(others, (90, 70, 80, 20), ("email", "email", "phone", "email"), strict=True):
        connect(home, case, strength, kind)
    Assignment.objects.create(
        holding_id=home.holding_id, agency_id=home.agency_id, case=home, officer_id=cast.owner.officer_id,
        since_at=timezone.now(),
    )  # fmt: skip
    with as_actor(cast.owner):
        whole = queries.list_alerts(cast.owner)
        assert [(group.first.strength, len(group.others)) for group in whole.groups] == [(90, 2), (80, 0)]
        assert whole.groups[0].first.reason == "the same e-mail address"
        actions.set_threshold(cast.owner, 45)
        told = queries.list_alerts(cast.owner)
        assert [row.strength for row in told.rows] == [90, 80, 70]
        assert (told.least, told.weaker) == (45, 1)
        assert len(queries.list_alerts(cast.owner, weak=True).rows) == 4
        assert queries.new_of_mine(cast.owner).count() == 3
        with pytest.raises(ActRefused):
            actions.set_threshold(cast.owner, 101)
    with as_actor(cast.colleague):
        assert len(queries.list_alerts(cast.colleague).rows) == 4

"""A case of Avon and one of Borders, with records put in directly: what a reader would have read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from opencets.records import claim as claim_of
from opencets_web.accounts.models import Agency
from opencets_web.cases.models import Case
from opencets_web.evidence.models import Claim, Exhibit, ExhibitFile, FileState, Record
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Grant, Holding
from tests.web.conftest import Cast

Stated = tuple[str, str] | tuple[str, str, str]
"""Property and raw text, and the role where it is not the subject's own."""


@dataclass(frozen=True)
class Books:
    """Puts cases and records in, as the owner of the tables."""

    cast: Cast

    def case(self, reference: str, agency: Agency | None = None, *, restricted: bool = False) -> Case:
        """A case with one exhibit, of Avon unless said otherwise."""
        owned_by = agency or self.cast.avon
        by = self.cast.owner if owned_by == self.cast.avon else self.cast.outsider
        holding = Holding.objects.create(agency=owned_by, restricted=restricted)
        case = Case.objects.create(
            holding=holding, agency=owned_by, reference=reference, title=f"Case {reference}", kind="possession",
            opened_at=timezone.now(), opened_by_id=by.officer_id,
        )  # fmt: skip
        self.exhibit(case, "EX-1")
        return case

    def exhibit(self, case: Case, reference: str) -> Exhibit:
        """An exhibit of one file, read."""
        by = self.cast.owner if case.agency_id == self.cast.avon.id else self.cast.outsider
        exhibit = Exhibit.objects.create(
            holding_id=case.holding_id, agency_id=case.agency_id, case=case, reference=reference, title="A phone",
            state="read", received_by_id=by.officer_id, begun_at=timezone.now(),
        )  # fmt: skip
        ExhibitFile.objects.create(
            holding_id=case.holding_id, agency_id=case.agency_id, exhibit=exhibit, path=["phone.zip", "contacts.csv"],
            name="contacts.csv", size=1200, state=FileState.READ, sha256="ab" * 32,
        )  # fmt: skip
        return exhibit

    def record(
        self, case: Case, kind: str, label: str, *stated: Stated, exhibit: str = "EX-1", **fields: str
    ) -> Record:
        """A record with its claims, normalised as a reader would."""
        source = Exhibit.objects.get(case=case, reference=exhibit)
        file = ExhibitFile.objects.get(exhibit=source)
        count = Record.objects.filter(exhibit=source).count()
        record = Record.objects.create(
            holding_id=case.holding_id, agency_id=case.agency_id, case=case, exhibit=source, file=file,
            key=f"{count:032x}", kind=kind, reader="csv_table/1", place=f"row {count + 1}", label=label,
            read_at=timezone.now(), **fields,
        )  # fmt: skip
        for prop, raw, *role in stated:
            made = claim_of(prop, raw, role=role[0] if role else "own", country="GB", service="chatter")  # type: ignore[arg-type]
            Claim.objects.create(
                holding_id=case.holding_id, agency_id=case.agency_id, case=case, record=record, property=prop,
                kind=made.kind, raw=raw, normal=made.normal, role=made.role, note=made.note,
            )  # fmt: skip
        return record

    def grant(self, case: Case, actor: Actor, level: str = "read") -> Grant:
        """Open a case to another agency."""
        now = timezone.now()
        return Grant.objects.create(
            holding_id=case.holding_id, agency_id=case.agency_id, to_agency_id=actor.agency_id, level=level,
            purpose="Joint inquiry", granted_by_id=case.opened_by_id, granted_at=now - timedelta(minutes=1),
            expires_at=now + timedelta(days=30),
        )  # fmt: skip


@pytest.fixture
def books(cast: Cast) -> Books:
    """Cases and records to look at."""
    return Books(cast)


Resolve = Callable[[Case], UUID]


def exhibit_of(case: Case) -> str:
    """The id of a case's first exhibit, as jobs take it."""
    return str(Exhibit.objects.filter(case=case).order_by("reference").values_list("id", flat=True)[0])

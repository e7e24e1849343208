"""Cases with records put in directly, counted and linked as the worker does it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.utils import timezone

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency, Officer
from opencets_web.cases.models import Assignment, Case
from opencets_web.entities.matching import count_identifiers
from opencets_web.evidence.models import Claim, Exhibit, ExhibitFile, FileState, Record
from opencets_web.leads import linking
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Grant, Holding
from tests.web.conftest import Cast, behind_the_wall

Value = tuple[str, str] | tuple[str, str, str]
"""Kind and normalised value, and the role where it is not the subject's own."""


@contextmanager
def working(actor: Actor) -> Iterator[None]:
    """As a job of that officer; constraints that wait for the end of the transaction are asked at once."""
    with behind_the_wall(actor, "jobs"):
        yield
    with connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")
        cursor.execute("set constraints all deferred")


@dataclass(frozen=True)
class World:
    """Puts cases and records in as the owner of the tables, and lets the worker link them."""

    cast: Cast

    def agency(self, name: str) -> tuple[Agency, Actor]:
        """One more agency with an investigator."""
        agency = Agency.objects.create(
            name=f"{name} Police", short_name=name, country="GB", contact_name=f"{name} desk",
            contact_phone="+442079460111", contact_email=f"desk@{name.lower()}.example.org",
        )  # fmt: skip
        officer = Officer.objects.create(
            email=f"investigator@{name.lower()}.example.org", display_name=f"{name} investigator", agency=agency,
            roles=["investigator"],
        )  # fmt: skip
        self.cast.officers[f"{name} investigator"] = officer
        return agency, Actor.of(officer)

    def by(self, case: Case) -> Actor:
        """The officer whose jobs a case's exhibits start."""
        return Actor.of(Officer.objects.select_related("agency").get(pk=case.opened_by_id))

    def case(
        self, reference: str, by: Actor | None = None, *, disclosure: str = "open", restricted: bool = False
    ) -> Case:
        """A case with one exhibit, of Avon's owner unless said otherwise; they work on it."""
        actor = by or self.cast.owner
        now = timezone.now()
        holding = Holding.objects.create(agency_id=actor.agency_id, disclosure=disclosure, restricted=restricted)
        case = Case.objects.create(
            holding=holding, agency_id=actor.agency_id, reference=reference, title=f"Title of {reference}", kind="possession",
            opened_at=now, opened_by_id=actor.officer_id,
        )  # fmt: skip
        Assignment.objects.create(
            holding=holding, agency_id=actor.agency_id, case=case, officer_id=actor.officer_id, since_at=now
        )
        self.exhibit(case, "EX-1")
        return case

    def exhibit(self, case: Case, reference: str) -> Exhibit:
        """An exhibit of one file, read."""
        exhibit = Exhibit.objects.create(
            holding_id=case.holding_id, agency_id=case.agency_id, case=case, reference=reference, title="A phone",
            state="read", received_by_id=case.opened_by_id, begun_at=timezone.now(),
        )  # fmt: skip
        ExhibitFile.objects.create(
            holding_id=case.holding_id, agency_id=case.agency_id, exhibit=exhibit, path=["phone.zip", "contacts.csv"],
            name="contacts.csv", size=1200, state=FileState.READ, sha256="ab" * 32,
        )  # fmt: skip
        return exhibit

    def record(
        self,
        case: Case,
        *values: Value,
        kind: str = "account",
        exhibit: str = "EX-1",
        label: str = "",
        key: UUID | None = None,
    ) -> Record:
        """A record with normalised values."""
        source = Exhibit.objects.get(case=case, reference=exhibit)
        record = Record.objects.create(
            id=key or new_id(), holding_id=case.holding_id, agency_id=case.agency_id, case=case, exhibit=source,
            file=ExhibitFile.objects.get(exhibit=source), key=new_id().hex, kind=kind, reader="csv_table/1", place="row 1",
            label=label or f"Someone of {case.reference}", read_at=timezone.now(),
        )  # fmt: skip
        for name, value, *role in values:
            Claim.objects.create(
                holding_id=case.holding_id, agency_id=case.agency_id, case=case, record=record, property=name, kind=name,
                raw=value, normal=value, role=role[0] if role else "own",
            )  # fmt: skip
        return record

    def link(self, case: Case, exhibit: str = "EX-1") -> int:
        """What the worker does once an exhibit is read: count values, search, tell; how many alerts were raised."""
        key, actor = Exhibit.objects.get(case=case, reference=exhibit).id, self.by(case)
        with working(actor):
            count_identifiers(actor, key)
            return linking.link_exhibit(actor, key)

    def tell_anew(self, case: Case) -> int:
        """What the worker does after a release or its withdrawal."""
        with working(self.by(case)):
            return linking.tell_anew(case.holding_id)

    def grant(self, case: Case, to: Agency, *, level: str = "read", days: int = 30) -> Grant:
        """Open a case to another agency; days below zero: it has expired."""
        now = timezone.now()
        return Grant.objects.create(
            holding_id=case.holding_id, agency_id=case.agency_id, to_agency=to, level=level, purpose="Joint inquiry",
            granted_by_id=case.opened_by_id, granted_at=now - timedelta(days=60), expires_at=now + timedelta(days=days),
        )  # fmt: skip

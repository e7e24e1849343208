"""Whose value it is, from the file to the entity: two people who list each other as contacts never become one.

Two telephones as real files, read by the real readers: each holds its owner's account and address, and the other one as a
contact, in a call list, as the reader of a message and inside texts.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import pytest

from opencets.parsing import read
from opencets.records import Record as ReadRecord
from opencets.resolving import PersonRow, suggest
from opencets_web.entities import jobs, queries
from opencets_web.entities.models import Match
from opencets_web.evidence.models import Record
from tests.web.conftest import Behind, Cast
from tests.web.entities.conftest import Books, exhibit_of

SUBJECTS = ("own", "device_of")


@dataclass(frozen=True)
class Bearer:
    """One of the two: everything that names them."""

    name: str
    number: str
    phone: str
    email: str
    screen_name: str

    @property
    def values(self) -> frozenset[str]:
        """Their values in canonical form, without the name."""
        return frozenset({self.phone, self.email, f"telegram:{self.number}", f"telegram:{self.screen_name}"})


VICTIM = Bearer("Tilda Ashbrook", "7001001", "+442079460101", "tilda.ashbrook@example.org", "tildaquartz")
OFFENDER = Bearer("Corin Dunleigh", "7002002", "+442079460202", "corin.dunleigh@example.net", "corinmistral")


def telephone(folder: Path, owner: Bearer, other: Bearer) -> Path:
    """The archive of a telephone: a chat export with its contact list, letters, a call list and an address book."""
    first, last = owner.name.split()
    listed, surname = other.name.split()
    said = [
        {"id": at, "type": "message", "date": f"2026-02-03T04:05:0{at}", "date_unixtime": str(1770091500 + at),
         "from": one.name, "from_id": f"user{one.number}", "text": text}
        for at, (one, text) in enumerate(
            [(owner, f"call me on {owner.phone}"), (other, f"my mail is {other.email}, yours is {owner.email}?")]
        )
    ]  # fmt: skip
    export = {
        "personal_information": {"user_id": int(owner.number), "first_name": first, "last_name": last,
                                 "phone_number": owner.phone, "username": f"@{owner.screen_name}"},
        "contacts": {"list": [{"user_id": int(other.number), "first_name": listed, "last_name": surname,
                               "phone_number": other.phone}]},
        "chats": {"list": [{"name": other.name, "type": "personal_chat", "id": 5001, "messages": said}]},
    }  # fmt: skip
    letter = EmailMessage()
    letter["From"], letter["To"] = f"{owner.name} <{owner.email}>", f"{other.name} <{other.email}>"
    letter["Date"], letter["Subject"] = "Tue, 03 Feb 2026 04:05:06 +0000", "hello"
    letter["Message-ID"] = f"<{owner.number}@mail.example.org>"
    letter.set_content(f"write to {other.email} or ring {other.phone}")
    archive = folder / f"{owner.screen_name}.zip"
    with zipfile.ZipFile(archive, "w") as package:
        package.writestr("telegram/result.json", json.dumps(export))
        package.writestr("mail/sent.eml", letter.as_bytes())
        for name, heading in (("calls.csv", "Call time"), ("older-calls.csv", "Began")):
            row = f"2026-02-03T04:00:00Z,outgoing,{other.phone},61"
            package.writestr(name, f"{heading},Direction,Phone number,Duration\n{row}\n")
    return archive


def said_of(record: ReadRecord) -> set[Bearer]:
    """Whom the record's own values name."""
    own = {claim.normal for claim in record.claims if claim.role in SUBJECTS}
    return {bearer for bearer in (VICTIM, OFFENDER) if bearer.values & own}


@pytest.fixture(scope="module")
def telephones(tmp_path_factory: pytest.TempPathFactory) -> dict[Bearer, list[ReadRecord]]:
    """What the readers make of the two telephones."""
    folder = tmp_path_factory.mktemp("telephones")
    return {
        owner: list(read(telephone(folder, owner, other)).records)
        for owner, other in ((VICTIM, OFFENDER), (OFFENDER, VICTIM))
    }


def test_no_record_takes_a_contacts_value_for_its_own(telephones: dict[Bearer, list[ReadRecord]]) -> None:
    for owner, records in telephones.items():
        other = OFFENDER if owner is VICTIM else VICTIM
        roles = {(claim.normal, claim.role) for record in records for claim in record.claims}
        assert {(owner.phone, "own"), (owner.email, "own")} <= roles
        assert {(other.phone, "contact"), (other.email, "contact"), (other.phone, "mentioned")} <= roles
        assert (other.phone, "own") not in roles
        assert all(len(said_of(record)) <= 1 for record in records)
        assert [record for record in records if said_of(record) == {owner}]


def test_the_engine_suggests_nobody_from_contacts(telephones: dict[Bearer, list[ReadRecord]]) -> None:
    rows, whose = [], {}
    for at, record in enumerate(record for records in telephones.values() for record in records):
        if record.kind not in ("person", "account"):
            continue
        own = {claim.property: claim.normal or "" for claim in record.claims if claim.role == "own"}
        rows.append(PersonRow.of({"record_id": f"r{at}", **own}))
        whose[f"r{at}"] = said_of(record)
    found = suggest(rows, at_least=0.05)
    assert not [
        pair for pair in found if whose[pair.left] and whose[pair.right] and whose[pair.left] != whose[pair.right]
    ]


def test_two_who_list_each_other_are_neither_suggested_nor_one_entity(
    telephones: dict[Bearer, list[ReadRecord]], books: Books, cast: Cast, as_job: Behind, as_actor: Behind
) -> None:
    kept: dict[str, set[Bearer]] = {}
    owners: dict[Bearer, Record] = {}
    for owner, records in telephones.items():
        case = books.case(f"AV-{owner.number}")
        for number, record in enumerate(records):
            if record.kind not in ("person", "account", "message", "event"):
                continue
            stated = [
                (claim.property, claim.normal or claim.raw, claim.role) for claim in record.claims if claim.normal
            ]
            row = books.record(case, record.kind, f"{owner.screen_name} {number}", *stated)
            kept[str(row.id)] = said_of(record)
            if dict(record.extra).get("part") == "owner":
                owners[owner] = row
    assert owners.keys() == {VICTIM, OFFENDER}
    for owner in telephones:
        with as_job(cast.owner):
            exhibit = exhibit_of(owners[owner].case)
            jobs.count_identifiers(exhibit, str(cast.owner.officer_id))
            jobs.resolve_people(exhibit, str(cast.owner.officer_id))
    apart = [(kept[str(row.left_id)], kept[str(row.right_id)]) for row in Match.objects.filter(retired_at=None)]
    assert all(not left or not right or left == right for left, right in apart)
    for owner, row in owners.items():
        other = OFFENDER if owner is VICTIM else VICTIM
        with as_actor(cast.owner):
            page = queries.get_entity(cast.owner, row.id)
        assert owner.name in page.label
        members = {str(line.id) for line in page.records}
        assert str(owners[other].id) not in members
        assert all(kept[member] in ({owner}, set()) for member in members)
        # The other one's number stands on the page only as a contact's.
        for attribute in page.attributes:
            for value in attribute.values:
                if value.value in other.values:
                    assert "own" not in value.roles

"""One case with a row of every kind, and people around it: those it is open to, and every sort of person it is closed to."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from opencets.packing.blobs import Stored
    from opencets_web.accounts.models import Agency
    from opencets_web.policy.actor import Actor
    from tests.web.conftest import Cast

REFERENCE = "AV-SMALL-0001"
TITLE = "Lantern and heron"
"""Words that stand on no page of their own: where they are shown, the case is shown."""


@dataclass
class SmallCase:
    """The case, its rows by name, and the people around it by name."""

    cast: Cast
    actors: dict[str, Actor]
    rows: dict[str, Any] = field(default_factory=dict)

    @property
    def unusual(self) -> str:
        """What names the unusual pattern that ``_auditing`` leaves in the log."""
        return f"refusals:{self.cast.owner.officer_id}:{self.rows['pattern_mark'].day.isoformat()}"

    def id_of(self, name: str) -> UUID:
        """The id of a row."""
        return UUID(str(self.rows[name].pk))


def _agency(name: str, kind: str = "police") -> Agency:
    from opencets_web.accounts.models import Agency

    short = name.partition(" ")[0]
    return Agency.objects.create(
        name=name, short_name=short, country="GB", kind=kind, contact_name=f"{short} desk",
        contact_phone="+442079460123", contact_email=f"desk@{short.lower()}.example.org",
    )  # fmt: skip


def _officer(cast: Cast, name: str, agency: Agency) -> Actor:
    from opencets_web.accounts.models import Officer
    from opencets_web.policy.actor import Actor

    officer = Officer.objects.create(
        email=f"{name}@{agency.short_name.lower()}.example.org", display_name=f"{agency.short_name} {name}", agency=agency,
        roles=["investigator"],
    )  # fmt: skip
    cast.officers[name] = officer
    return Actor.of(officer)


def make_small_case(cast: Cast) -> SmallCase:
    """Avon's case with a row of every kind; released to Cambria (read), once to Devon (ended) and to Exe (withdrawn)."""
    from django.utils import timezone

    from opencets_web.policy.models import Grant

    now = timezone.now()
    partners = {
        "partner": _agency("Cambria Police"),
        "former": _agency("Devon Police"),
        "withdrawn": _agency("Exe Police"),
    }
    actors = {name: getattr(cast, name) for name in ("owner", "colleague", "outsider", "administrator", "auditor")}
    actors |= {name: _officer(cast, name, agency) for name, agency in partners.items()}
    actors["provider"] = _officer(cast, "provider", _agency("Lantern Broadband", "provider"))
    made = SmallCase(cast, actors)
    _cases(made, now)
    _evidence(made, now)
    _media(made, now)
    _between(made, now)
    _grading(made, now)
    _leads(made, now)
    _cameras(made, now)
    case = made.rows["case"]
    for name, agency in partners.items():
        begun = now - timedelta(days=30)
        made.rows[f"grant_{name}"] = Grant.objects.create(
            holding=case.holding, agency=cast.avon, to_agency=agency, level="read", purpose="A common series",
            granted_by_id=cast.owner.officer_id, granted_at=begun,
            expires_at=now - timedelta(days=1) if name == "former" else now + timedelta(days=30),
            withdrawn_at=now - timedelta(days=2) if name == "withdrawn" else None,
        )  # fmt: skip
    _sharing(made, now)
    _casework(made, now)
    _standards(made, now)
    _inquiries(made, now)
    _disclosure(made, now)
    _deconfliction(made, now)
    _releases(made, now)
    _people(made, now)
    _auditing(made, now)
    _emergencies(made, now)
    _sightings(made, now)
    _supervision(made, now)
    return made


def _supervision(made: SmallCase, now: datetime) -> None:
    """The case is also a supervised person's file: a device with an order, a draft, a hit with its review, a fault, care."""
    from opencets_web.supervision import models

    cast, rows = made.cast, made.rows
    by = {"holding": rows["case"].holding, "agency": cast.avon}
    who = cast.owner.officer_id
    person = rows["supervised"] = models.SupervisedPerson.objects.create(
        **by, case=rows["case"], reference=REFERENCE, name=TITLE, in_charge_id=who, opened_at=now
    )
    for number, name in enumerate(("watched_device", "other_device")):
        rows[name] = models.Device.objects.create(
            id=UUID(int=0xDE00 + number), **by, person=person, name=TITLE, key=f"none-{number}", accounts=["sam"], enrolled_at=now,
            enrolled_by_id=who,
        )  # fmt: skip
        models.DeviceState.objects.create(**by, device=rows[name])
    of = {**by, "person": person, "device": rows["watched_device"]}
    for name, state, number, document in (("order", "signed", 1, "{}"), ("order_draft", "draft", 2, "")):
        rows[name] = models.Order.objects.create(
            **of, order_ref=UUID(int=0x0D), version=number, state=state, document=document, words=TITLE, complaint="The chief",
            begins_at=now, ends_at=now + timedelta(days=9), drafted_by_id=who, drafted_at=now, signed_at=now if document else None,
        )  # fmt: skip
    rows["condition"] = models.Condition.objects.create(
        **by, order=rows["order_draft"], ref="C1", words=TITLE, collectors=["typed"]
    )
    rows["sent_entry"] = models.Entry.objects.create(
        **by,
        device=rows["watched_device"],
        seq=1,
        boot="b",
        at=now,
        at_text="x",
        mono_ms=1,
        kind="hit",
        hash="0" * 64,
        received_at=now,
    )
    rows["hit"] = models.Hit.objects.create(
        **of, seq=1, at=now, received_at=now, severity=3, library="neutral", phrase=TITLE, condition="C1", collector="typed",
        said={"match": TITLE}, delete_on=now.date() + timedelta(days=9),
    )  # fmt: skip
    rows["hit_review"] = models.Review.objects.create(
        **by, hit=rows["hit"], stage=2, officer_id=who, verdict="watch", severity=3, at=now
    )
    rows["fault"] = models.Fault.objects.create(**of, kind="gap", sentence=TITLE, mark="gap-1", at=now)
    rows["appointment"] = models.Appointment.objects.create(
        **by, person=person, kind="visit", words=TITLE, due_at=now, made_by_id=who, made_at=now
    )
    rows["contact"] = models.Contact.objects.create(
        **by, person=person, kind="work", name=TITLE, entered_by_id=who, entered_at=now
    )
    rows["goal"] = models.Plan.objects.create(**by, person=person, words=TITLE, made_by_id=who, made_at=now)
    rows["assessment"] = models.Assessment.objects.create(
        **by, person=person, instrument="none", version="1", answers={}, score="0", rater_id=who, at=now
    )
    rows["breach_report"] = models.BreachReport.objects.create(
        **by, person=person, condition="C1", purpose="A hearing", hits=[], made_by_id=who, made_at=now, sha256="0" * 64
    )
    rows["known_list"] = models.KnownList.objects.create(
        agency=cast.avon, name="known", version="1", authority="None", digest="0" * 64, content="AAAA", entries_count=0,
        handed_in_by_id=who, handed_in_at=now,
    )  # fmt: skip
    rows["phrase_library"] = models.PhraseLibrary.objects.create(
        agency=cast.avon,
        name="neutral",
        version="1",
        digest="0" * 64,
        content=b"{}",
        handed_in_by_id=who,
        handed_in_at=now,
    )


@dataclass
class Numbered:
    """What stands in the ledger of sightings, not in a table: a computer or a known file, by its digits."""

    pk: UUID


def _sightings(made: SmallCase, now: datetime) -> None:
    """Avon is responsible for a jurisdiction with one computer, has a list with its file, and opened it to Borders for a time."""
    import pyarrow as pa
    from django.conf import settings

    from opencets.sighting import Batch, Ledger, Origin
    from opencets_web.sightings.models import (
        ComputerLead,
        FileSet,
        Jurisdiction,
        Sensor,
        SensorState,
        SetFile,
        Sight,
        SightingFile,
    )

    cast, rows = made.cast, made.rows
    computer, file = (Numbered(UUID(int=number << 64 | 7)) for number in (0xACE, 0xBEE))
    rows |= {"computer": computer, "known_file": file}
    ledger = Ledger.create(Path(settings.SIGHTINGS))
    seen = pa.table(
        {
            "seen_at": pa.array([datetime(2026, 1, 2, 3, 4)], pa.timestamp("ms")), "network": ["edonkey"],
            "identity": [computer.pk.hex], "identity_kind": ["user_hash"], "file": [file.pk.hex], "address": ["192.0.2.1"],
            "port": pa.array([4662], pa.uint16()), "evidence": ["handshake"], "country": ["GB"],
        }
    )  # fmt: skip
    if not all(done.again for done in ledger.load([Batch.of(Origin("small case"), seen)])):
        ledger.derive()
    by = {"agency": cast.avon}
    rows["jurisdiction"] = Jurisdiction.objects.create(
        code="GB", name="United Kingdom", countries=["GB"], responsible=cast.avon, version="small", read_at=now
    )
    for name, withdrawn in (("sight", None), ("closed_sight", now)):
        rows[name] = Sight.objects.create(
            **by, jurisdiction=rows["jurisdiction"], to_agency=cast.borders, purpose="A common series",
            granted_by_id=cast.owner.officer_id, granted_at=now - timedelta(days=9),
            expires_at=now - timedelta(days=1) if withdrawn is None else now + timedelta(days=9), withdrawn_at=withdrawn,
        )  # fmt: skip
    for name, withdrawn in (("file_set", None), ("past_file_set", now)):
        rows[name] = FileSet.objects.create(
            **by, name=name, authority="Section 12", sha256="0" * 64, entries_count=1, imported_by_id=cast.owner.officer_id,
            imported_at=now, expires_on=now.date() + timedelta(days=30), withdrawn_at=withdrawn,
        )  # fmt: skip
    for name, end in (("computer_lead", {"due_at": now}), ("ended_lead", {"ended_at": now, "outcome": "nothing"})):
        rows[name] = ComputerLead.objects.create(
            **by, identity=computer.pk.hex, identities=[computer.pk.hex], jurisdiction=rows["jurisdiction"], model="computers-1",
            opened_by_id=cast.owner.officer_id, opened_at=now, **end,
        )  # fmt: skip
    for number, (name, withdrawn) in enumerate((("sensor", None), ("withdrawn_sensor", now))):
        rows[name] = Sensor.objects.create(
            id=UUID(int=number << 64 | 9), **by, name=name, key=f"{number}" * 44, authority="Order 7", purpose="A common series",
            expires_on=now.date() + timedelta(days=30), registered_by_id=cast.owner.officer_id, registered_at=now,
            withdrawn_at=withdrawn,
        )  # fmt: skip
        SensorState.objects.create(sensor=rows[name], **by)
    rows["set_file"] = SetFile.objects.create(**by, file_set=rows["file_set"], digest=file.pk.hex, category="UK:1")
    rows["sighting_file"] = SightingFile.objects.create(
        **by,
        name="day.jsonl",
        sensor="sensor 1",
        authority="Order 7",
        received_by_id=cast.owner.officer_id,
        received_at=now,
    )


def _people(made: SmallCase, now: datetime) -> None:
    """What an administrator of Avon finds: a colleague with a certification and an absence, an invitation, a review."""
    from opencets_web.accounts.models import Certification
    from opencets_web.officers.models import AccessReview, Cover, Invitation
    from opencets_web.push.models import Subscription

    cast, rows, today = made.cast, made.rows, now.date()
    by = {"agency": cast.avon, "entered_by_id": cast.administrator.officer_id}
    rows["officer"] = cast.officers["colleague"]
    rows["certification"] = Certification.objects.create(
        **by, officer=rows["officer"], kind="media-grading", issued_on=today - timedelta(days=30),
        expires_on=today + timedelta(days=300), issued_by="Avon training unit",
    )  # fmt: skip
    rows["cover"] = Cover.objects.create(
        **by, absent=rows["officer"], by_id=cast.owner.officer_id, from_on=today, until_on=today + timedelta(days=5)
    )
    rows["account_invitation"] = Invitation.objects.create(
        agency=cast.avon, email="new@avon.example.org", display_name="Avon newcomer", roles=["analyst"],
        token_hash="0" * 64, invited_by_id=cast.administrator.officer_id, invited_at=now,
        expires_at=now + timedelta(days=7),
    )  # fmt: skip
    rows["subscription"] = Subscription.objects.create(
        officer_id=cast.owner.officer_id, agency=cast.avon, session="0" * 64, endpoint="https://push.example.org/small",
        endpoint_hash="ab" * 32, p256dh="none", auth="none", browser="Firefox on Linux", made_at=now,
    )  # fmt: skip
    rows["review"] = AccessReview.objects.create(agency=cast.avon, opened_on=today, due_on=today + timedelta(days=30))
    _identity_providers(made, now)


def _identity_providers(made: SmallCase, now: datetime) -> None:
    from opencets_web.federation.models import Attempt, Binding, IdentityProvider

    cast, rows = made.cast, made.rows
    by = {
        "agency": cast.avon,
        "registered_by_id": cast.administrator.officer_id,
        "registered_at": now,
        "changed_at": now,
    }
    for name in ("identity_provider", "past_identity_provider"):
        rows[name] = IdentityProvider.objects.create(
            **by, kind="oidc", name=f"Staff sign-in, {name}", issuer="https://login.avon.example.org", client_id="opencets",
            domains=["avon.example.org"], tried_at=now, ended_at=now if name == "past_identity_provider" else None,
        )  # fmt: skip
    for name, ended in (("binding", None), ("past_binding", now)):
        rows[name] = Binding.objects.create(
            agency=cast.avon, provider=rows["identity_provider" if ended is None else "past_identity_provider"],
            officer=rows["officer"], subject=name, bound_at=now, ended_at=ended,
        )  # fmt: skip
    rows["attempt"] = Attempt.objects.create(
        provider=rows["identity_provider"], state="a state", nonce="a nonce", verifier="a verifier", begun_at=now
    )


def _cases(made: SmallCase, now: datetime) -> None:
    from opencets_web.cases.models import Assignment, Case, Note, PartnerNumber
    from opencets_web.policy.models import Holding

    cast, rows = made.cast, made.rows
    for name, agency, reference, title, by in (
        ("case", cast.avon, REFERENCE, TITLE, cast.owner),
        ("second", cast.avon, "AV-SMALL-0002", "Second of Avon", cast.owner),
        ("third", cast.avon, "AV-SMALL-0003", "Third of Avon", cast.owner),
        ("other", cast.borders, "BO-SMALL-0001", "Case of Borders", cast.outsider),
        ("further", cast.borders, "BO-SMALL-0002", "Second of Borders", cast.outsider),
    ):
        holding = Holding.objects.create(agency=agency)
        rows[name] = Case.objects.create(
            holding=holding, agency=agency, reference=reference, title=title, kind="possession", opened_at=now,
            opened_by_id=by.officer_id,
        )  # fmt: skip
    under = _under(made)
    rows["assignment"] = Assignment.objects.create(
        **under, case=rows["case"], officer_id=cast.owner.officer_id, since_at=now
    )
    rows["number"] = PartnerNumber.objects.create(**under, case=rows["case"], partner="Laboratory", number="L-77")
    rows["note"] = Note.objects.create(
        **under, case=rows["case"], author_id=cast.owner.officer_id, text=f"{TITLE}: call back.", written_at=now
    )


def _casework(made: SmallCase, now: datetime) -> None:
    from opencets_web.cases.models import FieldChange, PartnerNumber
    from opencets_web.casework.models import CaseLink, Comment, Decision, Notice, Presence, Task
    from opencets_web.policy.models import Grant

    cast, rows, under = made.cast, made.rows, _under(made)
    owner, case = cast.owner.officer_id, rows["case"]
    rows["removed_number"] = PartnerNumber.objects.create(
        **under, case=case, partner="Provider", number="P-77", removed_at=now
    )
    rows["change"] = FieldChange.objects.create(
        **under, case=case, field="title", before="Before", after=TITLE, by_id=owner, at=now
    )
    for name, withdrawn in (("comment", None), ("withdrawn_comment", now)):
        rows[name] = Comment.objects.create(
            **under, case=case, author_id=owner, text=f"{TITLE}: see this.", written_at=now, withdrawn_at=withdrawn
        )
    for name, ended in (("task", {}), ("done_task", {"done_at": now}), ("withdrawn_task", {"withdrawn_at": now})):
        rows[name] = Task.objects.create(
            **under, case=case, title=f"{TITLE}: call", for_officer_id=owner, made_by_id=owner, made_at=now, **ended
        )
    rows["decision"] = Decision.objects.create(
        **under, case=case, what=f"{TITLE}: go on", reason="It leads somewhere.", by_id=owner, at=now
    )
    ends = sorted((case, rows["second"]), key=lambda one: one.id)
    for name, withdrawn in (("link", None), ("past_link", now)):
        rows[name] = CaseLink.objects.create(
            left_holding_id=ends[0].holding_id, left_agency_id=ends[0].agency_id, right_holding_id=ends[1].holding_id,
            right_agency_id=ends[1].agency_id, left_case=ends[0], right_case=ends[1], reason=TITLE, linked_by_id=owner,
            linked_at=now, withdrawn_at=withdrawn,
        )  # fmt: skip
    for name, officer in (("notice", owner), ("colleagues_notice", cast.colleague.officer_id)):
        rows[name] = Notice.objects.create(
            **under, case=case, officer_id=officer, by_id=owner, sentence=f"{TITLE}: you are named.",
            url=f"/cases/{REFERENCE}/casework/", at=now,
        )  # fmt: skip
    rows["presence"] = Presence.objects.create(
        **under, case=case, officer_id=owner, of_agency=cast.avon, since_at=now, until_at=now + timedelta(minutes=1)
    )
    # Under another case of Avon, so that Borders is invited, and still no reader of the case itself.
    for name, state in (("invitation", "invited"), ("declined_invitation", "declined"), ("joined_invitation", "open")):
        rows[name] = Grant.objects.create(
            **_under(made, "third"), to_agency=cast.borders, level="read", purpose="A common series",
            granted_by_id=owner, granted_at=now - timedelta(days=1), expires_at=now + timedelta(days=30), invited=True, state=state,
        )  # fmt: skip


def _under(made: SmallCase, case: str = "case") -> dict[str, Any]:
    return {"holding_id": made.rows[case].holding_id, "agency_id": made.rows[case].agency_id}


def _between_cases(made: SmallCase, left: str, right: str) -> dict[str, Any]:
    sides = {"left": made.rows[left], "right": made.rows[right]}
    return {
        f"{side}_{part}_id": getattr(case, f"{part}_id")
        for side, case in sides.items()
        for part in ("holding", "agency")
    }


def _evidence(made: SmallCase, now: datetime) -> None:
    from opencets_web.evidence.models import Blob, Claim, CustodyEntry, Exhibit, ExhibitFile, Record, ReportLine, Upload

    cast, rows, under = made.cast, made.rows, _under(made)
    case = rows["case"]
    stored = _stored_picture()
    rows["blob"] = Blob.objects.create(
        **under, path=stored.blob_id, wrapped_key=stored.wrapped_key, size=stored.size, sha256=stored.sha256,
        media_type="image/jpeg", created_at=now,
    )  # fmt: skip
    exhibit = rows["exhibit"] = Exhibit.objects.create(
        **under, case=case, reference="EX-1", title=TITLE, state="read", received_by_id=cast.owner.officer_id, begun_at=now,
        received_at=now, reading_at=now, read_at=now,
    )  # fmt: skip
    rows["custody"] = CustodyEntry.objects.create(
        **under,
        exhibit=exhibit,
        at=now,
        officer_id=cast.owner.officer_id,
        act="received",
        sentence="One file was received.",
    )
    rows["upload"] = Upload.objects.create(
        **under, exhibit=exhibit, officer_id=cast.owner.officer_id, path="people.csv", length=10, wrapped_key=b"k" * 40,
        blob_path="none", begun_at=now,
    )  # fmt: skip
    rows["file"] = ExhibitFile.objects.create(
        **under, exhibit=exhibit, path=["people.csv"], name="people.csv", size=10, state="read", format="table",
        signals={"columns": [[0, "Name", "full_name", 0.9, "The header says so.", ["Ada Example"]]]},
    )  # fmt: skip
    for name in ("picture", "near"):
        rows[name] = ExhibitFile.objects.create(
            **under, exhibit=exhibit, path=[f"{name}.jpg"], name=f"{name}.jpg", size=stored.size, state="read", format="picture",
            media_type="image/jpeg", blob=rows["blob"], sha256=stored.sha256,
        )  # fmt: skip
    for name, kind, file in (
        ("person", "person", "file"), ("twin", "person", "file"), ("said", "message", "file"),
        ("picture_record", "media", "picture"), ("near_record", "media", "near"),
    ):  # fmt: skip
        rows[name] = Record.objects.create(
            **under, case=case, exhibit=exhibit, file=rows[file], key=name, kind=kind, reader=f"{file}/1", place=f"row {name}",
            label=f"{TITLE} {name}", body=f"{TITLE}!" if kind == "message" else "", at_text="2026-01-02T03:04:05Z",
            conversation="Harbour", read_at=now, linked_at=now,
        )  # fmt: skip
    rows["claim"] = Claim.objects.create(
        **under,
        case=case,
        record=rows["person"],
        property="email",
        kind="email",
        raw="Ada@example.org",
        normal="ada@example.org",
    )
    rows["report_line"] = ReportLine.objects.create(
        **under, exhibit=exhibit, file=rows["file"], path="file.csv", place="row 3", code="columns",
        sentence="Row 3 has 2 columns, 3 expected; row skipped.", key="k1",
    )  # fmt: skip


def _stored_picture() -> Stored:
    """A small picture in the store of this run, sealed as every file is: anew, since other tests empty the store."""
    from PIL import Image

    from opencets_web.evidence.vault import store

    drawn = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(drawn, "JPEG")
    return store().put(io.BytesIO(drawn.getvalue()))


def _media(made: SmallCase, now: datetime) -> None:
    from opencets_web.media.models import EntryVote, Frame, HashEntry, HashSet, HeldEntry, Media, NearDuplicate
    from opencets_web.videos.models import SharedFootage

    rows, under = made.rows, _under(made)
    for name in ("picture", "near"):
        rows[f"{name}_media"] = Media.objects.create(
            **under, case=rows["case"], record=rows[f"{name}_record"], file=rows[name], sha256=rows[name].sha256,
            media_type="image/jpeg", width=256, height=256, pdq=bytes(32), quality=100, thumbnail=rows["blob"],
            thumbnail_size=rows["blob"].size, strip_size=0, matched_at=now,
        )  # fmt: skip
    _marks(made, now)
    _texts(made, now)
    left, right = sorted((rows["picture_media"], rows["near_media"]), key=lambda media: media.id)
    rows["near_duplicate"] = NearDuplicate.objects.create(
        **_between_cases(made, "case", "case"), left=left, right=right, distance=3, found_at=now
    )
    rows["shared_footage"] = SharedFootage.objects.create(
        **_between_cases(made, "case", "case"), left=left, right=right, left_begin=1.0, left_end=9.0, right_begin=0.0,
        right_end=8.0, speed=1.0, share=0.9, frames=8, distance=4.0, orientation="as it stands", found_at=now,
    )  # fmt: skip
    rows["frame"] = Frame.objects.create(**under, media=rows["picture_media"], second=1.0, pdq=bytes(32), quality=90)
    for name in ("hash_set", "past_hash_set"):
        rows[name] = HashSet.objects.create(
            agency=made.cast.avon, name=f"Hashes of Avon, {name}", source="Laboratory", authority="Court order", format="csv",
            imported_at=now, imported_by_id=made.cast.owner.officer_id, state="matched",
            withdrawn_at=now if name == "past_hash_set" else None,
        )  # fmt: skip
    rows["hash_entry"] = HashEntry.objects.create(hash_set=rows["hash_set"], md5="ab" * 16)
    of_avon = {"hash_set": rows["hash_set"], "agency": made.cast.avon}
    rows["held_entry"] = HeldEntry.objects.create(
        **of_avon,
        entry=rows["hash_entry"],
        files=2431,
        because="It marked more than 2,000 different files.",
        held_at=now,
    )
    rows["entry_vote"] = EntryVote.objects.create(
        **of_avon, entry_id=rows["hash_entry"].id, officer_id=made.cast.owner.officer_id, confirms=False,
        reason="A logo of Avon", voted_at=now,
    )  # fmt: skip
    _exposure(made, now)


def _exposure(made: SmallCase, now: datetime) -> None:
    """Words and masks of a colleague on the near-duplicate, two officers asked for once, and an ask of the colleague."""
    from opencets_web.exposure.models import Ask, TwoPerson
    from opencets_web.media.models import Description, Mask

    rows, under, officers = made.rows, _under(made), made.cast.officers
    of = {**under, "case": rows["case"], "sha256": "cd" * 32}
    rows["description"] = Description.objects.create(
        **{**of, "sha256": rows["near"].sha256},
        text="A room with a lamp",
        written_by=officers["colleague"],
        written_at=now,
    )
    for name, ended in (("mask", None), ("past_mask", now)):
        rows[name] = Mask.objects.create(
            **of, left=0, top=0, width=500, height=500, drawn_by=officers["colleague"], drawn_at=now, withdrawn_at=ended
        )
    rows["two_person"] = TwoPerson.objects.create(
        **under, case=rows["case"], set_by=officers["colleague"], set_at=now, ended_at=now
    )
    rows["presence_ask"] = Ask.objects.create(
        agency=made.cast.avon, kind="presence", officer=officers["colleague"], on=now.date(), asked_at=now,
        lapses_at=now + timedelta(minutes=10),
    )  # fmt: skip


def _grading(made: SmallCase, now: datetime) -> None:
    from opencets_web.grading.models import (
        EntryRelease,
        Grade,
        GradeDecision,
        GradingAct,
        GradingRule,
        Series,
        SeriesMember,
    )

    rows, owner = made.rows, made.cast.owner.officer_id
    under = {**_under(made), "case": rows["case"]}
    medium = rows["picture_media"]
    file = {"media": medium, "sha256": medium.sha256}
    rows["series"] = Series.objects.create(
        **under, key="0" * 16, number=1, files=1, kinds=["near"], found_at=now, grown_at=now
    )
    rows["series_member"] = SeriesMember.objects.create(
        **under, **file, series=rows["series"], group=0, kind="near", weight=1.0, sentence="They have the same PDQ.",
        beside=medium.sha256, joined_at=now,
    )  # fmt: skip
    for name, undone in (("grading_act", None), ("undone_act", now)):
        rows[name] = GradingAct.objects.create(
            **under, officer_id=owner, scheme="UK", code="1", how="single", files=1, client_id=name, at=now, undone_at=undone
        )  # fmt: skip
    rows["grade"] = Grade.objects.create(
        **under, **file, act=rows["grading_act"], officer_id=owner, scheme="UK", edition="1", code="1", how="single", at=now
    )  # fmt: skip
    Grade.objects.create(
        **under, **file, act=rows["undone_act"], officer_id=owner, scheme="US", edition="1", code="1", how="single", at=now,
        ended_at=now, undone=True,
    )  # fmt: skip
    kept = {"votes": 3, "agreeing": 3, "code": "1", "changed_at": now}
    rows["decision_ready"] = GradeDecision.objects.create(**under, **file, **kept, scheme="BASELINE")
    rows["decision_released"] = GradeDecision.objects.create(**under, **file, **kept, scheme="UK")
    rows["decision_differs"] = GradeDecision.objects.create(
        **under, **file, scheme="US", state="differs", votes=2, changed_at=now
    )
    rows["decision_settled"] = GradeDecision.objects.create(
        **under, **file, **kept, scheme="DE", state="settled", settled_at=now, settled_by_id=owner, reason="By the law."
    )
    rows["decision_anew"] = GradeDecision.objects.create(**under, **file, scheme="INDUSTRY", round=2, changed_at=now)
    for name, scheme, ended in (("entry", "decision_released", None), ("past_entry", "decision_settled", now)):
        rows[name] = EntryRelease.objects.create(
            **under, **file, decision=rows[scheme], scheme="UK", code="1", votes=3, authority="Section 12, Example Act",
            released_at=now, released_by_id=owner, withdrawn_at=ended, withdrawn_because="A drawing" if ended else "",
        )  # fmt: skip
    rows["grading_rule"] = GradingRule.objects.create(
        agency=made.cast.avon, votes=3, changed_by_id=owner, changed_at=now
    )


def _cameras(made: SmallCase, now: datetime) -> None:
    from opencets_web.cameras.models import CameraJudgement, CameraMatch, Device, Fingerprint, NoiseLook

    rows, under, owner = made.rows, _under(made), made.cast.owner.officer_id
    device = rows["device"] = Device.objects.create(
        **under, case=rows["case"], name=f"{TITLE} camera", made_by_id=owner, made_at=now
    )
    for name, withdrawn in (("camera_fingerprint", None), ("past_camera_fingerprint", now)):
        rows[name] = Fingerprint.objects.create(
            **under, case=rows["case"], device=device, chosen=[rows["near_media"].id], state="compared", blob=rows["blob"],
            width=256, height=256, references_count=3, agreement=200.0, asked_by_id=owner, asked_at=now, made_at=now,
            withdrawn_at=withdrawn,
        )  # fmt: skip
    rows["noise_look"] = NoiseLook.objects.create(**under, media=rows["picture_media"], compared_at=now)
    between = _between_cases(made, "case", "case")
    for name, media in (("camera_match", "picture_media"), ("judged_camera_match", "near_media")):
        rows[name] = CameraMatch.objects.create(
            **between, fingerprint=rows["camera_fingerprint"], media=rows[media], pce=90.0, by_theory=0.0, found_at=now
        )
    rows["camera_judgement"] = CameraJudgement.objects.create(
        **between, match=rows["judged_camera_match"], same=True, reason=TITLE, by_id=owner, at=now
    )


def _marks(made: SmallCase, now: datetime) -> None:
    from opencets_web.marks.models import FrameSignal, Mark, MarkJudgement, MarkMatch, MarkRegion, RegionSignal

    rows, under = made.rows, _under(made)
    by = {"made_by_id": made.cast.owner.officer_id, "made_at": now}
    for name, withdrawn in (("region_mark", None), ("withdrawn_region_mark", now)):
        rows[name] = Mark.objects.create(
            **under, case=rows["case"], name=f"{TITLE}: wallpaper", kind="wallpaper", withdrawn_at=withdrawn, **by
        )
        rows[f"{name}_region"] = MarkRegion.objects.create(
            **under, mark=rows[name], media=rows["picture_media"], points=20, searched_at=now,
            polygon=[[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]],
        )  # fmt: skip
    sides = _between_cases(made, "case", "case")
    found = {"score": 40.0, "points": 20, "maps": 1, "turn_degrees": 0.0, "size": 1.0, "pairs": [], "outline": []}
    for name in ("region_mark", "withdrawn_region_mark"):
        rows[f"{name}_match"] = MarkMatch.objects.create(
            **sides, **found, region=rows[f"{name}_region"], media=rows["near_media"], found_at=now
        )
    rows["region_mark_judgement"] = MarkJudgement.objects.create(
        **sides, match=rows["withdrawn_region_mark_match"], verdict="same", reason="The same fern.", at=now,
        by_id=made.cast.owner.officer_id,
    )  # fmt: skip
    RegionSignal.objects.create(position=0, media_id=rows["picture_media"].id)
    FrameSignal.objects.create(position=0, media_id=rows["near_media"].id, second=0.0)


def _texts(made: SmallCase, now: datetime) -> None:
    from opencets_web.texts.models import LanguagePass, MessageLanguage, TextOrder, VisibleText

    rows, under = made.rows, _under(made)
    rows["visible_text"] = VisibleText.objects.create(
        **under, case=rows["case"], sha256=rows["picture_media"].sha256, recogniser="invented 1", text=f"{TITLE} Inn",
        terms="lantern and heron inn", words=[[TITLE, 91, 0.1, 0.2, 0.5, 0.1, 0], ["Inn", 90, 0.7, 0.2, 0.1, 0.1, 0]],
        read_at=now, read_for_id=made.cast.owner.officer_id,
    )  # fmt: skip
    rows["text_order"] = TextOrder.objects.create(
        **under, case=rows["case"], asked_by_id=made.cast.owner.officer_id, asked_at=now
    )
    rows["message_language"] = MessageLanguage.objects.create(
        **under, record=rows["said"], language="de", probability=0.9, script="Latin"
    )
    rows["language_pass"] = LanguagePass.objects.create(
        **under, exhibit=rows["exhibit"], model="invented 1", begun_at=now, ended_at=now, messages=1, told=1
    )


def _between(made: SmallCase, now: datetime) -> None:
    from opencets_web.entities.models import (
        CandidateKey,
        Identifier,
        Judgement,
        Match,
        Placement,
        ValueRuling,
        WeightTurn,
        WeightVersion,
    )

    rows, sides = made.rows, _between_cases(made, "case", "case")
    left, right = sorted((rows["person"], rows["twin"]), key=lambda record: record.id)
    rows["left"], rows["right"] = left, right
    rows["match"] = Match.objects.create(
        **sides, left=left, right=right, probability=0.8, bits=2.0, reasons=[], model="person-3+rarity", found_at=now
    )
    rows["judgement"] = Judgement.objects.create(
        **sides,
        left=left,
        right=right,
        verdict="unsure",
        reason="Compared the dates.",
        by_id=made.cast.owner.officer_id,
        at=now,
    )
    rows["ruling"] = ValueRuling.objects.create(
        holding=made.rows["case"].holding, agency=made.rows["case"].agency, kind="phone", normal="+15550100", generic=True,
        reason="A hotline.", by_id=made.cast.owner.officer_id, at=now,
    )  # fmt: skip
    rows["weight_version"] = WeightVersion.objects.create(
        name="person-3.1", asked_by_id=made.cast.owner.officer_id, asked_at=now, reason="Many were judged.", made_at=now,
        refused="Nothing is learned from few judgements.",
    )  # fmt: skip
    rows["weight_turn"] = WeightTurn.objects.create(
        **sides, version=rows["weight_version"], left=left, right=right, before=0.6, after=0.4
    )
    rows["identifier"] = Identifier.objects.create(kind="email", normal="ada@example.org", cases_count=1)
    rows["placement"] = Placement.objects.create(
        record=left, record_holding_id=left.holding_id, record_agency_id=left.agency_id, packed=b"[]", keys=[7]
    )
    rows["candidate"] = CandidateKey.objects.create(key=7, placement_id=rows["placement"].id)


def _leads(made: SmallCase, now: datetime) -> None:
    from opencets.resolving.searched import name_keys
    from opencets_web.charts.models import SavedChart
    from opencets_web.desk.models import NameKey, Watch, WatchHit
    from opencets_web.desk.search import Ask
    from opencets_web.desk.watching import text_of
    from opencets_web.leads.models import Alert, Connection, Pointer, PointerSecret

    rows, under = made.rows, _under(made)
    for name, other in (("connection", "second"), ("crossing", "other")):
        ends = sorted((rows["case"], rows[other]), key=lambda case: case.id)
        sides = {"left": ends[0], "right": ends[1]}
        rows[name] = Connection.objects.create(
            **{f"{side}_{part}_id": getattr(case, f"{part}_id") for side, case in sides.items() for part in ("holding", "agency")},
            left_case=ends[0], right_case=ends[1], kinds=["email"], hops=1, bits=9.0, probability=0.9, strength=0.8,
            sentence="The same e-mail address.", paths=[], digest="d", model="1", found_at=now, changed_at=now,
        )  # fmt: skip
    rows["pointer"] = Pointer.objects.create(**under, case=rows["case"], other_agency=made.cast.borders, made_at=now)
    rows["free_pointer"] = Pointer.objects.create(
        **under, case=rows["case"], other_agency=made.cast.borders, made_at=now
    )
    for name, other in (("pointer", "other"), ("free_pointer", "further")):
        PointerSecret.objects.create(
            pointer=rows[name], connection=rows["crossing"], case=rows["case"], other_case=rows[other]
        )
    rows["alert"] = Alert.objects.create(
        **under, case=rows["case"], kind="pointer", sentence=f"{TITLE} connects.", strength=0.8, pointer=rows["pointer"],
        digest="a", raised_at=now,
    )  # fmt: skip
    rows["decided"] = Alert.objects.create(
        **under, case=rows["case"], kind="known", sentence=f"{TITLE}: a known file.", digest="b", raised_at=now, state="dismissed",
        decided_at=now, decided_by_id=made.cast.owner.officer_id, decided_because="Seen.",
    )  # fmt: skip
    for name in ("watch", "paused_watch", "ended_watch"):
        rows[name] = Watch.objects.create(
            officer_id=made.cast.owner.officer_id, agency=made.cast.avon, title=TITLE, asked=text_of(Ask("Lantern")), made_at=now,
            paused_at=now if name == "paused_watch" else None, ended_at=now if name == "ended_watch" else None,
        )  # fmt: skip
    rows["watch_hit"] = WatchHit.objects.create(
        watch=rows["watch"], officer_id=made.cast.owner.officer_id, key="ab" * 32, part="cases", case=rows["case"], url="/",
        found_at=now, told=True,
    )  # fmt: skip
    name = "Ada Lantern"
    rows["name_key"] = NameKey.objects.create(
        **under, id=NameKey.id_of(rows["case"].holding_id, name), normal=name, keys=name_keys(name)
    )
    for name in ("chart", "removed_chart"):
        rows[name] = SavedChart.objects.create(
            **under, case=rows["case"], title=TITLE, around=rows["person"].id, saved_by_id=made.cast.owner.officer_id, saved_at=now,
            removed_at=now if name == "removed_chart" else None,
        )  # fmt: skip


def _sharing(made: SmallCase, now: datetime) -> None:
    from opencets_web.sharing.models import Asked, Release, Request

    cast, rows, under = made.cast, made.rows, _under(made)
    asks = {
        "case": rows["case"],
        "to_agency": cast.borders,
        "purpose": "A common series",
        "asked_by_id": cast.owner.officer_id,
    }
    rows["request"] = Request.objects.create(**under, **asks, pointer=rows["pointer"], asked_at=now)
    rows["past_request"] = Request.objects.create(
        **under, **asks, pointer=rows["free_pointer"], asked_at=now, state="withdrawn", answered_at=now
    )
    rows["asked"] = Asked.objects.create(
        **under, request_ref=rows["past_request"].id, case=rows["case"], from_agency=cast.borders,
        from_officer_name="Borders outsider", purpose="A common series", asked_at=now,
    )  # fmt: skip
    gives = {
        "case": rows["case"],
        "purpose": "A common series",
        "released_by_id": cast.owner.officer_id,
        "released_at": now,
    }
    for name in ("partner", "withdrawn"):
        grant = rows[f"grant_{name}"]
        rows[f"release_{name}"] = Release.objects.create(
            **under, **gives, grant=grant, to_agency_id=grant.to_agency_id, withdrawn_at=grant.withdrawn_at
        )


def _standards(made: SmallCase, now: datetime) -> None:
    from opencets_web.standards.known import known
    from opencets_web.standards.models import AppliedChecklist, Clock, Deadline, Notice, Pause, StepMark
    from opencets_web.standards.vocabulary import content_of

    cast, rows, under = made.cast, made.rows, _under(made)
    case, by = rows["case"], cast.owner.officer_id
    checklist = known().checklist("gb-online-images")
    clocks = known().clock("gb-risk-bands")
    assert checklist is not None
    assert clocks is not None
    applied = {"case": case, "checklist": checklist.key, "version": 1, "content": content_of(checklist), "required": 11,
               "first_information_at": now, "applied_at": now, "applied_by_id": by}  # fmt: skip
    rows["past_checklist"] = AppliedChecklist.objects.create(
        **under, **applied | {"checklist": "missing-child"}, ended_at=now, ended_by_id=by, ended_because="Not missing."
    )
    before = AppliedChecklist.objects.create(**under, **applied, ended_at=now, ended_by_id=by, ended_because="Moved")
    rows["checklist"] = AppliedChecklist.objects.create(**under, **applied, replaces=before)
    rows["mark"] = StepMark.objects.create(
        **under, case=case, checklist=checklist.key, step="deconflict", state="done", reason=f"{TITLE}: called.", at=now,
        by_id=by, by_agency=cast.avon,
    )  # fmt: skip
    for name, band in (("clock", "low"), ("still_clock", "one-year"), ("met_clock", "60-days")):
        rows[name] = Clock.objects.create(
            **under, case=case, clocks=clocks.key if name == "clock" else f"clocks-{name}", version=1,
            content=content_of(clocks), band="low" if name != "clock" else band, reason=f"{TITLE}: nothing points to contact.",
            first_information_at=now, set_at=now, set_by_id=by, by_agency=cast.avon, met_at=now if name == "met_clock" else None,
        )  # fmt: skip
        rows[f"deadline_{name}"] = Deadline.objects.create(
            **under, case=case, clock=rows[name], title=f"{TITLE} within 30 days", runs_from_at=now,
            due_at=now + timedelta(days=30), soon_at=now + timedelta(days=23), escalate_at=now + timedelta(days=33),
            paused_at=now if name == "still_clock" else None, met_at=rows[name].met_at,
        )  # fmt: skip
    rows["pause"] = Pause.objects.create(
        **under, clock=rows["still_clock"], reason=f"{TITLE}: abroad.", since_at=now, paused_by_id=by
    )
    for name in ("owner", "colleague"):
        rows[f"notice_{name}"] = Notice.objects.create(
            **under,
            deadline=rows["deadline_clock"],
            officer_id=made.actors[name].officer_id,
            kind="overdue",
            raised_at=now,
        )


def _inquiries(made: SmallCase, now: datetime) -> None:
    from opencets_web.inquiries.models import Inquiry, InquiryStep, InquiryValue, Letterhead, Provider

    cast, rows, under = made.cast, made.rows, _under(made)
    owner = cast.owner.officer_id
    for name in ("provider", "past_provider"):
        rows[name] = Provider.objects.create(
            agency=cast.avon, name=f"Lantern Broadband, {name}", added_by_id=owner, added_at=now,
            ended_at=now if name == "past_provider" else None,
        )  # fmt: skip
    rows["letterhead"] = Letterhead.objects.create(agency=cast.avon, head=TITLE, changed_by_id=owner, changed_at=now)
    for number, (name, state) in enumerate(
        (("inquiry", "draft"), ("approved_inquiry", "approved"), ("served_inquiry", "served")), 1
    ):
        rows[name] = Inquiry.objects.create(
            **under, case=rows["case"], number=f"{REFERENCE}-DR-{number:02d}", instrument="us-2703-f", provider=rows["provider"],
            state=state, subject=f"{TITLE}: who had it", drafted_by_id=owner, drafted_at=now - timedelta(days=3),
            approved_by_id=owner if state != "draft" else None,
            approved_at=now - timedelta(days=2) if state != "draft" else None,
            served_at=now - timedelta(days=1) if state == "served" else None,
            preserved_until=now + timedelta(days=89) if state == "served" else None,
            next_at=now + timedelta(days=2) if state == "served" else None,
        )  # fmt: skip
    rows["inquiry_value"] = InquiryValue.objects.create(
        **under, inquiry=rows["inquiry"], kind="ip", raw="192.0.2.7", time="2026-01-02 03:04:05", recorded="2026-01-02T03:04:05",
        place=f"EX-1 › {TITLE}", added_by_id=owner, added_at=now,
    )  # fmt: skip
    rows["inquiry_step"] = InquiryStep.objects.create(
        **under, inquiry=rows["inquiry"], verb="inquiry.drafted", sentence="Drafted.", at=now, officer_id=owner
    )


def _disclosure(made: SmallCase, now: datetime) -> None:
    from opencets_web.disclosure.models import Package, Receipt

    rows, under, owner = made.rows, _under(made), made.cast.owner.officer_id
    for name in ("package", "withdrawn_package"):
        rows[name] = Package.objects.create(
            **under, case=rows["case"], format="disclosure", state="made", recipients="Crown court", purpose="Trial", handling="P",
            asked_by_id=owner, asked_at=now, made_at=now, sha256="ab" * 32, size=rows["blob"].size, blob=rows["blob"],
            withdrawn_at=now if name == "withdrawn_package" else None,
            withdrawn_by_id=owner if name == "withdrawn_package" else None,
        )  # fmt: skip
    rows["receipt"] = Receipt.objects.create(
        **under, package=rows["package"], received_by="Defence counsel", received_on=now.date(), entered_by_id=owner, entered_at=now
    )  # fmt: skip


def _deconfliction(made: SmallCase, now: datetime) -> None:
    from opencets_web.deconfliction.models import Conflict, ConflictSecret, Declaration, DeclaredValue, ThreadLine

    cast, rows, under = made.cast, made.rows, _under(made)
    for name in ("declaration", "past_declaration"):
        rows[name] = Declaration.objects.create(
            **under, case=rows["case"], subject="target", label=TITLE, purpose="A common series", begins_at=now,
            ends_at=now + timedelta(days=30), declared_by_id=cast.owner.officer_id, declared_at=now, compared_at=now,
            withdrawn_at=now if name == "past_declaration" else None,
        )  # fmt: skip
    rows["declared_value"] = DeclaredValue.objects.create(
        **under, declaration=rows["declaration"], kind="email", raw="Heron@example.org", normal="heron@example.org"
    )
    for name, other, told in (
        ("conflict", "other", True),
        ("agreed_conflict", "further", True),
        ("alone_conflict", "second", False),
    ):
        rows[name] = Conflict.objects.create(
            **under, case=rows["case"], subject="target", other_agency=cast.borders, may_request=True, told_them=told,
            parts=[{"kind": "email", "value": "heron@example.org", "declaration": str(rows["declaration"].id), "record": None,
                    "where": ""}],
            declarations=[rows["declaration"].id], state="agreed" if name == "agreed_conflict" else "new",
            outcome="joint" if name == "agreed_conflict" else "", found_at=now, changed_at=now,
        )  # fmt: skip
        left, right = sorted((rows["case"], rows[other]), key=lambda case: case.id)
        rows[f"{name}_secret"] = ConflictSecret.objects.create(
            subject="target", left_case=left, right_case=right, found_at=now, declarations=[rows["declaration"].id],
            **{"left" if left == rows["case"] else "right": rows[name]},
        )  # fmt: skip
    rows["thread_line"] = ThreadLine.objects.create(
        **under, conflict=rows["conflict"], said="proposed", ours=False, author="Borders outsider",
        author_agency="Borders Police", outcome="joint", said_at=now,
    )  # fmt: skip


def _releases(made: SmallCase, now: datetime) -> None:
    """Parts asked for, given and received under the case, in every state that an address needs."""
    from opencets_web.evidence.models import Exhibit
    from opencets_web.releases.models import (
        PartAsked,
        PartnerKey,
        PartRelease,
        PartRequest,
        ReceivedPart,
        ReleaseItem,
        ReleaseRule,
    )
    from opencets_web.sharing.models import Origin

    cast, rows, under = made.cast, made.rows, _under(made)
    case, owner = rows["case"], cast.owner.officer_id
    told = {"purpose": f"{TITLE}: one series", "legal_basis": "Police Act"}
    for name, state in (("part_request", "asked"), ("past_part_request", "withdrawn")):
        rows[name] = PartRequest.objects.create(
            **under, **told, case=case, to_agency=cast.borders, sought="held", text=f"{TITLE}, {name}", key=name,
            asked_by_id=owner, asked_at=now, state=state,
        )  # fmt: skip
    given = {"case": case, "to_agency": cast.borders, "recipients": cast.borders.name, "handling": "P", "drafted_by_id": owner,
             "drafted_at": now, "key_ref": "cd" * 32}  # fmt: skip
    for name, state in (
        ("part_release", "draft"),
        ("waiting_release", "waiting"),
        ("made_release", "made"),
        ("past_release", "made"),
    ):
        rows[name] = PartRelease.objects.create(
            **under, **told, **given, state=state, sent_by_id=owner if state == "waiting" else None,
            made_at=now if state == "made" else None, sha256="ab" * 32, size=rows["blob"].size, blob=rows["blob"],
            receipt='{"receipt": true}' if name == "made_release" else "",
            withdrawn_at=now if name == "past_release" else None, withdrawn_because=TITLE if name == "past_release" else "",
        )  # fmt: skip
    rows["release_item"] = ReleaseItem.objects.create(
        **under, part_release=rows["part_release"], kind="record", exhibit=rows["exhibit"], record=rows["person"], given=False,
        reason="Not decided yet.", added_by_id=owner, added_at=now,
    )  # fmt: skip
    for name, state in (("part_asked", "asked"), ("declined_part_asked", "declined"), ("pass_on_asked", "asked")):
        passes_on = name == "pass_on_asked"
        rows[name] = PartAsked.objects.create(
            **under, **told, request_ref=new_ref(), case=case, from_agency=cast.borders, from_officer_name="Borders outsider",
            sought="pass-on" if passes_on else "held", values=[["email", "Ada@example.org", "ada@example.org"]],
            urgency="routine", passes_on=rows["made_release"].id if passes_on else None,
            recipients="Cambria Police" if passes_on else "", asked_at=now, state=state,
        )  # fmt: skip
    received = rows["received_exhibit"] = Exhibit.objects.create(
        **under, case=rows["third"], reference="EX-9", title="Released by Borders", state="cancelled", received_by_id=owner,
        begun_at=now,
    )  # fmt: skip
    terms = {**told, "handling": "P", "conditions": "", "until": "", "originator_control": True, "released_by": "Borders outsider",
             "recipients": cast.avon.name, "to": {"agency": cast.avon.name, "officers": []}}  # fmt: skip
    for name, state in (
        ("received_part", "waiting"),
        ("refused_part", "refused"),
        ("past_part", "waiting"),
        ("kept_part", "kept"),
    ):
        rows[name] = ReceivedPart.objects.create(
            **under, release_ref=new_ref(), from_agency=cast.borders, from_name=cast.borders.name, terms=terms, blob=rows["blob"],
            size=rows["blob"].size, sha256="ab" * 32, key_ref="cd" * 32, arrived_at=now, state=state,
            withdrawn_at=now if name == "past_part" else None, case=case if name == "kept_part" else None,
            exhibit=received if name == "kept_part" else None, receipt='{"receipt": true}' if name == "kept_part" else "",
        )  # fmt: skip
    rows["origin"] = Origin.objects.create(
        **under, exhibit=received, case=rows["third"], from_agency=cast.borders, from_name=cast.borders.name,
        release_ref=rows["kept_part"].release_ref, sha256="ab" * 32, key_ref="cd" * 32, purpose=TITLE, handling="P",
        received_at=now,
    )  # fmt: skip
    for name in ("partner_key", "past_partner_key"):
        rows[name] = PartnerKey.objects.create(
            agency=cast.avon, key_ref="ef" * 32, whose=f"Tamar Police, {name}", compared="By telephone", added_by_id=owner,
            added_at=now, ended_at=now if name == "past_partner_key" else None,
        )  # fmt: skip
    rows["release_rule"] = ReleaseRule.objects.create(agency=cast.avon, changed_by_id=owner, changed_at=now)


def new_ref() -> UUID:
    """The id of a row that stands on another side."""
    from opencets_web.accounts.ids import new_id

    return new_id()


def _auditing(made: SmallCase, now: datetime) -> None:
    from opencets_web.audit import log
    from opencets_web.auditing.models import Mark, Review

    cast, auditor = made.cast, made.cast.officers["auditor"]
    for _ in range(12):
        log.record("door.refused", cast.owner, details={"path": "/cases/NONE/"})
    made.rows["pattern_mark"] = Mark.objects.create(
        agency=cast.avon, rule="night", officer_id=cast.owner.officer_id, day=now.date(), number=30, sentence="A night shift.",
        marked_by=auditor, marked_at=now,
    )  # fmt: skip
    made.rows["week_review"] = Review.objects.create(
        agency=cast.avon, week=now.date() - timedelta(days=now.weekday() + 21), sentence="Nothing to tell.", acts=4,
        signed_by=auditor, signed_at=now, checkpoint=4, root="00" * 32,
    )  # fmt: skip


def _emergencies(made: SmallCase, now: datetime) -> None:
    """The colleague's emergency access of yesterday, over and not reviewed."""
    from opencets_web.emergencies.models import EmergencyAccess
    from opencets_web.policy.models import Grant

    cast, case, begun = made.cast, made.rows["case"], now - timedelta(days=1)
    owner, colleague = cast.owner.officer_id, cast.colleague.officer_id
    over = begun + timedelta(hours=4)
    grant = Grant.objects.create(
        holding=case.holding, agency=cast.avon, to_officer_id=colleague, purpose="Emergency: a child is in danger",
        granted_by_id=owner, granted_at=begun, expires_at=over,
    )  # fmt: skip
    made.rows["emergency"] = EmergencyAccess.objects.create(
        agency=cast.avon, reference="AV-CLOSED-0001", reason="A child is in danger.", asked_by_id=colleague, asked_at=begun,
        lapses_at=begun + timedelta(minutes=30), answered_by_id=owner, answered_at=begun, confirmed=True, grant=grant,
        opened_until=over,
    )  # fmt: skip

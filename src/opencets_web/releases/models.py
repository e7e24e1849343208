"""Asking for, releasing and receiving a part of a case: each side's own row, under that side's own Holding.

No row of one side is open to the other: what both have to know is carried (``releases.carrying``), so what a partner may read is
still decided by Holding and Grant alone.
"""

from __future__ import annotations

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency, Officer
from opencets_web.cases.models import Case
from opencets_web.deconfliction.models import Conflict
from opencets_web.evidence.models import Blob, Exhibit, ExhibitFile, Record
from opencets_web.leads.models import Pointer
from opencets_web.marks.models import Mark
from opencets_web.policy.models import Guarded, Handling
from opencets_web.sharing.models import Origin


class Sought(models.TextChoices):
    """What is asked for."""

    HELD = "held", "What you hold on this"
    RECORD = "record", "Single records"
    EXHIBIT = "exhibit", "An exhibit"
    CASE = "case", "The whole case"
    PASS_ON = "pass-on", "To pass on what you released"


class Urgency(models.TextChoices):
    """How soon an answer is needed."""

    ROUTINE = "routine", "Routine"
    URGENT = "urgent", "Urgent"
    LIFE = "life", "Threat to life"


class PartState(models.TextChoices):
    """The way of a request for a part."""

    ASKED = "asked", "Waiting for an answer"
    RELEASED = "released", "Released"
    PARTLY = "partly", "Released in part"
    DECLINED = "declined", "Declined"
    WITHDRAWN = "withdrawn", "Taken back by the asker"


class PartRequest(Guarded):
    """The asking side: what we asked another agency for. Stands under our case's Holding."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="part_requests")
    to_agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    sought = models.CharField(max_length=10, choices=Sought)
    values = models.JSONField(default=list, help_text="Identifiers it is about: kind, raw, normal.")
    text = models.TextField(blank=True, help_text="What is sought, in words.")
    purpose = models.TextField()
    legal_basis = models.TextField()
    urgency = models.CharField(max_length=10, choices=Urgency, default=Urgency.ROUTINE)
    wanted_by = models.DateField(null=True, blank=True)
    pointer = models.ForeignKey(Pointer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    conflict = models.ForeignKey(Conflict, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    origin = models.ForeignKey(
        Origin, on_delete=models.PROTECT, null=True, blank=True, related_name="+", help_text="What is to be passed on."
    )
    recipients = models.CharField(max_length=1_000, blank=True, help_text="To whom it is to be passed on.")
    key = models.CharField(
        max_length=64, help_text="Of what is asked for, so that the same is not asked twice at once."
    )
    asked_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=PartState, default=PartState.ASKED)
    answer = models.TextField(blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case", "to_agency", "key"], condition=Q(state="asked"), name="part_asked_for_once"
            ),
            models.CheckConstraint(condition=~Q(purpose="") & ~Q(legal_basis=""), name="part_request_for_what_and_why"),
        ]
        indexes = [models.Index(fields=["case", "-asked_at"], name="part_request_by_case")]

    @classmethod
    def own_business(cls, agency_id: UUID) -> Q:
        """What an agency asks for is its own business."""
        return Q(agency_id=agency_id)


class PartAsked(Guarded):
    """The asked side: what another agency seeks. Under the case that a pointer or conflict means, else a Holding of its own."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    request_ref = models.UUIDField(unique=True)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, null=True, blank=True, related_name="parts_asked")
    from_agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    from_officer_name = models.CharField(max_length=200)
    sought = models.CharField(max_length=10, choices=Sought)
    values = models.JSONField(default=list)
    text = models.TextField(blank=True)
    purpose = models.TextField()
    legal_basis = models.TextField()
    urgency = models.CharField(max_length=10, choices=Urgency)
    wanted_by = models.DateField(null=True, blank=True)
    passes_on = models.UUIDField(null=True, blank=True, help_text="Our release that they would pass on.")
    recipients = models.CharField(max_length=1_000, blank=True)
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=PartState, default=PartState.ASKED)
    answer = models.TextField(blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["agency", "state", "-asked_at"], name="part_asked_by_state")]

    @classmethod
    def own_business(cls, agency_id: UUID) -> Q:
        """What an agency is asked for is its own business."""
        return Q(agency_id=agency_id)


class ReleaseState(models.TextChoices):
    """The way of a part release on the side that gives."""

    DRAFT = "draft", "Being prepared"
    WAITING = "waiting", "Waits for a second person"
    MAKING = "making", "Being made"
    MADE = "made", "Released"
    REFUSED = "refused", "Could not be made"
    DISCARDED = "discarded", "Given up"


class PartRelease(Guarded):
    """What of a case was released as a signed package: to whom, for what, under which terms, and what became of it.

    Once it is made, what was released never changes: a withdrawal is a notice beside it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="part_releases")
    asked = models.ForeignKey(PartAsked, on_delete=models.PROTECT, null=True, blank=True, related_name="releases")
    to_agency = models.ForeignKey(
        Agency, on_delete=models.PROTECT, null=True, blank=True, related_name="+", help_text="None: of another node."
    )
    recipients = models.CharField(max_length=200, help_text="The agency by its full name.")
    for_officers: ArrayField[list[UUID], list[UUID]] = ArrayField(
        models.UUIDField(), default=list, help_text="Named officers of it; empty: the agency."
    )
    officer_names: ArrayField[list[str], list[str]] = ArrayField(models.CharField(max_length=200), default=list)
    purpose = models.TextField()
    legal_basis = models.TextField()
    handling = models.CharField(max_length=1, choices=Handling)
    conditions = models.TextField(blank=True)
    until_on = models.DateField(null=True, blank=True)
    controlled = models.BooleanField(default=True)
    state = models.CharField(max_length=10, choices=ReleaseState, default=ReleaseState.DRAFT)
    drafted_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    drafted_at = models.DateTimeField()
    sent_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    sent_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    approved_at = models.DateTimeField(null=True, blank=True)
    seen = models.CharField(max_length=64, blank=True, help_text="Digest of what was shown when it was released.")
    made_at = models.DateTimeField(null=True, blank=True)
    size = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    key_ref = models.CharField(max_length=64, blank=True)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    sentence = models.TextField(blank=True, help_text="Why it could not be made, or was sent back.")
    arrived_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(null=True, blank=True)
    received_by = models.CharField(max_length=200, blank=True)
    receipt = models.TextField(blank=True, help_text="The signed receipt.")
    refused_at = models.DateTimeField(null=True, blank=True)
    refused_because = models.TextField(blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    withdrawn_because = models.TextField(blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=200, blank=True)
    acknowledgement = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(purpose="") & ~Q(legal_basis="") & ~Q(recipients=""), name="part_release_for_whom_and_what"
            ),
            models.CheckConstraint(condition=~Q(state="made") | ~Q(sha256=""), name="part_release_made_has_its_digest"),
            models.CheckConstraint(
                condition=~Q(handling=Handling.CONDITIONS) | ~Q(conditions=""),
                name="part_release_c_names_its_conditions",
            ),
        ]
        indexes = [models.Index(fields=["case", "-drafted_at"], name="part_release_by_case")]

    @classmethod
    def own_business(cls, agency_id: UUID) -> Q:
        """What an agency released, and to whom, is its own business."""
        return Q(agency_id=agency_id)


class ItemKind(models.TextChoices):
    """What one item of a release is."""

    RECORD = "record", "Record"
    FILE = "file", "File"
    EXHIBIT = "exhibit", "Exhibit"
    MARK = "mark", "Mark"


class ReleaseItem(Guarded):
    """One thing that was weighed for a release: given or not, and why not. Kept with the release for ever."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    part_release = models.ForeignKey(PartRelease, on_delete=models.PROTECT, related_name="items")
    kind = models.CharField(max_length=8, choices=ItemKind)
    exhibit = models.ForeignKey(Exhibit, on_delete=models.PROTECT, related_name="+")
    file = models.ForeignKey(ExhibitFile, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    record = models.ForeignKey(Record, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    mark = models.ForeignKey(
        Mark, on_delete=models.PROTECT, null=True, blank=True, related_name="+", help_text="Its region alone leaves."
    )
    given = models.BooleanField(default=True)
    reason = models.CharField(max_length=500, blank=True, help_text="Why it is not given.")
    originals = models.BooleanField(default=False, help_text="Of an exhibit: its files as received go along.")
    masked: ArrayField[list[UUID], list[UUID]] = ArrayField(
        models.UUIDField(), default=list, help_text="Claims of a record that are left out."
    )
    added_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["part_release", "kind", "exhibit", "file", "record", "mark"],
                nulls_distinct=False,
                name="item_once",
            ),
            models.CheckConstraint(condition=Q(given=True) | ~Q(reason=""), name="item_not_given_says_why"),
        ]

    @classmethod
    def own_business(cls, agency_id: UUID) -> Q:
        """As the release."""
        return Q(agency_id=agency_id)


class ReceivedState(models.TextChoices):
    """The way of a part on the side that receives."""

    WAITING = "waiting", "Waiting for you"
    KEEPING = "keeping", "Being taken in"
    KEPT = "kept", "Received"
    REFUSED = "refused", "Refused by you"
    DAMAGED = "damaged", "Not as it was signed"


class ReceivedPart(Guarded):
    """What another agency released to ours: our own copy of the package, and our own exhibit made of it.

    Under the Holding of the case that asked, else a Holding of its own. Where officers are named, it is theirs alone.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    release_ref = models.UUIDField()
    request = models.ForeignKey(PartRequest, on_delete=models.PROTECT, null=True, blank=True, related_name="received")
    from_agency = models.ForeignKey(Agency, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    from_name = models.CharField(max_length=200)
    from_officer_name = models.CharField(max_length=200, blank=True)
    for_officers: ArrayField[list[UUID], list[UUID]] = ArrayField(models.UUIDField(), default=list)
    terms = models.JSONField(default=dict, help_text="As the manifest says them.")
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    key_ref = models.CharField(max_length=64)
    arrived_at = models.DateTimeField()
    by_upload = models.BooleanField(default=False, help_text="It came as a file, from another node.")
    state = models.CharField(max_length=10, choices=ReceivedState, default=ReceivedState.WAITING)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, null=True, blank=True, related_name="parts_received")
    exhibit = models.ForeignKey(Exhibit, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    received_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    received_at = models.DateTimeField(null=True, blank=True)
    receipt = models.TextField(blank=True)
    sentence = models.TextField(blank=True, help_text="Why it was refused.")
    refused_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_because = models.TextField(blank=True)
    notice = models.TextField(blank=True, help_text="The signed withdrawal notice.")
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    acknowledgement = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["agency", "release_ref"], name="part_received_once")]
        indexes = [models.Index(fields=["agency", "state", "-arrived_at"], name="received_by_state")]

    @classmethod
    def own_business(cls, agency_id: UUID) -> Q:
        """What was released to an agency is its own business."""
        return Q(agency_id=agency_id)

    @classmethod
    def personal(cls, officer_id: UUID) -> Q:
        """What names officers is theirs."""
        return Q(for_officers=[]) | Q(for_officers__contains=[officer_id])


class PartnerKey(models.Model):
    """A key of another node that an agency trusts, and how it was compared. The agency's own; it ends, and is never deleted."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    key_ref = models.CharField(max_length=64)
    whose = models.CharField(max_length=200, help_text="The agency whose releases it signs, by its full name.")
    compared = models.CharField(max_length=500, help_text="How the key's id was compared with the sender.")
    added_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "key_ref", "whose"], condition=Q(ended_at=None), name="partner_key_once"
            )
        ]


class ReleaseRule(models.Model):
    """What an agency demands of its own releases."""

    agency = models.OneToOneField(Agency, on_delete=models.PROTECT, primary_key=True, related_name="+")
    second_person = models.BooleanField(default=False, help_text="Another officer approves before anything leaves.")
    changed_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    changed_at = models.DateTimeField()

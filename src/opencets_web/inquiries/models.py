"""Data requests to providers: the inquiry, what it asks about, its steps; the agency's providers and letterhead."""

from __future__ import annotations

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency, Officer
from opencets_web.accounts.sealed import SealedJSONField, SealedTextField
from opencets_web.cases.models import Case
from opencets_web.evidence.models import Claim, Exhibit, Record
from opencets_web.policy.models import Guarded


class Provider(models.Model):
    """A provider in an agency's own directory: how it is reached, and what is known of what it keeps."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    country = models.CharField(max_length=2, blank=True)
    portal = models.CharField(max_length=300, blank=True)
    email = models.EmailField(blank=True)
    address = models.TextField(blank=True)
    languages = models.CharField(max_length=200, blank=True)
    emergency_contact = models.CharField(max_length=300, blank=True)
    purposes: ArrayField[list[str], list[str]] = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    retention_days = models.IntegerField(null=True, blank=True)
    shares_addresses = models.BooleanField(default=False)
    shared_ranges = models.TextField(blank=True)
    zone = models.CharField(max_length=60, default="UTC")
    added_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agency", "name"], condition=Q(ended_at=None), name="provider_once"),
            models.CheckConstraint(condition=~Q(name=""), name="provider_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Letterhead(models.Model):
    """What stands above and below an agency's letters."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agency = models.OneToOneField(Agency, on_delete=models.PROTECT, related_name="+")
    head = models.TextField(blank=True)
    signature = models.TextField(blank=True)
    contact = models.TextField(blank=True)
    changed_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    changed_at = models.DateTimeField()


class InquiryState(models.TextChoices):
    """The way of a data request."""

    DRAFT = "draft", "Draft"
    APPROVED = "approved", "Approved"
    SERVED = "served", "Served"
    PRESERVED = "preserved", "Preserved"
    ANSWERED = "answered", "Answered"
    REFUSED = "refused", "Refused by the provider"
    WITHDRAWN = "withdrawn", "Withdrawn"
    CLOSED = "closed", "Closed"


OPEN_STATES = (InquiryState.DRAFT, InquiryState.APPROVED, InquiryState.SERVED, InquiryState.PRESERVED)


class Inquiry(Guarded):
    """A data request to a provider, under one instrument. Stands under its case's Holding."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="inquiries")
    number = models.CharField(max_length=60, unique=True)
    instrument = models.CharField(max_length=60)
    instrument_version = models.IntegerField(default=1)
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="inquiries")
    state = models.CharField(max_length=10, choices=InquiryState, default=InquiryState.DRAFT)
    subject = SealedTextField()
    statements = SealedJSONField(default=dict, help_text="What the instrument wants said, by field name.")
    renews = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="renewals")
    drafted_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    drafted_at = models.DateTimeField()
    approved_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    approved_at = models.DateTimeField(null=True, blank=True)
    served_at = models.DateTimeField(null=True, blank=True)
    served_how = models.CharField(max_length=40, blank=True)
    served_reference = models.CharField(max_length=200, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    preserved_until = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    answer = models.ForeignKey(Exhibit, on_delete=models.PROTECT, null=True, blank=True, related_name="answers")
    ended_because = SealedTextField(blank=True)
    letter = SealedJSONField(null=True, blank=True, help_text="What the approved letter says, word for word.")
    letter_sha256 = models.CharField(max_length=64, blank=True, help_text="Of the PDF, when it was approved.")
    next_at = models.DateTimeField(null=True, blank=True, help_text="When something is to be done next.")

    class Meta:
        indexes = [
            models.Index(fields=["case", "-drafted_at"], name="inquiry_by_case"),
            models.Index(fields=["agency", "next_at"], name="inquiry_by_next", condition=Q(next_at__isnull=False)),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state__in=["served", "preserved"]) | Q(served_at__isnull=False), name="inquiry_served_when"
            )
        ]

    def __str__(self) -> str:
        return self.number

    @classmethod
    def own_business(cls, agency_id: UUID) -> Q:
        """What an agency asks providers is its own business."""
        return Q(agency_id=agency_id)


class InquiryValue(Guarded):
    """A value that is asked about, with time, zone and port, and the claim that it was carried over from."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    inquiry = models.ForeignKey(Inquiry, on_delete=models.PROTECT, related_name="values")
    kind = models.CharField(max_length=20)
    raw = SealedTextField(help_text="As the source writes it.")
    time = models.CharField(max_length=200, blank=True, help_text="As the source writes it.")
    recorded = models.CharField(
        max_length=40, blank=True, help_text="How the time was read: with Z, its zone is known."
    )
    source_port = models.CharField(max_length=12, blank=True, help_text="As the source writes it.")
    zone = models.CharField(max_length=60, blank=True, help_text="What the officer says of the zone.")
    port = models.CharField(max_length=12, blank=True, help_text="What the officer says of the port.")
    claim = models.ForeignKey(Claim, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    record = models.ForeignKey(Record, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    place = SealedTextField(
        help_text="The exhibit and the place in it; for a value typed by hand, where it comes from."
    )
    added_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["inquiry", "added_at"], name="inquiry_value_by_inquiry")]

    @classmethod
    def own_business(cls, agency_id: UUID) -> Q:
        """What an agency asks providers is its own business."""
        return Q(agency_id=agency_id)


class InquiryStep(Guarded):
    """One step of a data request: who, when, what; with what stood before, so that the step can be taken back."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    inquiry = models.ForeignKey(Inquiry, on_delete=models.PROTECT, related_name="steps")
    verb = models.CharField(max_length=40)
    sentence = SealedTextField()
    at = models.DateTimeField()
    officer = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    before = SealedJSONField(default=dict)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["inquiry", "-at"], name="inquiry_step_by_inquiry")]

    @classmethod
    def own_business(cls, agency_id: UUID) -> Q:
        """What an agency asks providers is its own business."""
        return Q(agency_id=agency_id)

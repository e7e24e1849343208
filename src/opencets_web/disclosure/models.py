"""Signed packages made of a case, and what their recipients acknowledged: known for ever."""

from __future__ import annotations

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Officer
from opencets_web.cases.models import Case
from opencets_web.evidence.models import Blob
from opencets_web.policy.models import Guarded, Handling


class PackageFormat(models.TextChoices):
    """What is inside."""

    DISCLOSURE = "disclosure", "Disclosure bundle for court and defence"
    CASE_UCO = "case-uco", "CASE/UCO (JSON-LD) for other programs"
    VICS = "vics", "VICS 2.0 (Project VIC) for media programs"


class PackageState(models.TextChoices):
    """The way of a package."""

    WAITING = "waiting", "Waiting to be made"
    MAKING = "making", "Being made"
    MADE = "made", "Made"
    REFUSED = "refused", "Could not be made"


class Package(Guarded):
    """One signed package: what of the case, for whom, for what, under which conditions, and its SHA-256 once it is made.

    A package that was made is never made again; it ends by a withdrawal notice, which asks the recipients to destroy it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="packages")
    format = models.CharField(max_length=12, choices=PackageFormat)
    state = models.CharField(max_length=10, choices=PackageState, default=PackageState.WAITING)
    recipients = models.TextField()
    purpose = models.TextField()
    handling = models.CharField(max_length=1, choices=Handling)
    conditions = models.TextField(blank=True)
    until_on = models.DateField(null=True, blank=True)
    exhibits: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=20), default=list, help_text="References of the exhibits; empty: the whole case."
    )
    originals: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=20), default=list, help_text="Exhibits whose files as received are in the package."
    )
    other_cases = models.BooleanField(
        default=False,
        help_text="Findings that reach into other cases of the own agency (code P, not restricted) are in it.",
    )
    asked_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    made_at = models.DateTimeField(null=True, blank=True)
    done = models.BigIntegerField(default=0)
    expected = models.BigIntegerField(default=0)
    size = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    key_ref = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the public key that signed it.")
    blob = models.ForeignKey(
        Blob, on_delete=models.PROTECT, null=True, blank=True, related_name="+",
        help_text="Where it is kept; none where a command wrote it into a file.",
    )  # fmt: skip
    left_out = models.JSONField(default=list)
    sentence = models.TextField(blank=True, help_text="Why it could not be made.")
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    withdrawn_because = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(purpose="") & ~Q(recipients=""), name="package_for_whom_and_what"),
            models.CheckConstraint(condition=~Q(state="made") | ~Q(sha256=""), name="package_made_has_its_digest"),
        ]
        indexes = [models.Index(fields=["case", "-asked_at"], name="package_by_case")]

    @classmethod
    def own_business(cls, agency_id: UUID) -> Q:
        """To whom an agency gave packages is its own business."""
        return Q(agency_id=agency_id)


class Receipt(Guarded):
    """What a recipient acknowledged: entered by an officer, or a signed receipt file that fits the package's SHA-256."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="receipts")
    received_by = models.CharField(max_length=200)
    received_on = models.DateField()
    note = models.TextField(blank=True)
    key_ref = models.CharField(max_length=64, blank=True, help_text="Of a signed receipt: the id of its key.")
    signed = models.TextField(blank=True, help_text="The signed receipt as it came.")
    entered_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    entered_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["package", "received_by", "received_on"], condition=Q(removed_at=None), name="receipt_once"
            )
        ]

    @classmethod
    def own_business(cls, agency_id: UUID) -> Q:
        """Who acknowledged a package is the business of the agency that gave it."""
        return Q(agency_id=agency_id)

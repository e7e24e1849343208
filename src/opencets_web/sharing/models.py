"""Requests between agencies, and the releases that answer them."""

from __future__ import annotations

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency, Officer
from opencets_web.cases.models import Case
from opencets_web.evidence.models import Exhibit
from opencets_web.leads.models import Pointer
from opencets_web.policy.models import Grant, Guarded, Handling


class RequestState(models.TextChoices):
    """The way of a request."""

    ASKED = "asked", "Waiting for an answer"
    RELEASED = "released", "Released"
    DECLINED = "declined", "Declined"
    WITHDRAWN = "withdrawn", "Withdrawn by the asker"


class Request(Guarded):
    """The asking side: what we asked another agency for, because of a pointer. Stands under our case's Holding."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="requests")
    pointer = models.ForeignKey(Pointer, on_delete=models.PROTECT, related_name="requests")
    to_agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    purpose = models.TextField()
    asked_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=RequestState, default=RequestState.ASKED)
    answer = models.TextField(blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["pointer"], condition=Q(state="asked"), name="one_open_request_per_pointer"
            ),
            models.CheckConstraint(condition=~Q(purpose=""), name="request_has_a_purpose"),
        ]

    @classmethod
    def own_business(cls, agency_id: UUID) -> Q:
        """What an agency asks for is its own business."""
        return Q(agency_id=agency_id)


class Asked(Guarded):
    """The owning side of a request: which case of ours they ask for. Stands under that case's Holding."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    request_ref = models.UUIDField(unique=True, help_text="The asker's Request; readable by us only through this row.")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="asked")
    from_agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    from_officer_name = models.CharField(max_length=200)
    purpose = models.TextField()
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=RequestState, default=RequestState.ASKED)
    answer = models.TextField(blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    @classmethod
    def own_business(cls, agency_id: UUID) -> Q:
        """What an agency is asked for is its own business."""
        return Q(agency_id=agency_id)


class Release(Guarded):
    """What was released, to whom, for what, until when; known for ever, also after it was withdrawn."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="releases")
    grant = models.OneToOneField(Grant, on_delete=models.PROTECT, related_name="release")
    to_agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    asked = models.ForeignKey(Asked, on_delete=models.PROTECT, null=True, blank=True, related_name="releases")
    purpose = models.TextField()
    released_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    released_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    @classmethod
    def own_business(cls, agency_id: UUID) -> Q:
        """To whom an agency released is its own business."""
        return Q(agency_id=agency_id)


class Origin(Guarded):
    """That an exhibit was released by another agency: by whom, in which package, under which terms.

    ``controlled``: it is not passed on, by package, grant or invitation, unless the originator agreed to those recipients. Written
    by jobs alone, from the package that was checked and from the originator's answer.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    exhibit = models.OneToOneField(Exhibit, on_delete=models.PROTECT, related_name="origin")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    from_agency = models.ForeignKey(
        Agency, on_delete=models.PROTECT, null=True, blank=True, related_name="+", help_text="None: of another node."
    )
    from_name = models.CharField(max_length=200)
    their_case = models.CharField(max_length=80, blank=True)
    release_ref = models.UUIDField(help_text="The package, by which the originator knows it.")
    sha256 = models.CharField(max_length=64)
    key_ref = models.CharField(max_length=64)
    purpose = models.TextField()
    handling = models.CharField(max_length=1, choices=Handling)
    conditions = models.TextField(blank=True)
    until_on = models.DateField(null=True, blank=True)
    controlled = models.BooleanField(default=True)
    cleared_for: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=1_000), default=list, help_text="Recipients to whom the originator agreed."
    )
    received_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["case"], name="origin_by_case")]

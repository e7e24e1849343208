"""Invitations, absences and the yearly review of access. None of these holds anything of a case."""

from __future__ import annotations

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency, Officer, Role


class Invitation(models.Model):
    """An invitation to an account: a link that opens once. Only the hash of its token is kept."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    email = models.EmailField()
    display_name = models.CharField(max_length=200)
    unit = models.CharField(max_length=80, blank=True)
    roles: ArrayField[list[str], list[str]] = ArrayField(models.CharField(max_length=40, choices=Role), default=list)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    invited_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)


class Cover(models.Model):
    """A colleague covers an absent officer: the open cases of the one stand on the other's desk, from day to day."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    absent = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="covered_in")
    by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="covers")
    from_on = models.DateField()
    until_on = models.DateField(help_text="The last day.")
    entered_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    begun_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    made: ArrayField[list[UUID], list[UUID]] = ArrayField(
        models.UUIDField(), default=list, blank=True, help_text="The assignments that it made, and that end with it."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(until_on__gte=models.F("from_on")), name="cover_ends_after_it_begins"),
            models.CheckConstraint(condition=~Q(absent=models.F("by")), name="cover_is_by_another"),
        ]


class AccessReview(models.Model):
    """The yearly review of an agency's accounts (CJIS Security Policy 5.9.5, AC-2-j): open until it is signed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    opened_on = models.DateField()
    due_on = models.DateField()
    signed_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    signed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agency"], condition=Q(signed_at=None), name="one_open_review_of_an_agency")
        ]


class ReviewedAccount(models.Model):
    """That an account was looked at in a review and its roles are still right."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    review = models.ForeignKey(AccessReview, on_delete=models.PROTECT, related_name="accounts")
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    officer = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    roles: ArrayField[list[str], list[str]] = ArrayField(models.CharField(max_length=40), default=list)
    kept_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    kept_at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["review", "officer"], condition=Q(undone_at=None), name="an_account_is_kept_once_in_a_review"
            )
        ]

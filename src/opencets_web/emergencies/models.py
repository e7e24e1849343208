"""Emergency access: an officer asks by a case's number, a supervisor confirms, a grant opens for hours, somebody reviews it."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency, Officer
from opencets_web.policy.models import Grant


class EmergencyAccess(models.Model):
    """An officer's emergency access to a restricted case of their agency, from the asking to the review.

    It names a number, not a case: whether there is such a case is not known before a second person has confirmed. Answers, grant
    and review are written by functions of the database alone (``policy.wall``), which hold who may.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    reference = models.CharField(max_length=40, help_text="As the officer typed it.")
    reason = models.TextField(help_text="Whose life is in danger, and what the case is needed for.")
    hours = models.SmallIntegerField(default=4)
    asked_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    lapses_at = models.DateTimeField(help_text="Nobody can confirm it afterwards.")
    answered_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    answered_at = models.DateTimeField(null=True, blank=True)
    confirmed = models.BooleanField(null=True, blank=True)
    answer = models.TextField(blank=True)
    grant = models.OneToOneField(Grant, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    opened_until = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    reviewed_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    reviewed_at = models.DateTimeField(null=True, blank=True)
    accepted = models.BooleanField(null=True, blank=True)
    review = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(reason="") & ~Q(reference=""), name="emergency_has_a_reason"),
            models.CheckConstraint(condition=Q(hours__gte=1, hours__lte=24), name="emergency_lasts_a_day_at_most"),
            models.CheckConstraint(
                condition=Q(answered_by=None) | ~Q(answered_by=F("asked_by")), name="emergency_is_confirmed_by_another"
            ),
            models.CheckConstraint(
                condition=Q(reviewed_by=None) | (~Q(reviewed_by=F("asked_by")) & ~Q(reviewed_by=F("answered_by"))),
                name="emergency_is_reviewed_by_a_third",
            ),
            models.CheckConstraint(condition=Q(grant=None) | Q(confirmed=True), name="emergency_opens_once_confirmed"),
        ]
        indexes = [models.Index(fields=["agency", "-asked_at"], name="emergency_by_agency")]

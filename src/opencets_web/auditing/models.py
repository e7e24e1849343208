"""What an auditor leaves: a sentence beside an unusual pattern, and the sign-off of a week. Each is an agency's own."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency, Officer


class Mark(models.Model):
    """An auditor looked at an unusual pattern and says what it was. Withdrawn, never deleted."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    rule = models.CharField(max_length=40)
    officer = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    day = models.DateField()
    number = models.BigIntegerField(help_text="The number of the pattern when it was marked.")
    sentence = models.TextField()
    marked_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    marked_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "rule", "officer", "day"], condition=Q(withdrawn_at=None), name="mark_once"
            ),
            models.CheckConstraint(condition=~Q(sentence=""), name="mark_says_something"),
        ]


class Review(models.Model):
    """The sign-off of a week of the log: who, when, and which checkpoint covers it. Withdrawn, never deleted."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    week = models.DateField(help_text="The Monday on which the week begins (UTC).")
    sentence = models.TextField()
    acts = models.BigIntegerField()
    signed_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    signed_at = models.DateTimeField()
    checkpoint = models.BigIntegerField(help_text="Leaves of the checkpoint that covers the week.")
    root = models.CharField(max_length=64)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agency", "week"], condition=Q(withdrawn_at=None), name="review_once"),
            models.CheckConstraint(condition=~Q(sentence=""), name="review_says_something"),
        ]

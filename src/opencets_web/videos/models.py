"""Videos: which seconds of one stand in which other one."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Officer
from opencets_web.media.models import Media
from opencets_web.policy.models import BetweenTwo


class FootageState(models.TextChoices):
    """What people said of a suggestion."""

    SUGGESTED = "suggested", "Suggested"
    CONFIRMED = "confirmed", "Confirmed"
    REJECTED = "rejected", "Rejected"


class SharedFootage(BetweenTwo):
    """Seconds of one video that stand in another one; left is the lower id. Suggested by a machine, judged by people."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    left = models.ForeignKey(Media, on_delete=models.PROTECT, related_name="+")
    right = models.ForeignKey(Media, on_delete=models.PROTECT, related_name="+")
    left_begin = models.FloatField()
    left_end = models.FloatField()
    right_begin = models.FloatField()
    right_end = models.FloatField()
    speed = models.FloatField(help_text="How fast the right one shows it, compared with the left.")
    share = models.FloatField(help_text="Of the frames that could be compared, how many agree: 0 to 1.")
    frames = models.IntegerField(help_text="Near-duplicate frames, of the video with fewer.")
    distance = models.FloatField(help_text="Mean bits of PDQ apart.")
    orientation = models.CharField(max_length=60)
    still = models.BooleanField(default=False, help_text="One still picture: its seconds cannot be told apart.")
    found_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=FootageState, default=FootageState.SUGGESTED)
    judged_at = models.DateTimeField(null=True, blank=True)
    judged_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        indexes = [
            models.Index(fields=["left"], name="footage_by_left"),
            models.Index(fields=["right"], name="footage_by_right"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(left_begin__lte=F("left_end"), right_begin__lte=F("right_end")), name="footage_in_order"
            )
        ]

"""Exposure: how officers see, what they were shown on each day, what an agency asks for, and who sits beside whom.

The room stands below the media: it knows no picture. What gives out a picture's bytes asks it first.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency, Officer
from opencets_web.cases.models import Case
from opencets_web.policy.models import Guarded

SEVERITIES = (0, 1, 2, 3)


class Mode(models.TextChoices):
    """How media are reviewed."""

    PICTURES = "pictures", "Pictures, veiled"
    TEXT = "text", "Described in words"
    HASHES = "hashes", "Digests alone"


class Veil(models.TextChoices):
    """How much a veil keeps of a picture."""

    STRONG = "strong", "Strong"
    MEDIUM = "medium", "Medium"
    LIGHT = "light", "Light"


def _no_counts() -> list[int]:
    return [0, 0, 0, 0, 0]


class Setting(models.Model):
    """How one officer sees, until they choose otherwise. Nobody else reads it."""

    officer = models.OneToOneField(Officer, on_delete=models.PROTECT, primary_key=True, related_name="+")
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.PICTURES)
    veil = models.CharField(max_length=10, choices=Veil, default=Veil.STRONG)
    grey = models.BooleanField(default=True)
    tile = models.SmallIntegerField(default=128, help_text="Pixels a side.")
    sound = models.BooleanField(default=False)
    without_pictures = models.BooleanField(default=False)
    without_video = models.BooleanField(default=False)
    without_sound = models.BooleanField(default=False)
    without_severe = models.BooleanField(default=False)
    without_on = models.DateField(null=True, blank=True, help_text="The day on which nothing at all is shown.")
    own_budget = models.IntegerField(null=True, blank=True, help_text="Showings a day; lower than the agency's.")
    talk_asked_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(tile__gte=64, tile__lte=320), name="exposure_tile_size"),
            models.CheckConstraint(condition=Q(own_budget__gte=0), name="exposure_own_budget"),
        ]


class Day(models.Model):
    """What an officer was shown on a day (UTC): how many, how long, how severe, with sound; breaks and snoozes."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    officer = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    on = models.DateField()
    count = models.IntegerField(default=0)
    seconds = models.FloatField(default=0)
    by_severity: ArrayField[list[int], list[int]] = ArrayField(
        models.IntegerField(), size=5, default=_no_counts, help_text="Of severity 0, 1, 2, 3, and not graded."
    )
    sound_seconds = models.FloatField(default=0)
    masks_lifted = models.IntegerField(default=0)
    breaks = models.IntegerField(default=0)
    snoozes = models.IntegerField(default=0)
    stretch_seconds = models.FloatField(default=0, help_text="Shown since the last break.")
    last_at = models.DateTimeField(null=True, help_text="The last showing: a long enough gap is a break.")
    resting_until = models.DateTimeField(null=True, blank=True)
    prompt_at = models.FloatField(
        default=0, help_text="Snoozed: at how many seconds of the stretch the prompt comes again."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["officer", "on"], name="exposure_once_a_day")]


class AgencyRule(models.Model):
    """What an agency asks for. Without a row the defaults of ``defaults.yaml`` hold."""

    agency = models.OneToOneField(Agency, on_delete=models.PROTECT, primary_key=True, related_name="+")
    showings = models.IntegerField(help_text="Showings a day.")
    minutes = models.IntegerField(help_text="Minutes shown a day.")
    break_after = models.IntegerField(help_text="Minutes shown in a stretch.")
    break_minutes = models.IntegerField()
    two_from = models.SmallIntegerField(
        null=True, blank=True, help_text="Severity from which two officers look; null: none."
    )
    two_originals = models.BooleanField(default=False)
    two_minutes = models.IntegerField(help_text="How long two officers stay together.")
    changed_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    changed_at = models.DateTimeField()


class TwoPerson(Guarded):
    """A case whose severe media, or originals, are shown only while a second officer is present. Ended, never deleted."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    two_from = models.SmallIntegerField(default=0, help_text="Severity from which two officers look.")
    set_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField()
    ended_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case"], condition=Q(ended_at=None), name="exposure_two_once_a_case")
        ]


class AskKind(models.TextChoices):
    """What an officer asks of a colleague."""

    PRESENCE = "presence", "Sit beside me"
    GO_AHEAD = "go-ahead", "Let me go on over my budget"


class Ask(models.Model):
    """An officer asks the agency's others to be present, or for a go-ahead; it is answered in the colleague's own session."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=AskKind)
    officer = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    on = models.DateField()
    asked_at = models.DateTimeField()
    lapses_at = models.DateTimeField(help_text="Unanswered until then, it ends by itself.")
    answered_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    answered_at = models.DateTimeField(null=True, blank=True)
    agreed = models.BooleanField(null=True)
    more = models.IntegerField(default=0, help_text="Go-ahead: so many showings beyond the budget.")
    ends_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(answered_by=None) | ~Q(answered_by=F("officer")), name="exposure_nobody_answers_themselves"
            )
        ]
        indexes = [models.Index(fields=["agency", "-asked_at"], name="exposure_ask_by_time")]

"""Identifiers and their generic state, suggested matches, judgements, versions of the weights and which one is live."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Officer
from opencets_web.evidence.models import Record
from opencets_web.policy.models import BetweenTwo, Guarded


class Identifier(models.Model):
    """A normalised value of a linking kind and how many cases hold it (blind territory: no web access)."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=20)
    normal = models.TextField()
    cases_count = models.IntegerField(default=0)
    bucket = models.IntegerField(
        default=0, help_text="floor(log2(cases - 1)): only a change of bucket changes a weight."
    )
    generic = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "normal"], name="identifier_once")]


class Placement(models.Model):
    """A person or account as it is compared with all others: prepared once, with its keys (blind territory)."""

    id = models.BigAutoField(primary_key=True)
    record = models.OneToOneField(Record, on_delete=models.PROTECT, related_name="+")
    record_holding_id = models.UUIDField()
    record_agency_id = models.UUIDField()
    packed = models.BinaryField(help_text="What is compared, as opencets.resolving.packed packs it.")
    keys = ArrayField(models.BigIntegerField())
    stale = models.BooleanField(default=False, help_text="One of its values turned generic, or stopped being so.")

    class Meta:
        indexes = [models.Index(fields=["id"], name="placement_stale", condition=Q(stale=True))]


class CandidateKey(models.Model):
    """Under which keys a placed record is found as a candidate for the same person (blind territory)."""

    pk = models.CompositePrimaryKey("key", "placement_id")
    key = models.BigIntegerField()
    placement_id = models.BigIntegerField()


class Match(BetweenTwo):
    """A suggestion that two records are the same person: scored and explained, never a merge. Left is the lower id."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    left = models.ForeignKey(Record, on_delete=models.PROTECT, related_name="+")
    right = models.ForeignKey(Record, on_delete=models.PROTECT, related_name="+")
    probability = models.FloatField()
    bits = models.FloatField()
    reasons = models.JSONField(default=list)
    model = models.CharField(max_length=40)
    found_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["left", "right", "model"], name="match_once_per_model"),
            models.CheckConstraint(condition=Q(probability__gte=0, probability__lte=1), name="match_probability"),
            models.CheckConstraint(condition=Q(left_id__lt=F("right_id")), name="match_left_is_lower"),
        ]
        indexes = [
            models.Index(fields=["left_holding", "-probability"], name="match_by_left"),
            models.Index(fields=["right_holding", "-probability"], name="match_by_right"),
            models.Index(fields=["right"], name="match_by_right_record"),
        ]


class Verdict(models.TextChoices):
    """What a person decided about two records."""

    SAME = "same", "Same person"
    DIFFERENT = "different", "Different people"
    UNSURE = "unsure", "Unsure"


class Judgement(BetweenTwo):
    """A person's decision on two records, with who, when and why; undone by an end, never overwritten."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    left = models.ForeignKey(Record, on_delete=models.PROTECT, related_name="+")
    right = models.ForeignKey(Record, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=10, choices=Verdict)
    reason = models.TextField()
    by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["left", "right"], condition=Q(undone_at=None), name="one_standing_judgement"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="judgement_has_a_reason"),
            models.CheckConstraint(condition=Q(left_id__lt=F("right_id")), name="judgement_left_is_lower"),
        ]
        indexes = [
            models.Index(fields=["left_holding", "-at"], name="judgement_by_left"),
            models.Index(fields=["right_holding", "-at"], name="judgement_by_right"),
        ]


class ValueRuling(Guarded):
    """An officer overrules the count for one value, in all cases of their agency: it says nothing there, or links all the same.

    Never overwritten: a further ruling ends the one before; ended, the count holds again. The holding is that of the case from
    which it was ruled.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=20)
    normal = models.TextField()
    generic = models.BooleanField(help_text="True: says nothing here; false: links although many hold it.")
    reason = models.TextField()
    by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "kind", "normal"], condition=Q(ended_at=None), name="one_standing_ruling"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="ruling_has_a_reason"),
        ]
        indexes = [models.Index(fields=["kind", "normal"], name="ruling_by_value")]


class WeightVersion(models.Model):
    """A version of the weights of people, learned from judgements: one administrator asks for it, another takes it live.

    Of the whole node. Made once by a job and never changed; ``refused`` says why nothing was made.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=20, unique=True)
    asked_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    reason = models.TextField()
    content = models.JSONField(null=True, blank=True, help_text="The model, as opencets.resolving.model reads it.")
    learned = models.JSONField(
        default=dict, help_text="How widely, and until when: what a later version is compared by."
    )
    card = models.JSONField(null=True, blank=True)
    compared = models.JSONField(null=True, blank=True, help_text="Former and new on sets whose truth is known.")
    made_at = models.DateTimeField(null=True, blank=True)
    refused = models.TextField(blank=True)
    approved_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    approved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="weights_asked_with_a_reason"),
            models.CheckConstraint(
                condition=Q(approved_by=None) | (~Q(approved_by=F("asked_by")) & Q(content__isnull=False)),
                name="weights_approved_by_another",
            ),
        ]


class WeightTerm(models.Model):
    """From when until when a version was live, who took it so, and how far the suggestions are weighed again by it.

    Without a version: the weights that OpenCETS is shipped with.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    version = models.ForeignKey(WeightVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="terms")
    reason = models.TextField()
    begun_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    begun_at = models.DateTimeField()
    ended_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    total = models.IntegerField(default=0)
    weighed = models.IntegerField(default=0)
    reached = models.UUIDField(null=True, blank=True, help_text="The last record that was weighed again.")
    weighed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                models.Value(1), condition=Q(ended_at=None), name="one_live_version_of_the_weights"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="term_has_a_reason"),
        ]


class WeightTurn(BetweenTwo):
    """A pair that a version tells on the other side of the threshold than the version that was live when it was made."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    version = models.ForeignKey(WeightVersion, on_delete=models.PROTECT, related_name="+")
    left = models.ForeignKey(Record, on_delete=models.PROTECT, related_name="+")
    right = models.ForeignKey(Record, on_delete=models.PROTECT, related_name="+")
    before = models.FloatField()
    after = models.FloatField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "left", "right"], name="turn_once_per_version")]

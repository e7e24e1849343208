"""Marks, their regions, suggested places, and what people decided about them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml
from django.db import models
from django.db.models import Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Officer
from opencets_web.cases.models import Case
from opencets_web.media.models import Media
from opencets_web.policy.models import BetweenTwo, Guarded


@cache
def kinds() -> dict[str, dict[str, str]]:
    """Kinds of marks: key to label and hint, from ``data/kinds.yaml``."""
    found: dict[str, dict[str, str]] = yaml.safe_load((Path(__file__).parent / "data/kinds.yaml").read_text("utf-8"))
    return found


class Mark(Guarded):
    """A place or thing with a name: what an analyst marked on a picture of a case."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="marks")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20)
    description = models.TextField(blank=True)
    made_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    released_by = models.CharField(max_length=200, blank=True, help_text="The agency that released it to this one.")
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(name=""), name="mark_has_a_name")]
        indexes = [models.Index(fields=["case", "-made_at"], name="mark_by_case")]


class MarkRegion(Guarded):
    """Where a mark stands on the picture it was marked on, and the features it is sought by."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    mark = models.ForeignKey(Mark, on_delete=models.PROTECT, related_name="regions")
    media = models.ForeignKey(Media, on_delete=models.PROTECT, related_name="+")
    polygon = models.JSONField(help_text="Corners as [x, y], each a share of the upright picture's width or height.")
    features = models.BinaryField(null=True, help_text="What it is sought by, once it was read.")
    points = models.IntegerField(default=0, help_text="How many features stand out in it.")
    searched_at = models.DateTimeField(null=True, blank=True)
    trouble = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["media"], name="mark_region_by_media")]


class MarkMatch(BetweenTwo):
    """A place where a region was found: left is the mark's holding, right the picture's. A suggestion, never more."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    region = models.ForeignKey(MarkRegion, on_delete=models.PROTECT, related_name="matches")
    media = models.ForeignKey(Media, on_delete=models.PROTECT, related_name="+")
    second = models.FloatField(null=True, help_text="Of a video: the frame in which it stands most surely.")
    also_at = models.JSONField(default=list, help_text="Of a video: the seconds of the other frames it was found in.")
    mirrored = models.BooleanField(default=False, help_text="It lies here flipped left to right.")
    score = models.FloatField()
    points = models.IntegerField()
    maps = models.IntegerField()
    turn_degrees = models.FloatField()
    size = models.FloatField()
    pairs = models.JSONField(help_text="Matched points: x, y in the marked picture, x, y here, as shares.")
    likeness = models.FloatField(null=True, help_text="By the embedding that is plugged in; empty without one.")
    outline = models.JSONField(help_text="The region's corners as they lie here, as shares.")
    found_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["region", "media"], name="mark_match_once")]
        indexes = [models.Index(fields=["media"], name="mark_match_by_media")]


class Verdict(models.TextChoices):
    """What a person decided about a suggested place."""

    SAME = "same", "Same place or thing"
    DIFFERENT = "different", "Something else"


class MarkJudgement(BetweenTwo):
    """A person's decision on a suggested place, with who, when and why; undone by an end, never overwritten."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    match = models.ForeignKey(MarkMatch, on_delete=models.PROTECT, related_name="judgements")
    verdict = models.CharField(max_length=10, choices=Verdict)
    reason = models.TextField()
    by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["match"], condition=Q(undone_at=None), name="one_standing_mark_judgement"),
            models.CheckConstraint(condition=~Q(reason=""), name="mark_judgement_has_a_reason"),
        ]


class RegionSignal(models.Model):
    """Which picture stands at a position of the index of regions (blind territory: no web access)."""

    position = models.BigIntegerField(primary_key=True)
    media_id = models.UUIDField(unique=True)
    trouble = models.CharField(max_length=200, blank=True)


class FrameSignal(models.Model):
    """Which frame of which video stands at a position of the index of frames (blind territory: no web access).

    A video without a frame to search has a row as well, so that it is not read again.
    """

    position = models.BigIntegerField(primary_key=True)
    media_id = models.UUIDField()
    second = models.FloatField()
    trouble = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["media_id", "second"], name="frame_signal_once")]

"""Cameras: named devices, the noise of their sensors, and the pictures in which it was found again."""

from __future__ import annotations

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Officer
from opencets_web.cases.models import Case
from opencets_web.evidence.models import Blob
from opencets_web.media.models import Media
from opencets_web.policy.models import BetweenTwo, Guarded


class Device(Guarded):
    """A camera or telephone of a case that an officer gave a name to: seized, or known by its pictures alone."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="devices")
    name = models.CharField(max_length=120)
    serial = models.CharField(max_length=300, blank=True, help_text="As normalised: maker, model and number.")
    made_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["case", "made_at"], name="device_by_case")]
        constraints = [models.CheckConstraint(condition=~Q(name=""), name="device_has_a_name")]


class FingerprintState(models.TextChoices):
    """The way of a fingerprint: asked for, made and compared, or refused with a sentence."""

    ASKED = "asked", "Waiting to be made"
    MADE = "made", "Being compared"
    COMPARED = "compared", "Compared"
    REFUSED = "refused", "Could not be made"


class Fingerprint(Guarded):
    """The sensor noise of a device, made from pictures that an officer chose; its values stand in the vault."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="fingerprints")
    chosen: ArrayField[list[UUID], list[UUID]] = ArrayField(models.UUIDField(), help_text="Ids of the media chosen.")
    state = models.CharField(max_length=10, choices=FingerprintState, default=FingerprintState.ASKED)
    sentence = models.TextField(blank=True, help_text="Why it was refused, or what to bear in mind.")
    left_out = models.JSONField(default=list, help_text="File names that could not serve, each with the reason.")
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, related_name="+")
    references_count = models.IntegerField(default=0)
    width = models.IntegerField(null=True)
    height = models.IntegerField(null=True)
    agreement = models.FloatField(null=True, help_text="PCE of one half of the references against the other.")
    threshold = models.FloatField(default=60)
    compared_until = models.UUIDField(null=True, help_text="The last medium compared, in the order of ids.")
    compared = models.IntegerField(default=0)
    to_compare = models.IntegerField(default=0)
    asked_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    made_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["case", "-asked_at"], name="camera_print_by_case"),
            models.Index(
                fields=["width", "height"],
                name="camera_print_by_size",
                condition=Q(blob__isnull=False, withdrawn_at=None),
            ),
        ]


class NoiseLook(Guarded):
    """That a medium's noise was compared with every fingerprint of its size or scaled to it, or why it could not be."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    media = models.OneToOneField(Media, on_delete=models.PROTECT, related_name="noise_look")
    compared_at = models.DateTimeField()
    trouble = models.TextField(blank=True)


class CameraMatch(BetweenTwo):
    """A fingerprint found in a picture: left is the fingerprint's holding, right the picture's. A suggestion."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    fingerprint = models.ForeignKey(Fingerprint, on_delete=models.PROTECT, related_name="matches")
    media = models.ForeignKey(Media, on_delete=models.PROTECT, related_name="+")
    pce = models.FloatField()
    turn = models.IntegerField(default=0)
    by_theory = models.FloatField(help_text="Probability of so high a PCE by chance, were the noise independent.")
    scale = models.FloatField(default=1.0, help_text="By how much the picture was scaled down from the camera's size.")
    is_reference = models.BooleanField(default=False, help_text="The fingerprint was made from this very file.")
    found_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["fingerprint", "media"], name="camera_match_once")]
        indexes = [models.Index(fields=["media"], name="camera_match_by_media")]


class CameraJudgement(BetweenTwo):
    """That an officer takes a match for right or wrong: who, when, why; undone, it stays and counts no more."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    match = models.ForeignKey(CameraMatch, on_delete=models.PROTECT, related_name="judgements")
    same = models.BooleanField()
    reason = models.TextField()
    by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True)
    undone_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["match"], condition=Q(undone_at=None), name="one_standing_camera_judgement"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="camera_judgement_has_a_reason"),
        ]

"""The append-only log, its seals and checkpoints. Rows are written by ``audit.log`` and never changed."""

from __future__ import annotations

from django.db import models


class Act(models.Model):
    """One act: who, when, what, on what, for what purpose, from where. The leaf hash is computed by a trigger.

    ``details`` is canonical JSON text (sorted keys, no spaces), so that the leaf does not depend on a server version.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    verb = models.CharField(max_length=60)
    officer_id = models.UUIDField(null=True)
    agency_id = models.UUIDField(null=True)
    holding_id = models.UUIDField(null=True)
    holding_agency_id = models.UUIDField(null=True)
    subject = models.CharField(max_length=80, blank=True)
    details = models.TextField(default="{}")
    purpose = models.TextField(blank=True)
    address = models.CharField(max_length=64, blank=True)
    leaf = models.BinaryField(max_length=32)
    written_in = models.BigIntegerField(
        help_text="Number of the writing transaction; the sealer waits until all earlier ones ended."
    )

    class Meta:
        indexes = [
            models.Index(fields=["holding_id", "-id"], name="act_by_holding"),
            models.Index(fields=["agency_id", "-id"], name="act_by_agency"),
            models.Index(fields=["officer_id", "-id"], name="act_by_officer"),
        ]


class Seal(models.Model):
    """The place of an act in the tree: leaf numbers follow commit order."""

    leaf_number = models.BigIntegerField(primary_key=True)
    act = models.OneToOneField(Act, on_delete=models.PROTECT, db_constraint=False)


class Checkpoint(models.Model):
    """The root of the Merkle tree (RFC 6962, section 2.1) over the first ``size`` leaves."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField(max_length=32)
    frontier = models.BinaryField(help_text="The O(log n) hashes from which the tree goes on growing.")
    at = models.DateTimeField()

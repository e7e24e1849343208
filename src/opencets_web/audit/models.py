"""The append-only log, its seals, checkpoints and keys. Rows are written by ``audit.log`` and never changed."""

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
            models.Index(fields=["agency_id", "at"], name="act_by_agency_at"),
        ]


class Purpose(models.Model):
    """Why an officer looks into a holding on a day; without a holding: across holdings. Added only: the last one counts."""

    id = models.BigAutoField(primary_key=True)
    officer_id = models.UUIDField()
    holding_id = models.UUIDField(null=True)
    day = models.DateField(help_text="The officer's local day.")
    code = models.CharField(max_length=40)
    version = models.SmallIntegerField(help_text="Of the list of purposes, data/purposes.yaml.")
    words = models.CharField(max_length=400)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=~models.Q(words=""), name="purpose_has_words")]
        indexes = [models.Index(fields=["officer_id", "holding_id", "-id"], name="purpose_of_officer")]


class SigningKey(models.Model):
    """A public key of this node: each is signed by the one before, the first by itself."""

    number = models.IntegerField(primary_key=True)
    public = models.BinaryField(max_length=32)
    since = models.BigIntegerField(help_text="Leaves sealed when the key came; checkpoints of more are signed.")
    at = models.CharField(max_length=32)
    signature = models.BinaryField(max_length=64)


class Seal(models.Model):
    """The place of an act in the tree, signed: leaf numbers follow commit order. Those of before signing have no signature."""

    leaf_number = models.BigIntegerField(primary_key=True)
    act = models.OneToOneField(Act, on_delete=models.PROTECT, db_constraint=False)
    leaf = models.BinaryField(max_length=32, null=True)
    signature = models.BinaryField(max_length=64, null=True)


class Checkpoint(models.Model):
    """The root of the Merkle tree (RFC 6962, section 2.1) over the first ``size`` leaves, signed.

    ``horizon`` and ``ceiling`` are the limits of the sealer's snapshot: what was written in a transaction below the horizon is
    sealed here or before, what was written in one from the ceiling on was written after ``at``.
    """

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField(max_length=32)
    frontier = models.BinaryField(help_text="The O(log n) hashes from which the tree goes on growing.")
    at = models.DateTimeField()
    after = models.BigIntegerField(null=True, help_text="Size of the checkpoint before; 0 for the first.")
    horizon = models.BigIntegerField(null=True)
    ceiling = models.BigIntegerField(null=True)
    marks = models.BinaryField(max_length=32, null=True, help_text="SHA-256 of the signatures of the leaves since.")
    key = models.IntegerField(null=True)
    signature = models.BinaryField(max_length=64, null=True)

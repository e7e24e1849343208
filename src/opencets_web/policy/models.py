"""Holding and Grant: the unit of access, and what opens it to others."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.db.models import Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency, Officer


class Handling(models.TextChoices):
    """Handling code (UK 3x5x2): P lawful sharing permitted, C permitted with conditions."""

    PERMITTED = "P", "P: lawful sharing permitted"
    CONDITIONS = "C", "C: lawful sharing permitted with conditions"


class Tlp(models.TextChoices):
    """Traffic Light Protocol 2.0 (FIRST), beside the handling code for partners that use it; not chosen: not used."""

    CLEAR = "CLEAR", "TLP:CLEAR, without limit"
    GREEN = "GREEN", "TLP:GREEN, within the community"
    AMBER = "AMBER", "TLP:AMBER, the recipient's organisation and its clients"
    AMBER_STRICT = "AMBER+STRICT", "TLP:AMBER+STRICT, the recipient's organisation alone"
    RED = "RED", "TLP:RED, named recipients alone"


class Disclosure(models.TextChoices):
    """What the other side learns when something of this holding matches something of theirs."""

    OPEN = "open", "Both are told; content may be requested"
    POINTER = "pointer", "Both are told whom to call"
    SILENT = "silent", "Only the owner is told"


class Holding(models.Model):
    """The unit of access. Every guarded row points at exactly one; a case is one Holding."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    handling = models.CharField(max_length=1, choices=Handling, default=Handling.PERMITTED)
    tlp = models.CharField(max_length=12, choices=Tlp, blank=True, default="")
    conditions = models.TextField(blank=True)
    disclosure = models.CharField(max_length=10, choices=Disclosure, default=Disclosure.OPEN)
    restricted = models.BooleanField(
        default=False, help_text="Closed also to the owning agency's officers without a grant."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["id", "agency"], name="holding_with_its_agency"),
            models.CheckConstraint(
                condition=~Q(handling=Handling.CONDITIONS) | ~Q(conditions=""), name="handling_c_names_its_conditions"
            ),
        ]


class Level(models.TextChoices):
    """What a grant allows; each includes the ones before."""

    READ = "read", "Read"
    CONTRIBUTE = "contribute", "Contribute"
    MANAGE = "manage", "Manage"


class GrantState(models.TextChoices):
    """Whether the other side takes part. A release is open at once; an invitation opens only once it is accepted."""

    OPEN = "open", "Open"
    INVITED = "invited", "Waiting for their answer"
    DECLINED = "declined", "Declined"
    LEFT = "left", "Left by them"


class Grant(models.Model):
    """Opens a Holding to an agency or to one officer: level, purpose, who approved, until when. Never deleted, only withdrawn."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    holding = models.ForeignKey(Holding, on_delete=models.PROTECT, related_name="grants")
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+", help_text="The holding's agency.")
    to_agency = models.ForeignKey(Agency, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    to_officer = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    level = models.CharField(max_length=12, choices=Level, default=Level.READ)
    purpose = models.TextField()
    granted_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    granted_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    withdrawn_because = models.TextField(blank=True)
    invited = models.BooleanField(default=False, help_text="Opens only once the invited agency has accepted.")
    state = models.CharField(max_length=10, choices=GrantState, default=GrantState.OPEN)
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    answer = models.TextField(blank=True, help_text="What the invited agency says when it declines or leaves.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(invited=True) | Q(state="open"), name="only_an_invitation_waits_for_an_answer"
            ),
            models.CheckConstraint(
                condition=Q(to_agency__isnull=False, to_officer__isnull=True)
                | Q(to_agency__isnull=True, to_officer__isnull=False),
                name="grant_to_an_agency_or_an_officer",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=models.F("granted_at")), name="grant_ends_after_it_begins"
            ),
            models.CheckConstraint(condition=~Q(purpose=""), name="grant_has_a_purpose"),
        ]
        indexes = [
            models.Index(fields=["to_agency", "holding"], name="grant_by_agency"),
            models.Index(fields=["to_officer", "holding"], name="grant_by_officer"),
            models.Index(fields=["holding"], name="grant_by_holding"),
        ]


class Guarded(models.Model):
    """A row behind the door: its Holding, and the Holding's agency beside it so that the wall needs no join.

    The composite foreign key (holding, agency) that keeps the two together is made by ``policy.wall``.
    """

    holding = models.ForeignKey(Holding, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)

    class Meta:
        abstract = True

    @classmethod
    def own_business(cls, agency_id: UUID) -> Q | None:
        """What of the rows a partner on the holding does not see, as a condition; None: nothing is kept from them."""
        return None

    @classmethod
    def personal(cls, officer_id: UUID) -> Q | None:
        """For rows that are one officer's own, as a condition; None: the rows are the case's."""
        return None


class BetweenTwo(models.Model):
    """A row about two records of two Holdings: seen only by those who may see both."""

    left_holding = models.ForeignKey(Holding, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    left_agency = models.ForeignKey(
        Agency, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    right_holding = models.ForeignKey(Holding, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    right_agency = models.ForeignKey(
        Agency, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )

    class Meta:
        abstract = True


class IdentityKey(models.Model):
    """The key with which this node's programs say as whom they act, as the two padded blocks of HMAC (RFC 2104).

    Only ``opencets_definer`` reads it; ``policy.wall`` writes it from the home's secret of the same name.
    """

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    inner_block = models.BinaryField(max_length=64)
    outer_block = models.BinaryField(max_length=64)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_identity_key")]

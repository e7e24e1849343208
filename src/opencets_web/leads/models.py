"""Connections between cases, pointers for those who may not see them, and alerts."""

from __future__ import annotations

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency, Officer
from opencets_web.cases.models import Case
from opencets_web.policy.models import BetweenTwo, Guarded


class Connection(BetweenTwo):
    """Two cases connect: the best paths with every claim that speaks. Seen only by those who may see every holding on it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    left_case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    right_case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    through: ArrayField[list[object], list[object]] = ArrayField(models.UUIDField(), default=list)
    kinds: ArrayField[list[str], list[str]] = ArrayField(models.CharField(max_length=20), default=list)
    hops = models.IntegerField()
    bits = models.FloatField()
    probability = models.FloatField()
    strength = models.FloatField()
    sentence = models.TextField()
    factors = models.JSONField(default=list, help_text="What its strength is made of, each in a sentence.")
    paths = models.JSONField(default=list)
    uses: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=32),
        default=list,
        help_text="Records (id without hyphens) and values (MD5 of kind:value) on its paths, to find it when they change.",
    )
    digest = models.CharField(
        max_length=32, help_text="Of the ties of all paths and their bits: unchanged, the row is left alone."
    )
    model = models.CharField(max_length=40)
    found_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["left_case", "right_case", "through"], name="connection_once"),
            models.CheckConstraint(condition=Q(left_case_id__lt=F("right_case_id")), name="connection_left_is_lower"),
        ]
        indexes = [
            models.Index(fields=["left_holding", "-strength"], name="connection_by_left"),
            models.Index(fields=["right_holding", "-strength"], name="connection_by_right"),
            GinIndex(fields=["uses"], name="connection_by_use", condition=Q(retired_at=None)),
            GinIndex(fields=["through"], name="connection_by_through", condition=Q(retired_at=None)),
        ]


class Pointer(Guarded):
    """That something of this case connects to another agency, and whom to call. Nothing else."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="pointers")
    other_agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    may_request = models.BooleanField(default=True)
    made_at = models.DateTimeField()
    retired_at = models.DateTimeField(
        null=True, blank=True, help_text="Nothing connects any more, or its owner tells nobody now."
    )

    class Meta:
        indexes = [models.Index(fields=["case", "-made_at"], name="pointer_by_case")]

    @classmethod
    def own_business(cls, agency_id: UUID) -> Q:
        """Whom an agency was pointed to is its own business."""
        return Q(agency_id=agency_id)


class PointerSecret(models.Model):
    """Which connection a pointer stands for (blind territory: no web access)."""

    pointer = models.OneToOneField(Pointer, on_delete=models.PROTECT, primary_key=True, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="+")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    other_case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "other_case"], name="one_pointer_to_a_case")]


class AlertKind(models.TextChoices):
    """Why one is told."""

    CONNECTION = "connection", "Connection"
    POINTER = "pointer", "Another agency"
    KNOWN = "known", "Known file"
    REQUEST = "request", "Request"
    RELEASE = "release", "Release"


class AlertState(models.TextChoices):
    """What was done about it."""

    NEW = "new", "New"
    ACCEPTED = "accepted", "Accepted"
    DISMISSED = "dismissed", "Dismissed"


class Alert(Guarded):
    """Something new that a case's officers are told, with the reason in one sentence.

    What a connection says stands on the connection alone, where it is seen only by those who may see every holding on it: a
    withdrawn release takes the words back too.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="alerts")
    kind = models.CharField(max_length=12, choices=AlertKind)
    sentence = models.TextField()
    strength = models.FloatField(default=0)
    factors = models.JSONField(default=list)
    connection = models.ForeignKey(
        Connection, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_constraint=False
    )
    pointer = models.ForeignKey(Pointer, on_delete=models.PROTECT, null=True, blank=True, related_name="alerts")
    subject_url = models.CharField(max_length=200, blank=True)
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=AlertState, default=AlertState.NEW)
    raised_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    decided_because = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "digest"], name="alert_told_once")]
        indexes = [models.Index(fields=["agency", "state", "-raised_at"], name="alert_by_state")]

    @classmethod
    def own_business(cls, agency_id: UUID) -> Q:
        """A partner on the case is told of connections and known files, not of whom its owner was pointed to or asked by."""
        return Q(agency_id=agency_id) | Q(kind__in=(AlertKind.CONNECTION, AlertKind.KNOWN))


class AlertThreshold(models.Model):
    """From which strength an officer is told of connections at all; weaker ones stay to be looked up."""

    officer = models.OneToOneField(Officer, on_delete=models.PROTECT, primary_key=True, related_name="+")
    least_strength = models.FloatField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(least_strength__gte=0, least_strength__lte=100), name="threshold_is_a_strength"
            )
        ]

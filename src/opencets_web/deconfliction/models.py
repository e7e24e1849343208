"""What officers declare to be working on, and the conflicts found: one row for each side, under that side's own Holding."""

from __future__ import annotations

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency, Officer
from opencets_web.cases.models import Case
from opencets_web.policy.models import Guarded


class Subject(models.TextChoices):
    """What is declared."""

    TARGET = "target", "Target"
    OPERATION = "operation", "Operation"


class OperationKind(models.TextChoices):
    """What kind of operation is planned."""

    WARRANT = "warrant", "Search warrant"
    ARREST = "arrest", "Arrest"
    UNDERCOVER = "undercover", "Undercover contact"
    SURVEILLANCE = "surveillance", "Surveillance"
    INTERVIEW = "interview", "Interview or visit"
    OTHER = "other", "Other operation"


class Declaration(Guarded):
    """That officers of a case work on something, from now until a day: a target (its values), or an operation (when and where).

    It watches: what is declared or read later, by any agency, is compared with it as what was there before.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="declarations")
    subject = models.CharField(max_length=10, choices=Subject)
    label = models.CharField(max_length=200, help_text="What the own agency calls it; no other agency is shown it.")
    purpose = models.TextField()
    contact = models.CharField(
        max_length=200, blank=True, help_text="Whom the other side calls; empty: the agency's contact."
    )
    record_ref = models.UUIDField(null=True, blank=True, help_text="The entity it was declared from (its anchor).")
    media_ref = models.UUIDField(null=True, blank=True, help_text="The media file it was declared from.")
    operation = models.CharField(max_length=12, choices=OperationKind, blank=True)
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    latitude = models.FloatField(null=True, blank=True)
    longitude = models.FloatField(null=True, blank=True)
    radius_metres = models.IntegerField(default=0)
    place = models.CharField(max_length=300, blank=True, help_text="The address as written.")
    place_key = models.CharField(max_length=300, blank=True, help_text="The address as compared.")
    declared_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    declared_at = models.DateTimeField()
    compared_at = models.DateTimeField(null=True, blank=True, help_text="When all that was kept had been compared.")
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    withdrawn_because = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(purpose=""), name="declaration_has_a_purpose"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("begins_at")), name="declaration_ends_after_it_begins"),
            models.CheckConstraint(
                condition=~Q(subject="operation") | (~Q(operation="") & (Q(latitude__isnull=False) | ~Q(place_key=""))),
                name="operation_has_a_kind_and_a_place",
            ),
            models.CheckConstraint(
                condition=Q(latitude__isnull=True, longitude__isnull=True)
                | Q(latitude__gte=-90, latitude__lte=90, longitude__gte=-180, longitude__lte=180),
                name="declaration_is_on_the_globe",
            ),
        ]
        indexes = [
            models.Index(fields=["case", "-declared_at"], name="declaration_by_case"),
            models.Index(fields=["agency", "-declared_at"], name="declaration_by_agency"),
            models.Index(fields=["declared_by", "-declared_at"], name="declaration_by_officer"),
            models.Index(
                fields=["begins_at", "ends_at"],
                name="operation_by_time",
                condition=Q(subject="operation", withdrawn_at=None),
            ),
        ]

    @classmethod
    def own_business(cls, agency_id: UUID) -> Q:
        """What an agency plans is its own business, also while the case is released."""
        return Q(agency_id=agency_id)


class DeclaredValue(Guarded):
    """One value of a declared target, as written and normalised."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    declaration = models.ForeignKey(Declaration, on_delete=models.PROTECT, related_name="values")
    kind = models.CharField(max_length=20)
    raw = models.TextField()
    normal = models.TextField()
    generic = models.BooleanField(
        default=False, help_text="More cases hold it than one person explains: compared with declarations alone."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["declaration", "kind", "normal"], name="value_declared_once"),
        ]
        indexes = [models.Index(fields=["kind", "normal"], name="declared_by_value")]

    @classmethod
    def own_business(cls, agency_id: UUID) -> Q:
        """As the declaration."""
        return Q(agency_id=agency_id)


class ConflictState(models.TextChoices):
    """Whose turn it is, from this side."""

    NEW = "new", "Not answered"
    OURS = "ours", "Your turn"
    THEIRS = "theirs", "Their turn"
    NOTED = "noted", "Noted by you"
    AGREED = "agreed", "Agreed"


class Outcome(models.TextChoices):
    """What two owners agree on."""

    PROCEED = "proceed", "Both proceed, each on their own"
    HAND_OVER = "hand-over", "One side hands over to the other"
    JOINT = "joint", "Work on it together"


class Conflict(Guarded):
    """One side of a conflict: what of ours meets something of theirs, what we may be told of them, and how it stands.

    The row stands only for a side that is told. Which case is on the other side is known to the blind door alone, except where
    the door is open to it anyway (``other_case``).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="conflicts")
    subject = models.CharField(max_length=10, choices=Subject)
    parts = models.JSONField(default=list, help_text="Of ours: kind, value, declaration, record, where it stands.")
    declarations: ArrayField[list[UUID], list[UUID]] = ArrayField(models.UUIDField(), default=list)
    other_agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    other_case = models.UUIDField(null=True, blank=True, help_text="Only while the door to it is open to our agency.")
    other_officer = models.CharField(max_length=200, blank=True, help_text="Who declared on their side.")
    other_contact = models.CharField(max_length=200, blank=True)
    asked_by_us = models.BooleanField(default=False)
    asked_by_them = models.BooleanField(default=False)
    may_request = models.BooleanField(default=False)
    told_them = models.BooleanField(default=False, help_text="Whether the other side is told as well.")
    state = models.CharField(max_length=10, choices=ConflictState, default=ConflictState.NEW)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    gives = models.BooleanField(default=False, help_text="Of a hand-over agreed: our side gives.")
    opened_to_them_at = models.DateTimeField(null=True, blank=True)
    opened_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    found_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    over_at = models.DateTimeField(null=True, blank=True, help_text="Every declaration of it was withdrawn.")
    retired_at = models.DateTimeField(null=True, blank=True, help_text="The owner's code tells nobody now.")

    class Meta:
        indexes = [
            models.Index(fields=["agency", "state", "-changed_at"], name="conflict_by_state"),
            models.Index(fields=["case", "-changed_at"], name="conflict_by_case"),
            GinIndex(fields=["declarations"], name="conflict_by_declaration"),
        ]

    @classmethod
    def own_business(cls, agency_id: UUID) -> Q:
        """With whom an agency conflicts is its own business."""
        return Q(agency_id=agency_id)


class Said(models.TextChoices):
    """What a line of the thread does."""

    SAID = "said", "wrote"
    ASKED = "asked", "asks for a release"
    PROPOSED = "proposed", "proposes"
    CONFIRMED = "confirmed", "agreed"
    REOPENED = "reopened", "opened it again"


class ThreadLine(Guarded):
    """A line of a conflict's thread, as one side has it; the other side has its own copy of the same ``ref``."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    conflict = models.ForeignKey(Conflict, on_delete=models.PROTECT, related_name="lines")
    ref = models.UUIDField(default=new_id)
    said = models.CharField(max_length=10, choices=Said, default=Said.SAID)
    ours = models.BooleanField(default=True)
    author = models.CharField(max_length=200)
    author_agency = models.CharField(max_length=200)
    text = models.TextField(blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    gives = models.BooleanField(default=False, help_text="Of a hand-over: the author's side gives.")
    about = models.UUIDField(null=True, blank=True, help_text="The proposal that is confirmed.")
    kept_here = models.BooleanField(default=False, help_text="A note of a side that alone is told; never carried.")
    said_at = models.DateTimeField()
    carried_at = models.DateTimeField(null=True, blank=True)
    readers = models.JSONField(default=list, help_text="Who of the side that did not write it has read it, and when.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["conflict", "ref"], name="line_once_on_a_side")]
        indexes = [models.Index(fields=["conflict", "said_at"], name="line_by_conflict")]

    @classmethod
    def own_business(cls, agency_id: UUID) -> Q:
        """As the conflict."""
        return Q(agency_id=agency_id)


class ConflictSecret(models.Model):
    """What the two sides of a conflict are (blind territory: no web access). Left is the case of the lower id."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    subject = models.CharField(max_length=10, choices=Subject)
    left_case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    right_case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    left = models.OneToOneField(Conflict, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    right = models.OneToOneField(Conflict, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    left_parts = models.JSONField(default=list)
    right_parts = models.JSONField(default=list)
    left_asked = models.BooleanField(default=False)
    right_asked = models.BooleanField(default=False)
    meets: ArrayField[list[str], list[str]] = ArrayField(
        models.TextField(), default=list, help_text="The values or pairs of operations that meet, to find it again."
    )
    declarations: ArrayField[list[UUID], list[UUID]] = ArrayField(models.UUIDField(), default=list)
    found_at = models.DateTimeField()
    over_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(left_case_id__lt=F("right_case_id")), name="conflict_left_is_lower"),
        ]
        indexes = [
            models.Index(fields=["left_case", "right_case", "subject"], name="conflict_by_cases"),
            models.Index(fields=["right_case"], name="conflict_by_right_case"),
            GinIndex(fields=["declarations"], name="conflict_by_declarations"),
        ]

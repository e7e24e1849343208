"""Cases, who works on them, partners' numbers and notes."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Officer
from opencets_web.accounts.sealed import SealedTextField
from opencets_web.policy.models import Guarded


class CaseKind(models.TextChoices):
    """What the case is about; the unified checklists go by it."""

    POSSESSION = "possession", "Possession or distribution of images"
    PRODUCTION = "production", "Production of images"
    ENTICEMENT = "enticement", "Online enticement"
    VICTIM_IDENTIFICATION = "victim-identification", "Victim identification"
    MISSING = "missing", "Missing child"
    OTHER = "other", "Other"


class CaseState(models.TextChoices):
    """Where the case stands."""

    OPEN = "open", "Open"
    CLOSED = "closed", "Closed"


FIELDS = {
    "title": "Title",
    "kind": "Kind of case",
    "summary": "Summary",
    "handling": "Handling code",
    "tlp": "TLP",
    "conditions": "Conditions",
    "disclosure": "What a match tells",
}
"""The fields of a case that officers change, with the words for them; each change is kept."""
HOLDING_FIELDS = ("handling", "tlp", "conditions", "disclosure")
"""Those of its Holding: the owner's alone."""


def plain_lines(text: str) -> str:
    """Text as it is compared: a browser sends two characters for the end of a line, and spaces at its ends are chance."""
    return text.replace("\r\n", "\n").strip()


class Case(Guarded):
    """An investigation. Its Holding is its own; everything read into it stands under that Holding."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    reference = models.CharField(max_length=40, unique=True)
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=30, choices=CaseKind, default=CaseKind.POSSESSION)
    state = models.CharField(max_length=10, choices=CaseState, default=CaseState.OPEN)
    summary = SealedTextField(blank=True)
    opened_at = models.DateTimeField()
    opened_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_because = SealedTextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["holding"], name="case_is_one_holding")]
        indexes = [models.Index(fields=["agency", "-opened_at"], name="case_by_agency")]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"


class Assignment(Guarded):
    """An officer works on a case, from when until when."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="assignments")
    officer = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="assignments")
    since_at = models.DateTimeField()
    until_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "officer"], condition=Q(until_at=None), name="one_live_assignment")
        ]


class PartnerNumber(Guarded):
    """A partner's own number for the case: provider, CyberTip, state, local, laboratory."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="numbers")
    partner = models.CharField(max_length=120)
    number = models.CharField(max_length=120)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case", "partner", "number"], condition=Q(removed_at=None), name="partner_number_once"
            )
        ]


class Note(Guarded):
    """A note on a case, kept for ever: a withdrawn note stays, struck through."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="notes")
    author = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    text = SealedTextField()
    written_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["case", "-written_at"], name="note_by_case")]


class FieldChange(Guarded):
    """One field of a case as one officer changed it, from what to what; never changed itself."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="changes")
    field = models.CharField(max_length=20)
    before = SealedTextField(blank=True)
    after = SealedTextField(blank=True)
    by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["case", "-at"], name="field_change_by_case")]

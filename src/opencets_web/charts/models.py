"""Saved link charts."""

from __future__ import annotations

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Officer
from opencets_web.accounts.sealed import SealedTextField
from opencets_web.cases.models import Case
from opencets_web.policy.models import Guarded


class SavedChart(Guarded):
    """A link chart kept with a case: around what, and what an officer made of it.

    Living, it is asked anew each time. Frozen, it is what was drawn on a day, with its digest, for those alone who may see every
    holding that it draws.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="charts")
    title = models.CharField(max_length=200)
    around = models.UUIDField(null=True, help_text="The record that it was drawn around; null: the whole case.")
    whole = models.BooleanField(default=False, help_text="Of a case: everything in it, up to the most that is drawn.")
    layout = models.JSONField(
        default=dict,
        help_text="Places (node id to [x, y]), and which nodes are expanded, hidden, pinned, grouped or noted; the time shown.",
    )
    content = SealedTextField(blank=True, help_text="Of a frozen chart: what was drawn, as JSON in one fixed form.")
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of a frozen chart's content.")
    holdings: ArrayField[list[object], list[object]] = ArrayField(
        models.UUIDField(), default=list, blank=True, help_text="Of a frozen chart: whose records it draws."
    )
    frozen_at = models.DateTimeField(null=True, blank=True)
    saved_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    saved_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(frozen_at=None, sha256="") | (Q(frozen_at__isnull=False) & ~Q(sha256="")),
                name="frozen_chart_has_a_digest",
            )
        ]

    @property
    def drawn_holdings(self) -> list[UUID]:
        """Whose records a frozen chart draws."""
        return [UUID(str(holding)) for holding in self.holdings]

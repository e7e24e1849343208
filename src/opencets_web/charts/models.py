"""Saved link charts."""

from __future__ import annotations

from django.db import models

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Officer
from opencets_web.cases.models import Case
from opencets_web.policy.models import Guarded


class SavedChart(Guarded):
    """A link chart kept with a case: around what, and where its nodes stand. What is drawn is asked anew each time."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="charts")
    title = models.CharField(max_length=200)
    around = models.UUIDField(help_text="The record that the chart was drawn around.")
    layout = models.JSONField(
        default=dict, help_text="Node id to [x, y]; also which nodes are expanded, hidden or pinned."
    )
    saved_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    saved_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

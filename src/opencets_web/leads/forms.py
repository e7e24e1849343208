"""What a person fills in about alerts."""

from __future__ import annotations

from typing import Any

from django import forms

from opencets_web.leads.models import AlertKind, AlertState


class AlertsForm(forms.Form):
    """The filters of the queue of alerts."""

    state = forms.ChoiceField(required=False, choices=[*AlertState.choices, ("any", "All")])
    kind = forms.ChoiceField(required=False, choices=[("", "Every kind"), *AlertKind.choices])
    mine = forms.BooleanField(required=False, label="My cases only")

    def wanted(self) -> dict[str, Any]:
        """As ``queries.list_alerts`` takes them."""
        given = self.cleaned_data if self.is_valid() else {}
        state = given.get("state") or AlertState.NEW
        return {
            "state": "" if state == "any" else state,
            "kind": given.get("kind", ""),
            "mine": given.get("mine", False),
        }


class DismissForm(forms.Form):
    """Why an alert is dismissed."""

    reason = forms.CharField(max_length=1_000)

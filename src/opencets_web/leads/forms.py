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
    weak = forms.BooleanField(required=False, label="Weaker ones too")

    def wanted(self) -> dict[str, Any]:
        """As ``queries.list_alerts`` takes them."""
        given = self.cleaned_data if self.is_valid() else {}
        state = given.get("state") or AlertState.NEW
        return {
            "state": "" if state == "any" else state,
            "kind": given.get("kind", ""),
            "mine": given.get("mine", False),
            "weak": given.get("weak", False),
        }


class DismissForm(forms.Form):
    """Why an alert is dismissed."""

    reason = forms.CharField(max_length=1_000)


class ThresholdForm(forms.Form):
    """From which strength an officer is told of connections."""

    least = forms.TypedChoiceField(
        label="Tell me of connections from",
        coerce=int,
        choices=[
            (0, "every strength"),
            (25, "strength 25"),
            (45, "medium (45)"),
            (60, "strength 60"),
            (75, "strong (75)"),
        ],
    )

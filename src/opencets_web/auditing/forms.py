"""What an auditor fills in."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms

from opencets_web.audit.verbs import VERBS
from opencets_web.auditing.queries import Wanted
from opencets_web.policy.purposes import filter_choices

DAY = {"type": "date"}


class AuditForm(forms.Form):
    """The filters of the audit log."""

    officer = forms.ChoiceField(required=False)
    whose = forms.ChoiceField(
        required=False,
        label="Agency",
        choices=[("", "Own and others"), ("own", "Own officers"), ("others", "Other agencies on own records")],
    )
    verb = forms.ChoiceField(required=False, label="What")
    purpose = forms.ChoiceField(required=False, choices=filter_choices)
    case = forms.CharField(required=False, max_length=60, widget=forms.TextInput(attrs={"placeholder": "AV-2026-0001"}))
    since = forms.DateField(required=False, label="From", widget=forms.DateInput(attrs=DAY))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput(attrs=DAY))
    text = forms.CharField(
        required=False,
        max_length=80,
        widget=forms.TextInput(attrs={"placeholder": "Subject, purpose, address, searched words"}),
    )

    def __init__(self, given: Any, officers: tuple[tuple[str, str], ...]) -> None:
        super().__init__(given)
        self.fields["officer"].choices = [("", "Every officer"), *officers]  # type: ignore[attr-defined]
        verbs = sorted(VERBS.items(), key=lambda pair: pair[1])
        self.fields["verb"].choices = [("", "Every act"), *((name, told.capitalize()) for name, told in verbs)]  # type: ignore[attr-defined]

    def wanted(self) -> Wanted:
        """As ``queries.list_acts`` takes them; an unusable filter counts as none."""
        self.is_valid()
        return Wanted(**{name: given for name, given in self.cleaned_data.items() if given})

    def clean_officer(self) -> str:
        given = str(self.cleaned_data["officer"])
        return str(UUID(given)) if given else ""


class SentenceForm(forms.Form):
    """One sentence, which has to be there."""

    sentence = forms.CharField(max_length=1000, widget=forms.Textarea(attrs={"rows": 2}))
    key = forms.CharField(max_length=120, required=False, widget=forms.HiddenInput)


class WeekForm(forms.Form):
    """The sign-off of a week."""

    week = forms.DateField(widget=forms.HiddenInput)
    sentence = forms.CharField(max_length=1000, widget=forms.Textarea(attrs={"rows": 2}))

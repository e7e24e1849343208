"""What a person fills in about checklists, clocks and being told."""

from __future__ import annotations

from datetime import UTC
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django import forms

from opencets_web.cases.models import CaseKind
from opencets_web.standards.models import StepState
from opencets_web.standards.queries import STANDINGS


class ApplyForm(forms.Form):
    """Which checklist a case goes by."""

    checklist = forms.SlugField(max_length=60)


class StepForm(forms.Form):
    """What is said of a step."""

    checklist = forms.SlugField(max_length=60)
    step = forms.SlugField(max_length=60)
    state = forms.ChoiceField(choices=StepState)
    reason = forms.CharField(required=False, max_length=2_000)
    exhibit = forms.UUIDField(required=False)
    evidence = forms.CharField(required=False, max_length=300)


class BandForm(forms.Form):
    """The band of a case on one set of clocks."""

    band = forms.RegexField(r"^[a-z0-9-]+:[a-z0-9-]+$")
    reason = forms.CharField(max_length=2_000)
    first_information_at = forms.DateTimeField(required=False)

    def wanted(self) -> dict[str, Any]:
        """As ``actions.set_band`` takes it."""
        clocks, _, band = self.cleaned_data["band"].partition(":")
        first = self.cleaned_data["first_information_at"]
        return {
            "clocks": clocks,
            "band": band,
            "reason": self.cleaned_data["reason"],
            "first_information_at": first.astimezone(UTC) if first else None,
        }


class ReasonForm(forms.Form):
    """A reason."""

    reason = forms.CharField(max_length=2_000)


class VersionForm(forms.Form):
    """The version to move to."""

    version = forms.IntegerField(min_value=1)


class BoardForm(forms.Form):
    """The filters of the supervisor's board."""

    q = forms.CharField(required=False, label="Words", widget=forms.TextInput(attrs={"placeholder": "Number or title"}))
    standing = forms.ChoiceField(
        required=False, choices=[("", "Any"), *((name, label) for name, label, _ in STANDINGS)], label="Stands"
    )
    kind = forms.ChoiceField(required=False, choices=[("", "Any kind"), *CaseKind.choices], label="Kind of case")

    def wanted(self) -> dict[str, str]:
        """As ``queries.get_board`` takes them; an unusable filter counts as none."""
        given = self.cleaned_data if self.is_valid() else {}
        return {name: given.get(field) or "" for name, field in (("words", "q"), ("standing",) * 2, ("kind",) * 2)}


@cache
def _zones() -> tuple[tuple[str, str], ...]:
    named = sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
    return (("UTC", "UTC"), *((name, name.replace("_", " ")) for name in named))


class QuietHoursForm(forms.Form):
    """Whether and when an officer is told by e-mail."""

    mail = forms.BooleanField(
        required=False, label="Send me a link by e-mail", help_text="The mail holds a link and nothing else."
    )
    begins = forms.TimeField(
        label="Quiet from",
        widget=forms.TimeInput(attrs={"type": "time", "class": "form-control"}),
        input_formats=["%H:%M"],
    )
    ends = forms.TimeField(
        label="Until", widget=forms.TimeInput(attrs={"type": "time", "class": "form-control"}), input_formats=["%H:%M"]
    )
    zone = forms.ChoiceField(choices=_zones, label="By the clock of")

"""What a person fills in on the desk's pages."""

from __future__ import annotations

from typing import Any

from django import forms

from opencets_web.audit.verbs import VERBS


class SearchForm(forms.Form):
    """The words of a search."""

    q = forms.CharField(
        required=False,
        max_length=300,
        label="Words or an identifier",
        widget=forms.TextInput(attrs={"placeholder": "Name, number, address, hash", "autocomplete": "off"}),
    )


class AuditForm(forms.Form):
    """The filters of the audit log."""

    officer = forms.ChoiceField(required=False)
    verb = forms.ChoiceField(required=False, label="What")
    subject = forms.CharField(
        required=False, max_length=80, label="On", widget=forms.TextInput(attrs={"placeholder": "case:AV-2026-0001"})
    )
    day = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, given: Any, officers: tuple[tuple[str, str], ...]) -> None:
        super().__init__(given)
        self.fields["officer"].choices = [("", "Every officer"), *officers]  # type: ignore[attr-defined]
        verbs = sorted(VERBS.items(), key=lambda pair: pair[1])
        self.fields["verb"].choices = [("", "Every act"), *((name, told.capitalize()) for name, told in verbs)]  # type: ignore[attr-defined]

    def wanted(self) -> dict[str, Any]:
        """As ``audit.list_acts`` takes them; an unusable filter counts as none."""
        self.is_valid()
        given = self.cleaned_data
        return {
            name: given.get(name) or ("" if name != "day" else None) for name in ("officer", "verb", "subject", "day")
        }

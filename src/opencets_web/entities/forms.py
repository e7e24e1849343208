"""What a person fills in about people and identifiers."""

from __future__ import annotations

from typing import Any

from django import forms

from opencets.records import KINDS
from opencets_web.entities.models import Verdict


class WordsForm(forms.Form):
    """The filter of a list, and which list."""

    show = forms.CharField(required=False, widget=forms.HiddenInput)
    q = forms.CharField(
        required=False,
        label="Words",
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "Name, value or case"}),
    )

    def words(self) -> str:
        """The words, or none where they are unusable."""
        return str(self.cleaned_data.get("q") or "") if self.is_valid() else ""

    def showing(self, *known: str) -> str:
        """Which list, the first of ``known`` by default."""
        asked = str(self.cleaned_data.get("show") or "") if self.is_valid() else ""
        return asked if asked in known else known[0]


class IdentifierForm(WordsForm):
    """The filters of the identifiers of a case."""

    kind = forms.ChoiceField(
        required=False,
        label="Kind",
        choices=[
            ("", "All but digests"),
            *((name, kind.label) for name, kind in KINDS.items() if kind.links == "strong"),
        ],
    )

    def wanted(self) -> dict[str, Any]:
        """The filters as the query takes them; an unusable filter counts as none."""
        given = self.cleaned_data if self.is_valid() else {}
        return {"kind": given.get("kind", ""), "words": given.get("q", "")}


class JudgeForm(forms.Form):
    """A decision on a pair."""

    left = forms.UUIDField()
    right = forms.UUIDField()
    verdict = forms.ChoiceField(choices=Verdict)
    reason = forms.CharField(max_length=2_000, required=False)


class RulingForm(forms.Form):
    """A ruling on a value."""

    kind = forms.CharField(max_length=20)
    value = forms.CharField(max_length=2_000, strip=False)
    says = forms.ChoiceField(choices=[("something", "Let it link"), ("nothing", "It says nothing")])
    reason = forms.CharField(max_length=1_000)

    def ruling(self) -> dict[str, Any]:
        """As the action takes it."""
        given = self.cleaned_data
        return {
            "kind": given["kind"], "normal": given["value"], "generic": given["says"] == "nothing", "reason": given["reason"],
        }  # fmt: skip


class WeightsForm(forms.Form):
    """Why the weights are to change."""

    reason = forms.CharField(max_length=1_000)

"""What a person asks of visible text."""

from __future__ import annotations

from django import forms

from opencets.recognising.language import names


def language_choices() -> list[tuple[str, str]]:
    """Every language that a text may be told to be in."""
    return [("", "Any language"), *names().items()]


class TextForm(forms.Form):
    """Words and language of the visible text of a case."""

    q = forms.CharField(
        required=False,
        max_length=300,
        label="Words",
        widget=forms.TextInput(attrs={"placeholder": "Words on pictures", "type": "search", "autocomplete": "off"}),
    )
    language = forms.ChoiceField(required=False, label="Language", choices=language_choices)

    def asked(self) -> tuple[str, str]:
        """Words and code; what cannot be used counts as nothing."""
        self.is_valid()
        clean = self.cleaned_data
        return " ".join(str(clean.get("q", "")).split()), str(clean.get("language", ""))

"""What a person fills in on the desk's pages."""

from __future__ import annotations

from django import forms

from opencets_web.texts.forms import language_choices


class SearchForm(forms.Form):
    """The words of a search."""

    q = forms.CharField(
        required=False,
        max_length=300,
        label="Words or an identifier",
        widget=forms.TextInput(attrs={"placeholder": "Name, number, address, hash", "autocomplete": "off"}),
    )
    language = forms.ChoiceField(required=False, label="Language", choices=language_choices)

    def asked(self) -> tuple[str, str]:
        """Words and the code of a language; what cannot be used counts as nothing."""
        self.is_valid()
        return str(self.cleaned_data.get("q", "")), str(self.cleaned_data.get("language", ""))

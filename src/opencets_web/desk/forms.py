"""What a person fills in on the desk's pages."""

from __future__ import annotations

from django import forms


class SearchForm(forms.Form):
    """The words of a search."""

    q = forms.CharField(
        required=False,
        max_length=300,
        label="Words or an identifier",
        widget=forms.TextInput(attrs={"placeholder": "Name, number, address, hash", "autocomplete": "off"}),
    )

"""What a person fills in on the desk's pages."""

from __future__ import annotations

from django import forms

from opencets_web.desk.search import PARTS, Ask, read
from opencets_web.texts.forms import language_choices


class SearchForm(forms.Form):
    """The words of a search."""

    q = forms.CharField(
        required=False,
        max_length=300,
        label="Words or an identifier",
        widget=forms.TextInput(attrs={"placeholder": "Name, number, address, hash", "autocomplete": "off"}),
    )
    kind = forms.ChoiceField(required=False, label="Kind", choices=[("", "Everything"), *PARTS])
    case = forms.CharField(required=False, max_length=60, label="Case")
    since = forms.DateField(required=False, label="From", widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput(attrs={"type": "date"}))
    language = forms.ChoiceField(required=False, label="Language", choices=language_choices)

    def add_prefix(self, field_name: str) -> str:
        """As addresses name them."""
        return {"kind": "in", "since": "from", "until": "to"}.get(field_name, field_name)

    def asked(self) -> Ask:
        """What is searched for; what cannot be used counts as nothing."""
        self.is_valid()
        given = self.cleaned_data
        days = {name: given[name].isoformat() if given.get(name) else "" for name in ("since", "until")}
        return read(
            str(given.get("q", "")), language=str(given.get("language", "")), part=str(given.get("kind", "")),
            case=str(given.get("case", "")), **days,
        )  # fmt: skip


class WatchForm(SearchForm):
    """Going on with a search."""

    title = forms.CharField(required=False, max_length=200)

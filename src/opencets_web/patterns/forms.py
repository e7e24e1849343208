"""What a person fills in about paths."""

from __future__ import annotations

from uuid import UUID

from django import forms


class PathsForm(forms.Form):
    """To whom a path is sought: words to find them by, or the record that was chosen."""

    q = forms.CharField(
        required=False,
        label="To whom",
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "Name, value or case"}),
    )
    to = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def wanted(self) -> tuple[str, UUID | None]:
        """The words and the chosen record; what is unusable counts as not given."""
        given = self.cleaned_data if self.is_valid() else {}
        return str(given.get("q") or ""), given.get("to")

"""What a person fills in about evidence."""

from __future__ import annotations

from typing import Any

from django import forms

from opencets.records import PROPERTIES
from opencets_web.evidence.queries import ColumnsPage

MEANINGS = [
    ("", "Leave it out"),
    *sorted(((name, entry.label) for name, entry in PROPERTIES.items()), key=lambda pair: pair[1]),
]


class ColumnsForm(forms.Form):
    """What each column of a table means, and how its values are written."""

    country = forms.RegexField(
        r"^[A-Za-z]{2}$",
        required=False,
        label="Country",
        help_text="For telephone numbers without a prefix: two letters, for example GB.",
    )
    zone = forms.CharField(
        required=False,
        max_length=40,
        label="Time zone",
        help_text="Of times without one, for example Europe/London. Empty: not known.",
    )
    date_order = forms.ChoiceField(
        required=False,
        choices=[
            ("", "As found"),
            ("dmy", "Day, month, year"),
            ("mdy", "Month, day, year"),
            ("ymd", "Year, month, day"),
        ],
        label="Order of dates",
    )

    def __init__(self, page: ColumnsPage, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        for name in ("country", "zone"):
            self.fields[name].initial = page.options.get(name, "")
        self.fields["date_order"].initial = page.options.get("order", "")
        for column in page.columns:
            meaning = column.meaning if column.corrected is None else column.corrected
            choices = MEANINGS if any(meaning == name for name, _ in MEANINGS) else [(meaning, meaning), *MEANINGS]
            self.fields[f"column_{column.index}"] = forms.ChoiceField(
                choices=choices, required=False, initial=meaning, label=column.header or f"Column {column.index + 1}",
                help_text=" · ".join(sample[:60] for sample in column.samples) or column.why,
            )  # fmt: skip

    def options(self, page: ColumnsPage) -> dict[str, Any]:
        """As the table reader takes them; only columns that differ from the guess are named."""
        given = self.cleaned_data
        columns = {
            str(column.index): given[f"column_{column.index}"]
            for column in page.columns
            if given[f"column_{column.index}"] != column.meaning or column.corrected is not None
        }
        options: dict[str, Any] = {"columns": columns}
        if given["country"]:
            options["country"] = given["country"].upper()
        if given["zone"]:
            options["zone"] = given["zone"]
        if given["date_order"]:
            options["order"] = given["date_order"]
        return options


class MessagesForm(forms.Form):
    """The filters of the messages of a case."""

    q = forms.CharField(
        required=False, label="Words", widget=forms.TextInput(attrs={"placeholder": "Words in the text"})
    )
    conversation = forms.CharField(required=False, widget=forms.HiddenInput)
    first = forms.DateField(required=False, label="From", widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(required=False, label="To", widget=forms.DateInput(attrs={"type": "date"}))

    def add_prefix(self, field_name: str) -> str:
        """The days stand in the address as ``from`` and ``to``."""
        return super().add_prefix({"first": "from", "last": "to"}.get(field_name, field_name))

    def wanted(self) -> dict[str, str]:
        """As ``queries.list_messages`` takes them; an unusable filter counts as none."""
        self.is_valid()
        given = self.cleaned_data
        return {
            "words": given.get("q") or "",
            "conversation": given.get("conversation") or "",
            "first": given["first"].isoformat() if given.get("first") else "",
            "last": given["last"].isoformat() if given.get("last") else "",
        }

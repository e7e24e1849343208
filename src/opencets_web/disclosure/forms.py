"""What a person fills in to release a package, to withdraw it, and to note its receipt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from opencets_web.disclosure.gathering import PARTS, Choice
from opencets_web.disclosure.models import PackageFormat


class PackageForm(forms.Form):
    """What of a case, for whom, for what. Conditions are required where the case has handling code C."""

    format = forms.ChoiceField(
        choices=[(value, label) for value, label in PackageFormat.choices if value in PARTS], label="What is made"
    )
    exhibits = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, label="Only these exhibits",
        help_text="None chosen: the whole case, with its notes and its log.",
    )  # fmt: skip
    originals = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, label="Files as received, of",
        help_text="Without them the package has no picture: only what was read, and the digests.",
    )  # fmt: skip
    other_cases = forms.BooleanField(
        required=False, label="Findings that reach into other cases of your agency",
        help_text="Only into cases with handling code P that are not restricted. Other agencies' cases never go along.",
    )  # fmt: skip
    recipients = forms.CharField(
        max_length=1_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        label="For whom",
        help_text="Court, defence, agency: by name.",
    )
    purpose = forms.CharField(max_length=2_000, widget=forms.Textarea(attrs={"rows": 2}), label="For what")
    conditions = forms.CharField(
        max_length=2_000, required=False, widget=forms.Textarea(attrs={"rows": 2}), label="Under which conditions"
    )
    until_on = forms.DateField(
        required=False, widget=forms.DateInput(attrs={"type": "date"}), label="May be used until"
    )

    def __init__(self, *given: Any, exhibits: Sequence[tuple[str, str]], code_c: str = "", **named: Any) -> None:
        super().__init__(*given, **named)
        for name in ("exhibits", "originals"):
            field = self.fields[name]
            assert isinstance(field, forms.MultipleChoiceField)
            field.choices = list(exhibits)
            if not exhibits:
                del self.fields[name]
        if code_c:
            self.fields["conditions"].required = True
            self.fields["conditions"].help_text = f"Handling code C: {code_c}"

    def choice(self) -> Choice:
        """What was chosen, once the form is valid."""
        given = self.cleaned_data
        return Choice(
            format=given["format"],
            recipients=given["recipients"],
            purpose=given["purpose"],
            conditions=given["conditions"],
            until_on=given["until_on"],
            exhibits=tuple(given.get("exhibits", ())),
            originals=tuple(given.get("originals", ())),
            other_cases=given["other_cases"],
        )


class WithdrawForm(forms.Form):
    """Why a package is withdrawn."""

    reason = forms.CharField(max_length=2_000, label="Why")


class ReceiptForm(forms.Form):
    """Who acknowledged a package, and when."""

    received_by = forms.CharField(max_length=200, label="Received by")
    received_on = forms.DateField(label="On")
    note = forms.CharField(max_length=2_000, required=False, label="Note")


class SignedReceiptForm(forms.Form):
    """A receipt that came as a signed file."""

    file = forms.FileField(label="Signed receipt", max_length=200)

    def clean_file(self) -> bytes:
        """Its bytes; a receipt is short."""
        file = self.cleaned_data["file"]
        if file.size > 1 << 20:
            raise forms.ValidationError("A receipt is a small file.")
        return bytes(file.read())

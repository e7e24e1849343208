"""What an administrator fills in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from opencets_web.accounts.models import AgencyKind, PurposeAsking, Role
from opencets_web.policy.rooms import certification_kinds, room_choices

Choices = Sequence[tuple[UUID, str]]


class _Day(forms.DateInput):
    input_type = "date"


class OfficerForm(forms.Form):
    """What is said of an officer."""

    display_name = forms.CharField(max_length=200, label="Name", help_text="As colleagues read it: DC Iva Marsh.")
    unit = forms.ChoiceField(required=False, label="Unit")
    roles = forms.MultipleChoiceField(
        choices=Role, widget=forms.CheckboxSelectMultiple, help_text="Administrator and auditor read no case."
    )

    def __init__(self, *given: Any, units: Sequence[str] = (), **named: Any) -> None:
        super().__init__(*given, **named)
        field = self.fields["unit"]
        assert isinstance(field, forms.ChoiceField)
        kept = self.initial.get("unit", "")
        field.choices = [("", "None"), *((unit, unit) for unit in dict.fromkeys([*units, *([kept] if kept else [])]))]


class InviteForm(OfficerForm):
    """Inviting somebody to an account."""

    email = forms.EmailField(label="E-mail", help_text="They sign in with it.")
    field_order = ["email", "display_name", "unit", "roles"]


class PasswordForm(forms.Form):
    """The password of a new account, typed twice."""

    password = forms.CharField(
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}), help_text="At least 14 characters."
    )
    again = forms.CharField(widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}), label="Once more")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("password") != given.get("again"):
            self.add_error("again", "The two are not the same.")
        elif given.get("password"):
            try:
                validate_password(given["password"])
            except ValidationError as error:
                self.add_error("password", error)
        return given


class EndForm(forms.Form):
    """Ending an account."""

    reason = forms.CharField(max_length=300, label="Why")
    successor = forms.TypedChoiceField(
        required=False, coerce=UUID, empty_value=None, label="Open cases go to",
        help_text="With nobody named, supervisors find them as unassigned.",
    )  # fmt: skip

    def __init__(self, *given: Any, colleagues: Choices = (), **named: Any) -> None:
        super().__init__(*given, **named)
        _choose(self.fields["successor"], colleagues, "Nobody yet")


class CertificationForm(forms.Form):
    """Entering a certification."""

    kind = forms.ChoiceField(choices=certification_kinds, label="For")
    issued_on = forms.DateField(widget=_Day(), label="Issued on")
    expires_on = forms.DateField(widget=_Day(), label="Holds until")
    issued_by = forms.CharField(max_length=200, label="Issued by", help_text="Who trained and examined.")


class CoverForm(forms.Form):
    """Entering an absence and who covers it."""

    by = forms.TypedChoiceField(coerce=UUID, label="Covered by")
    from_on = forms.DateField(widget=_Day(), label="From")
    until_on = forms.DateField(widget=_Day(), label="Until, the last day")

    def __init__(self, *given: Any, colleagues: Choices = (), **named: Any) -> None:
        super().__init__(*given, **named)
        _choose(self.fields["by"], colleagues, "Choose a colleague")


class AssignForm(forms.Form):
    """Giving a case to somebody."""

    officer = forms.UUIDField()


class AgencyForm(forms.Form):
    """What is said of the agency."""

    kind = forms.ChoiceField(choices=AgencyKind)
    units = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 4}), help_text="One a line, at most 80 characters each."
    )
    contact_name = forms.CharField(max_length=200, label="Contact, day and night")
    contact_phone = forms.CharField(max_length=40, label="Its telephone")
    contact_email = forms.EmailField(label="Its e-mail")
    notice = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 6}), max_length=4_000, label="Notice at sign-in",
        help_text="Empty: the text that OpenCETS brings. Every officer acknowledges a changed text once.",
    )  # fmt: skip
    certified_rooms = forms.MultipleChoiceField(
        required=False, choices=room_choices, widget=forms.CheckboxSelectMultiple,
        label="Rooms that need a current certification",
    )  # fmt: skip
    purpose_asking = forms.ChoiceField(
        choices=PurposeAsking, label="Before looking into a case, officers", help_text="The log carries what they say."
    )

    def clean_units(self) -> list[str]:
        units = [line.strip() for line in self.cleaned_data["units"].splitlines() if line.strip()]
        if any(len(unit) > 80 for unit in units):
            raise ValidationError("A unit's name has at most 80 characters.")
        return list(dict.fromkeys(units))


def _choose(field: forms.Field, colleagues: Choices, nobody: str) -> None:
    assert isinstance(field, forms.ChoiceField)
    field.choices = [("", nobody), *((str(key), name) for key, name in colleagues)]

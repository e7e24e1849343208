"""What a person fills in about a case."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django import forms

from opencets_web.audit.verbs import VERBS
from opencets_web.cases.models import HOLDING_FIELDS, CaseKind, CaseState, plain_lines
from opencets_web.policy.models import Disclosure, Handling, Tlp
from opencets_web.policy.purposes import filter_choices


class CaseForm(forms.Form):
    """What is written about a case and how it is handled."""

    title = forms.CharField(
        max_length=200, help_text="What an officer of another shift recognises it by. No victim's name."
    )
    kind = forms.ChoiceField(choices=CaseKind, label="Kind of case")
    summary = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), required=False)
    handling = forms.ChoiceField(choices=Handling, initial=Handling.PERMITTED, label="Handling code")
    tlp = forms.ChoiceField(
        choices=[("", "Not used"), *Tlp.choices], required=False, label="TLP, for partners that use it",
        help_text="Traffic Light Protocol 2.0. Of what is derived from several cases the most restrictive label holds.",
    )  # fmt: skip
    conditions = forms.CharField(required=False, help_text="For code C: under which conditions it may be shared.")
    disclosure = forms.ChoiceField(
        choices=Disclosure, initial=Disclosure.OPEN, label="When something here matches another agency's records"
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("handling") == Handling.CONDITIONS and not cleaned.get("conditions"):
            self.add_error("conditions", "Handling code C names its conditions.")
        return cleaned


class NewCaseForm(CaseForm):
    """Opening a case."""

    reference = forms.RegexField(
        r"^[A-Za-z0-9][A-Za-z0-9._-]{2,39}$",
        label="Case number",
        help_text="Your agency's number, for example AV-2026-0042: letters, digits, dots and hyphens.",
        error_messages={
            "invalid": "3 to 40 letters, digits, dots, hyphens or underscores; begin with a letter or digit."
        },
    )
    restricted = forms.BooleanField(
        required=False, label="Restricted", help_text="Closed also to colleagues, except by a grant to the officer."
    )
    field_order = ["reference", "title", "kind", "summary", "handling", "tlp", "conditions", "disclosure", "restricted"]


class ChangeForm(CaseForm):
    """Changing a case: each field carries what its editor saw, so that two editors of one field meet and neither loses.

    ``own``: the case is of the editor's agency; another agency changes what is written, not how it is handled.
    """

    def __init__(self, given: Mapping[str, Any] | None, *, stands: Mapping[str, str], own: bool) -> None:
        data = dict(given.items()) if given is not None else None
        if data is not None and data.get("theirs") in stands:
            # The editor takes what the other wrote, and goes on with the rest.
            data[str(data["theirs"])] = data[f"seen_{data['theirs']}"] = stands[str(data["theirs"])]
        super().__init__(data, initial={**stands, **{f"seen_{name}": text for name, text in stands.items()}})
        if not own:
            for name in HOLDING_FIELDS:
                del self.fields[name]
        for name in list(self.fields):
            self.fields[f"seen_{name}"] = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)

    def wanted(self) -> dict[str, str]:
        """What the editor wants to stand in each field."""
        return {name: plain_lines(self.cleaned_data[name]) for name in self.fields if not name.startswith("seen_")}

    def seen(self) -> dict[str, str]:
        """What the editor saw in each field; a field that does not say is left out, and so counts as not seen."""
        return {
            name: plain_lines(self.cleaned_data[f"seen_{name}"])
            for name in self.wanted()
            if f"seen_{name}" in self.data
        }

    def met(self, stands: Mapping[str, str], fields: Collection[str], own: bool) -> ChangeForm:
        """The form once more, with the editor's words in it and what stands now as seen."""
        given = {**self.data, **{f"seen_{name}": text for name, text in stands.items()}}
        given |= {name: text for name, text in stands.items() if name not in fields}
        given.pop("theirs", None)
        return ChangeForm(given, stands=stands, own=own)


class FilterForm(forms.Form):
    """The filters of the list of cases."""

    q = forms.CharField(required=False, label="Words", widget=forms.TextInput(attrs={"placeholder": "Number or title"}))
    state = forms.ChoiceField(
        required=False, choices=[("open", "Open"), ("closed", "Closed"), ("any", "Open and closed")]
    )
    mine = forms.BooleanField(required=False, label="Mine only")

    def wanted(self) -> dict[str, Any]:
        """The filters as ``queries.list_cases`` takes them; an unusable filter counts as none."""
        given = self.cleaned_data if self.is_valid() else {}
        state = given.get("state") or CaseState.OPEN
        return {"words": given.get("q", ""), "state": "" if state == "any" else state, "mine": given.get("mine", False)}


class NoteForm(forms.Form):
    """A note."""

    text = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), label="Note", max_length=20_000)


class NumberForm(forms.Form):
    """A partner's number."""

    partner = forms.CharField(max_length=120, help_text="Provider, CyberTip, state, local, laboratory.")
    number = forms.CharField(max_length=120)


class ReasonForm(forms.Form):
    """A reason."""

    reason = forms.CharField(max_length=2_000, label="Reason")


class AccessForm(forms.Form):
    """The filters of a case's access history."""

    officer = forms.UUIDField(required=False, widget=forms.HiddenInput)
    verb = forms.ChoiceField(required=False, label="What")
    purpose = forms.ChoiceField(required=False, choices=filter_choices)
    since = forms.DateField(required=False, label="From", widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, given: Any) -> None:
        super().__init__(given)
        verbs = sorted(VERBS.items(), key=lambda pair: pair[1])
        self.fields["verb"].choices = [("", "Every act"), *((name, told.capitalize()) for name, told in verbs)]  # type: ignore[attr-defined]

    def wanted(self) -> dict[str, Any]:
        """As ``queries.list_access`` takes them; an unusable filter counts as none."""
        self.is_valid()
        given = {name: value for name, value in self.cleaned_data.items() if value}
        return given | {"officer": str(given.get("officer", ""))}

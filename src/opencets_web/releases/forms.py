"""What a person fills in to ask for a part, to answer, to release and to receive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms

from opencets_web.deconfliction.values import Value, values_of
from opencets_web.releases.actions import Decision, Terms, Wanted
from opencets_web.releases.models import ItemKind, Sought, Urgency

NO_REASONS = (
    "Not needed for the purpose",
    "Concerns somebody else",
    "Would endanger a source or an operation",
    "Not ours to give",
    "Added by mistake",
)
"""Reasons that are offered for a no; any other may be written."""
_DAY = forms.DateInput(attrs={"type": "date"})
MOST_NOTICE = 1 << 20
MOST_BROUGHT = 8 << 20
"""A larger package comes by ``opencets receive``, which seals it while it is read."""


class AskForm(forms.Form):
    """Asking another agency for a part of what it holds."""

    agency = forms.TypedChoiceField(coerce=UUID, label="Which agency is asked")
    sought = forms.ChoiceField(
        choices=[(value, label) for value, label in Sought.choices if value != Sought.PASS_ON], label="What you ask for"
    )
    values = forms.CharField(
        required=False, max_length=20_000, label="Identifiers, one a line",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocomplete": "off"}),
        help_text="They read these. E-mail, telephone, wallet, MD5, SHA-256, account; with the kind in front: kik:name, plate:…",
    )  # fmt: skip
    text = forms.CharField(
        required=False, max_length=2_000, label="In words", widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Which record, which exhibit, of when. They read this, and do not see your case.",
    )  # fmt: skip
    purpose = forms.CharField(max_length=2_000, label="For what", widget=forms.Textarea(attrs={"rows": 2}))
    legal_basis = forms.CharField(max_length=500, label="On which legal basis")
    urgency = forms.ChoiceField(choices=Urgency.choices, initial=Urgency.ROUTINE.value, label="How urgent")
    wanted_by = forms.DateField(required=False, widget=_DAY, label="Answer needed by")

    def __init__(
        self, *given: Any, agencies: Sequence[tuple[UUID, str]], country: str, about: bool = False, **named: Any
    ) -> None:
        super().__init__(*given, **named)
        self._country, self._about, self.found = country, about, tuple[Value, ...]()
        choose = self.fields["agency"]
        assert isinstance(choose, forms.TypedChoiceField)
        choose.choices = [("", "Choose an agency"), *((str(key), name) for key, name in agencies)]
        if about:
            del self.fields["agency"]

    def clean_values(self) -> str:
        """What is typed; each line that is no identifier is named."""
        text = str(self.cleaned_data["values"])
        self.found, refused = values_of(text, country=self._country)
        if refused:
            raise forms.ValidationError(list(refused))
        return text

    def wanted(self) -> Wanted:
        """What is asked for, once the form is valid."""
        given = self.cleaned_data
        return Wanted(
            sought=given["sought"], purpose=given["purpose"], legal_basis=given["legal_basis"], values=self.found,
            text=given["text"], urgency=given["urgency"], wanted_by=given["wanted_by"],
        )  # fmt: skip


class TermsForm(forms.Form):
    """To whom something is released, for what, under which terms."""

    agency = forms.TypedChoiceField(coerce=UUID, required=False, empty_value=None, label="To which agency")
    elsewhere = forms.CharField(
        required=False, max_length=200, label="Or an agency of another node, by its full name",
        help_text="You hand the package over as a file; they receive it with your key's id.",
    )  # fmt: skip
    officers = forms.TypedMultipleChoiceField(
        coerce=UUID, required=False, label="Only these officers of it", help_text="None chosen: the agency.",
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    purpose = forms.CharField(max_length=2_000, label="For what", widget=forms.Textarea(attrs={"rows": 2}))
    legal_basis = forms.CharField(max_length=500, label="On which legal basis")
    conditions = forms.CharField(
        required=False, max_length=2_000, label="Under which conditions", widget=forms.Textarea(attrs={"rows": 2}),
        help_text="With conditions it leaves as handling code C, without as P.",
    )  # fmt: skip
    until_on = forms.DateField(required=False, widget=_DAY, label="May be used until")
    controlled = forms.BooleanField(
        required=False, initial=True, label="Originator control", help_text="Not to be passed on without asking you."
    )

    def __init__(
        self, *given: Any, agencies: Sequence[tuple[UUID, str]], officers: Sequence[tuple[UUID, str]] = (),
        code_c: str = "", asked: bool = False, **named: Any,
    ) -> None:  # fmt: skip
        super().__init__(*given, **named)
        choose, name = self.fields["agency"], self.fields["officers"]
        assert isinstance(choose, forms.TypedChoiceField)
        assert isinstance(name, forms.TypedMultipleChoiceField)
        choose.choices = [("", "Choose an agency"), *((str(key), label) for key, label in agencies)]
        name.choices = [(str(key), label) for key, label in officers]
        if not officers:
            del self.fields["officers"]
        if asked:
            del self.fields["agency"]
            del self.fields["elsewhere"]
        if code_c:
            self.fields["conditions"].required = True
            self.fields["conditions"].help_text = f"Handling code C: {code_c}"

    def terms(self) -> Terms:
        """The terms, once the form is valid."""
        given = self.cleaned_data
        return Terms(
            purpose=given["purpose"], legal_basis=given["legal_basis"], to_agency=given.get("agency"),
            elsewhere=given.get("elsewhere", ""), officers=tuple(given.get("officers", ())), conditions=given["conditions"],
            until_on=given["until_on"], controlled=given["controlled"],
        )  # fmt: skip


class FindForm(forms.Form):
    """Words by which things of the case are found for a release."""

    q = forms.CharField(required=False, max_length=200, label="Find records and files of this case")


class ItemsForm(forms.Form):
    """Things of the case that are put into a draft."""

    record = forms.TypedMultipleChoiceField(coerce=UUID, required=False)
    file = forms.TypedMultipleChoiceField(coerce=UUID, required=False)
    exhibit = forms.TypedMultipleChoiceField(coerce=UUID, required=False)
    mark = forms.TypedMultipleChoiceField(coerce=UUID, required=False)

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        for name in ("record", "file", "exhibit", "mark"):
            field = self.fields[name]
            assert isinstance(field, forms.TypedMultipleChoiceField)
            # Which of them are this case's, the action asks; here they only have to be ids.
            field.choices = [(value, value) for value in data.getlist(name)[:500]]


class DecisionsForm(forms.Form):
    """Yes or no to each item of a draft."""

    def __init__(self, items: Sequence[tuple[UUID, str]], data: Any) -> None:
        super().__init__(data)
        self._items = items
        for key, kind in items:
            self.fields[f"given-{key}"] = forms.ChoiceField(required=False, choices=[("yes", "Yes"), ("no", "No")])
            self.fields[f"reason-{key}"] = forms.CharField(required=False, max_length=500)
            if kind == ItemKind.EXHIBIT:
                self.fields[f"originals-{key}"] = forms.BooleanField(required=False)
            if kind == ItemKind.RECORD:
                masked = forms.TypedMultipleChoiceField(coerce=UUID, required=False)
                masked.choices = [(value, value) for value in data.getlist(f"mask-{key}")[:200]]
                self.fields[f"mask-{key}"] = masked

    def decisions(self) -> list[Decision]:
        """What was decided; an item without yes or no stays as it is."""
        given = self.cleaned_data
        return [
            Decision(
                item_id=key, given=given[f"given-{key}"] == "yes", reason=given[f"reason-{key}"],
                originals=given.get(f"originals-{key}", False), masked=tuple(given.get(f"mask-{key}", ())),
            )
            for key, _ in self._items
            if given[f"given-{key}"]
        ]  # fmt: skip


class ReasonForm(forms.Form):
    """Why, in a sentence that the other side reads."""

    reason = forms.CharField(max_length=2_000, label="Why")


class PassOnForm(forms.Form):
    """Asking the originator whether a received part may be passed on."""

    recipients = forms.CharField(max_length=500, label="To whom, by their full name")
    purpose = forms.CharField(max_length=2_000, label="For what")
    legal_basis = forms.CharField(max_length=500, label="On which legal basis")


class AnswerPassOnForm(forms.Form):
    """Agreeing, or not, that something is passed on."""

    agrees = forms.TypedChoiceField(coerce=lambda text: text == "yes", choices=[("yes", "Yes"), ("no", "No")])
    answer = forms.CharField(required=False, max_length=2_000)


class BringForm(forms.Form):
    """A package or signed notice that came as a file."""

    file = forms.FileField(
        label="Package or notice", max_length=300, help_text="Up to 8 MB; a larger one by “opencets receive”."
    )

    def clean_file(self) -> Any:
        """The file, of a size that is kept in memory and never lies on a disk in clear."""
        file = self.cleaned_data["file"]
        if file.size > MOST_BROUGHT:
            raise forms.ValidationError("It is larger than 8 MB: bring it by the command “opencets receive”.")
        return file


class KeyForm(forms.Form):
    """A key of another node."""

    key = forms.CharField(max_length=200, label="Id of their key (64 hexadecimal digits)")
    whose = forms.CharField(max_length=200, label="Whose, by the agency's full name")
    compared = forms.CharField(
        max_length=500,
        label="How you compared it",
        help_text="For example: read to me by their control room by telephone.",
    )

"""What a person fills in while working on a case with others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms

from opencets_web.casework.queries import Person


class CommentForm(forms.Form):
    """A comment, and an officer to be told of it."""

    text = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=20_000,
        label="Comment",
        help_text="@ and a full name tells that officer: @Iva Marsh.",
    )
    also = forms.CharField(
        required=False,
        max_length=200,
        label="Also tell",
        widget=forms.TextInput(attrs={"list": "people", "autocomplete": "off", "placeholder": "Begin to type a name"}),
    )


class TaskForm(forms.Form):
    """A task: what, for whom, until when."""

    title = forms.CharField(max_length=300, label="What is to be done")
    officer = forms.TypedChoiceField(coerce=UUID, label="For whom")
    due_on = forms.DateField(required=False, label="By when", widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *given: Any, people: Sequence[Person], **named: Any) -> None:
        super().__init__(*given, **named)
        choose = self.fields["officer"]
        assert isinstance(choose, forms.TypedChoiceField)
        choose.choices = [("", "Choose an officer"), *((str(person.id), person.label) for person in people)]


class DecisionForm(forms.Form):
    """A decision and its reason."""

    what = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}), max_length=4_000, label="What is decided")
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}), max_length=4_000, label="Why")
    supersedes = forms.UUIDField(required=False, widget=forms.HiddenInput)


class LinkForm(forms.Form):
    """Another case and why it belongs beside this one."""

    other = forms.CharField(max_length=40, label="Number of the other case")
    reason = forms.CharField(max_length=2_000, label="Why they are linked")


class ReasonForm(forms.Form):
    """A reason."""

    reason = forms.CharField(max_length=2_000, label="Why")

"""What a person fills in about grades and entries."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms

from opencets.errors import ActRefused
from opencets.records.grading import schemes


def scheme_choices() -> list[tuple[str, str]]:
    """Schemes that people grade in, with their words."""
    return [(scheme.name, scheme.label) for scheme in schemes().values()]


class ReleaseForm(forms.Form):
    """Releasing chosen files as entries."""

    decisions = forms.TypedMultipleChoiceField(coerce=UUID)
    authority = forms.CharField(max_length=1_000)
    conditions_kept = forms.BooleanField(required=False)

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        field = self.fields["decisions"]
        assert isinstance(field, forms.TypedMultipleChoiceField)
        # Which of them are the actor's to release is asked at the door, not here.
        field.choices = [(value, value) for value in data.getlist("decisions") if _is_id(value)]


class RuleForm(forms.Form):
    """What the agency demands of its grades."""

    votes = forms.IntegerField(min_value=1, max_value=9)
    scheme = forms.ChoiceField(required=False)

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        field = self.fields["scheme"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", ""), *scheme_choices()]


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def ids_of(given: object) -> list[UUID]:
    """Ids from a list of texts; ActRefused for anything else."""
    if not isinstance(given, list) or not all(isinstance(text, str) and _is_id(text) for text in given):
        raise ActRefused("Files are named by a list of their ids.")
    return [UUID(text) for text in given]

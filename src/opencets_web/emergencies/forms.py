"""What a person fills in about emergency access."""

from __future__ import annotations

from django import forms

HOURS = ((1, "1 hour"), (4, "4 hours"), (8, "8 hours"), (12, "12 hours"), (24, "24 hours"))


class AskForm(forms.Form):
    """Asking: by the case's number, which is all that one can know of a case that is closed to one."""

    reference = forms.RegexField(r"^[A-Za-z0-9][A-Za-z0-9._-]{2,39}$", label="Case number")
    reason = forms.CharField(
        max_length=1000, widget=forms.Textarea(attrs={"rows": 3}), label="Whose life is in danger, and what you need",
        help_text="The supervisor, those who manage the case and the reviewer read this.",
    )  # fmt: skip
    hours = forms.TypedChoiceField(choices=HOURS, coerce=int, initial=4, label="For")


class AnswerForm(forms.Form):
    """What a supervisor says with the answer."""

    answer = forms.CharField(max_length=1000, required=False)


class ReviewForm(forms.Form):
    """The review afterwards."""

    accepted = forms.TypedChoiceField(
        choices=((1, "Justified"), (0, "Not justified")), coerce=lambda given: given == "1"
    )
    review = forms.CharField(max_length=1000)

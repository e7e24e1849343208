"""What a person fills in to ask, release, decline and withdraw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms

from opencets_web.policy.models import Level

DAYS = (("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("180", "180 days"), ("365", "365 days"))
LEVELS = ((Level.READ.value, "Read it"), (Level.CONTRIBUTE.value, "Read it and add to it"))


class AskForm(forms.Form):
    """Why another agency is asked for a release."""

    purpose = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 4}),
        max_length=2_000,
        label="For what",
        help_text="The other agency reads exactly this, with your name and agency. They do not see your case.",
    )


class AnswerForm(forms.Form):
    """Releasing what was asked for."""

    purpose = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}), max_length=2_000, label="For what")
    level = forms.ChoiceField(choices=LEVELS, initial=Level.READ.value, label="They may")
    days = forms.TypedChoiceField(choices=DAYS, initial="90", coerce=int, label="For how long")


class ReleaseForm(AnswerForm):
    """Releasing a case to an agency; ``conditions`` of code C must be said to be kept."""

    agency = forms.TypedChoiceField(coerce=UUID, label="To which agency")
    field_order = ["agency", "purpose", "level", "days", "kept"]

    def __init__(self, *given: Any, agencies: Sequence[tuple[UUID, str]], conditions: str = "", **named: Any) -> None:
        super().__init__(*given, **named)
        choose = self.fields["agency"]
        assert isinstance(choose, forms.TypedChoiceField)
        choose.choices = [("", "Choose an agency"), *((str(key), name) for key, name in agencies)]
        self.fields["purpose"].help_text = "They see this sentence, and the log keeps it."
        if conditions:
            self.fields["kept"] = forms.BooleanField(
                label="The conditions of handling code C are met",
                help_text=conditions,
                error_messages={"required": "Code C: release only once its conditions are met, and say so here."},
            )


class InviteForm(ReleaseForm):
    """Inviting an agency to work on a case."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, auto_id="invite_%s", **named)
        self.fields["level"].initial = Level.CONTRIBUTE.value
        self.fields[
            "purpose"
        ].help_text = "All they read before they accept, with your name. The case stays closed until then."


class ReasonForm(forms.Form):
    """Why a release is withdrawn."""

    reason = forms.CharField(max_length=2_000, label="Why")


class DeclineForm(forms.Form):
    """What the asking agency is answered."""

    answer = forms.CharField(max_length=2_000, label="Your answer to them")

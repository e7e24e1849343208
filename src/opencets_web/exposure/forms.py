"""What a person fills in about how they see, and what an agency asks for."""

from __future__ import annotations

from typing import Any

from django import forms

from opencets_web.exposure.models import Mode, Veil
from opencets_web.exposure.queries import MinePage
from opencets_web.exposure.rules import Rule


class SeeingForm(forms.Form):
    """How an officer sees, whole."""

    mode = forms.ChoiceField(label="Review media as", choices=Mode.choices)
    veil = forms.ChoiceField(label="Veil", choices=Veil.choices, help_text="How little a veil keeps of a picture.")
    grey = forms.BooleanField(label="Grey veils", required=False)
    tile = forms.IntegerField(label="Tiles", min_value=64, max_value=320, help_text="Pixels a side; small by default.")
    sound = forms.BooleanField(
        label="Videos may have sound", required=False, help_text="Off by default; counted when on."
    )
    without_pictures = forms.BooleanField(label="I do not want to see pictures", required=False)
    without_video = forms.BooleanField(label="I do not want to see videos", required=False)
    without_sound = forms.BooleanField(label="I do not want to hear anything", required=False)
    without_severe = forms.BooleanField(label="I do not want to see the most severe media", required=False)
    nothing_today = forms.BooleanField(label="Nothing today", required=False)
    own_budget = forms.IntegerField(
        label="My own budget",
        required=False,
        min_value=0,
        help_text="Showings a day; lower than your agency's. Empty: the agency's.",
    )

    @classmethod
    def of(cls, page: MinePage) -> SeeingForm:
        """Filled with what holds now."""
        eyes = page.eyes
        return cls(
            initial={
                "mode": eyes.mode, "veil": eyes.veil, "grey": eyes.grey, "tile": eyes.tile, "sound": eyes.sound,
                **{f"without_{name}": name in eyes.without for name in ("pictures", "video", "sound", "severe")},
                "nothing_today": eyes.today, "own_budget": page.own_budget,
            }
        )  # fmt: skip


def chosen(given: Any) -> dict[str, Any] | None:
    """What ``actions.choose`` takes: the mode alone from a button, all of it from the form; None where it cannot be read."""
    if "veil" not in given:
        return {"mode": given.get("mode", "")}
    form = SeeingForm(given)
    return dict(form.cleaned_data) if form.is_valid() else None


class RuleForm(forms.Form):
    """What an agency asks for when media are shown."""

    showings = forms.IntegerField(label="Showings a day", min_value=1, max_value=10_000)
    minutes = forms.IntegerField(label="Minutes shown a day", min_value=1, max_value=1440)
    break_after = forms.IntegerField(label="A break after minutes shown", min_value=1, max_value=240)
    break_minutes = forms.IntegerField(label="Minutes of a break", min_value=1, max_value=120)
    two_from = forms.TypedChoiceField(
        label="Two officers for", required=False, coerce=int, empty_value=None,
        choices=[
            ("", "Nothing"), ("3", "Illegal, and not graded"), ("2", "Illegal in some countries, and above"), ("0", "Everything"),
        ],
    )  # fmt: skip
    two_originals = forms.BooleanField(label="Two officers for originals", required=False)
    two_minutes = forms.IntegerField(label="Minutes that two stay together", min_value=5, max_value=480)

    @classmethod
    def of(cls, rule: Rule) -> RuleForm:
        """Filled with what holds now."""
        return cls(initial={name: getattr(rule, name) for name in Rule.__dataclass_fields__})

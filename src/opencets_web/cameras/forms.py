"""What a person fills in about cameras."""

from __future__ import annotations

import re
from datetime import date
from uuid import UUID

from django import forms

from opencets_web.cameras.queries import PICTURES_OFFERED


class FingerprintForm(forms.Form):
    """The name of a camera and the pictures that it took."""

    name = forms.CharField(
        max_length=120,
        label="Name of the camera",
        help_text="Such as “Telephone of EX-0003” or “Unknown camera of the lakeside pictures”.",
    )
    serial = forms.CharField(required=False, max_length=300, widget=forms.HiddenInput)

    def chosen(self) -> list[UUID]:
        """The ids of the chosen pictures; what is no id is left out."""
        given = self.data.getlist("media") if hasattr(self.data, "getlist") else []
        found = []
        for text in given[: PICTURES_OFFERED * 2]:
            try:
                found.append(UUID(text))
            except ValueError:
                continue
        return found


class ReasonForm(forms.Form):
    """Why a match is taken for right or wrong."""

    same = forms.ChoiceField(choices=[("yes", "Same camera"), ("no", "Another camera")])
    reason = forms.CharField(max_length=1000, label="Why")


def day(text: str) -> str:
    """An ISO day; empty for anything else."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return ""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return ""

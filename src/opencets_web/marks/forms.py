"""What a person fills in about marks."""

from __future__ import annotations

import json
from typing import Any

from django import forms

from opencets_web.marks.models import kinds


def share(label: str, initial: int) -> forms.FloatField:
    """A share of the picture's width or height, in percent."""
    widget = forms.NumberInput(attrs={"step": "0.1"})
    return forms.FloatField(widget=widget, min_value=0, max_value=100, required=False, label=label, initial=initial)


class RegionForm(forms.Form):
    """A region, its name and kind. The numbers are the rectangle; ``polygon`` wins where the page has drawn one."""

    name = forms.CharField(max_length=120, help_text="As colleagues would call it, for example Blue fern wallpaper.")
    kind = forms.ChoiceField(label="Kind")
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}), label="What it looks like")
    left = share("Left, %", 25)
    top = share("Top, %", 25)
    width = share("Width, %", 50)
    height = share("Height, %", 50)
    polygon = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["kind"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(key, row["label"]) for key, row in kinds().items()]

    def clean_polygon(self) -> list[list[float]]:
        given = self.cleaned_data["polygon"]
        if not given:
            return []
        try:
            corners = [[float(x), float(y)] for x, y in json.loads(given)]
        except (ValueError, TypeError, RecursionError):
            raise forms.ValidationError("The outline cannot be read; draw it again.") from None
        if not 3 <= len(corners) <= 60 or any(not 0 <= part <= 1 for corner in corners for part in corner):
            raise forms.ValidationError("An outline has 3 to 60 corners inside the picture.")
        return corners

    def given(self) -> dict[str, Any]:
        """As ``actions.mark_region`` takes it."""
        clean = self.cleaned_data
        left, top = (clean[name] or 0 for name in ("left", "top"))
        right, bottom = left + (clean["width"] or 0), top + (clean["height"] or 0)
        box = [[left, top], [right, top], [right, bottom], [left, bottom]]
        polygon = clean["polygon"] or [[min(x, 100) / 100, min(y, 100) / 100] for x, y in box]
        return {"polygon": polygon, **{name: clean[name] for name in ("name", "kind", "description")}}

"""What a person fills in about a chart."""

from __future__ import annotations

from django import forms


class SaveForm(forms.Form):
    """Keeping a chart."""

    around = forms.UUIDField(widget=forms.HiddenInput)
    title = forms.CharField(max_length=200, label="Keep this chart as")

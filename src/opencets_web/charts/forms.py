"""What a person fills in about a chart."""

from __future__ import annotations

from typing import Any

from django import forms

from opencets_web.charts.exporting import FORMS
from opencets_web.charts.keeping import MOST_BYTES, Asked


class ChartForm(forms.Form):
    """Which chart is meant; its layout is filled in by the page's script."""

    around = forms.UUIDField(required=False)
    reference = forms.CharField(required=False, max_length=60)
    saved = forms.UUIDField(required=False)
    whole = forms.BooleanField(required=False)
    layout = forms.CharField(required=False, max_length=MOST_BYTES)

    def asked(self) -> Asked:
        """The chart that is meant."""
        given = self.cleaned_data
        saved = str(given["saved"]) if given["saved"] else ""
        return Asked(given["around"], given["reference"], saved, given["whole"], given["layout"])


class SaveForm(ChartForm):
    """Keeping a chart, living or frozen."""

    title = forms.CharField(max_length=200, label="Keep this chart as")
    freeze = forms.BooleanField(required=False)


class ExportForm(ChartForm):
    """Handing a chart out as a file."""

    form = forms.ChoiceField(choices=[(name, name) for name in FORMS])


class TimesForm(forms.Form):
    """The time chosen; what is no day counts as none."""

    since = forms.DateField(required=False)
    until = forms.DateField(required=False)
    page = forms.IntegerField(required=False, min_value=1, max_value=1_000_000)

    def add_prefix(self, field_name: str) -> str:
        """As the bars name the days in the address."""
        return {"since": "from", "until": "to"}.get(field_name, field_name)

    def asked(self) -> dict[str, Any]:
        """Days as text, and the page."""
        self.is_valid()
        given = self.cleaned_data
        days = {name: given[name].isoformat() if given.get(name) else "" for name in ("since", "until")}
        return {**days, "number": given.get("page") or 1}

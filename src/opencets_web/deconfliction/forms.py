"""What a person fills in to declare, to write to the other side, and to agree."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms

from opencets.errors import ValueRefused
from opencets.records import KINDS
from opencets.values import normalise
from opencets_web.deconfliction.models import OperationKind
from opencets_web.deconfliction.rules import limit
from opencets_web.deconfliction.values import TARGET_KINDS, Value, values_of

DAYS = (("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("180", "180 days"), ("365", "365 days"))
PROPOSALS = (
    ("proceed", "Both proceed, each on their own"),
    ("hand-over", "We hand over to them"),
    ("take-over", "They hand over to us"),
    ("joint", "Work on it together"),
)


class _Declaring(forms.Form):
    """What every declaration has."""

    purpose = forms.CharField(
        max_length=2_000,
        label="For what",
        help_text="Kept in the log, where the auditor reads it. The other side does not see it.",
    )
    contact = forms.CharField(
        max_length=200, required=False, label="Whom they call",
        help_text="Name and number told to the other side. Empty: your agency's contact.",
    )  # fmt: skip
    label = forms.CharField(
        max_length=200, required=False, label="Your name for it", help_text="Seen by your agency alone."
    )


class TargetForm(_Declaring):
    """Declaring a target: values one a line."""

    values = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 5, "autofocus": True, "spellcheck": "false", "autocomplete": "off"}),
        max_length=20_000,
        label="What you work on, one a line",
        help_text="E-mail, telephone, wallet, MD5, SHA-1, SHA-256, IP with time and zone (192.0.2.7 2026-11-24T06:00Z); "
        "with the kind in front: kik:name, pdq:…, plate:…",
    )  # fmt: skip
    kind = forms.ChoiceField(
        required=False,
        label="Kind",
        choices=[("", "Recognise it"), *((name, KINDS[name].label) for name in TARGET_KINDS)],
    )
    days = forms.TypedChoiceField(choices=DAYS, initial="90", coerce=int, label="Watch for")
    record_ref = forms.UUIDField(required=False, widget=forms.HiddenInput)
    media_ref = forms.UUIDField(required=False, widget=forms.HiddenInput)
    field_order = ["values", "kind", "purpose", "days", "contact", "label"]

    def __init__(self, *given: Any, country: str = "", **named: Any) -> None:
        super().__init__(*given, **named)
        self.country = country
        self.found: tuple[Value, ...] = ()

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        self.found, refused = values_of(cleaned.get("values", ""), kind=cleaned.get("kind", ""), country=self.country)
        for sentence in refused[:10]:
            self.add_error("values", sentence)
        if not self.found and not refused and "values" not in self.errors:
            self.add_error("values", "Write at least one value.")
        return cleaned

    def given(self) -> dict[str, Any]:
        """As ``actions.declare_target`` takes it."""
        named = {name: self.cleaned_data[name] for name in ("purpose", "days", "label", "contact")}
        refs = {name: self.cleaned_data[name] for name in ("record_ref", "media_ref")}
        return {"values": self.found, **named, **refs}


def _moment() -> forms.DateTimeInput:
    return forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class OperationForm(_Declaring):
    """Declaring an operation: when, where, of what kind."""

    operation = forms.ChoiceField(choices=OperationKind, label="What is planned")
    begins_at = forms.DateTimeField(
        widget=_moment(), label="From (UTC)", input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%MZ"]
    )
    ends_at = forms.DateTimeField(
        widget=_moment(), label="Until (UTC)", input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%MZ"]
    )
    position = forms.CharField(
        max_length=100, required=False, label="Position", help_text="Latitude and longitude, for example 51.45450, -2.58790.",
        widget=forms.TextInput(attrs={"inputmode": "text", "autocomplete": "off"}),
    )  # fmt: skip
    radius_metres = forms.IntegerField(
        min_value=0, max_value=limit("radius_metres_most"), initial=500, label="Radius in metres", required=False
    )
    place = forms.CharField(
        max_length=300, required=False, label="Address",
        help_text="Without a position it is compared by its words alone: write it as on a letter.",
    )  # fmt: skip
    field_order = [
        "operation",
        "begins_at",
        "ends_at",
        "position",
        "radius_metres",
        "place",
        "purpose",
        "contact",
        "label",
    ]

    def clean_position(self) -> tuple[float, float] | None:
        written = self.cleaned_data["position"].strip()
        if not written:
            return None
        try:
            latitude, longitude = normalise("place", written).split(",")
        except ValueRefused as refusal:
            raise forms.ValidationError(refusal.sentence) from None
        return float(latitude), float(longitude)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        begins, ends = cleaned.get("begins_at"), cleaned.get("ends_at")
        if isinstance(begins, datetime) and isinstance(ends, datetime) and ends <= begins:
            self.add_error("ends_at", "It ends after it begins.")
        if not self.errors and cleaned.get("position") is None and not cleaned.get("place", "").strip():
            self.add_error("position", "Give a position with a radius, or an address.")
        return cleaned

    def given(self) -> dict[str, Any]:
        """As ``actions.declare_operation`` takes it."""
        cleaned = dict(self.cleaned_data)
        cleaned["radius_metres"] = cleaned["radius_metres"] or 0
        return cleaned | {name: cleaned[name].astimezone(UTC) for name in ("begins_at", "ends_at")}


class ReasonForm(forms.Form):
    """Why a declaration is withdrawn, or a settled conflict opened again."""

    reason = forms.CharField(max_length=2_000)


class LineForm(forms.Form):
    """What is written to the other side."""

    text = forms.CharField(max_length=4_000)


class ProposeForm(forms.Form):
    """What is proposed to the other side."""

    outcome = forms.ChoiceField(choices=PROPOSALS)
    text = forms.CharField(max_length=4_000, required=False)

    def given(self) -> dict[str, Any]:
        """As ``actions.propose`` takes it."""
        chosen = self.cleaned_data["outcome"]
        outcome = "hand-over" if chosen == "take-over" else chosen
        return {"outcome": outcome, "gives": chosen == "hand-over", "text": self.cleaned_data["text"]}


class ConfirmForm(forms.Form):
    """Which proposal is confirmed."""

    proposal = forms.UUIDField()


class BeginForm(forms.Form):
    """For which case one declares, from the room."""

    case = forms.RegexField(r"^[A-Za-z0-9._-]{1,40}$")
    subject = forms.ChoiceField(choices=[("target", "target"), ("operation", "operation")])

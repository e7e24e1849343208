"""What a person fills in about sightings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.utils import timezone

from opencets_web.sightings.maps import MapWanted
from opencets_web.sightings.queries import NETWORK_WORDS, Wanted
from opencets_web.sightings.sight import Opened

NETWORKS = [("", "All networks"), *NETWORK_WORDS.items()]
SPANS = [("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "A year")]
_PART = re.compile(r"([A-Z]{2}(-[A-Z0-9]{1,3})?)?")


class ListForm(forms.Form):
    """Which computers: of which jurisdiction, network and days."""

    jurisdiction = forms.ChoiceField(required=False)
    network = forms.ChoiceField(required=False, choices=NETWORKS)
    days = forms.ChoiceField(required=False, choices=SPANS, label="Days", initial="30")

    def __init__(self, data: Any, opened: Opened, *, timed: bool = True) -> None:
        given = {"days": "30", **{name: data.get(name, "") for name in data}}
        super().__init__({**given, "days": given["days"] or "30"})
        choices = [("", "All that is open to you"), *((node.code, node.indented) for node in opened.nodes)]
        field = self.fields["jurisdiction"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices
        if not timed:
            del self.fields["days"]

    def wanted(self) -> Wanted:
        """The filters; a jurisdiction that is not open is asked for as it was given, and is not found."""
        code = str(self.data.get("jurisdiction", ""))[:40]
        given = self.cleaned_data if self.is_valid() else {}
        return Wanted(code, given.get("network", ""), int(given.get("days") or 30))


class QueueForm(forms.Form):
    """Which leads."""

    jurisdiction = forms.ChoiceField(required=False)
    state = forms.ChoiceField(
        required=False,
        choices=[
            ("open", "Open"),
            ("mine", "Mine"),
            ("free", "Nobody has it"),
            ("overdue", "Overdue"),
            ("ended", "Ended"),
        ],
    )

    def __init__(self, data: Any, nodes: Iterable[tuple[str, str]]) -> None:
        super().__init__({"jurisdiction": data.get("jurisdiction", ""), "state": data.get("state") or "open"})
        field = self.fields["jurisdiction"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "All"), *nodes]


class VisitForm(forms.Form):
    """When the line was visited."""

    at = forms.DateTimeField(label="Visited at (UTC)", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))


class MapForm(forms.Form):
    """Which days and network the map shows."""

    at = forms.RegexField(_PART, required=False, widget=forms.HiddenInput)
    network = forms.ChoiceField(required=False, choices=NETWORKS)
    days = forms.ChoiceField(required=False, choices=SPANS, label="Days")
    back = forms.IntegerField(
        required=False, min_value=0, max_value=36_500, label="Days before the newest",
        widget=forms.NumberInput(attrs={"type": "range", "min": 0, "step": 1}),
    )  # fmt: skip

    def __init__(self, data: Any, *, most_back: int = 0) -> None:
        standing = {"at": "", "network": "", "days": "30", "back": "0"}
        super().__init__({name: data.get(name) or value for name, value in standing.items()})
        self.fields["back"].widget.attrs["max"] = most_back

    def wanted(self) -> MapWanted:
        """What is asked for; an unusable filter counts as none."""
        self.is_valid()
        given = self.cleaned_data
        return MapWanted(
            given.get("at") or "", given.get("network") or "", int(given.get("days") or 30), int(given.get("back") or 0)
        )


class FileForm(forms.Form):
    """Handing in a file of sightings."""

    file = forms.FileField(
        help_text="Parquet, Arrow, CSV, JSON or JSON lines, as a sensor or another tool wrote it, up to 200 MB; larger ones "
        "through the API in chunks."
    )
    sensor = forms.CharField(max_length=120, label="Sensor or tool", help_text="What wrote it, with its version.")
    authority = forms.CharField(
        max_length=300, help_text="The order or law under which it was observed; it stands with every sighting."
    )
    zone = forms.CharField(
        max_length=60, required=False, label="Time zone of its times",
        help_text="Only where the file writes times without one, as Europe/London. Nothing is guessed.",
    )  # fmt: skip


class RenewForm(forms.Form):
    """By what a sensor observes, for what, and until when it may deliver."""

    authority = forms.CharField(max_length=300, help_text="The order or law under which it observes.")
    purpose = forms.CharField(max_length=300)
    expires_on = forms.DateField(
        label="Last day", widget=forms.DateInput(attrs={"type": "date"}),
        initial=lambda: timezone.now().date() + timedelta(days=90),
    )  # fmt: skip


class SensorForm(RenewForm):
    """Registering a sensor by the key that it printed."""

    name = forms.CharField(max_length=120, help_text="As its settings name it, such as avon-1.")
    key = forms.CharField(
        max_length=60, label="Key", help_text="As “opencets sensor check” prints it: “key of the seals”.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    silent_minutes = forms.IntegerField(
        min_value=1, max_value=10_080, initial=60, label="Told when silent for (minutes)"
    )
    field_order = ("name", "key", "authority", "purpose", "expires_on", "silent_minutes")


class SetForm(forms.Form):
    """Handing in a list of known files that may be asked about."""

    file = forms.FileField(
        help_text="One digest a line as networks offer the file (info-hash, SHA-1, MD4), or CSV with digest and category."
    )
    name = forms.CharField(max_length=200)
    authority = forms.CharField(
        max_length=300, help_text="The legal basis on which your agency may ask where these files are offered."
    )
    version = forms.CharField(max_length=60, required=False)
    expires_on = forms.DateField(
        label="May be asked about until", widget=forms.DateInput(attrs={"type": "date"}),
        initial=lambda: timezone.now().date() + timedelta(days=365),
    )  # fmt: skip


class SeekForm(forms.Form):
    """Where a known file is offered, and why one asks."""

    digest = forms.CharField(max_length=70, label="Digest of the file", help_text="As one of your sets names it.")
    purpose = forms.CharField(max_length=300, label="Purpose", help_text="It stands in the log with the digest.")


class SightForm(forms.Form):
    """Opening a jurisdiction to another agency."""

    jurisdiction = forms.ChoiceField()
    agency = forms.TypedChoiceField(coerce=UUID, label="Agency that may see its computers")
    purpose = forms.CharField(max_length=300)
    days = forms.IntegerField(min_value=1, max_value=730, initial=90, label="For how many days")

    def __init__(self, data: Any, nodes: Iterable[tuple[str, str]], agencies: Iterable[tuple[str, str]]) -> None:
        super().__init__(data)
        for name, choices in (("jurisdiction", nodes), ("agency", agencies)):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = list(choices)

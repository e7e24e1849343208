"""What a person fills in to ask a provider, to note what came of it, and to keep the directory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from django import forms
from django.utils import timezone

from opencets.records import KINDS
from opencets.requesting.instruments import PURPOSES, Field
from opencets_web.entities.queries import ASKED_KINDS
from opencets_web.inquiries.queries import NewPage

STATES = (("open", "Open"), ("overdue", "Overdue"), ("ended", "Ended"), ("any", "All"))
WAYS = (
    "Portal",
    "E-mail",
    "Post",
    "Fax",
    "By hand",
    "24/7 network",
    "Single point of contact",
    "Telephone, confirmed in writing",
)
BY_HAND = tuple((kind, KINDS[kind].label) for kind in ASKED_KINDS if kind != "ip_hour")


def zones() -> list[str]:
    """The names of zones that a person may mean, for completing what is typed."""
    return [
        "UTC",
        *sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/"))),
    ]


class FilterForm(forms.Form):
    """The filters of the list of data requests."""

    q = forms.CharField(
        required=False, label="Words", widget=forms.TextInput(attrs={"placeholder": "Number or provider"})
    )
    state = forms.ChoiceField(required=False, choices=STATES)
    mine = forms.BooleanField(required=False, label="My cases only")

    def wanted(self) -> dict[str, Any]:
        """The filters as ``queries.list_inquiries`` takes them; an unusable filter counts as none."""
        given = self.cleaned_data if self.is_valid() else {}
        return {"words": given.get("q", ""), "state": given.get("state") or "open", "mine": given.get("mine", False)}


class NewForm(forms.Form):
    """What kind of request, to whom."""

    instrument = forms.ChoiceField(label="Kind of request")
    provider = forms.TypedChoiceField(coerce=UUID, label="Provider")

    def __init__(self, page: NewPage, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        kind, provider = self.fields["instrument"], self.fields["provider"]
        assert isinstance(kind, forms.ChoiceField)
        assert isinstance(provider, forms.TypedChoiceField)
        kind.choices = [("", "Choose what is asked for"), *page.choices]
        provider.choices = [("", "Choose whom to ask"), *((str(key), name) for key, name in page.providers)]


class DraftForm(forms.Form):
    """What the instrument wants said. A draft may be kept with gaps; the approval asks for all of it."""

    use_required_attribute = False

    subject = forms.CharField(max_length=200, help_text="What the provider reads first. No victim's name.")

    def __init__(self, wanted: Sequence[Field], *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.wanted = wanted
        for field in wanted:
            self.fields[f"say_{field.name}"] = forms.CharField(
                required=field.required and not self.is_bound,  # so that the page marks what may stay empty
                max_length=20_000,
                label=field.label,
                help_text=field.help,
                widget=forms.Textarea(attrs={"rows": 2}),
            )

    def statements(self) -> dict[str, str]:
        """What was said, by field name."""
        return {field.name: self.cleaned_data[f"say_{field.name}"] for field in self.wanted}


class ValueForm(forms.Form):
    """What the source does not say of a value."""

    zone = forms.CharField(required=False, max_length=60)
    port = forms.CharField(required=False, max_length=12)


class HandForm(forms.Form):
    """A value that stands in no exhibit."""

    kind = forms.ChoiceField(choices=BY_HAND)
    value = forms.CharField(max_length=500)
    time = forms.CharField(
        required=False, max_length=100, label="Time as the source gives it", help_text="As 2026-02-03 04:05:06."
    )
    zone = forms.CharField(
        required=False, max_length=60, label="Zone of the source", help_text="As Europe/London, UTC or +01:00.",
        widget=forms.TextInput(attrs={"list": "zones"}),
    )  # fmt: skip
    port = forms.CharField(required=False, max_length=12, label="Source port")
    place = forms.CharField(
        max_length=1_000, label="Where it comes from", help_text="Another may have to find it again."
    )


class MomentField(forms.CharField):
    """A moment in UTC."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            return datetime.fromisoformat(text.strip().replace(" UTC", "")).replace(
                tzinfo=timezone.get_default_timezone()
            )
        except ValueError:
            raise forms.ValidationError("Write it as 2026-02-03 04:05, in UTC.") from None


class ServeForm(forms.Form):
    """How and when it was served."""

    how = forms.ChoiceField(choices=[(way, way) for way in WAYS], label="How it was served")
    at = MomentField(label="When, in UTC")
    reference = forms.CharField(required=False, max_length=200, label="The provider's own number")


class PreservedForm(forms.Form):
    """Until when the provider keeps the data."""

    until = MomentField(required=False, label="Until, in UTC")
    reference = forms.CharField(required=False, max_length=200, label="The provider's own number")


class AnswerForm(forms.Form):
    """The exhibit that is the answer."""

    exhibit = forms.UUIDField()


class ReasonForm(forms.Form):
    """A reason."""

    reason = forms.CharField(max_length=2_000)


class ProviderForm(forms.Form):
    """A provider of the directory."""

    name = forms.CharField(max_length=200)
    country = forms.RegexField(
        r"^[A-Z]{2}$",
        required=False,
        help_text="Two letters, as GB.",
        error_messages={"invalid": "Two capital letters, as GB."},
    )
    portal = forms.CharField(max_length=300, required=False, help_text="Web address of its portal for authorities.")
    email = forms.EmailField(required=False, label="E-mail")
    address = forms.CharField(
        required=False, max_length=2_000, widget=forms.Textarea(attrs={"rows": 3}), label="Postal address"
    )
    languages = forms.CharField(max_length=200, required=False, help_text="In which it takes requests.")
    emergency_contact = forms.CharField(
        max_length=300, required=False, help_text="Who answers at any hour where life is in danger."
    )
    purposes = forms.MultipleChoiceField(
        choices=list(PURPOSES.items()), required=False, widget=forms.CheckboxSelectMultiple, label="Takes requests for"
    )
    zone = forms.CharField(
        max_length=60, initial="UTC", label="Time zone of its records",
        help_text="As Europe/London; the letter gives times in UTC and in this zone.",
        widget=forms.TextInput(attrs={"list": "zones"}),
    )  # fmt: skip
    retention_days = forms.IntegerField(
        required=False, min_value=0, max_value=36_500, label="Keeps address logs for (days)",
        help_text="Empty where it is not known.",
    )  # fmt: skip
    shares_addresses = forms.BooleanField(
        required=False, label="Shares its IPv4 addresses among subscribers",
        help_text="Then a request without the source port is refused.",
    )  # fmt: skip
    shared_ranges = forms.CharField(
        required=False, max_length=4_000, widget=forms.Textarea(attrs={"rows": 2}), label="Ranges that it shares",
        help_text="One a line, as 198.51.100.0/24, where only some are shared.",
    )  # fmt: skip

    def clean_shared_ranges(self) -> str:
        import ipaddress

        lines = [line.strip() for line in self.cleaned_data["shared_ranges"].splitlines() if line.strip()]
        for line in lines:
            try:
                ipaddress.ip_network(line, strict=False)
            except ValueError:
                raise forms.ValidationError(f"“{line[:60]}” is not a range of addresses.") from None
        return "\n".join(lines)


class LetterheadForm(forms.Form):
    """What stands above and below the letters."""

    head = forms.CharField(
        required=False, max_length=2_000, widget=forms.Textarea(attrs={"rows": 4}), label="Head",
        help_text="The first line stands large. Empty: the agency's name.",
    )  # fmt: skip
    signature = forms.CharField(
        required=False, max_length=2_000, widget=forms.Textarea(attrs={"rows": 3}), label="Below the signature",
        help_text="After the name of who approved it. Empty: the agency's name.",
    )  # fmt: skip
    contact = forms.CharField(
        required=False, max_length=2_000, widget=forms.Textarea(attrs={"rows": 3}), label="Contact at any hour",
        help_text="Empty: the agency's contact, as a pointer shows it.",
    )  # fmt: skip

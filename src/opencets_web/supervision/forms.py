"""What a person fills in about supervised people, orders, hits and care."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.utils import timezone

from opencets.packing.order import COLLECTORS, DAYS
from opencets_web.supervision.models import AppointmentKind, ContactKind, Setting
from opencets_web.supervision.person_pages import COLLECTOR_WORDS, SHOTS, Offers
from opencets_web.supervision.policies import Policy

_HOURS = re.compile(r"((?:[a-z]{3}[ ,]*)+) +([0-2][0-9]:[0-5][0-9]) *(?:-|to) *([0-2][0-9]:[0-5][0-9])")
NOBODY = ("", "Nobody")
NOTHING = ("", "None: new files are not compared")
Choices = Iterable[tuple[str, str]]


def _moment(label: str, help_text: str = "") -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        help_text=help_text,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )


def lines_of(text: str) -> list[str]:
    """The lines of a text, without empty ones."""
    return [line.strip() for line in text.splitlines() if line.strip()]


class PersonForm(forms.Form):
    """Opening the file of a supervised person."""

    reference = forms.RegexField(
        r"^[A-Za-z0-9][A-Za-z0-9./_-]{1,38}$",
        label="Reference",
        help_text="As your service numbers it, such as SV-2026-0001.",
    )
    name = forms.CharField(
        max_length=200, help_text="Sealed in the database; it stands on the order and on the device's notice."
    )
    setting = forms.ChoiceField(choices=Setting, label="Under what")
    reviewer = forms.ChoiceField(
        required=False,
        label="First reviewer",
        help_text="Looks at hits first and passes on what is meant; the file opens to them.",
    )

    def __init__(self, data: Any, people: Iterable[tuple[str, str]]) -> None:
        super().__init__(data)
        field = self.fields["reviewer"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [NOBODY, *people]

    def wanted(self) -> dict[str, Any]:
        """As ``actions.open_person`` takes it."""
        given = dict(self.cleaned_data)
        reviewer = given.pop("reviewer")
        return {**given, "reviewer_id": UUID(reviewer) if reviewer else None}


class DeviceForm(forms.Form):
    """Enrolling a device."""

    file = forms.FileField(
        label="Request of the device", help_text="The file that “opencets agent enrol” wrote on the device."
    )
    name = forms.CharField(
        max_length=120, required=False, label="Name of the device", help_text="Empty: as the device says."
    )


class OrderForm(forms.Form):
    """The draft of an order."""

    court = forms.CharField(max_length=200)
    reference = forms.CharField(max_length=120)
    words = forms.CharField(
        max_length=6000, widget=forms.Textarea(attrs={"rows": 4}), label="What the order says",
        help_text="As the person is told; it stands on the device's notice.",
    )  # fmt: skip
    begins_at = _moment("Begins at (UTC)")
    ends_at = _moment("Ends at (UTC)", "The device stops by itself then, without asking anybody.")
    time_zone = forms.CharField(max_length=60, label="Time zone of its hours", help_text="Such as Europe/London.")
    notice_on = forms.DateField(
        required=False, label="Told on", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="When the person, and everybody else who must know, was told.",
    )  # fmt: skip
    co_users = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 2}), label="Who else uses the device",
        help_text="One a line; each was told that it is watched.",
    )  # fmt: skip
    complaint = forms.CharField(max_length=400, label="Whom to ask, and where to complain")
    libraries = forms.MultipleChoiceField(
        required=False, label="Phrase libraries", widget=forms.CheckboxSelectMultiple, help_text="Tested ones alone."
    )
    known_list = forms.ChoiceField(
        required=False, label="Known files", help_text="New files are compared with this list; no content is taken."
    )
    opens_to = forms.ChoiceField(
        required=False,
        label="The order opens what is found to",
        help_text="An agency that the order names; until its end.",
    )

    def __init__(
        self,
        data: Any,
        policy: Policy,
        offers: Offers,
        given: dict[str, Any],
    ) -> None:
        super().__init__(data, initial=given)
        for name, choices in (
            ("libraries", list(offers.libraries)),
            ("known_list", [NOTHING, *offers.known_lists]),
            ("opens_to", [NOBODY, *offers.agencies]),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = choices
        self.fields["court"].label, self.fields["reference"].label = policy.authority, policy.reference

    def wanted(self) -> dict[str, Any]:
        """As ``actions.change_draft`` takes it."""
        given = dict(self.cleaned_data)
        opens_to, known_list = given.pop("opens_to"), given.pop("known_list")
        return {
            **given, "co_users": lines_of(given["co_users"]), "opens_to_id": UUID(opens_to) if opens_to else None,
            "known_list_id": UUID(known_list) if known_list else None,
        }  # fmt: skip


class ConditionForm(forms.Form):
    """One condition of a draft."""

    ref = forms.RegexField(
        r"^[A-Za-z0-9.-]{1,20}$", label="Name", help_text="Such as C1; the same name changes that condition."
    )
    words = forms.CharField(max_length=600, label="What it asks for", widget=forms.Textarea(attrs={"rows": 2}))
    collectors = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple, label="What is recorded for it")
    text_around = forms.IntegerField(min_value=0, max_value=1000, initial=200, label="Characters kept around a phrase")
    screenshot = forms.ChoiceField(label="Screenshot of a hit")
    severity_from = forms.IntegerField(min_value=1, max_value=5, initial=2, label="From which severity on (1 to 5)")
    alert_severity = forms.IntegerField(
        min_value=1, max_value=5, initial=2, required=False, label="Severity of a drive, or of another account (1 to 5)"
    )
    retention_days = forms.IntegerField(min_value=1, initial=90, label="Kept for how many days")
    programs = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 2}), label="Programs never recorded"
    )
    sites = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 2}), label="Sites never recorded",
        help_text="One a line: the bank, the doctor, the lawyer.",
    )  # fmt: skip
    people = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}), label="People never recorded")
    hours = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 2}), label="Hours never recorded",
        help_text="One a line, such as: mon tue wed 22:00-06:00",
    )  # fmt: skip

    def __init__(self, data: Any, policy: Policy) -> None:
        super().__init__(data)
        for name, choices in (
            (
                "collectors",
                [(one, COLLECTOR_WORDS[one].capitalize()) for one in COLLECTORS if one in policy.collectors],
            ),
            ("screenshot", [(one, SHOTS[one].capitalize()) for one in SHOTS if one in policy.screenshots]),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = choices
        days = self.fields["retention_days"]
        days.widget.attrs["max"] = policy.longest_retention_days

    def clean_hours(self) -> list[dict[str, Any]]:
        """Hours as an order has them."""
        found = []
        for line in lines_of(self.cleaned_data["hours"]):
            match = _HOURS.fullmatch(line.lower())
            days = re.findall("[a-z]{3}", match[1]) if match else []
            if match is None or not days or not set(days) <= set(DAYS):
                raise forms.ValidationError(f"“{line[:60]}” is not written as: mon tue 22:00-06:00")
            found.append({"days": days, "from": match[2], "to": match[3]})
        return found

    def wanted(self) -> dict[str, Any]:
        """As ``actions.put_condition`` takes it."""
        given = dict(self.cleaned_data)
        hours, given["alert_severity"] = given.pop("hours"), given["alert_severity"] or 2
        excluded = {name: lines_of(given.pop(name)) for name in ("programs", "sites", "people")}
        return {**given, "excluded": {**excluded, "hours": hours}}


class QueueForm(forms.Form):
    """Which hits are listed."""

    person = forms.CharField(required=False, max_length=40, label="Person")
    severity = forms.TypedChoiceField(
        required=False, coerce=int, empty_value="", label="Severity",
        choices=[("", "All"), (2, "2 and more"), (3, "3 and more"), (4, "4 and 5"), (5, "5 alone")],
    )  # fmt: skip

    def wanted(self) -> dict[str, Any]:
        """As ``queries.get_queue`` takes it; an unusable filter counts as none."""
        self.is_valid()
        return {"person": self.cleaned_data.get("person") or "", "severity": self.cleaned_data.get("severity") or 1}


class AppointmentForm(forms.Form):
    """A visit, check or date."""

    kind = forms.ChoiceField(choices=AppointmentKind, label="What")
    due_at = _moment("Due at (UTC)")
    words = forms.CharField(required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2}), label="In words")
    agreed = forms.BooleanField(required=False, label="The person knows of it")

    def clean_due_at(self) -> dt.datetime:
        """Within ten years of today."""
        due: dt.datetime = self.cleaned_data["due_at"]
        if abs(due - timezone.now()) > dt.timedelta(days=3660):
            raise forms.ValidationError("That is more than ten years away.")
        return due


class ContactForm(forms.Form):
    """Somebody to call."""

    kind = forms.ChoiceField(choices=ContactKind, label="What they are to the person")
    name = forms.CharField(max_length=200)
    details = forms.CharField(
        required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2}), label="How to reach them"
    )


class LibraryForm(forms.Form):
    """Handing in a phrase library."""

    file = forms.FileField(
        label="Library", help_text="One YAML file with name, version and phrases; a new version each time."
    )


class KnownListForm(forms.Form):
    """Handing in a list of known files."""

    name = forms.CharField(max_length=120)
    version = forms.CharField(max_length=60)
    authority = forms.CharField(max_length=400, label="On which legal basis it is used")
    file = forms.FileField(label="List", help_text="One MD5, SHA-1 or SHA-256 a line, in hexadecimal.")

    def __init__(self, data: Any = None, files: Any = None) -> None:
        super().__init__(data, files, auto_id="known-list-%s")  # another form with a file stands on the same page


class SampleForm(forms.Form):
    """Testing a library."""

    file = forms.FileField(
        label="Sample", help_text="Plain text, one message a line: what people here write every day."
    )

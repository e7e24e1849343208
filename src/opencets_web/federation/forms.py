"""What an administrator fills in about the agency's identity provider, and an officer who looks for theirs."""

from __future__ import annotations

import re

from django import forms
from django.core.exceptions import ValidationError

_DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")


def _lines(text: str) -> list[str]:
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


class ProviderForm(forms.Form):
    """What both kinds of provider have in common."""

    name = forms.CharField(max_length=80, label="Name", help_text="As your officers call it.")
    domains = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}), label="Domains of your officers' e-mail addresses",
        help_text="One a line. At the first sign-in an invited officer is found by an address of these.",
    )  # fmt: skip
    accepted = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 3}), label="What it says where it asked a second factor",
        help_text="One a line: values of acr or amr. Empty: OpenCETS always asks the officer's own second factor.",
    )  # fmt: skip

    def clean_domains(self) -> list[str]:
        domains = [line.lower().lstrip("@") for line in _lines(self.cleaned_data["domains"])]
        for domain in domains:
            if not _DOMAIN.fullmatch(domain):
                raise ValidationError(f"{domain} is no domain.")
        return domains

    def clean_accepted(self) -> list[str]:
        values = _lines(self.cleaned_data["accepted"])
        if any(len(value) > 200 for value in values):
            raise ValidationError("A value has at most 200 characters.")
        return values


class OidcForm(ProviderForm):
    """An OpenID Connect provider."""

    issuer = forms.CharField(
        max_length=400, label="Issuer", help_text="Its address, exactly as the provider writes it."
    )
    client_id = forms.CharField(max_length=200, label="Client id")
    secret = forms.CharField(
        max_length=500, required=False, strip=False, label="Client secret", help_text="Kept sealed, and never shown again.",
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    field_order = ["name", "issuer", "client_id", "secret", "domains", "accepted"]


class RuleForm(forms.Form):
    """Whether officers may sign in otherwise."""

    rule = forms.ChoiceField(
        choices=[
            ("also", "Officers may also use their password or passkey"),
            ("only", "Officers must use the provider"),
        ],
        widget=forms.RadioSelect,
        label="Who comes in otherwise",
    )


class WayForm(forms.Form):
    """An officer's address, which leads to their agency's provider."""

    email = forms.EmailField(
        label="Your e-mail address at work", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )

"""What an administrator fills in about the agency's identity provider, and an officer who looks for theirs."""

from __future__ import annotations

import re
from typing import Any

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


class SamlForm(ProviderForm):
    """A SAML provider, from its metadata."""

    metadata_file = forms.FileField(
        required=False, label="Metadata, as a file", widget=forms.FileInput(attrs={"class": "form-control"})
    )
    metadata_text = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}), label="Or the metadata, pasted",
        help_text="Entity id, address and certificates are read from it.",
    )  # fmt: skip
    email_attribute = forms.CharField(
        max_length=200, required=False, label="Attribute with the e-mail address",
        help_text="Empty: mail, email, or the names that directories give them.",
    )  # fmt: skip
    field_order = ["name", "metadata_file", "metadata_text", "domains", "accepted", "email_attribute"]

    def __init__(self, *given: Any, registers: bool = False, **named: Any) -> None:
        super().__init__(*given, **named)
        self._registers = registers
        self.fields[
            "accepted"
        ].help_text = (
            "One a line: values of AuthnContextClassRef. Empty: OpenCETS always asks the officer's own second factor."
        )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        sent = given.pop("metadata_file", None)
        text = given.pop("metadata_text", "").strip()
        if sent is not None and sent.size > 512 * 1024:
            self.add_error("metadata_file", "Metadata has at most 512 KiB.")
        given["metadata"] = sent.read() if sent is not None and not self.errors else text.encode()
        if self._registers and not given["metadata"]:
            self.add_error("metadata_file", "Choose the file, or paste the metadata.")
        return given


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

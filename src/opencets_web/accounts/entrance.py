"""Making officers who can sign in: password, one-time codes. The rows only; who makes them logs it beside."""

from __future__ import annotations

import hmac
import secrets
from base64 import b32encode
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import quote, urlencode

from allauth.account.models import EmailAddress
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator

from opencets_web.accounts.models import Agency, Officer

ISSUER = "OpenCETS"


@dataclass(frozen=True, slots=True)
class Entrance:
    """What a new officer needs to sign in; shown once."""

    email: str
    password: str
    secret: str

    @property
    def uri(self) -> str:
        """The ``otpauth`` address that an authenticator app takes (Key Uri Format: issuer, account, secret)."""
        label = quote(f"{ISSUER}:{self.email}")
        return f"otpauth://totp/{label}?" + urlencode({"secret": self.secret, "issuer": ISSUER})


def make_officer(
    agency: Agency, email: str, display_name: str, roles: list[str], *, password: str = "", secret: str = ""
) -> tuple[Officer, Entrance]:
    """An officer with a password and a one-time-code secret, random where none is given."""
    password = password or secrets.token_urlsafe(15)
    secret = secret or b32encode(secrets.token_bytes(20)).decode()
    officer = Officer(email=email, display_name=display_name, agency=agency, roles=roles)
    officer.set_password(password)
    officer.save(force_insert=True)
    EmailAddress.objects.create(user=officer, email=email, verified=True, primary=True)
    Authenticator.objects.create(
        user=officer, type=Authenticator.Type.TOTP, data={"secret": get_adapter().encrypt(secret)}
    )
    return officer, Entrance(email, password, secret)


def kept_secret(officer: Officer) -> str:
    """The officer's one-time-code secret, or nothing where none is set up."""
    found = Authenticator.objects.filter(user=officer, type=Authenticator.Type.TOTP).first()
    return str(get_adapter().decrypt(found.data["secret"])) if found else ""


def demonstration_secret(key: str, email: str) -> str:
    """The secret of an invented officer, fixed for this home: who holds the home's key may compute the code."""
    return b32encode(hmac.digest(key.encode(), f"demonstration:{email}".encode(), sha256)[:20]).decode()

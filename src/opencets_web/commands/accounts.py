"""``opencets agency`` and ``opencets officer``: who may sign in, made and closed by whoever runs the machine."""

from __future__ import annotations

import getpass
import re
import time

import click
from rich.console import Console
from rich.table import Table

from opencets.errors import ActRefused, NotFound
from opencets_web.commands.opened import opened

console = Console(highlight=False, soft_wrap=True)
ROLES = ("investigator", "analyst", "victim-identification", "reviewer", "supervisor", "administrator", "auditor")


@click.group()
def agency() -> None:
    """The agencies of this node."""


@agency.command("add")
@click.option("--name", required=True, help="Full name, for example Avon Constabulary.")
@click.option("--short-name", required=True, help="As it stands beside officers and cases, for example Avon.")
@click.option(
    "--country", required=True, help="ISO 3166-1, two letters; telephone numbers without a prefix are read as its."
)
@click.option("--contact", "contact_name", required=True, help="Whom others call, day and night.")
@click.option("--phone", "contact_phone", required=True, help="With the country's prefix, for example +442079460000.")
@click.option("--email", "contact_email", required=True, help="Where others write to.")
def add_agency(**given: str) -> None:
    """Enter an agency, with the contact that other agencies are shown."""
    given["country"] = given["country"].upper()
    if not re.fullmatch(r"[A-Z]{2}", given["country"]):
        raise ActRefused(f"{given['country']} is no country of ISO 3166-1: two letters, for example GB.")
    with opened("owner"):
        from django.core.exceptions import ValidationError
        from django.db import transaction

        from opencets_web.accounts.models import Agency
        from opencets_web.audit import log
        from opencets_web.evidence import keyring

        entered = Agency(**given)
        try:
            entered.full_clean()
        except ValidationError as error:
            raise ActRefused(f"The agency was not entered: {'; '.join(error.messages)}") from None
        with transaction.atomic():
            entered.save(force_insert=True)
            log.record("agency.made", None, subject=f"agency:{entered.short_name}", details=_by())
        keyring.ensure_keys()
    console.print(f"{given['name']} is entered. Next: opencets officer add EMAIL --agency {given['short_name']}")


@agency.command("list")
def list_agencies() -> None:
    """The agencies and their contacts."""
    with opened("owner"):
        from opencets_web.accounts.models import Agency

        table = Table("Short name", "Name", "Country", "Contact")
        for row in Agency.objects.all():
            table.add_row(row.short_name, row.name, row.country, f"{row.contact_name}, {row.contact_phone}")
    console.print(table)


@click.group()
def officer() -> None:
    """The officers who sign in."""


@officer.command("add")
@click.argument("email")
@click.option("--name", "display_name", required=True, help="As colleagues read it, for example DC Iva Marsh.")
@click.option("--agency", "short_name", required=True, help="The agency's short name.")
@click.option(
    "--role", "roles", multiple=True, type=click.Choice(ROLES), default=("investigator",), show_default=True,
    help="What the officer does; may be given several times. Administrator and auditor read no case.",
)  # fmt: skip
def add_officer(email: str, display_name: str, short_name: str, roles: tuple[str, ...]) -> None:
    """Make an officer's account; password and one-time-code secret are printed once and kept nowhere readable."""
    with opened("owner"):
        from django.core.exceptions import ValidationError
        from django.core.validators import validate_email
        from django.db import transaction

        from opencets_web.accounts.entrance import make_officer
        from opencets_web.accounts.models import Agency, Officer
        from opencets_web.audit import log

        email = email.strip().lower()
        try:
            validate_email(email)
        except ValidationError:
            raise ActRefused(f"{email} is not an e-mail address.") from None
        owner = Agency.objects.filter(short_name__iexact=short_name).first()
        if owner is None:
            names = ", ".join(Agency.objects.values_list("short_name", flat=True)) or "none yet"
            raise NotFound(f"No agency is called {short_name} (there are: {names}): opencets agency add enters one.")
        if Officer.objects.filter(email__iexact=email).exists():
            raise ActRefused(f"{email} has an account already; opencets officer open lets a closed one in again.")
        with transaction.atomic():
            _, entrance = make_officer(owner, email, display_name, list(roles))
            log.record("account.made", None, subject=f"officer:{email}", details={"roles": list(roles), **_by()})
    console.print(f"{display_name} ({owner.short_name}) signs in with:")
    for label, shown in (
        ("E-mail", email),
        ("Password", entrance.password),
        ("One-time-code secret", entrance.secret),
        ("For an authenticator app", entrance.uri),
    ):
        console.print(f"  {label}: {shown}", markup=False)
    console.print("These are shown once. Hand them over in person; the password is changed under the officer's name.")


@officer.command("close")
@click.argument("email")
def close_officer(email: str) -> None:
    """Close an account: open sessions end with their next request, later work in its name too."""
    _set_active(email, active=False)
    console.print(f"{email} signs in no more.")


@officer.command("open")
@click.argument("email")
def open_officer(email: str) -> None:
    """Let a closed account in again."""
    _set_active(email, active=True)
    console.print(f"{email} signs in again.")


@officer.command("list")
def list_officers() -> None:
    """Every account: agency, roles, whether it signs in."""
    with opened("owner"):
        from opencets_web.accounts.models import Officer

        table = Table("E-mail", "Name", "Agency", "Roles", "Signs in")
        for row in Officer.objects.select_related("agency").order_by("agency__name", "display_name"):
            table.add_row(
                row.email,
                row.display_name,
                row.agency.short_name,
                ", ".join(row.roles),
                "yes" if row.is_active else "no",
            )
    console.print(table)


@officer.command("code")
@click.argument("email")
def code(email: str) -> None:
    """Print the one-time code of an invented officer of the demonstration; of no other."""
    with opened("owner"):
        from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
        from django.conf import settings

        from opencets_web.accounts.entrance import demonstration_secret, kept_secret
        from opencets_web.accounts.models import Officer

        found = Officer.objects.filter(email__iexact=email).first()
        secret = demonstration_secret(settings.SECRET_KEY, found.email) if found else ""
        if found is None or kept_secret(found) != secret:
            raise ActRefused(
                f"{email} is no officer of the demonstration: a person's code comes from their own device."
            )
        now = int(time.time())
        console.print(f"{format_hotp_value(hotp_value(secret, now // 30))}  (for another {30 - now % 30} seconds)")


def _set_active(email: str, *, active: bool) -> None:
    with opened("owner"):
        from django.db import transaction
        from django.utils import timezone

        from opencets_web.accounts.models import Officer
        from opencets_web.audit import log

        now = timezone.now()
        with transaction.atomic():
            officer = Officer.objects.select_for_update().filter(email__iexact=email, is_active=not active).first()
            if officer is None:
                raise NotFound(f"No {'closed' if active else 'open'} account signs in as {email}.")
            officer.is_active, officer.closed_at = active, None if active else now
            officer.closed_because = "" if active else "Closed by whoever runs the machine."
            if active:
                officer.opened_at, officer.failed_at, officer.locked_until = now, [], None
            officer.save(
                update_fields=["is_active", "closed_at", "closed_because", "opened_at", "failed_at", "locked_until"]
            )
            log.record(
                "account.opened-again" if active else "account.closed", None, subject=f"officer:{email}", details=_by()
            )


def _by() -> dict[str, str]:
    """Who ran the command, as the operating system knows them."""
    return {"system account": getpass.getuser()}


COMMANDS: tuple[click.Command, ...] = (agency, officer)

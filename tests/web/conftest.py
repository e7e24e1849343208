"""The fixed cast, and acting as one of them with row-level security really on.

Avon's owner opened the case, Avon's colleague works beside them, Borders' outsider belongs to another agency, the administrator
runs the machine and reads no case, the auditor reads the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # models load after the settings, and this file before them
    from django.test import Client

    from opencets_web.accounts.models import Agency, Officer
    from opencets_web.policy.actor import Actor


WHY = {"X-Purpose": "investigation"}
"""With every request a signed-in browser of the tests says why, as a program does; ``tests/web/purposes`` leaves it out."""


@dataclass(frozen=True)
class Cast:
    """Two agencies, their officers as actors, and the officers' rows by name."""

    avon: Agency
    borders: Agency
    owner: Actor
    colleague: Actor
    outsider: Actor
    administrator: Actor
    auditor: Actor
    officers: dict[str, Officer]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: object) -> None:
    """The wall is built over the test database as set-up builds it."""
    from django.db import connection

    from opencets_web.commands.roles import open_database
    from opencets_web.policy import wall

    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        connection.ensure_connection()
        open_database(connection.connection, str(connection.settings_dict["NAME"]))
        wall.build()


@pytest.fixture
def cast(db: None) -> Cast:
    """Avon and Borders with their officers."""
    from opencets_web.accounts.models import Agency, Officer
    from opencets_web.policy.actor import Actor

    avon = Agency.objects.create(
        name="Avon Constabulary", short_name="Avon", country="GB", contact_name="Avon control room",
        contact_phone="+442079460000", contact_email="control@avon.example.org",
    )  # fmt: skip
    borders = Agency.objects.create(
        name="Borders Police", short_name="Borders", country="GB", contact_name="Borders desk",
        contact_phone="+442079460999", contact_email="desk@borders.example.org",
    )  # fmt: skip
    officers = {}
    for name, agency, roles in (
        ("owner", avon, ["investigator"]),
        ("colleague", avon, ["analyst"]),
        ("outsider", borders, ["investigator"]),
        ("administrator", avon, ["administrator"]),
        ("auditor", avon, ["auditor"]),
    ):
        officers[name] = Officer.objects.create(
            email=f"{name}@{agency.short_name.lower()}.example.org",
            display_name=f"{agency.short_name} {name}",
            agency=agency,
            roles=roles,
        )
    actors = {name: Actor.of(officer) for name, officer in officers.items()}
    return Cast(avon=avon, borders=borders, officers=officers, **actors)


Behind = Callable[["Actor | None"], AbstractContextManager[None]]


@contextmanager
def behind_the_wall(actor: Actor | None, role: str = "web") -> Iterator[None]:
    """Inside, the database role is web (or jobs) and the actor acts: what the wall hides is hidden."""
    from django.db import connection

    from opencets_web.policy.acting import acting_as

    with connection.cursor() as cursor:
        cursor.execute(f"set local role opencets_{role}")
    try:
        with acting_as(actor.officer_id if actor else None):
            yield
    finally:
        if not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute("reset role")


@pytest.fixture
def as_actor(db: None) -> Behind:
    """``with as_actor(cast.owner): ...`` acts as that officer in the web role; ``as_actor(None)`` as nobody."""
    return behind_the_wall


@pytest.fixture
def as_job(db: None) -> Behind:
    """``with as_job(cast.owner): ...`` acts as the worker does for that officer: jobs role, may open the blind door."""

    @contextmanager
    def job(actor: Actor | None) -> Iterator[None]:
        with behind_the_wall(actor, "jobs"):
            yield

    return job


@pytest.fixture
def client_for(cast: Cast) -> Callable[[Actor | None], Client]:
    """``client_for(cast.owner)`` is a browser signed in, the notice read, that says why it looks; each request runs as web."""
    from allauth.mfa.models import Authenticator
    from allauth.usersessions.models import UserSession
    from django.db import connection
    from django.test import Client

    from opencets_web.accounts import notice

    by_id = {officer.id: officer for officer in cast.officers.values()}

    def client(actor: Actor | None) -> Client:
        browser = Client(raise_request_exception=True, headers=WHY)
        if actor is not None:
            officer = by_id[actor.officer_id]
            Authenticator.objects.get_or_create(user=officer, type="totp", defaults={"data": {"secret": "test"}})
            browser.force_login(officer, backend="allauth.account.auth_backends.AuthenticationBackend")
            UserSession.objects.create(user=officer, session_key=browser.session.session_key, ip="127.0.0.1")
            officer.notice_seen = notice.version(notice.text_for(officer.agency))
            officer.save(update_fields=["notice_seen"])
        request = browser.request

        def as_web(**extra: object) -> object:
            with connection.cursor() as cursor:
                cursor.execute("set local role opencets_web")
            try:
                return request(**extra)
            finally:
                if not connection.needs_rollback:
                    with connection.cursor() as cursor:
                        cursor.execute("reset role")

        browser.request = as_web  # type: ignore[method-assign,assignment]
        return browser

    return client


def signed(browser: Client, address: str, *, now: float | None = None) -> str:
    """An address of evidence with the signature that pages of this browser give it; any other address as it is."""
    from django.conf import settings
    from django.contrib.sessions.models import Session
    from django.urls import Resolver404, resolve

    from opencets_web.accounts.models import Officer
    from opencets_web.evidence import addresses
    from opencets_web.policy.actor import Actor
    from opencets_web.policy.standing import mark_of

    path = address.partition("?")[0]
    try:
        name = resolve(path).view_name
    except Resolver404:
        return address
    cookie = browser.cookies.get(settings.SESSION_COOKIE_NAME)
    if name not in addresses.SIGNED or cookie is None:
        return address
    row = Session.objects.get(session_key=cookie.value)
    officer = Officer.objects.get(pk=row.get_decoded()["_auth_user_id"])
    return addresses.signed(Actor.of(officer, session=mark_of(cookie.value)), path, now=now)

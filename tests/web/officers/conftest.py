"""A second factor whose codes the tests know, and what lies in the past."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.browser.world import SECRET, one_time_code

if TYPE_CHECKING:
    from django.test import Client

    from opencets_web.policy.actor import Actor

PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def fresh_counts() -> None:
    """What allauth counts in memory, and which codes were used, is forgotten between tests."""
    from django.core.cache import cache

    cache.clear()


@pytest.fixture
def at_browser(client_for: Callable[[Actor | None], Client]) -> Callable[[Actor], Client]:
    """As ``client_for``, with an authenticator app that shows ``code()``."""
    from allauth.mfa.models import Authenticator

    def browser(actor: Actor) -> Client:
        made = client_for(actor)
        Authenticator.objects.filter(user_id=actor.officer_id).update(data={"secret": SECRET})
        return made

    return browser


@pytest.fixture
def code() -> Callable[[], str]:
    """The one-time code that is shown now."""
    return one_time_code


@pytest.fixture
def passes() -> Callable[..., None]:
    """``passes(actor, minutes=31)``: so long ago were the last act and the last proof of the officer's sessions."""
    from allauth.usersessions.models import UserSession

    def pass_(actor: Actor, **time: float) -> None:
        ago = timedelta(**time)
        for row in UserSession.objects.filter(user_id=actor.officer_id):
            row.created_at -= ago
            row.last_seen_at -= ago
            row.data = {
                name: value - ago.total_seconds() if name in {"began", "proved"} else value
                for name, value in row.data.items()
            }
            row.save()

    return pass_


@pytest.fixture
def with_password(client_for: object, db: None) -> Callable[[Actor], str]:
    """Gives the officer the password of the tests and an address to sign in with; the address."""
    from allauth.account.models import EmailAddress
    from allauth.mfa.models import Authenticator

    from opencets_web.accounts.models import Officer

    def given(actor: Actor) -> str:
        officer = Officer.objects.get(pk=actor.officer_id)
        officer.set_password(PASSWORD)
        officer.save(update_fields=["password"])
        EmailAddress.objects.get_or_create(user=officer, email=officer.email, verified=True, primary=True)
        Authenticator.objects.get_or_create(user=officer, type="totp", defaults={"data": {"secret": SECRET}})
        return officer.email

    return given

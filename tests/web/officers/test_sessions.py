"""A session locks, ends, and asks for a second factor again; signing in locks after five failures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.house.small_case import REFERENCE, make_small_case
from tests.web.officers.conftest import PASSWORD

if TYPE_CHECKING:
    from django.test import Client

    from opencets_web.policy.actor import Actor
    from tests.web.conftest import Cast

    Browser = Callable[[Actor], Client]
    Anyone = Callable[[Actor | None], Client]

JSON = {"Accept": "application/json"}


def _verbs(subject: str) -> list[str]:
    from opencets_web.audit.models import Act

    return list(Act.objects.filter(verb__startswith=subject).order_by("id").values_list("verb", flat=True))


def test_a_session_locks_after_thirty_minutes_and_a_code_opens_it(
    cast: Cast, at_browser: Browser, passes: Callable[..., None], code: Callable[[], str]
) -> None:
    browser = at_browser(cast.owner)
    assert browser.get("/cases/").status_code == 200
    passes(cast.owner, minutes=31)
    assert browser.get("/cases/?show=mine").headers["Location"] == "/account/me/locked/?next=%2Fcases%2F%3Fshow%3Dmine"
    assert browser.get("/api/v1/cases").status_code == 423
    assert browser.get("/account/password/change/").status_code == 302, "a locked session changes no password"
    page = browser.get("/account/me/locked/?next=/cases/")
    assert "Session locked" in page.content.decode()
    assert "Avon owner" in page.content.decode()
    wrong = browser.post("/account/me/prove/", {"code": "000000", "next": "/cases/"})
    assert wrong.status_code == 422
    assert browser.get("/cases/").status_code == 302
    assert browser.post("/account/me/prove/", {"code": code(), "next": "/cases/"}).headers["Location"] == "/cases/"
    assert browser.get("/cases/").status_code == 200
    assert _verbs("account.pro") == ["account.proof-failed", "account.proved"]


def test_a_page_that_renews_itself_does_not_keep_a_session_open(
    cast: Cast, at_browser: Browser, passes: Callable[..., None]
) -> None:
    browser = at_browser(cast.owner)
    passes(cast.owner, minutes=20)
    assert browser.get("/", headers={"X-Renewal": "1"}).status_code == 200
    passes(cast.owner, minutes=11)
    assert browser.get("/", headers={"X-Renewal": "1"}).status_code == 204
    assert browser.get("/").status_code == 302


def test_work_on_the_page_keeps_a_session_open(cast: Cast, at_browser: Browser, passes: Callable[..., None]) -> None:
    browser = at_browser(cast.owner)
    passes(cast.owner, minutes=20)
    assert browser.post("/account/me/seen/").status_code == 204
    passes(cast.owner, minutes=20)
    assert browser.get("/").status_code == 200


def test_a_session_that_is_locked_by_its_officer_hears_no_live_line(cast: Cast, at_browser: Browser) -> None:
    from opencets_web.evidence.ledger import officer_id_of

    browser = at_browser(cast.owner)
    scope = {"headers": [(b"cookie", f"sessionid={browser.cookies['sessionid'].value}".encode())]}
    assert officer_id_of(scope, listens=True) == str(cast.owner.officer_id)
    assert browser.post("/account/me/lock/", headers=JSON).status_code == 204
    assert officer_id_of(scope, listens=True) is None
    assert officer_id_of(scope) == str(cast.owner.officer_id), "what was begun to be sent goes on"
    assert browser.get("/").status_code == 302


def test_a_session_ends_twelve_hours_after_signing_in(
    cast: Cast, at_browser: Browser, passes: Callable[..., None]
) -> None:
    from opencets_web.evidence.ledger import officer_id_of

    browser = at_browser(cast.owner)
    scope = {"headers": [(b"cookie", f"sessionid={browser.cookies['sessionid'].value}".encode())]}
    for _ in range(25):
        passes(cast.owner, minutes=29)
        browser.post("/account/me/seen/")
    assert officer_id_of(scope) is None
    assert browser.get("/cases/").headers["Location"] == "/account/login/?next=/cases/"


def test_an_officer_ends_own_sessions_and_nobody_elses(cast: Cast, at_browser: Browser) -> None:
    from allauth.usersessions.models import UserSession

    here, there, colleague = at_browser(cast.owner), at_browser(cast.owner), at_browser(cast.colleague)
    page = here.get("/account/me/").content.decode()
    assert page.count('id="session-') == 2
    elsewhere = UserSession.objects.get(session_key=there.session.session_key)
    assert colleague.post(f"/account/me/sessions/{elsewhere.pk}/end/").status_code == 404
    assert there.get("/").status_code == 200
    assert here.post(f"/account/me/sessions/{elsewhere.pk}/end/").status_code == 302
    assert there.get("/").headers["Location"].startswith("/account/login/")
    assert here.get("/").status_code == 200
    at_browser(cast.owner)
    here.post("/account/me/sessions/end-others/")
    assert UserSession.objects.filter(user_id=cast.owner.officer_id).count() == 1
    assert colleague.get("/").status_code == 200
    assert _verbs("account.session-ended") == ["account.session-ended"] * 2


def test_a_dangerous_act_asks_for_a_second_factor_and_goes_on_with_it(
    cast: Cast, at_browser: Browser, passes: Callable[..., None], code: Callable[[], str]
) -> None:
    from opencets_web.accounts.models import Agency
    from opencets_web.policy.models import Grant

    make_small_case(cast)
    other = Agency.objects.create(name="Fal Police", short_name="Fal", country="GB", contact_email="fal@example.org")
    browser, address = at_browser(cast.owner), f"/cases/{REFERENCE}/sharing/"
    given = {"agency": str(other.id), "purpose": "A common series", "days": "30", "level": "read"}
    passes(cast.owner, minutes=16)
    asked = browser.post(address, given)
    text = asked.content.decode()
    assert "This releases a case to another agency." in text
    assert 'name="purpose" value="A common series"' in text
    assert not Grant.objects.filter(to_agency=other).exists()
    assert browser.post(address, given | {"code": "000000"}).status_code == 422
    assert not Grant.objects.filter(to_agency=other).exists()
    assert browser.post(address, given | {"code": code()}).status_code == 302
    assert Grant.objects.filter(to_agency=other).count() == 1
    assert browser.get(address).status_code == 200


def test_a_program_is_told_that_a_proof_is_needed(
    cast: Cast, at_browser: Browser, passes: Callable[..., None], code: Callable[[], str]
) -> None:
    browser = at_browser(cast.auditor)
    passes(cast.auditor, minutes=16)
    refused = browser.get("/audit/export.csv", headers=JSON)
    assert (refused.status_code, refused.json()["code"]) == (403, "proof")
    assert browser.post("/account/me/prove/", {"code": code()}, headers=JSON).json() == {"sentence": "", "over": False}
    assert browser.get("/audit/export.csv", headers=JSON).status_code == 200


def test_every_dangerous_address_is_served(db: None) -> None:
    from opencets_web.policy.dangerous import dangerous_acts
    from tests.house.addresses import routes

    assert set(dangerous_acts()) <= {name for name, _ in routes()}


def _sign_in(browser: Client, email: str, password: str) -> Any:
    return browser.post("/account/login/", {"login": email, "password": password})


def test_the_fifth_failure_locks_the_account_for_fifteen_minutes(
    cast: Cast, client_for: Anyone, with_password: Callable[[Actor], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    from django.core.cache import cache

    from opencets_web.accounts import failures
    from opencets_web.accounts.models import Officer

    email, browser = with_password(cast.owner), client_for(None)
    for _ in range(4):
        assert "Locked after" not in _sign_in(browser, email, "wrong").content.decode()
    _sign_in(browser, email, "wrong")
    cache.clear()  # another process of the server, or the next day: what counts stands in the database
    refused = _sign_in(browser, email, PASSWORD)
    assert failures.SENTENCE in refused.content.decode()
    assert "account.locked" in _verbs("account.")
    officer = Officer.objects.get(pk=cast.owner.officer_id)
    officer.locked_until -= timedelta(minutes=15)
    officer.save()
    assert _sign_in(browser, email, PASSWORD).headers["Location"].startswith("/account/2fa/authenticate/")


def test_an_address_that_nobody_has_locks_with_the_same_words(cast: Cast, client_for: Anyone) -> None:
    from opencets_web.accounts import failures

    browser = client_for(None)
    for _ in range(5):
        assert failures.SENTENCE not in _sign_in(browser, "nobody@avon.example.org", "wrong").content.decode()
    assert failures.SENTENCE in _sign_in(browser, "nobody@avon.example.org", "wrong").content.decode()


def test_wrong_codes_count_as_failures_and_end_a_locked_session(
    cast: Cast, at_browser: Browser, passes: Callable[..., None], code: Callable[[], str]
) -> None:
    from opencets_web.accounts import failures

    browser = at_browser(cast.owner)
    browser.post("/account/me/lock/")
    for _ in range(4):
        assert browser.post("/account/me/prove/", {"code": "000000"}, headers=JSON).json()["over"] is False
    last = browser.post("/account/me/prove/", {"code": "000000"}, headers=JSON).json()
    assert last == {"sentence": failures.SENTENCE, "over": True}
    assert browser.get("/").headers["Location"].startswith("/account/login/")


def test_the_notice_is_acknowledged_once_for_each_wording(cast: Cast, at_browser: Browser) -> None:
    import re

    from opencets_web.accounts.models import Agency

    browser = at_browser(cast.owner)
    assert browser.get("/cases/").status_code == 200
    Agency.objects.filter(pk=cast.avon.pk).update(notice="Use it for your work only.")
    assert browser.get("/cases/").headers["Location"] == "/account/me/notice/?next=%2Fcases%2F"
    assert browser.get("/api/v1/cases").json()["code"] == "notice"
    page = browser.get("/account/me/notice/?next=/cases/").content.decode()
    assert "Use it for your work only." in page
    version = re.search(r'name="version" value="(\w{64})"', page)
    assert version
    assert browser.post("/account/me/notice/", {"version": "0" * 64, "next": "/cases/"}).status_code == 409
    assert browser.get("/cases/").status_code == 302
    browser.post("/account/me/notice/", {"version": version[1], "next": "/cases/"})
    assert browser.get("/cases/").status_code == 200
    assert at_browser(cast.outsider).get("/cases/").status_code == 200, "another agency has its own wording"


def test_the_last_second_factor_is_not_taken_off(cast: Cast, at_browser: Browser, code: Callable[[], str]) -> None:
    from allauth.mfa.models import Authenticator

    browser = at_browser(cast.owner)
    browser.post("/account/me/prove/", {"code": code()})
    answer = browser.post("/account/2fa/totp/deactivate/")
    assert "Every account has a second factor" in answer.content.decode()
    assert Authenticator.objects.filter(user_id=cast.owner.officer_id, type="totp").exists()


def test_the_last_passkey_is_not_removed_and_one_of_two_is(
    cast: Cast, at_browser: Browser, code: Callable[[], str]
) -> None:
    from allauth.mfa.models import Authenticator

    browser, own = at_browser(cast.owner), Authenticator.objects.filter(user_id=cast.owner.officer_id)
    browser.post("/account/2fa/reauthenticate/", {"code": code()})
    passkeys = [
        Authenticator.objects.create(user_id=cast.owner.officer_id, type="webauthn", data={"name": name})
        for name in ("Desk", "Phone")
    ]
    Authenticator.objects.create(
        user_id=cast.owner.officer_id, type="recovery_codes", data={"seed": "x", "used_mask": 0}
    )
    own.filter(type="totp").delete()
    remove = "/account/2fa/webauthn/keys/{}/remove/"
    assert browser.post(remove.format(passkeys[0].pk)).status_code == 302
    assert own.filter(type="webauthn").count() == 1
    refused = browser.post(remove.format(passkeys[1].pk))
    assert (refused.status_code, "Every account has a second factor" in refused.content.decode()) == (409, True)
    assert own.filter(type="webauthn").count() == 1
    assert at_browser(cast.colleague).post(remove.format(passkeys[1].pk)).status_code in (302, 404)
    assert own.filter(type="webauthn").count() == 1, "nobody removes another's"

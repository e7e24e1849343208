"""Signing in through an agency's OpenID Connect provider: who is let in, who is not, and what of an answer is not taken."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.web.federation.conftest import ACR, CLIENT, CLIENT_SECRET, Agency, Bent, MockProvider, words

if TYPE_CHECKING:
    from django.test import Client

    from opencets_web.policy.actor import Actor
    from tests.web.conftest import Behind, Cast

    SignIn = Callable[..., tuple[Client, Any]]
    Browser = Callable[[Actor | None], Client]


def _lines(verb: str) -> list[tuple[Any, Any, dict[str, Any]]]:
    """Who, of which agency, and the details, of the lines of the log with this verb."""
    from opencets_web.audit.models import Act

    rows = Act.objects.filter(verb=verb).order_by("id")
    return [(row.officer_id, row.agency_id, json.loads(row.details)) for row in rows]


def _on(agency: Agency, bent: Bent, accepted: str = "", rule: str = "also") -> str:
    """Avon's provider, registered, tried and switched on."""
    provider_id = agency.registers(bent.issuer, accepted=accepted)
    kept, bent.claims = bent.claims, {}
    assert agency.tries(provider_id, bent.sign_in).status_code == 200
    bent.claims = kept
    assert agency.switches_on(provider_id, rule).status_code == 302
    return provider_id


def _bound(provider_id: str, cast: Cast, name: str = "owner", subject: str = "subject-1", **fields: Any) -> Any:
    from django.utils import timezone

    from opencets_web.federation.models import Binding

    actor = getattr(cast, name)
    return Binding.objects.create(
        agency_id=actor.agency_id, provider_id=provider_id, officer_id=actor.officer_id, subject=subject,
        bound_at=timezone.now(), **fields,
    )  # fmt: skip


def test_an_invited_officer_signs_in_at_an_independent_provider_and_is_known_by_the_subject_from_then_on(
    cast: Cast, agency: Agency, mock_provider: MockProvider, sign_in: SignIn
) -> None:
    from opencets_web.accounts.models import Officer
    from opencets_web.federation.models import Binding

    email = "iva.marsh@avon.example.org"
    invited = agency.browser.post(
        "/officers/invite/", {"email": email, "display_name": "DC Iva Marsh", "roles": ["investigator"]}
    )
    assert "/account/invitation/" in invited.content.decode()
    mock_provider.knows("iva-7", email=email, email_verified=True)
    provider_id = agency.registers(mock_provider.issuer)
    tried = agency.tries(provider_id, lambda url: mock_provider.sign_in(url, "iva-7"))
    assert "iva-7" in words(tried)
    assert "only if you invite that address" in words(tried)
    assert not Officer.objects.filter(email=email).exists(), "a trial makes nobody"
    assert agency.switches_on(provider_id).status_code == 302

    browser, answer = sign_in(provider_id, lambda url: mock_provider.sign_in(url, "iva-7"))
    assert answer.headers["Location"] == "/cases/"
    officer = Officer.objects.get(email=email)
    assert (officer.agency, officer.roles, officer.has_usable_password()) == (cast.avon, ["investigator"], False)
    assert browser.get("/cases/").headers["Location"] == "/account/me/", "a second factor of their own first"
    assert browser.get("/account/2fa/totp/activate/").status_code == 200, "and nothing is asked for that they have not"
    binding = Binding.objects.get()
    assert (binding.officer, binding.subject, binding.agency) == (officer, "iva-7", cast.avon)
    assert _lines("federation.bound")[0][0] == officer.pk
    assert _lines("account.signed-in")[-1][2]["through"] == "Staff sign-in"

    mock_provider.knows("iva-7", email="someone.else@avon.example.org", email_verified=True)
    _, again = sign_in(provider_id, lambda url: mock_provider.sign_in(url, "iva-7"))
    assert again.headers["Location"] == "/cases/"
    assert _lines("account.signed-in")[-1][0] == officer.pk, "the subject counts, not the address"
    assert Binding.objects.count() == 1


def test_an_officer_shows_their_own_second_factor_unless_the_providers_word_counts(
    cast: Cast, agency: Agency, bent: Bent, sign_in: SignIn, with_factor: Callable[[Actor], None],
    show_code: Callable[[Client], Any],
) -> None:  # fmt: skip
    from opencets_web.federation.models import Binding

    with_factor(cast.owner)
    provider_id = _on(agency, bent, accepted=ACR)
    bent.claims = {"acr": ACR}
    browser, answer = sign_in(provider_id, bent.sign_in)
    assert answer.headers["Location"] == "/account/2fa/authenticate/", "at the first sign-in both are shown"
    assert browser.get("/cases/").headers["Location"].startswith("/account/login/")
    assert show_code(browser).headers["Location"] == "/cases/"
    browser, answer = sign_in(provider_id, bent.sign_in)
    assert answer.headers["Location"] == "/cases/", "from then on the provider's word counts"
    assert _lines("account.signed-in")[-1][2]["second factor"] == "the provider's"
    bent.claims = {"acr": "urn:example:one-factor", "amr": ["pwd"]}
    _, answer = sign_in(provider_id, bent.sign_in)
    assert answer.headers["Location"] == "/account/2fa/authenticate/"

    # An administrator who changes what counts does not open the accounts that are bound.
    given = {
        "name": "Staff sign-in", "issuer": bent.issuer, "client_id": CLIENT, "secret": "", "domains": "avon.example.org",
        "accepted": "pwd",
    }  # fmt: skip
    assert agency.browser.post(f"/officers/sign-in/{provider_id}/", given).status_code == 302
    browser, answer = sign_in(provider_id, bent.sign_in)
    assert answer.headers["Location"] == "/account/2fa/authenticate/"
    show_code(browser)
    assert sign_in(provider_id, bent.sign_in)[1].headers["Location"] == "/cases/"
    assert Binding.objects.get().confirmed_at is not None


def test_a_session_through_a_provider_locks_and_proves_as_any_other(
    cast: Cast, agency: Agency, bent: Bent, sign_in: SignIn, with_factor: Callable[[Actor], None],
    show_code: Callable[[Client], Any],
) -> None:  # fmt: skip
    from allauth.usersessions.models import UserSession
    from django.core.cache import cache

    from opencets_web.accounts import notice
    from opencets_web.accounts.models import Officer
    from tests.browser.world import one_time_code

    with_factor(cast.owner)
    Officer.objects.filter(pk=cast.owner.officer_id).update(notice_seen=notice.version(notice.text_for(cast.avon)))
    browser, _ = sign_in(_on(agency, bent), bent.sign_in)
    show_code(browser)
    assert browser.get("/cases/").status_code == 200
    row = UserSession.objects.get(user_id=cast.owner.officer_id)
    assert {"began", "proved"} <= set(row.data)
    assert browser.post("/account/me/lock/").status_code == 302
    assert browser.get("/cases/").headers["Location"].startswith("/account/me/locked/")
    cache.clear()
    assert browser.post("/account/me/prove/", {"code": one_time_code(), "next": "/cases/"}).status_code == 302
    assert browser.get("/cases/").status_code == 200
    row.refresh_from_db()
    row.data = {**row.data, "began": row.data["began"] - 12 * 3600}
    row.save()
    assert browser.get("/cases/").headers["Location"].startswith("/account/login/")


def test_a_provider_never_signs_in_an_officer_of_another_agency(
    cast: Cast, agency: Agency, bent: Bent, sign_in: SignIn, as_actor: Behind
) -> None:
    """The main attack: Avon's provider, or whoever rules it, asserts the address of an officer of Borders."""
    from django.db import DatabaseError, transaction

    from opencets_web.federation import entrance
    from opencets_web.federation.asserted import AnswerRefused, Asserted
    from opencets_web.federation.models import Binding, IdentityProvider

    theirs = "outsider@borders.example.org"
    provider_id = _on(agency, bent)
    bent.claims = {"sub": "evil", "email": theirs}
    browser, answer = sign_in(provider_id, bent.sign_in)
    assert (answer.status_code, "no domain that Avon has declared" in words(answer)) == (403, True)
    assert browser.get("/cases/").headers["Location"].startswith("/account/login/")

    # An administrator of Avon declares the other agency's domain: the database still finds officers of Avon alone.
    IdentityProvider.objects.update(domains=["avon.example.org", "borders.example.org"])
    browser, answer = sign_in(provider_id, bent.sign_in)
    assert (answer.status_code, f"{theirs} is not invited here" in words(answer)) == (403, True)
    assert browser.get("/cases/").headers["Location"].startswith("/account/login/")
    assert not Binding.objects.exists()
    refused = _lines("federation.refused")
    assert [(who, of) for who, of, _ in refused] == [(None, cast.avon.pk)] * 2, "Avon's auditor reads of it"
    with as_actor(cast.auditor):
        assert len(_lines("federation.refused")) == 2
    with as_actor(cast.outsider):
        assert _lines("federation.refused") == []

    # An invitation of Borders is not used up by Avon's provider either.
    from datetime import timedelta

    from django.utils import timezone

    from opencets_web.officers.models import Invitation

    Invitation.objects.create(
        agency=cast.borders, email="new@borders.example.org", display_name="New", roles=["investigator"], token_hash="0" * 64,
        invited_by_id=cast.outsider.officer_id, invited_at=timezone.now(), expires_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    bent.claims = {"sub": "evil", "email": "new@borders.example.org"}
    assert sign_in(provider_id, bent.sign_in)[1].status_code == 403
    assert Invitation.objects.get().used_at is None

    # Nor does a row that says so pass the database, for the web role or for anybody else.
    with pytest.raises(DatabaseError), transaction.atomic():
        Binding.objects.create(
            agency=cast.avon,
            provider_id=provider_id,
            officer_id=cast.outsider.officer_id,
            subject="evil",
            bound_at=timezone.now(),
        )
    provider = IdentityProvider.objects.select_related("agency").get()
    with as_actor(None), pytest.raises(AnswerRefused, match="not invited"):
        entrance.admit(provider, Asserted("evil", theirs, True))


def test_the_database_binds_nobody_without_the_mark_of_this_program(
    cast: Cast, agency: Agency, bent: Bent, as_actor: Behind
) -> None:
    """What SQL that was smuggled in could do: call the function, write the row, rewrite the provider."""
    from django.db import DatabaseError, connection, transaction

    from opencets_web.federation.models import Binding

    provider_id = _on(agency, bent)
    call = "select app_bind_subject(%s, 'evil', 'owner@avon.example.org', gen_random_uuid(), %s, %s)"
    now = str(int(time.time()))
    for at, mark in ((now, "00" * 32), ("0", "00" * 32), ("x", "")):
        with as_actor(None), connection.cursor() as cursor:
            cursor.execute(call, [provider_id, at, mark])
            assert cursor.fetchone() == (None,)
    binding = _bound(provider_id, cast)
    statements = [
        ("insert into federation_binding select * from federation_binding", []),
        ("update federation_binding set subject = 'evil' where id = %s", [binding.pk]),
        ("update federation_binding set confirmed_at = now() where id = %s", [binding.pk]),
        ("delete from federation_binding", []),
        ("delete from federation_identityprovider", []),
    ]
    for name in (None, "owner", "outsider", "administrator"):
        for statement, values in statements:
            if (name, "confirmed_at" in statement) == ("owner", True):
                continue
            try:
                with (
                    as_actor(getattr(cast, name) if name else None),
                    transaction.atomic(),
                    connection.cursor() as cursor,
                ):
                    cursor.execute(statement, values)
                    assert cursor.rowcount == 0, (name, statement)
            except DatabaseError:
                connection.needs_rollback = False
    for name, sees in (("owner", True), ("outsider", False), ("administrator", True)):
        with as_actor(getattr(cast, name)), connection.cursor() as cursor:
            cursor.execute("select count(*) from federation_identityprovider")
            assert cursor.fetchone() == (int(sees),), name
            cursor.execute("update federation_identityprovider set domains = '{}'")
            assert cursor.rowcount == int(name == "administrator"), name
    assert Binding.objects.get().subject == "subject-1"


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("ended", "not invited here, or the account is ended"),
        ("ended and bound", "Your account is ended"),
        ("locked", "Locked after 5 failures"),
        ("unknown", "not invited here"),
        ("invitation too old", "not invited here"),
        ("not verified", "does not say that owner@avon.example.org is verified"),
        ("no address", "names no e-mail address"),
    ],
)
def test_who_may_not_come_in_is_told_why_and_the_log_says_so(
    cast: Cast, agency: Agency, bent: Bent, sign_in: SignIn, state: str, sentence: str
) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from opencets_web.accounts.models import Officer

    provider_id = _on(agency, bent)
    officer, now = Officer.objects.filter(pk=cast.owner.officer_id), timezone.now()
    if state.startswith("ended"):
        officer.update(is_active=False, closed_at=now)
    if state == "ended and bound":
        _bound(provider_id, cast)
    if state == "locked":
        officer.update(locked_until=now + timedelta(minutes=10))
    if state == "unknown":
        bent.claims = {"email": "nobody@avon.example.org"}
    if state == "invitation too old":
        from opencets_web.officers.models import Invitation

        Invitation.objects.create(
            agency=cast.avon, email="late@avon.example.org", display_name="Late", roles=["investigator"], token_hash="1" * 64,
            invited_by_id=cast.administrator.officer_id, invited_at=now - timedelta(days=8), expires_at=now - timedelta(days=1),
        )  # fmt: skip
        bent.claims = {"email": "late@avon.example.org"}
    if state == "not verified":
        bent.claims = {"email_verified": "true"}
    if state == "no address":
        bent.claims = {"email": None}
    browser, answer = sign_in(provider_id, bent.sign_in)
    assert answer.status_code == 403
    assert sentence in words(answer)
    assert browser.get("/cases/").headers["Location"].startswith("/account/login/")
    assert sentence in _lines("federation.refused")[-1][2]["because"]


def _none(bent: Bent, said: dict[str, Any]) -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(said)}."


def _with_public_key_as_secret(bent: Bent, said: dict[str, Any]) -> str:
    """Algorithm confusion: the provider's public key, which everybody has, as the key of an HMAC."""

    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    text = f"{part({'alg': 'HS256', 'kid': bent.keys[0].kid})}.{part(said)}"
    mark = hmac.digest(bent.keys[0].as_pem(private=False), text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"


def _with_a_strange_key(bent: Bent, said: dict[str, Any]) -> str:
    from joserfc import jwt
    from joserfc.jwk import RSAKey

    return jwt.encode({"alg": "RS256", "kid": bent.keys[0].kid}, said, RSAKey.generate_key(2048))


def _with_its_own_key_inside(bent: Bent, said: dict[str, Any]) -> str:
    from joserfc import jwt
    from joserfc.jwk import RSAKey

    key = RSAKey.generate_key(2048)
    head = {"alg": "RS256", "kid": "strange", "jwk": key.as_dict(private=False), "jku": "http://192.0.2.1/keys"}
    return jwt.encode(head, said, key)


def _changed_afterwards(bent: Bent, said: dict[str, Any]) -> str:
    from joserfc import jwt

    head, body, mark = jwt.encode({"alg": "RS256", "kid": bent.keys[0].kid}, said, bent.keys[0]).split(".")
    other = json.loads(base64.urlsafe_b64decode(body + "==")) | {"sub": "somebody-else"}
    body = base64.urlsafe_b64encode(json.dumps(other).encode()).rstrip(b"=").decode()
    return f"{head}.{body}.{mark}"


@pytest.mark.parametrize(
    ("bend", "sentence"),
    [
        ({"sign": _none}, "not signed with a public key (alg none)"),
        ({"sign": _with_public_key_as_secret}, "not signed with a public key (alg HS256)"),
        ({"sign": _with_a_strange_key}, "not signed by a key of the provider"),
        ({"sign": _with_its_own_key_inside}, "not signed by a key of the provider"),
        ({"sign": _changed_afterwards}, "not signed by a key of the provider"),
        ({"sign": lambda bent, said: "no token at all"}, "no ID token that can be read"),
        ({"claims": {"aud": "another-system"}}, "for another system (aud)"),
        ({"claims": {"aud": [CLIENT, "another-system"]}}, "for several"),
        ({"claims": {"azp": "another-system"}}, "asked for by another system (azp)"),
        ({"claims": {"iss": "http://localhost:1"}}, "of another issuer (iss)"),
        ({"claims": lambda now: {"exp": now - 400}}, "not valid any more"),
        ({"claims": {"exp": None}}, "lacks what it must say"),
        ({"claims": {"iat": None}}, "lacks what it must say"),
        ({"claims": {"sub": None}}, "lacks what it must say"),
        ({"claims": {"sub": ""}}, "names no subject"),
        ({"claims": lambda now: {"iat": now + 600}}, "not valid yet"),
        ({"claims": lambda now: {"nbf": now + 600}}, "not valid yet"),
        ({"claims": lambda now: {"iat": now - 3600, "exp": now + 3600}}, "older than this sign-in"),
        ({"claims": {"nonce": "another-sign-in"}}, "not the answer to this sign-in (nonce)"),
        ({"claims": {"nonce": None}}, "not the answer to this sign-in (nonce)"),
        ({"configuration": {"issuer": "http://localhost:1"}}, "configuration is of another issuer"),
        ({"claims": {"email": None}, "userinfo": {"sub": "another"}}, "another subject than its token"),
    ],
)
def test_an_answer_that_does_not_hold_signs_nobody_in(
    cast: Cast, agency: Agency, bent: Bent, sign_in: SignIn, client_for: Browser, bend: dict[str, Any], sentence: str
) -> None:
    provider_id = _on(agency, bent)
    browser = client_for(None)
    begun = browser.get(f"/account/provider/{provider_id}/")
    back = bent.sign_in(begun.headers["Location"])
    for name, value in bend.items():
        # Times are counted from here: the list above may be made many minutes before this test has its turn.
        setattr(bent, name, value(int(time.time())) if name == "claims" and callable(value) else value)
    answer = browser.get(back.removeprefix("http://testserver"))
    assert answer.status_code == 403
    assert sentence in words(answer)
    assert browser.get("/cases/").headers["Location"].startswith("/account/login/")
    who, of, details = _lines("federation.refused")[-1]
    assert (who, of, sentence in details["because"]) == (None, cast.avon.pk, True)


def test_clocks_may_differ_by_two_minutes(cast: Cast, agency: Agency, bent: Bent, sign_in: SignIn) -> None:
    provider_id, now = _on(agency, bent), int(time.time())
    bent.claims = {"iat": now + 90, "nbf": now + 90, "exp": now + 390}
    assert sign_in(provider_id, bent.sign_in)[1].status_code == 302
    bent.claims = {"iat": now - 400, "exp": now - 90}
    assert sign_in(provider_id, bent.sign_in)[1].status_code == 302


def test_a_key_that_the_provider_changed_today_is_known_today_and_the_old_one_is_not(
    cast: Cast, agency: Agency, bent: Bent, sign_in: SignIn
) -> None:
    from joserfc import jwt

    provider_id = _on(agency, bent)
    old = bent.keys[0]
    bent.new_key()
    assert sign_in(provider_id, bent.sign_in)[1].status_code == 302, "both keys are in the set"
    bent.keys.remove(old)
    assert sign_in(provider_id, bent.sign_in)[1].status_code == 302
    bent.sign = lambda bent, said: jwt.encode({"alg": "RS256", "kid": old.kid}, said, old)
    assert "not signed by a key of the provider" in words(sign_in(provider_id, bent.sign_in)[1])


def test_an_answer_is_taken_once_and_in_the_browser_that_asked(
    cast: Cast, agency: Agency, bent: Bent, client_for: Browser
) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from opencets_web.federation.models import Attempt

    provider_id = _on(agency, bent)
    asked, other = client_for(None), client_for(None)
    back = bent.sign_in(asked.get(f"/account/provider/{provider_id}/").headers["Location"]).removeprefix(
        "http://testserver"
    )
    assert "not asked for from this browser" in words(other.get(back)), "the attacker's answer in the victim's browser"
    assert asked.get(back).status_code == 302
    asked.logout()
    assert "not asked for from this browser" in words(asked.get(back)), "a second time"
    for said in ("", "?code=a-code", "?code=a-code&state=invented"):
        assert client_for(None).get(f"/account/provider/{provider_id}/answer/{said}").status_code == 403, said
    late = client_for(None)
    back = bent.sign_in(late.get(f"/account/provider/{provider_id}/").headers["Location"]).removeprefix(
        "http://testserver"
    )
    Attempt.objects.filter(answered_at=None).update(begun_at=timezone.now() - timedelta(minutes=11))
    assert "after more than ten minutes" in words(late.get(back))
    denied = client_for(None)
    back = bent.sign_in(denied.get(f"/account/provider/{provider_id}/").headers["Location"]).removeprefix(
        "http://testserver"
    )
    assert "did not sign you in (access_denied)" in words(
        denied.get(back.replace("code=a-code", "error=access_denied"))
    )
    mixed = client_for(None)
    back = bent.sign_in(mixed.get(f"/account/provider/{provider_id}/").headers["Location"]).removeprefix(
        "http://testserver"
    )
    assert "The answer is of another issuer" in words(mixed.get(f"{back}&iss=https%3A%2F%2Felsewhere.example.org"))


def test_the_provider_is_asked_as_it_wants_to_be_and_the_secret_is_kept_sealed(
    cast: Cast, agency: Agency, bent: Bent, sign_in: SignIn
) -> None:
    from django.db import connection

    from opencets_web.audit.models import Act
    from opencets_web.federation.models import IdentityProvider

    provider_id = _on(agency, bent)
    sign_in(provider_id, bent.sign_in)
    _, form, headers = next(row for row in reversed(bent.asked) if row[0] == "/token")
    said = base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode()
    assert said == f"{CLIENT}:{CLIENT_SECRET.replace(' ', '%20')}"
    assert "client_secret" not in form
    bent.configuration = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    sign_in(provider_id, bent.sign_in)
    assert next(row[1] for row in reversed(bent.asked) if row[0] == "/token")["client_secret"] == CLIENT_SECRET
    assert IdentityProvider.objects.get().secret == CLIENT_SECRET
    with connection.cursor() as cursor:
        cursor.execute("select secret from federation_identityprovider")
        (kept,) = cursor.fetchone()
    assert kept.startswith("ocs1.")
    assert CLIENT_SECRET not in agency.browser.get(f"/officers/sign-in/{provider_id}/").content.decode()
    assert not Act.objects.filter(details__contains=CLIENT_SECRET).exists()


def test_an_address_at_work_leads_to_its_agencys_provider_and_a_strange_one_to_none(
    cast: Cast, agency: Agency, bent: Bent, client_for: Browser
) -> None:
    anyone = client_for(None)
    assert "Sign in through your agency" in anyone.get("/account/login/").content.decode()
    assert anyone.post("/account/provider/", {"email": "who@avon.example.org"}).status_code == 422
    provider_id = _on(agency, bent)
    page = anyone.post("/account/provider/", {"email": "Who@Avon.example.org", "next": "/cases/"}).content.decode()
    assert f"/account/provider/{provider_id}/?next=/cases/" in page
    assert "Avon Constabulary" in page
    assert "Leads to localhost" in page
    assert anyone.post("/account/provider/", {"email": "who@borders.example.org"}).status_code == 422
    agency.browser.post(f"/officers/sign-in/{provider_id}/off/")
    assert anyone.get(f"/account/provider/{provider_id}/").status_code == 404
    assert anyone.get(f"/account/provider/{provider_id}/answer/?state=x&code=y").status_code == 404


def test_where_officers_must_use_the_provider_no_password_lets_them_in_and_administrators_keep_theirs(
    cast: Cast, agency: Agency, bent: Bent, sign_in: SignIn, client_for: Browser, with_factor: Callable[[Actor], None]
) -> None:
    from allauth.account.models import EmailAddress

    from opencets_web.accounts.models import Officer

    password = "correct horse battery staple"
    for actor in (cast.owner, cast.administrator, cast.outsider):
        with_factor(actor)
        officer = Officer.objects.get(pk=actor.officer_id)
        officer.set_password(password)
        officer.save()
        EmailAddress.objects.create(user=officer, email=officer.email, verified=True, primary=True)

    def by_password(actor: Actor) -> str:
        email = Officer.objects.get(pk=actor.officer_id).email
        browser = client_for(None)
        return str(browser.post("/account/login/", {"login": email, "password": password}).headers["Location"])

    for officer in cast.officers.values():
        officer.refresh_from_db()
    agency.browser = client_for(cast.administrator)  # a new password ends the sessions of the old one
    provider_id = _on(agency, bent, rule="also")
    assert by_password(cast.owner).startswith("/account/2fa/")
    assert agency.switches_on(provider_id, "only").status_code == 302
    assert by_password(cast.owner) == "/account/login/"
    assert by_password(cast.administrator).startswith("/account/2fa/")
    assert by_password(cast.outsider).startswith("/account/2fa/"), "another agency has its own rule"
    assert _lines("account.sign-in-failed")[-1][2]["step"] == "provider"
    assert sign_in(provider_id, bent.sign_in)[1].headers["Location"] == "/account/2fa/authenticate/"
    Officer.objects.filter(pk=cast.administrator.officer_id).update(roles=["administrator", "investigator"])
    assert by_password(cast.administrator) == "/account/login/", "whoever reads cases comes as all who do"
    refused = agency.switches_on(provider_id, "only")
    assert (refused.status_code, "reads no case" in words(refused)) == (409, True)


def test_a_provider_is_tried_before_it_is_switched_on_and_one_is_on_at_a_time(
    cast: Cast, agency: Agency, bent: Bent, client_for: Browser
) -> None:
    first = agency.registers(bent.issuer)
    refused = agency.switches_on(first)
    assert (refused.status_code, "try it first" in words(refused)) == (409, True)
    bent.claims = {"aud": "another-system"}
    failed = agency.tries(first, bent.sign_in)
    assert (failed.status_code, "for another system" in words(failed)) == (403, True)
    assert agency.switches_on(first).status_code == 409
    bent.claims = {}
    shown = agency.tries(first, bent.sign_in)
    assert "would be bound to Avon owner" in words(shown)
    assert "Nobody was signed in by it" in words(shown)
    assert agency.switches_on(first).status_code == 302
    second = agency.registers(bent.issuer)
    agency.tries(second, bent.sign_in)
    refused = agency.switches_on(second)
    assert (refused.status_code, "switch that off first" in words(refused)) == (409, True)
    agency.browser.post(f"/officers/sign-in/{first}/off/")
    assert agency.switches_on(second).status_code == 302
    assert agency.browser.post(f"/officers/sign-in/{first}/take-off/").status_code == 302
    assert agency.browser.get(f"/officers/sign-in/{first}/try/").status_code == 409
    assert agency.browser.post(f"/officers/sign-in/{first}/put-back/").status_code == 302
    for name in ("owner", "auditor", "outsider"):
        assert client_for(getattr(cast, name)).get(f"/officers/sign-in/{first}/").status_code == 404, name


def test_an_officer_is_released_from_a_subject_and_bound_anew(
    cast: Cast, agency: Agency, bent: Bent, sign_in: SignIn
) -> None:
    from opencets_web.federation.models import Binding

    provider_id = _on(agency, bent)
    sign_in(provider_id, bent.sign_in)
    bent.claims = {"sub": "subject-2"}
    assert "signs in as another subject" in words(sign_in(provider_id, bent.sign_in)[1])
    first = Binding.objects.get()
    assert agency.browser.post(f"/officers/sign-in/bindings/{first.pk}/release/").status_code == 302
    assert sign_in(provider_id, bent.sign_in)[1].status_code == 302
    assert agency.browser.post(f"/officers/sign-in/bindings/{first.pk}/bind-again/").status_code == 409
    second = Binding.objects.get(subject="subject-2")
    agency.browser.post(f"/officers/sign-in/bindings/{second.pk}/release/")
    assert agency.browser.post(f"/officers/sign-in/bindings/{first.pk}/bind-again/").status_code == 302


def test_sign_ins_that_were_begun_long_ago_are_forgotten(
    cast: Cast, agency: Agency, bent: Bent, as_job: Behind
) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from opencets_web.federation import jobs
    from opencets_web.federation.models import Attempt

    _on(agency, bent)
    assert Attempt.objects.count() == 1
    with as_job(None):
        jobs.forget_attempts()
    assert Attempt.objects.count() == 1
    Attempt.objects.update(begun_at=timezone.now() - timedelta(days=2))
    with as_job(None):
        jobs.forget_attempts()
    assert not Attempt.objects.exists()

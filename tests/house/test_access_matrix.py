"""Every address against everybody: who is let in, and that all others read the same "Not found" as for what is not there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.house.addresses import ADDRESSES, EVERYONE, ONLY_WHILE_WRITING, OPEN_TO_ALL, READERS, Address, routes
from tests.house.repository import nothing
from tests.house.small_case import REFERENCE, TITLE, SmallCase, make_small_case
from tests.web.conftest import signed

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.test import Client

    from opencets_web.policy.actor import Actor
    from tests.web.conftest import Cast

    ClientFor = Callable[[Actor | None], Client]

PACKAGES = frozenset({"disclosure:download", "releases:download", "releases:received-download"})
"""Whole packages, handed over as files to keep: no picture of them is drawn in a page, and each download is logged."""

pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume:Warning")


@pytest.fixture
def small_case(cast: Cast) -> SmallCase:
    return make_small_case(cast)


@pytest.fixture
def browser_of(small_case: SmallCase, client_for: ClientFor) -> ClientFor:
    """As ``client_for``, with the partners of the small case among the officers."""
    return client_for


def _ask(browser: Client, name: str, address: Address, made: SmallCase) -> tuple[int, str, str]:
    """Status, text and where it leads; whatever was changed is taken back."""
    from django.db import transaction

    url, sent = signed(browser, address.url(name, made)), address.sends(made) if address.sends else {}
    browser.raise_request_exception = False  # An error is told as 500, and the next address is asked all the same.
    with transaction.atomic():
        answer: HttpResponse
        if address.method == "get":
            answer = browser.get(url)
        elif address.json:
            answer = browser.post(url, sent, content_type="application/json")
        else:
            answer = browser.post(url, sent)
        text = b"".join(answer.streaming_content) if getattr(answer, "streaming", False) else answer.content  # type: ignore[attr-defined]
        transaction.set_rollback(True)
    return answer.status_code, text.decode("utf-8", "replace"), answer.headers.get("Location", "")


def test_every_address_has_its_line_and_every_line_its_address() -> None:
    served = {name for name, _ in routes()}
    assert served
    nothing(
        served - set(ADDRESSES) - set(OPEN_TO_ALL) - ONLY_WHILE_WRITING, "served, and not in tests/house/addresses.py:"
    )
    nothing(set(ADDRESSES) - served, "in tests/house/addresses.py, and not served:")


def test_every_address_of_a_case_names_a_thing_of_the_case() -> None:
    """An address with a part that no line fills would be asked for nothing."""
    served = dict(routes())
    nothing(
        f"{name}: {route}"
        for name, route in served.items()
        if name in ADDRESSES and set(re.findall(r"<(?:\w+:)?(\w+)>", route)) != set(ADDRESSES[name].parts)
    )


def _judge(name: str, who: str, address: Address, got: tuple[int, str, str], open_to: frozenset[str]) -> str:
    """What is wrong with the answer, or nothing."""
    status, text, _ = got
    if who in address.only_told_why:
        return "" if status == 409 else f"{name} as {who}: {status}, expected 409"
    if who in open_to:
        fine = {200, 201, 204, 206, 302} | address.refused
        return "" if status in fine else f"{name} as {who}: {status}, expected to be let in"
    if status != 404:
        return f"{name} as {who}: {status}, expected 404"
    if TITLE in text:
        return f"{name} as {who}: the title of the case stands in the refusal"
    return ""


@pytest.mark.parametrize("who", sorted(EVERYONE))
def test_each_address_lets_in_those_it_is_open_to_and_nobody_else(
    small_case: SmallCase, browser_of: ClientFor, who: str
) -> None:
    browser, wrong = browser_of(small_case.actors[who]), []
    for name, address in ADDRESSES.items():
        got = _ask(browser, name, address, small_case)
        wrong.append(_judge(name, who, address, got, address.open_to))
        if who not in READERS and not address.of_the_case and (TITLE in got[1] or REFERENCE in got[1]):
            wrong.append(f"{name} as {who}: the case is shown")
    nothing(filter(None, wrong))


def test_without_a_sign_in_every_address_leads_to_it(small_case: SmallCase, browser_of: ClientFor) -> None:
    wrong = []
    browser = browser_of(None)
    for name, address in ADDRESSES.items():
        status, text, to = _ask(browser, name, address, small_case)
        expected = (401, "") if address.url(name, small_case).startswith("/api/") else (302, "/account/login/")
        if (status, to.partition("?")[0]) != expected or TITLE in text:
            wrong.append(f"{name}: {status} {to}")
    nothing(wrong)


def test_a_restricted_case_is_closed_to_colleagues_too(small_case: SmallCase, browser_of: ClientFor) -> None:
    from django.utils import timezone

    from opencets_web.policy.models import Grant

    case, owner, now = small_case.rows["case"], small_case.actors["owner"], timezone.now()
    Grant.objects.create(
        holding=case.holding, agency_id=case.agency_id, to_officer_id=owner.officer_id, level="manage", purpose="Works on it",
        granted_by_id=owner.officer_id, granted_at=now - timedelta(hours=1), expires_at=now + timedelta(days=1),
    )  # fmt: skip
    case.holding.restricted = True
    case.holding.save(update_fields=["restricted"])
    wrong = []
    browsers = {who: browser_of(small_case.actors[who]) for who in ("owner", "colleague")}
    for name, address in ADDRESSES.items():
        if address.of_the_case:
            for who, browser in browsers.items():
                got = _ask(browser, name, address, small_case)
                closed = replace(address, only_told_why=address.only_told_why - {"colleague"})
                wrong.append(_judge(name, who, closed, got, address.open_to - {"colleague"}))
    nothing(filter(None, wrong))


def test_what_is_closed_and_what_is_not_there_look_alike(small_case: SmallCase, browser_of: ClientFor) -> None:
    """The same page for a thing of another agency as for a number that nobody ever gave."""
    from django.urls import reverse

    def plain(text: str) -> str:
        """Without what differs from one answer to the next: the address asked for, and the mark against forged forms."""
        return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|AV-SMALL-0001|XX-0|[A-Za-z0-9]{64}", "", text)

    browser, wrong = browser_of(small_case.actors["outsider"]), []
    for name, address in ADDRESSES.items():
        if address.parts and address.method == "get" and "outsider" not in address.open_to:
            closed = _ask(browser, name, address, small_case)
            parts = {part: "XX-0" if row == "reference" else uuid4() for part, row in address.parts.items()}
            absent = browser.get(signed(browser, reverse(name, kwargs=parts)))
            if (closed[0], plain(closed[1])) != (absent.status_code, plain(absent.content.decode())):
                wrong.append(name)
    nothing(wrong)


def _read(browser: Client, url: str) -> HttpResponse:
    """The answer, with a file that is sent read to its end."""
    answer: HttpResponse = browser.get(url)  # type: ignore[assignment]
    if answer.streaming:
        answer.getvalue()  # type: ignore[attr-defined]
    return answer


def test_every_address_of_evidence_is_signed_for_one_session(small_case: SmallCase, browser_of: ClientFor) -> None:
    """Whom the door lets in is refused without a signature, with another session's, and with one that has ended."""
    from opencets_web.evidence.addresses import SIGNED

    actor, wrong = small_case.actors["owner"], []
    browser, other = browser_of(actor), browser_of(actor)
    for name in sorted(SIGNED):
        url = ADDRESSES[name].url(name, small_case)
        let_in = {200, 206} if "owner" in ADDRESSES[name].open_to else {404}
        for words, asked, expected in (
            ("its own", signed(browser, url), let_in),
            ("none", url, {404}),
            ("another session's", signed(other, url), {404}),
            ("an old one", signed(browser, url, now=1_700_000_000), {404}),
        ):
            status = _read(browser, asked).status_code
            if status not in expected:
                wrong.append(f"{name} with {words}: {status}")
    nothing(wrong)


def test_whatever_answers_with_bytes_of_evidence_is_signed(small_case: SmallCase, browser_of: ClientFor) -> None:
    """A new address that hands out a file or a picture fails here until it stands in ``SIGNED``."""
    from django.db import transaction

    from opencets_web.evidence.addresses import SIGNED

    browser, unsigned = browser_of(small_case.actors["owner"]), set()
    for name, address in ADDRESSES.items():
        if address.method == "get" and "owner" in address.open_to:
            with transaction.atomic():
                answer = browser.get(signed(browser, address.url(name, small_case)))
                transaction.set_rollback(True)
            kind = answer.headers.get("Content-Type", "")
            if answer.streaming or kind.startswith(("image/", "video/", "audio/", "application/octet-stream")):
                unsigned.add(name)
    assert "media:original" in unsigned
    nothing(unsigned - SIGNED - PACKAGES, "give bytes, and are not in SIGNED:")


def test_whatever_shows_a_picture_lies_in_the_room_that_needs_a_certification() -> None:
    from opencets_web.evidence.addresses import SIGNED
    from opencets_web.policy.rooms import room_at

    nothing(name for name in {*SIGNED, "marks:hand-out"} if room_at(name) != "media-grading")


@pytest.mark.parametrize("name", OPEN_TO_ALL)
def test_what_needs_no_sign_in_says_nothing(client_for: ClientFor, name: str) -> None:
    from django.urls import reverse

    assert client_for(None).get(reverse(name)).content == b"ok"


def test_nobody_makes_an_account_for_themselves(client_for: ClientFor) -> None:
    """Accounts are made by an administrator; the page that would make one is closed, to anybody."""
    browser = client_for(None)
    browser.post(
        "/account/signup/",
        {"email": "new@example.org", "password1": "A-long-enough-word-1", "password2": "A-long-enough-word-1"},
    )
    from opencets_web.accounts.models import Officer

    assert not Officer.objects.filter(email="new@example.org").exists()


def test_an_officer_without_a_second_factor_is_led_to_set_it_up(cast: Cast, client_for: ClientFor) -> None:
    from allauth.mfa.models import Authenticator

    browser = client_for(cast.owner)
    Authenticator.objects.filter(user_id=cast.owner.officer_id).delete()
    answer = browser.get("/cases/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/account/me/")


def test_an_inactive_officer_is_signed_out(cast: Cast, client_for: ClientFor) -> None:
    browser = client_for(cast.owner)
    officer = cast.officers["owner"]
    officer.is_active = False
    officer.save(update_fields=["is_active"])
    answer = browser.get("/cases/")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/account/login/")


def test_live_events_of_a_case_are_heard_by_its_readers_alone(small_case: SmallCase, browser_of: ClientFor) -> None:
    from django.conf import settings

    from opencets_web.evidence import listening

    channel = frozenset({f"case:{small_case.id_of('case')}"})
    heard = {}
    for who, actor in small_case.actors.items():
        key = browser_of(actor).cookies[settings.SESSION_COOKIE_NAME].value
        heard[who] = listening._may_hear(
            {"headers": [(b"cookie", f"{settings.SESSION_COOKIE_NAME}={key}".encode())]}, channel
        )
    assert {who for who, hears in heard.items() if hears} == {"owner", "colleague", "partner"}
    assert not listening._may_hear({"headers": []}, channel)


def test_a_changed_password_ends_live_events_and_uploads_of_older_sessions(cast: Cast, client_for: ClientFor) -> None:
    from django.conf import settings

    from opencets_web.evidence.ledger import officer_id_of

    key = client_for(cast.owner).cookies[settings.SESSION_COOKIE_NAME].value
    scope = {"headers": [(b"cookie", f"{settings.SESSION_COOKIE_NAME}={key}".encode())]}
    assert officer_id_of(scope) == str(cast.owner.officer_id)
    officer = cast.officers["owner"]
    officer.set_password("a new one, as after a theft")
    officer.save(update_fields=["password"])
    assert officer_id_of(scope) is None


@pytest.mark.parametrize("address", ["/media/?camera=%00", "/cases/?q=a%00b", "/cases/%00/", "/media/?%00=1"])
def test_a_nul_in_an_address_is_refused_and_breaks_nothing(cast: Cast, client_for: ClientFor, address: str) -> None:
    assert client_for(cast.owner).get(address).status_code == 400


def test_a_nul_in_a_cookie_is_refused_and_breaks_nothing(client_for: ClientFor) -> None:
    from django.conf import settings

    from opencets_web.evidence.ledger import officer_id_of

    cookie = settings.SESSION_COOKIE_NAME + '="' + "\\000" * 9 + '"'
    assert client_for(None).get("/", HTTP_COOKIE=cookie).status_code == 400
    assert officer_id_of({"headers": [(b"cookie", cookie.encode())]}) is None


@pytest.mark.parametrize("body", [b"[" * 200_000, b"\xff", b"null", b'{"exhibit": ' + b"[" * 100_000])
def test_an_unreadable_request_is_refused_with_a_sentence(
    small_case: SmallCase, browser_of: ClientFor, body: bytes
) -> None:
    browser = browser_of(small_case.actors["owner"])
    answer = browser.post(f"/cases/{REFERENCE}/exhibits/begin/", body, content_type="application/json")
    assert answer.status_code == 409
    assert "not a JSON object" in answer.content.decode()


@pytest.mark.parametrize("address", ["email/", "confirm-email/", "confirm-email/abc/", "password/reset/"])
def test_no_officer_changes_the_address_by_which_the_log_knows_them(
    cast: Cast, client_for: ClientFor, address: str
) -> None:
    browser = client_for(cast.owner)
    assert browser.get(f"/account/{address}").status_code == 404
    sent = {"email": "other@avon.example.org", "action_add": "1"}
    assert browser.post(f"/account/{address}", sent).status_code == 404

"""Web push: a link and nothing else, to browsers that asked for it, through services that the node names; over real sockets."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import http_ece
import py_vapid
import pytest
from django.test import Client
from django.utils import timezone

from opencets_web.audit.models import Act
from opencets_web.policy.actor import Actor
from opencets_web.push import sending
from opencets_web.push.models import Delivery, Subscription
from opencets_web.push.services import make_server_key
from opencets_web.standards import actions
from opencets_web.standards.models import Deadline, Notice
from tests.web.conftest import Behind, Cast
from tests.web.push.receiver import Keys, PushService, text
from tests.web.standards.night import NIGHT, tell_in_the_night

Browsers = Callable[[Actor | None], Client]
DAY = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def service(settings: Any, db: None) -> Iterator[PushService]:
    """A push service that this node names."""
    make_server_key()
    settings.DEFAULT_FROM_EMAIL = "opencets@avon.example.org"
    with PushService() as running:
        settings.PUSH_HOSTS, settings.PUSH_ON = ("127.0.0.1", "*.push.example.org"), True
        yield running


@pytest.fixture
def keys() -> Keys:
    return Keys()


def ask(browser: Client, given: object) -> Any:
    return browser.post("/push/begin/", json.dumps(given), content_type="application/json")


@pytest.fixture
def told(service: PushService, keys: Keys, cast: Cast, client_for: Browsers) -> Client:
    """Avon's owner asked to be told in this browser, before that night."""
    browser = client_for(cast.owner)
    assert ask(browser, keys.given(f"http://127.0.0.1:{service.port}/to/me?x=1")).status_code == 200
    Subscription.objects.update(made_at=NIGHT - timedelta(days=9))
    return browser


@pytest.fixture
def notice(cast: Cast, as_actor: Behind, as_job: Behind) -> Notice:
    """Avon's owner is told, in the night, that a high band (no threat to life) ran out."""
    return tell_in_the_night(cast, as_actor, as_job)


def push(as_job: Behind, now: datetime) -> list[bool | None]:
    """What the worker does in one minute."""
    with as_job(None):
        waiting = sending.waiting(now)
    went = []
    for due in waiting:
        with as_job(None):
            went.append(sending.push(due, now))
    return went


def quiet_hours(cast: Cast, as_actor: Behind) -> None:
    with as_actor(cast.owner):
        actions.set_quiet_hours(cast.owner, mail=True, begins="22:00", ends="06:00", zone="Europe/London")


def test_a_browser_is_sent_a_link_and_nothing_else_once(
    told: Client, notice: Notice, service: PushService, keys: Keys, as_job: Behind
) -> None:
    assert push(as_job, NIGHT) == [True]
    (message,) = service.messages
    assert json.loads(keys.opens(message.body)) == {"url": f"/standards/notices/{notice.id}/"}
    assert message.path == "/to/me?x=1"
    assert (message.headers["ttl"], message.headers["urgency"]) == ("86400", "normal")
    assert message.headers["content-encoding"] == "aes128gcm"
    assert len(message.headers["topic"]) == 32
    for hidden in ("AV-1", "Lantern", "Harbour", str(notice.id), "owner"):
        assert hidden not in str(message.headers) and hidden.encode() not in message.body  # noqa: PT018
    assert push(as_job, NIGHT) == []
    assert Act.objects.filter(verb="notice.pushed").count() == 1
    assert Delivery.objects.get().sent_at == NIGHT


def test_the_node_says_who_sends_with_a_key_that_browsers_were_given(
    told: Client, notice: Notice, service: PushService, as_job: Behind
) -> None:
    push(as_job, NIGHT)
    said = service.messages[0].headers["authorization"]
    key = told.get("/push/", headers={"HX-Request": "true"}).context["push"].key
    assert said.endswith(f"k={key}")
    assert py_vapid.Vapid02.verify(said.replace(", ", ","))
    token = said.partition("t=")[2].partition(",")[0].split(".")[1]
    claims = json.loads(urlsafe_b64decode(token + "=="))
    assert claims["sub"] == "mailto:opencets@avon.example.org"
    assert time.time() < claims["exp"] <= time.time() + 24 * 3600
    assert claims["aud"].startswith("http://127.0.0.1")


def test_another_browsers_keys_open_nothing(told: Client, notice: Notice, service: PushService, as_job: Behind) -> None:
    push(as_job, NIGHT)
    with pytest.raises(http_ece.ECEException):
        Keys().opens(service.messages[0].body)


def test_quiet_hours_hold_it_back_and_a_threat_to_life_does_not_wait(
    told: Client, notice: Notice, service: PushService, cast: Cast, as_actor: Behind, as_job: Behind
) -> None:
    quiet_hours(cast, as_actor)
    assert push(as_job, NIGHT) == []
    Deadline.objects.update(threat_to_life=True)
    assert push(as_job, NIGHT) == [True]
    assert service.messages[0].headers["urgency"] == "high"
    Delivery.objects.update(sent_at=None)
    Deadline.objects.update(threat_to_life=False)
    assert push(as_job, DAY) == [True]


def test_being_named_is_told_too_and_waits_for_the_day(
    service: PushService, keys: Keys, cast: Cast, client_for: Browsers, as_actor: Behind, as_job: Behind
) -> None:
    from opencets_web.cases.actions import open_case
    from opencets_web.casework.actions import write_comment

    ask(client_for(cast.colleague), keys.given(f"http://127.0.0.1:{service.port}/colleague"))
    with as_actor(cast.owner):
        open_case(cast.owner, reference="AV-1", title="Lantern", kind="possession")
        write_comment(cast.owner, "AV-1", f"@{cast.colleague.display_name} Mirabel was seen")
    assert push(as_job, timezone.now()) == [True]
    assert json.loads(keys.opens(service.messages[0].body)) == {"url": "/"}
    assert push(as_job, timezone.now()) == []


def test_a_colleagues_ask_is_told_to_those_who_may_answer_it_until_somebody_has(
    service: PushService, cast: Cast, client_for: Browsers, as_actor: Behind, as_job: Behind
) -> None:
    from opencets_web.exposure import actions as exposure
    from opencets_web.exposure.models import Ask

    of = {who: Keys() for who in ("owner", "colleague", "outsider", "administrator")}
    for who, keys in of.items():
        answer = ask(client_for(getattr(cast, who)), keys.given(f"http://127.0.0.1:{service.port}/{who}"))
        assert answer.status_code == 200
    with as_actor(cast.owner):
        asked = exposure.ask_colleague(cast.owner, "presence")
    now = timezone.now()
    assert sorted(went for went in push(as_job, now)) == [False, True], "the administrator reads no cases"
    (message,) = service.messages
    assert message.path == "/colleague"
    assert json.loads(of["colleague"].opens(message.body)) == {"url": "/exposure/asks/"}
    lapses_in = (Ask.objects.get().lapses_at - now).total_seconds()
    assert lapses_in - 2 <= int(message.headers["ttl"]) <= lapses_in
    assert push(as_job, now) == []
    act = Act.objects.get(verb="notice.pushed")
    assert (act.subject, act.holding_id) == (f"exposure-ask:{asked}", None)
    Delivery.objects.all().delete()
    with as_actor(cast.colleague):
        exposure.answer_colleague(cast.colleague, asked, agreed=True)
    assert push(as_job, now) == []


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_took_it_back_ends_by_itself(
    told: Client, notice: Notice, service: PushService, as_job: Behind, status: int
) -> None:
    service.answers = status
    assert push(as_job, NIGHT) == [False]
    row = Subscription.objects.get()
    assert (row.ended_at, row.ended_because) == (NIGHT, "the browser took it back")
    assert push(as_job, NIGHT + timedelta(hours=3)) == []


def test_a_service_that_fails_is_tried_again_later_and_given_up_in_the_end(
    told: Client, notice: Notice, service: PushService, as_job: Behind
) -> None:
    service.answers, now, tried = 503, NIGHT, []
    for _ in range(60 * 12):
        if push(as_job, now) == [False]:
            tried.append(int((now - NIGHT) / timedelta(minutes=1)))
        now += timedelta(minutes=1)
        if len(tried) == 4:
            break
    assert tried == [0, 1, 3, 7]
    service.answers = 201
    assert push(as_job, now + timedelta(minutes=8)) == [True]
    Delivery.objects.update(sent_at=None, tries=sending.MOST_TRIES)
    assert push(as_job, now + timedelta(hours=9)) == []


def test_a_service_says_when_to_come_again(told: Client, notice: Notice, service: PushService, as_job: Behind) -> None:
    service.answers, service.headers = 429, {"Retry-After": "600"}
    assert push(as_job, NIGHT) == [False]
    assert push(as_job, NIGHT + timedelta(minutes=9)) == []
    assert push(as_job, NIGHT + timedelta(minutes=10)) == [False]


def test_a_redirect_is_not_followed(told: Client, notice: Notice, service: PushService, as_job: Behind) -> None:
    service.answers, service.headers = 307, {"Location": f"http://127.0.0.1:{service.port}/elsewhere"}
    assert push(as_job, NIGHT) == [False]
    assert [message.path for message in service.messages] == ["/to/me?x=1"]


def test_a_service_that_is_not_there_is_tried_again(
    told: Client, notice: Notice, service: PushService, as_job: Behind
) -> None:
    service.__exit__()
    assert push(as_job, NIGHT) == [None]
    assert (Delivery.objects.get().tries, Subscription.objects.get().ended_at) == (1, None)
    service.__enter__()


def test_who_may_not_work_on_the_case_any_more_is_sent_nothing(
    told: Client, notice: Notice, service: PushService, as_job: Behind
) -> None:
    from opencets_web.policy.models import Holding

    Holding.objects.update(restricted=True)
    assert push(as_job, NIGHT) == [False]
    assert push(as_job, NIGHT + timedelta(hours=5)) == []
    assert service.messages == []


def test_signing_out_ends_it_in_that_browser_alone(
    told: Client, service: PushService, cast: Cast, client_for: Browsers, as_job: Behind, as_actor: Behind
) -> None:
    from procrastinate.contrib.django.models import ProcrastinateJob

    from opencets_web.push.jobs import end_pushes

    other = client_for(cast.owner)
    ask(other, Keys().given("https://mine.push.example.org/x"))
    told.post("/account/logout/")
    job = ProcrastinateJob.objects.filter(task_name="end_pushes").latest("id")
    assert set(job.args) == {"officer_id", "sessions"}
    with as_job(None):
        end_pushes(**job.args)
    assert [row.ended_because for row in Subscription.objects.order_by("made_at")] == ["signed out", ""]


def test_an_ended_officer_loses_it(
    told: Client, notice: Notice, service: PushService, cast: Cast, as_job: Behind
) -> None:
    officer = cast.officers["owner"]
    officer.is_active = False
    officer.save(update_fields=["is_active"])
    assert push(as_job, NIGHT) == []
    with as_job(None):
        assert sending.end_of_officers() == 1
    assert Subscription.objects.get().ended_because == "the account was ended"


def test_an_agency_switches_it_off_and_on(
    told: Client, notice: Notice, service: PushService, cast: Cast, client_for: Browsers, as_job: Behind
) -> None:
    administrator = client_for(cast.administrator)
    assert told.post("/push/off/").status_code == 404, "an investigator is no administrator"
    administrator.post("/push/off/")
    assert push(as_job, NIGHT) == []
    assert "Switched off for your agency" in told.get("/push/").content.decode()
    assert ask(told, Keys().given("https://mine.push.example.org/x")).status_code == 409
    administrator.post("/push/on/")
    assert push(as_job, NIGHT) == [True]


def test_without_named_services_there_is_none_and_the_page_says_so(
    told: Client, notice: Notice, service: PushService, settings: Any, as_job: Behind
) -> None:
    settings.PUSH_HOSTS, settings.PUSH_ON = (), False
    assert push(as_job, NIGHT) == []
    page = told.get("/push/").content.decode()
    assert "Not set up on this system" in page
    assert "data-push-begin" not in page
    assert ask(told, Keys().given("https://mine.push.example.org/x")).status_code == 409


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://push.example.net/x", "https://push.example.org/x", "https://evilpush.example.org/x",
        "http://mine.push.example.org/x", "https://mine.push.example.org:8443/x", "https://u@mine.push.example.org/x",
        "https://mine.push.example.org@192.0.2.1/x", "https://192.0.2.1/x", "https://169.254.169.254/latest", "http://[::1]/x",
        "file:///etc/passwd", "gopher://mine.push.example.org/", "https://mine.push.example.org/x#y",
        "https://mine.push.example.org/ x",
        "https://mine.push.example.org:x/", "https://mine.push.example.org/\r\nHost: x", "//mine.push.example.org/x", "",
        "x" * 3000,
    ],
)  # fmt: skip
def test_no_other_address_is_ever_asked(
    service: PushService, keys: Keys, cast: Cast, client_for: Browsers, endpoint: str
) -> None:
    assert ask(client_for(cast.owner), keys.given(endpoint)).status_code == 409
    assert not Subscription.objects.exists()


def test_what_is_no_subscription_is_refused(service: PushService, keys: Keys, cast: Cast, client_for: Browsers) -> None:
    browser, endpoint = client_for(cast.owner), "https://mine.push.example.org/x"
    good = keys.given(endpoint)["keys"]
    assert isinstance(good, dict)
    for wrong in (
        None, [], {}, {"endpoint": endpoint}, {"endpoint": endpoint, "keys": 5},
        {"endpoint": endpoint, "keys": {**good, "p256dh": "AAAA"}}, {"endpoint": endpoint, "keys": {**good, "auth": "AAAA"}},
        {"endpoint": endpoint, "keys": {**good, "p256dh": text(b"\x04" + b"\x01" * 64)}},
        {"endpoint": endpoint, "keys": {**good, "auth": "ü"}},
    ):  # fmt: skip
        assert ask(browser, wrong).status_code == 409, wrong
    for _ in range(2):
        assert ask(browser, keys.given(endpoint)).status_code == 200
    assert Subscription.objects.count() == 1
    assert ask(client_for(cast.outsider), keys.given(endpoint)).status_code == 409, "it is somebody else's browser"
    assert ask(client_for(cast.owner), keys.given(endpoint)).status_code == 200, "signed in anew in the same browser"
    assert Subscription.objects.filter(ended_at=None).count() == 1


def test_nobody_sees_or_ends_anothers_browsers(
    told: Client, cast: Cast, client_for: Browsers, as_actor: Behind
) -> None:
    row = Subscription.objects.get()
    for actor in (cast.colleague, cast.outsider, cast.administrator):
        browser = client_for(actor)
        assert browser.get("/push/").context["push"].rows == ()
        assert browser.post(f"/push/{row.id}/end/").status_code == 404
        with as_actor(actor):
            assert not Subscription.objects.exists()
    assert told.post(f"/push/{row.id}/end/").status_code == 302
    row.refresh_from_db()
    assert row.ended_because == "ended by the officer"


def test_where_a_browser_is_reached_stands_sealed(told: Client, service: PushService) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("select endpoint, p256dh, auth, private from push_subscription, push_serverkey")
        assert all(value.startswith("ocs1.") for value in cursor.fetchone())
    assert urlsplit(Subscription.objects.get().endpoint).port == service.port
    assert Act.objects.filter(details__contains="127.0.0.1:").count() == 0

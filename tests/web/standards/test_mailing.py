"""Links by e-mail: no content, not twice, not in quiet hours, a threat to life at any time; through a real mail server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from opencets_web.audit.models import Act
from opencets_web.standards import actions, mailing
from opencets_web.standards.models import Deadline, Notice
from tests.web.conftest import Behind, Cast
from tests.web.standards.night import NIGHT, tell_in_the_night
from tests.web.standards.smtp_server import MailServer

DAY = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def server(settings: object) -> Iterator[MailServer]:
    """A mail server that this node is set up to use."""
    with MailServer() as running:
        for name, value in {
            "MAIL_ON": True, "MAIL_ADDRESS": "https://cets.avon.example.org", "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": running.port, "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "DEFAULT_FROM_EMAIL": "opencets@avon.example.org", "EMAIL_TIMEOUT": 5,
        }.items():  # fmt: skip
            setattr(settings, name, value)
        yield running


@pytest.fixture
def notice(cast: Cast, as_actor: Behind, as_job: Behind) -> Notice:
    """Avon's owner is told, in the night, that a high band (no threat to life) ran out."""
    return tell_in_the_night(cast, as_actor, as_job)


def quiet_hours(cast: Cast, as_actor: Behind, **given: object) -> None:
    usual = {"mail": True, "begins": "22:00", "ends": "06:00", "zone": "Europe/London"}
    with as_actor(cast.owner):
        actions.set_quiet_hours(cast.owner, **usual | given)


def mail(as_job: Behind, now: datetime) -> list[bool]:
    """What the worker does in one minute."""
    with as_job(None):
        waiting = mailing.waiting(now)
    went = []
    for notice_id in waiting:
        with as_job(None):
            went.append(mailing.mail_notice(notice_id, now))
    return went


def test_a_mail_holds_a_link_and_nothing_else_and_goes_once(
    notice: Notice, server: MailServer, cast: Cast, as_job: Behind
) -> None:
    assert mail(as_job, NIGHT) == [True]
    (letter,) = server.letters
    message = letter.message
    assert letter.to == ["owner@avon.example.org"]
    assert message["Subject"] == "OpenCETS: please sign in"
    assert message.get_payload() == f"https://cets.avon.example.org/standards/notices/{notice.id}/\r\n"
    for hidden in ("AV-1", "Lantern", "Harbour", "High", "overdue", "Avon owner"):
        assert hidden.encode() not in letter.raw
    assert mail(as_job, NIGHT) == []
    with as_job(None):
        assert not mailing.mail_notice(notice.id, NIGHT)
    assert len(server.letters) == 1
    assert Act.objects.filter(verb="notice.mailed").count() == 1
    notice.refresh_from_db()
    assert notice.mailed_at == NIGHT


def test_quiet_hours_hold_a_mail_back_until_they_end(
    notice: Notice, server: MailServer, cast: Cast, as_actor: Behind, as_job: Behind
) -> None:
    quiet_hours(cast, as_actor)
    assert mail(as_job, NIGHT) == []
    assert mail(as_job, DAY) == [True]


def test_a_threat_to_life_does_not_wait(
    notice: Notice, server: MailServer, cast: Cast, as_actor: Behind, as_job: Behind
) -> None:
    quiet_hours(cast, as_actor)
    Deadline.objects.update(threat_to_life=True)
    assert mail(as_job, NIGHT) == [True]


def test_who_wants_no_mail_gets_none(
    notice: Notice, server: MailServer, cast: Cast, as_actor: Behind, as_job: Behind
) -> None:
    quiet_hours(cast, as_actor, mail=False)
    Deadline.objects.update(threat_to_life=True)
    assert mail(as_job, DAY) == []


def test_who_may_not_work_on_the_case_any_more_gets_none(
    notice: Notice, server: MailServer, cast: Cast, as_job: Behind
) -> None:
    from opencets_web.policy.models import Holding

    Holding.objects.update(restricted=True)
    assert mail(as_job, DAY) == [False]
    assert mail(as_job, DAY + timedelta(hours=1)) == []
    assert server.letters == []


@pytest.mark.parametrize("done", ["met", "seen"])
def test_what_was_done_or_taken_note_of_is_not_mailed(
    notice: Notice, server: MailServer, as_job: Behind, done: str
) -> None:
    if done == "met":
        Deadline.objects.update(met_at=NIGHT)
    else:
        Notice.objects.update(seen_at=NIGHT)
    assert mail(as_job, DAY) == []


def test_a_server_that_refuses_for_now_is_asked_again_later(notice: Notice, server: MailServer, as_job: Behind) -> None:
    server.answers = "451"
    assert mail(as_job, DAY) == [False]
    server.answers = "250"
    assert mail(as_job, DAY) == [], "asked again without a pause"
    assert mail(as_job, DAY + timedelta(minutes=3)) == [True]
    assert len(server.letters) == 1


def test_a_server_that_is_away_costs_a_try_and_no_error(
    notice: Notice, server: MailServer, settings: object, as_job: Behind
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.EMAIL_PORT = free.getsockname()[1]  # type: ignore[attr-defined]
    assert mail(as_job, DAY) == [False]
    notice.refresh_from_db()
    assert (notice.mail_tries, notice.mailed_at) == (1, None)


def test_without_a_mail_server_nothing_is_mailed(notice: Notice, as_job: Behind, settings: object) -> None:
    assert settings.MAIL_ON is False  # type: ignore[attr-defined]
    assert mail(as_job, timezone.now()) == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("", "False localhost False False"),
        ("smtp://mail.example.org", "True mail.example.org:25 False False"),
        ("smtps://cets:p%40ss@mail.example.org", "True mail.example.org:465 False True cets p@ss"),
        ("smtp+starttls://mail.example.org:2525", "True mail.example.org:2525 True False"),
        ("http://mail.example.org", "OPENCETS_MAIL is smtp://"),
    ],
)
def test_mail_is_set_up_by_one_variable_and_off_without(given: str, told: str) -> None:
    say = (
        "from django.conf import settings as s; print(s.MAIL_ON, f'{s.EMAIL_HOST}:{s.EMAIL_PORT}' if s.MAIL_ON else 'localhost',"
        " s.EMAIL_USE_TLS, s.EMAIL_USE_SSL, s.EMAIL_HOST_USER, s.EMAIL_HOST_PASSWORD)"
    )
    environment = {**os.environ, "OPENCETS_MAIL": given, "OPENCETS_WITHOUT_DATABASE": "1"}
    answer = subprocess.run([sys.executable, "-c", say], env=environment, capture_output=True, text=True, check=False)
    assert told in answer.stdout + answer.stderr

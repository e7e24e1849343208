"""Joint cases as separate programs use them, over a real database whose transactions are kept; what an act gives is JSON.

``python program.py people NUMBER`` (role owner) | ``joint REFERENCE`` (web) | ``at-once REFERENCE ROUNDS`` (web) |
``outcome REFERENCE`` (owner).
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.db import connection, connections  # noqa: E402
from django.utils import timezone  # noqa: E402

from opencets.errors import ActRefused  # noqa: E402
from opencets_web.accounts import notice  # noqa: E402
from opencets_web.accounts.models import Agency, Officer  # noqa: E402
from opencets_web.audit.models import Act  # noqa: E402
from opencets_web.cases.actions import change_case, open_case  # noqa: E402
from opencets_web.cases.models import Case, FieldChange  # noqa: E402
from opencets_web.casework.actions import decide  # noqa: E402
from opencets_web.casework.models import Comment, Decision, Notice, Task  # noqa: E402
from opencets_web.policy.acting import acting_as  # noqa: E402
from opencets_web.policy.actor import Actor  # noqa: E402
from opencets_web.policy.models import Grant  # noqa: E402
from opencets_web.policy.officers import actor_by_email  # noqa: E402
from opencets_web.sharing.actions import accept_invitation, invite  # noqa: E402


def people(number: str) -> dict[str, Any]:
    """Officers of Avon and Borders, and one of Cumbria, each with an open session of both factors; cookies by e-mail address."""
    from allauth.mfa.models import Authenticator
    from allauth.usersessions.models import UserSession

    cookies = {}
    for short, many in (("Avon", int(number)), ("Borders", int(number)), ("Cumbria", 1)):
        agency, _ = Agency.objects.get_or_create(
            short_name=short, defaults={"name": f"{short} Police", "country": "GB", "contact_email": "x@example.org"}
        )
        for at in range(many):
            officer, _ = Officer.objects.get_or_create(
                email=f"joint{at}@{short.lower()}.example.org",
                defaults={"display_name": f"{short} joint {at}", "agency": agency, "roles": ["investigator"]},
            )
            Authenticator.objects.get_or_create(user=officer, type="totp", defaults={"data": {"secret": "test"}})
            session = SessionStore()
            session[SESSION_KEY] = str(officer.pk)
            session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
            session[HASH_SESSION_KEY] = officer.get_session_auth_hash()
            session.save()
            UserSession.objects.create(user=officer, session_key=session.session_key, ip="127.0.0.1")
            officer.notice_seen = notice.version(notice.text_for(agency))
            officer.save(update_fields=["notice_seen"])
            cookies[officer.email] = {settings.SESSION_COOKIE_NAME: session.session_key}
    return cookies


def _of(short: str, at: int = 0) -> Actor:
    with acting_as(None):
        return actor_by_email(f"joint{at}@{short.lower()}.example.org")


def joint(reference: str) -> dict[str, str]:
    """A case of Avon on which Borders works by an invitation it accepted."""
    ours, theirs = _of("Avon"), _of("Borders")
    with acting_as(ours.officer_id):
        open_case(ours, reference=reference, title="Together", kind="production", summary="Begun.")
        invite(ours, reference, theirs.agency_id, purpose="One series", days=30, level="contribute")
        grant = Grant.objects.get(holding__in=Case.objects.filter(reference=reference).values("holding"))
    with acting_as(theirs.officer_id):
        accept_invitation(theirs, grant.id)
    return {"reference": reference}


def at_once(reference: str, rounds: str) -> dict[str, Any]:
    """Two officers change one field, and supersede one decision, at the same instant, again and again."""
    joint(reference)
    told: dict[str, Any] = {"changes": [], "decisions": []}
    ours, theirs = _of("Avon"), _of("Borders")
    with acting_as(ours.officer_id):
        standing = decide(ours, reference, "First", "Because")
    for number in range(int(rounds)):
        with acting_as(ours.officer_id):
            seen = Case.objects.get(reference=reference).summary
        wanted = {actor.agency_name: f"{number} by {actor.agency_name}" for actor in (ours, theirs)}
        changed = _both(
            (ours, theirs),
            lambda actor, wanted=wanted, seen=seen: change_case(  # type: ignore[misc]
                actor, reference, wanted={"summary": wanted[actor.agency_name]}, seen={"summary": seen}
            ),
        )
        with acting_as(ours.officer_id):
            stands = Case.objects.get(reference=reference).summary
        saved = [name for name, answer in changed.items() if answer.saved]
        met = [name for name, answer in changed.items() if answer.met]
        told["changes"].append([len(saved), len(met), stands == wanted[saved[0]] if saved else False])
        decided = _both(
            (ours, theirs), lambda actor, standing=standing: decide(actor, reference, "Next", "Because", standing)
        )
        made = [answer for answer in decided.values() if not isinstance(answer, ActRefused)]
        told["decisions"].append(len(made))
        standing = made[0]
    return told


def _both(actors: tuple[Actor, Actor], act: Callable[[Actor], Any]) -> dict[str, Any]:
    start, answers = threading.Barrier(2), {}

    def run(actor: Actor) -> None:
        try:
            connection.ensure_connection()
            start.wait()
            with acting_as(actor.officer_id):
                answers[actor.agency_name] = act(actor)
        except ActRefused as refusal:
            answers[actor.agency_name] = refusal
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(actor,)) for actor in actors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def outcome(reference: str) -> dict[str, Any]:
    """What stands at the end, and whether each act stands in the log once."""
    case = Case.objects.get(reference=reference)
    acts = Act.objects.filter(holding_id=case.holding_id)
    details = {
        verb: list(acts.filter(verb=verb).values_list("details", flat=True))
        for verb in ("comment.written", "task.given")
    }
    named = {
        "comment.written": [json.loads(text)["comment"] for text in details["comment.written"]],
        "task.given": [json.loads(text)["task"] for text in details["task.given"]],
    }
    now = timezone.now() - timedelta(hours=1)
    return {
        "summary": case.summary,
        "changes": list(
            FieldChange.objects.filter(case=case, at__gte=now).order_by("at").values_list("before", "after")
        ),
        "change_acts": acts.filter(verb="case.changed").count(),
        "comments": {str(row.id): row.text for row in Comment.objects.filter(case=case)},
        "tasks": {str(row.id): row.title for row in Task.objects.filter(case=case)},
        "logged": named,
        "decisions": Decision.objects.filter(case=case).count(),
        "notices": Notice.objects.filter(case=case).count(),
    }


if __name__ == "__main__":
    acts: dict[str, Callable[..., Any]] = {"people": people, "joint": joint, "at-once": at_once, "outcome": outcome}
    sys.stdout.write(json.dumps(acts[sys.argv[1]](*sys.argv[2:]), default=str))

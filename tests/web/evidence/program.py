"""The evidence room as separate programs use it: ``receive``, ``read`` and ``tell``, each in a process of its own.

``python program.py receive NAME FOLDER`` | ``read OFFICER EXHIBIT`` | ``tell EXHIBIT``; what it gives is one line of JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import django

django.setup()

from django.db import connection, transaction  # noqa: E402

from opencets_web.accounts.models import Agency, Officer  # noqa: E402
from opencets_web.cases.actions import open_case  # noqa: E402
from opencets_web.evidence import actions, reading  # noqa: E402
from opencets_web.policy.acting import acting_as  # noqa: E402
from opencets_web.policy.actor import Actor  # noqa: E402
from opencets_web.policy.officers import actor_for  # noqa: E402


def cast(name: str) -> dict[str, str]:
    """An agency of that name with one investigator; as the owner of the tables."""
    agency, _ = Agency.objects.get_or_create(
        short_name=name, defaults={"name": f"{name} Constabulary", "country": "GB", "contact_email": "x@example.org"}
    )
    officer, _ = Officer.objects.get_or_create(
        email=f"owner@{name.lower()}.example.org",
        defaults={"display_name": "Owner", "agency": agency, "roles": ["investigator"]},
    )
    return {"officer": str(officer.id)}


def receive(officer_id: str, reference: str, folder: str) -> dict[str, str]:
    """A folder received into a new case."""
    actor: Actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        open_case(actor, reference=reference, title="Kill", kind="possession")
    exhibit_id, _ = actions.receive_path(actor, reference, Path(folder))
    return {"exhibit": str(exhibit_id)}


def read(officer_id: str, exhibit_id: str) -> dict[str, str]:
    """The exhibit read to its end."""
    reading.read_exhibit(actor_for(officer_id), UUID(exhibit_id))
    return {"state": "ended"}


def begin(officer_id: str, reference: str) -> dict[str, str]:
    """An exhibit of a new case, open for files."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        open_case(actor, reference=reference, title="Upload", kind="possession")
        return {"exhibit": str(actions.begin_exhibit(actor, reference, title="Sent", files_expected=1))}


def complete(officer_id: str, exhibit_id: str) -> dict[str, str]:
    """The exhibit handed to the readers."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        actions.complete_exhibit(actor, UUID(exhibit_id))
    return {}


def session(officer_id: str) -> dict[str, str]:
    """The cookie of a browser signed in with both factors."""
    from allauth.mfa.models import Authenticator
    from allauth.usersessions.models import UserSession
    from django.conf import settings
    from django.test import Client

    officer = Officer.objects.get(pk=officer_id)
    Authenticator.objects.get_or_create(user=officer, type="totp", defaults={"data": {"secret": "none"}})
    browser = Client()
    browser.force_login(officer, backend="allauth.account.auth_backends.AuthenticationBackend")
    UserSession.objects.create(user=officer, session_key=browser.session.session_key, ip="127.0.0.1")
    return {"cookie": f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"}


def tell(exhibit_id: str) -> dict[str, Any]:
    """What is kept of an exhibit, named so that two exhibits of the same folder compare."""
    queries = {
        "files": "select array_to_string(path, '/'), state, sha256, size, records_read, lines_skipped, format, blob_id is not null,"
        " pack_id is not null from evidence_exhibitfile where exhibit_id = %s order by 1",
        "records": "select array_to_string(f.path, '/'), r.key, r.kind, r.label, r.at_text from evidence_record r"
        " join evidence_exhibitfile f on f.id = r.file_id where r.exhibit_id = %s order by 1, 2",
        "claims": "select array_to_string(f.path, '/'), r.key, c.property, c.raw, c.normal from evidence_claim c"
        " join evidence_record r on r.id = c.record_id join evidence_exhibitfile f on f.id = r.file_id"
        " where r.exhibit_id = %s order by 1, 2, 3, 4",
        "lines": "select path, place, code, sentence from evidence_reportline where exhibit_id = %s order by 1, 2, 3, 4",
        "exhibit": "select state, files_found, files_read, bytes_found, bytes_read, records_read, lines_skipped"
        " from evidence_exhibit where id = %s",
        "acts": "select verb, count(*) from audit_act where subject = (select 'exhibit:' || k.reference || '/' || e.reference"
        " from evidence_exhibit e join cases_case k on k.id = e.case_id where e.id = %s) group by 1 order by 1",
        "jobs": "select task_name, count(*) from procrastinate_jobs where args->>'exhibit_id' = %s and status = 'todo'"
        " group by 1 order by 1",
        "read_at": "select array_to_string(path, '/'), read_at::text from evidence_exhibitfile"
        " where exhibit_id = %s and state <> 'waiting' order by 1",
    }
    told = {}
    with transaction.atomic(), connection.cursor() as cursor:
        for name, query in queries.items():
            cursor.execute(query, [exhibit_id])
            told[name] = cursor.fetchall()
    return told


if __name__ == "__main__":
    acts = {
        "begin": begin,
        "complete": complete,
        "session": session,
        "cast": cast,
        "receive": receive,
        "read": read,
        "tell": tell,
    }
    sys.stdout.write(json.dumps(acts[sys.argv[1]](*sys.argv[2:])))

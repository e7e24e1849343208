"""Why an officer looks: asked once per case and day, carried by every line of the log, and never a way to learn of a case."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from opencets_web.policy.actor import Actor
    from tests.web.conftest import Behind, Cast

    ClientFor = Callable[[Actor | None], Client]

REFERENCE = "AV-PURPOSE-1"


@pytest.fixture
def case(cast: Cast, as_actor: Behind) -> Any:
    """A case of Avon's owner."""
    from opencets_web.cases.actions import open_case
    from opencets_web.cases.models import Case

    with as_actor(cast.owner):
        open_case(cast.owner, reference=REFERENCE, title="Lantern", kind="possession")
    return Case.objects.get(reference=REFERENCE)


@pytest.fixture
def silent(client_for: ClientFor) -> ClientFor:
    """A browser that says nothing of why with its requests."""

    def browser(actor: Actor | None) -> Client:
        made = client_for(actor)
        made.defaults.pop("HTTP_X_PURPOSE", None)
        return made

    return browser


def _lines(actor: Actor, verb: str = "") -> list[tuple[str, str]]:
    from opencets_web.audit.models import Act

    acts = Act.objects.filter(officer_id=actor.officer_id, **({"verb": verb} if verb else {})).order_by("id")
    return list(acts.values_list("verb", "purpose"))


def _asking(cast: Cast, how: str) -> None:
    cast.avon.purpose_asking = how
    cast.avon.save(update_fields=["purpose_asking"])


# --- asking ---


def test_the_first_look_of_the_day_asks_and_goes_on_to_where_the_officer_wanted(
    cast: Cast, case: Any, silent: ClientFor
) -> None:
    browser = silent(cast.colleague)
    asked = browser.get(f"/cases/{REFERENCE}/notes/?x=1")
    assert (asked.status_code, asked.headers["Location"].partition("?")[0]) == (302, "/purpose/")
    assert _lines(cast.colleague, "case.viewed") == []
    page = browser.get(asked.headers["Location"])
    assert REFERENCE in page.content.decode()
    assert 'data-key="1"' in page.content.decode()
    sent = {"why": "supervision", "of": str(case.holding_id), "next": f"/cases/{REFERENCE}/notes/?x=1"}
    answer = browser.post("/purpose/", sent)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/cases/{REFERENCE}/notes/?x=1")
    shown = browser.get(answer.headers["Location"])
    assert "Purpose today: Supervision or quality control" in shown.content.decode()
    assert _lines(cast.colleague)[-2:] == [
        ("purpose.chosen", "Supervision or quality control"),
        ("case.viewed", "Supervision or quality control"),
    ]


def test_whoever_opens_a_case_is_not_asked_why_they_look_into_it(cast: Cast, case: Any, silent: ClientFor) -> None:
    assert silent(cast.owner).get(f"/cases/{REFERENCE}/").status_code == 200
    assert ("case.opened", "Investigation of this case") in _lines(cast.owner)
    assert _lines(cast.owner)[-1] == ("case.viewed", "Investigation of this case")


def test_another_purpose_counts_from_then_on_and_the_former_lines_keep_theirs(
    cast: Cast, case: Any, silent: ClientFor
) -> None:
    browser = silent(cast.owner)
    browser.get(f"/cases/{REFERENCE}/notes/")
    browser.post("/purpose/", {"why": "other", "why_text": " A  review ", "of": str(case.holding_id), "next": "/"})
    browser.get(f"/cases/{REFERENCE}/notes/")
    said = [purpose for _, purpose in _lines(cast.owner, "case.viewed")]
    assert said == ["Investigation of this case", "Other: A review"]


def test_a_purpose_of_yesterday_holds_today_only_for_a_page_that_renews_itself(
    cast: Cast, case: Any, silent: ClientFor
) -> None:
    from django.db import connection
    from django.utils import timezone

    from opencets_web.audit.models import Purpose

    before = Purpose.objects.get(holding_id=case.holding_id)
    with connection.cursor() as cursor:
        cursor.execute("alter table audit_purpose disable trigger append_only")
        cursor.execute(
            "update audit_purpose set day = day - 1, at = %s where id = %s",
            [timezone.now() - timedelta(hours=2), before.id],
        )
        cursor.execute("alter table audit_purpose enable trigger append_only")
    browser = silent(cast.owner)
    assert browser.get(f"/cases/{REFERENCE}/").status_code == 302
    assert browser.get(f"/cases/{REFERENCE}/notes/", headers={"X-Renewal": "1"}).status_code == 200
    assert _lines(cast.owner, "case.viewed") == [("case.viewed", "Investigation of this case")]


def test_an_act_that_is_asked_for_its_purpose_loses_nothing_of_what_was_filled_in(
    cast: Cast, case: Any, silent: ClientFor
) -> None:
    from opencets_web.cases.models import Note

    browser = silent(cast.colleague)
    asked = browser.post(f"/cases/{REFERENCE}/notes/", {"text": "Heron at the weir"})
    assert asked.status_code == 428
    assert 'name="text" value="Heron at the weir"' in asked.content.decode()
    assert not Note.objects.exists()
    sent = {"text": "Heron at the weir", "why": "investigation", "why_of": str(case.holding_id)}
    assert browser.post(f"/cases/{REFERENCE}/notes/", sent).status_code == 302
    assert Note.objects.get().text == "Heron at the weir"
    assert _lines(cast.colleague)[-1] == ("note.added", "Investigation of this case")


def test_a_page_of_several_cases_asks_for_all_of_them_at_once(cast: Cast, as_actor: Behind) -> None:
    from opencets_web.audit import log

    asked = replace(cast.owner, asks=True)
    holdings = [(uuid4(), cast.avon.id), (uuid4(), cast.avon.id)]
    with as_actor(cast.owner), pytest.raises(log.PurposeWanted) as wanted:
        log.record_each("entity.viewed", asked, holdings)
    assert set(wanted.value.holdings) == {holding for holding, _ in holdings}


@pytest.mark.parametrize(
    ("address", "then"),
    [
        ("https://example.org/", "/"),
        ("//example.org/x", "/"),
        ("/\\example.org", "/"),
        ("javascript:1", "/"),
        ("/cases/", "/cases/"),
    ],
)
def test_it_goes_on_to_addresses_of_this_site_alone(
    cast: Cast, case: Any, silent: ClientFor, address: str, then: str
) -> None:
    sent = {"why": "investigation", "of": str(case.holding_id), "next": address}
    assert silent(cast.owner).post("/purpose/", sent).headers["Location"] == then


def test_a_part_of_a_page_leads_the_whole_page_to_the_question(cast: Cast, case: Any, silent: ClientFor) -> None:
    stood = {"HX-Request": "true", "HX-Current-URL": f"http://testserver/cases/{REFERENCE}/casework/?part=tasks"}
    answer = silent(cast.colleague).get(f"/cases/{REFERENCE}/notes/", headers=stood)
    assert answer.status_code == 200
    to = answer.headers["HX-Redirect"]
    assert to == f"/purpose/?of={case.holding_id}&next=%2Fcases%2F{REFERENCE}%2Fcasework%2F%3Fpart%3Dtasks"


# --- across cases ---


def test_a_search_across_cases_asks_once_and_its_line_has_words_and_purpose(
    cast: Cast, case: Any, silent: ClientFor
) -> None:
    from opencets_web.audit.models import Act

    browser = silent(cast.owner)
    asked = browser.get("/search/?q=heron")
    assert asked.headers["Location"] == "/purpose/?next=%2Fsearch%2F%3Fq%3Dheron"
    browser.post("/purpose/", {"why": "investigation", "next": "/search/?q=heron"})
    assert browser.get("/search/?q=heron").status_code == 200
    line = Act.objects.get(verb="search.made")
    assert (line.purpose, '"words":"heron"' in line.details) == ("Investigation of my cases", True)
    assert browser.get("/media/").status_code == 200


# --- programs ---


def test_a_program_says_why_in_a_header_and_is_told_so_where_it_does_not(
    cast: Cast, case: Any, silent: ClientFor
) -> None:
    browser = silent(cast.colleague)
    refused = browser.get(f"/api/v1/cases/{REFERENCE}")
    assert (refused.status_code, refused.json()["code"]) == (428, "purpose")
    assert "investigation" in refused.json()["purposes"]
    unknown = browser.get(f"/api/v1/cases/{REFERENCE}", headers={"X-Purpose": "curiosity"})
    assert (unknown.status_code, unknown.json()["code"]) == (400, "purpose")
    said = {"X-Purpose": "other; nightly check of gradings"}
    assert browser.get(f"/api/v1/cases/{REFERENCE}", headers=said).status_code == 200
    assert _lines(cast.colleague)[-1] == ("case.viewed", "Other: nightly check of gradings")


def test_later_work_carries_what_the_officer_said_and_else_that_it_is_later_work(
    cast: Cast, case: Any, as_job: Behind
) -> None:
    from opencets_web.audit import log
    from opencets_web.policy.officers import actor_for

    for actor in (cast.owner, cast.colleague):
        with as_job(actor):
            log.record("exhibit.read", actor_for(actor.officer_id), holding=(case.holding_id, case.agency_id))
    assert _lines(cast.owner)[-1] == ("exhibit.read", "Investigation of this case")
    assert _lines(cast.colleague)[-1] == ("exhibit.read", "Later work of an officer's act")


# --- the agency ---


def test_an_agency_may_want_words_or_ask_nothing(cast: Cast, case: Any, silent: ClientFor) -> None:
    browser, sent = silent(cast.colleague), {"why": "supervision", "of": str(case.holding_id), "next": "/cases/"}
    _asking(cast, "typed")
    refused = browser.post("/purpose/", sent)
    assert (refused.status_code, "in a few words" in refused.content.decode()) == (422, True)
    assert browser.post("/purpose/", {**sent, "why_text": "Quarterly review"}).status_code == 302
    browser.get(f"/cases/{REFERENCE}/")
    assert _lines(cast.colleague)[-1] == ("case.viewed", "Supervision or quality control: Quarterly review")
    _asking(cast, "off")
    assert silent(cast.owner).get("/search/?q=heron").status_code == 200
    assert _lines(cast.owner)[-1] == ("search.made", "")


def test_the_administrator_says_how_the_agency_asks_and_the_log_keeps_it(cast: Cast, silent: ClientFor) -> None:
    from opencets_web.accounts.models import Agency

    sent = {
        "kind": "police",
        "contact_name": "Desk",
        "contact_phone": "+442079460000",
        "contact_email": "d@avon.example.org",
    }
    for actor, expected in ((cast.colleague, 404), (cast.administrator, 302)):
        answer = silent(actor).post("/officers/agency/", {**sent, "purpose_asking": "typed"})
        assert answer.status_code == expected
    assert Agency.objects.get(pk=cast.avon.id).purpose_asking == "typed"


# --- what it does not tell ---


def test_the_page_says_the_same_of_a_closed_case_as_of_none(cast: Cast, case: Any, silent: ClientFor) -> None:
    from opencets_web.audit.models import Act

    browser, absent = silent(cast.outsider), str(uuid4())
    assert browser.get(f"/cases/{REFERENCE}/").status_code == 404
    pages = [browser.get(f"/purpose/?of={of}&next=/").content.decode() for of in (str(case.holding_id), absent)]
    assert REFERENCE not in pages[0]
    plain = [
        re.sub("[A-Za-z0-9]{64}", "", page).replace(str(case.holding_id), "").replace(absent, "") for page in pages
    ]
    assert plain[0] == plain[1]
    for of in (str(case.holding_id), absent):
        assert browser.post("/purpose/", {"why": "investigation", "of": of, "next": "/"}).status_code == 302
    assert not Act.objects.filter(officer_id=cast.outsider.officer_id, holding_id=case.holding_id).exists()
    assert browser.get(f"/cases/{REFERENCE}/").status_code == 404


def test_nobody_says_it_for_another_officer_nor_for_another_day_nor_takes_it_back(
    cast: Cast, case: Any, as_actor: Behind
) -> None:
    from django.db import DatabaseError, connection, transaction

    insert = (
        "insert into audit_purpose (officer_id, holding_id, day, code, version, words, at)"
        " values (%s, %s, app_day() - %s, 'other', 1, 'Mine', now())"
    )
    with as_actor(cast.owner), connection.cursor() as cursor:
        for officer, back in ((cast.colleague, 0), (cast.owner, 1)):
            with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
                cursor.execute(insert, [officer.officer_id, case.holding_id, back])
        for statement in ("update audit_purpose set words = 'x'", "delete from audit_purpose"):
            with pytest.raises(DatabaseError, match=r"permission denied|append-only"), transaction.atomic():
                cursor.execute(statement)
        cursor.execute("select count(*) from audit_purpose")
        assert cursor.fetchone() == (1,)
    with as_actor(cast.colleague), connection.cursor() as cursor:
        cursor.execute("select count(*) from audit_purpose")
        assert cursor.fetchone() == (0,)


# --- reading it ---


def test_auditor_and_owner_narrow_the_log_by_purpose(cast: Cast, case: Any, silent: ClientFor) -> None:
    browser = silent(cast.colleague)
    browser.post("/purpose/", {"why": "supervision", "of": str(case.holding_id), "next": "/"})
    browser.get(f"/cases/{REFERENCE}/")
    for who, address in ((cast.auditor, "/audit/?case=" + REFERENCE), (cast.owner, f"/cases/{REFERENCE}/access/?")):
        reader = silent(who)
        page = reader.get(f"{address}&purpose=supervision").content.decode()
        assert page.count("Supervision or quality control</td>") == 2, address
        assert "Investigation of this case</td>" not in page, address


def test_the_log_with_purposes_verifies(cast: Cast, case: Any, silent: ClientFor) -> None:
    from opencets_web.audit.lines import lines_of_log
    from opencets_web.audit.signed import FIELDS
    from opencets_web.audit.tree import leaf_hash

    silent(cast.owner).get(f"/cases/{REFERENCE}/")
    acts = [line for line in lines_of_log() if line["line"] == "act"]
    assert acts[-1]["purpose"] == "Investigation of this case"
    for line in acts:
        assert leaf_hash("\x1f".join(str(line[name]) for name in FIELDS).encode()).hex() == line["leaf"]

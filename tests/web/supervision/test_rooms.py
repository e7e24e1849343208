"""The officer's side: every page of a file that has something of everything, reviews in two stages, paper, packages, care."""

from __future__ import annotations

import datetime as dt
import io
import json
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from opencets.errors import ActRefused, NotFound
from opencets.packing.captures import batch_of
from tests.web.supervision.conftest import REFERENCE, Watched, heartbeat, hit, picture, supervising

if TYPE_CHECKING:
    from django.test import Client

    from opencets_web.policy.actor import Actor
    from tests.web.conftest import Cast

    Behind = Callable[[Actor | None], AbstractContextManager[None]]

LIBRARY = b"""format: opencets phrases 1
name: neutral
version: 2
sentence: Harmless phrases that show how a library works.
source: Invented
language: en
theme: meeting
severity: 4
phrases:
  - meet at the blue kiosk
"""


@pytest.fixture
def full(watched: Watched, as_actor: Behind) -> Watched:
    """The file after a heartbeat, three hits, one with a screenshot, and a fault."""
    from opencets_web.supervision import receiving

    agent = watched.agent
    entries = [
        agent.entry(heartbeat()), agent.entry(hit(screenshot=True)), agent.entry(picture(2)),
        agent.entry(hit("send the train timetable", 3)), agent.entry(hit("the red umbrella", 5, conversation="talk-2")),
        agent.entry(hit(condition="C9")),
    ]  # fmt: skip
    with as_actor(None):
        receiving.take_batch(watched.device_id, dt.datetime.now(dt.UTC), batch_of(entries), dt.datetime.now(dt.UTC))
    return watched


def _hits(full: Watched) -> list[Any]:
    from opencets_web.supervision.models import Hit

    return list(Hit.objects.filter(device_id=full.device_id).order_by("seq"))


def test_every_page_of_the_room_answers_the_officer_and_nobody_else(
    full: Watched, cast: Cast, as_actor: Behind, client_for: Callable[[Actor | None], Client]
) -> None:
    with as_actor(full.officer):
        first = _hits(full)[0].id
    pages = {
        "/supervision/": "meet at the blue kiosk", f"/supervision/hits/{first}/": "No contact through chats",
        "/supervision/people/": "Sam Sample", "/supervision/devices/": "Desktop in the hall",
        f"/supervision/orders/{full.order_id}/": "bank.example", "/supervision/phrases/": "", "/supervision/libraries/": "",
        **{f"/supervision/people/{REFERENCE}/{part}": "Sam Sample" for part in ("", "orders/", "care/", "history/", "told/")},
    }  # fmt: skip
    cast.officers["owner"].refresh_from_db()
    browser, stranger = client_for(full.officer), client_for(cast.outsider)
    for address, words in pages.items():
        answer = browser.get(address)
        assert answer.status_code == 200, address
        assert words in answer.content.decode(), address
        other = stranger.get(address)
        assert "Sam Sample" not in other.content.decode()
        assert "blue kiosk" not in other.content.decode()
        assert other.status_code in (200, 404)
    assert stranger.get(f"/supervision/people/{REFERENCE}/").status_code == 404
    assert browser.get(f"/supervision/people/{REFERENCE}/elsewhere/").status_code == 404


def test_an_expired_grant_gives_nothing_of_the_room(
    full: Watched, cast: Cast, as_actor: Behind, client_for: Callable[[Actor | None], Client]
) -> None:
    from opencets_web.policy import door
    from opencets_web.policy.models import Grant
    from opencets_web.supervision import actions, models

    reviewer = replace(cast.colleague, roles=frozenset({"reviewer"}))
    with as_actor(full.officer):
        actions.name_reviewer(full.officer, REFERENCE, reviewer.officer_id)
        first = _hits(full)[0].id
    guarded = (
        models.SupervisedPerson,
        models.Device,
        models.Order,
        models.Condition,
        models.Entry,
        models.Hit,
        models.Fault,
    )

    def sees(actor: Actor) -> set[str]:
        with as_actor(actor):
            behind = {one.__name__ for one in guarded if one.objects.exists()}
            assert behind == {one.__name__ for one in guarded if door.visible(actor, one.objects.all()).exists()}
            return behind

    assert len(sees(full.officer)) == len(sees(reviewer)) == len(guarded)
    holding = models.SupervisedPerson.objects.get(reference=REFERENCE).holding_id
    for grant in Grant.objects.filter(holding_id=holding):
        grant.granted_at, grant.expires_at = (
            grant.granted_at - dt.timedelta(days=2),
            grant.granted_at - dt.timedelta(days=1),
        )
        grant.save(update_fields=["granted_at", "expires_at"])
    assert sees(full.officer) == sees(reviewer) == set()
    cast.officers["owner"].refresh_from_db()
    browser = client_for(full.officer)
    for address in (
        f"/supervision/people/{REFERENCE}/", f"/supervision/people/{REFERENCE}/told.pdf", f"/supervision/hits/{first}/",
        f"/supervision/hits/{first}/screenshot/", f"/supervision/orders/{full.order_id}/",
        f"/supervision/orders/{full.order_id}/file/",
    ):  # fmt: skip
        assert browser.get(address).status_code == 404, address
    for address in ("/supervision/", "/supervision/people/", "/supervision/devices/", "/supervision/libraries/"):
        text = browser.get(address).content.decode()
        assert not any(words in text for words in ("Sam Sample", "blue kiosk", "Desktop in the hall", REFERENCE)), (
            address
        )
    assert browser.post(f"/supervision/hits/{first}/review/", {"verdict": "false"}).status_code == 404


def test_two_stages_keep_apart_and_each_review_can_be_taken_back(full: Watched, cast: Cast, as_actor: Behind) -> None:
    from opencets_web.supervision import actions, queries, reviewing

    officer = full.officer
    reviewer = replace(cast.colleague, roles=frozenset({"reviewer"}))
    with as_actor(reviewer), pytest.raises(NotFound):
        reviewing.review_hit(reviewer, full.order_id, "false")
    with as_actor(officer):
        actions.name_reviewer(officer, REFERENCE, reviewer.officer_id)
        first, second, third = _hits(full)
    with as_actor(reviewer):
        assert [row.severity for row in queries.get_queue(reviewer).rows] == [5, 4]
        reviewing.review_hit(reviewer, second.id, "false")
        made = reviewing.review_hit(reviewer, first.id, "watch", 5, "Twice this week.")
        with pytest.raises(ActRefused, match="Say what"):
            reviewing.review_hit(reviewer, third.id, "")
    with as_actor(officer):
        states = {row.id: (row.state, row.verdict, row.graded) for row in _hits(full)}
        assert states[second.id] == ("done", "false", 3)
        assert states[first.id] == ("passed", "watch", 5)
        mine = reviewing.review_hit(officer, first.id, "breach")
        assert next(row for row in _hits(full) if row.id == first.id).verdict == "breach"
    with as_actor(reviewer):
        with pytest.raises(ActRefused, match="officer has reviewed"):
            reviewing.review_hit(reviewer, first.id, "false")
        with pytest.raises(ActRefused, match="own review"):
            reviewing.undo_review(reviewer, mine)
    with as_actor(officer):
        reviewing.undo_review(officer, mine)
        assert next(row for row in _hits(full) if row.id == first.id).state == "passed"
    with as_actor(reviewer):
        reviewing.undo_review(reviewer, made)
        assert next(row for row in _hits(full) if row.id == first.id).state == "new"
        assert queries.get_phrases(reviewer).rows[0].share == 0


def test_a_screenshot_is_shown_when_asked_counted_and_logged(
    full: Watched, cast: Cast, as_actor: Behind, client_for: Callable[[Actor | None], Client]
) -> None:
    from opencets_web.audit.models import Act
    from opencets_web.exposure.queries import today_of
    from tests.web.conftest import signed

    with as_actor(full.officer):
        first = _hits(full)[0].id
    cast.officers["owner"].refresh_from_db()
    browser = client_for(full.officer)
    page = browser.get(f"/supervision/hits/{first}/").content.decode()
    assert "data:image/webp" in page
    address = reverse("supervision:screenshot", args=[first])
    assert browser.get(address).status_code == 404
    answer = browser.get(signed(browser, address))
    assert answer.status_code == 200
    assert answer.content[:3] == b"\xff\xd8\xff"
    with as_actor(full.officer):
        assert today_of(full.officer).count == 1
        assert Act.objects.filter(verb="hit.shown").count() == 1


def test_what_was_kept_long_enough_is_let_go_and_the_chain_still_holds(
    full: Watched, as_actor: Behind, as_job: Behind
) -> None:
    from opencets.packing.captures import check_chain
    from opencets_web.supervision import by_rule, reviewing
    from opencets_web.supervision.models import Entry, Hit

    with as_actor(full.officer):
        first, _, third = _hits(full)
        Hit.objects.filter(pk__in=[first.pk, third.pk]).update(delete_on=dt.date(2026, 1, 1))
        reviewing.keep_hit(full.officer, third.pk, kept=True)
    with as_job(None):
        assert by_rule.delete_by_rule() == 1
        assert by_rule.delete_by_rule() == 0
    with as_actor(full.officer):
        states = {row.pk: (row.deleted_at is not None, bool(row.said)) for row in _hits(full)}
        assert states[first.pk] == (True, False)
        assert states[third.pk] == (False, True)
        rows = list(Entry.objects.filter(device_id=full.device_id).order_by("seq"))
        assert [row.seq for row in rows if row.body.startswith("sha256:")] == [2, 3, 6]
        sent = [reviewing.sent_of(row) for row in rows]
        assert not check_chain(sent, (0, sent[0].prev))
        assert reviewing.picture_of(next(row for row in _hits(full) if row.pk == first.pk)) == b""


def test_a_device_that_was_never_heard_is_told_after_a_day_and_an_unread_hit_is_let_go_in_time(
    watched: Watched, as_actor: Behind, as_job: Behind
) -> None:
    from opencets_web.supervision import by_rule
    from opencets_web.supervision.models import DeviceState, Entry, Fault, Order

    with as_job(None):
        assert by_rule.look_for_absence() == 0  # there is a day to bring the order to the device
    with as_actor(watched.officer):
        assert DeviceState.objects.get(device_id=watched.device_id).received_at is None
        signed = dt.datetime.now(dt.UTC) - dt.timedelta(hours=25)
        Order.objects.filter(pk=watched.order_id).update(signed_at=signed, begins_at=signed)
    with as_job(None):
        assert by_rule.look_for_absence() == 1
        assert by_rule.look_for_absence() == 0
    with as_actor(watched.officer):
        fault = Fault.objects.get(device_id=watched.device_id)
        assert (fault.kind, "never heard" in fault.sentence) == ("absent", True)
        made = watched.agent.entry(hit())
        Entry.objects.create(
            device_id=watched.device_id, holding_id=fault.holding_id, agency_id=fault.agency_id, seq=made.seq, boot=made.boot,
            at=signed, at_text=made.at, mono_ms=made.mono_ms, kind="hit", hash=made.hash, body=made.body,
            received_at=signed - dt.timedelta(days=91),
        )  # fmt: skip
    with as_job(None):
        by_rule.delete_by_rule()
    with as_actor(watched.officer):
        assert Entry.objects.get(device_id=watched.device_id).body.startswith("sha256:")


def test_silence_without_a_goodbye_is_told_once_and_ends_with_the_next_batch(
    full: Watched, as_actor: Behind, as_job: Behind
) -> None:
    from opencets_web.supervision import by_rule, receiving
    from opencets_web.supervision.models import DeviceState, Fault

    with as_job(None):
        assert by_rule.look_for_absence() == 0
    with as_actor(full.officer):
        long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
        DeviceState.objects.filter(device_id=full.device_id).update(received_at=long_ago)
    with as_job(None):
        assert by_rule.look_for_absence() == 1
        assert by_rule.look_for_absence() == 0
    with as_actor(full.officer):
        assert Fault.objects.get(kind="absent").ended_at is None
    with as_actor(None):
        now = dt.datetime.now(dt.UTC)
        receiving.take_batch(full.device_id, now, batch_of([full.agent.entry(heartbeat())]), now)
    with as_actor(full.officer):
        assert Fault.objects.get(kind="absent").ended_at is not None
        assert DeviceState.objects.get(device_id=full.device_id).absent_since is None


def test_a_breach_report_is_signed_and_has_what_the_condition_allows(
    full: Watched, as_actor: Behind, tmp_path: Any
) -> None:
    from opencets.packing import verify
    from opencets_web.supervision import reporting, reviewing

    officer = full.officer
    with as_actor(officer):
        first, second, third = _hits(full)
        with pytest.raises(ActRefused, match="No hit"):
            reporting.breach_report(officer, REFERENCE, "C1", "Sampleton Crown Court")
        reviewing.review_hit(officer, first.id, "breach")
        reviewing.review_hit(officer, second.id, "watch")
        reviewing.review_hit(officer, third.id, "false")
        content, name = reporting.breach_report(officer, REFERENCE, "C1", "Sampleton Crown Court")
    path = tmp_path / name
    path.write_bytes(content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        (line,) = json.loads(archive.read("hits.json"))
        (link,) = json.loads(archive.read("chain.json"))
        manifest = json.loads(archive.read(verify.MANIFEST))
    assert line["match"] == "meet at the blue kiosk"
    assert len(line["before"]) == 40
    assert link["seq"] == 2
    assert any(name.startswith("screenshots/") for name in names)
    assert any(name.startswith("orders/") for name in names)
    assert manifest["condition"] == "C1"


def test_paper_for_the_person_and_for_the_week(full: Watched, as_actor: Behind) -> None:
    from opencets_web.supervision import reporting

    with as_actor(full.officer):
        for make in (reporting.told_paper, reporting.week_paper):
            content, name = make(full.officer, REFERENCE)
            assert content.startswith(b"%PDF")
            assert name.endswith(".pdf")


def test_a_file_is_handed_over_and_closes_to_the_officer_before(full: Watched, cast: Cast, as_actor: Behind) -> None:
    from opencets_web.supervision import actions, person_pages

    officer = full.officer
    with as_actor(officer), pytest.raises(ActRefused, match="no supervising officer"):
        actions.hand_over(officer, REFERENCE, cast.colleague.officer_id, "Leave")
    successor = supervising(cast.colleague)
    with as_actor(officer):
        with pytest.raises(ActRefused, match="why"):
            actions.hand_over(officer, REFERENCE, successor.officer_id, " ")
        actions.hand_over(officer, REFERENCE, successor.officer_id, "Parental leave; the next visit is agreed.")
    with as_actor(successor):
        assert person_pages.get_person(successor, REFERENCE).in_charge == "Avon colleague"
    with as_actor(officer), pytest.raises(NotFound):
        person_pages.get_person(officer, REFERENCE)


def test_orders_go_no_further_than_their_setting_and_are_never_changed(
    watched: Watched, as_actor: Behind, cast: Cast
) -> None:
    from opencets_web.supervision import actions
    from opencets_web.supervision.models import SupervisedPerson

    officer = watched.officer
    with as_actor(officer):
        with pytest.raises(ActRefused, match="signed order is not changed"):
            actions.change_draft(officer, watched.order_id, words="Other words")
        made = actions.draft_order(officer, watched.device_id)
        with pytest.raises(ActRefused, match="draft for this device is open"):
            actions.draft_order(officer, watched.device_id)
        actions.change_draft(officer, made, complaint="")
        with pytest.raises(ActRefused, match="where to complain"):
            actions.sign_order(officer, made)
        actions.change_draft(officer, made, complaint="The chief officer")
        SupervisedPerson.objects.update(setting="school")
        with pytest.raises(ActRefused, match="Notice is given 14 days"):
            actions.sign_order(officer, made)
        SupervisedPerson.objects.update(setting="court")
        plain = replace(officer, roles=frozenset({"investigator"}))
        with pytest.raises(ActRefused, match="supervising officers"):
            actions.sign_order(plain, made)
        with pytest.raises(ActRefused, match="enrolled already"):
            actions.enrol_device(officer, REFERENCE, watched.agent.request())
        with pytest.raises(ActRefused, match="no request of a device"):
            actions.enrol_device(officer, REFERENCE, b"{}")


def test_care_is_agreed_done_and_rated_by_trained_raters_alone(watched: Watched, as_actor: Behind) -> None:
    from opencets_web.accounts.models import Certification
    from opencets_web.supervision import caring, person_pages
    from opencets_web.supervision.instruments import instruments

    officer = watched.officer
    answers = {item.key: item.choices[1].value for item in instruments()["example-support"].items}
    with as_actor(officer):
        due = caring.agree(
            officer, REFERENCE, kind="visit", due_at=dt.datetime.now(dt.UTC), words="At the flat", agreed=True
        )
        with pytest.raises(ActRefused, match="what came of it"):
            caring.settle(officer, due, "done")
        caring.settle(officer, due, "done", "The flat is in order.")
        caring.enter_contact(officer, REFERENCE, kind="work", name="Sample Bakery", details="+442079460101")
        goal = caring.agree_goal(officer, REFERENCE, "A place at the evening school")
        caring.settle_goal(officer, goal, "reached")
        with pytest.raises(ActRefused, match="certification as raters"):
            caring.assess(officer, REFERENCE, "example-support", answers)
    today = dt.datetime.now(dt.UTC).date()
    Certification.objects.create(
        officer_id=officer.officer_id, agency_id=officer.agency_id, kind="risk-rating", issued_on=today,
        expires_on=today + dt.timedelta(days=365), issued_by="Sample College",
    )  # fmt: skip
    with as_actor(officer):
        with pytest.raises(ActRefused, match="not answered"):
            caring.assess(officer, REFERENCE, "example-support", {})
        caring.assess(officer, REFERENCE, "example-support", answers)
        page = person_pages.get_person(officer, REFERENCE, "care")
    (filled,) = page.assessments
    assert filled.score == sum(part.points for part in filled.parts)
    assert page.past[0].outcome == "The flat is in order."


def test_a_library_is_tested_before_it_goes_to_a_device_and_can_go_back(watched: Watched, as_actor: Behind) -> None:
    from opencets_web.supervision import libraries, receiving
    from opencets_web.supervision.models import Order, PhraseLibrary

    officer = watched.officer
    with as_actor(officer):
        made = libraries.hand_in(officer, LIBRARY, "neutral.yaml")
        with pytest.raises(ActRefused, match="before"):
            libraries.hand_in(officer, LIBRARY, "neutral.yaml")
        with pytest.raises(ActRefused, match="tested"):
            libraries.roll_out(officer, made, [watched.device_id])
        told = libraries.test_library(officer, made, ["good morning", "meet at the blue kiosk at noon"])
        assert (told["lines"], told["hits"]) == (2, 1)
        assert libraries.roll_out(officer, made, [watched.device_id]) == 1
        order = Order.objects.get(device_id=watched.device_id, state="signed")
        assert order.version == 2
        digest = PhraseLibrary.objects.get(pk=made).digest
        assert order.libraries[0]["digest"] == digest
        newer = libraries.hand_in(officer, LIBRARY.replace(b"version: 2", b"version: 3"), "neutral.yaml")
        libraries.test_library(officer, newer, ["good morning"])
        assert libraries.roll_out(officer, newer, [watched.device_id]) == 1
        assert libraries.roll_out(officer, made, [watched.device_id]) == 1
        order = Order.objects.get(device_id=watched.device_id, state="signed")
        assert [one["digest"] for one in order.libraries] == [digest]
    with as_actor(None):
        assert b"blue kiosk" in receiving.library_for(watched.device_id, digest)
        with pytest.raises(NotFound):
            receiving.library_for(watched.device_id, "0" * 64)


def test_what_judged_hits_name_becomes_an_exhibit_of_the_file_once(full: Watched, as_actor: Behind) -> None:
    from opencets_web.evidence.models import Exhibit
    from opencets_web.supervision import joining, reviewing

    officer = full.officer
    with as_actor(officer):
        assert joining.join_hits(officer, REFERENCE) == 0
        first, second, _ = _hits(full)
        reviewing.review_hit(officer, first.id, "breach")
        reviewing.review_hit(officer, second.id, "false")
        assert joining.join_hits(officer, REFERENCE) == 1
        assert joining.join_hits(officer, REFERENCE) == 0
        exhibit = Exhibit.objects.get(case__reference=REFERENCE)
        assert exhibit.files_received == 1
        assert exhibit.holding_id == first.holding_id

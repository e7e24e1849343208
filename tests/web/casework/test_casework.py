"""Tasks, decisions, comments, links, notices, presence and the feed: by Avon, by Borders on Avon's case, and closed to others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError
from django.test import Client
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets_web.accounts.models import Officer
from opencets_web.audit.models import Act
from opencets_web.cases.models import Case
from opencets_web.casework import actions, queries
from opencets_web.casework.models import CaseLink, Comment, Decision, Notice, Presence, Task
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Grant
from tests.web.casework.joint import make_case, open_to, refused
from tests.web.conftest import Behind, Cast

Browser = Callable[[Actor | None], Client]


@pytest.fixture
def joint(cast: Cast) -> Case:
    """Avon's case on which Borders works too."""
    case = make_case(cast, "AV-1")
    open_to(case, cast.borders.id)
    return case


def verbs(case: Case) -> list[str]:
    """The acts on a case, looks apart, in their order."""
    acts = Act.objects.filter(holding_id=case.holding_id).exclude(verb__endswith=".viewed").order_by("id")
    return list(acts.values_list("verb", flat=True))


# --- Tasks ----------------------------------------------------------------------------------------


def test_a_task_is_given_to_a_partners_officer_done_reopened_and_withdrawn(
    joint: Case, cast: Cast, client_for: Browser
) -> None:
    us, them = client_for(cast.owner), client_for(cast.outsider)
    day = (timezone.localdate() - timedelta(days=1)).isoformat()
    given = {"title": "Ask the provider", "officer": str(cast.outsider.officer_id), "due_on": day}
    assert us.post("/cases/AV-1/tasks/", given).status_code == 302
    task = Task.objects.get()
    desk = them.get("/").content.decode()
    assert "Ask the provider" in desk
    assert "Overdue" in desk
    assert "gave you a task" in desk
    assert "1 task past its day" in us.get("/cases/AV-1/").content.decode()
    assert them.post(f"/tasks/{task.id}/done/").status_code == 302
    assert "done or withdrawn already" in refused(us, f"/tasks/{task.id}/done/")
    assert "Borders outsider" in us.get("/cases/AV-1/casework/").content.decode()
    assert us.post(f"/tasks/{task.id}/reopen/").status_code == 302
    assert us.post(f"/tasks/{task.id}/withdraw/").status_code == 302
    assert us.post(f"/tasks/{task.id}/restore/").status_code == 302
    assert verbs(joint) == ["task.given", "task.done", "task.reopened", "task.withdrawn", "task.restored"]


def test_a_reader_finishes_a_task_given_to_them_and_changes_no_other(joint: Case, cast: Cast, as_actor: Behind) -> None:
    Grant.objects.update(level="read")
    with as_actor(cast.owner):
        theirs = actions.give_task(cast.owner, "AV-1", "Look at it", cast.outsider.officer_id, None)
        ours = actions.give_task(cast.owner, "AV-1", "Write it up", cast.colleague.officer_id, None)
    with as_actor(cast.outsider):
        actions.finish_task(cast.outsider, theirs)
        actions.reopen_task(cast.outsider, theirs)
        with pytest.raises(NotFound):
            actions.finish_task(cast.outsider, ours)
        with pytest.raises(NotFound):
            actions.withdraw_task(cast.outsider, theirs)
        with pytest.raises(NotFound):
            actions.give_task(cast.outsider, "AV-1", "More", cast.outsider.officer_id, None)


def test_a_task_is_for_nobody_who_may_not_see_the_case(cast: Cast, client_for: Browser) -> None:
    make_case(cast, "AV-2")
    us = client_for(cast.owner)
    for officer in (cast.outsider, cast.administrator):
        answer = us.post("/cases/AV-2/tasks/", {"title": "Look", "officer": str(officer.officer_id)})
        assert answer.status_code == 422
    with pytest.raises(ActRefused, match="may see the case"):
        actions.give_task(cast.owner, "AV-2", "Look", cast.outsider.officer_id, None)
    assert not Task.objects.exists()


# --- Comments and notices -------------------------------------------------------------------------


def test_a_mention_tells_that_officer_alone_until_it_is_read(joint: Case, cast: Cast, client_for: Browser) -> None:
    us, them, colleague = client_for(cast.owner), client_for(cast.outsider), client_for(cast.colleague)
    answer = us.post("/cases/AV-1/comments/", {"text": "@Borders outsider, is this your harbour?"})
    assert answer.status_code == 302
    notice = Notice.objects.get()
    assert "is this your harbour?" in them.get("/").content.decode()
    assert "is this your harbour?" not in colleague.get("/").content.decode()
    assert "1 unread" in them.get("/").content.decode()
    assert colleague.post(f"/notices/{notice.id}/").status_code == 404
    answer = them.post(f"/notices/{notice.id}/")
    assert answer.headers["Location"] == f"/cases/AV-1/casework/#comment-{Comment.objects.get().id}"
    assert "1 unread" not in them.get("/").content.decode()
    them.post(f"/notices/{notice.id}/unread/")
    assert "1 unread" in them.get("/").content.decode()
    assert verbs(joint) == ["comment.written", "notice.read", "notice.unread"]


def test_a_name_that_may_not_see_the_case_is_only_a_word(cast: Cast, client_for: Browser) -> None:
    make_case(cast, "AV-2")
    us = client_for(cast.owner)
    us.post("/cases/AV-2/comments/", {"text": "As @Borders outsider and @Avon administrator said"})
    assert Comment.objects.get().mentions == []
    assert not Notice.objects.exists()
    answer = us.post("/cases/AV-2/comments/", {"text": "See this", "also": "Borders outsider (Borders)"})
    assert answer.status_code == 422
    assert "nobody who may see this case" in answer.content.decode()
    assert "See this" in answer.content.decode()


def test_two_officers_of_one_name_are_told_apart_by_their_agency(joint: Case, cast: Cast, client_for: Browser) -> None:
    Officer.objects.filter(pk=cast.outsider.officer_id).update(display_name="Avon colleague")
    us = client_for(cast.owner)
    answer = us.post("/cases/AV-1/comments/", {"text": "@Avon colleague, look"})
    assert "Two officers are called Avon colleague" in answer.content.decode()
    us.post("/cases/AV-1/comments/", {"text": "@Avon colleague (Borders), look"})
    assert Notice.objects.get().officer_id == cast.outsider.officer_id


def test_a_comment_is_withdrawn_and_put_back_by_its_author_alone(joint: Case, cast: Cast, client_for: Browser) -> None:
    them = client_for(cast.outsider)
    them.post("/cases/AV-1/comments/", {"text": "From Borders"})
    made = Comment.objects.get()
    assert client_for(cast.owner).post(f"/comments/{made.id}/withdraw/").status_code == 404
    them.post(f"/comments/{made.id}/withdraw/")
    assert "<s " in client_for(cast.owner).get("/cases/AV-1/casework/").content.decode()
    them.post(f"/comments/{made.id}/restore/")
    assert verbs(joint) == ["comment.written", "comment.withdrawn", "comment.restored"]


def test_notices_of_a_case_that_closed_again_are_gone(joint: Case, cast: Cast, client_for: Browser) -> None:
    client_for(cast.owner).post("/cases/AV-1/comments/", {"text": "@Borders outsider, a word about Lantern"})
    Grant.objects.update(withdrawn_at=timezone.now())
    assert "Lantern" not in client_for(cast.outsider).get("/").content.decode()


def test_the_wall_shows_a_notice_to_its_officer_alone(joint: Case, cast: Cast, as_actor: Behind) -> None:
    with as_actor(cast.owner):
        actions.write_comment(cast.owner, "AV-1", "@Borders outsider and @Avon colleague, look")
    for actor, seen in ((cast.owner, 0), (cast.colleague, 1), (cast.outsider, 1), (cast.auditor, 0)):
        with as_actor(actor):
            assert Notice.objects.count() == seen
    with as_actor(cast.owner):
        assert Notice.objects.update(read_at=timezone.now()) == 0


# --- Decisions ------------------------------------------------------------------------------------


def test_a_decision_is_superseded_once_and_never_changed(joint: Case, cast: Cast, client_for: Browser) -> None:
    us, them = client_for(cast.owner), client_for(cast.outsider)
    us.post("/cases/AV-1/decisions/", {"what": "Arrest on Monday", "reason": "The child is at risk"})
    first = Decision.objects.get()
    instead = {"what": "Arrest today", "reason": "It cannot wait", "supersedes": str(first.id)}
    assert them.post("/cases/AV-1/decisions/", instead).status_code == 302
    again = us.post("/cases/AV-1/decisions/", {**instead, "what": "Never"})
    assert again.status_code == 422
    assert "superseded meanwhile" in again.content.decode()
    page = us.get("/cases/AV-1/casework/").content.decode()
    assert "Arrest on Monday" in page
    assert "in place of an earlier one" in page
    assert verbs(joint) == ["decision.made", "decision.made"]
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Decision.objects.update(at=timezone.now())


# --- Linked cases ---------------------------------------------------------------------------------


def test_a_link_is_seen_by_those_alone_who_may_see_both_cases(joint: Case, cast: Cast, client_for: Browser) -> None:
    make_case(cast, "AV-2")
    make_case(cast, "BO-9", cast.outsider)
    us, them = client_for(cast.owner), client_for(cast.outsider)
    us.post("/cases/AV-1/links/", {"other": "AV-2", "reason": "The same harbour"})
    assert "The same harbour" in us.get("/cases/AV-2/casework/").content.decode()
    page = them.get("/cases/AV-1/casework/").content.decode()
    assert "The same harbour" not in page
    assert "AV-2" not in page
    them.post("/cases/AV-1/links/", {"other": "BO-9", "reason": "Tweedside too"})
    assert "BO-9" in them.get("/cases/AV-1/casework/").content.decode()
    assert "BO-9" not in us.get("/cases/AV-1/casework/").content.decode()
    assert "BO-9" not in us.get("/cases/AV-1/feed/").content.decode()
    assert us.post("/cases/AV-1/links/", {"other": "BO-9", "reason": "Guessed"}).status_code == 422
    assert us.post("/cases/AV-1/links/", {"other": "AV-2", "reason": "Twice"}).status_code == 422
    assert us.post("/cases/AV-1/links/", {"other": "AV-1", "reason": "Itself"}).status_code == 422
    assert CaseLink.objects.count() == 2


def test_a_link_is_withdrawn_with_a_reason_and_made_again(joint: Case, cast: Cast, client_for: Browser) -> None:
    make_case(cast, "AV-2")
    us = client_for(cast.owner)
    us.post("/cases/AV-1/links/", {"other": "AV-2", "reason": "The same harbour"})
    link = CaseLink.objects.get()
    assert client_for(cast.outsider).post(f"/links/{link.id}/withdraw/", {"reason": "Mine"}).status_code == 404
    assert "with a reason" in refused(us, f"/links/{link.id}/withdraw/")
    us.post(f"/links/{link.id}/withdraw/", {"reason": "Another harbour"})
    assert "Another harbour" in us.get("/cases/AV-2/casework/").content.decode()
    us.post(f"/links/{link.id}/again/")
    assert CaseLink.objects.filter(withdrawn_at=None).count() == 1


# --- Who is here, and what happens ----------------------------------------------------------------


def test_who_has_the_case_open_is_told_and_forgotten_within_a_minute(
    joint: Case, cast: Cast, client_for: Browser
) -> None:
    us, them = client_for(cast.owner), client_for(cast.outsider)
    assert them.post("/cases/AV-1/here/").status_code == 200
    assert "Borders outsider" in us.post("/cases/AV-1/here/").content.decode()
    assert "Avon owner" in them.post("/cases/AV-1/here/").content.decode()
    row = Presence.objects.get(officer_id=cast.outsider.officer_id)
    assert row.until_at - timezone.now() < timedelta(seconds=40)
    Presence.objects.filter(pk=row.pk).update(until_at=timezone.now() - timedelta(seconds=1))
    assert "Borders outsider" not in us.post("/cases/AV-1/here/").content.decode()


def test_a_partner_is_not_told_which_other_partner_looks(joint: Case, cast: Cast, as_actor: Behind) -> None:
    from opencets_web.accounts.models import Agency

    third = Agency.objects.create(name="Cumbria Police", short_name="Cumbria", country="GB")
    reader = Actor.of(
        Officer.objects.create(
            email="reader@cumbria.example.org", display_name="Cumbria reader", agency=third, roles=["investigator"]
        )
    )
    open_to(joint, third.id, "read")
    for actor in (reader, cast.owner, cast.outsider):
        with as_actor(actor):
            actions.be_here(actor, "AV-1")
    seen = {}
    for actor in (reader, cast.owner, cast.outsider):
        with as_actor(actor):
            seen[actor.agency_name] = {person.agency for person in queries.who_is_here(actor, joint.id)}
            assert Presence.objects.count() == (3 if actor is cast.owner else 2)
            people = {person.agency for person in queries.people_on(actor, joint.id, joint.holding_id)}
            assert people == seen[actor.agency_name]
    assert seen == {
        "Cumbria": {"Cumbria", "Avon"},
        "Avon": {"Cumbria", "Avon", "Borders"},
        "Borders": {"Borders", "Avon"},
    }


def test_only_a_beat_that_begins_is_told_to_the_others(joint: Case, cast: Cast, as_actor: Behind) -> None:
    told = []
    with (
        as_actor(cast.owner),
        connection.execute_wrapper(
            lambda execute, sql, params, many, context: (
                told.append(params) if "pg_notify" in sql else None,
                execute(sql, params, many, context),
            )[1]
        ),
    ):
        for _ in range(3):
            actions.be_here(cast.owner, "AV-1")
    assert len(told) == 1


def test_the_feed_tells_a_partner_what_is_done_and_not_the_owners_own_business(
    joint: Case, cast: Cast, client_for: Browser, as_actor: Behind
) -> None:
    from opencets_web.cases.actions import add_note, change_case, join_case

    us, them = client_for(cast.owner), client_for(cast.outsider)
    with as_actor(cast.owner):
        add_note(cast.owner, "AV-1", "A note")
        join_case(cast.owner, "AV-1")
        change_case(cast.owner, "AV-1", wanted={"title": "Renamed"}, seen={"title": "Case AV-1"})
    ours, theirs = (browser.get("/cases/AV-1/feed/").content.decode() for browser in (us, them))
    for page in (ours, theirs):
        assert "Added a note" in page
        assert "Changed a case: title" in page
        assert "Avon owner, Avon" in page
        assert "Looked at" not in page
    assert "Took on a case" in ours
    assert "Took on a case" not in theirs
    Grant.objects.update(withdrawn_at=timezone.now())
    with as_actor(cast.outsider), connection.cursor() as cursor:
        cursor.execute("select count(*) from app_feed(%s, 50)", [joint.holding_id])
        assert cursor.fetchone() == (0,)


# --- On an exhibit --------------------------------------------------------------------------------


def test_a_comment_on_an_exhibit_stands_there_and_on_the_case(joint: Case, cast: Cast, client_for: Browser) -> None:
    from opencets_web.evidence.models import Exhibit

    exhibit = Exhibit.objects.create(
        holding_id=joint.holding_id, agency_id=joint.agency_id, case=joint, reference="EX-1", title="Phone", state="read",
        received_by_id=cast.owner.officer_id, begun_at=timezone.now(),
    )  # fmt: skip
    us, them = client_for(cast.owner), client_for(cast.outsider)
    given = {"text": "@Avon owner, the clock of this phone is wrong"}
    assert them.post(f"/exhibits/{exhibit.id}/comment/", given).status_code == 302
    assert "clock of this phone" in us.get(f"/exhibits/{exhibit.id}/").content.decode()
    assert "On an exhibit" in us.get("/cases/AV-1/casework/").content.decode()
    assert Notice.objects.get().url.startswith(f"/exhibits/{exhibit.id}/#comment-")
    wrong = us.post(f"/exhibits/{exhibit.id}/comment/", {"text": "Kept words", "also": "Nobody"})
    assert wrong.status_code == 422
    assert "Kept words" in wrong.content.decode()
    Grant.objects.update(withdrawn_at=timezone.now())
    assert them.post(f"/exhibits/{exhibit.id}/comment/", given).status_code == 404

"""Votes, groups and undo; rounds and settlements; entries that leave only once enough independent votes agree."""

from __future__ import annotations

import json
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from opencets.errors import ActRefused, NotFound
from opencets.records.grading import schemes
from opencets_web.accounts.models import Role
from opencets_web.audit.models import Act
from opencets_web.grading import actions, jobs, queries
from opencets_web.grading.models import EntryRelease, Grade, GradeDecision, GradingAct, Series, SeriesMember
from opencets_web.media.models import Media
from opencets_web.policy.actor import Actor
from tests.web.conftest import Behind, Cast
from tests.web.grading.conftest import Desk, More, copies, shoot
from tests.web.media.conftest import Import, jpeg

Browsers = Callable[[Actor | None], Client]


def decision(reference: str, name: str, scheme: str = "UK") -> GradeDecision:
    digest = Media.objects.get(case__reference=reference, file__name=name).sha256
    return GradeDecision.objects.get(case__reference=reference, sha256=digest, scheme=scheme)


# --- Series -----------------------------------------------------------------------------------------------------------


def test_near_duplicates_and_a_shoot_become_series_with_reasons(desk: Desk) -> None:
    desk.read("AV-1", {**copies(), **shoot(3, serial="4711"), "other.jpg": jpeg(90)})
    found = desk.series("AV-1")
    assert [one.files for one in found] == [3, 3]
    assert sorted(one.number for one in found) == [1, 2]
    kinds = {kind for one in found for kind in one.kinds}
    assert {"near", "shoot"} <= kinds
    sentences = set(SeriesMember.objects.values_list("sentence", flat=True))
    assert any("near-duplicates" in sentence or "same PDQ" in sentence for sentence in sentences)
    assert any("One camera (serial 4711)" in sentence for sentence in sentences), sentences
    assert not SeriesMember.objects.filter(media__file__name="other.jpg").exists()


def test_finding_series_again_changes_nothing_and_new_files_join(desk: Desk, as_job: Behind, cast: Cast) -> None:
    exhibit = desk.read("AV-1", copies())
    rows = list(SeriesMember.objects.order_by("id").values_list("id", "series_id", "group", "left_at"))
    lines = Act.objects.filter(verb="series.built").count()
    desk.build(exhibit)
    assert list(SeriesMember.objects.order_by("id").values_list("id", "series_id", "group", "left_at")) == rows
    assert Act.objects.filter(verb="series.built").count() == lines
    desk.read("AV-1", {"later.jpg": jpeg(40, quality=45)})
    [series] = desk.series("AV-1")
    assert (series.id, series.files) == (rows[0][1], 4)


def test_series_are_written_by_jobs_alone(desk: Desk, cast: Cast, as_actor: Behind) -> None:
    desk.read("AV-1", copies())
    with as_actor(cast.owner):
        assert Series.objects.count() == 1
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            Series.objects.update(files=9)
    with as_actor(cast.outsider):
        assert (Series.objects.count(), SeriesMember.objects.count()) == (0, 0)


# --- Votes ------------------------------------------------------------------------------------------------------------


def test_a_whole_group_is_graded_as_one_act_and_taken_back_as_one(desk: Desk, cast: Cast, as_actor: Behind) -> None:
    series = desk.put_group("AV-1", "a.jpg", "b.jpg", "c.jpg")
    desk.vote(cast.owner, "AV-1", "b.jpg", "3")
    with as_actor(cast.owner):
        given = actions.grade_series(cast.owner, series.id, None, "UK", "1", "c1")
        assert (given.files, given.label) == (3, "Category A")
        assert set(GradeDecision.objects.values_list("code", "votes")) == {("1", 1)}
        actions.undo(cast.owner, given.act_id)
        assert [(row.code, row.votes) for row in GradeDecision.objects.exclude(votes=0)] == [("3", 1)]
        assert Grade.objects.filter(ended_at=None).count() == 1
        with pytest.raises(ActRefused, match="undone already"):
            actions.undo(cast.owner, given.act_id)
        again = actions.redo(cast.owner, given.act_id, "c2")
        assert (again.files, set(GradeDecision.objects.values_list("code", flat=True))) == (3, {"1"})
    assert list(Act.objects.filter(verb__startswith="grades.").order_by("id").values_list("verb", flat=True)) == [
        "grades.given", "grades.given", "grades.undone", "grades.given",
    ]  # fmt: skip


def test_of_a_series_only_what_waits_is_graded_where_that_is_asked(desk: Desk, cast: Cast, as_actor: Behind) -> None:
    series = desk.put_group("AV-1", "a.jpg", "b.jpg", "c.jpg")
    desk.vote(cast.owner, "AV-1", "b.jpg", "3")
    with as_actor(cast.owner):
        first = actions.grade_series(cast.owner, series.id, None, "UK", "1", "rest", waiting=True)
        second = actions.grade_series(cast.owner, series.id, None, "UK", "1", "rest", waiting=True)
        with pytest.raises(ActRefused, match="left to grade"):
            actions.grade_series(cast.owner, series.id, None, "UK", "1", "once more", waiting=True)
    assert (first.files, second.act_id, second.repeated) == (2, first.act_id, True)
    assert decision("AV-1", "b.jpg").code == "3"


def test_the_same_act_sent_twice_counts_once(desk: Desk, cast: Cast, as_actor: Behind) -> None:
    desk.put("AV-1", "a.jpg", "b.jpg", "c.jpg")
    ids = list(Media.objects.values_list("id", flat=True))
    with as_actor(cast.owner):
        first = actions.give_grades(cast.owner, ids, "UK", "1", "same")
        second = actions.give_grades(cast.owner, ids, "UK", "1", "same")
    assert (first.act_id, second.repeated) == (second.act_id, True)
    assert (GradingAct.objects.count(), Grade.objects.count()) == (1, 3)


def test_a_later_vote_ends_the_earlier_one_and_nothing_is_deleted(desk: Desk, cast: Cast) -> None:
    desk.put("AV-1", "a.jpg", "b.jpg", "c.jpg")
    desk.vote(cast.owner, "AV-1", "a.jpg", "1")
    desk.vote(cast.owner, "AV-1", "a.jpg", "2")
    assert [(vote.code, vote.ended_at is None) for vote in Grade.objects.order_by("at")] == [("1", False), ("2", True)]
    assert (decision("AV-1", "a.jpg").code, decision("AV-1", "a.jpg").votes) == ("2", 1)


def test_schemes_stand_side_by_side(desk: Desk, cast: Cast) -> None:
    desk.put("AV-1", "a.jpg", "b.jpg", "c.jpg")
    desk.vote(cast.owner, "AV-1", "a.jpg", "1")
    desk.vote(cast.owner, "AV-1", "a.jpg", "true", "BASELINE")
    assert set(GradeDecision.objects.values_list("scheme", "code")) == {("UK", "1"), ("BASELINE", "true")}


def test_the_outsider_grades_nothing_and_with_a_grant_to_contribute_votes(
    desk: Desk, cast: Cast, as_actor: Behind
) -> None:
    desk.put("AV-1", "a.jpg", "b.jpg", "c.jpg")
    media = desk.album.media("AV-1", "a.jpg")
    for actor in (cast.outsider, cast.administrator, cast.auditor):
        with pytest.raises(NotFound):
            desk.vote(actor, "AV-1", "a.jpg", "1")
    grant = desk.album.books.grant(media.case, cast.outsider)
    with pytest.raises(NotFound):
        desk.vote(cast.outsider, "AV-1", "a.jpg", "1")
    grant.level = "contribute"
    grant.save(update_fields=["level"])
    desk.vote(cast.outsider, "AV-1", "a.jpg", "1")
    desk.vote(cast.owner, "AV-1", "a.jpg", "1")
    assert decision("AV-1", "a.jpg").votes == 2
    with as_actor(cast.outsider), pytest.raises(NotFound):
        actions.undo(cast.outsider, GradingAct.objects.get(officer_id=cast.owner.officer_id).id)


def test_nobody_votes_for_another_not_even_past_the_actions(desk: Desk, cast: Cast, as_actor: Behind) -> None:
    desk.put("AV-1", "a.jpg", "b.jpg", "c.jpg")
    desk.vote(cast.owner, "AV-1", "a.jpg", "1")
    vote = Grade.objects.get()
    with as_actor(cast.colleague):
        assert Grade.objects.update(code="3") == 0
        vote.pk, vote.officer_id = uuid4(), cast.owner.officer_id
        with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
            vote.save(force_insert=True)


@pytest.mark.parametrize(("scheme", "code"), [("UK", "9"), ("NOWHERE", "1"), ("CANADA", "1"), ("UK", "")])
def test_an_unknown_scheme_or_grade_is_refused(desk: Desk, cast: Cast, scheme: str, code: str) -> None:
    desk.put("AV-1", "a.jpg", "b.jpg", "c.jpg")
    with pytest.raises(ActRefused, match="has no grade"):
        desk.vote(cast.owner, "AV-1", "a.jpg", code, scheme)


def test_two_officers_who_grade_at_once_both_count(desk: Desk, cast: Cast, as_actor: Behind) -> None:
    """Each waits for the other's row locks: the statements that meet are asked for in one order, and none is lost."""
    media = desk.put("AV-1", "a.jpg", "b.jpg")
    with as_actor(cast.owner):
        actions.give_grades(cast.owner, [media[0].id, media[1].id], "UK", "1", "first")
    with CaptureQueriesContext(connection) as asked, as_actor(cast.colleague):
        actions.give_grades(cast.colleague, [media[1].id, media[0].id], "UK", "1", "second")
    held = [row["sql"] for row in asked.captured_queries if "FOR UPDATE" in row["sql"]]
    assert len(held) == 1
    assert 'ORDER BY "grading_gradedecision"."sha256"' in held[0]
    assert set(GradeDecision.objects.values_list("votes", "agreeing")) == {(2, 2)}


# --- Independence and disagreement ------------------------------------------------------------------------------------


def test_the_votes_of_others_are_seen_only_after_ones_own(
    desk: Desk, cast: Cast, client_for: Browsers, as_actor: Behind
) -> None:
    desk.put("AV-1", "a.jpg", "b.jpg", "c.jpg")
    media = desk.album.media("AV-1", "a.jpg")
    desk.vote(cast.owner, "AV-1", "a.jpg", "2")
    address = f"/media/{media.id}/grades/"
    page = client_for(cast.colleague).get(address)
    assert (page.context["found"].standing.mark.words, page.context["found"].standing.votes) == ("1 vote", ())
    assert b"Avon owner</td>" not in page.content
    told = client_for(cast.colleague).post(
        "/grading/marks/", json.dumps({"media": [str(media.id)]}), content_type="application/json"
    )
    assert told.json()["marks"][str(media.id)] == {"state": "voted", "words": "1 vote", "tone": "line", "mine": ""}
    desk.vote(cast.colleague, "AV-1", "a.jpg", "1")
    found = client_for(cast.colleague).get(address).context["found"].standing
    assert [(vote.by, vote.label) for vote in found.votes] == [
        ("Avon owner", "Category B"), ("Avon colleague", "Category A"),
    ]  # fmt: skip
    assert found.mark.state == "differs"
    for line in Act.objects.filter(verb="grades.given"):
        assert '"2"' not in line.details


def test_a_gallery_is_narrowed_by_grade_without_telling_what_others_voted(
    desk: Desk, cast: Cast, client_for: Browsers
) -> None:
    desk.put("AV-1", "a.jpg", "b.jpg", "c.jpg")
    desk.vote(cast.owner, "AV-1", "a.jpg", "1")
    desk.vote(cast.owner, "AV-1", "b.jpg", "1")
    desk.vote(cast.colleague, "AV-1", "b.jpg", "2")

    def shown(actor: Actor, having: str) -> list[str]:
        answer = client_for(actor).get(f"/cases/AV-1/media/?having={having}")
        return sorted(tile.label for tile in answer.context["found"].tiles)

    assert shown(cast.colleague, "ungraded") == ["c.jpg"]
    assert shown(cast.colleague, "mine") == ["b.jpg"]
    assert shown(cast.colleague, "second") == ["a.jpg"]
    assert shown(cast.colleague, "differs") == ["b.jpg"]
    assert shown(cast.owner, "agreed") == []
    assert shown(cast.owner, "second") == []


def test_a_gallery_shows_one_grade_with_counts_in_an_address_to_share_and_tells_nobody_elses_vote(
    desk: Desk, cast: Cast, client_for: Browsers, more: More
) -> None:
    desk.put("AV-1", *(f"{name}.jpg" for name in "abcdef"))
    for name, code in (("a", "1"), ("b", "1"), ("c", "2"), ("e", "3")):
        desk.vote(cast.owner, "AV-1", f"{name}.jpg", code)
    desk.vote(cast.colleague, "AV-1", "c.jpg", "1")
    for third in (cast.colleague, more("third", ["reviewer"])):
        desk.vote(third, "AV-1", "e.jpg", "3")

    def shown(actor: Actor, query: str) -> list[str]:
        answer = client_for(actor).get(f"/cases/AV-1/media/?{query}")
        return sorted(tile.label for tile in answer.context["found"].tiles)

    def counts(actor: Actor, query: str = "") -> dict[str, int]:
        answer = client_for(actor).get(f"/cases/AV-1/grading/filter/?{query}")
        return {option.words: option.files for option in answer.context["found"].options}

    owner, colleague = cast.owner, cast.colleague
    assert counts(owner) == {"All": 6, "Not graded": 2, "Category A": 2, "Category C": 1, "Votes differ": 1}
    assert counts(colleague) == {
        "All": 6, "Not graded": 2, "Category C": 1, "Waits for your vote": 2, "Votes differ": 1,
    }  # fmt: skip
    assert counts(owner, "q=a.jpg&grade=UK:2") == {"All": 1, "Not graded": 0, "Category A": 1, "Category B": 0}
    assert shown(owner, "grade=UK:1") == ["a.jpg", "b.jpg"]
    assert shown(colleague, "grade=UK:1") == []
    assert shown(colleague, "grade=UK:others-alone") == ["a.jpg", "b.jpg"]
    assert shown(colleague, "grade=UK:3") == ["e.jpg"]
    assert shown(owner, "grade=UK:votes-differ") == shown(colleague, "grade=UK:votes-differ") == ["c.jpg"]
    assert shown(owner, "grade=UK:not-graded&sort=oldest") == ["d.jpg", "f.jpg"]
    assert len(shown(owner, "grade=US:not-graded")) == len(shown(owner, "grade=UK:9")) == 6
    page = client_for(owner).get("/cases/AV-1/media/?grade=UK:1").content.decode()
    assert "Category A (United Kingdom" in page
    assert "/cases/AV-1/grading/filter/?grade=UK%3A1" in page
    assert client_for(cast.outsider).get("/cases/AV-1/grading/filter/").status_code == 404
    assert not {"not-graded", "votes-differ", "others-alone"} & {
        grade.code for scheme in schemes().values() for grade in scheme.grades
    }


def test_a_supervisor_settles_after_looking_and_votes_no_more(
    desk: Desk, cast: Cast, more: More, as_actor: Behind
) -> None:
    desk.put("AV-1", "a.jpg", "b.jpg", "c.jpg")
    boss = more("supervisor", [Role.SUPERVISOR])
    desk.vote(cast.owner, "AV-1", "a.jpg", "1")
    desk.vote(cast.colleague, "AV-1", "a.jpg", "2")
    row = decision("AV-1", "a.jpg")
    assert row.state == "differs"
    with as_actor(cast.owner), pytest.raises(ActRefused, match="by a supervisor"):
        actions.settle(cast.owner, row.id, "1", "Mine is right.")
    with as_actor(boss):
        with pytest.raises(ActRefused, match="Look at the votes first"):
            actions.settle(boss, row.id, "1", "It is.")
        assert not queries.list_disagreements(boss, number=1, shown=()).rows[0].sees_votes
        actions.show_votes(boss, row.id)
        assert len(queries.list_disagreements(boss, number=1, shown=()).rows[0].rows) == 2
        with pytest.raises(ActRefused, match="says why"):
            actions.settle(boss, row.id, "1", " ")
        actions.settle(boss, row.id, "1", "By the guideline, section 4.")
        with pytest.raises(ActRefused, match="not be independent"):
            actions.give_grades(boss, [row.media_id], "UK", "1", "late")
    settled = decision("AV-1", "a.jpg")
    assert (settled.state, settled.code, settled.agreeing, settled.votes) == ("settled", "1", 1, 2)
    with as_actor(boss):
        actions.reopen(boss, row.id)
    assert decision("AV-1", "a.jpg").state == "differs"


def test_a_majority_of_three_settles_with_a_reason_and_a_new_round_begins_unseen(
    desk: Desk, cast: Cast, more: More, as_actor: Behind
) -> None:
    desk.put("AV-1", "a.jpg", "b.jpg", "c.jpg")
    third = more("third", [Role.REVIEWER])
    for actor, code in ((cast.owner, "1"), (cast.colleague, "1"), (third, "3")):
        desk.vote(actor, "AV-1", "a.jpg", code)
    row = decision("AV-1", "a.jpg")
    with as_actor(third), pytest.raises(ActRefused, match="majority"):
        actions.settle(third, row.id, "3", "I am sure.")
    with as_actor(cast.owner):
        actions.settle(cast.owner, row.id, "1", "Two of three.")
        actions.reopen(cast.owner, row.id)
        actions.open_round(cast.owner, row.id)
    assert (decision("AV-1", "a.jpg").round, decision("AV-1", "a.jpg").votes) == (2, 0)
    desk.vote(third, "AV-1", "a.jpg", "1")
    with as_actor(cast.owner):
        assert queries.marks_of(cast.owner, [row.media], "UK")[row.media_id].state == "voted"
        with pytest.raises(ActRefused, match="nobody has voted"):
            actions.close_round(cast.owner, row.id)
    assert (decision("AV-1", "a.jpg").code, decision("AV-1", "a.jpg").votes) == ("1", 1)


def test_what_is_agreed_says_how_severe_a_look_is_and_a_first_vote_says_nothing(
    desk: Desk, cast: Cast, more: More, as_actor: Behind, as_job: Behind
) -> None:
    desk.put("AV-1", "a.jpg", "b.jpg", "c.jpg")
    desk.vote(cast.colleague, "AV-1", "b.jpg", "1")
    row = three_votes(desk, more)

    def weighed() -> list[int | None]:
        with as_job(cast.owner):
            jobs.weigh_media(str(row.case_id), str(cast.owner.officer_id))
        return list(Media.objects.order_by("file__name").values_list("severity", flat=True))

    assert weighed() == [3, None, None]
    desk.vote(cast.colleague, "AV-1", "a.jpg", "none")
    assert weighed() == [None, None, None]
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from procrastinate_jobs where task_name = 'weigh_media' and status = 'todo'")
        assert cursor.fetchone()[0] == 1


# --- Entries ----------------------------------------------------------------------------------------------------------


def three_votes(desk: Desk, more: More, name: str = "a.jpg", code: str = "1") -> GradeDecision:
    third = (
        more("third", [Role.REVIEWER]) if "third" not in desk.cast.officers else Actor.of(desk.cast.officers["third"])
    )
    for actor in (desk.cast.owner, desk.cast.colleague, third):
        desk.vote(actor, "AV-1", name, code)
    return decision("AV-1", name)


def test_an_entry_leaves_only_after_three_independent_votes_agree(
    desk: Desk, cast: Cast, more: More, as_actor: Behind
) -> None:
    desk.put("AV-1", "a.jpg", "b.jpg", "c.jpg")
    desk.vote(cast.owner, "AV-1", "a.jpg", "1")
    desk.vote(cast.colleague, "AV-1", "a.jpg", "1")
    row = decision("AV-1", "a.jpg")
    with as_actor(cast.owner), pytest.raises(ActRefused, match="2 of 3 independent votes agree"):
        actions.release_entries(cast.owner, [row.id], "Section 12, Example Act")
    row = three_votes(desk, more)
    with as_actor(cast.owner), pytest.raises(ActRefused, match="legal basis"):
        actions.release_entries(cast.owner, [row.id], " ")
    desk.album.books.grant(row.case, cast.outsider, "manage")
    with as_actor(cast.outsider), pytest.raises(ActRefused, match="case's own agency"):
        actions.release_entries(cast.outsider, [row.id], "Section 12, Example Act")
    with as_actor(cast.owner):
        assert actions.release_entries(cast.owner, [row.id], "Section 12, Example Act") == 1
        with pytest.raises(ActRefused, match="already"):
            actions.release_entries(cast.owner, [row.id], "Section 12, Example Act")
    with as_actor(cast.outsider):
        assert EntryRelease.objects.count() == 0
    [line] = Act.objects.filter(verb="entries.released")
    assert (line.holding_id, json.loads(line.details)["entries"]) == (row.case.holding_id, 1)


def test_an_agency_may_demand_more_votes_and_only_its_supervisors_say_so(
    desk: Desk, cast: Cast, more: More, as_actor: Behind
) -> None:
    desk.put("AV-1", "a.jpg", "b.jpg", "c.jpg")
    row, boss = three_votes(desk, more), more("supervisor", [Role.SUPERVISOR])
    with as_actor(cast.owner), pytest.raises(ActRefused, match="supervisors"):
        actions.change_rule(cast.owner, 1, "")
    with as_actor(boss):
        actions.change_rule(boss, 4, "US")
    with as_actor(cast.owner):
        with pytest.raises(ActRefused, match="3 of 4"):
            actions.release_entries(cast.owner, [row.id], "Section 12, Example Act")
        assert queries.scheme_of(cast.owner, {}).name == "US"
        assert queries.scheme_of(cast.owner, {"grading_scheme": "DE"}).name == "DE"


def test_labels_conditions_and_grades_that_name_nothing_keep_an_entry_back(
    desk: Desk, cast: Cast, more: More, as_actor: Behind
) -> None:
    desk.put("AV-1", "a.jpg", "b.jpg", "c.jpg")
    nothing, row = three_votes(desk, more, "b.jpg", "none"), three_votes(desk, more)
    with as_actor(cast.owner), pytest.raises(ActRefused, match="nothing that a hash list names"):
        actions.release_entries(cast.owner, [nothing.id], "Section 12, Example Act")
    holding = row.case.holding
    holding.handling, holding.conditions = "C", "Ask Avon first"
    holding.save(update_fields=["handling", "conditions"])
    with as_actor(cast.owner), pytest.raises(ActRefused, match="Ask Avon first"):
        actions.release_entries(cast.owner, [row.id], "Section 12, Example Act")
    holding.tlp = "RED"
    holding.save(update_fields=["tlp"])
    with as_actor(cast.owner), pytest.raises(ActRefused, match="TLP:RED"):
        actions.release_entries(cast.owner, [row.id], "Section 12, Example Act", conditions_kept=True)


@pytest.mark.parametrize(("form", "file_name"), [("vics", "own.json"), ("csv", "own.csv")])
def test_what_leaves_is_read_back_as_a_hash_set_with_its_grade(
    desk: Desk, cast: Cast, more: More, as_actor: Behind, import_list: Import, form: str, file_name: str
) -> None:
    desk.put("AV-1", "a.jpg", "b.jpg", "c.jpg")
    row = three_votes(desk, more)
    with as_actor(cast.owner):
        actions.release_entries(cast.owner, [row.id], "Section 12, Example Act")
        made = actions.export_entries(cast.owner, "UK", form)
    assert made.entries == 1
    assert b"a.jpg" not in made.content
    assert b"AV-1" not in made.content
    import_list(cast.owner, made.content, file_name=file_name)
    media = desk.album.media("AV-1", "a.jpg")
    assert (media.known_distance, media.known_as[0]) == (0, "UK:1")


def test_an_entry_whose_votes_no_longer_agree_stays_out_and_one_withdrawn_comes_back(
    desk: Desk, cast: Cast, more: More, as_actor: Behind
) -> None:
    desk.put("AV-1", "a.jpg", "b.jpg", "c.jpg")
    rows = [three_votes(desk, more), three_votes(desk, more, "b.jpg", "2")]
    with as_actor(cast.owner):
        actions.release_entries(cast.owner, [row.id for row in rows], "Section 12, Example Act")
        assert actions.export_entries(cast.owner, "UK", "csv").entries == 2
    desk.vote(cast.colleague, "AV-1", "a.jpg", "2")
    with as_actor(cast.owner):
        assert actions.export_entries(cast.owner, "UK", "csv").entries == 1
        assert [row.stale for row in queries.list_entries(cast.owner, number=1).released].count(True) == 1
        entry = EntryRelease.objects.get(decision=rows[1])
        with pytest.raises(ActRefused, match="why it is withdrawn"):
            actions.withdraw_entry(cast.owner, entry.id, "")
        actions.withdraw_entry(cast.owner, entry.id, "A partner found it is a drawing.")
        with pytest.raises(ActRefused, match="No entry stands"):
            actions.export_entries(cast.owner, "UK", "csv")
        actions.restore_entry(cast.owner, entry.id)
        assert actions.export_entries(cast.owner, "UK", "csv").entries == 1
        with pytest.raises(ActRefused, match="No entry stands"):
            actions.export_entries(cast.owner, "INDUSTRY", "vics")

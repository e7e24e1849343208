"""A case goes by a checklist and a clock: applied, done, skipped, moved, paused, stopped, each with its way back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets_web.audit.models import Act
from opencets_web.cases.models import Case
from opencets_web.policy.actor import Actor
from opencets_web.standards import actions, known, queries
from opencets_web.standards.models import AppliedChecklist, Clock, Deadline, Pause, StepMark
from opencets_web.standards.vocabulary import Standards, checklist_of, content_of
from tests.web.conftest import Behind, Cast

Browser = Callable[[Actor | None], Client]
LIST = "gb-online-images"


@pytest.fixture
def case(cast: Cast, as_actor: Behind) -> Case:
    """Avon's open case, on the owner's desk."""
    from opencets_web.cases.actions import open_case

    with as_actor(cast.owner):
        open_case(cast.owner, reference="AV-1", title="Lantern", kind="possession")
    return Case.objects.get(reference="AV-1")


def say(browser: Client, step: str, state: str = "done", **more: str) -> int:
    """Say something of a step through the page."""
    sent = {"checklist": LIST, "step": step, "state": state, **more}
    return browser.post("/cases/AV-1/standards/steps/", sent).status_code


def test_the_usual_checklist_is_offered_first_applied_and_taken_back(
    case: Case, cast: Cast, client_for: Browser
) -> None:
    browser = client_for(cast.owner)
    page = browser.get("/cases/AV-1/standards/").content.decode()
    assert page.index("Online images case, United Kingdom") < page.index("Online case, any country")
    assert "CyberTipline" not in page, "a checklist of another country is offered"
    assert browser.post("/cases/AV-1/standards/apply/", {"checklist": LIST}).status_code == 302
    applied = AppliedChecklist.objects.get(case=case)
    assert (applied.checklist, applied.version, applied.ended_at) == (LIST, 1, None)
    assert "Assess the risk and set the band" in browser.get("/cases/AV-1/standards/").content.decode()
    again = browser.post("/cases/AV-1/standards/apply/", {"checklist": LIST})
    assert again.status_code == 409
    assert browser.post(f"/standards/checklists/{applied.id}/undo/").status_code == 302
    assert not Deadline.objects.filter(case=case, ended_at=None).exists()
    assert browser.post(f"/standards/checklists/{applied.id}/restore/").status_code == 302
    assert Deadline.objects.filter(case=case, ended_at=None).count() == 4


def test_a_step_is_done_with_its_evidence_taken_back_and_its_history_kept(
    case: Case, cast: Cast, client_for: Browser
) -> None:
    browser = client_for(cast.owner)
    browser.post("/cases/AV-1/standards/apply/", {"checklist": LIST})
    assert say(browser, "children-at-risk") == 409, "done without the reference that it asks for"
    assert not StepMark.objects.exists()
    assert say(browser, "children-at-risk", evidence="Enquiry 14") == 302
    mark = StepMark.objects.get()
    assert (mark.state, mark.reference, mark.by_id, mark.by_agency_id) == (
        "done", "Enquiry 14", cast.owner.officer_id, cast.avon.id,
    )  # fmt: skip
    assert Deadline.objects.get(step="children-at-risk").met_at == mark.at
    assert "Enquiry 14" in browser.get("/cases/AV-1/standards/").content.decode()
    assert browser.post(f"/standards/marks/{mark.id}/undo/").status_code == 302
    assert Deadline.objects.get(step="children-at-risk").met_at is None
    assert [row.state for row in StepMark.objects.order_by("at")] == ["done", "open"]
    assert say(browser, "children-at-risk", "skipped") == 409, "skipped without a reason"
    assert say(browser, "children-at-risk", "not-applicable", reason="No child lives there.") == 302
    assert say(browser, "children-at-risk", "open") == 302
    verbs = Act.objects.filter(holding_id=case.holding_id, verb__startswith="step.").order_by("id")
    assert list(verbs.values_list("verb", flat=True)) == [
        "step.done", "step.undone", "step.not-applicable", "step.reopened",
    ]  # fmt: skip


def test_evidence_of_another_case_is_not_there(case: Case, cast: Cast, as_actor: Behind) -> None:
    from opencets_web.cases.actions import open_case
    from opencets_web.evidence.models import Exhibit

    with as_actor(cast.outsider):
        open_case(cast.outsider, reference="BO-1", title="Theirs", kind="possession")
    theirs = Case.objects.get(reference="BO-1")
    exhibit = Exhibit.objects.create(
        holding_id=theirs.holding_id, agency_id=theirs.agency_id, case=theirs, reference="EX-1", title="Phone", state="read",
        received_by_id=cast.outsider.officer_id, begun_at=timezone.now(),
    )  # fmt: skip
    with as_actor(cast.owner):
        actions.apply_checklist(cast.owner, "AV-1", LIST)
        with pytest.raises(ActRefused, match="is done with an exhibit"):
            actions.mark_step(cast.owner, "AV-1", checklist=LIST, step="devices-examined", state="done", evidence="x")
        with pytest.raises(NotFound):
            actions.mark_step(
                cast.owner, "AV-1", checklist=LIST, step="devices-examined", state="done", exhibit=exhibit.id
            )


def test_the_outsider_finds_nothing_and_a_reader_changes_nothing(
    case: Case, cast: Cast, client_for: Browser, as_actor: Behind
) -> None:
    from opencets_web.policy.models import Grant

    with as_actor(cast.owner):
        actions.apply_checklist(cast.owner, "AV-1", LIST)
    outsider = client_for(cast.outsider)
    assert outsider.get("/cases/AV-1/standards/").status_code == 404
    assert say(outsider, "deconflict") == 404
    now = timezone.now()
    grant = Grant.objects.create(
        holding_id=case.holding_id, agency=cast.avon, to_agency=cast.borders, level="read", purpose="Joint inquiry",
        granted_by_id=cast.owner.officer_id, granted_at=now - timedelta(hours=1), expires_at=now + timedelta(days=1),
    )  # fmt: skip
    page = outsider.get("/cases/AV-1/standards/").content.decode()
    assert "Look for others who work on the same" in page
    assert "Mark as done" not in page
    assert say(outsider, "deconflict") == 404
    grant.level = "contribute"
    grant.save(update_fields=["level"])
    assert say(outsider, "deconflict") == 302
    page = client_for(cast.owner).get("/cases/AV-1/standards/").content.decode()
    assert "Borders outsider, Borders" in page, "it is not said which agency did it"


@pytest.fixture
def version_two(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From when it is called, the node knows a second version: a step more, a step less, one changed."""

    def publish() -> None:
        from dataclasses import replace

        now = known.known()
        before = now.checklist(LIST)
        assert before is not None
        changed = replace(before.steps[1], title="Ask who else works on the same", due=None, due_soon=None,
                          escalate_after=None)  # fmt: skip
        added = replace(before.steps[0], key="second-officer", title="Name a second officer", due=None, due_soon=None,
                        escalate_after=None)  # fmt: skip
        second = replace(before, version=2, steps=(before.steps[0], changed, *before.steps[2:-1], added))
        newer = Standards((*now.checklists, second), now.clocks)
        for module in (actions, queries):
            monkeypatch.setattr(module, "known", lambda: newer)

    return publish


def test_a_newer_version_changes_no_case_until_an_officer_moves_it_and_back(
    case: Case, cast: Cast, client_for: Browser, version_two: Callable[[], None]
) -> None:
    browser = client_for(cast.owner)
    browser.post("/cases/AV-1/standards/apply/", {"checklist": LIST})
    say(browser, "deconflict")
    version_two()
    first = AppliedChecklist.objects.get()
    page = browser.get("/cases/AV-1/standards/").content.decode()
    assert "Look for others who work on the same" in page
    assert "Ask who else works on the same" not in page
    shown = browser.get(f"/standards/checklists/{first.id}/move/").content.decode()
    for told in ("Name a second officer", "Hand the hashes of new material", "<del>24 hours</del> <ins>none</ins>"):
        assert told in shown
    assert browser.post(f"/standards/checklists/{first.id}/move/", {"version": 2}).status_code == 302
    page = browser.get("/cases/AV-1/standards/").content.decode()
    assert "Ask who else works on the same" in page
    assert "Name a second officer" in page
    second = AppliedChecklist.objects.get(ended_at=None)
    assert (second.version, second.replaces_id) == (2, first.id)
    assert not Deadline.objects.filter(step="deconflict", ended_at=None).exists()
    assert browser.post(f"/standards/checklists/{second.id}/back/").status_code == 302
    live = AppliedChecklist.objects.get(ended_at=None)
    assert (live.id, live.version) == (first.id, 1)
    assert Deadline.objects.get(step="deconflict", ended_at=None).met_at is not None
    assert checklist_of(live.content) == known.known().checklist(LIST)


def test_a_band_is_set_changed_and_taken_back_with_its_time(case: Case, cast: Cast, client_for: Browser) -> None:
    browser = client_for(cast.owner)
    first = timezone.now().replace(second=0, microsecond=0) - timedelta(days=2)
    sent = {
        "band": "gb-risk-bands:high",
        "reason": "Coaches a team.",
        "first_information_at": f"{first:%Y-%m-%dT%H:%M}",
    }
    assert browser.post("/cases/AV-1/standards/band/", sent).status_code == 302
    high = Clock.objects.get()
    assert high.deadline.due_at == first + timedelta(days=7)
    assert "4 days 23 h left" in browser.get("/cases/AV-1/standards/").content.decode()
    sent = {"band": "gb-risk-bands:low", "reason": "Coaches adults."}
    before = timezone.now()
    assert browser.post("/cases/AV-1/standards/band/", sent).status_code == 302
    low = Clock.objects.get(ended_at=None)
    assert before <= low.deadline.due_at - timedelta(days=30) <= timezone.now(), "low is not counted from the change"
    assert low.first_information_at == first
    assert "Coaches a team." in browser.get("/cases/AV-1/standards/").content.decode()
    assert browser.post(f"/standards/clocks/{low.id}/undo/").status_code == 302
    live = Clock.objects.get(ended_at=None)
    assert (live.id, live.deadline.due_at, live.deadline.ended_at) == (high.id, first + timedelta(days=7), None)
    late = {**sent, "first_information_at": f"{timezone.now() + timedelta(days=1):%Y-%m-%dT%H:%M}"}
    assert browser.post("/cases/AV-1/standards/band/", late).status_code == 409
    assert (
        browser.post("/cases/AV-1/standards/band/", {**sent, "band": "us-preservation:report-act"}).status_code == 409
    )


def test_a_clock_is_paused_only_where_its_data_allows_and_runs_on_by_as_long(
    case: Case, cast: Cast, as_actor: Behind
) -> None:
    with as_actor(cast.owner):
        high = actions.set_band(cast.owner, "AV-1", clocks="gb-risk-bands", band="high", reason="Coaches a team.")
        with pytest.raises(ActRefused, match="never paused"):
            actions.pause_clock(cast.owner, high, "Holidays")
        low = actions.set_band(cast.owner, "AV-1", clocks="gb-risk-bands", band="low", reason="Coaches adults.")
        with pytest.raises(ActRefused, match="with a reason"):
            actions.pause_clock(cast.owner, low, " ")
        due = Deadline.objects.get(clock_id=low).due_at
        actions.pause_clock(cast.owner, low, "The suspect is abroad.")
        with pytest.raises(ActRefused, match="does not run"):
            actions.pause_clock(cast.owner, low, "Again")
        page = queries.get_case_standards(cast.owner, "AV-1")
        assert (page.clocks[0].standing, page.clocks[0].paused_because) == ("paused", "The suspect is abroad.")
    Deadline.objects.filter(clock_id=low).update(paused_at=timezone.now() - timedelta(days=3))
    with as_actor(cast.owner):
        actions.resume_clock(cast.owner, low)
    moved = Deadline.objects.get(clock_id=low).due_at - due
    assert timedelta(days=3) <= moved < timedelta(days=3, minutes=5)
    assert Pause.objects.get().until_at is not None


def test_a_step_that_acts_stops_the_clock_and_opened_again_lets_it_run(
    case: Case, cast: Cast, as_actor: Behind
) -> None:
    with as_actor(cast.owner):
        actions.apply_checklist(cast.owner, "AV-1", LIST)
        clock = actions.set_band(cast.owner, "AV-1", clocks="gb-risk-bands", band="high", reason="Coaches a team.")
        given = {"checklist": LIST, "step": "action-taken"}
        actions.mark_step(cast.owner, "AV-1", **given, state="done", evidence="Warrant 7")
        assert Clock.objects.get(pk=clock).met_how == "Step done: Act on the address or the person"
        assert Deadline.objects.get(clock_id=clock).met_at is not None
        actions.mark_step(cast.owner, "AV-1", **given, state="open")
        assert Deadline.objects.get(clock_id=clock).met_at is None
        actions.meet_clock(cast.owner, clock, "The children are with their aunt.")
        with pytest.raises(ActRefused, match="stopped already"):
            actions.meet_clock(cast.owner, clock, "Again")
        actions.reopen_clock(cast.owner, clock)
    assert Clock.objects.get(pk=clock).met_at is None
    done = Act.objects.get(verb="step.done")
    assert "gb-risk-bands" in done.details


def test_a_closed_case_is_read_and_not_changed(case: Case, cast: Cast, as_actor: Behind) -> None:
    from opencets_web.cases.actions import close_case

    with as_actor(cast.owner):
        actions.apply_checklist(cast.owner, "AV-1", LIST)
        close_case(cast.owner, "AV-1", "Charged.")
        assert not queries.get_case_standards(cast.owner, "AV-1").may_change
        with pytest.raises(ActRefused, match="is closed"):
            actions.mark_step(cast.owner, "AV-1", checklist=LIST, step="deconflict", state="done")


def test_the_board_counts_own_cases_by_how_they_stand(case: Case, cast: Cast, as_actor: Behind) -> None:
    from opencets_web.cases.actions import open_case

    with as_actor(cast.owner):
        for reference in ("AV-2", "AV-3", "AV-4"):
            open_case(cast.owner, reference=reference, title=f"Case {reference}", kind="possession")
        first = timezone.now() - timedelta(days=6)
        actions.set_band(cast.owner, "AV-2", clocks="gb-risk-bands", band="very-high", reason="Now.",
                         first_information_at=first)  # fmt: skip
        actions.set_band(cast.owner, "AV-3", clocks="gb-risk-bands", band="high", reason="Soon.",
                         first_information_at=first)  # fmt: skip
        actions.apply_checklist(cast.owner, "AV-4", "international-online")
    with as_actor(cast.outsider):
        open_case(cast.outsider, reference="BO-1", title="Theirs", kind="possession")
    with as_actor(cast.colleague):
        board = queries.get_board(cast.colleague)
        assert {part.name: part.number for part in board.parts} == {"overdue": 1, "soon": 1, "on-time": 1, "none": 1}
        assert [row.reference for row in board.rows] == ["AV-2", "AV-3", "AV-1", "AV-4"]
        assert round(sum(part.width for part in board.parts)) == 1_000
        alone = queries.get_board(cast.colleague, standing="soon")
        assert [row.reference for row in alone.rows] == ["AV-3"]
        assert alone.total == 4
        assert alone.rows[0].due is not None
        assert "left" in alone.rows[0].due.words
        assert queries.get_board(cast.colleague, words="AV-4").rows[0].required == 9
    with as_actor(cast.outsider):
        assert [row.reference for row in queries.get_board(cast.outsider).rows] == ["BO-1"]
    with as_actor(cast.administrator):
        assert queries.get_board(cast.administrator).total == 0


def test_what_is_due_stands_on_overview_and_desk(case: Case, cast: Cast, client_for: Browser, as_actor: Behind) -> None:
    with as_actor(cast.owner):
        first = timezone.now() - timedelta(hours=20)
        actions.set_band(cast.owner, "AV-1", clocks="gb-risk-bands", band="very-high", reason="Now.",
                         first_information_at=first)  # fmt: skip
    for address in ("/", "/cases/AV-1/", "/standards/"):
        page = client_for(cast.owner).get(address).content.decode()
        assert "3 h 5" in page, address
        assert "Police action taken within 24 hours" in page


def test_a_version_is_kept_whole_with_the_case(cast: Cast) -> None:
    for entry in known.known().checklists:
        assert checklist_of(content_of(entry)) == entry

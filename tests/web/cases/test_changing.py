"""Two people change one case: each field apart, both versions side by side, nothing lost, everything put back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from opencets_web.audit.models import Act
from opencets_web.cases.models import Case, FieldChange
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Holding
from tests.web.casework.joint import make_case, open_to, refused
from tests.web.conftest import Cast

Browser = Callable[[Actor | None], Client]


@pytest.fixture
def joint(cast: Cast) -> Case:
    """Avon's case on which Borders works too."""
    case = make_case(cast, "AV-1")
    case.summary = "First line.\r\nSecond line."
    case.save(update_fields=["summary"])
    open_to(case, cast.borders.id)
    return case


def form_of(browser: Client, reference: str = "AV-1") -> dict[str, Any]:
    """What the form holds as its page was drawn, as a browser would send it back unchanged."""
    form = browser.get(f"/cases/{reference}/change/").context["form"]
    return {name: form[name].value() or "" for name in form.fields}


def send(browser: Client, form: dict[str, Any], **written: str) -> Any:
    """The form sent with what was written into it."""
    return browser.post("/cases/AV-1/change/", {**form, **written})


def test_two_editors_of_two_fields_both_keep_theirs(joint: Case, cast: Cast, client_for: Browser) -> None:
    us, them = client_for(cast.owner), client_for(cast.outsider)
    ours, theirs = form_of(us), form_of(them)
    assert send(us, ours, title="Harbour").status_code == 302
    assert send(them, theirs, summary="Written by Borders").status_code == 302
    joint.refresh_from_db()
    assert (joint.title, joint.summary) == ("Harbour", "Written by Borders")


def test_two_editors_of_one_field_see_both_versions_and_the_rest_is_kept(
    joint: Case, cast: Cast, client_for: Browser
) -> None:
    us, them = client_for(cast.owner), client_for(cast.outsider)
    ours, theirs = form_of(us), form_of(them)
    send(us, ours, summary="Avon's words")
    answer = send(them, theirs, summary="Borders' words", title="Harbour")
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "Avon&#x27;s words" in page
    assert "Borders&#x27; words" in page
    assert "Avon owner (Avon)" in page
    joint.refresh_from_db()
    assert (joint.title, joint.summary) == ("Harbour", "Avon's words")
    form = answer.context["form"]
    again = {name: form[name].value() or "" for name in form.fields}
    assert again["summary"] == "Borders' words"
    assert send(them, again, summary="Avon's words and Borders' words").status_code == 302
    joint.refresh_from_db()
    assert joint.summary == "Avon's words and Borders' words"
    fields = [(change.field, change.after) for change in FieldChange.objects.order_by("at", "id")]
    assert fields == [
        ("summary", "Avon's words"), ("title", "Harbour"), ("summary", "Avon's words and Borders' words"),
    ]  # fmt: skip
    assert Act.objects.filter(verb="case.changed").count() == 3


def test_the_editor_keeps_theirs_by_one_button(joint: Case, cast: Cast, client_for: Browser) -> None:
    us, them = client_for(cast.owner), client_for(cast.outsider)
    ours, theirs = form_of(us), form_of(them)
    send(us, ours, summary="Avon's words")
    form = send(them, theirs, summary="Borders' words").context["form"]
    again = {name: form[name].value() or "" for name in form.fields}
    assert send(them, again, theirs="summary").status_code == 302
    joint.refresh_from_db()
    assert joint.summary == "Avon's words"
    assert FieldChange.objects.count() == 1


def test_an_unchanged_form_writes_nothing_over_what_another_changed(
    joint: Case, cast: Cast, client_for: Browser
) -> None:
    us, them = client_for(cast.owner), client_for(cast.outsider)
    theirs = form_of(them)
    send(us, form_of(us), title="Harbour", summary="New")
    assert send(them, theirs).status_code == 302
    joint.refresh_from_db()
    assert (joint.title, joint.summary) == ("Harbour", "New")
    assert FieldChange.objects.count() == 2


def test_a_form_that_does_not_say_what_it_saw_overwrites_nothing(joint: Case, cast: Cast, client_for: Browser) -> None:
    us = client_for(cast.owner)
    bare = {name: value for name, value in form_of(us).items() if not name.startswith("seen_")}
    assert send(us, bare, title="Harbour").status_code == 409
    joint.refresh_from_db()
    assert joint.title == "Case AV-1"


def test_lines_ended_in_another_way_are_no_change(joint: Case, cast: Cast, client_for: Browser) -> None:
    us = client_for(cast.owner)
    form = form_of(us)
    send(us, {name: value.replace("\n", "\r\n") for name, value in form.items()})
    assert not FieldChange.objects.exists()


def test_a_partner_changes_what_is_written_and_not_how_it_is_handled(
    joint: Case, cast: Cast, client_for: Browser
) -> None:
    them = client_for(cast.outsider)
    form = form_of(them)
    assert "handling" not in form
    send(them, form, handling="C", conditions="None", disclosure="silent", title="Harbour")
    holding = Holding.objects.get(pk=joint.holding_id)
    assert (holding.handling, holding.disclosure) == ("P", "open")
    assert Case.objects.get(pk=joint.pk).title == "Harbour"


def test_code_c_never_loses_its_conditions_to_a_change_beside_it(joint: Case, cast: Cast, client_for: Browser) -> None:
    us, colleague = client_for(cast.owner), client_for(cast.colleague)
    Holding.objects.filter(pk=joint.holding_id).update(conditions="Ask Avon")
    ours, theirs = form_of(us), form_of(colleague)
    send(us, ours, conditions="")
    answer = send(colleague, theirs, handling="C")
    assert answer.status_code == 409
    assert Holding.objects.get(pk=joint.holding_id).handling == "P"


def test_history_shows_who_changed_what_and_puts_it_back(joint: Case, cast: Cast, client_for: Browser) -> None:
    us, them = client_for(cast.owner), client_for(cast.outsider)
    send(us, form_of(us), title="Harbour")
    send(them, form_of(them), title="Lighthouse")
    page = us.get("/cases/AV-1/history/").content.decode()
    assert "Harbour" in page
    assert "Borders outsider" in page
    latest = FieldChange.objects.order_by("-at", "-id").first()
    assert latest is not None
    assert "changed again meanwhile" in refused(us, f"/changes/{latest.id}/put-back/", {"seen": "Harbour"})
    assert us.post(f"/changes/{latest.id}/put-back/", {"seen": "Lighthouse"}).status_code == 302
    assert Case.objects.get(pk=joint.pk).title == "Harbour"
    assert "stands so already" in refused(us, f"/changes/{latest.id}/put-back/", {"seen": "Harbour"})
    assert FieldChange.objects.count() == 3


def test_a_partner_puts_no_handling_back(joint: Case, cast: Cast, client_for: Browser) -> None:
    us, them = client_for(cast.owner), client_for(cast.outsider)
    send(us, form_of(us), disclosure="silent")
    change = FieldChange.objects.get()
    assert them.post(f"/changes/{change.id}/put-back/", {"seen": "silent"}).status_code == 404
    assert us.post(f"/changes/{change.id}/put-back/", {"seen": "silent"}).status_code == 302
    assert Holding.objects.get(pk=joint.holding_id).disclosure == "open"


def test_an_open_form_tells_what_another_changed_meanwhile(joint: Case, cast: Cast, client_for: Browser) -> None:
    us, them = client_for(cast.owner), client_for(cast.outsider)
    since = (timezone.now()).isoformat()
    send(us, form_of(us), title="Harbour")
    page = them.get("/cases/AV-1/change/", {"since": since}).content.decode()
    assert "while this form was open" in page
    assert "while this form was open" not in us.get("/cases/AV-1/change/", {"since": since}).content.decode()
    assert "while this form was open" not in them.get("/cases/AV-1/change/", {"since": "nonsense"}).content.decode()


def test_a_removed_number_is_put_back(joint: Case, cast: Cast, client_for: Browser) -> None:
    them = client_for(cast.outsider)
    them.post("/cases/AV-1/numbers/", {"partner": "Borders", "number": "BO-77"})
    number = joint.numbers.get()
    assert "BO-77" in them.get("/cases/AV-1/").content.decode()
    them.post(f"/cases/AV-1/numbers/{number.id}/remove/")
    assert "BO-77" not in them.get("/cases/AV-1/").content.decode()
    them.post(f"/cases/AV-1/numbers/{number.id}/restore/")
    assert "BO-77" in client_for(cast.owner).get("/cases/AV-1/").content.decode()

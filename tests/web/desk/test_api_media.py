"""Shared footage, votes and held entries by the API: what the pages give and take, to those alone who have it there."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from opencets_web.audit.models import Act
from opencets_web.media.models import EntryVote, Media
from tests.house.small_case import REFERENCE, SmallCase, make_small_case

if TYPE_CHECKING:
    from django.test import Client

    from tests.web.conftest import Cast

pytestmark = pytest.mark.django_db
Browsers = Callable[..., "Client"]


@pytest.fixture
def small(cast: Cast) -> SmallCase:
    """A case with footage, a held entry and a vote."""
    return make_small_case(cast)


def send(browser: Client, path: str, **given: Any) -> tuple[int, Any]:
    answer = browser.post(f"/api/v1/{path}", given, content_type="application/json")
    return answer.status_code, answer.json() if answer.content else None


def test_shared_footage_is_listed_and_judged_by_who_sees_both_sides(small: SmallCase, client_for: Browsers) -> None:
    owner, outsider = (client_for(small.actors[who]) for who in ("owner", "outsider"))
    (row,) = owner.get(f"/api/v1/cases/{REFERENCE}/footage").json()["footage"]
    assert row["id"] == str(small.id_of("shared_footage"))
    assert (row["first"]["begin"], row["second"]["end"], row["state"], row["judged_by"]) == (1.0, 8.0, "suggested", "")
    assert {row["first"]["case"], row["second"]["case"]} == {REFERENCE}
    assert json.loads(Act.objects.get(verb="footage.viewed").details)["by"] == "api"
    assert outsider.get(f"/api/v1/cases/{REFERENCE}/footage").status_code == 404
    judge = f"footage/{row['id']}/judge"
    assert send(outsider, judge, state="confirmed")[0] == 404
    assert send(client_for(small.actors["partner"]), judge, state="confirmed")[0] == 404
    assert send(owner, judge, state="sure")[0] == 422
    assert send(owner, judge, state="confirmed") == (204, None)
    assert send(owner, judge, state="confirmed")[1]["sentence"] == "This footage is confirmed already."
    (row,) = owner.get(f"/api/v1/cases/{REFERENCE}/footage").json()["footage"]
    assert (row["state"], bool(row["judged_by"])) == ("confirmed", True)
    assert send(owner, judge, state="suggested") == (204, None)
    assert owner.get(f"/api/v1/cases/{REFERENCE}/footage?cursor={row['id']}").json() == {"footage": [], "next": None}


def test_votes_are_the_agencys_and_are_taken_back_by_who_gave_them(small: SmallCase, client_for: Browsers) -> None:
    owner, colleague, outsider = (client_for(small.actors[who]) for who in ("owner", "colleague", "outsider"))
    (vote,) = owner.get("/api/v1/votes").json()["votes"]
    assert (vote["id"], vote["confirms"], vote["reason"], vote["mine"]) == (
        str(small.id_of("entry_vote")), False, "A logo of Avon", True
    )  # fmt: skip
    assert [row["mine"] for row in colleague.get("/api/v1/votes").json()["votes"]] == [False]
    assert outsider.get("/api/v1/votes").json() == {"votes": [], "next": None}
    for browser in (colleague, outsider):
        assert send(browser, f"votes/{vote['id']}/withdraw")[0] == 404
    assert send(owner, f"votes/{vote['id']}/withdraw") == (204, None)
    assert send(owner, f"votes/{vote['id']}/withdraw")[0] == 409
    named = str(small.id_of("picture_media"))
    assert "No hash set names" in send(owner, f"media/{named}/vote", confirms=True)[1]["sentence"]
    Media.objects.filter(pk=named).update(known_by=small.rows["hash_entry"], known_set=small.rows["hash_set"])
    assert send(outsider, f"media/{named}/vote", confirms=True)[0] == 404
    assert "needs a reason" in send(owner, f"media/{named}/vote", confirms=False)[1]["sentence"]
    status, made = send(owner, f"media/{named}/vote", confirms=False, reason="A shop's logo")
    assert (status, EntryVote.objects.get(pk=made["id"]).reason) == (201, "A shop's logo")


def test_held_entries_are_the_agencys_and_decided_by_who_imports(small: SmallCase, client_for: Browsers) -> None:
    owner, colleague, outsider = (client_for(small.actors[who]) for who in ("owner", "colleague", "outsider"))
    (held,) = colleague.get("/api/v1/held-entries").json()["held"]
    assert (held["id"], held["files"], held["state"]) == (str(small.id_of("held_entry")), "over 2,000", "held")
    assert "431" not in str({**held, "id": "", "hash_set_id": ""})
    assert outsider.get("/api/v1/held-entries").json()["held"] == []
    assert client_for(small.actors["auditor"]).get("/api/v1/held-entries").status_code == 404
    decide = f"held-entries/{held['id']}/decide"
    assert send(outsider, decide, state="released", reason="Seen")[0] == 404
    assert send(colleague, decide, state="released", reason="Seen")[0] == 409
    assert "needs a reason" in send(owner, decide, state="rejected")[1]["sentence"]
    assert send(owner, decide, state="rejected", reason="A logo") == (204, None)
    assert owner.get("/api/v1/held-entries").json()["held"][0]["reason"] == "A logo"
    assert send(owner, decide, state="held") == (204, None)
    assert owner.get("/api/v1/held-entries").json()["held"][0]["state"] == "held"

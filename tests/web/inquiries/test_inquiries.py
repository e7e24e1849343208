"""Asking a provider: from the claim to the answer, through the pages, with every refusal and every way back."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone
from pypdf import PdfReader

from opencets.errors import ActRefused, NotFound
from opencets_web.audit.models import Act
from opencets_web.cases.models import Case
from opencets_web.evidence.models import Claim, Exhibit
from opencets_web.inquiries import actions, queries
from opencets_web.inquiries.models import Inquiry, InquiryState, InquiryStep, InquiryValue, Provider
from opencets_web.policy.actor import Actor
from tests.web.conftest import Behind, Cast
from tests.web.leads.worlds import World

Browser = Callable[[Actor | None], Client]
ADDRESS, PORT = "198.51.100.7", "50412"
SAID = {
    "authority": "Avon, Online Child Abuse Unit", "offence": "Distribution", "facts": "A file was sent in a chat.",
    "necessity": "Nothing less names the subscriber.", "addressee": "Lantern Broadband, Dublin", "risk": "A child is in danger.",
}  # fmt: skip


@pytest.fixture
def case(world: World) -> Case:
    """Avon's case."""
    return world.case("AV-1")


@pytest.fixture
def provider(cast: Cast) -> Provider:
    """A provider that shares its addresses, keeps logs for ninety days and writes them in Berlin."""
    return Provider.objects.create(
        agency=cast.avon, name="Lantern Broadband", email="legal@lantern.example.org", shares_addresses=True, retention_days=90,
        zone="Europe/Berlin", added_by_id=cast.owner.officer_id, added_at=timezone.now(),
    )  # fmt: skip


def recently(days: int = 2) -> datetime:
    """An instant that is neither future nor old, to the second."""
    return (timezone.now() - timedelta(days=days)).replace(microsecond=0)


def login(
    world: World,
    case: Case,
    *,
    at: str = "",
    written: str = "",
    port: str = PORT,
    exhibit: str = "EX-1",
    address: str = ADDRESS,
) -> Claim:
    """A log-in as a reader keeps it: address, time and port beside each other; the claim of the address."""
    record = world.record(case, ("ip", address), kind="event", exhibit=exhibit)
    when = at or f"{recently():%Y-%m-%dT%H:%M:%SZ}"
    said = [("happened_at", "instant", written or when, when)] + ([("port", "number", port, port)] if port else [])
    for name, kind, raw, normal in said:
        Claim.objects.create(
            holding_id=case.holding_id, agency_id=case.agency_id, case=case, record=record, property=name, kind=kind, raw=raw,
            normal=normal,
        )  # fmt: skip
    return Claim.objects.get(record=record, kind="ip")


def draft(browser: Client, case: Case, provider: Provider, claim: Claim | None, kind: str = "us-2703-f") -> Inquiry:
    """Draft through the page, with the claim carried over."""
    page = f"/cases/{case.reference}/inquiries/new/" + (f"?claim={claim.id}" if claim else "")
    assert browser.get(page).status_code == 200
    answer = browser.post(page, {"instrument": kind, "provider": str(provider.id)})
    assert answer.status_code == 302, answer.content.decode()
    return Inquiry.objects.latest("drafted_at")


def say(browser: Client, inquiry: Inquiry) -> None:
    """Fill in what the instrument wants said."""
    answer = browser.post(
        f"/inquiries/{inquiry.id}/",
        {"subject": "Who had the address", **{f"say_{name}": text for name, text in SAID.items()}},
    )
    assert answer.status_code == 302, answer.content.decode()


def act(browser: Client, inquiry: Inquiry, verb: str, **given: str) -> tuple[int, str]:
    """Do something with a request through its page; the status and what the officer reads."""
    answer = browser.post(f"/inquiries/{inquiry.id}/{verb}/", given, follow=True)
    inquiry.refresh_from_db()
    return answer.status_code, answer.content.decode()


def serve(browser: Client, inquiry: Inquiry) -> None:
    """Serve it now, through the page."""
    status, page = act(
        browser, inquiry, "serve", how="Portal", at=f"{timezone.now():%Y-%m-%d %H:%M}", reference="LB-77"
    )
    assert (status, inquiry.state) == (200, "served"), page


def test_an_address_in_an_exhibit_becomes_an_answered_request(
    world: World, case: Case, provider: Provider, client_for: Browser, cast: Cast
) -> None:
    us, claim = client_for(cast.owner), login(world, case)
    inquiry = draft(us, case, provider, claim)
    value = InquiryValue.objects.get(inquiry=inquiry)
    at = Claim.objects.get(record=claim.record, property="happened_at")
    # Nothing was typed: value, time, port and place are those of the claim.
    assert (value.raw, value.time, value.recorded, value.source_port) == (ADDRESS, at.raw, at.normal, PORT)
    assert (value.claim_id, value.place) == (claim.id, "EX-1 › phone.zip › contacts.csv › row 1")
    status, page = act(us, inquiry, "approve")
    assert (status, inquiry.state) == (409, "draft")
    assert "is empty" in page
    say(us, inquiry)
    assert act(us, inquiry, "approve")[0] == 200
    serve(us, inquiry)
    assert inquiry.served_reference == "LB-77"
    assert inquiry.preserved_until == inquiry.served_at + timedelta(days=90)
    assert inquiry.due_at is not None
    assert act(us, inquiry, "preserved")[0] == 200
    assert (inquiry.state, inquiry.next_at) == ("preserved", inquiry.preserved_until - timedelta(days=14))
    answer = world.exhibit(case, "EX-2")
    world.record(case, ("ip", ADDRESS), ("email", "new@example.org"), exhibit="EX-2", kind="account")
    status, page = act(us, inquiry, "answer", exhibit=str(answer.id))
    assert (status, inquiry.state, inquiry.answer_id) == (200, "answered", answer.id)
    assert "new@example.org" in page
    assert act(us, inquiry, "close", reason="The subscriber is known.")[0] == 200
    assert inquiry.state == "closed"
    verbs = set(Act.objects.filter(subject=f"inquiry:{inquiry.number}").values_list("verb", flat=True))
    assert verbs >= {
        "inquiry.drafted", "inquiry.value-added", "inquiry.changed", "inquiry.approved", "inquiry.served", "inquiry.preserved",
        "inquiry.answered", "inquiry.closed", "inquiry.viewed",
    }  # fmt: skip


def test_the_letter_is_read_back_with_the_instant_in_both_zones_and_the_port(
    world: World, case: Case, provider: Provider, client_for: Browser, cast: Cast
) -> None:
    us = client_for(cast.owner)
    inquiry = draft(us, case, provider, login(world, case, at="2026-07-20T22:11:12Z"))
    us.post(
        "/inquiries/letterhead/",
        {"head": "Avon Constabulary\n1 Quay Street", "signature": "Unit 7", "contact": "Ring 999"},
    )
    say(us, inquiry)
    draft_text = us.get(f"/inquiries/{inquiry.id}/letter.txt").content.decode()
    assert "DRAFT: NOT SENT" in draft_text
    assert act(us, inquiry, "approve")[0] == 200
    pdf = us.get(f"/inquiries/{inquiry.id}/letter.pdf")
    assert pdf.headers["Content-Type"] == "application/pdf"
    said = " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf.content)).pages).split())
    text = " ".join(us.get(f"/inquiries/{inquiry.id}/letter.txt").content.decode().split())
    for words in (
        inquiry.number, ADDRESS, PORT, "2026-07-20 22:11:12", "2026-07-21 00:11:12", "+02:00", "18 U.S.C. 2703(f)", "1 Quay Street",
        "Unit 7", "Ring 999", "Avon owner", "A file was sent in a chat.", "Lantern Broadband", "90 days",
    ):  # fmt: skip
        assert words in said, words
        assert words in text, words
    assert "contacts.csv" not in said  # where it stands in our exhibit is nobody else's business
    assert us.get(f"/inquiries/{inquiry.id}/letter.pdf").content == pdf.content
    import hashlib

    assert hashlib.sha256(pdf.content).hexdigest() == inquiry.letter_sha256
    us.post("/inquiries/letterhead/", {"head": "Another head", "signature": "", "contact": ""})
    assert us.get(f"/inquiries/{inquiry.id}/letter.pdf").content == pdf.content


@pytest.mark.parametrize(
    ("made", "zone", "port", "sentence"),
    [
        ({"port": ""}, "", "", "without the source port"),
        ({"at": "2026-07-20T10:11:12"}, "", "", "names no zone"),
        ({"at": "2026-07-20T10:11:12", "port": ""}, "", "", "names no zone"),
    ],
)  # fmt: skip
def test_what_is_missing_stands_on_the_page_and_stops_the_approval(
    world: World, case: Case, provider: Provider, client_for: Browser, cast: Cast, made: dict[str, str], zone: str, port: str,
    sentence: str,
) -> None:  # fmt: skip
    us = client_for(cast.owner)
    inquiry = draft(us, case, provider, login(world, case, **made))
    say(us, inquiry)
    assert sentence in us.get(f"/inquiries/{inquiry.id}/").content.decode()
    status, page = act(us, inquiry, "approve")
    assert (status, inquiry.state) == (409, "draft")
    assert sentence in page
    value = InquiryValue.objects.get(inquiry=inquiry)
    done = us.post(f"/inquiries/values/{value.id}/", {
        "zone": "Europe/London" if "at" in made else "", "port": PORT if made.get("port") == "" else "",
    })  # fmt: skip
    assert done.status_code == 302, done.content.decode()
    assert act(us, inquiry, "approve")[0] == 200
    assert inquiry.state == "approved"


@pytest.mark.parametrize(
    ("made", "zone", "port", "sentence"),
    [
        ({}, "+02:00", "", "2 h away"),
        ({}, "", "50413", f"The source says port {PORT}"),
        ({"port": ""}, "", "70000", "is no port"),
        ({"at": "2026-10-25T01:30:00"}, "Europe/London", "", "happened twice"),
        ({"at": "2026-03-29T01:30:00"}, "Europe/London", "", "never happened"),
        ({"at": "2026-07-20T10:11:12"}, "BST", "", "does not say one zone"),
        ({"at": "2126-07-20T10:11:12"}, "UTC", "", "lies in the future"),
    ],
)  # fmt: skip
def test_what_contradicts_is_refused_with_its_reason_and_changes_nothing(
    world: World, case: Case, provider: Provider, client_for: Browser, cast: Cast, made: dict[str, str], zone: str, port: str,
    sentence: str,
) -> None:  # fmt: skip
    us = client_for(cast.owner)
    inquiry = draft(us, case, provider, login(world, case, **made))
    value = InquiryValue.objects.get(inquiry=inquiry)
    answer = us.post(f"/inquiries/values/{value.id}/", {"zone": zone, "port": port})
    assert answer.status_code == 409
    page = answer.content.decode()
    assert sentence in page
    assert f'id="value-{value.id}"' in page  # on the page of the request, beside the value
    value.refresh_from_db()
    assert (value.zone, value.port) == ("", "")


def test_a_private_address_typed_by_hand_is_refused_and_a_sound_one_needs_its_source(
    case: Case, provider: Provider, client_for: Browser, cast: Cast
) -> None:
    us = client_for(cast.owner)
    inquiry = draft(us, case, provider, None)
    given = {
        "kind": "ip",
        "value": "100.64.9.9",
        "time": "2026-07-20 10:11:12",
        "zone": "UTC",
        "port": PORT,
        "place": "A letter",
    }
    status, page = act(us, inquiry, "by-hand", **given)
    assert (status, "RFC 6598" in page) == (409, True)
    assert act(us, inquiry, "by-hand", **{**given, "value": ADDRESS, "place": ""})[0] == 409
    assert act(us, inquiry, "by-hand", **{**given, "value": ADDRESS})[0] == 200
    [value] = InquiryValue.objects.filter(inquiry=inquiry)
    assert (value.raw, value.claim_id, value.place) == (ADDRESS, None, "A letter")


def test_an_order_needs_a_second_person(
    world: World, case: Case, provider: Provider, client_for: Browser, cast: Cast
) -> None:
    us, colleague = client_for(cast.owner), client_for(cast.colleague)
    inquiry = draft(us, case, provider, login(world, case), "eu-epoc-subscriber")
    say(us, inquiry)
    status, page = act(us, inquiry, "approve")
    assert (status, inquiry.state) == (409, "draft")
    assert "second person" in page
    assert act(colleague, inquiry, "approve")[0] == 200
    assert (inquiry.state, inquiry.approved_by_id) == ("approved", cast.colleague.officer_id)


def test_each_step_is_taken_back_and_both_stay_on_record(
    world: World, case: Case, provider: Provider, client_for: Browser, cast: Cast
) -> None:
    us = client_for(cast.owner)
    inquiry = draft(us, case, provider, login(world, case))
    say(us, inquiry)
    act(us, inquiry, "approve")
    serve(us, inquiry)
    act(us, inquiry, "preserved")
    act(us, inquiry, "refused", reason="Not ours.")
    assert (inquiry.state, inquiry.ended_because) == ("refused", "Not ours.")
    seen = []
    for _ in range(4):
        assert act(us, inquiry, "take-back")[0] == 200
        seen.append(inquiry.state)
    assert seen == ["preserved", "served", "approved", "draft"]
    assert (inquiry.approved_at, inquiry.served_at, inquiry.due_at, inquiry.letter, inquiry.next_at) == (None,) * 5
    assert act(us, inquiry, "take-back")[0] == 409
    assert InquiryStep.objects.filter(inquiry=inquiry, undone_at__isnull=False).count() == 4
    assert Act.objects.filter(verb="inquiry.taken-back").count() == 4


def test_a_preservation_is_renewed_before_it_lapses_and_the_law_says_how_often(
    world: World, case: Case, provider: Provider, client_for: Browser, cast: Cast
) -> None:
    us = client_for(cast.owner)
    first = draft(us, case, provider, login(world, case))
    say(us, first)
    act(us, first, "approve")
    serve(us, first)
    act(us, first, "preserved")
    Inquiry.objects.filter(pk=first.pk).update(next_at=timezone.now() - timedelta(hours=1))
    assert "before it lapses" in us.get("/inquiries/?state=overdue").content.decode()
    assert act(us, first, "renew")[0] == 200
    second = Inquiry.objects.get(renews=first)
    assert (second.state, second.statements) == ("draft", first.statements)
    assert InquiryValue.objects.get(inquiry=second).claim_id == InquiryValue.objects.get(inquiry=first).claim_id
    assert act(us, first, "renew")[0] == 409
    act(us, second, "approve")
    serve(us, second)
    first.refresh_from_db()
    assert (first.state, first.next_at) == ("closed", None)
    assert second.preserved_until == first.preserved_until + timedelta(days=90)
    status, page = act(us, second, "renew")
    assert (status, "lets it be renewed 1 time" in page) == (409, True)
    act(us, second, "take-back")
    first.refresh_from_db()
    assert (first.state, second.state) == ("preserved", "approved")


def test_what_is_overdue_stands_on_list_case_and_desk(
    world: World, case: Case, provider: Provider, client_for: Browser, cast: Cast
) -> None:
    us = client_for(cast.owner)
    inquiry = draft(us, case, provider, login(world, case))
    say(us, inquiry)
    act(us, inquiry, "approve")
    serve(us, inquiry)
    assert "Confirmation is due" in us.get("/inquiries/").content.decode()
    Inquiry.objects.filter(pk=inquiry.pk).update(next_at=timezone.now() - timedelta(hours=1))
    for page in (
        "/inquiries/",
        "/inquiries/?state=overdue",
        f"/cases/{case.reference}/inquiries/",
        f"/inquiries/{inquiry.id}/",
        f"/cases/{case.reference}/",
        "/",
    ):
        assert "Confirmation is overdue" in us.get(page).content.decode(), page


def test_an_outsider_and_a_partner_learn_of_no_request(
    world: World, case: Case, provider: Provider, client_for: Browser, as_actor: Behind, cast: Cast
) -> None:
    us = client_for(cast.owner)
    inquiry = draft(us, case, provider, login(world, case))
    world.grant(case, cast.borders, level="contribute")
    them = client_for(cast.outsider)
    assert them.get(f"/inquiries/{inquiry.id}/").status_code == 404
    assert them.get(f"/inquiries/{inquiry.id}/letter.pdf").status_code == 404
    assert inquiry.number not in them.get("/inquiries/").content.decode()
    page = them.get(f"/cases/{case.reference}/inquiries/")
    assert page.status_code == 200
    assert inquiry.number not in page.content.decode()
    refused = them.post(
        f"/cases/{case.reference}/inquiries/new/", {"instrument": "us-2703-f", "provider": str(provider.id)}
    )
    assert refused.status_code == 422
    with as_actor(cast.outsider):
        assert not Inquiry.objects.exists()
        assert not InquiryValue.objects.exists()
        assert not InquiryStep.objects.exists()
        assert not Provider.objects.exists()
        with pytest.raises(NotFound):
            queries.get_provider(cast.outsider, provider.id)
        with pytest.raises(ActRefused, match="agency that owns it"):
            actions.draft_inquiry(cast.outsider, case.reference, instrument="us-2703-f", provider_id=provider.id)


def test_a_claim_of_another_case_is_not_carried_over(
    world: World, case: Case, provider: Provider, client_for: Browser, cast: Cast
) -> None:
    us, other = client_for(cast.owner), world.case("AV-2")
    inquiry = draft(us, case, provider, None)
    assert act(us, inquiry, "values", claim=str(login(world, other).id))[0] == 404
    mine = login(world, case)
    assert act(us, inquiry, "values", claim=str(mine.id))[0] == 200
    assert act(us, inquiry, "values", claim=str(mine.id))[0] == 409
    theirs = world.case("BO-7", cast.outsider)
    assert us.get(f"/cases/{case.reference}/inquiries/new/?claim={login(world, theirs).id}").status_code == 404


def test_a_value_is_found_in_the_case_by_a_part_of_it(
    world: World, case: Case, provider: Provider, client_for: Browser, cast: Cast
) -> None:
    us = client_for(cast.owner)
    inquiry = draft(us, case, provider, None)
    claim = login(world, case)
    page = us.get(f"/inquiries/{inquiry.id}/?find=198.51").content.decode()
    assert str(claim.id) in page
    assert "row 1" in page
    assert str(claim.id) not in us.get(f"/inquiries/{inquiry.id}/?find=203.0").content.decode()
    hour = f"{ADDRESS}@{recently():%Y-%m-%dT%H}"
    of_hour = Claim.objects.create(
        holding_id=case.holding_id, agency_id=case.agency_id, case=case, record=claim.record, property="ip_hour", kind="ip_hour",
        raw=hour, normal=hour,
    )  # fmt: skip
    page = us.get(f"/cases/{case.reference}/inquiries/new/", {"find": hour}).content.decode()
    assert f"?claim={of_hour.id}" in page
    assert act(us, inquiry, "values", claim=str(of_hour.id))[0] == 200
    assert InquiryValue.objects.get(claim=of_hour).raw == ADDRESS


def test_a_provider_is_entered_changed_taken_off_and_put_back(client_for: Browser, cast: Cast) -> None:
    us, them = client_for(cast.owner), client_for(cast.outsider)
    given = {
        "name": "Harbour Mail",
        "zone": "America/New_York",
        "purposes": ["subscriber"],
        "shared_ranges": "198.51.100.0/24",
    }
    assert us.post("/inquiries/providers/new/", given).status_code == 302
    provider = Provider.objects.get(name="Harbour Mail")
    assert us.post("/inquiries/providers/new/", given).status_code == 422  # it stands there already
    assert us.post("/inquiries/providers/new/", {**given, "name": "B", "zone": "Nowhere"}).status_code == 422
    assert us.post("/inquiries/providers/new/", {**given, "name": "C", "shared_ranges": "all"}).status_code == 422
    address = f"/inquiries/providers/{provider.id}/"
    assert us.post(address, {**given, "retention_days": "30"}).status_code == 302
    provider.refresh_from_db()
    assert (provider.retention_days, provider.shared_ranges) == (30, "198.51.100.0/24")
    assert them.get(address).status_code == 404
    assert them.post(f"{address}end/").status_code == 404
    assert "Harbour Mail" not in them.get("/inquiries/providers/").content.decode()
    assert us.post(f"{address}end/").status_code == 302
    provider.refresh_from_db()
    assert provider.ended_at is not None
    assert us.post(f"{address}restore/").status_code == 302
    verbs = list(Act.objects.filter(subject=f"provider:{provider.id}").order_by("id").values_list("verb", flat=True))
    assert verbs == ["provider.added", "provider.changed", "provider.ended", "provider.restored"]


def test_an_answer_is_received_right_here_as_a_new_exhibit(
    world: World, case: Case, provider: Provider, client_for: Browser, cast: Cast
) -> None:
    us = client_for(cast.owner)
    inquiry = draft(us, case, provider, login(world, case))
    say(us, inquiry)
    act(us, inquiry, "approve")
    serve(us, inquiry)
    begun = us.post(
        f"/inquiries/{inquiry.id}/answer/begin/", {"files": 1, "bytes": 9}, content_type="application/json"
    ).json()
    exhibit = Exhibit.objects.get(pk=UUID(begun["exhibit"]))
    assert (exhibit.case_id, exhibit.title) == (case.id, f"Answer to {inquiry.number}")
    sent = {"exhibit": begun["exhibit"]}
    empty = us.post(f"/inquiries/{inquiry.id}/answer/complete/", sent, content_type="application/json")
    assert empty.status_code == 409  # nothing was received
    Exhibit.objects.filter(pk=exhibit.pk).update(files_received=1)
    done = us.post(f"/inquiries/{inquiry.id}/answer/complete/", sent, content_type="application/json")
    inquiry.refresh_from_db()
    assert (done.status_code, inquiry.state, inquiry.answer_id) == (200, "answered", exhibit.id)


def test_terms_that_cannot_be_are_refused(
    world: World, case: Case, provider: Provider, client_for: Browser, cast: Cast
) -> None:
    us = client_for(cast.owner)
    inquiry = draft(us, case, provider, login(world, case))
    say(us, inquiry)
    assert act(us, inquiry, "serve", how="Portal", at="2026-11-01 10:00")[0] == 409  # not approved
    act(us, inquiry, "approve")
    assert act(us, inquiry, "serve", how="Portal", at="2100-01-01 10:00")[0] == 409
    assert act(us, inquiry, "serve", how="Portal", at="2020-01-01 10:00")[0] == 409
    assert act(us, inquiry, "serve", how="Pigeon", at="2026-11-01 10:00")[0] == 409
    serve(us, inquiry)
    assert act(us, inquiry, "preserved", until="2020-01-01 10:00")[0] == 409
    assert act(us, inquiry, "withdraw", reason=" ")[0] == 409
    assert inquiry.state == InquiryState.SERVED


def test_instants_are_given_in_the_provider_s_zone_with_their_offset() -> None:
    assert (
        queries.in_zone(datetime(2026, 7, 20, 22, 11, 12, tzinfo=UTC), "Europe/Berlin") == "2026-07-21 00:11:12 +02:00"
    )
    assert queries.in_zone(datetime(2026, 1, 20, 22, 11, 12, 500_000, tzinfo=UTC), "America/New_York") == (
        "2026-01-20 17:11:12.5 -05:00"
    )
    assert queries.in_zone(None, "UTC") == ""


def test_a_record_page_offers_to_request_data(world: World, case: Case, client_for: Browser, cast: Cast) -> None:
    claim = login(world, case)
    page = client_for(cast.owner).get(f"/records/{claim.record_id}/")
    assert re.search(rf"/cases/{case.reference}/inquiries/new/\?claim={claim.id}", page.content.decode())
    us = client_for(cast.owner)
    chosen = us.get(f"/cases/{case.reference}/inquiries/new/?find={ADDRESS}").content.decode()
    assert f"?claim={claim.id}" in chosen
    assert (
        f"?claim={claim.id}"
        in us.get(f"/cases/{case.reference}/inquiries/new/?record={claim.record_id}").content.decode()
    )


def test_the_api_lists_and_drafts(
    world: World, case: Case, provider: Provider, client_for: Browser, cast: Cast
) -> None:
    us, them, claim = client_for(cast.owner), client_for(cast.outsider), login(world, case, port="")
    url = f"/api/v1/cases/{case.reference}/inquiries"
    given = {"instrument": "us-2703-f", "provider": str(provider.id), "claims": [str(claim.id)]}
    assert them.post(url, given, content_type="application/json").status_code == 404
    made = us.post(url, given, content_type="application/json")
    assert made.status_code == 201
    assert any("without the source port" in sentence for sentence in made.json()["missing"])
    refused = us.post(url, {**given, "instrument": "none"}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (409, "refused")
    assert [row["id"] for row in us.get("/api/v1/inquiries").json()["inquiries"]] == [made.json()["id"]]
    assert them.get("/api/v1/inquiries").json()["inquiries"] == []

"""Ways to a request without retyping: from an entity, with the identifiers of its records copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.house.small_case import REFERENCE

if TYPE_CHECKING:
    from django.test import Client

    from opencets_web.policy.actor import Actor
    from tests.web.releases.conftest import Between

    ClientFor = Callable[[Actor | None], Client]


def test_an_entity_leads_to_a_data_request_and_to_another_agency_with_its_identifiers(
    between: Between, client_for: ClientFor
) -> None:
    browser, person = client_for(between.owner), between.made.rows["person"].id
    page = browser.get(f"/entities/{person}/").content.decode()
    data, part = f"/cases/{REFERENCE}/inquiries/new/?record={person}", f"/cases/{REFERENCE}/parts/ask/?record={person}"
    assert data in page
    assert part in page
    twin = between.made.rows["twin"].id
    asked = browser.get(f"{data},{twin}").content.decode()
    assert "Which of these?" in asked
    assert "ada@example.org" in asked
    assert "email: ada@example.org" in browser.get(part).content.decode()


def test_records_of_another_case_or_no_ids_at_all_copy_nothing(between: Between, client_for: ClientFor) -> None:
    outsider, person = client_for(between.outsider), between.made.rows["person"].id
    page = outsider.get(f"/cases/BO-SMALL-0001/parts/ask/?record={person}")
    assert page.status_code == 200
    assert "ada@example.org" not in page.content.decode()
    assert outsider.get("/cases/BO-SMALL-0001/parts/ask/?record=none").status_code == 404
    assert outsider.get(f"/cases/{REFERENCE}/parts/ask/?record={person}").status_code == 404


def test_a_form_that_says_too_little_is_shown_again_and_what_was_asked_has_its_page(
    between: Between, client_for: ClientFor
) -> None:
    from opencets_web.releases.models import PartRequest

    browser, url = client_for(between.outsider), "/cases/BO-SMALL-0001/parts/ask/"
    told = {"agency": str(between.made.cast.avon.id), "sought": "held", "urgency": "routine", "purpose": "One series"}
    wrong = browser.post(url, {**told, "values": "gibberish here", "legal_basis": "Police Act"})
    assert wrong.status_code == 422
    assert "is of no kind that is recognised" in wrong.content.decode()
    answer = browser.post(url, {**told, "values": "ada@example.org\n+442079460001", "legal_basis": "Police Act"})
    request = PartRequest.objects.get(agency=between.made.cast.borders)
    assert answer.headers["Location"] == f"/sharing/parts/requests/{request.id}/"
    assert [kind for kind, _, _ in request.values] == ["email", "phone"]
    again = browser.post(url, {**told, "values": "ada@example.org\n+442079460001", "legal_basis": "Police Act"})
    assert (again.status_code, "asked for already" in again.content.decode()) == (422, True)


def test_a_package_that_is_none_is_refused_on_the_page_with_the_reason(between: Between, client_for: ClientFor) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    browser = client_for(between.outsider)
    answer = browser.post("/sharing/parts/bring/", {"file": SimpleUploadedFile("package.zip", b"PK nothing")})
    assert (answer.status_code, "no whole ZIP file" in answer.content.decode()) == (422, True)
    answer = browser.post("/sharing/parts/bring/", {"file": SimpleUploadedFile("notice.json", b"{}")})
    assert (answer.status_code, "no notice as it was signed" in answer.content.decode()) == (422, True)

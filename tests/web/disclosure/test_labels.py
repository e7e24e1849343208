"""The label of a case goes with all that is made of it: pages, charts, packages, letters; of several the most restrictive holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from opencets.errors import ActRefused
from tests.house.addresses import ADDRESSES
from tests.house.small_case import REFERENCE

if TYPE_CHECKING:
    from django.test import Client

    from opencets_web.policy.actor import Actor
    from tests.web.disclosure.conftest import Packing

    ClientFor = Callable[[Actor | None], Client]


def _mark(case: Any, **given: str) -> None:
    for name, value in given.items():
        setattr(case.holding, name, value)
    case.holding.save(update_fields=list(given))


def test_the_owner_sets_tlp_on_the_case_and_a_partner_reads_it_and_cannot(
    packing: Packing, client_for: ClientFor
) -> None:
    made = packing.made
    url = f"/cases/{REFERENCE}/change/"
    browser = client_for(made.cast.owner)
    case = made.rows["case"]
    sent = {name: getattr(case, name) for name in ("title", "kind", "summary")}
    sent |= {name: getattr(case.holding, name) for name in ("handling", "conditions", "disclosure")}
    assert browser.post(url, {**sent, "tlp": "AMBER+STRICT", "seen_tlp": ""}).status_code == 302
    case.holding.refresh_from_db()
    assert case.holding.tlp == "AMBER+STRICT"
    assert browser.post(url, {**sent, "tlp": "PINK", "seen_tlp": "AMBER+STRICT"}).status_code == 422
    partner = client_for(made.actors["partner"])
    assert "TLP:AMBER+STRICT" in partner.get(f"/cases/{REFERENCE}/").content.decode()
    assert partner.get(f"/api/v1/cases/{REFERENCE}").json()["tlp"] == "AMBER+STRICT"
    assert partner.post(url, {**sent, "tlp": "", "seen_tlp": "AMBER+STRICT"}).status_code == 404
    assert client_for(made.cast.outsider).get(f"/cases/{REFERENCE}/").status_code == 404
    history = browser.get(f"/cases/{REFERENCE}/history/").content.decode()
    assert "the recipient&#x27;s organisation alone" in history


def test_tlp_red_is_released_to_no_agency(packing: Packing, client_for: ClientFor) -> None:
    from opencets_web.sharing.actions import release

    made = packing.made
    _mark(made.rows["case"], tlp="RED")
    with packing.as_actor(made.cast.owner), pytest.raises(ActRefused, match="TLP:RED"):
        release(made.cast.owner, REFERENCE, made.cast.borders.id, purpose="A common series")
    assert "TLP:RED" in client_for(made.cast.owner).get(f"/cases/{REFERENCE}/sharing/").content.decode()


def test_what_lies_between_two_cases_has_the_more_restrictive_label(packing: Packing, client_for: ClientFor) -> None:
    made = packing.made
    near, far = made.rows["case"], made.rows["connection"].right_case
    far = made.rows["connection"].left_case if far.id == near.id else far
    _mark(near, tlp="GREEN")
    _mark(far, tlp="AMBER", handling="C", conditions="Ask before use")
    browser = client_for(made.cast.owner)
    page = browser.get(ADDRESSES["leads:show"].url("leads:show", made)).content.decode()
    assert "TLP:AMBER" in page
    assert "TLP:GREEN" not in page
    assert "Ask before use" in page


@pytest.mark.parametrize("format", ["disclosure", "case-uco", "vics"])
def test_a_package_carries_the_label_inside_and_in_its_manifest(packing: Packing, format: str) -> None:
    _mark(packing.made.rows["case"], tlp="AMBER", handling="C", conditions="Ask Avon")
    package = packing.make(format=format, conditions="For the trial alone")
    told = package.manifest["release"]
    assert (told["handling"], told["tlp"], told["originator"]) == ("C", "AMBER", "Avon")
    assert told["label"] == (
        "Handling code C, lawful sharing permitted with conditions. TLP:AMBER, within the recipient's organisation and its"
        " clients, as far as they need to know. Conditions: For the trial alone. Passed on by Avon alone."
    )
    inside = "\n".join(
        content.decode("utf-8", "replace")
        for name, content in package.files.items()
        if name not in ("verify.py", "manifest.json")
    )
    assert "TLP:AMBER" in inside
    assert "For the trial alone" in inside


def test_a_chart_says_the_label_of_all_that_is_drawn(packing: Packing, client_for: ClientFor) -> None:
    made = packing.made
    _mark(made.rows["case"], tlp="AMBER")
    browser = client_for(made.cast.owner)
    url = ADDRESSES["charts:case"].url("charts:case", made).partition("?")[0]
    assert "TLP:AMBER" in browser.get(f"{url}?view=table").content.decode()
    graph = browser.get(ADDRESSES["charts:case-graph"].url("charts:case-graph", made)).json()
    assert "TLP:AMBER" in graph["label"]


def test_a_letter_to_a_provider_bears_tlp_and_code_c_without_the_conditions(
    packing: Packing, client_for: ClientFor
) -> None:
    made = packing.made
    _mark(made.rows["case"], tlp="AMBER+STRICT", handling="C", conditions="Ask Avon")
    name = "inquiries:letter-text"
    assert made.rows["inquiry"].approved_at is None
    text = client_for(made.cast.owner).get(ADDRESSES[name].url(name, made)).content.decode()
    assert text.startswith("TLP:AMBER+STRICT · Handling code C\n")
    assert "Ask Avon" not in text

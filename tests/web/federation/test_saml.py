"""Signing in through an agency's SAML provider: pysaml2 signs with xmlsec1, and what of its answers is not taken."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.web.federation.conftest import Agency, SamlPeer, post_answer, words

if TYPE_CHECKING:
    from django.test import Client

    from opencets_web.policy.actor import Actor
    from tests.web.conftest import Cast

    SignIn = Callable[..., tuple[Client, Any]]
    Browser = Callable[[Actor | None], Client]

TWO_FACTORS = "https://refeds.org/profile/mfa"
ASSERTION = "{urn:oasis:names:tc:SAML:2.0:assertion}"
PROTOCOL = "{urn:oasis:names:tc:SAML:2.0:protocol}"


def _refusals() -> list[tuple[Any, str]]:
    from opencets_web.audit.models import Act

    rows = Act.objects.filter(verb="federation.refused").order_by("id")
    return [(row.agency_id, json.loads(row.details)["because"]) for row in rows]


def _on(agency: Agency, peer: SamlPeer, sign_in: SignIn, **fields: str) -> str:
    """Avon's provider: registered from its metadata, told ours, tried, switched on."""
    provider_id = agency.registers_saml(peer.metadata(), **fields)
    peer.learns(agency.browser.get(f"/account/provider/{provider_id}/metadata/").content.decode())
    _, shown = sign_in(provider_id, browser=agency.browser, path=f"/officers/sign-in/{provider_id}/try/")
    assert "Nobody was signed in by it" in words(shown), words(shown)
    assert agency.switches_on(provider_id).status_code == 302
    return provider_id


def _out(browser: Client) -> bool:
    return str(browser.get("/cases/").headers["Location"]).startswith("/account/login/")


def _bent(change: Callable[[Any], Any]) -> Callable[[str], str]:
    """A change of the response's XML on its way through the browser."""

    def bend(text: str) -> str:
        from lxml import etree

        root = etree.fromstring(base64.b64decode(text))
        made = change(root)
        return base64.b64encode(etree.tostring(root if made is None else made)).decode()

    return bend


def _evil(assertion: Any) -> Any:
    """A copy of the signed assertion about somebody else, without its signature."""
    made = copy.deepcopy(assertion)
    made.set("ID", "_evil")
    made.find(f"{ASSERTION}Subject/{ASSERTION}NameID").text = "evil"
    for value in made.iter(f"{ASSERTION}AttributeValue"):
        value.text = "colleague@avon.example.org"
    made.remove(made.find("{http://www.w3.org/2000/09/xmldsig#}Signature"))
    return made


def _evil_beside(root: Any) -> None:
    root.insert(0, _evil(root.find(f"{ASSERTION}Assertion")))


def _evil_after(root: Any) -> None:
    root.append(_evil(root.find(f"{ASSERTION}Assertion")))


def _signed_in_extensions(root: Any) -> None:
    from lxml import etree

    signed = root.find(f"{ASSERTION}Assertion")
    root.replace(signed, _evil(signed))
    etree.SubElement(root, f"{PROTOCOL}Extensions").append(signed)


def _signed_inside_the_evil_one(root: Any) -> None:
    signed = root.find(f"{ASSERTION}Assertion")
    evil = _evil(signed)
    root.replace(signed, evil)
    evil.append(signed)


def _signed_inside_the_evil_ones_signature(root: Any) -> None:
    from lxml import etree

    signed = root.find(f"{ASSERTION}Assertion")
    evil = _evil(signed)
    mark = copy.deepcopy(signed.find("{http://www.w3.org/2000/09/xmldsig#}Signature"))
    root.replace(signed, evil)
    evil.insert(1, mark)
    etree.SubElement(mark, "{http://www.w3.org/2000/09/xmldsig#}Object").append(signed)


def _response_in_a_response(root: Any) -> Any:
    outer = copy.deepcopy(root)
    signed = outer.find(f"{ASSERTION}Assertion")
    outer.replace(signed, _evil(signed))
    outer.append(root)
    return outer


def _same_id(root: Any) -> None:
    signed = root.find(f"{ASSERTION}Assertion")
    evil = _evil(signed)
    evil.set("ID", signed.get("ID"))
    evil.insert(1, copy.deepcopy(signed.find("{http://www.w3.org/2000/09/xmldsig#}Signature")))
    root.replace(signed, evil)


def _another_subject(root: Any) -> None:
    root.find(f"{ASSERTION}Assertion/{ASSERTION}Subject/{ASSERTION}NameID").text = "evil"


def _a_comment_in_the_subject(root: Any) -> None:
    from lxml import etree

    name = root.find(f"{ASSERTION}Assertion/{ASSERTION}Subject/{ASSERTION}NameID")
    name.text, rest = name.text[:7], name.text[7:]
    comment = etree.Comment("cut here")
    comment.tail = rest
    name.append(comment)


def _without_signature(root: Any) -> None:
    assertion = root.find(f"{ASSERTION}Assertion")
    assertion.remove(assertion.find("{http://www.w3.org/2000/09/xmldsig#}Signature"))


def _unasked(root: Any) -> None:
    del root.attrib["InResponseTo"]


def _with_document_type(text: str) -> str:
    xml = base64.b64decode(text)
    head = b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    end = xml.find(b"?>") + 2 if xml.startswith(b"<?xml") else 0
    return base64.b64encode(xml[:end] + head + xml[end:]).decode()


def test_an_officer_signs_in_at_a_saml_provider_and_is_known_by_the_persistent_name_from_then_on(
    cast: Cast, agency: Agency, saml_peer: SamlPeer, sign_in_by_saml: SignIn, with_factor: Callable[[Actor], None],
    show_code: Callable[[Client], Any],
) -> None:  # fmt: skip
    from opencets_web.federation.models import Binding, IdentityProvider

    with_factor(cast.owner)
    provider_id = _on(agency, saml_peer, sign_in_by_saml, accepted=TWO_FACTORS)
    browser, answer = sign_in_by_saml(provider_id)
    assert answer.headers["Location"] == "/account/2fa/authenticate/"
    assert show_code(browser).headers["Location"] == "/cases/"
    binding = Binding.objects.get()
    assert (binding.officer_id, binding.subject) == (cast.owner.officer_id, "subject-1")
    saml_peer.says(context=TWO_FACTORS, identity={"mail": "somebody.else@avon.example.org"})
    _, answer = sign_in_by_saml(provider_id)
    assert answer.headers["Location"] == "/cases/", (
        "the subject counts, and so does the provider's word for two factors"
    )
    saml_peer.says(context=TWO_FACTORS, sign_assertion=False, sign_response=True)
    assert sign_in_by_saml(provider_id)[1].headers["Location"] == "/cases/", "a signature over the whole answer will do"

    # The provider takes a new key: refused until its new metadata is uploaded, and then officers show their own factor once.
    saml_peer.says(context=TWO_FACTORS, key="second")
    assert "not signed with a certificate of the provider" in words(sign_in_by_saml(provider_id)[1])
    given = {
        "name": "Staff sign-in", "domains": "avon.example.org", "accepted": TWO_FACTORS, "metadata_text": saml_peer.metadata()
    }  # fmt: skip
    assert agency.browser.post(f"/officers/sign-in/{provider_id}/", given).status_code == 302
    assert sign_in_by_saml(provider_id)[1].headers["Location"] == "/account/2fa/authenticate/"
    assert IdentityProvider.objects.get().issuer == f"{saml_peer.address}/idp"


def test_answers_that_do_not_hold_sign_nobody_in(
    cast: Cast, agency: Agency, saml_peer: SamlPeer, sign_in_by_saml: SignIn
) -> None:
    """One set-up for all, and the last answer, which holds, lets the officer in."""
    from opencets_web.federation.models import Binding

    provider_id = _on(agency, saml_peer, sign_in_by_saml)
    one_time = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
    bent: list[tuple[str, dict[str, Any], Callable[[str], str], str]] = [
        ("wrapped: beside", {}, _bent(_evil_beside), "another number of assertions than one"),
        ("wrapped: after", {}, _bent(_evil_after), "another number of assertions than one"),
        ("wrapped: extensions", {}, _bent(_signed_in_extensions), "another number of assertions than one"),
        ("wrapped: inside", {}, _bent(_signed_inside_the_evil_one), "another number of assertions than one"),
        (
            "wrapped: in signature",
            {},
            _bent(_signed_inside_the_evil_ones_signature),
            "another number of assertions than one",
        ),
        ("wrapped: response", {}, _bent(_response_in_a_response), "another number of assertions than one"),
        ("same id", {}, _bent(_same_id), "not signed with a certificate of the provider"),
        ("changed", {}, _bent(_another_subject), "or was changed since"),
        ("not signed", {}, _bent(_without_signature), "is not signed"),
        ("never signed", {"sign_assertion": False}, str, "is not signed"),
        ("strange key", {"key": "second"}, str, "not signed with a certificate of the provider"),
        ("SHA-1", {"sha1": True}, str, "not signed with a certificate of the provider"),
        ("wrong audience", {"audience": "https://other.example.org/sp"}, str, "for another system (Audience)"),
        ("wrong issuer", {"entity": "https://other.example.org/idp"}, str, "of another provider (Issuer)"),
        ("wrong address", {"destination": "https://other.example.org/acs"}, str, "for another address (Destination)"),
        ("expired", {"minutes": -10}, str, "not valid any more"),
        ("unasked", {"in_response_to": ""}, str, "not asked for from here"),
        ("envelope without request", {}, _bent(_unasked), "not asked for from here"),
        ("another request", {"in_response_to": "_somebody-elses"}, str, "not asked for from here"),
        ("transient", {"format": one_time}, str, "names its subject in no lasting way"),
        ("document type", {}, _with_document_type, "has a document type"),
        ("no XML", {}, lambda text: base64.b64encode(b"hello").decode(), "is no XML"),
        ("no base64", {}, lambda text: "=", "is no XML"),
        ("nothing", {}, lambda text: "", "is no XML"),
    ]
    for number, (name, told, bend, sentence) in enumerate(bent, 1):
        saml_peer.says(**told)
        browser, answer = sign_in_by_saml(provider_id, bend)
        assert (name, answer.status_code) == (name, 403)
        assert sentence in words(answer), name
        assert _out(browser), name
        refused = _refusals()
        assert (len(refused), refused[-1][0], sentence in refused[-1][1]) == (number, cast.avon.pk, True), name
    assert not Binding.objects.exists()
    saml_peer.says()
    # A comment inside the name is no change of what was signed (exclusive canonical XML leaves comments out): the name is whole.
    browser, answer = sign_in_by_saml(provider_id, _bent(_a_comment_in_the_subject))
    assert answer.headers["Location"] == "/cases/"
    assert Binding.objects.get().subject == "subject-1"
    saml_peer.says(minutes=-1)
    assert sign_in_by_saml(provider_id)[1].status_code == 302, "clocks may differ by two minutes"


def test_an_answer_is_taken_once_and_in_the_browser_that_asked(
    cast: Cast, agency: Agency, saml_peer: SamlPeer, sign_in_by_saml: SignIn, client_for: Browser
) -> None:
    provider_id = _on(agency, saml_peer, sign_in_by_saml)
    asked, other = client_for(None), client_for(None)
    response = saml_peer.sign_in(asked.get(f"/account/provider/{provider_id}/").headers["Location"])
    kept = post_answer(other, provider_id, response)
    assert kept.status_code == 303
    assert _out(other), "the post alone signs nobody in"
    assert "not asked for from this browser" in words(other.get(kept.headers["Location"]))
    assert "used already" in words(post_answer(other, provider_id, response)), "the same assertion a second time"
    assert asked.get(kept.headers["Location"]).status_code == 302
    asked.logout()
    assert asked.get(kept.headers["Location"]).status_code == 403
    assert agency.browser.post(f"/officers/sign-in/{provider_id}/off/").status_code == 302
    assert asked.get(f"/account/provider/{provider_id}/").status_code == 404


def test_a_saml_provider_never_signs_in_an_officer_of_another_agency(
    cast: Cast, agency: Agency, saml_peer: SamlPeer, sign_in_by_saml: SignIn
) -> None:
    from opencets_web.federation.models import Binding, IdentityProvider

    provider_id = _on(agency, saml_peer, sign_in_by_saml)
    saml_peer.says(identity={"mail": "outsider@borders.example.org"}, subject="evil")
    assert "no domain that Avon has declared" in words(sign_in_by_saml(provider_id)[1])
    IdentityProvider.objects.update(domains=["borders.example.org"])
    browser, answer = sign_in_by_saml(provider_id)
    assert "not invited here" in words(answer)
    assert _out(browser)
    assert not Binding.objects.exists()


def test_a_certificate_that_ends_soon_is_warned_about_and_one_that_has_ended_signs_nothing(
    cast: Cast, agency: Agency, saml_peer: SamlPeer, sign_in_by_saml: SignIn
) -> None:
    saml_peer.says(key="soon")
    provider_id = _on(agency, saml_peer, sign_in_by_saml)
    page = words(agency.browser.get(f"/officers/sign-in/{provider_id}/"))
    assert "ends within 30 days" in page
    assert "9 days left" in page
    saml_peer.says(key="ended")
    given = {"name": "Staff sign-in", "domains": "avon.example.org", "metadata_text": saml_peer.metadata()}
    assert agency.browser.post(f"/officers/sign-in/{provider_id}/", given).status_code == 302
    assert "has ended" in words(agency.browser.get(f"/officers/sign-in/{provider_id}/"))
    assert "certificate that the provider signs with has ended" in words(sign_in_by_saml(provider_id)[1])


@pytest.mark.parametrize(
    ("bend", "sentence"),
    [
        (lambda text: "", "Choose the file, or paste"),
        (lambda text: "<a/>", "describes 0 identity providers"),
        (lambda text: "no metadata", "is no XML"),
        (lambda text: text.replace("HTTP-Redirect", "SOAP"), "no SingleSignOnService"),
        (lambda text: text.replace("http://localhost", "http://idp.example.org"), "not an https address"),
        (lambda text: text.replace('use="signing"', 'use="encryption"'), "no certificate for signing"),
        (lambda text: text.replace("entityID=", 'validUntil="2020-01-01T00:00:00Z" entityID='), "out of date"),
    ],
)
def test_metadata_that_lacks_what_is_needed_is_refused_with_the_reason(
    agency: Agency, saml_peer: SamlPeer, bend: Callable[[str], str], sentence: str
) -> None:
    given = {"name": "Staff", "domains": "avon.example.org", "metadata_text": bend(saml_peer.metadata())}
    answer = agency.browser.post("/officers/sign-in/saml/", given)
    assert (answer.status_code, sentence in words(answer)) == (422, True), words(answer)

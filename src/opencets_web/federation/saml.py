"""SAML 2.0, web browser SSO: the request that is sent, and what of an assertion holds.

Nothing is read but what was signed: the verified bytes are parsed anew, so that whatever is wrapped around them says nothing. An
assertion holds that is of this provider, signed with a certificate of its metadata (RSA or ECDSA with SHA-2), for this system, in
answer to the request of this browser, now, once. Sources: SAML Core 2.0; SAML Profiles 2.0, section 4.1.4; OWASP SAML Security
Cheat Sheet.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import escape, quoteattr

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidCertificate, SignXMLException
from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

from opencets_web.federation.asserted import AnswerRefused, Asserted
from opencets_web.federation.fetching import require_address

SKEW = timedelta(seconds=120)
MOST = 512 * 1024
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
EMAIL_ATTRIBUTES = (
    "mail", "email", "urn:oid:0.9.2342.19200300.100.1.3",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
)  # fmt: skip
"""Where an address stands, unless the administrator names another attribute (RFC 4524, section 2.16; the WS-Federation claim)."""

_NAMES = {
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "md": "urn:oasis:names:tc:SAML:2.0:metadata",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}
_METHODS = frozenset(
    method
    for method in SignatureMethod
    if method.name.startswith(("RSA_SHA", "ECDSA_SHA", "SHA")) and "SHA1" not in method.name
)
_DIGESTS = frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512})


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a provider's metadata says: its name, where the browser goes, and the certificates it signs with (PEM)."""

    entity_id: str
    sign_on_url: str
    certificates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """What an answer has to be: whose, for whom, where to, to which request, signed with what."""

    issuer: str
    entity_id: str
    answer_url: str
    request_id: str
    certificates: tuple[str, ...]
    email_attribute: str


def read_metadata(content: bytes) -> Metadata:
    """A provider's metadata (SAML Metadata 2.0); AnswerRefused where it is not that, or lacks what is needed."""
    root = _parse(content, "The metadata")
    found = [root] if root.tag == _tag("md:EntityDescriptor") else root.findall("md:EntityDescriptor", _NAMES)
    providers = [row for row in found if row.find("md:IDPSSODescriptor", _NAMES) is not None]
    if len(providers) != 1:
        raise AnswerRefused(f"The metadata describes {len(providers)} identity providers; one is needed.")
    descriptor = providers[0].find("md:IDPSSODescriptor", _NAMES)
    until = providers[0].get("validUntil") or root.get("validUntil")
    if until and _instant(until, "The metadata's validUntil") <= datetime.now(UTC):
        raise AnswerRefused("The metadata is out of date (validUntil): ask for the present one.")
    urls = [
        row.get("Location", "")
        for row in descriptor.findall("md:SingleSignOnService", _NAMES)
        if row.get("Binding") == REDIRECT
    ]
    if not urls:
        raise AnswerRefused("The metadata names no SingleSignOnService with the HTTP-Redirect binding.")
    require_address(urls[0], "The SingleSignOnService")
    certificates = []
    for key in descriptor.findall("md:KeyDescriptor", _NAMES):
        if key.get("use", "signing") == "signing":
            certificates += [_pem(text.text or "") for text in key.iterfind(".//ds:X509Certificate", _NAMES)]
    if not certificates:
        raise AnswerRefused("The metadata has no certificate for signing.")
    entity_id = providers[0].get("entityID", "")
    if not 0 < len(entity_id) <= 400:
        raise AnswerRefused("The metadata has no entityID.")
    return Metadata(entity_id, urls[0], tuple(dict.fromkeys(certificates)))


def request_url(sign_on_url: str, *, state: str, entity_id: str, answer_url: str) -> str:
    """Where the browser goes to sign in: an AuthnRequest in the HTTP-Redirect binding (SAML Bindings 2.0, section 3.4)."""
    require_address(sign_on_url, "The SingleSignOnService")
    request = (
        f'<samlp:AuthnRequest xmlns:samlp="{_NAMES["samlp"]}" xmlns:saml="{_NAMES["saml"]}" ID="{request_id(state)}" Version="2.0"'
        f' IssueInstant="{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}" Destination={quoteattr(sign_on_url)}'
        f' ProtocolBinding="{POST}" AssertionConsumerServiceURL={quoteattr(answer_url)}>'
        f"<saml:Issuer>{escape(entity_id)}</saml:Issuer>"
        f'<samlp:NameIDPolicy Format="{PERSISTENT}" AllowCreate="true"/></samlp:AuthnRequest>'
    )
    packed = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = packed.compress(request.encode()) + packed.flush()
    joined = "&" if "?" in sign_on_url else "?"
    return f"{sign_on_url}{joined}{urlencode({'SAMLRequest': base64.b64encode(deflated).decode()})}"


def request_id(state: str) -> str:
    """The ID of the request of a sign-in: an XML name does not begin with a digit."""
    return f"_{state}"


def state_of(content: str) -> str:
    """Which sign-in an answer says it answers, before anything of it is verified. AnswerRefused where it answers none."""
    said = str(_response(content).get("InResponseTo") or "")
    if not said.startswith("_"):
        raise AnswerRefused(
            "This answer was not asked for from here: begin the sign-in on this page, not at the provider."
        )
    return said[1:]


def take_answer(content: str, expected: Expected) -> Asserted:
    """Verify a response as the browser posted it; AnswerRefused, with the reason, for whatever does not hold."""
    response = _response(content)
    _check_envelope(response, expected)
    assertion = _signed_assertion(response, expected)
    _check_assertion(assertion, expected)
    name = assertion.find("saml:Subject/saml:NameID", _NAMES)
    # A comment that was signed along would cut the name in two (CERT VU#475445).
    if name is None or name.get("Format") != PERSISTENT or len(name):
        raise AnswerRefused(
            "The assertion names its subject in no lasting way: the provider sends a persistent NameID."
        )
    subject = (name.text or "").strip()
    if not 0 < len(subject) <= 255:
        raise AnswerRefused("The assertion names no subject.")
    attributes = dict(_attributes(assertion))
    names = (expected.email_attribute,) if expected.email_attribute else EMAIL_ATTRIBUTES
    email = next((attributes[name] for name in names if attributes.get(name)), "").strip().lower()
    contexts = assertion.findall("saml:AuthnStatement/saml:AuthnContext/saml:AuthnContextClassRef", _NAMES)
    return Asserted(
        subject=subject,
        email=email,
        # The agency's own directory says it; SAML has no word for whether that was checked.
        verified=True,
        proofs=tuple((row.text or "").strip()[:200] for row in contexts),
        shown=(
            ("Issuer", expected.issuer),
            *((name[:100], value[:200]) for name, value in list(attributes.items())[:40]),
        ),
    )


def _response(content: str) -> Any:
    try:
        text = base64.b64decode(content, validate=False)
    except (binascii.Error, ValueError):
        raise AnswerRefused("The answer cannot be read.") from None
    root = _parse(text, "The answer")
    if root.tag != _tag("samlp:Response"):
        raise AnswerRefused("The answer is no SAML response.")
    return root


def _check_envelope(response: Any, expected: Expected) -> None:
    """What stands around the assertion, and may be unsigned: it can only refuse."""
    status = response.find("samlp:Status/samlp:StatusCode", _NAMES)
    code = "" if status is None else status.get("Value", "")
    if code != SUCCESS:
        inner = None if status is None else status.find("samlp:StatusCode", _NAMES)
        said = (code if inner is None else inner.get("Value", "")).rpartition(":")[2]
        raise AnswerRefused(f"The provider did not sign you in ({said[:60] or 'no status'}).")
    if response.get("Destination") not in (None, expected.answer_url):
        raise AnswerRefused("The answer is for another address (Destination).")
    if response.get("InResponseTo") != expected.request_id:
        raise AnswerRefused("The answer is to another request (InResponseTo).")
    if response.find(".//saml:EncryptedAssertion", _NAMES) is not None:
        raise AnswerRefused("The assertion is encrypted: the provider sends it signed, over TLS, and not encrypted.")
    if len(list(response.iter(_tag("saml:Assertion")))) != 1:
        raise AnswerRefused("The answer holds another number of assertions than one.")
    if len(response.findall("saml:Assertion", _NAMES)) != 1:
        raise AnswerRefused("The assertion does not stand where it belongs.")
    if _text(response, "saml:Issuer") not in ("", expected.issuer):
        raise AnswerRefused("The answer is of another provider (Issuer).")


def _signed_assertion(response: Any, expected: Expected) -> Any:
    """The assertion as it was signed: by a signature of its own, or by one over the whole response."""
    if response.find("saml:Assertion/ds:Signature", _NAMES) is not None:
        location, wanted = f"./{{{_NAMES['saml']}}}Assertion/", "saml:Assertion"
    elif response.find("ds:Signature", _NAMES) is not None:
        location, wanted = "./", "samlp:Response"
    else:
        raise AnswerRefused("The assertion is not signed.")
    config = SignatureConfiguration(
        location=location, expect_references=1, signature_methods=_METHODS, digest_algorithms=_DIGESTS
    )
    ended = False
    for certificate in expected.certificates:
        try:
            result = XMLVerifier().verify(response, x509_cert=certificate, expect_config=config, id_attribute="ID")
        except InvalidCertificate:
            ended = True
            continue
        except (SignXMLException, etree.LxmlError, ValueError, KeyError):
            continue
        signed = result.signed_xml if isinstance(result, VerifyResult) else None
        if signed is None or signed.tag != _tag(wanted):
            raise AnswerRefused("Something else was signed than the assertion.")
        found = [signed] if wanted == "saml:Assertion" else signed.findall("saml:Assertion", _NAMES)
        if len(found) != 1:
            raise AnswerRefused("The signed part holds another number of assertions than one.")
        return found[0]
    if ended:
        raise AnswerRefused(
            "The certificate that the provider signs with has ended: an administrator uploads its metadata."
        )
    raise AnswerRefused("The assertion is not signed with a certificate of the provider, or was changed since.")


def _check_assertion(assertion: Any, expected: Expected) -> None:
    now = datetime.now(UTC)
    if _text(assertion, "saml:Issuer") != expected.issuer:
        raise AnswerRefused("The assertion is of another provider (Issuer).")
    conditions = assertion.findall("saml:Conditions", _NAMES)
    if len(conditions) != 1:
        raise AnswerRefused("The assertion lacks its conditions.")
    begins, ends = conditions[0].get("NotBefore"), conditions[0].get("NotOnOrAfter")
    if begins and _instant(begins, "NotBefore") > now + SKEW:
        raise AnswerRefused("The assertion is not valid yet: the provider's clock is ahead by more than two minutes.")
    if ends and _instant(ends, "NotOnOrAfter") <= now - SKEW:
        raise AnswerRefused("The assertion is not valid any more: its time is over, or the clocks differ.")
    restrictions = conditions[0].findall("saml:AudienceRestriction", _NAMES)
    for restriction in restrictions:
        if expected.entity_id not in [(row.text or "").strip() for row in restriction.findall("saml:Audience", _NAMES)]:
            raise AnswerRefused("The assertion is for another system (Audience).")
    if not restrictions:
        raise AnswerRefused("The assertion does not say for which system it is (AudienceRestriction).")
    if not any(
        _confirms(row, expected, now) for row in assertion.findall("saml:Subject/saml:SubjectConfirmation", _NAMES)
    ):
        raise AnswerRefused("The assertion is not the answer to this sign-in (SubjectConfirmation).")
    statements = assertion.findall("saml:AuthnStatement", _NAMES)
    if not statements:
        raise AnswerRefused("The assertion does not say that somebody signed in.")
    for statement in statements:
        over = statement.get("SessionNotOnOrAfter")
        if over and _instant(over, "SessionNotOnOrAfter") <= now - SKEW:
            raise AnswerRefused("The session at the provider is over.")


def _confirms(confirmation: Any, expected: Expected, now: datetime) -> bool:
    """Whether a bearer may show the assertion here, now, in answer to this request (SAML Profiles 2.0, section 4.1.4)."""
    said = confirmation.find("saml:SubjectConfirmationData", _NAMES)
    if confirmation.get("Method") != BEARER or said is None or not said.get("NotOnOrAfter"):
        return False
    if said.get("Recipient") != expected.answer_url or said.get("InResponseTo") != expected.request_id:
        return False
    begins = said.get("NotBefore")
    if begins and _instant(begins, "NotBefore") > now + SKEW:
        return False
    return _instant(said.get("NotOnOrAfter"), "NotOnOrAfter") > now - SKEW


def _attributes(assertion: Any) -> Iterator[tuple[str, str]]:
    for row in assertion.iterfind("saml:AttributeStatement/saml:Attribute", _NAMES):
        value = row.find("saml:AttributeValue", _NAMES)
        if value is not None and value.text and not len(value):
            yield row.get("Name", ""), value.text.strip()


def _parse(content: bytes, what: str) -> Any:
    """XML without entities, without a document type, of bounded size; AnswerRefused for any other."""
    if len(content) > MOST:
        raise AnswerRefused(f"{what} is larger than {MOST // 1024} KiB.")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=False
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise AnswerRefused(f"{what} is no XML.") from None
    if root.getroottree().docinfo.doctype:
        raise AnswerRefused(f"{what} has a document type, which is not read.")
    return root


def _text(element: Any, path: str) -> str:
    found = element.find(path, _NAMES)
    return "" if found is None else "".join(found.itertext()).strip()


def _tag(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"{{{_NAMES[prefix]}}}{local}"


def _instant(text: str, what: str) -> datetime:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise AnswerRefused(f"{what} is no instant.") from None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def _pem(text: str) -> str:
    try:
        read = x509.load_der_x509_certificate(base64.b64decode("".join(text.split())))
    except ValueError:
        raise AnswerRefused("A certificate of the metadata cannot be read.") from None
    return read.public_bytes(Encoding.PEM).decode()

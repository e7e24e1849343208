"""Identity providers on this machine's loopback, which the tests sign in at over real sockets.

``mock_provider`` is an independent one (the package oidc-provider-mock, on Authlib) in a process of its own. ``bent`` is one that
these tests serve themselves, with tokens signed by joserfc: it answers as it should, or as an attack needs it.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.browser.world import SECRET, one_time_code

if TYPE_CHECKING:
    from django.test import Client

    from opencets_web.federation.models import IdentityProvider
    from opencets_web.policy.actor import Actor
    from tests.web.conftest import Cast

CLIENT = "opencets"
CLIENT_SECRET = "a secret of the agency"
ACR = "urn:example:two-factors"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class _Stays(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *given: Any) -> None:
        return None


def visit(url: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
    """What a browser gets at ``url``: status, where it is sent, text."""
    body = None if form is None else urlencode(form).encode()
    try:
        with urllib.request.build_opener(_Stays).open(url, body, timeout=20) as answer:
            return answer.status, answer.headers.get("Location", ""), answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.headers.get("Location", ""), error.read().decode()


@pytest.fixture(autouse=True)
def _loopback(settings: Any) -> None:
    """These providers are inside one's own network, as whoever runs a system declares them."""
    from django.core.cache import cache

    settings.PRIVATE_PROVIDERS = ["localhost"]
    cache.clear()


@dataclass
class MockProvider:
    """The independent provider: whom it knows, and signing in at it."""

    issuer: str

    def knows(self, subject: str, **claims: Any) -> None:
        request = urllib.request.Request(
            f"{self.issuer}/users/{subject}",
            json.dumps(claims).encode(),
            {"Content-Type": "application/json"},
            method="PUT",
        )
        urllib.request.urlopen(request, timeout=10).close()

    def sign_in(self, address: str, subject: str) -> str:
        """Where the browser is sent back to, once somebody has signed in there."""
        status, location, text = visit(address, {"sub": subject})
        assert status == 302, text
        return location


@pytest.fixture(scope="session")
def mock_provider() -> Iterator[MockProvider]:
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port), "--host", "localhost"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as served:
        found = MockProvider(f"http://localhost:{port}")
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{found.issuer}/jwks", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        yield found
        served.terminate()


@dataclass
class Bent:
    """A provider that the test serves: what it says can be bent at every place."""

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    """Put over the claims of the ID token; None takes one away."""

    userinfo: dict[str, Any] | None = None
    configuration: dict[str, Any] = field(default_factory=dict)
    sign: Callable[[Bent, dict[str, Any]], str] | None = None
    answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    nonce: str = ""
    keys: list[Any] = field(default_factory=list)

    def new_key(self) -> Any:
        from joserfc.jwk import RSAKey

        key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig", "alg": "RS256"})
        self.keys.append(key)
        return key

    def token(self) -> str:
        from joserfc import jwt

        now = int(time.time())
        said = {
            "iss": self.issuer, "sub": "subject-1", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": self.nonce,
            "email": "owner@avon.example.org", "email_verified": True,
        } | self.claims  # fmt: skip
        said = {name: value for name, value in said.items() if value is not None}
        if self.sign is not None:
            return self.sign(self, said)
        key = self.keys[-1]
        return jwt.encode({"alg": "RS256", "kid": key.kid}, said, key)

    def sign_in(self, address: str) -> str:
        """Where the browser is sent back to."""
        asked = parse_qs(urlsplit(address).query)
        assert asked["code_challenge_method"] == ["S256"]
        self.nonce = asked["nonce"][0]
        return f"{asked['redirect_uri'][0]}?{urlencode({'code': 'a-code', 'state': asked['state'][0]})}"


def _handler(bent: Bent) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _say(self, said: Any, status: int = 200) -> None:
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            form = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
            bent.asked.append((self.path, form, dict(self.headers)))
            if self.path in bent.answers:
                return bent.answers[self.path](self)
            if self.path == "/.well-known/openid-configuration":
                return self._say(
                    {
                        "issuer": bent.issuer,
                        "authorization_endpoint": f"{bent.issuer}/authorize",
                        "token_endpoint": f"{bent.issuer}/token",
                        "jwks_uri": f"{bent.issuer}/keys",
                        "userinfo_endpoint": f"{bent.issuer}/userinfo",
                        "acr_values_supported": [ACR],
                    }
                    | bent.configuration
                )
            if self.path == "/keys":
                return self._say({"keys": [key.as_dict(private=False) for key in bent.keys]})
            if self.path == "/token":
                return self._say({"access_token": "an-access-token", "token_type": "Bearer", "id_token": bent.token()})
            if self.path == "/userinfo":
                return self._say(bent.userinfo or {"sub": bent.claims.get("sub", "subject-1")})
            return self._say({"error": "not_there"}, 404)

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, *given: Any) -> None:
            return None

    return Handler


@pytest.fixture(scope="session")
def first_key() -> Any:
    """The key that a bent provider begins with: making one takes a while."""
    return Bent().new_key()


@pytest.fixture
def bent(first_key: Any) -> Iterator[Bent]:
    made = Bent(keys=[first_key])
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(made))
    server.daemon_threads = True
    made.issuer = f"http://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Agency:
    """The administrator of an agency at a browser, registering its provider through the pages."""

    browser: Client
    provider: IdentityProvider | None = None

    def registers(self, issuer: str, *, domains: str = "avon.example.org", accepted: str = "") -> str:
        """The id of the provider, still switched off."""
        given = {
            "name": "Staff sign-in", "issuer": issuer, "client_id": CLIENT, "secret": CLIENT_SECRET, "domains": domains,
            "accepted": accepted,
        }  # fmt: skip
        return self._registered("/officers/sign-in/oidc/", given)

    def registers_saml(self, metadata: str, **fields: str) -> str:
        """The same for a SAML provider."""
        given = {"name": "Staff sign-in", "metadata_text": metadata, "domains": "avon.example.org", **fields}
        return self._registered("/officers/sign-in/saml/", given)

    def _registered(self, path: str, given: dict[str, str]) -> str:
        answer = self.browser.post(path, given)
        assert answer.status_code == 302, _words(answer)
        return answer.headers["Location"].strip("/").rpartition("/")[2]

    def tries(self, provider_id: str, through: Callable[[str], str]) -> Any:
        """What the page shows after the provider has answered to a trial."""
        begun = self.browser.get(f"/officers/sign-in/{provider_id}/try/")
        assert begun.status_code == 302, _words(begun)
        return self.browser.get(_local(through(begun.headers["Location"])))

    def switches_on(self, provider_id: str, rule: str = "also") -> Any:
        return self.browser.post(f"/officers/sign-in/{provider_id}/on/", {"rule": rule})


def _words(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


words = _words


def _local(url: str) -> str:
    parts = urlsplit(url)
    assert parts.netloc == "testserver", url
    return f"{parts.path}?{parts.query}"


@pytest.fixture
def agency(cast: Cast, client_for: Callable[[Actor | None], Client]) -> Agency:
    """Avon's administrator."""
    return Agency(client_for(cast.administrator))


@pytest.fixture
def sign_in(client_for: Callable[[Actor | None], Client]) -> Callable[..., tuple[Client, Any]]:
    """``sign_in(provider_id, through)``: a fresh browser after the provider's answer, and the answer of ours."""

    def signed(provider_id: str, through: Callable[[str], str], browser: Client | None = None) -> tuple[Client, Any]:
        browser = browser or client_for(None)
        begun = browser.get(f"/account/provider/{provider_id}/?next=/cases/")
        assert begun.status_code == 302, _words(begun)
        return browser, browser.get(_local(through(begun.headers["Location"])))

    return signed


@pytest.fixture
def with_factor(db: None) -> Callable[[Actor], None]:
    """Gives the officer an authenticator app that shows ``one_time_code()``."""
    from allauth.mfa.models import Authenticator

    def given(actor: Actor) -> None:
        Authenticator.objects.update_or_create(
            user_id=actor.officer_id, type="totp", defaults={"data": {"secret": SECRET}}
        )

    return given


@pytest.fixture
def show_code() -> Callable[[Client], Any]:
    """Show the officer's own second factor, as the page after the password asks for it; used codes are forgotten."""

    def show(browser: Client) -> Any:
        from django.core.cache import cache

        cache.clear()
        return browser.post("/account/2fa/authenticate/", {"code": one_time_code()})

    return show


@dataclass
class SamlPeer:
    """The SAML provider (pysaml2, in a process of its own): what it is told to say, and signing in at it."""

    folder: Path
    address: str

    def says(self, **told: Any) -> None:
        """From now on it answers so, and as it should in all else."""
        (self.folder / "told.json").write_text(json.dumps(told))

    def metadata(self) -> str:
        return visit(f"{self.address}/metadata")[2]

    def learns(self, metadata: str) -> None:
        """It reads our metadata."""
        (self.folder / "sp.xml").write_text(metadata)

    def sign_in(self, address: str) -> str:
        """The response that its page has the browser post."""
        status, _, text = visit(address)
        assert status == 200, text
        return text


@pytest.fixture(scope="session")
def _saml_peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SamlPeer]:
    if shutil.which("xmlsec1") is None:
        pytest.skip("xmlsec1 is not installed: the SAML provider of these tests signs with it.")
    folder = tmp_path_factory.mktemp("saml")
    command = [sys.executable, "-W", "ignore", str(Path(__file__).parent / "saml_peer.py"), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as served:
        assert served.stdout is not None
        yield SamlPeer(folder, f"http://localhost:{served.stdout.readline().strip()}")
        served.terminate()


@pytest.fixture
def saml_peer(_saml_peer: SamlPeer) -> SamlPeer:
    _saml_peer.says()
    return _saml_peer


def post_answer(browser: Client, provider_id: str, response: str) -> Any:
    """The provider's page has the browser post the response, from another site: without its session."""
    kept = dict(browser.cookies)
    browser.cookies.clear()
    try:
        answer = browser.post(f"/account/provider/{provider_id}/answer/", {"SAMLResponse": response})
    finally:
        for name, value in kept.items():
            browser.cookies[name] = value
    return answer


@pytest.fixture
def sign_in_by_saml(
    client_for: Callable[[Actor | None], Client], saml_peer: SamlPeer
) -> Callable[..., tuple[Client, Any]]:
    """``sign_in_by_saml(provider_id)``: a fresh browser after the provider's answer, and the answer of ours.

    ``bend`` changes the response on its way.
    """

    def signed(
        provider_id: str, bend: Callable[[str], str] = str, browser: Client | None = None, path: str = ""
    ) -> tuple[Client, Any]:
        browser = browser or client_for(None)
        begun = browser.get(path or f"/account/provider/{provider_id}/?next=/cases/")
        assert begun.status_code == 302, _words(begun)
        answer = post_answer(browser, provider_id, bend(saml_peer.sign_in(begun.headers["Location"])))
        if answer.status_code == 303:
            answer = browser.get(answer.headers["Location"])
        return browser, answer

    return signed

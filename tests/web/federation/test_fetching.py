"""What an administrator's words may make this system ask over the network: nothing of its own network, little, and not for long."""

from __future__ import annotations

import json
import socket
import time
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler

    from tests.web.federation.conftest import Bent


def _refusal(url: str) -> str:
    from opencets_web.federation.asserted import AnswerRefused
    from opencets_web.federation.fetching import ask

    with pytest.raises(AnswerRefused) as refused:
        ask(url, "The provider")
    return refused.value.sentence


@pytest.mark.parametrize(
    "url",
    [
        "http://idp.example.org/keys",
        "http://127.0.0.1/keys",
        "ftp://idp.example.org/keys",
        "file:///etc/passwd",
        "//idp.example.org/keys",
        "https://user:password@idp.example.org/keys",
        "https://idp.example.org/#part",
        "https:///keys",
        "https://idp.example.org:99999/",
        "",
    ],
)
def test_only_https_addresses_are_asked(settings: Any, url: str) -> None:
    settings.PRIVATE_PROVIDERS = []
    assert "address" in _refusal(url)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "10.0.0.8", "172.16.3.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "localhost", "[::1]", "[fe80::1]", "[fc00::1]", "[::ffff:10.0.0.8]", "[2002:0a00:0001::]", "[64:ff9b::a00:1]",
        "224.0.0.1", "[ff02::1]",
    ],
)  # fmt: skip
def test_no_private_address_is_asked_unless_it_is_declared(settings: Any, host: str) -> None:
    settings.PRIVATE_PROVIDERS = []
    assert "inside a private network" in _refusal(f"https://{host}/keys")


def test_a_name_that_leads_into_the_private_network_is_not_asked(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one of several addresses is private, none is asked: the one that is connected to is one that was checked."""
    from opencets_web.federation import fetching

    settings.PRIVATE_PROVIDERS = []
    public = str(IPv4Address(0x01000001))
    assert fetching._is_public(public)
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in (public, "10.0.0.8")]
    monkeypatch.setattr(fetching.socket, "getaddrinfo", lambda *given, **named: found)
    assert "inside a private network" in _refusal("https://idp.example.org/keys")


def test_http_is_spoken_on_this_machine_alone_and_only_where_it_is_declared(settings: Any, bent: Bent) -> None:
    from opencets_web.federation.fetching import ask

    assert ask(f"{bent.issuer}/keys", "The provider")["keys"]
    settings.PRIVATE_PROVIDERS = ["idp.avon.internal"]
    assert "not an https address" in _refusal(f"{bent.issuer}/keys")
    assert "not an https address" in _refusal("http://idp.avon.internal/keys")


def test_redirects_large_answers_and_strange_ones_are_refused(bent: Bent) -> None:
    def redirects(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", f"{bent.issuer}/keys")
        handler.end_headers()

    def says(content: bytes, status: int = 200) -> Any:
        def say(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            handler.end_headers()
            try:
                handler.wfile.write(content)
            except OSError:
                return

        return say

    bent.answers = {
        "/redirect": redirects,
        "/large": says(b'{"a": "' + b"x" * 600_000 + b'"}'),
        "/list": says(b"[]"),
        "/page": says(b"<html>"),
        "/wrong": says(json.dumps({"error": "invalid_grant"}).encode(), 400),
    }
    assert "redirect, which is not followed" in _refusal(f"{bent.issuer}/redirect")
    assert "more than 512 KiB" in _refusal(f"{bent.issuer}/large")
    assert "does not answer with JSON" in _refusal(f"{bent.issuer}/list")
    assert "does not answer with JSON" in _refusal(f"{bent.issuer}/page")
    assert "status 400, invalid_grant" in _refusal(f"{bent.issuer}/wrong")
    assert "does not answer" in _refusal("http://localhost:1/keys")


def test_a_provider_that_sends_a_byte_now_and_then_holds_nobody(bent: Bent, monkeypatch: pytest.MonkeyPatch) -> None:
    from opencets_web.federation import fetching

    def drips(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(100):
            try:
                handler.wfile.write(b" ")
                handler.wfile.flush()
            except OSError:
                return
            time.sleep(0.1)

    monkeypatch.setattr(fetching, "SECONDS", 0.5)
    bent.answers = {"/slow": drips}
    began = time.monotonic()
    sentence = _refusal(f"{bent.issuer}/slow")
    assert "does not answer" in sentence
    assert time.monotonic() - began < 3

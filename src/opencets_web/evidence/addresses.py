"""Addresses that give bytes of evidence: signed for one session, and worthless after some minutes.

A signature says what, in which variant (both stand in the path), for which session, until when: HMAC-SHA-256 (RFC 2104) under a
key of the day, which the root key of this node wraps. It is asked for beside the door and never instead of it: whoever has an
address still has to be let in. The end is rounded, so that an address stays the same for five minutes and pages that renew
themselves fetch no picture again; not all addresses change at once.
"""

from __future__ import annotations

import hmac
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable
from zlib import crc32

from django.http import HttpRequest, HttpResponseBase

from opencets.errors import NotFound
from opencets_web.evidence.vault import day_key
from opencets_web.policy.actor import Actor
from opencets_web.policy.middleware import refusals_as_pages

SIGNED = frozenset({"media:thumbnail", "media:strip", "media:original", "marks:crop", "supervision:screenshot"})
"""The addresses that answer with bytes of evidence, or of a picture made from it; none of them answers unsigned."""
CACHE_CLEARED_BY = ("/account/logout/", "/account/me/lock/")
PARAMETER = "signed"
WINDOW_SECONDS = 300
DAY_SECONDS = 86_400
MOST_RENEWED = 500
RENEWABLE_SECONDS = 12 * 3600
"""As long as a session lasts: a page that stood open for longer has none."""


def signed(actor: Actor, path: str, *, now: float | None = None) -> str:
    """The path with a signature that opens it to the actor's session for five to ten minutes."""
    until = _until(path, time.time() if now is None else now)
    return f"{path}?{PARAMETER}={until}.{_mark(actor, path, until)}"


def renewed(actor: Actor, addresses: Iterable[str]) -> dict[str, str]:
    """For each address that this session was given, the address that opens now; whatever else was handed in is left out."""
    found = {}
    for address in list(addresses)[:MOST_RENEWED]:
        path, _, mark = address.partition(f"?{PARAMETER}=")
        until = _signed_until(actor, path, mark)
        if until is not None and time.time() - until < RENEWABLE_SECONDS:
            found[address] = signed(actor, path)
    return found


def seconds_left(actor: Actor, path: str, mark: str) -> int:
    """How long the signature still opens the path to the actor's session; 0: not at all."""
    until = _signed_until(actor, path, mark)
    return 0 if until is None else max(0, until - int(time.time()))


def _until(path: str, now: float) -> int:
    apart = crc32(path.encode()) % WINDOW_SECONDS
    return (int(now + apart) // WINDOW_SECONDS + 2) * WINDOW_SECONDS - apart


def _signed_until(actor: Actor, path: str, mark: str) -> int | None:
    """The end that the signature states, passed or not; None: it is not of this path and session."""
    stated, _, given = mark.partition(".")
    if not (stated.isascii() and stated.isdecimal() and len(stated) < 12 and given.isascii() and actor.session):
        return None
    until = int(stated)
    now = time.time()
    if not now - RENEWABLE_SECONDS < until <= now + 2 * WINDOW_SECONDS:
        return None
    return until if hmac.compare_digest(given, _mark(actor, path, until)) else None


def _mark(actor: Actor, path: str, until: int) -> str:
    said = "\n".join(("media address", path, actor.session, str(actor.officer_id), str(until)))
    digest = hmac.digest(day_key(until // DAY_SECONDS), said.encode(), "sha256")
    return urlsafe_b64encode(digest[:24]).decode()


class SignedAddresses:
    """An address of ``SIGNED`` without a living signature of this session is not found, as if there were nothing there."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.method == "POST" and request.path in CACHE_CLEARED_BY:
            # W3C Clear Site Data, section 3.1: thumbnails that the browser kept for a minute are gone with the session.
            response.headers["Clear-Site-Data"] = '"cache"'
        return response

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> HttpResponseBase | None:
        """None: the view goes on, and asks the door."""
        name = request.resolver_match.view_name if request.resolver_match else ""
        if name not in SIGNED:
            return None
        actor: Actor | None = getattr(request, "actor", None)
        if actor is not None and seconds_left(actor, request.path, request.GET.get(PARAMETER, "")):
            return None
        return refusals_as_pages(self.get_response).process_exception(request, NotFound())

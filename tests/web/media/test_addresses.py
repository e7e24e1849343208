"""Signed addresses: five minutes the same, ten at most, for one session, and the door is asked all the same."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from html import unescape
from pathlib import Path
from re import findall
from typing import Any

from django.conf import settings
from django.test import Client

from opencets_web.evidence import addresses, keyring, vault
from opencets_web.policy import standing
from opencets_web.policy.actor import Actor
from tests.web.conftest import Cast, signed
from tests.web.media.conftest import Album, jpeg
from tests.web.media.test_pages import fetched

Browsers = Callable[[Actor | None], Client]
PATH = "/media/0192f0c4-7a40-7c6e-9b0e-3d6f6f1d2a11/thumbnail"


def acting(cast: Cast, session: str = "a") -> Actor:
    return Actor.of(cast.officers["owner"], session=standing.mark_of(session))


def mark(address: str) -> str:
    return address.partition("signed=")[2]


def key_of(browser: Client) -> str:
    return str(browser.cookies[settings.SESSION_COOKIE_NAME].value)


def test_an_address_stays_the_same_for_minutes_and_ends_within_ten(cast: Cast, own_home: Path) -> None:
    actor, begin = acting(cast), 1_800_000_000
    given = [addresses.signed(actor, PATH, now=begin + second) for second in range(0, 3600, 10)]
    assert 12 <= len(set(given)) <= 13, "one address for each five minutes of the hour"
    for second in range(0, 3600, 10):
        left = int(mark(given[second // 10]).partition(".")[0]) - begin - second
        assert 300 <= left <= 600
    ends = {mark(addresses.signed(actor, f"{PATH}{n}", now=begin)).partition(".")[0] for n in range(50)}
    assert len(ends) > 20, "a gallery is not asked for anew all at once"


def test_a_signature_opens_nothing_but_what_it_names(cast: Cast, own_home: Path) -> None:
    actor = acting(cast)
    good = mark(addresses.signed(actor, PATH))
    assert addresses.seconds_left(actor, PATH, good) > 200
    until, _, seal = good.partition(".")
    other = Actor.of(cast.officers["colleague"], session=actor.session)
    for who, path, shown in (
        (actor, PATH.replace("thumbnail", "original"), good),
        (actor, PATH.replace("0192", "0193"), good),
        (acting(cast, "b"), PATH, good),
        (other, PATH, good),
        (Actor.of(cast.officers["owner"]), PATH, good),
        (actor, PATH, f"{int(until) + 1}.{seal}"),
        (actor, PATH, f"{until}.{seal[:-1]}{'A' if seal[-1] != 'A' else 'B'}"),
        (actor, PATH, f"{until}."), (actor, PATH, until), (actor, PATH, ""), (actor, PATH, "9" * 400 + ".x"),
        (actor, PATH, f"²{until}.{seal}"), (actor, PATH, f"{until}.ü"),
        (actor, PATH, mark(addresses.signed(actor, PATH, now=time.time() - 601))),
        (actor, PATH, mark(addresses.signed(actor, PATH, now=time.time() + 86_400))),
    ):  # fmt: skip
        assert addresses.seconds_left(who, path, shown) == 0, (path, shown)


def test_the_keys_of_the_days_are_wrapped_replaced_and_removed(cast: Cast, own_home: Path) -> None:
    actor, folder = acting(cast), own_home / "secrets"
    (folder).mkdir(parents=True, exist_ok=True)
    (folder / "address-key-100").write_bytes(b"of long ago")
    address = addresses.signed(actor, PATH)
    kept = list(folder.glob("address-key-*"))
    assert len(kept) == 1
    assert kept[0].stat().st_mode & 0o777 == 0o600
    assert vault.day_key(int(kept[0].name.rpartition("-")[2])) not in kept[0].read_bytes()
    keyring.rotate_root(lambda _: None)
    assert addresses.seconds_left(actor, PATH, mark(address)) == 0, "a new root key, a new key of the day"
    assert addresses.seconds_left(actor, PATH, mark(addresses.signed(actor, PATH))) > 200


def test_pages_give_addresses_of_their_own_session_alone(album: Album, cast: Cast, client_for: Browsers) -> None:
    album.exhibit("AV-1", {"a.jpg": jpeg(1)})
    medium = album.media("AV-1", "a.jpg")
    browser, same_officer, colleague = client_for(cast.owner), client_for(cast.owner), client_for(cast.colleague)
    page = unescape(browser.get(f"/media/{medium.id}/").content.decode())
    given = set(findall(rf"/media/{medium.id}/(?:thumbnail|original)[^\"]*", page))
    assert {address.partition("?")[0].rpartition("/")[2] for address in given} == {"thumbnail", "original"}
    for address in given:
        assert browser.get(address.partition("?")[0]).status_code == 404, "unsigned"
        for other in (same_officer, colleague):
            assert other.get(address).status_code == 404
        answer = browser.get(address)
        assert answer.status_code == 200
        b"".join(answer.streaming_content if answer.streaming else [answer.content])  # type: ignore[arg-type]
    gone = browser.get("/media/0192f0c4-7a40-7c6e-9b0e-3d6f6f1d2a11/thumbnail")
    refused = same_officer.get(next(iter(given)))
    assert gone.status_code == refused.status_code == 404
    assert "Not found" in gone.content.decode()


def test_a_locked_or_ended_session_has_no_picture(album: Album, cast: Cast, client_for: Browsers) -> None:
    album.exhibit("AV-1", {"a.jpg": jpeg(1)})
    address = f"/media/{album.media('AV-1', 'a.jpg').id}/thumbnail"
    browser = client_for(cast.owner)
    mine = signed(browser, address)
    assert browser.get(mine).status_code == 200
    cleared = browser.post("/account/me/lock/", headers={"accept": "application/json"})
    assert cleared.headers["Clear-Site-Data"] == '"cache"'
    assert browser.get(mine).headers["Location"].startswith("/account/me/locked/")
    assert browser.post("/media/addresses/", {"addresses": [mine]}, content_type="application/json").status_code == 302
    standing.prove(key_of(browser))
    assert browser.get(mine).status_code == 200
    assert browser.post("/account/logout/").headers["Clear-Site-Data"] == '"cache"'
    assert browser.get(mine).headers["Location"].startswith("/account/login/")
    again = client_for(cast.owner)
    assert again.get(mine).status_code == 404


def test_a_page_that_stood_open_renews_what_it_was_given_and_nothing_else(
    album: Album, cast: Cast, client_for: Browsers
) -> None:
    album.exhibit("AV-1", {"a.jpg": jpeg(1)})
    address = f"/media/{album.media('AV-1', 'a.jpg').id}/thumbnail"
    browser, other = client_for(cast.owner), client_for(cast.colleague)
    old = signed(browser, address, now=time.time() - 3600)
    assert browser.get(old).status_code == 404

    def renew(who: Client, given: Any) -> Any:
        return who.post("/media/addresses/", json.dumps(given), content_type="application/json")

    asked = {"addresses": [old, address, f"{address}?signed=1.x", signed(other, address), 7, "/cases/"]}
    found = renew(browser, asked).json()["addresses"]
    assert list(found) == [old]
    assert browser.get(found[old]).status_code == 200
    assert renew(other, {"addresses": [old]}).json() == {"addresses": {}}
    of_yesterday = signed(browser, address, now=time.time() - 13 * 3600)
    assert renew(browser, {"addresses": [of_yesterday]}).json() == {"addresses": {}}
    for wrong in ([], {}, {"addresses": 5}, None, "text"):
        assert renew(browser, wrong).status_code == 409


def test_a_signature_does_not_stand_for_the_door(album: Album, cast: Cast, client_for: Browsers) -> None:
    album.exhibit("AV-1", {"a.jpg": jpeg(1)})
    medium = album.media("AV-1", "a.jpg")
    for who in (cast.outsider, cast.administrator, cast.auditor):
        for variant in ("thumbnail", "original"):
            assert fetched(client_for(who), f"/media/{medium.id}/{variant}").status_code == 404

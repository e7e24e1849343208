"""Lists of known files: handed in once, in an order, on a device as marks that name no file, a hit only where the list has it."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import pytest

from opencets.errors import ActRefused, NotFound
from opencets.packing import captures
from opencets.packing.captures import Entry, batch_of
from opencets.packing.known import KnownFiles
from opencets.packing.order import Order as Signed
from opencets.packing.order import open_order
from tests.web.supervision.conftest import Watched, supervising

if TYPE_CHECKING:
    from django.test import Client

    from opencets_web.policy.actor import Actor
    from tests.web.conftest import Cast

    Behind = Callable[[Actor | None], AbstractContextManager[None]]

LISTED, OTHER = b"an invented file of the list", b"an invented file of nobody"


def digests(content: bytes) -> tuple[str, str, str]:
    md5, sha1 = (hashlib.new(name, content, usedforsecurity=False).hexdigest() for name in ("md5", "sha1"))
    return hashlib.sha256(content).hexdigest(), md5, sha1


def written(content: bytes, name: str = "holiday.jpg") -> captures.Hit:
    """What an agent sends of a file."""
    now = dt.datetime.now(dt.UTC)
    rule = captures.Rule("known files", "", "", 5, "The file stands in the list.")
    file = captures.KnownFile(name, len(content), *digests(content))
    return captures.Hit(rule, "C1", now, captures.Where("file"), "file", "files", None, file, False)


def hand_in(officer: Actor, content: str = "", version: str = "1") -> Any:
    from opencets_web.supervision import known_lists

    lines = (content or digests(LISTED)[1]).encode()
    return known_lists.hand_in(officer, lines, name="Invented list", version=version, authority="An invented act")


def in_force(watched: Watched) -> Signed:
    """The order of the device as it stands, which its agent then obeys."""
    from opencets_web.supervision.models import Order

    row = Order.objects.get(device_id=watched.device_id, state="signed")
    order = open_order(row.document.encode(), [watched.order.key])
    watched.agent.obey(order)
    return order


@pytest.fixture
def comparing(watched: Watched, as_actor: Behind) -> Watched:
    """The order of the device names a list, and its condition new files."""
    from opencets_web.supervision import actions

    officer = watched.officer
    with as_actor(officer):
        listed = hand_in(officer)
        made = actions.draft_order(officer, watched.device_id, known_list_id=listed)
        actions.put_condition(
            officer, made, ref="C1", words="No such files.", collectors=["file"], severity_from=2, retention_days=60
        )
        actions.sign_order(officer, made)
        in_force(watched)
    return watched


def send(watched: Watched, as_actor: Behind, bodies: list[captures.Body]) -> None:
    from opencets_web.supervision import receiving

    entries: list[Entry] = [watched.agent.entry(body) for body in bodies]
    with as_actor(None):
        now = dt.datetime.now(dt.UTC)
        receiving.take_batch(watched.device_id, now, batch_of(entries), now)


def test_a_device_gets_marks_under_its_own_key_and_no_digest(comparing: Watched, as_actor: Behind) -> None:
    from opencets_web.supervision import receiving
    from opencets_web.supervision.models import KnownList, Order

    with as_actor(comparing.officer):
        order = in_force(comparing)
        row = Order.objects.get(device_id=comparing.device_id, state="signed")
        assert row.known_key not in row.document, "the person has the order, and not the key"
        assert KnownList.objects.get().entries_count == 1
    assert order.known_files
    with as_actor(None):
        given = receiving.library_for(comparing.device_id, order.known_files)
        known = KnownFiles(given, order.known_files)
        with pytest.raises(NotFound):
            receiving.library_for(comparing.device_id, "")
    md5 = bytes.fromhex(digests(LISTED)[1])
    assert md5 in known
    assert bytes.fromhex(digests(OTHER)[1]) not in known
    assert md5[:8] not in given


def test_a_file_of_the_list_is_a_hit_in_words_and_any_other_is_let_go(comparing: Watched, as_actor: Behind) -> None:
    from opencets_web.supervision.models import Entry, Fault, Hit

    send(comparing, as_actor, [written(LISTED), written(OTHER, "other.jpg")])
    with as_actor(comparing.officer):
        (hit,) = Hit.objects.all()
        assert (hit.phrase, hit.library, hit.library_version, hit.severity) == (
            "A known file was written", "Invented list", "1", 5,
        )  # fmt: skip
        assert hit.said["file"]["name"] == "holiday.jpg"
        assert "which the order names" in hit.said["reason"]
        (fault,) = Fault.objects.all()
        assert fault.kind == "order"
        assert "no list that the order names" in fault.sentence
        assert Entry.objects.get(seq=2).body.startswith("sha256:"), "what it took is let go"


def test_a_list_is_rolled_out_device_by_device_and_back_again(comparing: Watched, as_actor: Behind) -> None:
    from opencets_web.supervision import actions, known_lists, receiving
    from opencets_web.supervision.models import KnownList

    officer = comparing.officer
    with as_actor(officer):
        first = KnownList.objects.get().pk
        before = in_force(comparing)
        newer = hand_in(officer, "\n".join(digests(OTHER)), "2")
        assert known_lists.roll_out(officer, newer, [comparing.device_id]) == 1
        after = in_force(comparing)
        assert after.known_files != before.known_files
        assert known_lists.roll_out(officer, newer, [comparing.device_id]) == 0
        made = actions.draft_order(officer, comparing.device_id, words="Said in other words.")
        actions.sign_order(officer, made)
        assert in_force(comparing).known_files == after.known_files, "the list stays, and with it the key"
    with as_actor(None), pytest.raises(NotFound):
        receiving.library_for(comparing.device_id, before.known_files or "")
    send(comparing, as_actor, [written(LISTED), written(OTHER)])
    with as_actor(officer):
        from opencets_web.supervision.models import Hit

        assert [one.said["file"]["sha256"] for one in Hit.objects.all()] == [digests(OTHER)[0]]
        assert known_lists.roll_out(officer, first, [comparing.device_id]) == 1
        back = in_force(comparing)
        assert back.known_files not in (before.known_files, after.known_files), "each time under a new key"
        known_lists.withdraw(officer, newer)
        with pytest.raises(ActRefused, match="withdrawn"):
            known_lists.roll_out(officer, newer, [comparing.device_id])


def test_a_list_is_handed_in_named_and_rolled_out_by_pages(
    comparing: Watched, cast: Cast, as_actor: Behind, client_for: Callable[[Actor | None], Client]
) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    from opencets_web.supervision.models import KnownList, Order

    cast.officers["owner"].refresh_from_db()
    browser = client_for(comparing.officer)
    page = browser.get("/supervision/libraries/").content.decode()
    assert "Invented list" in page
    assert page.count('id="id_file"') == 1
    said = {"name": "Second list", "version": "7", "authority": "An invented act"}
    assert browser.post("/supervision/known-lists/", said).status_code == 422
    file = SimpleUploadedFile("list.txt", digests(OTHER)[0].encode())
    assert browser.post("/supervision/known-lists/", {**said, "file": file}).status_code == 302
    with as_actor(comparing.officer):
        made = KnownList.objects.get(name="Second list")
    address = f"/supervision/known-lists/{made.pk}"
    assert browser.post(f"{address}/roll-out/", {"device": str(comparing.device_id)}).status_code == 302
    with as_actor(comparing.officer):
        assert made.entries_count == 1
        assert Order.objects.get(device_id=comparing.device_id, state="signed").known_list_id == made.pk
    assert "Second list" in browser.get("/supervision/libraries/").content.decode()
    assert browser.post(f"{address}/withdraw/").status_code == 302
    with as_actor(comparing.officer):
        assert KnownList.objects.get(pk=made.pk).withdrawn_at is not None


def test_a_list_is_handed_in_whole_once_by_those_who_supervise_and_is_of_its_agency(
    comparing: Watched, cast: Cast, as_actor: Behind
) -> None:
    from dataclasses import replace

    from opencets_web.supervision import actions, known_lists
    from opencets_web.supervision.models import KnownList

    officer = comparing.officer
    with as_actor(officer):
        mine = KnownList.objects.get().pk
        with pytest.raises(ActRefused, match="before"):
            hand_in(officer, version="2")
        with pytest.raises(ActRefused, match="Line 2"):
            hand_in(officer, digests(OTHER)[0] + "\nnothing", "2")
        with pytest.raises(ActRefused, match="supervising"):
            known_lists.hand_in(
                replace(officer, roles=frozenset({"investigator"})), b"", name="n", version="1", authority="a"
            )
    outsider = supervising(cast.outsider)
    with as_actor(outsider):
        assert not KnownList.objects.exists()
        with pytest.raises(NotFound):
            known_lists.roll_out(outsider, mine, [])
    with as_actor(officer):
        made = actions.draft_order(officer, comparing.device_id, known_list_id=None)
        with pytest.raises(ActRefused, match="names none"):
            actions.sign_order(officer, made)
        with pytest.raises(ActRefused, match="of your agency"):
            actions.change_draft(officer, made, known_list_id=cast.outsider.officer_id)

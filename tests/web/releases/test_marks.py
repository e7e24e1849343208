"""A mark released alone: what leaves of it, what the recipient finds with it, and what becomes of it after a withdrawal."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from PIL import Image

from opencets.errors import ActRefused, NotFound
from tests.web.conftest import Behind, Cast
from tests.web.marks.conftest import Marking, album, books, marking, own_home, picture

if TYPE_CHECKING:
    from opencets_web.marks.models import Mark
    from opencets_web.policy.actor import Actor
    from opencets_web.releases.models import ReceivedPart

__all__ = ["album", "books", "marking", "own_home"]


@dataclass
class Sharing:
    """Avon releases marks of AV-1, Borders receives them into BO-1; each act in its role."""

    marking: Marking
    cast: Cast
    as_actor: Behind
    as_job: Any

    def begin(self) -> UUID:
        from opencets_web.releases.actions import Terms, begin_release

        terms = Terms("The same room", "Police Act, section 1", self.cast.borders.id)
        with self.as_actor(self.cast.owner):
            return begin_release(self.cast.owner, "AV-1", terms)

    def add(self, release_id: UUID, mark: Mark, actor: Actor | None = None, shown: tuple[str, ...] = ()) -> None:
        from opencets_web.releases.actions import Decision, add_items, decide_items
        from opencets_web.releases.models import ReleaseItem

        by = actor or self.cast.owner
        with self.as_actor(by):
            add_items(by, release_id, marks=[mark.id], shown=shown)
            item = ReleaseItem.objects.get(part_release_id=release_id)
            decide_items(by, release_id, [Decision(item.id, True)])

    def preview(self, release_id: UUID) -> Any:
        from opencets_web.releases.queries import get_release

        with self.as_actor(self.cast.owner):
            return get_release(self.cast.owner, release_id).preview

    def send(self, release_id: UUID) -> ReceivedPart:
        from opencets_web.releases.actions import send
        from opencets_web.releases.jobs import make_release
        from opencets_web.releases.models import ReceivedPart

        seen = self.preview(release_id).seen
        with self.as_actor(self.cast.owner):
            send(self.cast.owner, release_id, seen)
        with self.as_job(None):
            make_release(str(release_id), str(self.cast.owner.officer_id))
        self.carry(release_id)
        return ReceivedPart.objects.get(release_ref=release_id)

    def carry(self, release_id: UUID) -> None:
        from opencets_web.releases.jobs import carry_release

        with self.as_job(None):
            carry_release(str(release_id), str(self.cast.owner.officer_id))

    def receive(self, part: ReceivedPart) -> Mark:
        """Into BO-1 of Borders, read and searched as the jobs do."""
        from opencets_web.evidence.jobs import read_exhibit
        from opencets_web.marks.jobs import search_region
        from opencets_web.marks.models import Mark, MarkRegion
        from opencets_web.media.jobs import match_media
        from opencets_web.releases.jobs import keep_marks, keep_part
        from opencets_web.releases.receiving import accept_part

        officer, who = str(self.cast.outsider.officer_id), self.cast.outsider
        with self.as_actor(who):
            accept_part(who, part.id, "BO-1")
        with self.as_job(None):
            keep_part(str(part.id), officer)
        part.refresh_from_db()
        with self.as_job(None):
            read_exhibit(str(part.exhibit_id), officer)
        for job in (match_media, keep_marks, keep_marks):
            with self.as_job(who):
                job(str(part.exhibit_id), officer)
        mark = Mark.objects.get(regions__media__file__exhibit=part.exhibit_id)
        with self.as_job(who):
            search_region(str(MarkRegion.objects.get(mark=mark).id), officer)
        return mark

    def package(self, part: ReceivedPart) -> zipfile.ZipFile:
        from opencets_web.evidence.vault import opening

        with opening(part.blob)() as stream:
            return zipfile.ZipFile(io.BytesIO(stream.read()))


@pytest.fixture
def sharing(marking: Marking, cast: Cast, as_actor: Behind, as_job: Any) -> Sharing:
    marking.extract("AV-1", {"marked.jpg": picture(1, 1)})
    return Sharing(marking, cast, as_actor, as_job)


def test_a_mark_leaves_alone_and_finds_what_the_recipient_holds(
    sharing: Sharing, cast: Cast, as_actor: Behind, client_for: Any
) -> None:
    from opencets_web.marks import actions, queries
    from opencets_web.marks.models import Mark, MarkMatch, MarkRegion
    from opencets_web.releases.actions import add_items, reinstate_part, withdraw_part
    from opencets_web.releases.models import PartRelease

    sharing.marking.extract("BO-1", {"theirs.jpg": picture(1, 53, 0.8, 40)}, cast.outsider)
    mark = sharing.marking.mark("AV-1", "marked.jpg")
    release_id = sharing.begin()
    with as_actor(cast.outsider), pytest.raises(NotFound):
        add_items(cast.outsider, release_id, marks=[mark.id])
    page = client_for(cast.owner).get(f"/sharing/parts/releases/{release_id}/").content.decode()
    assert "Marks (1): the region alone" in page
    sharing.add(release_id, mark)
    stem = f"marks/Fern_print-{mark.id.hex}"
    leaves = [name for name, _, _ in sharing.preview(release_id).files]
    assert leaves[3:] == ["marks.jsonl", f"{stem}.jpg", f"{stem}.features"]
    part = sharing.send(release_id)

    package, media = sharing.package(part), sharing.marking.album.media("AV-1", "marked.jpg")
    (row,) = (json.loads(line) for line in package.read("marks.jsonl").splitlines())
    assert (row["name"], row["kind"], row["picture"]) == ("Fern print", "logo", f"{stem}.jpg")
    region = Image.open(io.BytesIO(package.read(row["picture"])))
    assert region.size[0] < 180, "480 wide is the picture"
    text = b"".join(package.read(name) for name in package.namelist())
    for told in (b"marked.jpg", media.sha256.encode(), media.file.sha256.encode()):
        assert told not in text

    received = sharing.receive(part)
    assert (received.name, received.released_by, received.agency) == ("Fern print", "Avon Constabulary", cast.borders)
    own = MarkRegion.objects.get(mark=received)
    assert own.points == row["points"] > 50, "the features came along"
    assert {match.media.file.name for match in MarkMatch.objects.filter(region=own)} >= {"theirs.jpg"}
    with as_actor(cast.outsider):
        shown = queries.get_mark(cast.outsider, received.id, shown=frozenset())
    assert [place.picture.label for place in shown.places] == ["theirs.jpg"]
    with as_actor(cast.owner), pytest.raises(NotFound):
        queries.get_mark(cast.owner, received.id, shown=frozenset())
    with as_actor(cast.outsider), pytest.raises(NotFound):
        queries.get_mark(cast.outsider, mark.id, shown=frozenset())
    with as_actor(cast.outsider), pytest.raises(ActRefused, match="under their terms"):
        actions.hand_out(cast.outsider, received.id, "For the trade.", shown=frozenset())

    with as_actor(cast.owner):
        withdraw_part(cast.owner, release_id, "The wrong print.")
    sharing.carry(release_id)
    assert Mark.objects.get(pk=received.id).withdrawn_at is not None
    with as_actor(cast.outsider), pytest.raises(ActRefused, match="withdrew the release"):
        actions.restore(cast.outsider, received.id)
    assert b"Put back" not in client_for(cast.outsider).get(f"/marks/{received.id}/").content
    with as_actor(cast.owner):
        reinstate_part(cast.owner, release_id)
    sharing.carry(release_id)
    assert Mark.objects.get(pk=received.id).withdrawn_at is None
    assert PartRelease.objects.get(pk=release_id).state == "made"


def test_a_mark_of_a_masked_known_or_withdrawn_picture_does_not_leave(
    sharing: Sharing, cast: Cast, as_actor: Behind, client_for: Any
) -> None:
    from opencets_web.marks import actions
    from opencets_web.media.actions import draw_mask, set_mask_withdrawn
    from opencets_web.media.models import HashSet, Media
    from tests.web.marks.test_marks import listed_by

    mark, release_id = sharing.marking.mark("AV-1", "marked.jpg"), sharing.begin()
    media = sharing.marking.album.media("AV-1", "marked.jpg")
    known: HashSet = listed_by(cast)
    Media.objects.filter(pk=media.pk).update(known_set=known)
    with pytest.raises(ActRefused, match="known file"):
        sharing.add(release_id, mark)
    sharing.add(release_id, mark, shown=(str(media.id),))
    assert sharing.preview(release_id).refusal == ""
    with as_actor(cast.owner):
        mask = draw_mask(cast.owner, media.id, left=10, top=10, width=200, height=200)
    assert "masked parts" in sharing.preview(release_id).refusal
    with as_actor(cast.owner):
        set_mask_withdrawn(cast.owner, mask, withdrawn=True)
        actions.withdraw(cast.owner, mark.id)
    assert "is withdrawn" in sharing.preview(release_id).refusal


def test_what_a_package_tells_of_a_mark_is_taken_as_what_it_can_be() -> None:
    from opencets_web.marks.releasing import WHOLE, features_of, fields_of, outline_of

    assert fields_of({"name": "\x00 ", "kind": "person"}) == {"name": "A mark", "kind": "other", "description": ""}
    for told in (None, "abc", [[0, 0], [2, 2], [0, 1]], [[0, 0]], [["x", 1]] * 3, [[float("nan"), 0]] * 3):
        assert outline_of(told) == WHOLE
    assert outline_of([[0, 0], [1, 0], [0.5, 1]]) == [[0.0, 0.0], [1.0, 0.0], [0.5, 1.0]]
    for content in (b"", b"\x01\x00\x00\x00", bytes(8), b"\xff" * (8 + 528)):
        assert features_of(content) == (None, 0)

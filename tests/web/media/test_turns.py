"""A copy that was mirrored or turned is found, and how it lies is said."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from opencets_web.media.models import Media, NearDuplicate
from opencets_web.media.queries import MediaPage, Wanted, get_media
from tests.web.conftest import Behind, Cast
from tests.web.media.conftest import Album, Import, jpeg, scene

pytestmark = pytest.mark.urls("tests.web.media.urls")


def page_of(medium: Media, cast: Cast, as_actor: Behind) -> MediaPage:
    """The medium's page for the owner of both cases."""
    with as_actor(cast.owner):
        return get_media(cast.owner, medium.id, Wanted(), in_case=False, shown=())


def laid(seed: int, turn: Image.Transpose) -> bytes:
    """The scene as JPEG, laid otherwise."""
    stream = io.BytesIO()
    scene(seed).transpose(turn).save(stream, "JPEG", quality=88)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("turn", "there", "back"),
    [
        (Image.Transpose.FLIP_LEFT_RIGHT, "mirrored", "mirrored"),
        (Image.Transpose.ROTATE_270, "turned by a quarter to the right", "turned by a quarter to the left"),
    ],
)
def test_a_turned_copy_is_a_near_duplicate_and_each_side_says_how_it_lies(
    album: Album, cast: Cast, as_actor: Behind, turn: Image.Transpose, there: str, back: str
) -> None:
    album.exhibit("OP-A", {"one.jpg": jpeg(1), "other.jpg": jpeg(2)})
    album.exhibit("OP-B", {"turned.jpg": laid(1, turn)})
    one, turned = album.media("OP-A", "one.jpg"), album.media("OP-B", "turned.jpg")
    assert [{pair.left_id, pair.right_id} for pair in NearDuplicate.objects.all()] == [{one.id, turned.id}]
    assert [line.turned for line in page_of(one, cast, as_actor).near] == [there]
    assert [line.turned for line in page_of(turned, cast, as_actor).near] == [back]


def test_a_copy_that_lies_as_it_was_says_nothing_of_turns(album: Album) -> None:
    album.exhibit("OP-A", {"one.jpg": jpeg(1), "again.jpg": jpeg(1, quality=60)})
    assert [pair.turn for pair in NearDuplicate.objects.all()] == [""]


def test_a_mirrored_copy_of_a_known_file_is_known_whichever_comes_first(
    album: Album, cast: Cast, import_list: Import, as_actor: Behind
) -> None:
    album.exhibit("OP-A", {"one.jpg": jpeg(1), "mirrored.jpg": laid(2, Image.Transpose.FLIP_LEFT_RIGHT)})
    codes = [bytes(album.media("OP-A", "one.jpg").pdq or b"").hex()]
    album.exhibit("OP-Z", {"source.jpg": jpeg(2)})
    codes.append(bytes(album.media("OP-Z", "source.jpg").pdq or b"").hex())
    import_list(cast.owner, ("\n".join(["pdq", *codes]) + "\n").encode())
    album.exhibit("OP-B", {"late.jpg": laid(1, Image.Transpose.ROTATE_90)})
    turns = dict(Media.objects.exclude(known_by=None).values_list("file__name", "known_turn"))
    assert turns == {"one.jpg": "", "source.jpg": "", "mirrored.jpg": "mirrored", "late.jpg": "left"}
    known = page_of(album.media("OP-B", "late.jpg"), cast, as_actor).known
    assert known is not None
    assert "turned by a quarter to the left" in known.sentence

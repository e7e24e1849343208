"""Cases with a print that stands in pictures of two agencies."""

from __future__ import annotations

import io
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import pytest
from PIL import Image

from opencets_web.marks import actions, jobs
from opencets_web.marks.models import Mark, MarkRegion
from opencets_web.policy.actor import Actor
from tests.matching.test_regions import print_of, scene
from tests.web.conftest import Behind, Cast
from tests.web.media.conftest import Album, album, books, own_home

__all__ = ["album", "books", "own_home"]


def picture(look: int | None, seed: int, scale: float = 1.0, turn: float = 0.0, *, flipped: bool = False) -> bytes:
    """A room with print ``look`` in it, as a JPEG of its own; ``flipped`` left to right."""
    stream = io.BytesIO()
    grey = scene(print_of(look) if look else None, seed, scale, turn)[0]
    Image.fromarray(grey[:, ::-1] if flipped else grey).save(stream, "JPEG", quality=88)
    return stream.getvalue()


def film(*shots: tuple[int | None, int, float]) -> bytes:
    """A film of rooms, two seconds each with two key frames: print, seed and scale of each."""
    import av

    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=5, options={"g": "5"})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 480, 360, "yuv420p", 4_000_000
        for look, seed, scale in shots:
            grey = scene(print_of(look) if look else None, seed, scale)[0]
            for _ in range(10):
                frame = av.VideoFrame.from_ndarray(np.stack([grey] * 3, -1), format="rgb24")
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return out.getvalue()


@dataclass
class Marking:
    """Marks regions and does the jobs that follow."""

    album: Album
    cast: Cast
    as_actor: Behind
    as_job: Behind

    def extract(self, reference: str, files: dict[str, bytes], actor: Actor | None = None) -> None:
        """An exhibit of these pictures, read, matched, and put into the index of regions."""
        by = actor or self.cast.owner
        agency = self.cast.borders if by is self.cast.outsider else None
        exhibit = self.album.exhibit(reference, files, agency)
        with self.as_job(by):
            jobs.extract_features(str(exhibit.id), str(by.officer_id))

    def mark(self, reference: str, name: str, seed: int = 1, look: int = 1) -> Mark:
        """The print of a picture marked by Avon's owner, and sought."""
        polygon = np.clip(scene(print_of(look), seed)[1], 0, 1).tolist()
        media = self.album.media(reference, name)
        with self.as_actor(self.cast.owner):
            mark_id = actions.mark_region(self.cast.owner, media.id, polygon, name="Fern print", kind="logo")
        self.search(mark_id)
        return Mark.objects.get(pk=mark_id)

    def search(self, mark_id: UUID) -> None:
        region = MarkRegion.objects.get(mark_id=mark_id)
        with self.as_job(self.cast.owner):
            jobs.search_region(str(region.id), str(self.cast.owner.officer_id))


@pytest.fixture
def marking(album: Album, cast: Cast, as_actor: Behind, as_job: Behind) -> Marking:
    return Marking(album, cast, as_actor, as_job)

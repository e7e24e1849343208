"""Real pictures, read by the real readers into cases of Avon and Borders; blobs and indexes in a folder of the test's own."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from PIL import Image, ImageDraw

from opencets_web.accounts.models import Agency
from opencets_web.cases.models import Case
from opencets_web.evidence import actions as evidence
from opencets_web.evidence import vault
from opencets_web.evidence.models import Exhibit
from opencets_web.evidence.reading import read_exhibit
from opencets_web.media import jobs
from opencets_web.media.models import Media
from opencets_web.policy.actor import Actor
from tests.web.conftest import Behind, Cast
from tests.web.entities.conftest import Books


def scene(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """A generated scene of shapes: the same for the same seed, rich enough for PDQ."""
    picture = Image.new("RGB", size, ((seed * 67) % 200, (seed * 31) % 200, (seed * 13) % 200))
    draw = ImageDraw.Draw(picture)
    for step in range(60):
        turn = seed * 1.7 + step * (0.9 + seed % 7 * 0.31)
        x, y = (math.sin(turn) * 0.5 + 0.5) * size[0], (math.cos(turn * 1.3 + seed) * 0.5 + 0.5) * size[1]
        reach = 12 + (seed * 7 + step * 11) % 50
        colour = ((seed * 41 + step * 37) % 256, (seed * 17 + step * 59) % 256, (seed * 23 + step * 83) % 256)
        shape = draw.ellipse if (seed + step) % 2 else draw.rectangle
        shape((x - reach, y - reach, x + reach, y + reach), fill=colour)
    return picture


def jpeg(
    seed: int, *, size: tuple[int, int] = (320, 240), quality: int = 90, serial: str = "", gps: bool = False
) -> bytes:
    """A scene as JPEG; with a camera's serial number and a position where asked."""
    exif = Image.Exif()
    if serial:
        exif[0x010F], exif[0x0110] = "Harbour Optics", "HX-2"
        exif.get_ifd(0x8769).update({0xA431: serial, 0x9003: "2026:03:04 17:05:00"})
    if gps:
        exif.get_ifd(0x8825).update({1: "N", 2: (51.0, 27.0, 0.0), 3: "W", 4: (2.0, 35.0, 0.0)})
    stream = io.BytesIO()
    scene(seed, size).save(stream, "JPEG", quality=quality, exif=exif)
    return stream.getvalue()


@dataclass
class Album:
    """Reads files into cases as a worker does."""

    cast: Cast
    books: Books
    as_job: Behind
    folder: Path
    cases: dict[str, Case] = field(default_factory=dict)

    def case(self, reference: str, agency: Agency | None = None) -> Case:
        """A case of Avon, unless said otherwise."""
        if reference not in self.cases:
            self.cases[reference] = self.books.case(reference, agency)
        return self.cases[reference]

    def exhibit(self, reference: str, files: dict[str, bytes], agency: Agency | None = None) -> Exhibit:
        """An exhibit of these files, received, read and matched."""
        case = self.case(reference, agency)
        actor = self.cast.owner if case.agency_id == self.cast.avon.id else self.cast.outsider
        folder = self.folder / f"{reference}-{Exhibit.objects.filter(case=case).count()}"
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        with self.as_job(actor):
            exhibit_id, _ = evidence.receive_path(actor, reference, folder, title="A phone")
            read_exhibit(actor, exhibit_id)
            jobs.match_media(str(exhibit_id), str(actor.officer_id))
        return Exhibit.objects.get(pk=exhibit_id)

    def media(self, reference: str, name: str) -> Media:
        """The medium of a case by its file name."""
        return Media.objects.select_related("file__exhibit", "case").get(case__reference=reference, file__name=name)


@pytest.fixture
def own_home(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """Blobs, keys and indexes of this test alone."""
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    settings.HOME = tmp_path / "home"
    vault.known.cache_clear()
    yield settings.HOME
    vault.known.cache_clear()


@pytest.fixture
def books(cast: Cast) -> Books:
    """Cases to put exhibits into."""
    return Books(cast)


@pytest.fixture
def album(cast: Cast, books: Books, as_job: Behind, own_home: Path, tmp_path: Path) -> Album:
    """Cases with pictures."""
    return Album(cast, books, as_job, tmp_path / "given")


Import = Callable[..., UUID]


@pytest.fixture
def import_list(own_home: Path, as_actor: Behind, as_job: Behind) -> Import:
    """Hand in a list as an officer, and let the jobs read and match it."""
    from opencets_web.media import actions

    def act(actor: Actor, content: bytes, name: str = "Known list", file_name: str = "list.csv", **stated: Any) -> UUID:
        with as_actor(actor):
            made = actions.import_hash_set(
                actor, io.BytesIO(content), name=name, file_name=file_name, source="Partner unit",
                authority="Section 12, Example Act", **stated,
            )  # fmt: skip
        with as_job(actor):
            jobs.read_hash_set(str(made), str(actor.officer_id))
            jobs.match_hash_set(str(made), str(actor.officer_id))
        return made

    return act

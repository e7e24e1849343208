"""A case of Avon, folders of harmless files, and reading them with the real readers in their own processes."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
from PIL import Image

from opencets_web.evidence import actions, reading
from opencets_web.evidence.models import Exhibit, ExhibitFile, Record, ReportLine
from opencets_web.policy.actor import Actor

if TYPE_CHECKING:
    from tests.web.conftest import Behind, Cast

REFERENCE = "AV-2026-0001"


def picture(seed: int, width: int = 320, height: int = 240, format: str = "JPEG") -> bytes:
    """A made-up scene: soft colours with some texture."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (9, 12, 3), dtype=np.uint8))
    content = io.BytesIO()
    small.resize((width, height), Image.Resampling.BICUBIC).save(content, format)
    return content.getvalue()


@dataclass(frozen=True)
class Room:
    """The evidence room with one open case: put folders in, read them, look at what is kept."""

    cast: Cast
    web: Behind
    job: Callable[..., object]
    folder: Path

    def write(self, **files: bytes) -> None:
        """Files by name below the folder; ``__`` stands for a dot, ``___`` for a slash."""
        for name, content in files.items():
            self.put(name.replace("___", "/").replace("__", "."), content)

    def put(self, name: str, content: bytes) -> None:
        """One file below the folder."""
        place = self.folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    def receive(self, path: Path | None = None, by: Actor | None = None) -> UUID:
        """The folder as an exhibit, received and complete."""
        actor = by or self.cast.owner
        with self.web(actor):
            exhibit_id, _ = actions.receive_path(actor, REFERENCE, path or self.folder)
        return exhibit_id

    def read(self, exhibit_id: UUID, by: Actor | None = None) -> Exhibit:
        """The exhibit after its reading, as the worker does it."""
        actor = by or self.cast.owner
        with self.job(actor):  # type: ignore[attr-defined]
            reading.read_exhibit(actor, exhibit_id)
        return Exhibit.objects.get(pk=exhibit_id)

    def lines(self, exhibit_id: UUID) -> set[tuple[str, str]]:
        """The report as (path, code)."""
        return set(ReportLine.objects.filter(exhibit_id=exhibit_id).values_list("path", "code"))

    def file(self, exhibit_id: UUID, name: str) -> ExhibitFile:
        """The one file of that name."""
        return ExhibitFile.objects.select_related("blob", "pack").get(exhibit_id=exhibit_id, name=name)

    def records(self, exhibit_id: UUID) -> list[Record]:
        """The records in use."""
        return list(Record.objects.filter(exhibit_id=exhibit_id, retired_at=None).order_by("place", "id"))

"""Cases with pictures of signs, and the jobs that read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from opencets_web.policy.actor import Actor
from opencets_web.texts import actions, jobs
from opencets_web.texts import standing as standing_module
from opencets_web.texts.models import VisibleText
from tests.web.conftest import Behind, Cast
from tests.web.media.conftest import Album, album, books, import_list, own_home

__all__ = ["album", "books", "import_list", "own_home"]


@dataclass
class Reading:
    """Asks for the visible text of cases, and does the jobs."""

    album: Album
    cast: Cast
    as_actor: Behind
    as_job: Behind

    def exhibit(self, reference: str, files: dict[str, bytes], actor: Actor | None = None) -> str:
        agency = self.cast.borders if actor is self.cast.outsider else None
        return str(self.album.exhibit(reference, files, agency).id)

    def order(self, reference: str, actor: Actor | None = None) -> None:
        by = actor or self.cast.owner
        with self.as_actor(by):
            actions.order_text(by, reference)
        self.read(reference, by)

    def read(self, reference: str, actor: Actor | None = None) -> None:
        by = actor or self.cast.owner
        with self.as_job(by):
            jobs.read_text(str(self.album.cases[reference].id), str(by.officer_id))

    def text(self, reference: str, name: str) -> VisibleText:
        media = self.album.media(reference, name)
        return VisibleText.objects.get(holding_id=media.holding_id, sha256=media.sha256, retired_at=None)


@pytest.fixture
def signs(settings: Any) -> Any:
    """The recogniser of these tests is plugged in."""
    settings.TEXT_MODE, settings.TEXT_LANGUAGES = "asked", ""
    settings.TEXT_RECOGNISER = "tests.web.texts.signs.Signs"
    standing_module._standing.cache_clear()
    yield settings
    standing_module._standing.cache_clear()


@pytest.fixture
def reading(album: Album, cast: Cast, as_actor: Behind, as_job: Behind, signs: Any) -> Reading:
    return Reading(album, cast, as_actor, as_job)

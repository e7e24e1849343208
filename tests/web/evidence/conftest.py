from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.web.conftest import Behind, Cast
    from tests.web.evidence.room import Room


@pytest.fixture
def room(cast: Cast, as_actor: Behind, as_job: Callable[..., object], tmp_path: Path) -> Iterator[Room]:
    """Avon's owner has a case open; the blobs of the test are removed at its end."""
    from django.conf import settings

    from opencets_web.cases.actions import open_case
    from opencets_web.evidence.vault import known
    from tests.web.evidence.room import REFERENCE, Room

    with as_actor(cast.owner):
        open_case(cast.owner, reference=REFERENCE, title="Test", kind="possession")
    folder = tmp_path / "seized"
    folder.mkdir()
    yield Room(cast, as_actor, as_job, folder)
    shutil.rmtree(Path(settings.HOME) / "blobs", ignore_errors=True)
    known.cache_clear()


@pytest.fixture(scope="session")
def prepared() -> None:
    """The home of this run has its own database beside the test database: real programs use that one."""
    from tests.web.evidence.programs import prepare

    prepare()

"""A case with a row of every kind, and its packages opened as a recipient opens them."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from opencets.packing import verify

if TYPE_CHECKING:  # models load after the settings, and this file before them
    from opencets_web.disclosure.gathering import Choice
    from opencets_web.policy.actor import Actor
    from tests.house.small_case import SmallCase
    from tests.web.conftest import Behind, Cast


@dataclass(frozen=True)
class Opened:
    """A package that was verified: its manifest and its files."""

    manifest: dict[str, Any]
    found: dict[str, int]
    files: dict[str, bytes]

    def lines(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.files[name].splitlines()]

    @property
    def text(self) -> str:
        """Everything that can be read in it, the program apart."""
        return "\n".join(
            content.decode("utf-8", "replace") for name, content in self.files.items() if name != "verify.py"
        )


@dataclass(frozen=True)
class Packing:
    """Orders, makes and opens packages of the small case."""

    made: SmallCase
    as_actor: Behind
    as_job: Behind
    folder: Path

    def choice(self, **given: Any) -> Choice:
        from opencets_web.disclosure.gathering import Choice

        told = {"format": "disclosure", "recipients": "Crown court, defence", "purpose": "Trial of the case"}
        return Choice(**{**told, **given})

    def order(self, actor: Actor | None = None, reference: str = "", **given: Any) -> UUID:
        from opencets_web.disclosure.actions import ask_package
        from tests.house.small_case import REFERENCE

        actor = actor or self.made.cast.owner
        with self.as_actor(actor):
            return ask_package(actor, reference or REFERENCE, self.choice(**given))

    def make(self, actor: Actor | None = None, **given: Any) -> Opened:
        from opencets_web.disclosure.actions import make_package

        actor = actor or self.made.cast.owner
        package_id = self.order(actor, **given)
        with self.as_job(actor):
            make_package(actor, package_id)
        return self.open(package_id)

    def open(self, package_id: UUID) -> Opened:
        from opencets_web.disclosure.models import Package
        from opencets_web.evidence.vault import opening

        package = Package.objects.select_related("blob").get(pk=package_id)
        assert package.state == "made", package.sentence
        assert package.blob is not None
        path = self.folder / f"{package_id}.zip"
        with opening(package.blob)() as stream, path.open("wb") as copy:
            shutil.copyfileobj(stream, copy)
        return opened(path)


def opened(path: Path) -> Opened:
    manifest, found = verify.check_package(str(path))
    with zipfile.ZipFile(path) as archive:
        return Opened(manifest, found, {name: archive.read(name) for name in archive.namelist()})


@pytest.fixture
def packing(cast: Cast, as_actor: Behind, as_job: Callable[..., Any], tmp_path: Path) -> Iterator[Packing]:
    from django.conf import settings

    from opencets_web.evidence.vault import known
    from tests.house.small_case import make_small_case

    yield Packing(make_small_case(cast), as_actor, as_job, tmp_path)
    shutil.rmtree(Path(settings.HOME) / "blobs", ignore_errors=True)
    known.cache_clear()

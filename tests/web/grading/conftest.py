"""Pictures in a case of Avon, its series found as the worker finds them, and officers enough for three votes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from itertools import combinations
from uuid import uuid4

import pytest
from django.utils import timezone

from opencets_web.accounts.models import Officer
from opencets_web.evidence.models import Exhibit, ExhibitFile, FileState, Record
from opencets_web.grading import actions, jobs
from opencets_web.grading.models import Series
from opencets_web.media.models import Media, NearDuplicate
from opencets_web.policy.actor import Actor
from tests.web.conftest import Behind, Cast
from tests.web.media.conftest import Album, album, books, import_list, jpeg, own_home

__all__ = ["album", "books", "import_list", "own_home"]


@dataclass
class Desk:
    """Reads pictures, finds series, and lets officers vote."""

    cast: Cast
    album: Album
    as_actor: Behind
    as_job: Behind

    def read(self, reference: str, files: dict[str, bytes]) -> Exhibit:
        """An exhibit of these files, read, matched, its series found."""
        exhibit = self.album.exhibit(reference, files)
        self.build(exhibit)
        return exhibit

    def put(self, reference: str, *names: str) -> list[Media]:
        """Media of a case put in directly, each of its own digest: enough for votes, and quick."""
        case, made = self.album.case(reference), []
        exhibit = Exhibit.objects.get(case=case, reference="EX-1")
        under = {"holding_id": case.holding_id, "agency_id": case.agency_id}
        for name in names:
            digest = sha256(name.encode()).hexdigest()
            file = ExhibitFile.objects.create(
                **under, exhibit=exhibit, path=[name], name=name, size=7, state=FileState.READ, sha256=digest,
                md5=digest[:32], sha1=digest[:40], media_type="image/jpeg",
            )  # fmt: skip
            record = Record.objects.create(
                **under, case=case, exhibit=exhibit, file=file, key=name, kind="media", reader="picture/1", place=name,
                label=name, read_at=timezone.now(),
            )  # fmt: skip
            made.append(
                Media.objects.create(
                    **under, case=case, record=record, file=file, sha256=digest, media_type="image/jpeg",
                    pdq=bytes.fromhex(digest), quality=100, read_at=record.read_at, matched_at=record.read_at,
                )
            )  # fmt: skip
        return made

    def put_group(self, reference: str, *names: str) -> Series:
        """Such media as near-duplicates of one another, their series found."""
        made = self.put(reference, *names)
        case = made[0].case
        for left, right in combinations(sorted(made, key=lambda one: one.id), 2):
            NearDuplicate.objects.create(
                left=left, right=right, distance=4, left_holding=case.holding, right_holding=case.holding,
                left_agency_id=case.agency_id, right_agency_id=case.agency_id, found_at=timezone.now(),
            )  # fmt: skip
        self.build(Exhibit.objects.get(case=case, reference="EX-1"))
        [series] = self.series(reference)
        return series

    def build(self, exhibit: Exhibit) -> None:
        """Find the series anew."""
        with self.as_job(self.cast.owner):
            jobs.build_series(str(exhibit.id), str(self.cast.owner.officer_id))

    def vote(self, actor: Actor, reference: str, name: str, code: str, scheme: str = "UK") -> actions.Given:
        """One vote on a file of a case by its name."""
        media = self.album.media(reference, name)
        with self.as_actor(actor):
            return actions.give_grades(actor, [media.id], scheme, code, uuid4().hex)

    def series(self, reference: str) -> list[Series]:
        """The live series of a case, largest first."""
        return list(Series.objects.filter(case__reference=reference, retired_at=None).order_by("-files", "number"))


@pytest.fixture
def desk(cast: Cast, album: Album, as_actor: Behind, as_job: Behind) -> Desk:
    """A desk on which nothing lies yet."""
    return Desk(cast, album, as_actor, as_job)


More = Callable[[str, list[str]], Actor]


@pytest.fixture
def more(cast: Cast) -> More:
    """Another officer of Avon with these roles."""

    def officer(name: str, roles: list[str]) -> Actor:
        made = Officer.objects.create(
            email=f"{name}@avon.example.org", display_name=f"Avon {name}", agency=cast.avon, roles=roles
        )
        cast.officers[name] = made
        return Actor.of(made)

    return officer


def shoot(count: int, serial: str = "", seed: int = 1) -> dict[str, bytes]:
    """Pictures of one shoot: different scenes, numbers in a row."""
    return {f"DCIM/IMG_{n:04}.jpg": jpeg(seed + n, serial=serial) for n in range(1, count + 1)}


def copies(seed: int = 40) -> dict[str, bytes]:
    """One scene in three qualities: near-duplicates that are no copies."""
    return {"a.jpg": jpeg(seed, quality=92), "b.jpg": jpeg(seed, quality=60), "c.jpg": jpeg(seed, quality=30)}

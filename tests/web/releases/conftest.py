"""A case of Avon with a row of every kind, an open case of Borders, and the jobs run as workers run them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tests.house.small_case import REFERENCE

if TYPE_CHECKING:  # models load after the settings, and this file before them
    from opencets_web.policy.actor import Actor
    from opencets_web.releases.models import PartAsked, PartRelease, PartRequest, ReceivedPart
    from tests.house.small_case import SmallCase
    from tests.web.conftest import Behind, Cast

THEIRS = "BO-SMALL-0001"
"""A case of Borders, which asks."""


@dataclass
class Between:
    """Avon holds, Borders asks; each act as its officer in the web role, each job in the jobs role."""

    made: SmallCase
    as_actor: Behind
    as_job: Callable[..., Any]
    folder: Path

    @property
    def owner(self) -> Actor:
        return self.made.cast.owner

    @property
    def colleague(self) -> Actor:
        return self.made.cast.colleague

    @property
    def outsider(self) -> Actor:
        return self.made.cast.outsider

    def wanted(self, **given: Any) -> Any:
        from opencets_web.deconfliction.values import Value
        from opencets_web.releases.actions import Wanted

        told = {
            "sought": "held", "purpose": "One series", "legal_basis": "Police Act, section 1",
            "values": (Value("email", "Ada@example.org", "ada@example.org"),),
        }  # fmt: skip
        return Wanted(**{**told, **given})

    def terms(self, **given: Any) -> Any:
        from opencets_web.releases.actions import Terms

        told = {"purpose": "One series", "legal_basis": "Police Act, section 1", "to_agency": self.made.cast.borders.id}
        return Terms(**{**told, **given})

    def ask(self, **given: Any) -> PartRequest:
        """Borders asks Avon; the request is carried."""
        from opencets_web.releases.actions import ask
        from opencets_web.releases.models import PartRequest

        with self.as_actor(self.outsider):
            made = ask(self.outsider, THEIRS, self.wanted(**given), to_agency=self.made.cast.avon.id)
        self.carry_request(made)
        return PartRequest.objects.get(pk=made)

    def carry_request(self, request_id: UUID, actor: Actor | None = None) -> None:
        from opencets_web.releases.jobs import carry_part_request

        with self.as_job(None):
            carry_part_request(str(request_id), str((actor or self.outsider).officer_id))

    def asked(self, request: PartRequest) -> PartAsked:
        from opencets_web.releases.models import PartAsked

        return PartAsked.objects.get(request_ref=request.id)

    def begin(self, actor: Actor | None = None, asked: PartAsked | None = None, **given: Any) -> UUID:
        from opencets_web.releases.actions import begin_release

        actor = actor or self.owner
        with self.as_actor(actor):
            return begin_release(actor, REFERENCE, self.terms(**given), asked_id=asked.id if asked else None)

    def put(self, release_id: UUID, *names: str, actor: Actor | None = None) -> None:
        """Rows of the small case into a draft: records, files and exhibits by name."""
        from opencets_web.evidence.models import Exhibit, ExhibitFile, Record
        from opencets_web.releases.actions import add_items

        kinds = {Record: "records", ExhibitFile: "files", Exhibit: "exhibits"}
        actor = actor or self.owner
        with self.as_actor(actor):
            for name in names:
                row = self.made.rows[name]
                add_items(actor, release_id, **{kinds[type(row)]: [row.id]})

    def decide(self, release_id: UUID, *, actor: Actor | None = None, **no: str) -> None:
        """Yes to every item, and no with the reason to those named by a row of the small case."""
        from opencets_web.releases.actions import Decision, decide_items
        from opencets_web.releases.models import ReleaseItem

        actor = actor or self.owner
        refused = {self.made.rows[name].id: reason for name, reason in no.items()}
        with self.as_actor(actor):
            decisions = []
            for item in ReleaseItem.objects.filter(part_release_id=release_id):
                why = refused.get(item.record_id or item.file_id or item.exhibit_id, "")
                decisions.append(Decision(item.id, not why, why))
            decide_items(actor, release_id, decisions)

    def seen(self, release_id: UUID, actor: Actor | None = None) -> str:
        from opencets_web.releases.queries import get_release

        actor = actor or self.owner
        with self.as_actor(actor):
            preview = get_release(actor, release_id).preview
        assert preview is not None
        return preview.seen

    def send(self, release_id: UUID, actor: Actor | None = None) -> PartRelease:
        """Release what stands in a draft: sealed, and carried over."""
        from opencets_web.releases.actions import send

        actor = actor or self.owner
        seen = self.seen(release_id, actor)
        with self.as_actor(actor):
            send(actor, release_id, seen)
        return self.make(release_id, actor)

    def make(self, release_id: UUID, actor: Actor | None = None) -> PartRelease:
        from opencets_web.releases.jobs import carry_release, make_release
        from opencets_web.releases.models import PartRelease

        with self.as_job(None):
            officer = str((actor or self.owner).officer_id)
            make_release(str(release_id), officer)
            carry_release(str(release_id), officer)
        return PartRelease.objects.get(pk=release_id)

    def released(self, *names: str, **given: Any) -> ReceivedPart:
        """What Avon releases unasked, arrived at Borders; ``person`` where nothing is named."""
        release_id = self.begin(**given)
        self.put(release_id, *(names or ("person",)))
        self.decide(release_id)
        self.send(release_id)
        return self.part(release_id)

    def part(self, release_id: UUID) -> ReceivedPart:
        from opencets_web.releases.models import ReceivedPart

        return ReceivedPart.objects.get(release_ref=release_id)

    def receive(self, part: ReceivedPart, reference: str = THEIRS, actor: Actor | None = None) -> ReceivedPart:
        """Borders receives a part into a case of its own; the receipt is carried back."""
        from opencets_web.releases.jobs import carry_release, keep_part
        from opencets_web.releases.receiving import accept_part

        actor = actor or self.outsider
        with self.as_actor(actor):
            accept_part(actor, part.id, reference)
        with self.as_job(None):
            keep_part(str(part.id), str(actor.officer_id))
            if not part.by_upload:
                carry_release(str(part.release_ref), str(actor.officer_id))
        part.refresh_from_db()
        return part

    def read(self, part: ReceivedPart) -> None:
        """The received exhibit is read as any other."""
        from opencets_web.evidence.jobs import read_exhibit

        with self.as_job(None):
            read_exhibit(str(part.exhibit_id), str(self.outsider.officer_id))

    def package(self, part: ReceivedPart) -> Path:
        """The package as it came, in a file."""
        from opencets_web.evidence.vault import opening

        path = self.folder / f"{part.release_ref}.zip"
        with opening(part.blob)() as stream:
            path.write_bytes(stream.read())
        return path


@pytest.fixture
def between(cast: Cast, as_actor: Behind, as_job: Callable[..., Any], tmp_path: Path) -> Iterator[Between]:
    from django.conf import settings

    from opencets_web.evidence.vault import known
    from tests.house.small_case import make_small_case

    yield Between(make_small_case(cast), as_actor, as_job, tmp_path)
    shutil.rmtree(Path(settings.HOME) / "blobs", ignore_errors=True)
    known.cache_clear()

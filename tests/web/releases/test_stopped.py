"""Work that is stopped in the middle and begun again: nothing is lost, nothing stands twice, no file is left half known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.web.releases.conftest import Between


class Stopped(BaseException):
    """The program ends here, as by a signal: no handler of errors catches it."""


@contextmanager
def stopping(owner: Any, name: str, *, at: int, after: bool) -> Iterator[None]:
    """The ``at``-th call of a function of ours ends the program, before it began or once it is done."""
    really: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def call(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at and not after:
            raise Stopped
        done = really(*given, **named)
        if calls == at:
            raise Stopped
        return done

    setattr(owner, name, call)
    try:
        with pytest.raises(Stopped):
            yield
    finally:
        setattr(owner, name, really)


def kept(part: Any) -> list[tuple[Any, ...]]:
    from opencets_web.evidence.models import ExhibitFile

    rows = ExhibitFile.objects.filter(exhibit_id=part.exhibit_id).order_by("path")
    return [(row.path, row.size, row.sha256) for row in rows]


@pytest.mark.parametrize(("name", "at"), [("_begin_keeping", 1), ("_keep", 1), ("_keep", 2), ("_kept", 1)])
@pytest.mark.parametrize("after", [False, True])
def test_taking_in_goes_on_where_it_was_stopped(between: Between, name: str, at: int, after: bool) -> None:
    from opencets_web.audit.models import Act
    from opencets_web.evidence.models import CustodyEntry
    from opencets_web.releases import receiving
    from opencets_web.sharing.models import Origin

    part = between.released("person", "picture")
    with between.as_actor(between.outsider):
        receiving.accept_part(between.outsider, part.id, "BO-SMALL-0001")
    with between.as_job(None), stopping(receiving, name, at=at, after=after):
        receiving.keep_part(between.outsider, part.id)
    part.refresh_from_db()
    assert part.state == "keeping"
    between.receive(part)
    assert part.state == "kept"
    assert len(kept(part)) == 2
    assert Origin.objects.filter(exhibit=part.exhibit).count() == 1
    assert CustodyEntry.objects.filter(exhibit=part.exhibit, act="released").count() == 1
    assert Act.objects.filter(verb="part.received").count() == 1


@pytest.mark.parametrize("after", [False, True])
def test_a_package_is_made_and_carried_once_though_the_worker_stopped(between: Between, after: bool) -> None:
    from opencets_web.audit.models import Act
    from opencets_web.releases import actions, carrying
    from opencets_web.releases.models import PartRelease, ReceivedPart

    release_id = between.begin()
    between.put(release_id, "person")
    between.decide(release_id)
    seen = between.seen(release_id)
    with between.as_actor(between.owner):
        actions.send(between.owner, release_id, seen)
    with between.as_job(None), stopping(actions, "_made", at=1, after=after):
        actions.make_release(between.owner, release_id)
    assert PartRelease.objects.get(pk=release_id).state == "making"
    with between.as_job(None):
        actions.make_release(between.owner, release_id)
    with between.as_job(None), stopping(carrying, "_arrive", at=1, after=after):
        carrying.carry_release(between.owner, release_id)
    assert not ReceivedPart.objects.filter(release_ref=release_id).exists()
    release = between.make(release_id)
    part = ReceivedPart.objects.get(release_ref=release_id)
    assert (release.state, part.sha256) == ("made", release.sha256)
    assert Act.objects.filter(verb="part-release.made").count() == 1

"""Versions of the weights: learned by a job, taken live by a second administrator, all weighed again, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner, Result
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets.resolving import feedback
from opencets.resolving.crowd import crowd
from opencets_web.accounts.models import Officer
from opencets_web.cases.models import Case
from opencets_web.commands import weights
from opencets_web.entities import actions, jobs, learning, queries
from opencets_web.entities.models import Judgement, Match, WeightTerm, WeightTurn, WeightVersion
from opencets_web.entities.numbering import number_of
from opencets_web.entities.versions import about, get_versions
from opencets_web.entities.weights import live_name
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Holding
from tests.web.conftest import Behind, Cast, behind_the_wall
from tests.web.entities.conftest import Books, exhibit_of

PAIRS = 80


@dataclass
class Node:
    """Avon's two cases full of pairs, half of them namesakes of one town, judged; and a second administrator."""

    cast: Cast
    cases: list[Case]
    second: Actor
    as_job: Behind
    as_actor: Behind

    def standing(self) -> dict[tuple[UUID, UUID], tuple[float, str, Any]]:
        """Every suggestion that stands."""
        rows = Match.objects.filter(retired_at=None)
        return {(row.left_id, row.right_id): (row.probability, row.model, row.reasons) for row in rows}

    def make(self, reason: str = "Many were judged.") -> WeightVersion:
        """A version is asked for and made."""
        with self.as_actor(self.cast.administrator):
            version = actions.ask_weights(self.cast.administrator, reason)
        with self.as_job(self.cast.administrator):
            jobs.make_weights(str(version), str(self.cast.administrator.officer_id))
        return WeightVersion.objects.get(pk=version)

    def weigh(self, term: UUID) -> WeightTerm:
        """All suggestions are weighed again."""
        with self.as_job(self.second):
            jobs.weigh_again(str(term), str(self.second.officer_id))
        return WeightTerm.objects.get(pk=term)


@pytest.fixture
def node(cast: Cast, books: Books, as_job: Behind, as_actor: Behind, monkeypatch: pytest.MonkeyPatch) -> Node:
    monkeypatch.setattr(learning, "REFERENCE_PEOPLE", 60)
    monkeypatch.setattr(feedback, "WIDTHS", (0.0, 0.5))
    cases = [books.case("AV-1"), books.case("AV-2")]
    some = crowd(900, 5)
    names = [
        name for name, script in zip(some.full_name, some.script, strict=True)
        if script == 0 and len(name.split()) == 2 and name.isalpha() is False and "." not in name and "," not in name
    ]  # fmt: skip
    left_out, at = set(), 0
    pairs = []
    for name in names:
        if len(pairs) == PAIRS:
            break
        if name in left_out:
            continue
        left_out.add(name)
        more = (
            (("city", "Aldburg"), ("occupation", "cook"))
            if at % 2
            else (("date_of_birth", f"19{60 + at % 40}-0{1 + at % 9}-1{at % 7}"),)
        )
        pairs.append([books.record(case, "person", name, ("full_name", name), *more) for case in cases])
        at += 1
    for case in cases:
        with as_job(cast.owner):
            jobs.count_identifiers(exhibit_of(case), str(cast.owner.officer_id))
            jobs.resolve_people(exhibit_of(case), str(cast.owner.officer_id))
    for at, (left, right) in enumerate(pairs):
        one, other = sorted((left, right), key=lambda record: record.id)
        Judgement.objects.create(
            left=one, right=other, left_holding=one.holding, left_agency_id=one.agency_id, right_holding=other.holding,
            right_agency_id=other.agency_id, verdict="different" if at % 2 else "same", reason="Compared by hand.",
            by_id=cast.owner.officer_id, at=timezone.now(),
        )  # fmt: skip
    officer = Officer.objects.create(
        email="second@borders.example.org",
        display_name="Borders administrator",
        agency=cast.borders,
        roles=["administrator"],
    )
    cast.officers["second"] = officer
    return Node(cast, cases, Actor.of(officer), as_job, as_actor)


def test_a_version_goes_live_by_a_second_administrator_all_is_weighed_again_and_back(node: Node) -> None:
    before, cast = node.standing(), node.cast
    assert len(before) >= PAIRS
    assert {model.split("+")[0] for _, model, _ in before.values()} == {"person-3"}
    ids = [case_record for pair in before for case_record in pair]
    with node.as_actor(cast.owner):
        numbers = {
            record: number_of(group.lines[0].id) for record, group in queries.list_groups(cast.owner, ids).items()
        }
    version = node.make()
    assert version.name == "person-3.1"
    assert version.refused == ""
    assert version.card["judged"] == PAIRS
    assert version.card["after"]["over"] < version.card["before"]["over"]
    assert node.standing() == before, "nothing moves before it goes live"
    with node.as_actor(cast.administrator), pytest.raises(ActRefused, match="another administrator"):
        actions.take_live(cast.administrator, version.id, "I like it.")
    with node.as_actor(cast.owner), pytest.raises(NotFound):
        actions.take_live(cast.owner, version.id, "I like it.")
    with node.as_actor(node.second):
        term = actions.take_live(node.second, version.id, "Fewer namesakes are joined.")
    assert node.weigh(term).weighed_at is not None
    after = node.standing()
    assert live_name() == "person-3.1"
    assert {model.split("+")[0] for _, model, _ in after.values()} == {"person-3.1"}
    turned = {(row.left_id, row.right_id) for row in WeightTurn.objects.filter(version=version)}
    assert turned
    assert set(before) - set(after) <= turned, "what was told to change sides did"
    assert set(before) - set(after)
    with node.as_actor(cast.owner):
        groups = queries.list_groups(cast.owner, ids)
    assert {record: number_of(group.lines[0].id) for record, group in groups.items()} == numbers
    with node.as_actor(cast.administrator):
        back = actions.go_back(cast.administrator, "A mistake was found.")
    assert node.weigh(back).weighed == 2 * PAIRS
    assert node.standing() == before
    with node.as_actor(node.second):
        again = actions.take_live(node.second, version.id, "It was none.")
        with pytest.raises(ActRefused, match="live already"):
            actions.take_live(node.second, version.id, "Twice.")
    assert again != term


def test_the_database_takes_no_version_live_that_nobody_else_approved(node: Node) -> None:
    version, administrator = node.make(), node.cast.administrator
    now = timezone.now()
    with node.as_actor(administrator):
        with pytest.raises(DatabaseError), transaction.atomic():
            WeightTerm.objects.create(
                version=version, reason="Alone.", begun_by_id=administrator.officer_id, begun_at=now
            )
        approved = WeightVersion.objects.filter(pk=version.id)
        with transaction.atomic():
            assert approved.update(approved_by_id=administrator.officer_id, approved_at=now) == 0
        with pytest.raises(DatabaseError), transaction.atomic():
            approved.update(content={})
    with node.as_actor(node.cast.owner), pytest.raises(DatabaseError), transaction.atomic():
        WeightTerm.objects.create(version=None, reason="Mine.", begun_by_id=node.cast.owner.officer_id, begun_at=now)


def test_judgements_that_only_their_owner_may_know_of_teach_nothing(node: Node) -> None:
    first = node.make()
    Holding.objects.filter(pk=node.cases[0].holding_id).update(disclosure="silent")
    second = node.make("Once more.")
    assert (first.refused, second.content) == ("", None)
    assert second.refused.startswith("Nothing is learned from fewer than 60 judgements")


def test_the_page_tells_in_tens_and_shows_each_reader_their_own_pairs(
    node: Node, client_for: Callable[[Actor | None], Client]
) -> None:
    version, address = node.make(), reverse("entities:weights")
    own = client_for(node.cast.owner).get(address).content.decode()
    assert "about 80 judgements" in own
    assert "no longer suggested" in own
    assert "Take person-3.1 live" not in own
    for actor in (node.cast.outsider, node.cast.administrator):
        page = client_for(actor).get(address).content.decode()
        assert "None among the records that you see." in page
        assert version.card["digest"] not in page
    assert "Take person-3.1 live" in client_for(node.second).get(address).content.decode()
    taken = client_for(node.second).post(reverse("entities:weights-live", args=[version.id]), {"reason": "Compared."})
    assert taken.status_code == 302
    assert "Go back to the version before" in client_for(node.second).get(address).content.decode()
    assert (about(9), about(10), about(129)) == ("fewer than 10", "about 10", "about 120")


def test_before_anything_was_judged_the_page_is_empty_and_nothing_is_learned(
    cast: Cast, as_job: Behind, as_actor: Behind, client_for: Callable[[Actor | None], Client]
) -> None:
    assert "No version was learned yet" in client_for(cast.owner).get(reverse("entities:weights")).content.decode()
    for actor in (cast.owner, cast.auditor):
        with as_actor(actor), pytest.raises(NotFound):
            actions.ask_weights(actor, "Because.")
    with as_actor(cast.administrator):
        version = actions.ask_weights(cast.administrator, "Because.")
        with pytest.raises(ActRefused, match="being made"):
            actions.ask_weights(cast.administrator, "Because.")
        with pytest.raises(ActRefused, match="nothing before it"):
            actions.go_back(cast.administrator, "Because.")
    with as_job(cast.administrator):
        jobs.make_weights(str(version), str(cast.administrator.officer_id))
    with as_actor(cast.administrator):
        page = get_versions(cast.administrator)
    assert page.live == "person-3"
    assert page.versions[0].refused.startswith("Nothing is learned from fewer than")


def test_the_command_proposes_compares_takes_live_and_goes_back(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def here(role: str) -> Iterator[None]:
        with behind_the_wall(None, role):
            yield

    monkeypatch.setattr(weights, "opened", here)

    def run(*words: str, officer: str = "administrator@avon.example.org") -> Result:
        return CliRunner().invoke(weights.resolve_model, [*words, "--as", officer])

    assert "No version was learned yet." in run("compare").stdout
    assert isinstance(run("propose", "--reason", "Mine.", officer="owner@avon.example.org").exception, NotFound)
    assert "Asked for." in run("propose", "--reason", "Many were judged.").stdout
    version = WeightVersion.objects.get()
    with node.as_job(node.cast.administrator):
        jobs.make_weights(str(version.id), str(node.cast.administrator.officer_id))
    told = run("compare", officer="owner@avon.example.org").stdout
    assert "Learned from about 80 judgements" in told
    assert "bits  the name … stands in both" in told
    assert json.loads(run("compare", "person-3.1", "--json").stdout)["version"]["judged"] == "about 80"
    assert isinstance(run("live", "person-3.1", "--reason", "Mine.").exception, ActRefused)
    assert (
        "person-3.1 is live."
        in run("live", "person-3.1", "--reason", "Compared.", officer="second@borders.example.org").stdout
    )
    assert "person-3 is live again." in run("back", "--reason", "A mistake.").stdout
    assert isinstance(run("live", "person-9", "--reason", "Compared.").exception, NotFound)

"""Someone else works on this: found in both directions, at once and later, and told as each owner's code says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets_web.audit.models import Act
from opencets_web.cases.models import Case
from opencets_web.deconfliction import actions, comparing, queries
from opencets_web.deconfliction.models import Conflict, ConflictSecret, Declaration, DeclaredValue, ThreadLine
from opencets_web.deconfliction.rules import limit, metres_between, place_key
from opencets_web.deconfliction.values import values_of
from opencets_web.evidence.models import Exhibit
from opencets_web.leads.models import Alert
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Holding
from tests.web.conftest import Behind, Cast
from tests.web.deconfliction.declaring import carry, compare, declare, plan, side, tuesday
from tests.web.leads.worlds import World, working

Browser = Callable[[Actor | None], Client]
EMAIL = "kestrel.marsh@example.org"
SECRET = ("BO-77", "Tweedside", "Title of BO-77")


def watch(world: World, case: Case, exhibit: str = "EX-1") -> int:
    """As the worker watches what was read of an exhibit."""
    actor, key = world.by(case), Exhibit.objects.get(case=case, reference=exhibit).id
    with working(actor):
        return comparing.watch_exhibit(actor, key)


@pytest.fixture
def two(world: World, cast: Cast) -> tuple[Case, Case]:
    """A case of Avon, and one of Borders that holds the address."""
    ours, theirs = world.case("AV-1"), world.case("BO-77", cast.outsider)
    world.record(theirs, ("email", EMAIL), label="Tweedside suspect")
    return ours, theirs


@pytest.fixture
def third(world: World) -> Actor:
    """An investigator of a third agency."""
    return world.agency("Cumbria")[1]


def code(case: Case, disclosure: str) -> None:
    Holding.objects.filter(pk=case.holding_id).update(disclosure=disclosure)


def told(case: Case) -> bool:
    return side(case) is not None


def test_a_declared_value_is_found_in_what_is_kept_and_both_are_told(
    world: World, two: tuple[Case, Case], cast: Cast, client_for: Browser, as_actor: Behind
) -> None:
    ours, theirs = two
    made = declare(world, ours, f"Kestrel.Marsh+x@Example.org\n{'ab' * 16}")
    shown = client_for(cast.owner).get(f"/declarations/{made}/").content.decode()
    assert "Borders Police" in shown
    assert "Borders desk" in shown
    assert [word for word in SECRET if word in shown] == []
    row = side(theirs)
    assert row is not None
    shown = client_for(cast.outsider).get(f"/conflicts/{row.id}/").content.decode()
    assert "Avon Constabulary" in shown
    assert "Avon owner" in shown
    assert EMAIL in shown
    assert "EX-1 › phone.zip › contacts.csv › row 1" in shown
    assert "AV-1" not in shown
    assert "ab" * 16 not in shown
    for actor, case in ((cast.owner, ours), (cast.outsider, theirs)):
        alert = Alert.objects.get(case=case)
        assert "Conflict" in client_for(actor).get("/alerts/").content.decode()
        assert alert.subject_url == f"/conflicts/{Conflict.objects.get(case=case).id}/"
    with as_actor(cast.owner):
        written = repr([list(model.objects.values()) for model in (Alert, Conflict, ThreadLine, Act)])
    assert str(theirs.id) not in written
    assert [word for word in SECRET if word in written] == []


@pytest.mark.parametrize(
    ("asker", "found", "told_asker", "told_found"),
    [
        ("open", "open", True, True),
        ("open", "pointer", True, True),
        ("pointer", "open", True, True),
        ("open", "silent", False, True),
        ("pointer", "silent", False, True),
        ("silent", "open", True, False),
        ("silent", "pointer", True, False),
        ("silent", "silent", False, True),
    ],
)
def test_each_side_learns_what_the_others_code_says_and_one_side_always_knows(
    world: World, two: tuple[Case, Case], asker: str, found: str, told_asker: bool, told_found: bool
) -> None:
    ours, theirs = two
    code(ours, asker)
    code(theirs, found)
    declare(world, ours, EMAIL)
    assert (told(ours), told(theirs)) == (told_asker, told_found)
    for case, other in ((ours, found), (theirs, asker)):
        row = side(case)
        if row is not None:
            assert row.may_request == (other == "open")
            assert row.told_them == (told_asker and told_found)


def test_a_silent_owner_sees_who_asked_and_the_asker_reads_clear(
    world: World, two: tuple[Case, Case], cast: Cast, client_for: Browser, as_actor: Behind
) -> None:
    ours, theirs = two
    code(theirs, "silent")
    made = declare(world, ours, EMAIL)
    shown = client_for(cast.owner).get(f"/declarations/{made}/").content.decode()
    assert "Clear: no conflict that may be told to you" in shown
    assert "Borders" not in shown
    nothing = declare(world, ours, "nobody.at.all@example.org")
    plain = client_for(cast.owner).get(f"/declarations/{nothing}/").content.decode()
    assert "Clear: no conflict that may be told to you" in plain
    with as_actor(cast.owner):
        assert not Conflict.objects.exists()
        compared = Act.objects.filter(verb="declaration.compared").values_list("details", flat=True)
        assert set(compared) == {'{"case":"AV-1","told":0}'}
    row = side(theirs)
    assert row is not None
    shown = client_for(cast.outsider).get(f"/conflicts/{row.id}/").content.decode()
    assert "Avon owner" in shown
    assert "They are not told." in shown
    with as_actor(cast.outsider), pytest.raises(ActRefused, match="nobody could confirm"):
        actions.propose(cast.outsider, row.id, "joint")
    with as_actor(cast.outsider):
        actions.write(cast.outsider, row.id, "Leave it until our arrest.")
        actions.open_to_them(cast.outsider, row.id)
    carry(cast.outsider, row)
    mine = side(ours)
    assert mine is not None
    assert "Borders Police" in client_for(cast.owner).get(f"/conflicts/{mine.id}/").content.decode()
    assert "Leave it until our arrest." not in client_for(cast.owner).get(f"/conflicts/{mine.id}/").content.decode()


def test_what_is_read_later_is_found_and_told_once(world: World, cast: Cast) -> None:
    ours, theirs = world.case("AV-1"), world.case("BO-77", cast.outsider)
    declare(world, ours, f"{EMAIL}\nkik:night_heron")
    assert not Conflict.objects.exists()
    world.record(theirs, ("email", EMAIL))
    assert watch(world, theirs) == 1
    assert told(ours)
    assert told(theirs)
    world.record(theirs, ("handle", "kik:night_heron"))
    assert watch(world, theirs) == 1
    assert ConflictSecret.objects.count() == 1
    assert Alert.objects.count() == 2
    row = side(theirs)
    assert row is not None
    assert {part["value"] for part in row.parts} == {EMAIL, "kik:night_heron"}


def test_two_declarations_of_one_value_conflict_in_both_directions(world: World, cast: Cast) -> None:
    ours, theirs = world.case("AV-1"), world.case("BO-77", cast.outsider)
    first, second = declare(world, ours, "+44 20 7946 0123"), declare(world, theirs, "020 7946 0123")
    rows = [side(case) for case in (ours, theirs)]
    assert [row.declarations for row in rows if row] == [[first], [second]]
    assert compare(cast.owner, first) == 1
    assert (Conflict.objects.count(), Alert.objects.count()) == (2, 2)


def test_a_screen_name_without_its_service_is_looked_for_with_every_one(world: World, cast: Cast) -> None:
    ours, theirs = world.case("AV-1"), world.case("BO-77", cast.outsider)
    world.record(theirs, ("handle", "telegram:night_heron"))
    declare(world, ours, "@night_heron")
    assert told(theirs)
    third = world.case("BO-78", cast.outsider)
    world.record(third, ("handle", "kik:night_heron"))
    assert watch(world, third) == 1


def test_near_pictures_of_a_declared_pdq_conflict(world: World, cast: Cast) -> None:
    ours, theirs = world.case("AV-1"), world.case("BO-77", cast.outsider)
    code_text = "0f" * 32
    near = "0e" + "0f" * 31
    declare(world, ours, f"pdq:{code_text}")
    declare(world, theirs, f"pdq:{near}")
    assert told(ours)
    assert told(theirs)


def test_the_own_agencys_cases_are_told_openly_as_far_as_the_door_is_open(
    world: World, cast: Cast, client_for: Browser
) -> None:
    ours, second = world.case("AV-1"), world.case("AV-2", cast.colleague)
    closed = world.case("AV-3", cast.colleague, restricted=True)
    for case in (second, closed):
        world.record(case, ("email", EMAIL))
    declare(world, ours, EMAIL)
    shown = "".join(
        client_for(cast.owner).get(f"/conflicts/{row.id}/").content.decode()
        for row in Conflict.objects.filter(case=ours)
    )
    assert Conflict.objects.filter(case=ours).count() == 2
    assert "AV-2" in shown
    assert "AV-3" not in shown


def test_generic_values_are_compared_with_declarations_alone(world: World, two: tuple[Case, Case], cast: Cast) -> None:
    from opencets_web.entities.models import Identifier
    from opencets_web.evidence.models import Claim

    ours, theirs = two
    Identifier.objects.create(kind="email", normal=EMAIL, cases_count=900, generic=True)
    Claim.objects.update(generic=True)
    declare(world, ours, EMAIL)
    assert not Conflict.objects.exists()
    assert DeclaredValue.objects.get().generic
    declare(world, theirs, EMAIL)
    assert told(ours)


def test_a_withdrawn_declaration_watches_no_more_and_can_be_put_back(
    world: World, two: tuple[Case, Case], cast: Cast, as_actor: Behind
) -> None:
    ours, theirs = two
    made = declare(world, ours, EMAIL)
    with as_actor(cast.owner):
        actions.withdraw_declaration(cast.owner, made, "The wrong address.")
    compare(cast.owner, made)
    rows = list(Conflict.objects.all())
    assert len(rows) == 2
    assert all(row.over_at for row in rows)
    third = world.case("BO-78", cast.outsider)
    world.record(third, ("email", EMAIL))
    assert watch(world, third) == 0
    with as_actor(cast.owner):
        actions.restore_declaration(cast.owner, made)
    compare(cast.owner, made)
    assert Conflict.objects.filter(over_at=None).count() == 4
    assert ConflictSecret.objects.filter(left_case=min(ours.id, theirs.id)).count() >= 1
    Declaration.objects.update(begins_at=timezone.now() - timedelta(days=2), ends_at=timezone.now() - timedelta(days=1))
    with working(cast.owner):
        assert comparing.end_passed() == 2
    assert not Conflict.objects.filter(over_at=None).exists()


def test_a_code_that_turns_silent_takes_the_telling_back(world: World, two: tuple[Case, Case], cast: Cast) -> None:
    ours, theirs = two
    declare(world, ours, EMAIL)
    code(theirs, "silent")
    with working(cast.outsider):
        comparing.settle_holding(theirs.holding_id)
    assert not told(ours)
    row = side(theirs)
    assert row is not None
    assert not row.told_them
    assert Alert.objects.get(case=ours).state == "dismissed"
    code(theirs, "pointer")
    with working(cast.outsider):
        comparing.settle_holding(theirs.holding_id)
    assert told(ours)
    assert Alert.objects.get(case=ours).state == "new"


# --- Operations ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "metres_north", "meets"),
    [(0, 0, True), (2.5, 0, True), (3.5, 0, False), (-2.5, 900, True), (0, 1_050, True), (0, 1_200, False)],
)
def test_operations_meet_when_their_windows_and_circles_do(
    world: World, cast: Cast, hours: float, metres_north: float, meets: bool
) -> None:
    ours, theirs = world.case("AV-1"), world.case("BO-77", cast.outsider)
    plan(world, ours, tuesday())
    north = 51.4545 + metres_north / 111_195
    plan(world, theirs, tuesday() + timedelta(hours=hours), position=(north, -2.5879), radius_metres=500)
    assert (told(ours), told(theirs)) == (meets, meets)


def test_operations_of_one_case_do_not_conflict_and_an_address_is_compared_by_its_words(
    world: World, cast: Cast
) -> None:
    ours, theirs = world.case("AV-1"), world.case("BO-77", cast.outsider)
    plan(world, ours, tuesday(), place="12, Héron Quay\nAvonmouth")
    plan(world, ours, tuesday(), place="12 Heron Quay, Avonmouth")
    assert not Conflict.objects.exists()
    plan(world, theirs, tuesday(), place="12 HERON QUAY AVONMOUTH")
    assert told(ours)
    assert Conflict.objects.count() == 2


def test_distances_and_address_keys_are_as_known() -> None:
    # London to Paris, 343.5 km on the mean sphere.
    assert metres_between((51.5074, -0.1278), (48.8566, 2.3522)) == pytest.approx(343_556, abs=200)
    assert metres_between((0.0, 179.9999), (0.0, -179.9999)) < 25
    assert place_key("12, Héron-Quay\n") == "12 heron quay"


# --- Declaring -------------------------------------------------------------------------------------------------------


def test_values_are_recognised_and_refused_with_a_reason() -> None:
    found, refused = values_of(
        "Mail@Example.org\n+44 20 7946 0123\n192.0.2.7 2026-11-01 10:22 UTC\n2001:db8::7 2026-11-01T10:22Z\n" + "ab" * 16
        + "\nkik:Night_Heron\npdq: " + "0f" * 32 + "\n192.0.2.9\nfloat up the river",
        country="GB",
    )  # fmt: skip
    assert [value.kind for value in found] == ["email", "phone", "ip_hour", "ip_hour", "md5", "handle", "pdq"]
    assert found[2].normal == "192.0.2.7@2026-11-01T10"
    assert ("handle", "kik:night_heron") in {(value.kind, value.normal) for value in found}
    assert len(refused) >= 2
    assert any("without a time names nobody" in sentence for sentence in refused)
    found, refused = values_of("url: https://example.org/" + "".join(f"{number:x}" for number in range(900)))
    assert found == ()
    assert "too long to be compared" in refused[0]


def test_only_who_works_for_the_case_declares_and_withdraws(
    world: World, two: tuple[Case, Case], cast: Cast, as_actor: Behind
) -> None:
    ours, theirs = two
    values, _ = values_of(EMAIL)
    made = declare(world, ours, EMAIL)
    world.grant(theirs, cast.avon, level="contribute")
    for actor, case, refusal in (
        (cast.outsider, ours, NotFound),
        (cast.administrator, ours, NotFound),
        (cast.owner, theirs, ActRefused),
    ):
        with as_actor(actor), pytest.raises(refusal):
            actions.declare_target(actor, case.reference, values, purpose="To see")
    with as_actor(cast.outsider), pytest.raises(NotFound):
        actions.withdraw_declaration(cast.outsider, made, "Not theirs")
    with as_actor(cast.outsider), pytest.raises(NotFound):
        queries.get_declaration(cast.outsider, made)


def test_declaring_is_logged_with_its_purpose_and_values_and_limited_for_a_day(
    world: World, cast: Cast, as_actor: Behind
) -> None:
    ours = world.case("AV-1")
    made = declare(world, ours, EMAIL)
    act = Act.objects.get(verb="target.declared")
    assert act.officer_id == cast.owner.officer_id
    assert act.subject == f"declaration:{made}"
    assert EMAIL in act.details
    assert "A search warrant on Tuesday" in act.details
    with as_actor(cast.auditor):
        assert Act.objects.filter(verb="target.declared").count() == 1
    most = limit("values_per_officer_and_day")
    for start in range(0, most - 1, 50):
        several = "\n".join(f"n{number}@example.org" for number in range(start, min(start + 50, most - 1)))
        declare(world, ours, several)
    with pytest.raises(ActRefused, match="within 24 hours"):
        declare(world, ours, "one.more@example.org")
    declare(world, ours, "one.more@example.org", by=cast.colleague)


def test_the_forms_declare_and_lead_to_the_result(
    world: World, two: tuple[Case, Case], cast: Cast, client_for: Browser
) -> None:
    browser = client_for(cast.owner)
    answer = browser.post("/cases/AV-1/deconfliction/target/", {"values": EMAIL, "purpose": "A search", "days": "30"})
    made = Declaration.objects.get()
    assert answer.headers["Location"] == f"/declarations/{made.id}/"
    assert "Being compared" in browser.get(f"/declarations/{made.id}/").content.decode()
    refused = browser.post(
        "/cases/AV-1/deconfliction/target/", {"values": "192.0.2.7", "purpose": "A search", "days": "30"}
    )
    assert refused.status_code == 422
    assert "without a time names nobody" in refused.content.decode()
    sent = {
        "operation": "warrant", "begins_at": f"{tuesday():%Y-%m-%dT%H:%M}",
        "ends_at": f"{tuesday() + timedelta(hours=2):%Y-%m-%dT%H:%M}", "position": "51.45450, -2.58790",
        "radius_metres": "300", "purpose": "A search",
    }  # fmt: skip
    answer = browser.post("/cases/AV-1/deconfliction/operation/", sent)
    assert answer.status_code == 302
    operation = Declaration.objects.get(subject="operation")
    assert (operation.latitude, operation.longitude, operation.radius_metres) == (51.4545, -2.5879, 300)
    assert "Search warrant" in browser.get("/deconfliction/").content.decode()
    for missing in ("position", "operation", "ends_at"):
        part = {name: value for name, value in sent.items() if name != missing}
        assert browser.post("/cases/AV-1/deconfliction/operation/", part).status_code == 422


def test_an_entity_and_a_picture_are_declared_with_what_they_are_known_by(
    world: World, cast: Cast, client_for: Browser
) -> None:
    from opencets_web.evidence.models import ExhibitFile
    from opencets_web.media.models import Media

    ours, theirs = world.case("AV-1"), world.case("BO-77", cast.outsider)
    person = world.record(ours, ("email", EMAIL), ("handle", "kik:night_heron"), ("phone", "+442079460123", "contact"))
    browser = client_for(cast.owner)
    shown = browser.get(f"/cases/AV-1/deconfliction/target/?record={person.id}").content.decode()
    assert f"email: {EMAIL}" in shown
    assert "handle: kik:night_heron" in shown
    assert "+442079460123" not in shown
    assert "Declare as a target" in browser.get(f"/entities/{person.id}/").content.decode()
    foreign = world.record(theirs, ("email", "other@example.org"))
    assert browser.get(f"/cases/AV-1/deconfliction/target/?record={foreign.id}").status_code == 404
    assert browser.get("/cases/AV-1/deconfliction/target/?record=nonsense").status_code == 404
    picture = world.record(ours, kind="media", label="quay.jpg")
    file = ExhibitFile.objects.get(exhibit__case=ours)
    media = Media.objects.create(
        holding_id=ours.holding_id, agency_id=ours.agency_id, case=ours, record=picture, file=file, sha256=file.sha256,
        media_type="image/jpeg", pdq=bytes.fromhex("0f" * 32), quality=90, thumbnail_size=0, strip_size=0,
    )  # fmt: skip
    shown = browser.get(f"/cases/AV-1/deconfliction/target/?media={media.id}").content.decode()
    assert f"sha256: {'ab' * 32}" in shown
    assert f"pdq: {'0f' * 32}" in shown


# --- The thread ------------------------------------------------------------------------------------------------------


def test_two_owners_write_propose_agree_and_open_again(
    world: World, two: tuple[Case, Case], cast: Cast, client_for: Browser, as_actor: Behind
) -> None:
    ours, theirs = two
    declare(world, ours, EMAIL)
    avon, borders = side(ours), side(theirs)
    assert avon is not None
    assert borders is not None
    mine, other = client_for(cast.owner), client_for(cast.outsider)
    mine.post(f"/conflicts/{avon.id}/write/", {"text": "We search on Tuesday at six."})
    carry(cast.owner, avon)
    assert "not read yet" in mine.get(f"/conflicts/{avon.id}/").content.decode()
    assert "We search on Tuesday at six." in other.get(f"/conflicts/{borders.id}/").content.decode()
    carry(cast.outsider, borders)
    assert "read by Borders outsider" in mine.get(f"/conflicts/{avon.id}/").content.decode()
    other.post(f"/conflicts/{borders.id}/propose/", {"outcome": "hand-over", "text": "It is yours."})
    carry(cast.outsider, borders)
    shown = mine.get(f"/conflicts/{avon.id}/").content.decode()
    assert "proposes: they hand over to us" in shown
    proposal = ThreadLine.objects.get(conflict=avon, said="proposed")
    with as_actor(cast.outsider), pytest.raises(ActRefused, match="Your own side proposed"):
        actions.confirm(cast.outsider, borders.id, proposal.ref)
    mine.post(f"/conflicts/{avon.id}/confirm/", {"proposal": str(proposal.ref)})
    carry(cast.owner, avon)
    for row, gives in ((avon, False), (borders, True)):
        row.refresh_from_db()
        assert (row.state, row.outcome, row.gives) == ("agreed", "hand-over", gives)
    with as_actor(cast.owner):
        assert queries.new_conflicts(cast.owner) == ((), 0)
        with pytest.raises(ActRefused):
            actions.propose(cast.owner, avon.id, "joint")
        actions.reopen(cast.owner, avon.id, "A second address came up.")
    carry(cast.owner, avon)
    borders.refresh_from_db()
    assert borders.state == "ours"
    with as_actor(cast.outsider):
        rows, total = queries.new_conflicts(cast.outsider)
    assert total == 1
    assert rows[0].state_label == "Your turn"
    assert "opened it again" in other.get(f"/conflicts/{borders.id}/").content.decode()


def test_a_confirmation_of_a_replaced_proposal_says_nothing_on_either_side(
    world: World, two: tuple[Case, Case], cast: Cast, as_actor: Behind
) -> None:
    """Both act at once: what the copies say together decides, the same on both sides."""
    ours, theirs = two
    declare(world, ours, EMAIL)
    avon, borders = side(ours), side(theirs)
    assert avon is not None
    assert borders is not None
    with as_actor(cast.owner):
        actions.propose(cast.owner, avon.id, "proceed")
    carry(cast.owner, avon)
    first = ThreadLine.objects.get(conflict=borders)
    with as_actor(cast.owner):
        actions.propose(cast.owner, avon.id, "joint")
    with as_actor(cast.outsider):
        actions.confirm(cast.outsider, borders.id, first.ref)
    for row in (borders, avon):
        carry(cast.outsider, row)
    avon.refresh_from_db()
    borders.refresh_from_db()
    assert (avon.state, borders.state) == ("theirs", "ours")


def test_asking_for_a_release_follows_the_owners_code(
    world: World, two: tuple[Case, Case], cast: Cast, as_actor: Behind
) -> None:
    ours, theirs = two
    code(ours, "pointer")
    declare(world, ours, EMAIL)
    avon, borders = side(ours), side(theirs)
    assert avon is not None
    assert borders is not None
    with as_actor(cast.owner):
        actions.ask_for_release(cast.owner, avon.id, "A common series")
    carry(cast.owner, avon)
    assert "asks for a release" in Alert.objects.get(case=theirs, kind="request").sentence
    with as_actor(cast.outsider), pytest.raises(ActRefused, match="call, not request"):
        actions.ask_for_release(cast.outsider, borders.id, "A common series")


def test_an_outsider_sees_no_conflict_of_others(
    world: World, two: tuple[Case, Case], third: Actor, cast: Cast, client_for: Browser
) -> None:
    ours, _ = two
    declare(world, ours, EMAIL)
    avon = side(ours)
    assert avon is not None
    for actor in (cast.outsider, cast.administrator, cast.auditor, third):
        browser = client_for(actor)
        assert browser.get(f"/conflicts/{avon.id}/").status_code == 404
        assert browser.post(f"/conflicts/{avon.id}/write/", {"text": "Who are you?"}).status_code == 404
        assert browser.post(f"/conflicts/{avon.id}/propose/", {"outcome": "joint"}).status_code == 404
        assert browser.post(f"/conflicts/{avon.id}/open/").status_code == 404
    world.grant(ours, cast.borders)
    assert client_for(cast.outsider).get(f"/conflicts/{avon.id}/").status_code == 404
    assert EMAIL not in client_for(cast.outsider).get("/cases/AV-1/deconfliction/").content.decode()


def test_the_api_declares_and_lists_as_the_pages_do(
    world: World, two: tuple[Case, Case], cast: Cast, client_for: Browser
) -> None:
    browser = client_for(cast.owner)
    made = browser.post(
        "/api/v1/cases/AV-1/targets", {"values": [EMAIL], "purpose": "A search"}, content_type="application/json"
    )
    assert made.status_code == 201
    key = made.json()["id"]
    assert made.json()["compared_at"] is None
    compare(cast.owner, Declaration.objects.get().id)
    assert browser.get(f"/api/v1/declarations/{key}").json()["conflicts"] == 1
    (found,) = browser.get("/api/v1/conflicts?unanswered=true").json()["conflicts"]
    assert found["agency"] == "Borders Police"
    assert not [word for word in SECRET if word in str(found)]
    refused = browser.post(
        "/api/v1/cases/AV-1/targets", {"values": ["192.0.2.7"], "purpose": "A search"}, content_type="application/json"
    )
    assert refused.status_code == 409
    assert client_for(cast.outsider).get(f"/api/v1/declarations/{key}").status_code == 404

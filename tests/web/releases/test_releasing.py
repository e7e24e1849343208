"""Releasing a part and receiving it: what leaves, what stays, who reads it, and what is known for ever."""

from __future__ import annotations

import json
import zipfile
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from opencets.errors import ActRefused, NotFound
from opencets.packing import verify
from tests.house.small_case import REFERENCE, TITLE
from tests.web.releases.conftest import THEIRS

if TYPE_CHECKING:
    from tests.web.releases.conftest import Between


def lines(between: Between, part: Any, name: str) -> list[dict[str, Any]]:
    with zipfile.ZipFile(between.package(part)) as archive:
        return [json.loads(line) for line in archive.read(name).splitlines()]


def test_asked_approved_in_part_released_received_and_read(between: Between) -> None:
    from opencets_web.evidence.models import Claim, Record
    from opencets_web.releases.queries import get_release, get_request

    request = between.ask()
    asked = between.asked(request)
    release_id = between.begin(asked=asked)
    between.put(release_id, "picture", "twin")
    with between.as_actor(between.owner):
        page = get_release(between.owner, release_id)
    # What asserts the identifier asked for stands in the draft by itself; nothing is given before somebody says yes.
    assert [(item.kind, item.given, item.decided) for item in page.items] == [
        ("file", False, False), ("record", False, False), ("record", False, False),
    ]  # fmt: skip
    assert page.preview is not None
    assert page.preview.refusal == "Some items are not decided yet: say yes or no to each."
    between.decide(release_id, twin="Concerns somebody else")
    release = between.send(release_id)
    assert release.state == "made"
    between.carry_request(request.id, between.owner)
    with between.as_actor(between.outsider):
        answered = get_request(between.outsider, request.id)
    assert (answered.row.label, answered.row.answer) == (
        "Released in part", "2 of 3 items were released; the package says why.",
    )  # fmt: skip
    assert [row.id for row in answered.received] == [between.part(release_id).id]
    part = between.receive(between.part(release_id))
    between.read(part)
    exhibit = part.exhibit
    assert exhibit is not None
    assert (exhibit.case.reference, exhibit.agency) == (THEIRS, between.made.cast.borders)
    with between.as_actor(between.outsider):
        claims = Claim.objects.filter(record__exhibit=exhibit, kind="email")
        assert [(claim.raw, claim.normal) for claim in claims] == [("Ada@example.org", "ada@example.org")]
        person = Record.objects.get(exhibit=exhibit, kind="person")
        assert person.place == "line 2: EX-1 › people.csv › row person"
        assert Record.objects.filter(exhibit=exhibit, kind="media").exists()
        # Their own copy is all they read: nothing of Avon's Holding opened.
        assert not Record.objects.filter(case__reference=REFERENCE).exists()
    release.refresh_from_db()
    assert (release.received_by, release.received_at is not None) == ("Borders outsider", True)
    notice, _ = verify.check_notice(release.receipt.encode())
    assert (notice["kind"], notice["package"], notice["sha256"]) == ("receipt", str(release.id), release.sha256)


def test_the_package_holds_what_was_given_with_locators_and_digests_and_nothing_else(between: Between) -> None:
    part = between.released("person", "picture", conditions="Ask before use", until_on=date(2099, 1, 1))
    path = between.package(part)
    manifest, found = verify.check_package(str(path))
    assert found["originals"] == 1
    release = manifest["release"]
    assert (release["handling"], release["conditions"], release["until"]) == ("C", "Ask before use", "2099-01-01")
    assert (release["to"], release["originator_control"]) == ({"agency": "Borders Police", "officers": []}, True)
    head, record = lines(between, part, "records.jsonl")
    assert head == {"opencets": "opencets-released-records-1"}
    assert (record["where"], record["claims"][0]["raw"]) == ("EX-1 › people.csv › row person", "Ada@example.org")
    files = {tuple(row["path"]): row for row in lines(between, part, "files.jsonl")}
    assert set(files) == {("people.csv",), ("picture.jpg",)}
    assert files[("picture.jpg",)]["sha256"] == between.made.rows["picture"].sha256
    with zipfile.ZipFile(path) as archive:
        text = b"".join(archive.read(name) for name in archive.namelist() if not name.startswith("originals/"))
    # The title of case and exhibit, the other records, the notes and the partner's number stay.
    for word in (b"heron", b"near.jpg", b"L-77", b"call back", b"BO-SMALL"):
        assert word not in text.replace(TITLE.encode() + b" person", b"")


def test_a_claim_that_is_left_out_is_named_and_its_value_stays(between: Between) -> None:
    from opencets_web.releases.actions import Decision, decide_items
    from opencets_web.releases.models import ReleaseItem

    release_id = between.begin()
    between.put(release_id, "person")
    item = ReleaseItem.objects.get(part_release_id=release_id)
    with between.as_actor(between.owner):
        decide_items(between.owner, release_id, [Decision(item.id, True, masked=(between.made.rows["claim"].id,))])
    between.send(release_id)
    part = between.part(release_id)
    (_, record) = lines(between, part, "records.jsonl")
    assert record["claims"] == [{"property": "email", "kind": "email", "masked": True}]
    assert b"Ada@example.org" not in between.package(part).read_bytes()
    assert {row["what"] for row in _left_out(between, part)} == {"Claims of records", "The rest of the case"}


def _left_out(between: Between, part: Any) -> list[dict[str, Any]]:
    with zipfile.ZipFile(between.package(part)) as archive:
        found: list[dict[str, Any]] = json.loads(archive.read("left-out.json"))["left_out"]
    return found


def test_an_exhibit_goes_with_its_files_or_with_what_was_read_of_it(between: Between) -> None:
    from opencets_web.releases.actions import Decision, decide_items
    from opencets_web.releases.models import ReleaseItem

    counts = []
    for originals in (False, True):
        release_id = between.begin()
        between.put(release_id, "exhibit")
        item = ReleaseItem.objects.get(part_release_id=release_id)
        with between.as_actor(between.owner):
            decide_items(between.owner, release_id, [Decision(item.id, True, originals=originals)])
        between.send(release_id)
        part = between.part(release_id)
        _, found = verify.check_package(str(between.package(part)))
        counts.append((len(lines(between, part, "records.jsonl")) - 1, found["originals"]))
    assert counts == [(5, 0), (0, 2)]


def test_what_is_released_is_what_was_looked_at(between: Between) -> None:
    from opencets_web.releases.actions import change_terms, send

    release_id = between.begin()
    between.put(release_id, "person")
    between.decide(release_id)
    seen = between.seen(release_id)
    with between.as_actor(between.owner):
        change_terms(between.owner, release_id, between.terms(controlled=False))
        with pytest.raises(ActRefused, match="changed since you looked"):
            send(between.owner, release_id, seen)
    release = between.send(release_id)
    with between.as_actor(between.owner):
        assert send(between.owner, release_id, "twice") == "made"
        with pytest.raises(ActRefused, match="cannot be done now"):
            change_terms(between.owner, release_id, between.terms())
    assert release.controlled is False


def test_made_and_carried_again_changes_nothing(between: Between) -> None:
    from opencets_web.evidence.models import Blob
    from opencets_web.releases.models import ReceivedPart

    part = between.receive(between.released())
    before = (Blob.objects.count(), ReceivedPart.objects.filter(pk=part.pk).values().get(), list(_files(part)))
    between.make(part.release_ref)
    between.receive(part)
    assert (Blob.objects.count(), ReceivedPart.objects.filter(pk=part.pk).values().get(), list(_files(part))) == before


def _files(part: Any) -> Any:
    from opencets_web.evidence.models import ExhibitFile

    return ExhibitFile.objects.filter(exhibit_id=part.exhibit_id).order_by("id").values_list("id", "path", "sha256")


def test_a_second_person_approves_where_the_agency_demands_one(between: Between) -> None:
    from opencets_web.accounts.models import Officer
    from opencets_web.policy.actor import Actor
    from opencets_web.releases.actions import approve, back_to_draft, demand_second_person, send
    from opencets_web.releases.models import PartRelease, ReceivedPart

    with between.as_actor(between.owner), pytest.raises(ActRefused, match="supervisor"):
        demand_second_person(between.owner, demanded=True)
    officer = Officer.objects.get(pk=between.colleague.officer_id)
    officer.roles = ["supervisor"]
    officer.save(update_fields=["roles"])
    supervisor = Actor.of(officer)
    with between.as_actor(supervisor):
        demand_second_person(supervisor, demanded=True)
    release_id = between.begin()
    between.put(release_id, "person")
    between.decide(release_id)
    seen = between.seen(release_id)
    with between.as_actor(between.owner):
        assert send(between.owner, release_id, seen) == "waiting"
        with pytest.raises(ActRefused, match="second person"):
            approve(between.owner, release_id, seen)
    between.make(release_id)
    assert not ReceivedPart.objects.filter(release_ref=release_id).exists()
    with between.as_actor(supervisor):
        with pytest.raises(ActRefused, match="Send it back with a sentence"):
            back_to_draft(supervisor, release_id)
        back_to_draft(supervisor, release_id, "Leave the telephone out.")
    assert PartRelease.objects.get(pk=release_id).sentence == "Leave the telephone out."
    with between.as_actor(between.owner):
        send(between.owner, release_id, between.seen(release_id))
    with between.as_actor(supervisor):
        approve(supervisor, release_id, seen)
        approve(supervisor, release_id, seen)
    release = between.make(release_id, supervisor)
    assert (release.state, release.approved_by_id, ReceivedPart.objects.filter(release_ref=release_id).count()) == (
        "made",
        supervisor.officer_id,
        1,
    )


def test_only_the_named_officers_read_what_names_them(between: Between) -> None:
    from opencets_web.accounts.models import Officer
    from opencets_web.policy.actor import Actor
    from opencets_web.releases.queries import get_received, get_room

    other = Officer.objects.create(
        email="second@borders.example.org", display_name="Borders second", agency=between.made.cast.borders,
        roles=["investigator"],
    )  # fmt: skip
    part = between.released(officers=(between.outsider.officer_id,))
    with between.as_actor(between.outsider):
        assert get_received(between.outsider, part.id).row.officers == ("Borders outsider",)
    second = Actor.of(other)
    with between.as_actor(second):
        with pytest.raises(NotFound):
            get_received(second, part.id)
        assert not next(one for one in get_room(second).lists if one.name == "received").rows


def test_a_third_agency_and_whoever_reads_no_case_see_nothing(between: Between) -> None:
    from opencets_web.releases.models import PartRelease, ReceivedPart, ReleaseItem
    from opencets_web.releases.queries import get_received, get_release
    from opencets_web.sharing.models import Origin

    part = between.receive(between.released())
    both = [between.made.cast.avon, between.made.cast.borders]
    # Where an exhibit of a case came from, whoever reads that case may know.
    sides = {PartRelease: both, ReleaseItem: both, ReceivedPart: both, Origin: both[1:]}
    for name in ("partner", "former", "withdrawn", "administrator", "auditor"):
        actor = between.made.actors[name]
        with between.as_actor(actor):
            for model in sides:
                assert not model.objects.filter(agency__in=sides[model]).exists(), (name, model)
            with pytest.raises(NotFound):
                get_received(actor, part.id)
            with pytest.raises(NotFound):
                get_release(actor, part.release_ref)


def test_it_is_refused_with_a_sentence_and_the_refusal_taken_back(between: Between) -> None:
    from opencets_web.releases.jobs import carry_release
    from opencets_web.releases.models import PartRelease
    from opencets_web.releases.receiving import accept_part, reconsider_refusal, refuse_part

    part, outsider = between.released(), between.outsider
    with between.as_actor(between.owner), pytest.raises(NotFound):
        refuse_part(between.owner, part.id, "No.")
    with between.as_actor(outsider):
        refuse_part(outsider, part.id, "We did not ask for this.")
        with pytest.raises(ActRefused, match="take the refusal back"):
            accept_part(outsider, part.id, THEIRS)
    with between.as_job(None):
        carry_release(str(part.release_ref), str(outsider.officer_id))
    assert PartRelease.objects.get(pk=part.release_ref).refused_because == "We did not ask for this."
    with between.as_actor(outsider):
        reconsider_refusal(outsider, part.id)
    part.refresh_from_db()
    between.receive(part)
    release = PartRelease.objects.get(pk=part.release_ref)
    assert (release.refused_at, release.received_by) == (None, "Borders outsider")


def test_a_withdrawal_is_told_acknowledged_and_taken_back_and_the_release_stays_known(between: Between) -> None:
    from opencets_web.audit.models import Act
    from opencets_web.releases.actions import reinstate_part, withdraw_part
    from opencets_web.releases.jobs import carry_release
    from opencets_web.releases.models import PartRelease
    from opencets_web.releases.receiving import acknowledge_withdrawal
    from opencets_web.sharing.models import Origin

    part = between.receive(between.released())

    def carry() -> None:
        with between.as_job(None):
            carry_release(str(part.release_ref), str(between.owner.officer_id))
        part.refresh_from_db()

    with between.as_actor(between.owner), pytest.raises(ActRefused, match="reason"):
        withdraw_part(between.owner, part.release_ref, "")
    with between.as_actor(between.owner):
        withdraw_part(between.owner, part.release_ref, "It named the wrong person.")
    carry()
    notice, _ = verify.check_notice(part.notice.encode())
    assert (notice["kind"], notice["reason"]) == ("withdrawal", "It named the wrong person.")
    assert Origin.objects.get(exhibit=part.exhibit).withdrawn_at is not None
    with between.as_actor(between.outsider):
        acknowledge_withdrawal(between.outsider, part.id)
        acknowledge_withdrawal(between.outsider, part.id)
    carry()
    release = PartRelease.objects.get(pk=part.release_ref)
    assert (release.acknowledged_by, release.sha256, release.state) == ("Borders outsider", part.sha256, "made")
    assert verify.check_notice(release.acknowledgement.encode())[0]["of"] == "withdrawal"
    with between.as_actor(between.owner):
        reinstate_part(between.owner, part.release_ref)
    carry()
    assert (part.withdrawn_at, Origin.objects.get(exhibit=part.exhibit).withdrawn_at) == (None, None)
    told = Act.objects.filter(verb__startswith="part-release.", details__contains=str(part.release_ref))
    assert {"part-release.made", "part-release.withdrawn", "part-release.reinstated"} <= {act.verb for act in told}
    made = told.get(verb="part-release.made")
    for word in ("Borders Police", "One series", "Police Act", part.sha256):
        assert word in made.details


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"purpose": ""}, "purpose"),
        ({"legal_basis": " "}, "legal basis"),
        ({"to_agency": None}, "to which agency"),
        ({"until_on": date(2020, 1, 1)}, "has passed"),
    ],
)
def test_a_release_that_says_too_little_is_refused(between: Between, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ActRefused, match=sentence):
        between.begin(**given)


def test_code_c_leaves_with_conditions_or_not_at_all(between: Between) -> None:
    holding = between.made.rows["case"].holding
    holding.handling, holding.conditions = "C", "Not without the source's consent"
    holding.save(update_fields=["handling", "conditions"])
    with pytest.raises(ActRefused, match="code C"):
        between.begin()
    part = between.released(conditions="Consent was given")
    assert (part.terms["handling"], part.terms["conditions"]) == ("C", "Consent was given")


def test_the_label_of_the_case_goes_along_and_tlp_red_to_named_officers_alone(between: Between) -> None:
    holding = between.made.rows["case"].holding
    holding.tlp = "AMBER+STRICT"
    holding.save(update_fields=["tlp"])
    part = between.released("person", conditions="Ask before use")
    manifest, _ = verify.check_package(str(between.package(part)))
    assert (part.terms["tlp"], manifest["release"]["tlp"]) == ("AMBER+STRICT", "AMBER+STRICT")
    assert "TLP:AMBER+STRICT" in manifest["release"]["label"]
    assert "Passed on by Avon alone" in manifest["release"]["label"]
    holding.tlp = "RED"
    holding.save(update_fields=["tlp"])
    with pytest.raises(ActRefused, match="named recipients"):
        between.begin()
    between.begin(officers=(between.outsider.officer_id,))


def test_only_the_owner_releases_and_only_of_this_case(between: Between) -> None:
    from opencets_web.releases.actions import add_items, begin_release

    partner = between.made.actors["partner"]
    with between.as_actor(partner), pytest.raises(ActRefused, match="only its owner"):
        begin_release(partner, REFERENCE, between.terms())
    with between.as_actor(between.outsider), pytest.raises(NotFound):
        begin_release(between.outsider, REFERENCE, between.terms())
    release_id = between.begin()
    with between.as_actor(between.owner), pytest.raises(NotFound):
        add_items(between.owner, release_id, exhibits=[between.made.rows["third"].id])

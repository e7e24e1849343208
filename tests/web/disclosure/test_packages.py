"""A case released as a signed package: who may, what goes along, what stays, and what is known for ever."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from opencets.errors import ActRefused, NotFound
from tests.house.small_case import REFERENCE, TITLE

if TYPE_CHECKING:
    from tests.web.disclosure.conftest import Packing


def test_the_bundle_tells_the_whole_case_and_verifies_offline(packing: Packing) -> None:
    package = packing.make()
    assert package.found["files"] == len(package.files) - 2
    assert {row["reference"] for row in package.lines("exhibits.jsonl")} == {"EX-1"}
    assert len(package.lines("records.jsonl")) == 5
    person = next(row for row in package.lines("records.jsonl") if row["claims"])
    assert (person["where"], person["reader"]) == ("EX-1 › people.csv › row person", "file/1")
    assert person["claims"][0]["normal"] == "ada@example.org"
    assert [row["code"] for row in package.lines("reading-report.jsonl")] == ["columns"]
    assert [row["probability"] for row in package.lines("matches.jsonl")] == [0.8]
    assert [row["reason"] for row in package.lines("judgements.jsonl")] == ["Compared the dates."]
    assert [row["text"] for row in package.lines("notes.jsonl")] == [f"{TITLE}: call back."]
    assert package.manifest["case"]["numbers"] == [{"partner": "Laboratory", "number": "L-77"}]
    assert package.manifest["release"]["recipients"] == "Crown court, defence"


def test_the_page_is_read_without_a_program(packing: Packing) -> None:
    page = packing.make(purpose="<script>alert(1)</script>").files["index.html"].decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http-equiv" in page
    for told in (
        TITLE,
        "EX-1",
        "One file was received.",
        "Compared the dates.",
        "Row 3 has 2 columns",
        "Laboratory L-77",
    ):
        assert told in page


def test_a_guess_of_a_reader_is_told_as_one_and_not_as_something_unread(packing: Packing) -> None:
    from opencets_web.evidence.models import ReportLine

    rows = packing.made.rows
    ReportLine.objects.create(
        holding_id=rows["case"].holding_id, agency_id=rows["case"].agency_id, exhibit=rows["exhibit"], file=rows["file"],
        path="people.csv", code="note:date-order", sentence="Dates were read day first.", key="k2",
    )  # fmt: skip
    package = packing.make()
    page = package.files["index.html"].decode()
    assert {row["code"]: row["guess"] for row in package.lines("reading-report.jsonl")} == {
        "columns": False,
        "date-order": True,
    }
    assert page.index("Row 3 has 2 columns") < page.index("Read with a guess") < page.index("Dates were read day first")


def test_no_pixel_goes_along_unless_the_originals_of_an_exhibit_are_asked_for(packing: Packing) -> None:
    stored = packing.made.rows["blob"].sha256
    without, with_ = packing.make(), packing.make(originals=("EX-1",))
    assert without.found["originals"] == 0
    assert not any(content[:3] == b"\xff\xd8\xff" for content in without.files.values())
    originals = [content for name, content in with_.files.items() if name.startswith("originals/EX-1/")]
    assert with_.found["originals"] == len(originals) == 2
    from hashlib import sha256

    assert {sha256(content).hexdigest() for content in originals} == {stored}


def test_what_reaches_into_other_cases_stays_unless_chosen_and_of_other_agencies_always(packing: Packing) -> None:
    assert packing.make().lines("connections.jsonl") == []
    package = packing.make(other_cases=True)
    assert [row["other_case"] for row in package.lines("connections.jsonl")] == ["AV-SMALL-0002"]
    assert "BO-SMALL" not in package.text
    assert "Borders" not in package.text


def test_the_log_goes_along_with_proofs_and_without_what_is_between_agencies(packing: Packing) -> None:
    from opencets_web.audit import log, sealer
    from opencets_web.disclosure import proving

    owner, case = packing.made.cast.owner, packing.made.rows["case"]
    holding = (case.holding_id, case.agency_id)
    with packing.as_actor(owner):
        log.record("exhibit.viewed", owner, holding=holding, subject=f"exhibit:{REFERENCE}/EX-1")
        log.record("request.made", owner, holding=holding, subject=f"case:{REFERENCE}", details={"to": "Borders"})
        log.record("search.made", owner, details={"words": "not of this case"})
    with packing.as_actor(packing.made.cast.outsider):
        log.record("case.viewed", packing.made.cast.outsider, holding=holding, subject=f"case:{REFERENCE}")
    _seal_all(sealer)
    assert proving.LEAVES_AT_ONCE > 1
    package = packing.make()
    acts = package.lines("log/acts.jsonl")
    told = [row["verb"] for row in acts if not row.get("withheld")]
    assert "exhibit.viewed" in told
    assert not {"request.made", "search.made", "case.viewed", "package.asked"} & set(told)
    assert sum(1 for row in acts if row.get("withheld")) >= 3
    assert package.found["proven"] >= 3
    assert "Borders" not in package.text
    assert "not of this case" not in package.text


def _seal_all(sealer: object) -> None:
    """The test's acts are of a transaction that still runs, which the sealer waits for: their place is given here."""
    from django.utils import timezone

    from opencets_web.audit.models import Act, Checkpoint, Seal
    from opencets_web.audit.tree import Frontier

    frontier = Frontier()
    Seal.objects.bulk_create(Seal(leaf_number=number, act=act) for number, act in enumerate(Act.objects.order_by("id")))
    for leaf in Act.objects.order_by("id").values_list("leaf", flat=True):
        frontier.append(bytes(leaf))
    Checkpoint.objects.create(size=frontier.size, root=frontier.root(), frontier=frontier.to_bytes(), at=timezone.now())


def test_one_exhibit_goes_without_the_rest_of_the_case(packing: Packing) -> None:
    from opencets_web.evidence.models import Exhibit

    under = {"holding_id": packing.made.rows["case"].holding_id, "agency_id": packing.made.rows["case"].agency_id}
    from django.utils import timezone

    Exhibit.objects.create(
        **under, case=packing.made.rows["case"], reference="EX-2", title="Wardrobe key", state="read",
        received_by_id=packing.made.cast.owner.officer_id, begun_at=timezone.now(),
    )  # fmt: skip
    package = packing.make(exhibits=("EX-1",))
    assert [row["reference"] for row in package.lines("exhibits.jsonl")] == ["EX-1"]
    assert package.lines("notes.jsonl") == []
    assert "Wardrobe key" not in package.text
    other = packing.make(exhibits=("EX-2",))
    assert other.lines("records.jsonl") == other.lines("matches.jsonl") == []
    assert TITLE not in other.text.replace(REFERENCE, "")


def test_what_another_agency_brought_in_is_not_passed_on(packing: Packing) -> None:
    from django.utils import timezone

    from opencets_web.evidence.models import Exhibit

    case = packing.made.rows["case"]
    Exhibit.objects.create(
        holding_id=case.holding_id, agency_id=case.agency_id, case=case, reference="EX-9", title="Violet suitcase", state="read",
        received_by_id=packing.made.actors["partner"].officer_id, begun_at=timezone.now(),
    )  # fmt: skip
    package = packing.make()
    assert "Violet suitcase" not in package.text
    assert "Another agency brought them in" in package.files["left-out.json"].decode()
    with pytest.raises(ActRefused, match="another agency brought it in"):
        packing.order(exhibits=("EX-9",))


@pytest.mark.parametrize("who", ["outsider", "former", "withdrawn", "administrator", "auditor"])
def test_for_whom_the_case_is_closed_there_is_nothing_to_release(packing: Packing, who: str) -> None:
    with pytest.raises(NotFound):
        packing.order(packing.made.actors[who])


def test_a_partner_does_not_pass_on_what_was_released_to_them(packing: Packing) -> None:
    from opencets_web.disclosure.models import Package

    with pytest.raises(ActRefused, match="only its owner releases it"):
        packing.order(packing.made.actors["partner"])
    packing.order()
    with packing.as_actor(packing.made.actors["partner"]):
        assert not Package.objects.exists()


def test_code_c_asks_for_the_conditions(packing: Packing) -> None:
    from opencets_web.policy.models import Holding

    Holding.objects.filter(pk=packing.made.rows["case"].holding_id).update(
        handling="C", conditions="Not before the arrest."
    )
    with pytest.raises(ActRefused, match="Not before the arrest"):
        packing.order()
    package = packing.make(conditions="The arrest was made; court only.")
    assert package.manifest["release"]["handling"] == "C"
    assert "court only" in package.files["index.html"].decode()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"purpose": " "}, "purpose"),
        ({"recipients": ""}, "recipients"),
        ({"format": "pdf"}, "no package format"),
        ({"exhibits": ("EX-7",)}, "EX-7 cannot be released"),
        ({"originals": ("EX-7",)}, "EX-7 cannot be released"),
        ({"until_on": date(2020, 1, 1)}, "has passed"),
    ],
)
def test_a_package_says_for_whom_for_what_and_of_what(packing: Packing, given: dict[str, object], why: str) -> None:
    with pytest.raises(ActRefused, match=why):
        packing.order(**given)


def test_what_is_released_after_the_case_was_taken_away_is_refused(packing: Packing) -> None:
    """The door is asked again when the worker makes the package."""
    from opencets_web.accounts.models import Officer
    from opencets_web.disclosure.actions import make_package

    owner = packing.made.cast.owner
    package_id = packing.order()
    Officer.objects.filter(pk=owner.officer_id).update(roles=["administrator"])
    from opencets_web.policy.officers import actor_for

    with packing.as_job(owner), pytest.raises(NotFound):
        make_package(actor_for(owner.officer_id), package_id)


def test_a_package_is_made_once(packing: Packing) -> None:
    from opencets_web.disclosure.actions import make_package
    from opencets_web.disclosure.models import Package

    owner = packing.made.cast.owner
    package_id = packing.order()
    for _ in range(2):
        with packing.as_job(owner):
            make_package(owner, package_id)
    package = Package.objects.get(pk=package_id)
    assert (package.state, len(package.sha256)) == ("made", 64)


def test_a_withdrawal_is_a_signed_notice_and_can_be_taken_back(packing: Packing) -> None:
    from opencets.packing.package import open_notice
    from opencets_web.disclosure import actions, queries
    from opencets_web.disclosure.models import Package

    owner, package_id = packing.made.cast.owner, packing.order()
    with packing.as_actor(owner), pytest.raises(ActRefused, match="made is withdrawn"):
        actions.withdraw_package(owner, package_id, "Too early")
    with packing.as_job(owner):
        actions.make_package(owner, package_id)
    with packing.as_actor(packing.made.actors["partner"]), pytest.raises(NotFound):
        actions.withdraw_package(packing.made.actors["partner"], package_id, "Ours now")
    with packing.as_actor(owner):
        actions.withdraw_package(owner, package_id, "A wrong exhibit.")
        _, text = queries.get_notice(owner, package_id)
    notice, key = open_notice(text)
    package = Package.objects.get(pk=package_id)
    assert (notice["sha256"], notice["reason"], key) == (package.sha256, "A wrong exhibit.", package.key_ref)
    with packing.as_actor(owner):
        actions.restore_package(owner, package_id)
    assert Package.objects.get(pk=package_id).withdrawn_at is None


def test_a_receipt_is_entered_or_comes_signed_and_fits_its_package(packing: Packing) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from django.utils import timezone

    from opencets.packing.package import sign_notice
    from opencets_web.disclosure import actions
    from opencets_web.disclosure.models import Package, Receipt

    owner, package_id = packing.made.cast.owner, packing.order()
    with packing.as_job(owner):
        actions.make_package(owner, package_id)
    today, theirs = timezone.now().date(), Ed25519PrivateKey.from_private_bytes(bytes(32))
    digest = Package.objects.get(pk=package_id).sha256
    said = {
        "kind": "receipt",
        "package": str(package_id),
        "sha256": digest,
        "by": "Court clerk",
        "on": today.isoformat(),
    }
    with packing.as_actor(owner):
        entered, _ = actions.enter_receipt(owner, package_id, received_by="A. Clerk", received_on=today)
        actions.take_receipt(owner, package_id, sign_notice(said, theirs))
        for bad in (
            sign_notice({**said, "sha256": "00" * 32}, theirs),
            sign_notice(said, theirs).replace(b"Court", b"Other"),
            sign_notice({**said, "kind": "withdrawal"}, theirs),
            b"{}",
        ):
            with pytest.raises(ActRefused, match="This"):
                actions.take_receipt(owner, package_id, bad)
        with pytest.raises(ActRefused, match="already"):
            actions.enter_receipt(owner, package_id, received_by="A. Clerk", received_on=today)
        actions.remove_receipt(owner, entered)
    assert Receipt.objects.filter(package_id=package_id, removed_at=None).count() == 1


def test_a_command_writes_the_file_whole_or_not_at_all(packing: Packing) -> None:
    from opencets_web.disclosure.actions import write_package
    from opencets_web.disclosure.models import Package
    from opencets_web.evidence.vault import store
    from tests.web.disclosure.conftest import opened

    owner, out = packing.made.cast.owner, packing.folder / "out.zip"
    steps: list[int] = []

    def write(**given: object) -> str:
        with packing.as_job(owner):
            choice = packing.choice(**given)
            return write_package(owner, REFERENCE, choice, out, began=steps.append, tick=steps.append)[1]

    digest = write()
    assert opened(out).manifest["case"]["reference"] == REFERENCE
    assert Package.objects.get(sha256=digest).blob is None
    assert sum(steps[1:]) == steps[0] > 5
    with pytest.raises(ActRefused, match="there already"):
        write()
    out.unlink()
    store().delete(packing.made.rows["blob"].path)
    choice = packing.choice(originals=("EX-1",))
    with packing.as_job(owner), pytest.raises(NotFound):
        write_package(owner, REFERENCE, choice, out, began=steps.append, tick=steps.append)
    assert list(packing.folder.iterdir()) == []
    assert Package.objects.order_by("-asked_at").values_list("state", flat=True)[0] == "refused"


@pytest.mark.parametrize("format", ["case-uco", "vics"])
def test_the_other_formats_are_signed_packages_as_well(packing: Packing, format: str) -> None:
    package = packing.make(format=format, originals=("EX-1",))
    assert package.manifest["package"]["format"] == format
    assert len([name for name in package.files if name.startswith("originals/")]) == 2
    assert {"case-uco": "case.jsonld", "vics": "vics.json"}[format] in package.files
    assert "Borders" not in package.text

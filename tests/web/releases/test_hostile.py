"""Packages that are not what they say: each is refused with a sentence, before anything of it is unpacked."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from opencets.errors import ActRefused, DamagedSource, OpenCETSError
from opencets.packing import verify
from opencets.packing.package import Part, seal
from tests.web.releases.conftest import THEIRS

if TYPE_CHECKING:
    from opencets_web.policy.actor import Actor
    from tests.web.releases.conftest import Between

TAMAR = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
"""The key of another node, whose packages are handed over as files."""
KEY = verify.key_id(TAMAR.public_key().public_bytes_raw())


def header(**given: Any) -> dict[str, Any]:
    release = {
        "recipients": "Borders Police", "to": {"agency": "Borders Police", "officers": []}, "purpose": "One series",
        "legal_basis": "Treaty", "handling": "P", "conditions": "", "until": "", "originator_control": True,
        "released_by": "Tamar officer", "answers": "", "scope": ["EX-0004"],
    }  # fmt: skip
    told = {
        "package": {"id": "0191d4c0-0000-7000-8000-000000000007", "format": "part", "made_at": "2026-01-02T03:04:05Z"},
        "case": {"reference": "TA-2026-0004", "agency": "Tamar Police", "numbers": []},
        "software": {"name": "OpenCETS", "version": "0.1.0"},
    }  # fmt: skip
    return {**told, "release": {**release, **given.pop("release", {})}, **given}


RECORD = {
    "kind": "person", "where": "EX-0004 › people.csv › row 3", "reader": "table/1",
    "claims": [{"property": "email", "kind": "email", "raw": "kim@example.org", "normal": "kim@example.org", "role": "own"}],
}  # fmt: skip
LINES = b'{"opencets": "opencets-released-records-1"}\n' + json.dumps(RECORD).encode() + b"\n"


def package(key: Ed25519PrivateKey = TAMAR, records: bytes = LINES, **given: Any) -> bytes:
    parts = [Part("records.jsonl", "the records released", [records])]
    return b"".join(seal(parts, header(**given), key))


def supervisor(between: Between) -> Actor:
    from opencets_web.accounts.models import Officer
    from opencets_web.policy.actor import Actor

    officer = Officer.objects.get(pk=between.outsider.officer_id)
    officer.roles = ["investigator", "supervisor"]
    officer.save(update_fields=["roles"])
    return Actor.of(officer)


def trust(between: Between, whose: str = "Tamar Police") -> None:
    from opencets_web.releases.actions import trust_key

    actor = supervisor(between)
    with between.as_actor(actor):
        trust_key(actor, key=KEY, whose=whose, compared="Read to me by their control room.")


def bring(between: Between, content: bytes) -> Any:
    from opencets_web.releases.models import ReceivedPart
    from opencets_web.releases.receiving import bring_package

    with between.as_actor(between.outsider):
        made = bring_package(between.outsider, io.BytesIO(content))
    return ReceivedPart.objects.get(pk=made)


def test_a_package_of_another_node_is_received_once_its_key_is_entered(between: Between) -> None:
    from opencets_web.evidence.models import Claim
    from opencets_web.releases.models import ReceivedPart

    with pytest.raises(ActRefused, match=f"the key {KEY}, which your agency does not know"):
        bring(between, package())
    trust(between)
    part = between.receive(bring(between, package()))
    between.read(part)
    assert (part.state, part.from_name, part.key_ref) == ("kept", "Tamar Police", KEY)
    assert list(Claim.objects.filter(record__exhibit=part.exhibit).values_list("normal", flat=True)) == [
        "kim@example.org"
    ]
    with pytest.raises(ActRefused, match="here already"):
        bring(between, package())
    assert ReceivedPart.objects.filter(agency=between.made.cast.borders).count() == 1


def test_a_changed_byte_in_any_file_of_it_is_found(between: Between) -> None:
    trust(between)
    whole = package()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        entries = [(info.filename, info.header_offset + 30, info.compress_size) for info in archive.infolist()]
    for name, at, size in entries:
        for place in (at, at + len(name.encode()) + size // 2):
            changed = bytearray(whole)
            changed[place] ^= 1
            with pytest.raises(DamagedSource):
                bring(between, bytes(changed))
    with pytest.raises(DamagedSource, match="no whole ZIP file"):
        bring(between, whole[:-40])
    with pytest.raises(DamagedSource, match="no whole ZIP file"):
        bring(between, b"not a package")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"release": {"to": {"agency": "Avon Constabulary", "officers": []}}},
            "addressed to Avon Constabulary, not to Borders",
        ),
        ({"case": {"reference": "LY-1", "agency": "Lyd Police", "numbers": []}}, "entered for another agency"),
        ({"release": {"to": {"agency": "Borders Police", "officers": ["Borders second"]}}}, "names Borders second"),
        ({"package": {"id": "0191d4c0-0000-7000-8000-000000000007", "format": "disclosure"}}, "no released part"),
        ({"package": {"id": "none", "format": "part"}}, "do not fit together"),
        ({"release": {"to": 7}}, "do not fit together"),
    ],
)
def test_for_another_recipient_or_by_another_sender_it_is_refused(
    between: Between, given: dict[str, Any], sentence: str
) -> None:
    trust(between)
    with pytest.raises(OpenCETSError, match=sentence):
        bring(between, package(**given))


def test_a_key_that_is_trusted_no_longer_brings_nothing(between: Between) -> None:
    from opencets_web.releases.actions import end_key
    from opencets_web.releases.models import PartnerKey

    trust(between)
    actor = supervisor(between)
    with between.as_actor(actor):
        end_key(actor, PartnerKey.objects.get(agency=between.made.cast.borders).id)
    with pytest.raises(ActRefused, match="does not know"):
        bring(between, package())


def test_what_unpacks_to_fill_a_disk_is_refused_before_it_is_unpacked(between: Between) -> None:
    trust(between)
    with pytest.raises(DamagedSource, match="made to fill a disk"):
        bring(between, package(records=bytes(200 << 20)))


def test_a_name_that_leads_out_is_refused_though_it_was_signed(between: Between) -> None:
    trust(between)
    with pytest.raises(DamagedSource, match="leads out of the package"):
        bring(between, _signed_with_name("originals/../../../../escape.txt"))


def _signed_with_name(name: str) -> bytes:
    """A package whose signer listed a name that ``seal`` refuses."""
    safe = "originals/" + "a" * (len(name) - len("originals/"))
    parts = [Part("records.jsonl", "records", [LINES]), Part(safe, "original", [b"x"], packed=False)]
    source = zipfile.ZipFile(io.BytesIO(b"".join(seal(parts, header(), TAMAR))))
    manifest = source.read("manifest.json").replace(safe.encode(), name.encode())
    files = [(info.filename, source.read(info.filename)) for info in source.infolist()]
    told = {safe: name}
    out, directory = bytearray(), bytearray()
    for stored, content in files:
        content = {"manifest.json": manifest, "manifest.sig": TAMAR.sign(manifest)}.get(stored, content)
        label = told.get(stored, stored).encode()
        head = struct.pack(
            "<HHHHHIIIHH", 20, 0, 0, 0, 33, zlib.crc32(content), len(content), len(content), len(label), 0
        )
        directory += struct.pack("<4sH", b"PK\x01\x02", 20) + head + struct.pack("<HHHII", 0, 0, 0, 0, len(out)) + label
        out += b"PK\x03\x04" + head + label + content
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, len(files), len(files), len(directory), len(out), 0)
    return bytes(out + directory + end)


def test_what_was_changed_on_its_way_is_refused_by_the_check_and_the_sender_is_told(between: Between) -> None:
    """In the node too: the recipient's copy is checked when it is taken in, not trusted because it came from here."""
    from opencets_web.evidence.models import Blob, ExhibitFile
    from opencets_web.evidence.vault import store
    from opencets_web.releases.models import PartRelease
    from opencets_web.sharing.models import Origin

    part = between.released()
    changed = bytearray(between.package(part).read_bytes())
    changed[changed.index(b"records.jsonl") + 40] ^= 1
    stored = store(part.agency_id).put(io.BytesIO(bytes(changed)))
    Blob.objects.filter(pk=part.blob_id).update(path=stored.blob_id, wrapped_key=stored.wrapped_key)
    between.receive(part)
    assert part.state == "damaged"
    assert "not as it was signed" in part.sentence
    assert part.exhibit is not None
    assert part.exhibit.state == "cancelled"
    assert not ExhibitFile.objects.filter(exhibit=part.exhibit).exists()
    assert not Origin.objects.filter(exhibit=part.exhibit).exists()
    assert "not as it was signed" in PartRelease.objects.get(pk=part.release_ref).refused_because


def test_another_release_under_an_announced_one_is_refused(between: Between) -> None:
    from opencets_web.releases.models import ReceivedPart

    first, second = between.released("person"), between.released("twin")
    ReceivedPart.objects.filter(pk=first.pk).update(blob=second.blob_id, size=second.size)
    first.refresh_from_db()
    between.receive(first)
    assert (first.state, "another release" in first.sentence) == ("damaged", True)


def test_receipt_and_withdrawal_travel_as_files_between_nodes(between: Between) -> None:
    from opencets.packing.package import sign_notice
    from opencets_web.releases.jobs import settle_part
    from opencets_web.releases.receiving import bring_notice
    from opencets_web.sharing.models import Origin

    trust(between)
    part = between.receive(bring(between, package()))
    told = {"kind": "withdrawal", "package": str(part.release_ref), "sha256": part.sha256, "reason": "Wrong person."}
    with between.as_actor(between.outsider):
        with pytest.raises(ActRefused, match="signed with the key"):
            bring_notice(between.outsider, sign_notice(told, Ed25519PrivateKey.from_private_bytes(b"\x08" * 32)))
        with pytest.raises(ActRefused, match="no package"):
            bring_notice(between.outsider, sign_notice({**told, "sha256": "0" * 64}, TAMAR))
        bring_notice(between.outsider, sign_notice(told, TAMAR))
    with between.as_job(None):
        settle_part(str(part.id), str(between.outsider.officer_id))
    part.refresh_from_db()
    assert part.withdrawn_because == "Wrong person."
    assert Origin.objects.get(exhibit=part.exhibit).withdrawn_at is not None


def test_a_release_to_another_node_leaves_as_a_file_and_its_receipt_comes_back_as_one(between: Between) -> None:
    from opencets.packing.package import sign_notice
    from opencets_web.releases.models import PartRelease, ReceivedPart
    from opencets_web.releases.queries import get_release_download
    from opencets_web.releases.receiving import bring_notice

    release_id = between.begin(to_agency=None, elsewhere="Tamar  Police")
    between.put(release_id, "person")
    between.decide(release_id)
    release = between.send(release_id)
    assert (release.state, release.recipients, ReceivedPart.objects.filter(release_ref=release_id).exists()) == (
        "made", "Tamar Police", False,
    )  # fmt: skip
    with between.as_actor(between.owner):
        found = get_release_download(between.owner, release_id)
    path = Path(between.folder) / found.name
    with found.open() as stream:
        path.write_bytes(stream.read())
    manifest, _ = verify.check_package(str(path), release.key_ref)
    assert manifest["release"]["to"]["agency"] == "Tamar Police"
    receipt = {"kind": "receipt", "package": str(release_id), "sha256": release.sha256, "agency": "Tamar Police",
               "received_by": "Tamar officer"}  # fmt: skip
    with between.as_actor(between.owner):
        bring_notice(between.owner, sign_notice(receipt, TAMAR))
    assert PartRelease.objects.get(pk=release_id).received_by == "Tamar officer, Tamar Police"
    with between.as_actor(between.outsider), pytest.raises(ActRefused, match="no package of yours"):
        bring_notice(between.outsider, sign_notice(receipt, TAMAR))


def test_no_case_of_theirs_is_needed_to_refuse_and_none_is_read_to_receive(between: Between) -> None:
    trust(between)
    part = bring(between, package())
    assert part.holding_id not in {
        row.holding_id for name, row in between.made.rows.items() if name in ("case", "other")
    }
    assert between.receive(part).case == between.made.rows["other"]
    assert between.made.rows["other"].reference == THEIRS

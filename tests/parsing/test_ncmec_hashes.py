"""NCMEC hash sharing: entries with their votes; what is deleted, broken or hostile is told."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from opencets.parsing import read
from opencets.parsing.readers import ncmec_hashes
from opencets.parsing.source import Noted, Skipped, Source
from opencets.records import Locator, Record

SAMPLES = Path(__file__).parents[2] / "../shared/data/ncmec_hashsharing"
HEAD = '<queryResult xmlns="https://hashsharing.ncmec.org/hashsharing/v2"><images count="1">'


def of_text(text: str) -> Source:
    content = text.encode()
    return Source(Locator(("entries.xml",)), len(content), lambda: io.BytesIO(content))


def test_the_sample_gives_its_entries_with_their_votes() -> None:
    if not SAMPLES.is_dir():
        pytest.skip("the sample files are not beside the repository")
    reading = read(SAMPLES / "entries.xml")
    assert reading.format == "ncmec_hashes"
    image, video = (record for record in reading.records if record.kind == "known_file")
    assert (image.first("md5"), image.first("sha1"), image.first("category")) == ("a1" * 16, "a1" * 20, "NCMEC:A1")
    assert dict(image.extra) == {
        "id": "image1", "member": "Example Member", "confirmed by": "1", "doubted by": "1",
        "reasons of doubt": "Example Reason 1",
    }  # fmt: skip
    assert (video.first("md5"), dict(video.extra)["id"]) == ("b1" * 16, "video1")
    notes = [
        event for event in ncmec_hashes.read(of_text((SAMPLES / "entries.xml").read_text())) if isinstance(event, Noted)
    ]
    assert notes[0].sentence.endswith("2 deleted entries name no digest; a newer version leaves them out.")


def test_members_count_once_and_entries_without_a_digest_are_skipped() -> None:
    members = "".join(f'<member id="{n}">M</member>' for n in (1, 2, 2, 3))
    feedback = f'<negativeFeedback type="Md5"><reasons><members>{members}</members></reasons></negativeFeedback>'
    entry = f"<fingerprints><md5>{'c1' * 16}</md5></fingerprints><feedback>{feedback}</feedback>"
    events = list(
        ncmec_hashes.read(of_text(f"{HEAD}<image>{entry}</image><image><id>x</id></image></images></queryResult>"))
    )
    record, skipped = events
    assert isinstance(record, Record)
    assert dict(record.extra) == {"doubted by": "3"}
    assert isinstance(skipped, Skipped)
    assert "no digest and no PDQ" in skipped.sentence


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{HEAD}<image><fingerprints>", "cannot be read further after 1 entries"),
        (f"<!DOCTYPE x [<!ENTITY a 'b'>]>{HEAD}</images></queryResult>", "declares a document type"),
    ],
)
def test_what_is_broken_or_hostile_costs_a_sentence(text: str, told: str) -> None:
    (event,) = ncmec_hashes.read(of_text(text))
    assert isinstance(event, Skipped)
    assert told in event.sentence


def test_other_xml_is_not_taken() -> None:
    assert ncmec_hashes.recognise(of_text("<a/>"))
    assert ncmec_hashes.recognise(of_text(HEAD)) is None

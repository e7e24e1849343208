"""VICS: the quirks of real exporters, each by a small file made here, and the sample files exactly."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from opencets.parsing.readers import vics
from opencets.parsing.source import Event, Noted, Skipped, Source, source_of
from opencets.records import Locator, Record

SAMPLES = Path(__file__).parents[2] / "../shared/data/vics"
CASES = "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/US/$metadata#Cases"
MEDIA = "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/{region}/$metadata#Media"
MD5 = "97FDC6AE077D8165F3CB4AA494DDB7D4"


def of_bytes(content: bytes, name: str = "list.json", **options: object) -> Source:
    return Source(Locator((name,)), len(content), lambda: io.BytesIO(content), dict(options))


def hash_set(*media: dict[str, Any] | str, region: str = "US", **options: object) -> Source:
    text = json.dumps({"@odata.context": MEDIA.format(region=region), "value": list(media)})
    return of_bytes(text.encode(), "list.json", **options)


def records(source: Source) -> list[Record]:
    return [event for event in vics.read(source) if isinstance(event, Record)]


def refusals(events: list[Event]) -> list[Skipped]:
    return [event for event in events if isinstance(event, Skipped)]


@pytest.fixture
def sample() -> Path:
    if not SAMPLES.is_dir():
        pytest.skip("the sample files are not beside the repository")
    return SAMPLES


def test_the_sample_case_gives_its_media_its_account_and_its_case(sample: Path) -> None:
    source = source_of(sample / "vics20_cases.json")
    assert vics.recognise(source) is None
    events = list(vics.read(source))
    assert [type(event) for event in events if not isinstance(event, Record)] == []
    found = records(source)
    assert [record.kind for record in found] == ["media"] * 14 + ["account", "document"]
    first = found[0]
    assert str(first.locator) == "vics20_cases.json › value[0].Media[0]"
    assert first.reader == "vics/1"
    assert first.first("md5") == MD5.lower()
    assert first.first("category") == "US:0"
    assert first.first("size_bytes") == "161713"
    assert first.first("location") == "43.46745,11.88513"
    assert first.first("taken_at") == "2008-10-22T14:28:39Z"
    assert first.first("camera_model") == "NIKON COOLPIX P6000"
    assert list(first.values("file_path")) == [
        "VIC_Files\\97FDC6AE077D8165F3CB4AA494DDB7D4.jpg",
        "Evidence-01\\Partition 1\\Users\\demo\\Pictures\\DSCN0010.jpg",
        "Evidence-01\\Partition 1\\[unallocated]\\Carved_000000.jpg",
    ]
    assert list(first.values("pdq")) == []
    account, case = found[14:]
    assert account.first("screen_name") == "examplechat:demo_user"
    assert dict(case.extra)["CaseNumber"] == "2026-DEMO-0001"
    assert "examiner@example.org" not in {claim.normal for claim in case.claims}


def test_the_sample_of_version_1_3_is_read_with_its_net_dates_and_text_sizes(sample: Path) -> None:
    found = records(source_of(sample / "vics13_odata_metadata.json"))
    assert [record.kind for record in found] == ["media", "media", "document"]
    assert found[0].first("created_at") == "2026-01-02T03:04:05Z"
    assert found[0].first("size_bytes") == "161713"
    assert found[0].first("category") == "UNKNOWN:0"


def test_the_sample_hash_set_gives_200_known_files_and_asks_for_the_scheme(sample: Path) -> None:
    events = list(vics.read(source_of(sample / "vics20_hashset_media.json")))
    assert sum(isinstance(event, Record) and event.kind == "known_file" for event in events) == 200
    assert [event.code for event in events if isinstance(event, Noted)] == ["scheme-not-declared"]


def test_category_absent_null_and_zero_are_three_things() -> None:
    absent, null, zero = records(hash_set({"MD5": MD5}, {"MD5": MD5, "Category": None}, {"MD5": MD5, "Category": 0}))
    assert absent.first("category") is None
    assert "Category" not in dict(absent.extra)
    assert null.first("category") is None
    assert dict(null.extra)["Category"] == "null"
    assert zero.first("category") == "US:0"


@pytest.mark.parametrize(
    ("region", "scheme"),
    [("US", "US"), ("UK", "UK"), ("CAID_UK", "UK"), ("VIC_Canada", "CANADA"), ("Nordic-7", "NORDIC-7")],
)
def test_the_region_selects_the_scheme_and_an_unknown_one_keeps_its_name(region: str, scheme: str) -> None:
    (record,) = records(hash_set({"MD5": MD5, "Category": 1}, region=region))
    assert record.first("category") == f"{scheme}:1"


def test_a_person_may_name_the_scheme() -> None:
    events = list(vics.read(hash_set({"MD5": MD5, "Category": 1}, region="Default", scheme="us-old")))
    assert isinstance(events[0], Record)
    assert events[0].first("category") == "US-OLD:1"


@pytest.mark.parametrize(
    ("written", "read_as"),
    [(True, "true"), ("True", "true"), ("false", "false"), (False, "false"), (None, None), ("", None)],
)
def test_booleans_are_read_as_json_and_as_text_and_missing_is_not_false(written: object, read_as: str | None) -> None:
    (record,) = records(hash_set({"MD5": MD5, "VictimIdentified": written}))
    assert record.first("victim_identified") == read_as


@pytest.mark.parametrize(
    "tags", ["#a,#b", "#a; #b", ["#a", "#b"], {"#a": True, "#b": None}, [{"Name": "#a"}, {"Name": "#b"}]]
)
def test_tags_are_read_from_text_lists_and_objects(tags: object) -> None:
    (record,) = records(hash_set({"MD5": MD5, "Tags": tags}))
    assert list(record.values("tag")) == ["#a", "#b"]


def test_alternative_hashes_are_found_under_every_spelling() -> None:
    digest = "17307b1207eb6487d7908e9d154890b46e3d2e0192369cfd3f4c33d5a5af4035"
    rows = [{"HashName": name, "HashValue": digest} for name in ("SHA-256", "sha_256", "SHA256")]
    (record,) = records(
        hash_set({"MD5": MD5, "AlternativeHashes": [*rows, {"HashName": "Photo-DNA", "HashValue": "AAEC"}]})
    )
    assert list(record.values("sha256")) == [digest]
    assert list(record.values("photodna")) == ["AAEC"]


def test_unknown_fields_come_back_as_they_stood() -> None:
    (record,) = records(
        hash_set({"MD5": MD5, "Segments": [{"Start": "00:01:02.5", "Category": 1}], "Mood": {"a": [1, 2.5]}})
    )
    assert json.loads(dict(record.extra)["Segments"]) == [{"Start": "00:01:02.5", "Category": 1}]
    assert json.loads(dict(record.extra)["Mood"]) == {"a": [1, 2.5]}


def test_one_file_listed_twice_gives_two_records_and_a_line_that_says_so() -> None:
    events = list(vics.read(hash_set({"MD5": MD5, "MediaID": 1}, {"MD5": MD5.lower(), "MediaID": 2})))
    assert sum(isinstance(event, Record) for event in events) == 2
    assert [event.sentence for event in events if isinstance(event, Noted)] == [
        "list.json: 2 entries name 1 different files (by MD5)."
    ]


def test_case_fields_behind_the_media_are_kept_and_a_wrong_total_is_told() -> None:
    case = {"Media": [{"MD5": MD5}], "CaseNumber": "C-1", "TotalMediaFiles": "7"}
    events = list(vics.read(of_bytes(json.dumps({"@odata.context": CASES, "value": [case]}).encode())))
    assert [event.kind for event in events if isinstance(event, Record)] == ["media", "document"]
    assert any(isinstance(event, Noted) and event.code == "count-differs" for event in events)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
def test_every_byte_order_mark_is_read(encoding: str) -> None:
    text = json.dumps(
        {"@odata.context": CASES, "value": [{"CaseID": "1", "Media": [{"MD5": MD5, "Comments": "é例"}]}]},
        ensure_ascii=False,
    )
    found = records(of_bytes(text.encode(encoding)))
    assert [record.first("comment") for record in found] == ["é例", None]


def test_a_truncated_file_keeps_what_was_read_and_says_where_it_broke() -> None:
    whole = json.dumps({"@odata.context": MEDIA.format(region="US"), "value": [{"MD5": MD5}] * 3})
    events = list(vics.read(of_bytes(whole[:-20].encode())))
    assert sum(isinstance(event, Record) for event in events) == 2
    (broken,) = refusals(events)
    assert broken.code == "damaged"
    assert "after 2 entries" in broken.sentence


@pytest.mark.parametrize("entry", ["text", 5, None, [], {"Nested": json.loads("[" * 60 + "]" * 60)}, {}, {"MD5": "zz"}])
def test_an_entry_that_is_no_file_costs_its_own_line(entry: Any) -> None:
    events = list(vics.read(hash_set({"MD5": MD5}, entry, {"SHA1": "5D66EEC547469A1817BDA4ABE35C801359B2BB55"})))
    assert sum(isinstance(event, Record) for event in events) == 2
    (refused,) = refusals(events)
    assert "value[1]" in refused.sentence


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"value": []}', b"<xml/>", b"\xff\xd8\xff", b'{"@odata.context": "x#People"}', b"\xff\xfe{"],
)
def test_other_content_is_left_to_others(content: bytes) -> None:
    assert vics.recognise(of_bytes(content))


@pytest.mark.parametrize(
    "fields",
    [
        {"MediaFiles": "text"},
        {"MediaFiles": [None, 3, {"FileName": None}]},
        {"Exifs": {"a": 1}},
        {
            "Exifs": [
                {"PropertyName": None, "PropertyValue": 5},
                {"PropertyName": "Latitude", "PropertyValue": "garbage"},
            ]
        },
        {"AlternativeHashes": [{"HashName": None}]},
        {"Category": "A"},
        {"Category": 1e300},
        {"MediaSize": -1},
        {"Comments": "\u0000\ud800"},
        {"RelativeFilePath": ["a"]},
    ],
)
def test_fields_of_a_wrong_type_never_stop_the_reading(fields: dict[str, Any]) -> None:
    events = list(vics.read(hash_set({"MD5": MD5, **fields}, {"MD5": MD5})))
    assert sum(isinstance(event, Record) for event in events) == 2

"""A case as CASE/UCO and VICS: the shape that other programs ask for, the same names again, and our own reader's answer."""

from __future__ import annotations

import io
import json
import re
import tracemalloc
from collections.abc import Iterator
from hashlib import md5, sha1, sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from opencets.packing.case_uco import case_uco_parts, graph
from opencets.packing.dossier import Dossier, Original, disclosure_parts
from opencets.packing.package import seal
from opencets.packing.verify import check_package
from opencets.packing.vics import vics, vics_parts
from opencets.parsing import read

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PICTURE = b"\xff\xd8\xff\xe0 harmless"
RELEASE = {
    "id": "6f9619ff-8b86-4011-b42d-00c04fc964ff", "format": "case-uco", "made_at": "2026-01-02T03:04:05.000Z",
    "recipients": "Court", "purpose": "Trial", "handling": "P", "conditions": "", "until": "", "released_by": "Iva Marsh",
    "agency": "Avon Constabulary", "scope": "case", "originals_of": ["EX-1"], "software": "0.1.0",
}  # fmt: skip
CASE = {
    "id": "6f9619ff-8b86-4011-b42d-00c04fc964aa", "reference": "AV-1", "title": "Lantern", "kind": "Possession", "summary": "",
    "state": "open", "agency": "Avon Constabulary", "numbers": [{"partner": "Laboratory", "number": "L-7"}],
    "contact": {"name": "Desk", "phone": "+442079460000", "email": "desk@avon.example.org"},
}  # fmt: skip
ORIGINAL = "originals/EX-1/0001-beach.jpg"


def claim(property: str, raw: str, kind: str = "text") -> dict[str, Any]:
    return {
        "property": property,
        "kind": kind,
        "raw": raw,
        "normal": raw,
        "role": "own",
        "note": "",
        "too_common_to_link": False,
    }


def record(number: int, kind: str, **more: Any) -> dict[str, Any]:
    told = {
        "id": f"00000000-0000-4000-8000-{number:012d}", "exhibit": "EX-1", "file": "f-2", "path": ["chat.txt"], "place": "line 1",
        "where": "EX-1 › chat.txt › line 1", "kind": kind, "reader": "whatsapp_text/1", "reading": 0, "read_at": "",
        "retired_at": "", "label": "Ada", "at": "", "conversation": "", "body": "", "extra": {}, "claims": [],
    }  # fmt: skip
    return {**told, **more}


def dossier(records: int = 0) -> Dossier:
    def rows() -> Iterator[dict[str, Any]]:
        yield record(1, "person", claims=[claim("given_name", "Ada"), claim("date_of_birth", "1990-02-03", "date")])
        yield record(2, "message", body="Hello", at="2026-01-02T03:04:05Z", conversation="Harbour")
        yield record(3, "message", body="No zone is known", at="2026-01-02T03:04:05")
        yield record(4, "account", claims=[claim("screen_name", "chat:ada", "handle")])
        yield record(5, "account", claims=[claim("phone", "+442079460001", "phone")])
        yield record(6, "device", claims=[claim("device_model", "Phone 9"), claim("imei", "490154203237518", "imei")])
        yield record(7, "person", retired_at="2026-01-03T00:00:00Z", label="Corrected since")
        for number in range(records):
            yield record(100 + number, "message", body="x" * 500)

    files = [
        {
            "id": "f-1", "exhibit": "EX-1", "path": ["beach.jpg"], "size": len(PICTURE), "md5": md5(PICTURE).hexdigest(),
            "sha1": sha1(PICTURE).hexdigest(), "sha256": sha256(PICTURE).hexdigest(), "media_type": "image/jpeg",
            "original": ORIGINAL,
        },
        {"id": "f-2", "exhibit": "EX-1", "path": ["chat.txt"], "size": 10, "md5": "", "sha1": "", "sha256": "", "media_type": ""},
    ]  # fmt: skip
    media = [
        {
            **files[0], "id": "m-1", "record": "r", "where": "EX-1 › beach.jpg", "pdq": "ab" * 32, "known_as": [], "known_set": "",
            "known_distance": None,
        },
        {**files[0], "id": "m-2", "md5": "", "where": "EX-1 › without.jpg", "pdq": "", "known_as": [], "known_set": ""},
    ]  # fmt: skip
    exhibit = {
        "id": "e-1", "reference": "EX-1", "title": "Phone", "received_by": "Iva Marsh", "received_at": "2026-01-01T00:00:00.000Z",
        "files": 2, "records": 3, "skipped": 0,
        "custody": [
            {"at": "2026-01-01T00:00:00.000Z", "officer": "Iva Marsh", "act": "begun", "sentence": "Begun."},
            {"at": "2026-01-01T00:01:00.000Z", "officer": "Iva Marsh", "act": "received", "sentence": "One file came."},
        ],
    }  # fmt: skip
    return Dossier(
        release=RELEASE, case=CASE, exhibits=lambda: iter([exhibit]), files=lambda: iter(files), records=rows,
        media=lambda: iter(media), originals=lambda: iter([Original(ORIGINAL, len(PICTURE), lambda: io.BytesIO(PICTURE))]),
    )  # fmt: skip


def nodes() -> list[dict[str, Any]]:
    graph_: list[dict[str, Any]] = json.loads(b"".join(graph(dossier())))["@graph"]
    return graph_


def test_every_node_has_a_type_and_a_name_that_ends_in_a_uuid_and_none_is_there_twice() -> None:
    names = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if "@type" in value and "@value" not in value:
                assert re.fullmatch(
                    r"kb:[a-z-]+-[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", value["@id"]
                )
                names.append(value["@id"])
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(nodes())
    assert len(names) == len(set(names)) > 20


def test_every_reference_in_the_graph_leads_to_a_node() -> None:
    text = json.dumps(nodes())
    there = set(re.findall(r'"@id": "([^"]+)", "@type"', text)) | {node["@id"] for node in nodes()}
    assert set(re.findall(r'\{"@id": "([^"]+)"\}', text)) <= there


def test_a_second_export_gives_the_same_names() -> None:
    assert b"".join(graph(dossier())) == b"".join(graph(dossier()))


def test_what_was_read_stands_in_the_graph_with_its_place_and_no_zone_is_made_up() -> None:
    by_type: dict[str, list[dict[str, Any]]] = {}
    for node in nodes():
        by_type.setdefault(node["@type"], []).append(node)
    assert by_type["case-investigation:ProvenanceRecord"][0]["case-investigation:exhibitNumber"] == "EX-1"
    actions = by_type["case-investigation:InvestigativeAction"]
    assert actions[1]["case-investigation:wasInformedBy"] == [{"@id": actions[0]["@id"]}]
    known, unknown = (node["uco-core:hasFacet"][0] for node in by_type["uco-observable:Message"])
    assert known["uco-observable:sentTime"]["@value"] == "2026-01-02T03:04:05+00:00"
    assert "uco-observable:sentTime" not in unknown
    person = next(node for node in by_type["uco-identity:Person"] if node["uco-core:name"] == "Ada")
    assert person["uco-core:description"] == ["Read from EX-1 › chat.txt › line 1 by whatsapp_text/1."]
    assert "Corrected since" not in json.dumps(nodes())
    (picture,) = by_type["uco-observable:RasterPicture"]
    hashes = picture["uco-core:hasFacet"][1]["uco-observable:hash"]
    assert [one["uco-types:hashMethod"] for one in hashes] == ["MD5", "SHA1", "SHA256"]


def test_vics_is_written_as_the_model_asks() -> None:
    text = b"".join(vics(dossier()))
    assert not text.startswith(b"\xef\xbb\xbf")
    whole = json.loads(text)
    assert next(iter(whole)) == "@odata.context"
    (case,) = whole["value"]
    assert (case["CaseNumber"], case["TotalMediaFiles"]) == ("AV-1", 1)
    (medium,) = case["Media"]
    assert medium["MD5"] == md5(PICTURE).hexdigest().upper()
    assert medium["Category"] is None
    assert medium["IsPrecategorized"] is False
    assert medium["RelativeFilePath"] == ORIGINAL.replace("/", "\\")
    assert medium["MediaFiles"][0]["FileName"] == "beach.jpg"


def test_what_vics_cannot_name_is_told() -> None:
    parts = {part.name: b"".join(part.chunks) for part in vics_parts(dossier())}
    assert json.loads(parts["left-out.json"])["left_out"][0]["count"] == 1


def test_our_own_reader_reads_the_vics_package_back(tmp_path: Path) -> None:
    package = tmp_path / "package.zip"
    package.write_bytes(b"".join(seal(vics_parts(dossier()), dossier().header(), KEY)))
    check_package(str(package))
    plain = tmp_path / "vics.json"
    plain.write_bytes(b"".join(vics(dossier())))
    reading = read(plain)
    media = [one for one in reading.records if one.kind in ("media", "known_file")]
    assert reading.format == "vics"
    assert [one.first("md5") for one in media] == [md5(PICTURE).hexdigest()]
    assert [one.first("sha256") for one in media] == [sha256(PICTURE).hexdigest()]


def test_however_many_records_there_are_a_few_are_held() -> None:
    for parts in (case_uco_parts, disclosure_parts):
        most = {}
        for count in (300, 3_000):
            tracemalloc.start()
            length = sum(len(chunk) for chunk in seal(parts(dossier(count)), dossier().header(), KEY))
            most[count] = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert length > 0
        assert most[3_000] < 1.3 * most[300] + 500_000, most

"""A case as CASE 1.5.0 on UCO 1.5.0 (JSON-LD): one node after another, in an order that does not change.

Nodes: the investigation, its exhibits as provenance records with custody as investigative actions, files with digests, people,
accounts, devices and messages as read. Names end in a UUID, so that a second export gives the same ones.
Ontology: ontology.caseontology.org, ontology.unifiedcyberontology.org; what it has no word for stands in ``tag`` and
``description``. Suggestions of a program are no facts, and are not written.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from opencets.packing.dossier import Dossier, original_parts
from opencets.packing.package import Part, Row

_BASE = uuid.UUID("6e1f4a0c-6f0b-5d55-9d5e-0d7c3b1a2e10")
_UCO = "https://ontology.unifiedcyberontology.org/uco/"
CONTEXT = {
    "kb": "https://kb.example.org/case/",
    "case-investigation": "https://ontology.caseontology.org/case/investigation/",
    **{f"uco-{name}": f"{_UCO}{name}/" for name in ("action", "core", "identity", "observable", "tool", "types")},
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_DIGESTS = (("md5", "MD5", 32), ("sha1", "SHA1", 40), ("sha256", "SHA256", 64))
_ZONED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)")
_MOST_TEXT = 1_000_000


def case_uco_parts(dossier: Dossier) -> Iterator[Part]:
    """The files of a CASE/UCO package: the graph, and the originals where they go along."""
    yield Part("case.jsonld", "CASE/UCO 1.5.0 as JSON-LD", graph(dossier))
    yield from original_parts(dossier)
    yield Part(
        "left-out.json", "what is not in this package, and why", [_text({"left_out": dossier.left_out()}).encode()]
    )


def graph(dossier: Dossier) -> Iterator[bytes]:
    """The JSON-LD text, node by node."""
    yield f'{{"@context":{_text(CONTEXT)},\n"@graph":[\n'.encode()
    first = True
    for node in nodes(dossier):
        yield (b"" if first else b",\n") + _text(node).encode()
        first = False
    yield b"\n]}\n"


def nodes(dossier: Dossier) -> Iterator[Row]:
    """The nodes of the graph, the investigation first."""
    case, release = dossier.case, dossier.release
    made = _Names(str(case["id"]))
    agency, program = made.name("organization", str(case["agency"])), made.name("tool", "OpenCETS")
    yield {"@id": agency, "@type": "uco-identity:Organization", "uco-core:name": case["agency"]}
    yield {
        "@id": program, "@type": "uco-tool:Tool", "uco-core:name": "OpenCETS", "uco-tool:version": release["software"],
        "uco-tool:toolType": "case system",
    }  # fmt: skip
    exhibits = list(dossier.exhibits())
    holders = {str(row["reference"]): made.name("provenance-record", str(row["id"])) for row in exhibits}
    yield _without_empty({
        "@id": made.name("investigation", str(case["id"])),
        "@type": "case-investigation:Investigation",
        "uco-core:name": case["reference"],
        "uco-core:description": [text for text in (case["title"], case.get("summary", "")) if text],
        "case-investigation:investigationForm": "case",
        "case-investigation:investigationStatus": case.get("state", ""),
        "uco-core:externalReference": [
            _without_empty({
                "@id": made.name("external-reference", f"{number['partner']} {number['number']}"),
                "@type": "uco-core:ExternalReference",
                "uco-core:definingContext": number["partner"],
                "uco-core:externalIdentifier": number["number"],
            })
            for number in case["numbers"]
        ],
        "uco-core:tag": [
            f"{name}: {release[name]}"
            for name in ("handling", "tlp", "conditions", "originator", "label", "recipients", "purpose")
            if release.get(name)
        ],
        "uco-core:object": [{"@id": name} for name in holders.values()] or [{"@id": agency}],
    })  # fmt: skip
    officers: dict[str, str] = {}
    for row in exhibits:
        yield from _custody(made, row, agency, officers)
    seized_as: dict[str, str] = {}
    for row in exhibits:
        seized = seized_as[str(row["reference"])] = made.name("exhibit", str(row["id"]))
        title = f"{row['reference']} {row['title']}"
        yield {"@id": seized, "@type": "uco-observable:ObservableObject", "uco-core:name": title}
        yield _without_empty({
            "@id": holders[str(row["reference"])],
            "@type": "case-investigation:ProvenanceRecord",
            "uco-core:name": row["title"],
            "case-investigation:exhibitNumber": row["reference"],
            "uco-core:object": [{"@id": seized}],
        })  # fmt: skip
    for row in dossier.files():
        node = _file(made, row)
        yield node
        yield _relationship(made, str(row["id"]), node["@id"], seized_as[str(row["exhibit"])], "Contained_Within")
    for row in dossier.records():
        if not row.get("retired_at"):
            yield from _record(made, row)


class _Names:
    """Names of nodes: what they are and a UUID (version 5) of the case and a key that stays."""

    def __init__(self, case: str) -> None:
        self._space = uuid.uuid5(_BASE, case)

    def name(self, kind: str, key: str) -> str:
        return f"kb:{kind}-{uuid.uuid5(self._space, f'{kind} {key}')}"


def _custody(made: _Names, exhibit: Row, agency: str, officers: dict[str, str]) -> Iterator[Row]:
    before = ""
    for number, entry in enumerate(exhibit["custody"]):
        who = str(entry["officer"])
        if who not in officers:
            officers[who] = made.name("person", f"officer {who}")
            yield {"@id": officers[who], "@type": "uco-identity:Person", "uco-core:name": who}
        name = made.name("investigative-action", f"{exhibit['id']} {number}")
        yield _without_empty({
            "@id": name,
            "@type": "case-investigation:InvestigativeAction",
            "uco-core:name": entry["act"],
            "uco-core:description": [entry["sentence"]],
            "uco-action:startTime": _instant(entry["at"]),
            "uco-action:performer": {"@id": officers[who]},
            "uco-action:participant": [{"@id": agency}],
            "uco-action:object": [{"@id": made.name("provenance-record", str(exhibit["id"]))}],
            "case-investigation:wasInformedBy": [{"@id": before}] if before else [],
        })  # fmt: skip
        before = name


def _file(made: _Names, row: Row) -> Row:
    key = str(row["id"])
    media_type = str(row.get("media_type", ""))
    kind = "uco-observable:RasterPicture" if media_type.startswith("image/") else "uco-observable:File"
    return {
        "@id": made.name("file", key),
        "@type": kind,
        "uco-core:hasFacet": [
            _without_empty({
                "@id": made.name("file-facet", key),
                "@type": "uco-observable:FileFacet",
                "uco-observable:fileName": row["path"][-1].replace("\\", "/").rsplit("/", 1)[-1],
                "uco-observable:filePath": " › ".join(row["path"]),
                "uco-observable:isDirectory": False,
                "uco-observable:sizeInBytes": row["size"],
            }),
            _without_empty({
                "@id": made.name("content-data-facet", key),
                "@type": "uco-observable:ContentDataFacet",
                "uco-observable:mimeType": media_type,
                "uco-observable:sizeInBytes": row["size"],
                "uco-observable:hash": [
                    {
                        "@id": made.name("hash", f"{key} {method}"),
                        "@type": "uco-types:Hash",
                        "uco-types:hashMethod": method,
                        "uco-types:hashValue": {"@type": "xsd:hexBinary", "@value": str(row[name])},
                    }
                    for name, method, length in _DIGESTS
                    if len(str(row.get(name, ""))) == length
                ],
            }),
        ],
    }  # fmt: skip


def _record(made: _Names, row: Row) -> Iterator[Row]:
    """A record as an observable or a person, with what it states, and where it was read as its description."""
    writer = _KINDS.get(str(row["kind"]))
    if writer is None:
        return
    key = str(row["id"])
    node = made.name(str(row["kind"]).replace("_", "-"), key)
    type_, facets, more = writer(made, row)
    yield from more
    yield _without_empty({
        "@id": node,
        "@type": type_,
        "uco-core:name": row["label"],
        "uco-core:description": [f"Read from {row['where']} by {row['reader']}."],
        "uco-core:tag": [
            f"{claim['property']}: {claim['raw']}" for claim in row["claims"] if claim["role"] == "own" and claim["raw"]
        ][:200],
        "uco-core:hasFacet": facets,
    })  # fmt: skip
    yield _relationship(made, key, node, made.name("file", str(row["file"])), "Extracted_From")


def _relationship(made: _Names, key: str, source: str, target: str, kind: str) -> Row:
    return {
        "@id": made.name("relationship", f"{key} {kind}"),
        "@type": "uco-core:Relationship",
        "uco-core:source": {"@id": source},
        "uco-core:target": {"@id": target},
        "uco-core:kindOfRelationship": kind,
        "uco-core:isDirectional": True,
    }


def _first(row: Row, *properties: str) -> str:
    for name in properties:
        for claim in row["claims"]:
            if claim["property"] == name and claim["role"] == "own" and claim["raw"]:
                return str(claim["normal"] or claim["raw"])
    return ""


def _facet(made: _Names, row: Row, type_: str, values: Row) -> list[Row]:
    told = _without_empty(values)
    if not told:
        return []
    kind = type_.partition(":")[2].lower()
    return [{"@id": made.name(kind, str(row["id"])), "@type": type_, **told}]


Written = tuple[str, list[Row], list[Row]]


def _person(made: _Names, row: Row) -> Written:
    born = _first(row, "date_of_birth")
    facets = _facet(made, row, "uco-identity:SimpleNameFacet", {
        "uco-identity:givenName": _first(row, "given_name"), "uco-identity:familyName": _first(row, "family_name"),
    })  # fmt: skip
    if re.fullmatch(r"\d{4}-\d\d-\d\d", born):
        facets += _facet(
            made, row, "uco-identity:BirthInformationFacet", {"uco-identity:birthdate": _instant(f"{born}T00:00:00Z")}
        )
    return "uco-identity:Person", facets, []


def _account(made: _Names, row: Row) -> Written:
    number, shown = _first(row, "account_id", "screen_name", "email"), _first(row, "screen_name", "full_name")
    phone = _first(row, "phone")
    if phone and not number:
        facets = _facet(made, row, "uco-observable:PhoneAccountFacet", {"uco-observable:phoneNumber": phone})
        return "uco-observable:PhoneAccount", facets, []
    facets = _facet(made, row, "uco-observable:AccountFacet", {"uco-observable:accountIdentifier": number})
    facets += _facet(made, row, "uco-observable:DigitalAccountFacet", {"uco-observable:displayName": shown})
    return "uco-observable:DigitalAccount", facets, []


def _message(made: _Names, row: Row) -> Written:
    facets = _facet(made, row, "uco-observable:MessageFacet", {
        "uco-observable:messageText": str(row["body"])[:_MOST_TEXT],
        "uco-observable:sentTime": _instant(row["at"]),
        "uco-observable:sessionID": row["conversation"],
    })  # fmt: skip
    return "uco-observable:Message", facets, []


def _device(made: _Names, row: Row) -> Written:
    facets = _facet(made, row, "uco-observable:DeviceFacet", {
        "uco-observable:model": _first(row, "device_model"), "uco-observable:serialNumber": _first(row, "device_serial"),
    })  # fmt: skip
    facets += _facet(made, row, "uco-observable:MobileDeviceFacet", {"uco-observable:IMEI": _first(row, "imei")})
    return "uco-observable:Device", facets, []


_KINDS: dict[str, Callable[[_Names, Row], Written]] = {
    "person": _person, "account": _account, "message": _message, "device": _device,
}  # fmt: skip


def _instant(at: object) -> Row | None:
    """An xsd:dateTime, which has to name its zone; where none is known, none is made up and nothing is written."""
    text = str(at or "")
    if not _ZONED.fullmatch(text):
        return None
    try:
        whole = datetime.fromisoformat(text)
    except ValueError:
        return None
    return {"@type": "xsd:dateTime", "@value": whole.isoformat()}


def _without_empty(node: Row) -> Row:
    return {name: value for name, value in node.items() if value not in ("", None, [])}


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

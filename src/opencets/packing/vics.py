"""The media of a case as VICS 2.0 JSON (Project VIC data model 2.0, OData): one file of media after another.

UTF-8 without a mark, no indentation, MD5 in capitals, Category always there (null where nobody graded it), paths with backslashes:
as the model and the programs that read it ask for. One medium for each MD5 and place; media without an MD5 cannot be named in VICS.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator

from opencets.packing.dossier import Dossier, original_parts
from opencets.packing.package import Part, Row

REGION = "UNKNOWN"
"""Selects the scheme of categories; this export grades nothing, so it names none."""
_CONTEXT = f"http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/{REGION}/$metadata#Cases"


def vics_parts(dossier: Dossier) -> Iterator[Part]:
    """The files of a VICS package: the JSON, and the originals where they go along."""
    unnamed: list[str] = []
    yield Part("vics.json", "VICS 2.0 case", vics(dossier, unnamed.append))
    yield from original_parts(dossier)
    left_out = dossier.left_out()
    if unnamed:
        why = "They have no MD5, by which VICS names media."
        left_out.append({"what": "Pictures and videos", "count": len(unnamed), "why": why})
    # VICS has no field for how its case may be passed on: it stands here, and in the manifest.
    told = {"left_out": left_out, "label": dossier.release.get("label", "")}
    text = json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False)
    yield Part("left-out.json", "what is not in this package, and why", [text.encode() + b"\n"])


def vics(dossier: Dossier, unnamed: Callable[[str], object] = lambda place: None) -> Iterator[bytes]:
    """The JSON text: the case, its media one after another, how many there are; ``unnamed`` is told of each without an MD5."""
    case = dossier.case
    head = {
        "CaseID": str(uuid.UUID(str(case["id"]))),
        "CaseNumber": case["reference"],
        "ContactOrganization": case["agency"],
        "ContactName": case["contact"]["name"],
        "ContactPhone": case["contact"]["phone"],
        "ContactEmail": case["contact"]["email"],
        "SourceApplicationName": "OpenCETS",
        "SourceApplicationVersion": dossier.release["software"],
    }
    yield f'{{"@odata.context":{_json(_CONTEXT)},"value":[{_json(head)[:-1]},"Media":['.encode()
    written = 0
    for row in dossier.media():
        if len(str(row["md5"])) == 32:
            yield (b"," if written else b"") + _json(_medium(row, written + 1)).encode()
            written += 1
        else:
            unnamed(str(row["where"]))
    yield f'],"TotalMediaFiles":{written},"TotalPrecategorized":0}}]}}'.encode()


def _medium(row: Row, number: int) -> Row:
    md5 = str(row["md5"]).upper()
    medium: Row = {
        "MediaID": number,
        "Category": None,
        "MD5": md5,
        "SHA1": str(row["sha1"]).upper(),
        "MediaSize": row["size"],
        "MimeType": row["media_type"],
        "IsPrecategorized": False,
        "AlternativeHashes": [
            {"MD5": md5, "HashName": name, "HashValue": value}
            for name, value in (("SHA256", row["sha256"]), ("PDQ", row["pdq"]))
            if value
        ],
        "MediaFiles": [
            {
                "MD5": md5,
                "MediaFileID": number,
                "FileName": row["path"][-1].replace("\\", "/").rsplit("/", 1)[-1],
                "FilePath": "\\".join(step.replace("/", "\\") for step in row["path"]),
                "SourceID": row["exhibit"],
            }
        ],
        "Exifs": [],
    }
    if row["original"]:
        medium["RelativeFilePath"] = str(row["original"]).replace("/", "\\")
    if row["known_as"]:
        medium["Comments"] = f"Known in {row['known_set']} as {', '.join(row['known_as'])}."
    return medium


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

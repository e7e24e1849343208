"""VICS JSON (Project VIC data model 1.1 to 2.0): case files and hash sets, streamed.

The model is the OData schema of version 2.0; the quirks are those seen in exports of other programs (formats
reference 1.1):
booleans as text, sizes as text, a category that is absent, null or 0, tags as text or list, .NET dates, one file
listed twice.
"""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, BinaryIO, cast

import ijson
import yaml

from opencets.parsing.claims import assert_claim, clean
from opencets.parsing.source import Event, Noted, Skipped, Source
from opencets.records import Claim, Locator, Record

FORMAT = "vics"
VERSION = "1"
LABEL = "VICS (Project VIC) case or hash set"

_READER = f"{FORMAT}/{VERSION}"
_CONTEXT = re.compile(r"\"(?:@odata\.context|odata\.metadata)\"\s*:\s*\"([^\"]{1,1000})\"")
_MOST_PLACES = 1000
"""Claims on places of one file; all places stay in ``extra``."""
_MOST_EXTRA_CHARS = 1_000_000
_MOST_DEPTH = 40
_MOST_DIGESTS_COUNTED = 5_000_000

# Fields of Media that become claims of one property; the others stay in `extra` under their own name.
_PLAIN = {
    "MD5": "md5",
    "SHA1": "sha1",
    "MediaSize": "size_bytes",
    "MimeType": "media_type",
    "PhotoDNA": "photodna",
    "Comments": "comment",
}
_YES_NO = {
    "VictimIdentified": "victim_identified",
    "OffenderIdentified": "offender_identified",
    "IsDistributed": "distributed",
}
_LISTS = {"Tags": "tag", "Series": "series"}
# AlternativeHash.HashName without -, _, spaces and case.
_HASHES = {"md5": "md5", "sha1": "sha1", "sha256": "sha256", "pdq": "pdq", "photodna": "photodna", "pdna": "photodna"}
# Exif.PropertyName without spaces, / and case; the vocabulary differs by program.
_TAKEN = {"capturetime", "datetimeoriginal", "originaldatetime", "datetaken", "createdate", "datetimedigitized"}
_SERIAL = {"serialnumber", "bodyserialnumber", "cameraserialnumber", "exifserialnumber", "internalserialnumber"}


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the first lines declare: version ("2.0"), region as written, category scheme, and what the values are."""

    version: str
    region: str
    scheme: str
    holds: str


def envelope_of(head: bytes) -> Envelope | None:
    """The envelope declared in the first bytes of a file, or None where there is none."""
    text = _text_of(head)
    found = _CONTEXT.search(text)
    if not found:
        return None
    context = found[1].replace("\\/", "/")
    address, _, fragment = context.partition("#")
    version = re.search(r"/(\d\.\d)(?:\.xml)?(?:/|$|\b)", address)
    holds = re.match(r"(Cases|Media)", fragment)
    if not holds:
        return None
    region = re.search(r"\.xml/([^/]{1,60})/", address)
    name = region[1] if region else ""
    return Envelope(version[1] if version else "", name, scheme_of(name), holds[1])


def scheme_of(region: str) -> str:
    """The category scheme that a region of the envelope selects (see ``vocabulary/schemes.yaml``).

    UNKNOWN without one.
    """
    return _regions().get(region.strip().upper(), re.sub(r"[^A-Z0-9_-]+", "-", region.strip().upper()) or "UNKNOWN")


@cache
def _regions() -> dict[str, str]:
    text = resources.files("opencets.records.vocabulary").joinpath("schemes.yaml").read_text("utf-8")
    table: dict[str, str] = yaml.safe_load(text)["regions"]
    return table


def recognise(source: Source) -> str | None:
    """None where the first 4 KiB declare a VICS model, else why not."""
    head = source.head(4096)
    if not _text_of(head[:200]).lstrip().startswith("{"):
        return "not a JSON object"
    return None if envelope_of(head) else "no VICS context (@odata.context or odata.metadata with #Cases or #Media)"


def read(source: Source) -> Iterator[Event]:
    """A ``#Cases`` file: ``media`` records, ``account`` records of its Identifiers, one ``document`` record per case.

    A ``#Media`` file: ``known_file`` records. ``options["scheme"]`` names the category scheme where the file names none
    or a wrong one. A break in the file keeps what was read before it.
    """
    envelope = envelope_of(source.head(4096))
    if envelope is None:
        yield Skipped(source.locator, "not-this-format", f"{source.locator}: no VICS context in the first 4 KiB.")
        return
    wanted = str(source.options.get("scheme") or "").strip().upper()
    scheme = wanted or envelope.scheme
    if not wanted and not _is_declared(scheme):
        yield Noted(
            source.locator,
            "scheme-not-declared",
            f"{source.locator}: the file declares "
            f"{'region ' + envelope.region if envelope.region else 'no region'}, so its category"
            f" numbers are kept as {scheme} and mean nothing here until a person names the scheme.",
        )
    told = _Tally()
    try:
        with source.open() as stream:
            content = _json_bytes(stream)
            items = _case_items(content) if envelope.holds == "Cases" else _set_items(content)
            for name, place, fields in items:
                locator = source.locator.at(place)
                if not isinstance(fields, dict) or _depth(fields) > _MOST_DEPTH:
                    yield Skipped(
                        locator, "row-refused", f"{locator}: not an object of fields, or nested too deep; skipped."
                    )
                    continue
                if name == "Media":
                    yield from _media(fields, locator, scheme, envelope, source, told)
                elif name == "Identifiers":
                    yield from _identifier(fields, locator)
                else:
                    yield _case(fields, locator, envelope, scheme)
                    yield from told.of_case(fields, locator)
    except (ijson.JSONError, UnicodeDecodeError, ValueError) as error:
        cause = " ".join(str(error).split())[:160] or type(error).__name__
        yield Skipped(
            source.locator,
            "damaged",
            f"{source.locator}: the JSON breaks off or is wrong after {told.entries:,} "
            f"entries ({cause}); those are kept. Ask for the file again.",
        )
    yield from told.of_file(source.locator)


class _Tally:
    """Counts entries and distinct files, so that the report can say where they differ."""

    def __init__(self) -> None:
        self.entries = 0
        self.in_case = 0
        self.precategorised_without_category = 0
        self._digests: set[int] = set()

    def saw(self, fields: dict[str, Any]) -> None:
        self.entries += 1
        self.in_case += 1
        if _yes(fields.get("IsPrecategorized")) and fields.get("Category") is None:
            self.precategorised_without_category += 1
        digest = fields.get("MD5")
        if (
            isinstance(digest, str)
            and len(self._digests) < _MOST_DIGESTS_COUNTED
            and re.fullmatch(r"[0-9a-fA-F]{32}", digest)
        ):
            self._digests.add(int(digest[:16], 16))

    def of_case(self, fields: dict[str, Any], locator: Locator) -> Iterator[Event]:
        declared = str(fields.get("TotalMediaFiles") or "").strip()
        if declared.isdecimal() and int(declared) != self.in_case:
            yield Noted(
                locator,
                "count-differs",
                f"{locator}: the case declares {int(declared):,} media, {self.in_case:,} entries were read.",
            )
        self.in_case = 0

    def of_file(self, locator: Locator) -> Iterator[Event]:
        if self.entries > len(self._digests) and len(self._digests) < _MOST_DIGESTS_COUNTED:
            yield Noted(
                locator,
                "listed-twice",
                f"{locator}: {self.entries:,} entries name {len(self._digests):,} different files (by MD5).",
            )
        if self.precategorised_without_category:
            yield Noted(
                locator,
                "precategorised-without-category",
                f"{locator}: {self.precategorised_without_category:,} entries are marked "
                "precategorised and carry no category; they count as ungraded.",
            )


def _text_of(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return head[: len(head) // 2 * 2].decode("utf-16", "replace")
    return head.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")


def _json_bytes(stream: BinaryIO) -> BinaryIO:
    """The stream behind its byte order mark, as UTF-8 (ijson stops at a BOM and knows no UTF-16)."""
    mark = stream.read(3)
    if mark == codecs.BOM_UTF8:
        return stream
    stream.seek(0)
    if mark[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return cast(BinaryIO, _AsUtf8(stream))
    return stream


class _AsUtf8:
    """A UTF-16 stream as UTF-8 bytes; one read may give a little more than was asked for."""

    def __init__(self, stream: BinaryIO) -> None:
        self._text = io.TextIOWrapper(stream, encoding="utf-16", newline="")

    def read(self, count: int = -1) -> bytes:
        return self._text.read(count).encode("utf-8") if count else b""


def _set_items(stream: BinaryIO) -> Iterator[tuple[str, str, Any]]:
    for number, fields in enumerate(ijson.items(stream, "value.item", use_float=True)):
        yield "Media", f"value[{number}]", fields


def _case_items(stream: BinaryIO) -> Iterator[tuple[str, str, Any]]:
    """Media and Identifiers one by one as they pass, then the case's own fields when it ends, in any order.

    Edia and Identifiers one by one as they pass, then the case's own fields when it ends, in whatever order they
    stand.
    """
    parts = {"value.item.Media.item": "Media", "value.item.Identifiers.item": "Identifiers"}
    number = -1
    counts: dict[str, int] = {}
    case = part = None
    inside = ""
    for prefix, event, value in ijson.parse(stream, use_float=True):
        if part is not None:
            part.event(event, value)
            if prefix == inside and event == "end_map":
                name = parts[inside]
                yield name, f"value[{number}].{name}[{counts[name]}]", part.value
                part = None
        elif prefix == "value.item" and event == "start_map":
            number += 1
            counts = {"Media": -1, "Identifiers": -1}
            case = ijson.ObjectBuilder()
            case.event(event, value)
        elif prefix in parts:
            counts[parts[prefix]] += 1
            if event == "start_map":
                part, inside = ijson.ObjectBuilder(), prefix
                part.event(event, value)
            else:
                yield parts[prefix], f"value[{number}].{parts[prefix]}[{counts[parts[prefix]]}]", value
        elif case is not None:
            case.event(event, value)
            if prefix == "value.item" and event == "end_map":
                yield "Case", f"value[{number}]", case.value
                case = None


def _depth(value: object) -> int:
    """How deep the value nests, without recursion; stops counting past the limit."""
    level: list[object] = [value]
    depth = 0
    while level and depth <= _MOST_DEPTH:
        level = [
            child
            for one in level
            if isinstance(one, dict | list)
            for child in (one.values() if isinstance(one, dict) else one)
            if isinstance(child, dict | list)
        ]
        depth += 1
    return depth


def _written(value: object) -> str:
    """A field as text: text as it is, everything else as JSON."""
    return (
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    )


def _extra(name: str, value: object) -> tuple[str, str]:
    text = clean(_written(value))
    if len(text) > _MOST_EXTRA_CHARS:
        text = text[:_MOST_EXTRA_CHARS] + f"… cut, {len(text):,} characters in all"
    return clean(name)[:200], text


def _yes(value: object) -> bool | None:
    """True, False, or None where it is not said.

    JSON booleans, and ``"true"``, ``"True"`` as some programs write them.
    """
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, str | int) else ""
    return {"true": True, "false": False, "1": True, "0": False}.get(word)


def _listed(value: object) -> Iterator[str]:
    """The entries of Tags or Series: text parted by , or ; (the model), or a list, or an object of names (seen)."""
    if isinstance(value, str):
        yield from (part.strip() for part in re.split(r"[,;]", value) if part.strip())
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield str(name) if isinstance(inner, bool | None) else f"{name}={_written(inner)}"
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, str) and inner.strip():
                yield inner.strip()
            elif isinstance(inner, dict):
                yield str(inner.get("Name") or inner.get("name") or _written(inner))


def _rows(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        yield from (row for row in value if isinstance(row, dict))


def _media(
    fields: dict[str, Any], locator: Locator, scheme: str, envelope: Envelope, source: Source, told: _Tally
) -> Iterator[Event]:
    told.saw(fields)
    claims: list[Claim] = []
    extra: list[tuple[str, str]] = []
    for name, value in fields.items():
        if value is None or value in ("", [], {}):
            if name == "Category" and value is None:
                extra.append(("Category", "null"))  # ungraded on purpose is not the same as absent
            elif value is None:
                extra.append((name, "null"))
            continue
        if name in _PLAIN and not isinstance(value, dict | list):
            claims.append(assert_claim(_PLAIN[name], str(value)))
        elif name == "Category":
            code = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
            claims.append(assert_claim("category", code, scheme=scheme))
        elif name in _YES_NO:
            said = _yes(value)
            if said is None:
                extra.append(_extra(name, value))
            else:
                claims.append(Claim(_YES_NO[name], str(value), "code", "true" if said else "false"))
        elif name in _LISTS:
            claims.extend(assert_claim(_LISTS[name], one) for one in _listed(value))
            extra.append(_extra(name, value))
        elif name == "RelativeFilePath" and isinstance(value, str):
            claims.append(assert_claim("file_path", value, note="beside the list"))
        elif name == "Name" and isinstance(value, str):  # 1.1
            claims.append(assert_claim("file_name", value))
        else:
            extra.append(_extra(name, value))
    claims.extend(_places(fields))
    claims.extend(_alternative(fields))
    claims.extend(_exif(fields, source))
    claims.extend(_metadata(fields))
    if not any(
        claim.normal
        for claim in claims
        if claim.property in ("md5", "sha1", "sha256", "pdq", "photodna", "file_path", "file_name")
    ):
        yield Skipped(
            locator,
            "row-refused",
            f"{locator}: names no file (MD5 {str(fields.get('MD5'))[:40]!r} is none); entry skipped.",
        )
        return
    extra.append(("VICS version", envelope.version))
    extra.append(("VICS region", envelope.region))
    kind = "known_file" if envelope.holds == "Media" else "media"
    yield Record(kind, locator, tuple(_once(claims)), _READER, tuple(extra))


def _once(claims: list[Claim]) -> Iterator[Claim]:
    seen: set[tuple[str, str | None, str]] = set()
    for claim in claims:
        key = (claim.property, claim.normal, claim.raw if claim.normal is None else "")
        if key not in seen:
            seen.add(key)
            yield claim


def _places(fields: dict[str, Any]) -> Iterator[Claim]:
    """Name and path of each place where the file was found, with its times."""
    for number, row in enumerate(_rows(fields.get("MediaFiles"))):
        if number == _MOST_PLACES:
            return
        name, path = str(row.get("FileName") or ""), str(row.get("FilePath") or "")
        if name:
            yield assert_claim("file_name", name)
        whole = (
            path
            if not name or path.replace("/", "\\").rsplit("\\", 1)[-1] == name
            else f"{path.rstrip(chr(92) + '/')}\\{name}"
        )
        states = [word for word, key in (("deleted", "Deleted"), ("unallocated", "Unallocated")) if _yes(row.get(key))]
        if path:
            yield assert_claim("file_path", whole, note=", ".join(states))
        for key, name_of in (("Created", "created_at"), ("Written", "modified_at")):
            if row.get(key):
                yield assert_claim(name_of, str(row[key]), note=f"of {name}" if name else "")


def _alternative(fields: dict[str, Any]) -> Iterator[Claim]:
    for row in _rows(fields.get("AlternativeHashes")):
        name = re.sub(r"[-_\s]", "", str(row.get("HashName") or "")).lower()
        value = row.get("HashValue")
        if name in _HASHES and isinstance(value, str) and value.strip():
            yield assert_claim(_HASHES[name], value)


def _exif(fields: dict[str, Any], source: Source) -> Iterator[Claim]:
    tags: dict[str, str] = {}
    for row in _rows(fields.get("Exifs")):
        value = row.get("PropertyValue")
        if value not in (None, ""):
            tags.setdefault(re.sub(r"[^a-z]", "", str(row.get("PropertyName") or "").lower()), str(value))
    maker, model = tags.get("make", ""), tags.get("model", "")
    if maker or model:
        yield assert_claim(
            "camera_model", model if maker and model.lower().startswith(maker.lower()) else f"{maker} {model}".strip()
        )
    for name, value in tags.items():
        if name in _SERIAL:
            yield assert_claim("camera_serial", value, maker=maker, model=model)
        elif name in _TAKEN:
            yield assert_claim("taken_at", value, order=str(source.options.get("order") or ""))
        elif name == "software":
            yield assert_claim("software", value)
    if "latlon" in tags:
        yield assert_claim("location", tags["latlon"])
    elif "latitude" in tags and "longitude" in tags:
        north = f"{tags['latitude']} {tags.get('latitudereference', tags.get('latituderef', ''))[:1]}".strip()
        east = f"{tags['longitude']} {tags.get('longitudereference', tags.get('longituderef', ''))[:1]}".strip()
        yield assert_claim("location", f"{north}, {east}")


def _metadata(fields: dict[str, Any]) -> Iterator[Claim]:
    for row in _rows(fields.get("MediaMetadata")):
        name = str(row.get("PropertyName") or "").strip().lower()
        value = row.get("PropertyValue")
        if name in ("width", "height", "duration") and value not in (None, ""):
            yield assert_claim(name, str(value))


def _identifier(fields: dict[str, Any], locator: Locator) -> Iterator[Event]:
    """An account of the case (2.0): Name with IdentifierType and Application."""
    name, type_of, application = (
        str(fields.get(key) or "").strip() for key in ("Name", "IdentifierType", "Application")
    )
    if not name:
        yield Skipped(locator, "row-refused", f"{locator}: an identifier without a name; skipped.")
        return
    word = type_of.lower()
    meaning = (
        "email" if "mail" in word or re.fullmatch(r"[^@\s]+@[^@\s]+\.[a-zA-Z]{2,}", name)
        else "phone" if "phone" in word or "msisdn" in word
        else "ip" if word in ("ip", "ip address", "ipaddress")
        else "url" if word in ("url", "web address") or name.lower().startswith(("http://", "https://"))
        else "account_id" if "id" in word.replace("identifier", "").split()
        else "screen_name"
    )  # fmt: skip
    claims = [assert_claim(meaning, name, service=application)]
    claims.extend(assert_claim("tag", one) for one in _listed(fields.get("Tags")))
    if fields.get("Comments"):
        claims.append(assert_claim("comment", str(fields["Comments"])))
    kept = tuple(
        _extra(key, value) for key, value in fields.items() if key not in ("Name", "Comments") and value is not None
    )
    yield Record("account", locator, tuple(claims), _READER, kept)


def _case(fields: dict[str, Any], locator: Locator, envelope: Envelope, scheme: str) -> Record:
    """The case's own fields, in ``extra``.

    Its contact is an officer, not a subject, so nothing of it is a claim that links.
    """
    claims = [assert_claim("file_name", str(fields.get("CaseNumber") or fields.get("CaseID") or "VICS case"))]
    extra = [_extra(name, value) for name, value in fields.items() if name not in ("Media", "Identifiers")]
    extra += [("VICS version", envelope.version), ("VICS region", envelope.region), ("Category scheme", scheme)]
    return Record("document", locator, tuple(claims), _READER, tuple(extra))


def _is_declared(scheme: str) -> bool:
    return scheme not in ("DEFAULT", "UNKNOWN", "CUSTOM") and scheme in _regions().values()

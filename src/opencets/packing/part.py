"""A part of a case as a package: single records, files and exhibits, each with where it stands and its digests.

``records.jsonl`` is read again on the receiving side (``opencets.parsing.readers.released``); originals are read as any file.
``take_in`` is the receiving side's look at a package: whose key signed it, for whom it is, and what may be unpacked of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from html import escape
from typing import Any, BinaryIO
from uuid import UUID

from opencets.errors import ActRefused, DamagedSource
from opencets.packing import verify
from opencets.packing.dossier import Original
from opencets.packing.package import Part, Row, json_lines

FORMAT = "part"
RECORDS = "records.jsonl"
MARKS = "marks.jsonl"
MOST_MARKS_BYTES = 4 << 20
MOST_FEATURES_BYTES = 1 << 20
"""Of one mark; 700 features take 370 kB."""
RECORDS_HEAD = "opencets-released-records-1"
"""Named in the first line of ``records.jsonl``: by it the reader knows the file."""
MOST_MANIFEST = 32 << 20
MOST_UNPACKED = 1 << 42
"""4 TiB: more than any release; what claims more is refused before a byte of it is unpacked."""
RATIO = 200
SPARE = 64 << 20
"""What unpacks to more than 200 times its size, beyond the first 64 MiB, is made to fill a disk."""
READ_SIZE = 1 << 20

Rows = Callable[[], Iterator[Row]]


@dataclass(frozen=True, slots=True)
class MarkAlone:
    """A mark without the picture it was marked on: name, kind, description, outline; its region as a JPEG; its features."""

    row: Row
    picture: Callable[[], bytes]
    features: bytes

    @property
    def names(self) -> tuple[str, str]:
        """Where its picture and its features stand in the package."""
        return mark_names(UUID(self.row["id"]), self.row["name"])

    def told(self) -> Row:
        """Its line in ``marks.jsonl``."""
        picture, features = self.names
        return {**self.row, "picture": picture, "features": features}


def mark_names(mark_id: UUID, name: str) -> tuple[str, str]:
    """Where the picture and the features of a mark stand in a package: a plain name, one of a kind."""
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)
    stem = f"marks/{plain[:60]}-{mark_id.hex}"
    return f"{stem}.jpg", f"{stem}.features"


def no_marks() -> Iterator[MarkAlone]:
    return iter(())


@dataclass(frozen=True, slots=True)
class Handover:
    """What leaves: terms, the digests of what it comes from, and the streams, each read once and in order.

    ``release``: id, made_at, recipients, to (agency, officers), purpose, legal_basis, handling, conditions, until,
    originator_control, released_by, agency, answers (the request), scope, software. ``case``: reference, agency, contact.
    """

    release: Row
    case: Row
    exhibits: Rows
    files: Rows
    records: Rows
    originals: Callable[[], Iterator[Original]]
    left_out: Callable[[], list[Row]]
    marks: Callable[[], Iterator[MarkAlone]] = no_marks

    def header(self) -> Row:
        """What the manifest says beside the files."""
        told = (
            "recipients", "to", "purpose", "legal_basis", "handling", "conditions", "until", "originator_control",
            "released_by", "answers", "scope", "tlp", "label",
        )  # fmt: skip
        return {
            "package": {"id": self.release["id"], "format": FORMAT, "made_at": self.release["made_at"]},
            "case": {"reference": self.case["reference"], "agency": self.case["agency"], "numbers": []},
            "release": {name: self.release[name] for name in told if name in self.release},
            "software": {"name": "OpenCETS", "version": self.release["software"]},
        }


def part_parts(handover: Handover) -> Iterator[Part]:
    """The files of a part, one after another; the page to read comes last."""
    shown: list[Row] = []
    exhibits = list(handover.exhibits())
    terms = {"release": handover.release, "case": handover.case}
    yield Part("release.json", "the terms of this release", [_json(terms)])
    yield Part("exhibits.jsonl", "the exhibits it comes from", json_lines(iter(exhibits)))
    yield Part("files.jsonl", "the files it comes from, with digests", json_lines(handover.files()))
    yield Part(RECORDS, "the records released, claim by claim, each with its locator", _records(handover, shown))
    marks = list(handover.marks())
    if marks:
        yield Part(MARKS, "the marks released, each with its region alone", json_lines(mark.told() for mark in marks))
    for mark in marks:
        picture, features = mark.names
        yield Part(picture, "the region alone", [mark.picture()], packed=False)
        yield Part(features, "the local features it is sought by", [mark.features])
    for original in handover.originals():
        yield Part(original.name, "original, as received", _bytes_of(original), packed=False)
    left_out = handover.left_out()
    yield Part("left-out.json", "what is not in this package, and why", [_json({"left_out": left_out})])
    yield Part("index.html", "summary to read and print", _page(handover, exhibits, shown, marks, left_out))


def _records(handover: Handover, shown: list[Row]) -> Iterator[bytes]:
    yield json.dumps({"opencets": RECORDS_HEAD}).encode() + b"\n"

    def kept() -> Iterator[Row]:
        for row in handover.records():
            if len(shown) < 300:
                shown.append(row)
            yield row

    yield from json_lines(kept())


def _bytes_of(original: Original) -> Iterator[bytes]:
    with original.open() as stream:
        while part := stream.read(READ_SIZE):
            yield part


def _json(value: Row) -> bytes:
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n"


_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1a1f26;max-width:60rem;margin:0 auto;padding:1.5rem}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem;border-bottom:1px solid #b9c2cc}dt{font-weight:600}dd{margin:0 0 .5rem}
.marking{border:2px solid #8a1f11;padding:.5rem 1rem;margin:1rem 0}li,dd,p{overflow-wrap:anywhere}
"""


def _page(
    handover: Handover, exhibits: list[Row], shown: list[Row], marks: list[MarkAlone], left_out: list[Row]
) -> Iterator[bytes]:
    release, case = handover.release, handover.case
    title = f"Part of {case['reference']}, released by {case['agency']}"
    control = "Not to be passed on without asking the originator." if release["originator_control"] else ""
    terms = (
        ("Handling code", release["handling"]), ("TLP", release.get("tlp", "")),
        ("Conditions", release["conditions"]), ("Originator control", control),
        ("For", release["recipients"]), ("Named officers", ", ".join(release["to"]["officers"])),
        ("Purpose", release["purpose"]), ("Legal basis", release["legal_basis"]), ("To be used until", release["until"]),
        ("Released by", f"{release['released_by']}, {case['agency']}, {release['made_at']}"),
    )  # fmt: skip
    yield (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{_e(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f'<style>{_STYLE}</style></head><body>\n<h1>{_e(title)}</h1>\n<section class="marking" aria-label="Terms"><dl>'
    ).encode()
    yield "".join(f"<dt>{_e(name)}</dt><dd>{_e(value)}</dd>" for name, value in terms if value).encode()
    yield b"</dl></section>\n<h2>What it comes from</h2><ul>"
    for row in exhibits:
        yield f"<li><b>{_e(row['reference'])}</b> {_e(row['title'])}</li>".encode()
    yield b"</ul>\n<h2>Records</h2><ul>"
    for row in shown:
        claims = "; ".join(
            f"{claim['property']}: {'left out' if claim.get('masked') else claim['raw']}" for claim in row["claims"]
        )
        yield f"<li><b>{_e(row['label'])}</b> ({_e(row['kind'])}), {_e(row['where'])}. {_e(claims)}</li>\n".encode()
    if marks:
        yield b"</ul>\n<h2>Marks</h2><ul>"
    for mark in marks:
        name, kind, description = (_e(mark.row[key]) for key in ("name", "kind", "description"))
        yield f"<li><b>{name}</b> ({kind}). {description}</li>\n".encode()
    yield b"</ul><p>All of them stand in records.jsonl; originals, where there are some, in originals/.</p>\n"
    yield b"<h2>What is not in this package</h2><ul>"
    yield "".join(
        f"<li><b>{_e(row['what'])}</b> ({_e(row['count'])}). {_e(row['why'])}</li>" for row in left_out
    ).encode()
    yield (
        b"</ul>\n<h2>How to verify it</h2><p>With Python 3.8 or newer, offline: <code>python3 verify.py PACKAGE.zip</code>. "
        b"Ask the sender by another way for the id of their key and compare it.</p></body></html>\n"
    )


def _e(value: object) -> str:
    return escape(str("" if value is None else value), quote=True)


# --- The receiving side ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Taken:
    """A package that was checked in every byte: its manifest, the id of its key, and the files that are unpacked of it."""

    manifest: Row
    key_id: str
    inside: tuple[tuple[str, int], ...]


def take_in(stream: BinaryIO, size: int, *, agency: str, trusted: Collection[str], package_id: str = "") -> Taken:
    """Check a package that came in, before anything of it is unpacked, and then every byte of it.

    ``agency``: who receives it; ``trusted``: ids of the keys that may have signed it; ``package_id``: of the release it is.
    DamagedSource: it is not as it was signed, or is made to fill a disk. ActRefused: another key, another recipient, no part.
    """
    try:
        place = verify.Archive(stream)
    except verify.Wrong as wrong:
        raise DamagedSource(f"The package is not as it was signed. {wrong}") from None
    try:
        text = b"".join(place.chunks(verify.MANIFEST, MOST_MANIFEST))
        if len(text) > MOST_MANIFEST:
            raise DamagedSource("The package is refused: its manifest is longer than any release needs.")
        manifest: Row = verify.read_manifest(place)
        key = str(manifest["signed_by"]["key_id"])
        if key not in trusted:
            raise ActRefused(
                f"The package is refused: it was signed with the key {key}, which your agency does not know. Ask the sender by "
                "another way for the id of their key, and enter it before you receive the package."
            )
        _refuse_bomb(manifest, size)
        _refuse_other(manifest, agency, package_id)
        verify.check_files(place, manifest)
        verify.check_originals(place, manifest)
    except verify.Wrong as wrong:
        raise DamagedSource(f"The package is not as it was signed. {wrong}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedSource(
            f"The package is refused: its parts do not fit together ({type(error).__name__})."
        ) from None
    finally:
        place.close()
    inside = tuple(
        (str(entry["path"]), int(entry["size"])) for entry in manifest["files"] if _unpacked(str(entry["path"]))
    )
    return Taken(manifest, key, inside)


def _unpacked(name: str) -> bool:
    """Whether a file of a part becomes a file of the recipient's exhibit: records, regions, originals; no program, no page."""
    return name == RECORDS or name.startswith("originals/") or (name.startswith("marks/") and name.endswith(".jpg"))


def _refuse_bomb(manifest: Row, size: int) -> None:
    sizes = [entry["size"] for entry in manifest["files"]]
    if any(not isinstance(one, int) or one < 0 for one in sizes) or sum(sizes) > MOST_UNPACKED:
        raise DamagedSource("The package is refused: it claims sizes that no release has.")
    if sum(sizes) > SPARE + RATIO * size:
        raise DamagedSource(
            f"The package is refused: {size:,} bytes would unpack to {sum(sizes):,}, which is made to fill a disk."
        )


def _refuse_other(manifest: Row, agency: str, package_id: str) -> None:
    if manifest["package"]["format"] != FORMAT:
        raise ActRefused(
            "The package is refused: it is no released part but a bundle to be read on its own. Add it to a case as evidence."
        )
    UUID(str(manifest["package"]["id"]))  # one that is none does not fit, as any other part that is missing
    told = str(manifest["release"]["to"]["agency"])
    if told.casefold() != agency.casefold():
        raise ActRefused(f"The package is refused: it is addressed to {told}, not to {agency}.")
    if package_id and str(manifest["package"]["id"]) != package_id:
        raise ActRefused("The package is refused: it is another release than the one that was announced.")


def unpack(stream: BinaryIO, name: str, size: int) -> Iterator[bytes]:
    """The bytes of one file of a package that was taken in; DamagedSource where it is not what was checked."""
    try:
        place: Any = verify.Archive(stream)
        try:
            yield from place.chunks(name, size)
        finally:
            place.close()
    except verify.Wrong as wrong:
        raise DamagedSource(f"The package is not as it was signed. {wrong}") from None


def marks_of(open_package: Callable[[], BinaryIO]) -> Iterator[tuple[Row, bytes]]:
    """The marks of a package that was taken in, each with its features; nothing where it holds none.

    DamagedSource: it is not what was checked, or its marks are larger than any release has.
    """
    try:
        place: Any = verify.Archive(open_package())
        try:
            sizes = {str(entry["path"]): int(entry["size"]) for entry in verify.read_manifest(place)["files"]}
        finally:
            place.close()
    except verify.Wrong as wrong:
        raise DamagedSource(f"The package is not as it was signed. {wrong}") from None
    if MARKS not in sizes:
        return
    if sizes[MARKS] > MOST_MARKS_BYTES:
        raise DamagedSource("The package is refused: its marks are longer than any release needs.")
    for line in b"".join(unpack(open_package(), MARKS, sizes[MARKS])).splitlines():
        row: Row = json.loads(line)
        name = str(row["features"])
        if not 0 < sizes.get(name, 0) <= MOST_FEATURES_BYTES:
            raise DamagedSource(
                "The package is refused: the features of a mark are missing, or more than any mark has."
            )
        yield row, b"".join(unpack(open_package(), name, sizes[name]))

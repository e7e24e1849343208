"""Pictures: one media record from the header and the metadata; pixels are not decoded here and nothing is hashed.

JPEG, PNG, GIF, WebP, HEIC, AVIF, TIFF, BMP and what else Pillow opens. EXIF times have no zone unless an offset tag
stands beside them; an edited picture keeps old EXIF, and messengers remove it: absence proves nothing.
The time of a position fix is in UTC; where it stands beside the camera's own time, the claim tells how far apart they are.
Tags after EXIF 2.32 (CIPA DC-008), maker notes through exifread.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from PIL import Image, UnidentifiedImageError

from opencets.parsing import magic
from opencets.parsing.claims import assert_claim, assert_instant, clean
from opencets.parsing.limits import limits_of
from opencets.parsing.source import Event, FolderOpener, Noted, Skipped, Source
from opencets.records import PROPERTIES, Claim, Record

FORMAT = "picture"
VERSION = "2"
LABEL = "Picture"

_READER = f"{FORMAT}/{VERSION}"
_TYPES = {
    "image/jpeg", "image/png", "image/gif", "image/webp", "image/heic", "image/heif", "image/avif", "image/tiff",
    "image/bmp", "image/vnd.microsoft.icon", "image/jp2", "image/vnd.adobe.photoshop", "image/x-canon-cr3", "image/jxl",
}  # fmt: skip
# What Pillow and its plugins raise on broken pictures.
_BROKEN = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, struct.error, RuntimeError, MemoryError)
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_TIMES = (
    ("DateTimeOriginal", 0x9003, 0x9011, 0x9291, ""),
    ("DateTimeDigitized", 0x9004, 0x9012, 0x9292, "when it was digitised"),
    ("DateTime", 0x0132, 0x9010, 0x9290, "when it was last changed; the file names no time of taking"),
)
_KEPT = (
    ("orientation", 0x0112), ("artist", 0x013B), ("copyright", 0x8298), ("description", 0x010E),
)  # fmt: skip
_KEPT_EXIF = (("lens_model", 0xA434), ("lens_serial", 0xA435), ("camera_owner", 0xA430), ("image_unique_id", 0xA420))
_MAKER_SERIALS = (
    "MakerNote SerialNumber",
    "MakerNote InternalSerialNumber",
    "MakerNote CameraSerialNumber",
    "MakerNote InternalSerialNumber ",
)
_MAKER_KEPT = (
    ("owner_name", "MakerNote OwnerName"),
    ("shutter_count", "MakerNote TotalShutterReleases"),
    ("image_number", "MakerNote ImageNumber"),
)
_PNG_KEPT = ("parameters", "prompt", "workflow", "Comment", "Description", "Author", "Title", "Source")


def recognise(source: Source) -> str | None:
    """None where the first bytes are those of a picture."""
    if isinstance(source.open, FolderOpener):
        return "a folder"
    found = magic.type_of_content(source.head(600))
    return None if found in _TYPES else "does not start as a picture does"


def read(source: Source) -> Iterator[Event]:
    """One ``media`` record; where the picture is broken, with name, size and type alone, and a line saying why."""
    media_type = magic.type_of(source.head(4096), source.name)
    claims = [
        assert_claim("file_name", source.name),
        assert_claim("media_type", media_type),
        assert_claim("size_bytes", str(source.size)),
    ]
    extra: list[tuple[str, str]] = []
    troubles: list[Event] = []
    if media_type in ("image/heic", "image/heif"):
        import pillow_heif

        pillow_heif.register_heif_opener()
    with source.open() as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(stream) as picture:
                _describe(source, picture, claims, extra, troubles)
        except Image.DecompressionBombError:
            most = limits_of(source).pixels
            troubles.append(
                Skipped(
                    source.locator,
                    "limit-reached",
                    f"{source.locator}: its header declares more than {most:,} pixels; treated as a bomb.",
                )
            )
        except _BROKEN as error:
            said = " ".join(str(error).split())[:200]
            if isinstance(error, UnidentifiedImageError):
                said = "its header is not one that can be read"
            troubles.append(
                Skipped(
                    source.locator,
                    "damaged",
                    f"{source.locator}: the picture ({media_type}) cannot be opened ({said}); name, size, type kept.",
                )
            )
    yield Record("media", source.locator, tuple(claims), _READER, tuple(extra))
    yield from troubles


def _describe(
    source: Source, picture: Image.Image, claims: list[Claim], extra: list[tuple[str, str]], troubles: list[Event]
) -> None:
    width, height = picture.size
    claims.append(assert_claim("width", str(width)))
    claims.append(assert_claim("height", str(height)))
    most = limits_of(source).pixels
    if width * height > most:
        sentence = f"{source.locator}: {width:,} × {height:,} pixels, {most:,} are allowed; do not decode it."
        troubles.append(Skipped(source.locator, "limit-reached", sentence))
    frames = getattr(picture, "n_frames", 1) if picture.format in ("GIF", "WEBP", "TIFF", "MPO", "AVIF") else 1
    if isinstance(frames, int) and frames > 1:
        extra.append(("frames", str(frames)))
    try:
        exif = picture.getexif()
        main: Mapping[int, Any] = dict(exif)
        inner: Mapping[int, Any] = exif.get_ifd(_EXIF_IFD)
        position: Mapping[int, Any] = exif.get_ifd(_GPS_IFD)
    except _BROKEN as error:
        sentence = f"{source.locator}: its EXIF block cannot be read ({type(error).__name__}: {error})."
        troubles.append(Noted(source.locator, "metadata-damaged", sentence))
        main = inner = position = {}
    maker, model = _words(main.get(0x010F)), _words(main.get(0x0110))
    if maker or model:
        name = model if model.casefold().startswith(maker.casefold()) else f"{maker} {model}".strip()
        claims.append(assert_claim("camera_model", name, role="device_of"))
    if software := _words(main.get(0x0131)) or _words(picture.info.get("Software")):
        claims.append(assert_claim("software", software))
    claims.extend(_taken(main, inner))
    claims.extend(_location(position))
    claims.extend(_satellite_time(main, inner, position))
    serial = _words(inner.get(0xA431)) or _words(main.get(0xC62F))
    if serial:
        claims.append(_serial(serial, maker, model))
    extra.extend((key, said[:2000]) for key, tag in _KEPT if (said := _words(main.get(tag))))
    extra.extend((key, said[:2000]) for key, tag in _KEPT_EXIF if (said := _words(inner.get(tag))))
    extra.extend((f"png_{key.lower()}", said[:4000]) for key in _PNG_KEPT if (said := _words(picture.info.get(key))))
    notes = _maker_notes(source, picture, inner, troubles)
    if not serial:
        for tag in _MAKER_SERIALS:
            if own := notes.get(tag):
                claims.append(_serial(own, maker, model, "from the maker's own tags"))
                break
    extra.extend((key, notes[tag][:500]) for key, tag in _MAKER_KEPT if notes.get(tag))


def _serial(raw: str, maker: str, model: str, note: str = "") -> Claim:
    """The camera's serial number; Nikon writes ``NO= `` before it, which other programs leave out."""
    made = assert_claim(
        "camera_serial", re.sub(r"^NO[=.:]\s*", "", raw), role="device_of", note=note, maker=maker, model=model
    )
    return Claim("camera_serial", raw, made.kind, made.normal, made.role, made.note)


def _words(value: object) -> str:
    """A tag's value as one line of text; bytes and padding are common where text belongs."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, tuple | list):
        value = " ".join(str(part) for part in value[:20])
    return " ".join(clean(str(value).rstrip("\x00 ").replace("\x00", " ")).split())


def _taken(main: Mapping[int, Any], inner: Mapping[int, Any]) -> Iterator[Claim]:
    for name, tag, offset_tag, fraction_tag, note in _TIMES:
        written = _words(main.get(tag) if tag == 0x0132 else inner.get(tag))
        if not written or not any(digit in written for digit in "123456789"):
            continue
        offset = _words(inner.get(offset_tag))
        moment = _moment(written, offset, _words(inner.get(fraction_tag)))
        raw = f"{written} {offset}".strip()
        if moment is None:
            yield assert_instant("taken_at", raw, None, note=f"{name} is not a date")
            continue
        zone = "" if moment.tzinfo else "no zone in the file"
        yield assert_instant("taken_at", raw, moment, note="; ".join(filter(None, (note, zone))))
        return


_EXIF_TIME = re.compile(r"(\d{4})[:/.-](\d{1,2})[:/.-](\d{1,2})[ T](\d{1,2})[:.](\d{1,2})(?:[:.](\d{1,2}))?")
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})$")


def _moment(written: str, offset: str, fraction: str) -> datetime | None:
    found = _EXIF_TIME.match(written)
    if found is None:
        return None
    digits = re.match(r"\d{1,6}", fraction)
    micro = int(digits.group().ljust(6, "0")) if digits else 0
    zone = None
    if beside := _OFFSET.match(offset):
        minutes = int(beside[2]) * 60 + int(beside[3])
        if minutes <= 14 * 60:
            zone = timezone(timedelta(minutes=minutes if beside[1] == "+" else -minutes))
    elif offset == "Z":
        zone = timezone(timedelta(0))
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    try:
        return datetime(year, month, day, hour, minute, second, micro, tzinfo=zone)
    except ValueError:
        return None


def _satellite_time(main: Mapping[int, Any], inner: Mapping[int, Any], position: Mapping[int, Any]) -> Iterator[Claim]:
    """The time of the position fix, UTC by its standard (EXIF 2.32, tags 0x0007 and 0x001D); a clock time alone is no instant."""
    date, clock = _words(position.get(0x1D)), position.get(7)
    if not date or clock is None:
        return
    raw = f"{date} {_words(clock)}"
    day = re.match(r"(\d{4})[:-](\d{1,2})[:-](\d{1,2})$", date)
    try:
        hours, minutes, seconds = (float(part) for part in clock)
        if day is None or not (0 <= hours < 24 and 0 <= minutes < 60 and 0 <= seconds < 61):
            raise ValueError("no time")
        moment = datetime(int(day[1]), int(day[2]), int(day[3]), tzinfo=UTC) + timedelta(
            hours=hours, minutes=minutes, seconds=round(seconds, 3)
        )
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        yield assert_instant("satellite_at", raw, None, note="the time of the position fix is no date")
        return
    yield assert_instant("satellite_at", raw, moment, note=_apart(main, inner, moment))


def _apart(main: Mapping[int, Any], inner: Mapping[int, Any], moment: datetime) -> str:
    """How far the camera's own time is from that of the fix."""
    own = next((claim for claim in _taken(main, inner) if claim.normal), None)
    if own is None or "changed" in own.note or own.normal is None:
        return ""
    taken = datetime.fromisoformat(own.normal.removesuffix("Z")).replace(tzinfo=moment.tzinfo)
    seconds = round((taken - moment).total_seconds())
    sign, (hours, rest) = "-" if seconds < 0 else "+", divmod(abs(seconds), 3600)
    given = "in the zone that it gives" if own.normal.endswith("Z") else "which gives no zone"
    return f"the camera's own time, {given}, less this one: {sign}{hours}:{rest // 60:02}:{rest % 60:02}"


def _location(position: Mapping[int, Any]) -> Iterator[Claim]:
    latitude, longitude = position.get(2), position.get(4)
    if latitude is None or longitude is None:
        return
    raw = f"{_words(position.get(1))} {_words(latitude)}, {_words(position.get(3))} {_words(longitude)}"
    north, east = _degrees(latitude), _degrees(longitude)
    refs = (_words(position.get(1)).upper()[:1], _words(position.get(3)).upper()[:1])
    kind = PROPERTIES["location"].kind
    if north is None or east is None:
        yield Claim("location", clean(raw), kind, None, "own", "the position's numbers are not valid")
        return
    if north == 0 and east == 0:
        yield Claim("location", clean(raw), kind, None, "own", "0,0 stands for no position")
        return
    if refs[0] not in ("N", "S") or refs[1] not in ("E", "W"):
        yield Claim(
            "location", clean(raw), kind, None, "own", "the hemisphere is missing, so the position is not known"
        )
        return
    made = assert_claim(
        "location", f"{-north if refs[0] == 'S' else north:.6f},{-east if refs[1] == 'W' else east:.6f}"
    )
    yield Claim("location", clean(raw), kind, made.normal, "own", made.note)


def _degrees(value: object) -> float | None:
    try:
        parts = [float(part) for part in value]  # type: ignore[attr-defined]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    while len(parts) > 1 and parts[-1] != parts[-1]:  # 0/0 seconds: none were written
        parts.pop()
    if not 1 <= len(parts) <= 3 or any(part != part or part < 0 for part in parts):
        return None
    degrees = sum(part / 60**power for power, part in enumerate(parts))
    return degrees if degrees <= 180 else None


def _maker_notes(
    source: Source, picture: Image.Image, inner: Mapping[int, Any], troubles: list[Event]
) -> dict[str, str]:
    """The maker's own tags as text: exifread reads the EXIF block (a TIFF by itself), whatever file it came in."""
    block = picture.info.get("exif")
    if not isinstance(block, bytes) or 0x927C not in inner:
        return {}
    import logging

    import exifread

    logging.getLogger("exifread").setLevel(logging.CRITICAL)
    try:
        tags = exifread.process_file(
            io.BytesIO(block.removeprefix(b"Exif\x00\x00")), details=True, extract_thumbnail=False
        )
    except Exception as error:
        sentence = f"{source.locator}: the maker's own tags cannot be read ({type(error).__name__}: {error})."
        troubles.append(Noted(source.locator, "metadata-damaged", sentence))
        return {}
    wanted = {*_MAKER_SERIALS, *(tag for _, tag in _MAKER_KEPT)}
    return {tag: said for tag in wanted if tag in tags and (said := _words(str(tags[tag])))}

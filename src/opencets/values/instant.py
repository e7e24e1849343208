"""Instants. Canonical: ISO 8601, in UTC with Z where the zone is known, without a zone where it is not; never invented.

``2026-02-03T09:05:06.123Z`` (zone known), ``2026-02-03T04:05:06`` (a local time somewhere), ``2026-02-03`` (a day).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from opencets.errors import ValueRefused
from opencets.values import date as dates
from opencets.values.writing import clean, plain_digits, refuse_lost_digits, refuse_placeholder

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# RFC 5322 section 4.3 names these and no others. CST, IST and BST each mean several zones and are left open.
_ZONES = {
    "z": 0,
    "utc": 0,
    "gmt": 0,
    "ut": 0,
    "est": -300,
    "edt": -240,
    "mst": -420,
    "mdt": -360,
    "pst": -480,
    "pdt": -420,
    "cdt": -300,
}
_TIME = re.compile(
    r"(?P<hour>\d{1,2})[:.h](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,:](?P<fraction>\d{1,12}))?)?"
    r"\s*(?P<half>[ap]\.?\s?m\b\.?)?"
    r"\s*(?P<zone>\(?\s*(?:utc|gmt)?\s*[+-]\d{1,2}(?::?\d{2})?(?::\d{2})?\s*\)?|\(?(?-i:[A-Z]{1,5})\)?)?\s*(?P<tail>z|\([\w\s+:-]{1,60}\))?",
    re.IGNORECASE,
)


def normalise(raw: str, *, zone: str = "", order: str = "", latest: str = "", **context: str) -> str:
    """The instant.

    Reads ISO 8601 with any fraction and unpadded months, epoch seconds, milliseconds, microseconds and nanoseconds,
    .NET
    ``/Date(ms+zzzz)/``, RFC 5322, the C and Java forms (``Thu Jan 01 10:00:00 UTC 2026``), EXIF, and local notations.
    ``zone`` (IANA name) is the zone of a time that names none; an hour that occurs twice when clocks go back stays
    without Z.
    ``order`` ("dmy", "mdy") reads ``03/04/2026``, refused without it. Refuses the
    empty instants of programs (year 1, 1601, epoch 0).
    """
    text = plain_digits(clean(raw, most=200)).strip("\"' ")
    refuse_lost_digits(text)
    refuse_placeholder(text)
    if found := re.fullmatch(
        r"\\?/?date\((-?\d{1,15})([+-]\d{4})?\)\\?/?", text, re.IGNORECASE
    ):  # the offset only says where; ms are UTC
        return _from_epoch(int(found[1]) * 1_000_000, text)
    found = re.fullmatch(r"(\d{9,19})(?:\.(\d{1,12}))?", text)
    if found and (number := _from_digits(found[1], found[2] or "", text)) is not None:
        return number
    if found := re.fullmatch(
        r"(\d{4})(\d{2})(\d{2})[T ]?(\d{2})(\d{2})(\d{2})?(?:\.(\d{1,9}))?(Z|[+-]\d{2}:?\d{2})?", text
    ):
        day, clock_text = "-".join(found.group(1, 2, 3)), f"{found[4]}:{found[5]}:{found[6] or '00'}.{found[7] or '0'}"
        text = f"{day}T{clock_text}{found[8] or ''}"
    day, clock = _split(text)
    try:
        on = dates.normalise(day, order=order, latest=latest)
    except ValueRefused:
        if re.match(r"(?:0001|1601)\D0?1\D0?1\b|0?1\D0?1\D(?:0001|1601)\b|0000", day):
            raise ValueRefused(f"“{text}” stands for a missing time.") from None
        raise
    if clock is None:
        return on
    if len(on) != 10:
        raise ValueRefused(f"“{text}” has a time and no day.")
    return _on_clock(on, clock, zone, text)


def _from_digits(whole: str, part: str, text: str) -> str | None:
    """Digits alone: their count tells the unit; None for a compact calendar form (12 or 14 digits)."""
    if len(whole) in (12, 14) and re.match(
        r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])[0-5]\d", whole
    ):
        return None
    units = {9: 10**9, 10: 10**9, 11: 10**6, 12: 10**6, 13: 10**6, 15: 10**3, 16: 10**3, 18: 1, 19: 1}
    if len(whole) not in units:
        raise ValueRefused(f"“{text}” has {len(whole)} digits; that is no known way to count time.")
    unit = units[len(whole)]
    return _from_epoch(int(whole) * unit + (int(part.ljust(12, "0")) * unit // 10**12 if part else 0), text)


def _from_epoch(nanoseconds: int, text: str) -> str:
    if nanoseconds == 0:
        raise ValueRefused(f"“{text}” stands for a missing time.")
    seconds, rest = divmod(nanoseconds, 10**9)
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        raise ValueRefused(f"“{text}” is beyond the calendar.") from None
    return f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + _fraction(f"{rest:09d}") + "Z"


def _fraction(digits: str) -> str:
    kept = digits[:9].rstrip("0")
    return "." + kept if kept else ""


def _split(text: str) -> tuple[str, re.Match[str] | None]:
    """(date part, time part) of a text with both, in either order, or with the year last as C and Java write it."""
    month_words = r"[^\W\d_]{3,12}\.?"
    if found := re.fullmatch(  # Thu Jan 01 10:00:00 UTC 2026
        rf"(?:[^\W\d_]{{2,4}},?\s+)?({month_words})\s+(\d{{1,2}})\s+(\d{{1,2}}:\d\d(?::\d\d)?)(?:\.\d+)?\s*([A-Z]{{1,5}}|[+-]\d\d:?\d\d)?\s+(\d{{4}})",
        text,
    ):
        return f"{found[2]} {found[1]} {found[5]}", _TIME.fullmatch(f"{found[3]} {found[4] or ''}".strip())
    for place in re.finditer(
        r"(?<![\d:.])\d{1,2}[:h]\d{2}|(?<=T)\d{1,2}[:.]\d{2}|(?<=\s)\d{2}\.\d{2}\.\d{2}(?=\s|$)", text
    ):
        before = (
            text[: place.start()]
            .rstrip(" ,T-–@")
            .removesuffix(" at")
            .removesuffix(" um")
            .removesuffix(" à")
            .rstrip(" ,")
        )
        clock = _TIME.fullmatch(text[place.start() :])
        if before and clock:
            return before, clock
        if not before and (leading := _TIME.match(text)) and re.match(r"[\s,]+\S", text[leading.end() :].rjust(1)):
            return text[leading.end() :].strip(" ,"), leading
    if re.search(r"\d:\d", text) and not re.fullmatch(r"\d{4}:\d{2}:\d{2}", text):
        raise ValueRefused(f"“{text[:60]}” is not a date and time in a notation known here.")
    return text, None


def _on_clock(on: str, clock: re.Match[str], zone: str, text: str) -> str:
    hour, minute, second = int(clock["hour"]), int(clock["minute"]), int(clock["second"] or 0)
    if half := (clock["half"] or "").lower():
        if not 1 <= hour <= 12:
            raise ValueRefused(f"“{text}”: {hour} is not an hour of a twelve-hour clock.")
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    leap = second == 60
    if hour > 23 or minute > 59 or second > 60:
        raise ValueRefused(f"“{text}” is not a time of day.")
    fraction = _fraction(clock["fraction"] or "")
    local = datetime.fromisoformat(f"{on}T{hour:02d}:{minute:02d}:{59 if leap else second:02d}") + timedelta(
        seconds=int(leap)
    )
    offset = _offset(clock["zone"] or "", clock["tail"] or "", text)
    if offset is None and not (clock["zone"] or "").strip("() "):
        offset = _offset_in(zone, local)
    if offset is None:
        return f"{local:%Y-%m-%dT%H:%M:%S}{fraction}"
    moment = local - offset
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def _offset(written: str, tail: str, text: str) -> timedelta | None:
    """The offset that the text itself names; a Z behind an offset adds nothing.

    None where no zone, or an ambiguous one, is named.
    """
    bare = (
        written.strip("() ").lower().replace("utc", "").replace("gmt", "")
        if re.search(r"[+-]", written)
        else written.strip("() ").lower()
    )
    if found := re.fullmatch(r"\s*([+-])(\d{1,2})(?::?(\d{2}))?(?::\d{2})?\s*", bare):
        minutes = int(found[2]) * 60 + int(found[3] or 0)
        if minutes > 14 * 60:
            raise ValueRefused(f"“{text}”: no zone is {found[2]} hours from UTC.")
        return timedelta(minutes=-minutes if found[1] == "-" else minutes)
    if bare in _ZONES:
        return timedelta(minutes=_ZONES[bare])
    if tail.strip("() ").lower() in ("z", "utc", "gmt") and not bare:
        return timedelta(0)
    return None


def _offset_in(zone: str, local: datetime) -> timedelta | None:
    if not zone.strip():
        return None
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        place = ZoneInfo(zone.strip())
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueRefused(f"“{zone}” is not a time zone; write it like Europe/London.") from None
    first, second = (local.replace(tzinfo=place, fold=fold).utcoffset() for fold in (0, 1))
    return first if first == second else None

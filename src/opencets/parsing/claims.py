"""Claims as the readers of messages and media make them: clean text, instants with honest zones, mentions in a text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from opencets.parsing.limits import DEFAULT
from opencets.records import PROPERTIES, Claim, Role, claim

_PROPERTY_OF_KIND = {"handle": "screen_name"}


def clean(text: str) -> str:
    """``text`` without what a database refuses: NUL and lone surrogates become U+FFFD."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = text.encode("utf-8", "replace").decode("utf-8")
    return text


def assert_claim(property: str, raw: str, *, role: Role = "own", note: str = "", **context: str) -> Claim:
    """A claim on cleaned text, cut (with a note) at the longest text that is kept."""
    text = clean(raw)
    if len(text) > DEFAULT.text_chars:
        note = f"{note} cut after {DEFAULT.text_chars:,} of {len(text):,} characters".strip()
        text = text[: DEFAULT.text_chars]
    return claim(property, text, role=role, note=note, **context)


def assert_instant(property: str, raw: str, moment: datetime | None, *, note: str = "") -> Claim:
    """A claim on an instant: raw as it stood; normalised in UTC where the zone is known, without zone where it is not.

    ``moment``: aware or naive, or None where the raw text was no date; then ``note`` says why.
    """
    raw = clean(raw)
    if moment is None:
        return Claim(property, raw, PROPERTIES[property].kind, None, "own", note or "not a date")
    try:
        text = (
            moment.replace(tzinfo=None).isoformat()
            if moment.tzinfo is None
            else moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
        )
    except OverflowError:
        return Claim(
            property,
            raw,
            PROPERTIES[property].kind,
            None,
            "own",
            "outside the calendar",
        )
    made = claim(property, text, note=note)
    return replace(made, raw=raw)


def mentioned(text: str, country: str = "") -> Iterator[Claim]:
    """The identifiers found in a text, each once, with the role ``mentioned``."""
    from opencets.values.finding import find_in_text

    told: set[tuple[str, str]] = set()
    for found in find_in_text(text):
        name = _PROPERTY_OF_KIND.get(found.kind, found.kind)
        if name not in PROPERTIES or (name, found.normal) in told:
            continue
        told.add((name, found.normal))
        yield Claim(name, clean(found.raw), found.kind, found.normal, "mentioned")

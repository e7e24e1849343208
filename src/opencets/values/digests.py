"""File digests: what the three kinds share. Not a kind itself."""

from __future__ import annotations

import base64
import re

from opencets.errors import ValueRefused

EMPTY = {
    "md5": "d41d8cd98f00b204e9800998ecf8427e",
    "sha1": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
}
"""Digests of the file without bytes: they would tie everything to everything."""
_LENGTH = {"md5": 32, "sha1": 40, "sha256": 64}
_LABEL = {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256"}


def digest(algorithm: str, raw: str) -> str:
    """Lower-case hexadecimal; SHA-1 also from its base32 form (peer-to-peer networks).

    Refuses wrong lengths and empty files.
    """
    if len(raw) > 400:
        raise ValueRefused(f"The text is {len(raw):,} characters long; it is no {_LABEL[algorithm]}.")
    text = re.sub(
        rf"^(?:urn:)?(?:{algorithm}|{_LABEL[algorithm]})\s*[:=]\s*", "", raw.strip(), flags=re.IGNORECASE
    ).strip("\"' {}")
    if algorithm == "sha1" and re.fullmatch(r"[A-Za-z2-7]{32}", text) and not re.fullmatch(r"[A-Fa-f2-7]+", text):
        text = base64.b32decode(text.upper()).hex()
    text = text.lower().removeprefix("0x")
    if not re.fullmatch(rf"[0-9a-f]{{{_LENGTH[algorithm]}}}", text):
        raise ValueRefused(f"“{text[:80]}” is not the {_LENGTH[algorithm]} hexadecimal digits of {_LABEL[algorithm]}.")
    if text == EMPTY[algorithm]:
        raise ValueRefused(f"This is the {_LABEL[algorithm]} of a file without bytes; it names no file.")
    if len(set(text)) == 1:
        raise ValueRefused(f"“{text}” stands for a missing {_LABEL[algorithm]}.")
    return text

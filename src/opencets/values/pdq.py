"""PDQ, the perceptual hash of a picture or frame. Canonical: 64 lower-case hexadecimal digits."""

from __future__ import annotations

import re

from opencets.errors import ValueRefused

LEAST_QUALITY = 50
"""Below this quality (0-100) a PDQ matches unlike pictures; the value used by the algorithm's authors."""


def normalise(raw: str, *, quality: str = "", **context: str) -> str:
    """The hash; refuses wrong lengths, hashes of flat pictures (nearly all bits equal), and ``quality`` under 50."""
    text = (
        re.sub(r"^pdq\s*[:=]\s*", "", raw[:400].strip(), flags=re.IGNORECASE).strip("\"' ").lower().removeprefix("0x")
    )
    if len(raw) > 400 or not re.fullmatch(r"[0-9a-f]{64}", text):
        raise ValueRefused(f"“{text[:80]}” is not the 64 hexadecimal digits of a PDQ.")
    # The hash cuts at the median, so a picture with any content sets about 128 of the 256 bits.
    ones = int(text, 16).bit_count()
    if not 16 < ones < 240:
        raise ValueRefused("This PDQ is of a flat picture; it would match every other flat picture.")
    if re.fullmatch(r"\s*\d{1,3}(?:\.\d+)?\s*", quality) and float(quality) < LEAST_QUALITY:
        raise ValueRefused(
            f"The PDQ has quality {quality.strip()}, less than {LEAST_QUALITY}; it would match unlike pictures."
        )
    return text

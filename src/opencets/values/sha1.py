"""SHA-1 of a file's bytes. Canonical: lower-case hexadecimal."""

from __future__ import annotations

from opencets.values.digests import digest


def normalise(raw: str, **context: str) -> str:
    """The digest in lower case; refuses wrong lengths, the digest of the empty file, and runs of one digit."""
    return digest("sha1", raw)

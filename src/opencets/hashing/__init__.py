"""From media to digests, perceptual hashes and small copies.

``sign(stream)`` gives everything from one reading. Importing this package loads no decoder; `sign` does on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opencets.hashing.digests import Digests, digest
    from opencets.hashing.media_type import find_media_type
    from opencets.hashing.pdq import USABLE_QUALITY
    from opencets.hashing.signed import Signed, sign
    from opencets.hashing.video import Frame

__all__ = [
    "USABLE_QUALITY",
    "Digests",
    "Frame",
    "Signed",
    "digest",
    "find_media_type",
    "pdq",
    "sign",
]

_HOMES = {
    "Digests": "digests",
    "digest": "digests",
    "find_media_type": "media_type",
    "USABLE_QUALITY": "pdq",
    "Signed": "signed",
    "sign": "signed",
    "Frame": "video",
}


def __getattr__(name: str) -> Any:
    """Imports the algorithm on first use, because most programs need only one of them."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"opencets.hashing.{home}"), name)
    globals()[name] = value
    return value

"""The same place, the same thing: a marked region of a picture sought in all others, by local features, verified.

``extract`` describes a picture, ``describe`` a marked region of one, `RegionIndex` keeps pictures and finds the region.
"""

from __future__ import annotations

from opencets.matching.regions.features import Features, Query, describe, extract, unpacked
from opencets.matching.regions.index import REPORTED, Place, RegionIndex
from opencets.matching.regions.mirror import mirrored, search_either
from opencets.matching.regions.pictures import Brightness, read_brightness

__all__ = [
    "REPORTED",
    "Brightness",
    "Features",
    "Place",
    "Query",
    "RegionIndex",
    "describe",
    "extract",
    "mirrored",
    "read_brightness",
    "search_either",
    "unpacked",
]

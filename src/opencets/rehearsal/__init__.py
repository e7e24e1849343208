"""A synthetic world with planted truth: for the demonstration, tests and benchmarks. Everybody in it is invented."""

from opencets.rehearsal.packages import photographs, picture_bytes, write, write_case
from opencets.rehearsal.rows import picture_code, records
from opencets.rehearsal.world import Agency, Case, Decoy, OfficerOf, PictureCard, Planted, Size, Truth, World, build

__all__ = [
    "Agency",
    "Case",
    "Decoy",
    "OfficerOf",
    "PictureCard",
    "Planted",
    "Size",
    "Truth",
    "World",
    "build",
    "photographs",
    "picture_bytes",
    "picture_code",
    "records",
    "write",
    "write_case",
]

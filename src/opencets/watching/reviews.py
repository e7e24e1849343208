"""What officers' reviews say about each phrase: how often a hit was worth the look, and what to do about those that seldom are."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from opencets.errors import DamagedSource, NotThisFormat

ENOUGH = 10
"""Reviews from which a change is proposed."""
SELDOM = 0.2
OFTEN = 0.5
_Z = 1.96  # 95 of 100
COLUMNS = ("library", "version", "phrase", "useful")


@dataclass(frozen=True, slots=True)
class Review:
    """That an officer looked at a hit, and whether it was worth it."""

    library: str
    version: int
    phrase: str
    useful: bool


@dataclass(frozen=True, slots=True)
class Precision:
    """How often a phrase of a version was worth a look; ``low`` to ``high`` is where its true share lies (Wilson, 95 %)."""

    library: str
    version: int
    phrase: str
    reviewed: int
    useful: int
    share: float
    low: float
    high: float
    proposal: str
    """mute, narrow, measure or keep; a person decides."""
    reason: str


def precision(reviews: Iterable[Review]) -> list[Precision]:
    """Each reviewed phrase with its precision and a proposal, those with the lowest upper bound first."""
    counts: dict[tuple[str, int, str], list[int]] = {}
    for review in reviews:
        count = counts.setdefault((review.library, review.version, review.phrase), [0, 0])
        count[0] += 1
        count[1] += review.useful
    found = [_precision(*key, *count) for key, count in counts.items()]
    return sorted(found, key=lambda each: (each.high, -each.reviewed, each.library, each.version, each.phrase))


def _precision(library: str, version: int, phrase: str, reviewed: int, useful: int) -> Precision:
    share = useful / reviewed
    low, high = _wilson(useful, reviewed)
    told = f"{useful} of {reviewed} hits were worth the look (between {low:.0%} and {high:.0%})"
    if reviewed < ENOUGH:
        proposal, what = "measure", f"wait for {ENOUGH} reviews"
    elif high < SELDOM:
        proposal, what = "mute", "mute it, or replace it by a longer phrase"
    elif high < OFTEN:
        proposal, what = "narrow", "add a word or a context that lowers it, or lower its severity"
    else:
        proposal, what = "keep", "keep it"
    return Precision(library, version, phrase, reviewed, useful, share, low, high, proposal, f"{told}: {what}.")


def _wilson(useful: int, reviewed: int) -> tuple[float, float]:
    share, square = useful / reviewed, _Z * _Z
    centre = (share + square / (2 * reviewed)) / (1 + square / reviewed)
    half = _Z * math.sqrt(share * (1 - share) / reviewed + square / (4 * reviewed * reviewed)) / (1 + square / reviewed)
    return max(0.0, centre - half), min(1.0, centre + half)


def read_reviews(path: Path) -> Iterator[Review]:
    """The reviews in a CSV with the columns library, version, phrase and useful (yes or no)."""
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as stream:
        rows = csv.DictReader(stream)
        missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
        if missing:
            raise NotThisFormat(f"{path.name}: the column {missing[0]} is missing; needed are {', '.join(COLUMNS)}.")
        try:
            for row in rows:
                useful = (row["useful"] or "").strip().lower()
                version = (row["version"] or "").strip()
                if useful not in {"yes", "no"} or not version.isdecimal() or not row["phrase"]:
                    raise DamagedSource(
                        f"{path.name}:{rows.line_num}: a version, a phrase, and yes or no under useful are expected."
                    )
                yield Review((row["library"] or "").strip(), int(version), row["phrase"].strip(), useful == "yes")
        except csv.Error as reason:
            raise DamagedSource(f"{path.name}:{rows.line_num}: {reason}.") from None

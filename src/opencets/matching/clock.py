"""How far a device's clock is off, from what its files say beside times that do not come from it.

A camera writes the time of its own clock, mostly without a zone. Beside it may stand times of others: that of satellites, in the
same file (exact to the age of the fix), when a message carried the file, or when a service took it in (both later than the
picture, so that the clock is at least so far ahead). Zone and error of the clock come out together as one offset to UTC; the
whole quarter of an hour in it is told apart as what may be the zone. Nothing is corrected: the offset stands beside the raw time.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

Source = Literal["satellite", "sent", "uploaded"]

QUARTER: Final = 15 * 60
FARTHEST_ZONE: Final = 14 * 3600
NEAR_ZONE: Final = 5 * 60
"""Seconds beyond a whole quarter of an hour that are taken for an error of the clock rather than for another zone."""
AGREEING: Final = 120.0
"""Seconds of spread up to which observations are of one setting of the clock."""
HOURS_TO_SEND: Final = 24.0
"""A picture that was sent later than this after it was taken says nothing useful of the clock."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One time of the device beside one that is not the device's."""

    device_time: datetime
    """As the device wrote it, without a zone."""
    true_time: datetime
    """With a zone."""
    source: Source
    where: str = ""
    """What to show as evidence: the file, the message."""

    @property
    def seconds(self) -> float:
        """The device's time less UTC."""
        return (self.device_time.replace(tzinfo=UTC) - self.true_time.astimezone(UTC)).total_seconds()


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """What is known of a device's clock."""

    seconds: float
    """The device's time less UTC: zone and error of the clock together."""
    spread: float
    """Seconds: the median distance of the observations from their median, scaled to a standard deviation."""
    observations: int
    used: tuple[Observation, ...]
    """The observations that it rests on, nearest first."""
    exact: bool
    """Measured against satellites; otherwise the least that it can be, from when files were sent."""

    @property
    def agrees(self) -> bool:
        """Whether the observations are of one setting of the clock."""
        return self.spread <= AGREEING

    @property
    def zone_minutes(self) -> int | None:
        """Minutes ahead of UTC of the zone that the clock may show; None where no zone is near."""
        quarters = round(self.seconds / QUARTER)
        near = abs(self.seconds - quarters * QUARTER) <= NEAR_ZONE
        return quarters * 15 if near and abs(quarters * QUARTER) <= FARTHEST_ZONE else None

    @property
    def error_seconds(self) -> float | None:
        """How far the clock is ahead within that zone; None where no zone is near."""
        return None if self.zone_minutes is None else self.seconds - self.zone_minutes * 60

    def suggest(self, device_time: datetime) -> datetime:
        """The time in UTC that the device's time stands for by this offset: a suggestion, to be shown beside the raw time."""
        return (device_time.replace(tzinfo=UTC) - timedelta(seconds=self.seconds)).astimezone(UTC)

    @property
    def sentence(self) -> str:
        """What is known, in one sentence."""
        said = in_words(self.seconds)
        if not self.exact:
            return (
                f"The clock is at least {said}: that is how it stands to when its files were sent "
                f"({count(self.observations)}), and they cannot be sent before they are taken."
            )
        if not self.agrees:
            return (
                f"The clock is {said} at the median of {count(self.observations)}, and they differ by "
                f"{plain(self.spread)}: it was set anew, or the device travelled."
            )
        zone = self.zone_minutes
        meaning = (
            f", which is {zone_words(zone)} and {error_words(self.error_seconds or 0.0)}" if zone is not None else ""
        )
        return f"The clock is {said}{meaning} (median of {count(self.observations)}, spread {plain(self.spread)})."


def estimate_offset(observations: Iterable[Observation]) -> ClockOffset | None:
    """The offset of one device's clock; None where nothing speaks of it.

    Satellite times count alone where there are any: their median. Otherwise the times at which files were sent or taken in, which
    are later than the picture: the offset is at least the highest difference, of which one in ten is left out as an outlier
    where there are ten or more.
    """
    given = sorted(observations, key=lambda one: one.seconds)
    exact = [one for one in given if one.source == "satellite"]
    if exact:
        middle = statistics.median(one.seconds for one in exact)
        near = sorted(exact, key=lambda one: abs(one.seconds - middle))
        return ClockOffset(middle, _spread(exact, middle), len(exact), tuple(near), exact=True)
    prompt = _prompt(given)
    if not prompt:
        return None
    highest = prompt[-1 - len(prompt) // 10].seconds
    near = sorted(prompt, key=lambda one: abs(one.seconds - highest))
    return ClockOffset(highest, _spread(prompt, highest), len(prompt), tuple(near), exact=False)


def _prompt(given: Sequence[Observation]) -> list[Observation]:
    """Those sent within a day of the most prompt one."""
    if not given:
        return []
    return [one for one in given if given[-1].seconds - one.seconds <= HOURS_TO_SEND * 3600]


def _spread(given: Sequence[Observation], middle: float) -> float:
    return 1.4826 * statistics.median(abs(one.seconds - middle) for one in given)


def count(number: int) -> str:
    """Observations in words."""
    return f"{number} observation{'' if number == 1 else 's'}"


def plain(seconds: float) -> str:
    """A length of time in its two largest parts: ``2 h 1 min``."""
    left = round(abs(seconds))
    parts = []
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        whole, left = divmod(left, size)
        if whole:
            parts.append(f"{whole} {name}")
    return " ".join(parts[:2]) or "0 s"


def in_words(seconds: float) -> str:
    """An offset to UTC in words."""
    if round(seconds) == 0:
        return "at UTC"
    return f"{plain(seconds)} {'ahead of' if seconds > 0 else 'behind'} UTC"


def zone_words(minutes: int) -> str:
    """A zone as it is written: ``UTC+02:00``."""
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"


def error_words(seconds: float) -> str:
    """The error of a clock within its zone."""
    if abs(seconds) < 1:
        return "right to the second"
    return f"{plain(seconds)} {'fast' if seconds > 0 else 'slow'}"

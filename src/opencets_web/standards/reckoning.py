"""When something is due, and how it stands at an instant: pure arithmetic over what the data says, in UTC."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from opencets_web.standards.vocabulary import Band, Clocks, Step, Term

LATE_AFTER = timedelta(days=1)
"""When supervisors are told of an overdue step whose data does not say it."""


class Standing(StrEnum):
    """How something with a due instant stands, the most pressing first."""

    OVERDUE = "overdue"
    SOON = "soon"
    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"


@dataclass(frozen=True, slots=True)
class Due:
    """From when time runs, when it is due, from when it presses, and when supervisors are told."""

    runs_from: datetime
    due_at: datetime
    soon_at: datetime
    escalate_at: datetime


def due_of_band(clocks: Clocks, band: Band, runs_from: datetime) -> Due:
    """When the act of a band is due, on the calendar of its clocks."""
    days_off = clocks.holidays if clocks.calendar == "working-days" else None
    due_at = after(runs_from, band.due, clocks.zone, days_off)
    return Due(runs_from, due_at, due_at - band.due_soon.span, due_at + band.escalate_after.span)


def due_of_step(step: Step, first_information_at: datetime, applied_at: datetime) -> Due | None:
    """When a step is due; None for a step without a due."""
    if step.due is None:
        return None
    runs_from = applied_at if step.due_from == "applied" else first_information_at
    due_at = runs_from + step.due.span
    soon = step.due_soon.span if step.due_soon else step.due.span / 4
    late = step.escalate_after.span if step.escalate_after else LATE_AFTER
    return Due(runs_from, due_at, due_at - soon, due_at + late)


def after(start: datetime, term: Term, zone: str = "UTC", days_off: Collection[date] | None = None) -> datetime:
    """The instant a term later, in UTC.

    Where every day counts (``days_off`` is None) a day is 24 hours. Where working days count, Saturdays, Sundays and
    ``days_off`` are passed over in ``zone``: what begins on such a day begins with the next working day, and ends at the same
    time by the clock on the wall, so many working days later.
    """
    if days_off is None:
        return start.astimezone(UTC) + term.span
    local = start.astimezone(ZoneInfo(zone))
    day, time = local.date(), local.time()
    if not _works(day, days_off):
        time = datetime.min.time()
        while not _works(day, days_off):
            day += timedelta(days=1)
    for _ in range(term.days):
        day += timedelta(days=1)
        while not _works(day, days_off):
            day += timedelta(days=1)
    return datetime.combine(day, time, ZoneInfo(zone)).astimezone(UTC)


def _works(day: date, days_off: Collection[date]) -> bool:
    return day.weekday() < 5 and day not in days_off


def standing_at(
    now: datetime,
    *,
    due_at: datetime,
    soon_at: datetime,
    met_at: datetime | None = None,
    paused_at: datetime | None = None,
) -> Standing:
    """How a deadline stands at an instant."""
    if met_at is not None:
        return Standing.MET
    if paused_at is not None:
        return Standing.PAUSED
    if due_at <= now:
        return Standing.OVERDUE
    return Standing.SOON if soon_at <= now else Standing.RUNNING


def share_gone(now: datetime, runs_from: datetime, due_at: datetime) -> float:
    """How much of the time is gone, from 0 to 1."""
    whole = (due_at - runs_from).total_seconds()
    return min(1.0, max(0.0, (now - runs_from).total_seconds() / whole)) if whole > 0 else 1.0


def in_words(span: timedelta) -> str:
    """A span as a person plans by it: ``2 days 4 h``, ``3 h 10 min``, ``5 min``; rounded down."""
    minutes = int(abs(span.total_seconds()) // 60)
    days, rest = divmod(minutes, 1_440)
    hours, minutes = divmod(rest, 60)
    if days:
        return f"{days} day{'' if days == 1 else 's'}" + (f" {hours} h" if hours and days < 14 else "")
    if hours:
        return f"{hours} h" + (f" {minutes} min" if minutes else "")
    return f"{minutes} min"


def quiet(now: datetime, begins: str, ends: str, zone: str) -> bool:
    """Whether an instant falls into hours such as 22:00 to 06:30 in a zone; the same time twice is no quiet at all."""
    at = now.astimezone(ZoneInfo(zone)).strftime("%H:%M")
    if begins == ends:
        return False
    return begins <= at < ends if begins < ends else at >= begins or at < ends

"""What is due when. A term in hours runs by the clock from service; a term in days ends with the last minute of its day.

Days count from the day after service (Regulation (EEC, Euratom) No 1182/71, article 3(1)), in the provider's zone. How
long data is preserved counts the other way: by the clock, so that a renewal never comes a day late.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, tzinfo

from opencets.requesting.instruments import Instrument


def answer_due(instrument: Instrument, served_at: datetime, zone: tzinfo = UTC) -> datetime | None:
    """When the answer is due, in UTC; None where the instrument expects none."""
    if instrument.answer_hours is not None:
        return served_at + timedelta(hours=instrument.answer_hours)
    if instrument.answer_days is None:
        return None
    day = served_at.astimezone(zone).date() + timedelta(days=instrument.answer_days)
    return datetime.combine(day, time(23, 59, 59), tzinfo=zone).astimezone(UTC)


def preserved_until(instrument: Instrument, begins_at: datetime, *, renewed: bool = False) -> datetime | None:
    """Until when the provider keeps the data, if nothing more is said; None where the instrument preserves nothing.

    ``begins_at``: service; of a renewal, the end of the preservation that it renews.
    """
    days = instrument.renewal_days if renewed else instrument.preserve_days
    return None if days is None else begins_at.astimezone(UTC) + timedelta(days=days)


def renewal_due(instrument: Instrument, until: datetime) -> datetime:
    """From when the officer is reminded to renew a preservation, before it lapses."""
    return until - timedelta(days=instrument.remind_days)

"""The clock of a device against times that are not its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from opencets.matching.clock import Observation, estimate_offset

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def seen(minutes: float, ahead: float, source: str = "satellite") -> Observation:
    """A device whose clock is ``ahead`` seconds ahead of UTC, read ``minutes`` after noon."""
    true = NOON + timedelta(minutes=minutes)
    return Observation((true + timedelta(seconds=ahead)).replace(tzinfo=None), true, source)  # type: ignore[arg-type]


def test_nothing_is_said_where_nothing_speaks_of_the_clock() -> None:
    assert estimate_offset([]) is None


def test_zone_and_error_are_told_apart() -> None:
    found = estimate_offset([seen(n, 7_200 + 80 + n % 3) for n in range(9)])
    assert found is not None
    assert (found.exact, found.agrees, found.observations) == (True, True, 9)
    assert (found.zone_minutes, round(found.error_seconds or 0)) == (120, 81)
    assert "UTC+02:00 and 1 min 21 s fast" in found.sentence
    assert found.suggest(datetime(2026, 3, 1, 14, 1, 21)) == NOON


def test_one_wrong_observation_does_not_move_the_median_and_two_settings_are_told() -> None:
    found = estimate_offset([*(seen(n, -3_600) for n in range(6)), seen(7, 90_000)])
    assert found is not None
    assert (found.seconds, found.zone_minutes) == (-3_600, -60)
    both = estimate_offset([*(seen(n, 0) for n in range(5)), *(seen(n, 32_400) for n in range(5))])
    assert both is not None
    assert not both.agrees
    assert "set anew, or the device travelled" in both.sentence


def test_a_clock_a_day_off_is_no_zone() -> None:
    found = estimate_offset([seen(n, -79_108) for n in range(3)])
    assert found is not None
    assert found.zone_minutes is None
    assert "21 h 58 min behind UTC" in found.sentence


def test_times_of_sending_give_the_least_that_it_can_be() -> None:
    sent = [
        Observation(one.device_time, one.true_time + timedelta(seconds=delay), "sent")
        for one, delay in zip(
            [seen(n, 3_600) for n in range(8)], (5, 9, 60, 400, 4_000, 8_000, 20_000, 900_000), strict=True
        )
    ]
    found = estimate_offset(sent)
    assert found is not None
    assert not found.exact
    assert 3_590 <= found.seconds <= 3_600
    assert found.observations == 7
    assert found.sentence.startswith("The clock is at least 59 min 55 s ahead of UTC")
    with_satellite = estimate_offset([*sent, seen(0, 3_601)])
    assert with_satellite is not None
    assert (with_satellite.exact, with_satellite.observations) == (True, 1)


def test_a_true_time_in_another_zone_is_the_same_instant() -> None:
    tokyo = timezone(timedelta(hours=9))
    one = Observation(datetime(2026, 3, 1, 12, 0), datetime(2026, 3, 1, 21, 0, tzinfo=tokyo), "satellite")
    assert one.seconds == 0

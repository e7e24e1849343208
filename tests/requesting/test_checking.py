"""Values before a provider is asked: what is refused or warned of, why, and what the instant in UTC is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from opencets.requesting import Asked, Checked, Holder, check, port_in

NOW = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
GOOD = Asked("ip", "198.51.100.7", "2026-11-20T10:11:12Z", "2026-11-20T10:11:12Z", source_port="50412")
SHARING = Holder("Lantern Broadband", shares_addresses=True, retention_days=90)


def codes(checked: Checked) -> set[str]:
    """What was found, apart from the documentation range that every address of these tests lies in."""
    return {remark.code for remark in checked.remarks} - {"address-documentation"}


def judged(asked: Asked, holder: Holder = SHARING) -> Checked:
    """The outcome; every remark has a sentence and a way to repair it."""
    checked = check(asked, holder, NOW)
    assert all(remark.sentence.endswith(".") and remark.repair.endswith(".") for remark in checked.remarks)
    return checked


def test_a_complete_value_passes_with_its_instant_and_port() -> None:
    checked = judged(GOOD)
    assert codes(checked) == set()
    assert (checked.value, checked.at, checked.port) == (
        "198.51.100.7",
        datetime(2026, 11, 20, 10, 11, 12, tzinfo=UTC),
        50412,
    )


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("100.64.3.9", "address-behind-carrier-nat"), ("100.127.255.255", "address-behind-carrier-nat"),
        ("10.1.2.3", "address-private"), ("192.168.1.20", "address-private"), ("172.31.255.1", "address-private"),
        ("fd12:3456::1", "address-private"), ("169.254.7.7", "address-link-local"), ("fe80::1%eth0", "address-link-local"),
        ("240.0.0.1", "address-reserved"), ("198.18.0.1", "address-reserved"),
        ("127.0.0.1", "value-not-of-its-kind"), ("not an address", "value-not-of-its-kind"),
    ],
)  # fmt: skip
def test_an_address_that_names_no_subscriber_is_refused(address: str, code: str) -> None:
    refused = {remark.code for remark in judged(replace(GOOD, value=address)).refusals}
    assert refused == {code}


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("203.0.113.9", "address-documentation"), ("2001:db8::7", "address-documentation"),
        ("2002:c000:207::1", "address-translated"), ("64:ff9b::c000:207", "address-translated"),
    ],
)  # fmt: skip
def test_an_address_of_a_special_range_is_warned_of(address: str, code: str) -> None:
    checked = judged(replace(GOOD, value=address))
    assert code in {remark.code for remark in checked.warnings}
    assert not checked.refusals


def test_a_missing_port_is_refused_where_the_provider_shares_and_warned_of_elsewhere() -> None:
    bare = replace(GOOD, source_port="")
    assert [remark.code for remark in judged(bare).refusals] == ["port-missing"]
    assert codes(judged(bare, Holder())) == {"port-not-given"}
    inside = Holder(shared_ranges=("198.51.100.0/25",))
    assert [remark.code for remark in judged(bare, inside).refusals] == ["port-missing"]
    assert not judged(replace(bare, value="198.51.100.200"), inside).refusals
    assert not judged(replace(bare, value="2001:db8::7")).refusals
    assert not judged(replace(bare, port="50412")).refusals


@pytest.mark.parametrize(
    ("given", "source", "code"),
    [
        ("0", "", "port-not-a-port"), ("65536", "", "port-not-a-port"),
        ("https", "", "port-not-a-port"), ("-1", "", "port-not-a-port"),
        ("50413", "50412", "port-contradicts"), ("", "700000", "port-not-a-port"),
    ],
)  # fmt: skip
def test_a_port_that_is_none_or_contradicts_the_source_is_refused(given: str, source: str, code: str) -> None:
    assert code in {remark.code for remark in judged(replace(GOOD, port=given, source_port=source)).contradicted}


def test_the_port_behind_an_address_is_the_source_s_own() -> None:
    assert (port_in("198.51.100.7:4711"), port_in("[2001:db8::7]:4711"), port_in("2001:db8::7")) == ("4711", "4711", "")
    checked = judged(replace(GOOD, value="198.51.100.7:4711", source_port=""))
    assert (checked.port, codes(checked)) == (4711, set())
    assert "port-contradicts" in codes(judged(replace(GOOD, value="198.51.100.7:4711", source_port="", port="4712")))


def test_the_service_s_side_of_a_connection_is_warned_of() -> None:
    assert "port-of-a-service" in codes(judged(replace(GOOD, source_port="443")))


def local(written: str, zone: str = "") -> Asked:
    """A time whose zone the source does not say."""
    return replace(GOOD, time=written, recorded="", zone=zone)


def test_an_instant_without_zone_is_refused_until_the_zone_is_said() -> None:
    assert codes(judged(local("2026-11-20 10:11:12"))) == {"zone-missing"}
    assert judged(local("2026-11-20 10:11:12")).contradicted == ()
    assert judged(local("2026-11-20 10:11:12", "Europe/Berlin")).at == datetime(2026, 11, 20, 9, 11, 12, tzinfo=UTC)
    assert judged(local("2026-11-20 10:11:12", "+05:30")).at == datetime(2026, 11, 20, 4, 41, 12, tzinfo=UTC)
    assert judged(local("2026-11-20 10:11:12", "UTC")).at == datetime(2026, 11, 20, 10, 11, 12, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["CST", "Nowhere/Town", "+25:00", "summer time", "../etc/passwd", "+01:75"])
def test_what_is_no_zone_is_refused(zone: str) -> None:
    assert codes(judged(local("2026-11-20 10:11:12", zone))) == {"zone-not-a-zone"}


@pytest.mark.parametrize(
    ("written", "zone", "code"),
    [
        ("2026-10-25 01:30:00", "Europe/London", "time-happened-twice"),
        ("2026-03-29 01:30:00", "Europe/London", "time-never-happened"),
        ("2026-11-01 01:30:00", "America/New_York", "time-happened-twice"),
        ("2026-03-08 02:30:00", "America/New_York", "time-never-happened"),
        ("2026-04-05 01:45:00", "Australia/Lord_Howe", "time-happened-twice"),
    ],
)  # fmt: skip
def test_a_local_time_over_which_clocks_were_changed_is_refused(written: str, zone: str, code: str) -> None:
    checked = judged(local(written, zone))
    assert (codes(checked), checked.at) == ({code}, None)


def test_the_hours_beside_a_clock_change_are_instants_and_an_offset_decides_within() -> None:
    assert judged(local("2026-10-25 00:59:59", "Europe/London")).at == datetime(2026, 10, 24, 23, 59, 59, tzinfo=UTC)
    assert judged(local("2026-10-25 02:00:00", "Europe/London")).at == datetime(2026, 10, 25, 2, 0, tzinfo=UTC)
    assert judged(local("2026-10-25 01:30:00", "+01:00")).at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert judged(local("2026-10-25 01:30:00", "+00:00")).at == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "recorded", "zone", "agrees"),
    [
        ("2026-11-20T10:11:12Z", "2026-11-20T10:11:12Z", "+02:00", False),
        ("2026-11-20T10:11:12Z", "2026-11-20T10:11:12Z", "UTC", True),
        ("2026-11-20T10:11:12Z", "2026-11-20T10:11:12Z", "Europe/London", True),  # in November London keeps UTC
        ("2026-11-20 10:11:12 UTC", "2026-11-20T10:11:12Z", "Europe/Berlin", False),
        ("2026-11-20T10:11:12+02:00", "2026-11-20T08:11:12Z", "+02:00", True),
        ("2026-11-20T10:11:12+02:00", "2026-11-20T08:11:12Z", "Europe/Athens", True),
        ("2026-11-20T10:11:12+02:00", "2026-11-20T08:11:12Z", "UTC", False),
        ("20/11/2026, 10:11:12", "2026-11-20T09:11:12Z", "Europe/Berlin", True),  # the reader was told the zone
        ("20.11.2026, 10:11:12", "2026-11-20T09:11:12Z", "UTC", False),
        ("1795169472", "2026-11-20T10:11:12Z", "+01:00", False),
        ("1795169472", "2026-11-20T10:11:12Z", "UTC", True),
        ("Fri, 20 Nov 2026 10:11:12 -0500", "2026-11-20T15:11:12Z", "America/New_York", True),
        ("Fri, 20 Nov 2026 10:11:12 -0500", "2026-11-20T15:11:12Z", "+05:00", False),
    ],
)  # fmt: skip
def test_a_zone_that_contradicts_the_source_is_refused_and_one_that_agrees_is_not(
    written: str, recorded: str, zone: str, agrees: bool
) -> None:
    checked = judged(replace(GOOD, time=written, recorded=recorded, zone=zone))
    assert ("zone-contradicts" in codes(checked)) is not agrees
    assert (checked.at is not None) is agrees


def test_a_contradiction_says_both_instants_and_how_far_they_are_apart() -> None:
    [remark] = judged(replace(GOOD, zone="+02:00")).contradicted
    assert "2026-11-20 10:11:12 UTC" in remark.sentence
    assert "2026-11-20 08:11:12 UTC, 2 h away" in remark.sentence


def test_an_address_without_a_time_or_with_a_day_alone_is_refused() -> None:
    assert codes(judged(replace(GOOD, time="", recorded=""))) == {"time-missing"}
    assert codes(judged(local("2026-11-20"))) == {"time-is-a-day"}
    assert codes(judged(local("soon"))) == {"time-not-read"}
    assert codes(judged(local("03/04/2026 10:11:12"))) == {"time-not-read"}  # the third or the fourth month


def test_other_kinds_go_without_a_time() -> None:
    checked = judged(Asked("email", "Kestrel@Example.org"))
    assert (checked.value, checked.at, checked.remarks) == ("kestrel@example.org", None, ())


def test_the_future_is_refused_and_what_is_older_than_the_logs_is_warned_of() -> None:
    assert [one.code for one in judged(local("2026-11-22 05:00:01", "UTC")).refusals] == ["time-in-the-future"]
    assert codes(judged(local("2026-11-22 04:59:59", "UTC"))) == set()
    assert codes(judged(local("2026-08-20 10:11:12", "UTC"))) == {"older-than-kept"}
    assert not judged(local("2026-08-20 10:11:12", "UTC")).refusals
    assert codes(judged(local("2026-08-26 10:11:12", "UTC"))) == {"deleted-soon"}
    assert codes(judged(local("2026-08-20 10:11:12", "UTC"), Holder())) == set()


def test_a_time_without_seconds_is_warned_of() -> None:
    assert codes(judged(local("2026-11-20 10:11", "UTC"))) == {"time-without-seconds"}

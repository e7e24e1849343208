"""Whether a value with its time, zone and source port can name one subscriber, before a provider is asked.

An address that many share, or a time of another zone, names the wrong household: inspectors found the conversion of IP
times to be the classic error, checked twice by hand. Every refusal and every warning gives its reason and its repair.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from opencets.errors import ValueRefused
from opencets.values import normalise

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(*written: str) -> tuple[_Network, ...]:
    return tuple(ipaddress.ip_network(one) for one in written)


_CARRIER_GRADE_NAT = _networks("100.64.0.0/10")
_PRIVATE = _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
_LINK_LOCAL = _networks("169.254.0.0/16", "fe80::/10")
_DOCUMENTATION = _networks("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
_NOBODY = _networks("0.0.0.0/8", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4", "100::/64", "2001:2::/48")
_TRANSLATED = _networks("2001::/32", "2002::/16", "64:ff9b::/96")

_ZONE_AT_END = re.compile(r"(?:[zZ]|\(?(?:UTC|GMT)?\s*(?P<sign>[+-])(?P<hours>\d{1,2}):?(?P<minutes>\d{2})?\)?)\s*$")
_UTC_AT_END = re.compile(r"(?:[zZ]|\b(?:UTC|GMT|UT)\b)\)?\s*(?:\d{4})?$")
_OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+-])(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)
_LETTER_ZONES = {"UTC", "GMT", "UT", "Z"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about, as the source says it and as the officer completes it.

    ``source_port``: the port as the source gives it beside the address; ``port``: what the officer says of it.
    ``time``: as written in the source; ``recorded``: how it was read there (ISO 8601, with Z where the zone was known),
    empty for a time typed by hand. ``zone``: an IANA name or an offset, what the officer says; empty where the source
    says enough.
    """

    kind: str
    value: str
    time: str = ""
    recorded: str = ""
    zone: str = ""
    port: str = ""
    source_port: str = ""


@dataclass(frozen=True, slots=True)
class Holder:
    """What is known of the provider that is asked."""

    name: str = "the provider"
    shares_addresses: bool = False
    shared_ranges: tuple[str, ...] = ()
    retention_days: int | None = None


@dataclass(frozen=True, slots=True)
class Remark:
    """One finding: ``refused`` stops the request, else it is a warning. ``part``: value, time, zone or port."""

    code: str
    part: str
    refused: bool
    sentence: str
    repair: str


@dataclass(frozen=True, slots=True)
class Checked:
    """The value in canonical form, the instant in UTC where it is known, the port, and what was found."""

    value: str
    at: datetime | None
    port: int | None
    remarks: tuple[Remark, ...]

    @property
    def refusals(self) -> tuple[Remark, ...]:
        """What has to be repaired first."""
        return tuple(remark for remark in self.remarks if remark.refused)

    @property
    def warnings(self) -> tuple[Remark, ...]:
        """What the officer should know and may decide."""
        return tuple(remark for remark in self.remarks if not remark.refused)

    @property
    def contradicted(self) -> tuple[Remark, ...]:
        """Refusals of what somebody said, as against those of what nobody has said yet (``*-missing``)."""
        return tuple(remark for remark in self.refusals if not remark.code.endswith("-missing"))


def check(asked: Asked, holder: Holder, now: datetime) -> Checked:
    """Judge one value for one provider at one instant; ``now`` is aware.

    An IP address needs an instant with its zone, and a source port (RFC 6302) where its addresses are shared. Other
    kinds may go without a time; a time that is given is judged alike. Nothing is ever guessed.
    """
    remarks: list[Remark] = []
    address = asked.kind in ("ip", "ip_hour")
    value = _value(asked, address, remarks)
    port = _port(asked, remarks)
    at = _instant(asked, address, remarks)
    if at is not None:
        _age(asked, at, holder, now, remarks)
    if address and value:
        _needs_port(value, port, asked, holder, remarks)
    return Checked(value or asked.value, at, port, tuple(remarks))


def port_in(raw: str) -> str:
    """The port that a source wrote behind an address (``192.0.2.1:4711``, ``[2001:db8::1]:4711``), or nothing."""
    found = re.fullmatch(r"\s*(?:\[[0-9a-fA-F:.%\w-]+\]|\d{1,3}(?:\.\d{1,3}){3}):(\d{1,5})\s*", raw)
    return found[1] if found else ""


def _refuse(code: str, part: str, sentence: str, repair: str) -> Remark:
    return Remark(code, part, True, sentence, repair)


def _warn(code: str, part: str, sentence: str, repair: str) -> Remark:
    return Remark(code, part, False, sentence, repair)


def _value(asked: Asked, address: bool, remarks: list[Remark]) -> str:
    kind, raw = ("ip", asked.value.partition("@")[0]) if address else (asked.kind, asked.value)
    try:
        value = normalise(kind, raw)
    except ValueRefused as refusal:
        remarks.append(
            _refuse(
                "value-not-of-its-kind",
                "value",
                refusal.sentence,
                "Choose the value again where it stands in the exhibit.",
            )
        )
        return ""
    except ModuleNotFoundError:
        return raw.strip()
    if address:
        _scope(value, remarks)
    return value


def _scope(value: str, remarks: list[Remark]) -> None:
    one = ipaddress.ip_address(value)

    def within(networks: tuple[_Network, ...]) -> bool:
        return any(one.version == network.version and one in network for network in networks)

    public = "Look in the same source for the public address of the connection, often in the log of the service itself."
    if within(_CARRIER_GRADE_NAT):
        remarks.append(_refuse(
            "address-behind-carrier-nat", "value",
            f"{value} lies in 100.64.0.0/10, the space between a provider and its customers (RFC 6598): many use it at once.",
            public,
        ))  # fmt: skip
    elif within(_PRIVATE):
        rule = "RFC 4193" if one.version == 6 else "RFC 1918"
        remarks.append(_refuse(
            "address-private", "value", f"{value} is a private address ({rule}): every home network may use it.", public
        ))  # fmt: skip
    elif within(_LINK_LOCAL):
        remarks.append(_refuse(
            "address-link-local", "value", f"{value} has a meaning on one cable only (link-local); no provider gave it out.", public
        ))  # fmt: skip
    elif within(_NOBODY):
        remarks.append(_refuse(
            "address-reserved", "value", f"{value} lies in a range that is given to nobody (RFC 6890).", public
        ))  # fmt: skip
    elif within(_DOCUMENTATION):
        remarks.append(_warn(
            "address-documentation", "value",
            f"{value} lies in a range for documentation (RFC 5737, RFC 3849): on the internet nobody has it.",
            "Make sure that the source is no example or exercise.",
        ))  # fmt: skip
    elif within(_TRANSLATED):
        remarks.append(_warn(
            "address-translated", "value",
            f"{value} is an IPv6 address that stands for an IPv4 address behind a translator (6to4, Teredo or NAT64).",
            "Ask the operator of the translator, or look for the IPv4 address in the source.",
        ))  # fmt: skip


def _port(asked: Asked, remarks: list[Remark]) -> int | None:
    written, given = asked.source_port.strip() or port_in(asked.value), asked.port.strip()
    for one in filter(None, (written, given)):
        if not (one.isascii() and one.isdecimal() and len(one) <= 5 and 1 <= int(one) <= 65535):
            remarks.append(_refuse(
                "port-not-a-port", "port", f"“{one[:20]}” is no port: ports go from 1 to 65535.",
                "Copy the source port from the log, without the address.",
            ))  # fmt: skip
            return None
    if written and given and int(written) != int(given):
        remarks.append(_refuse(
            "port-contradicts", "port", f"The source says port {written}, and {given} was given.",
            "Leave the port empty: the source's own is taken.",
        ))  # fmt: skip
        return int(written)
    port = int(given or written) if given or written else None
    if port in (80, 443, 993, 995, 5222, 5223):
        remarks.append(_warn(
            "port-of-a-service", "port",
            f"Port {port} is usually the service's side of a connection (destination), not the subscriber's.",
            "Make sure that it is the source port: the one on the subscriber's side.",
        ))  # fmt: skip
    return port


def zone_of(written: str) -> tzinfo:
    """The zone that an IANA name (``Europe/London``), an offset (``+02:00``) or UTC means; ValueRefused for others."""
    text = written.strip()
    if text.upper() in _LETTER_ZONES:
        return UTC
    if found := _OFFSET.fullmatch(text):
        minutes = int(found[2]) * 60 + int(found[3] or 0)
        if minutes > 14 * 60 or int(found[3] or 0) > 59:
            raise ValueRefused(f"No zone is “{text}” away from UTC.")
        return timezone(timedelta(minutes=-minutes if found[1] == "-" else minutes))
    try:
        if "/" not in text:  # EST, CET and their like mean several zones, or none with a summer
            raise ValueRefused(f"“{text[:40]}” does not say one zone.")
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueRefused(f"“{text[:40]}” is not a time zone.") from None


_SAY_ZONE = "Say the zone of the source, as Europe/London or as an offset like +01:00."


def _instant(asked: Asked, needed: bool, remarks: list[Remark]) -> datetime | None:
    """The instant in UTC; None with a refusal where it is needed or contradicted, or where no time was given."""
    if not asked.time.strip() and not asked.recorded:
        if needed:
            remarks.append(_refuse(
                "time-missing", "time", "An address without a time names nobody: it belongs to another subscriber each day.",
                "Choose the record that says when the address was used.",
            ))  # fmt: skip
        return None
    try:
        read = asked.recorded or normalise("instant", asked.time)
    except ValueRefused as refusal:
        remarks.append(_refuse("time-not-read", "time", refusal.sentence, "Write it as 2026-02-03 04:05:06."))
        return None
    if len(read) < 13:
        if needed:
            remarks.append(_refuse(
                "time-is-a-day", "time", f"“{asked.time or read}” is a day, not an instant: an address changes hands within a day.",
                "Choose the record that gives the time of day, with seconds.",
            ))  # fmt: skip
        return None
    if needed and re.fullmatch(r".*[T ,]\d{1,2}[:.]\d{2}(?![:.\d]).*", asked.time or read):
        remarks.append(_warn(
            "time-without-seconds", "time",
            f"“{asked.time or read}” gives no seconds: within a minute a port is used more than once.",
            "Give the seconds where the source has them.",
        ))  # fmt: skip
    zone: tzinfo | None = None
    if asked.zone.strip():
        try:
            zone = zone_of(asked.zone)
        except ValueRefused as refusal:
            remarks.append(_refuse("zone-not-a-zone", "zone", refusal.sentence, _SAY_ZONE))
            return None
    if read.endswith("Z"):
        return _known(asked, _utc(read), zone, remarks)
    if zone is None:
        remarks.append(_refuse(
            "zone-missing", "zone", f"“{asked.time or read}” names no zone: it is another instant in each country.", _SAY_ZONE
        ))  # fmt: skip
        return None
    return _local(datetime.fromisoformat(read[:26]), zone, asked.zone.strip(), remarks)


def _utc(read: str) -> datetime:
    whole, dot, fraction = read.removesuffix("Z").partition(".")
    return datetime.fromisoformat(whole + (dot + fraction[:6].ljust(6, "0") if dot else "")).replace(tzinfo=UTC)


def _known(asked: Asked, at: datetime, zone: tzinfo | None, remarks: list[Remark]) -> datetime | None:
    """An instant whose zone the source says. What the officer says of the zone may only agree with it."""
    if zone is None:
        return at
    wall = _wall_clock(asked.time, at)
    meant = {(wall.replace(tzinfo=zone, fold=fold)).astimezone(UTC) for fold in (0, 1)}
    if at in meant:
        return at
    other = min(meant)
    remarks.append(_refuse(
        "zone-contradicts", "zone",
        f"The source says {at:%Y-%m-%d %H:%M:%S} UTC (“{asked.time or asked.recorded}”); read in {asked.zone.strip()} it would be"
        f" {other:%Y-%m-%d %H:%M:%S} UTC, {_apart(at, other)} away.",
        "Leave the zone as the source says it. Where the source itself is wrong, read its file again with the right zone, so that"
        " the correction is on record.",
    ))  # fmt: skip
    return None


def _wall_clock(written: str, at: datetime) -> datetime:
    """The hands of the clock as the source wrote them, without their zone."""
    text = written.strip()
    if (found := _ZONE_AT_END.search(text)) and found["sign"] and re.search(r"\d{1,2}[:.]\d{2}", text):
        minutes = int(found["hours"]) * 60 + int(found["minutes"] or 0)
        return (at + timedelta(minutes=-minutes if found["sign"] == "-" else minutes)).replace(tzinfo=None)
    if not text or _UTC_AT_END.search(text):
        return at.replace(tzinfo=None)
    try:
        plain = normalise("instant", text)
    except ValueRefused:
        return at.replace(tzinfo=None)
    if plain.endswith("Z") or len(plain) < 19:
        return at.replace(tzinfo=None)
    return datetime.fromisoformat(plain[:26])


def _apart(one: datetime, other: datetime) -> str:
    minutes = round(abs((one - other).total_seconds()) / 60)
    hours, rest = divmod(minutes, 60)
    return " ".join(filter(None, (f"{hours} h" if hours else "", f"{rest} min" if rest or not hours else "")))


def _local(wall: datetime, zone: tzinfo, name: str, remarks: list[Remark]) -> datetime | None:
    """A local time as an instant; refused where clocks were changed over it: there it happened twice, or never."""
    early, late = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if early.utcoffset() == late.utcoffset():
        return early.astimezone(UTC)
    # In a gap the two readings swap sides: going to UTC and back gives another hour (PEP 495).
    back = early.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    first, second = _offset(early.utcoffset()), _offset(late.utcoffset())
    if back != wall:
        remarks.append(_refuse(
            "time-never-happened", "time",
            f"{wall:%Y-%m-%d %H:%M:%S} never happened in {name}: clocks were put forward over it, from {first} to {second}.",
            "The source keeps another zone, often UTC: say which, as an offset.",
        ))  # fmt: skip
    else:
        remarks.append(_refuse(
            "time-happened-twice", "time",
            f"{wall:%Y-%m-%d %H:%M:%S} happened twice in {name}: clocks were put back over it, from {first} to {second}.",
            f"Say which of the two, as the offset {first} or {second}; where the source does not tell, ask about both.",
        ))  # fmt: skip
    return None


def _offset(delta: timedelta | None) -> str:
    minutes = round((delta or timedelta()).total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _age(asked: Asked, at: datetime, holder: Holder, now: datetime, remarks: list[Remark]) -> None:
    if at > now:
        remarks.append(_refuse(
            "time-in-the-future", "time", f"{at:%Y-%m-%d %H:%M:%S} UTC lies in the future.",
            "Day and month may be swapped, or the zone is wrong: compare it with the exhibit.",
        ))  # fmt: skip
        return
    if holder.retention_days is None:
        return
    days = (now - at).days
    left = holder.retention_days - days
    if left < 0:
        remarks.append(_warn(
            "older-than-kept", "time",
            f"It is {days} days old; {holder.name} is known to keep such logs for {holder.retention_days} days.",
            "Ask all the same if it matters: logs are kept longer for billing, abuse reports or an earlier preservation.",
        ))  # fmt: skip
    elif left <= 7:
        remarks.append(_warn(
            "deleted-soon", "time",
            f"{holder.name} is known to delete such logs after {holder.retention_days} days: {_days(left)} left.",
            "Ask for preservation today, by the emergency contact where there is one.",
        ))  # fmt: skip


def _days(number: int) -> str:
    return "less than a day is" if number == 0 else "1 day is" if number == 1 else f"{number} days are"


def _needs_port(value: str, port: int | None, asked: Asked, holder: Holder, remarks: list[Remark]) -> None:
    if port is not None or any(remark.part == "port" for remark in remarks):
        return
    one = ipaddress.ip_address(value)
    inside = ""
    for written in holder.shared_ranges:
        try:
            network = ipaddress.ip_network(written.strip(), strict=False)
        except ValueError:
            continue
        if one.version == network.version and one in network:
            inside = str(network)
            break
    repair = "Look for the source port in the service's log (RFC 6302 asks servers to keep it), or ask the service for it first."
    if inside:
        remarks.append(_refuse(
            "port-missing", "port", f"{value} lies in {inside}, which {holder.name} shares among many subscribers at once:"
            " without the source port it names all of them.", repair,
        ))  # fmt: skip
    elif holder.shares_addresses and one.version == 4:
        remarks.append(_refuse(
            "port-missing", "port", f"{holder.name} shares its IPv4 addresses among many subscribers at once:"
            " without the source port an address names all of them.", repair,
        ))  # fmt: skip
    elif one.version == 4:
        remarks.append(_warn(
            "port-not-given", "port", "No source port: if the provider shares this address, it can name nobody.", repair
        ))  # fmt: skip

"""The settings of a sensor: a TOML file, every word of it known. A word that is not known ends it; nothing is guessed.

No setting allows a transfer, because there is none to allow: see `opencets_sensor.guard`. What a setting may be stands
beside it; paths are taken from the file's folder.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from hashlib import sha256
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from opencets.errors import ActRefused
from opencets_sensor.sending import require_address

T = TypeVar("T")


def within(default: float, least: float, most: float) -> Any:
    """A number with its limits."""
    return field(default=default, metadata={"least": least, "most": most})


@dataclass(frozen=True, slots=True)
class Deliver:
    """Where sightings go: a server, a ledger's folder, a folder from which ``opencets sightings load`` reads, or several."""

    server: str = ""
    """Its address, as https://cets.example.org; http to this machine alone."""
    certificates: str = ""
    """A file with the certificates by which the server is known (PEM); empty: those that the system trusts."""
    answer_seconds: float = within(60, 1, 600)
    ledger: str = ""
    folder: str = ""
    every_seconds: float = within(300, 0.2, 86_400)
    """Between two deliveries; a server is told as often how the sensor goes."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How much the sensor asks of others."""

    asks_a_second: float = within(20, 0.01, 2000)
    at_once: int = within(100, 1, 5000)
    network_gap_seconds: float = within(1, 0, 3600)
    """Between two questions into the same 256 addresses (IPv6: the same /48)."""
    ask_again_seconds: float = within(3600, 1, 604_800)
    """Between two questions to one place about one file."""
    source_gap_seconds: float = within(1, 0, 3600)
    """Between two questions to one tracker."""
    source_again_seconds: float = within(1800, 1, 604_800)
    """Between two questions to one source about one file; more where the source says so, never less."""
    forget_after_hours: float = within(48, 1, 8760)
    """A place that did not answer, and that nobody told of again, is not asked any more."""
    most_places: int = within(1_000_000, 10, 100_000_000)


@dataclass(frozen=True, slots=True)
class Clock:
    """The time servers by which the clock is measured (host or host:port, NTP), and when it is wrong enough to tell."""

    servers: tuple[str, ...] = ()
    every_seconds: float = within(900, 1, 86_400)
    alert_ms: float = within(500, 1, 60_000)


@dataclass(frozen=True, slots=True)
class Reach:
    """Which addresses may be asked: public ones, and those of ``also``; never those of ``never``, nor low ports."""

    also: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    lowest_port: int = within(1024, 1, 65_535)

    def allows(self, address: str, port: int) -> bool:
        """Whether this place may be asked: trackers can be made to tell of machines that have nothing to do with it."""
        try:
            given = ip_address(address)
        except ValueError:
            return False
        if not self.lowest_port <= port <= 65_535 or any(given in ip_network(one) for one in self.never):
            return False
        public = given.is_global and not given.is_multicast
        return public or any(given in ip_network(one) for one in self.also)


@dataclass(frozen=True, slots=True)
class Spool:
    """When a log is sealed, and how much may wait when it cannot be delivered; full, the sensor stops looking."""

    most_entries: int = within(5000, 1, 1_000_000)
    seconds: float = within(60, 0.5, 86_400)
    most_megabytes: float = within(2000, 0.001, 10_000_000)


@dataclass(frozen=True, slots=True)
class Settings:
    """All of a sensor."""

    name: str
    state: str
    authority: str
    trusted_keys: tuple[str, ...]
    networks: Mapping[str, Mapping[str, Any]]
    share: str = "1/1"
    """Which part of the files is this sensor's, as 2/5."""
    hearsay: bool = False
    """Whether places that did not answer themselves are sightings too."""
    deliver: Deliver = Deliver()
    pace: Pace = Pace()
    clock: Clock = Clock()
    reach: Reach = Reach()
    spool: Spool = Spool()

    def digest(self) -> str:
        """SHA-256 of the settings, whatever their file looks like."""
        return sha256(json.dumps(self.said(), sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def said(self) -> dict[str, Any]:
        """The settings as the log keeps them, so that a court sees by which it was looked."""
        return {**asdict(self), "networks": {name: dict(table) for name, table in self.networks.items()}}

    def mine(self, file: str) -> bool:
        """Whether this sensor looks for a file."""
        number, _, of = self.share.partition("/")
        return int(sha256(file.encode()).hexdigest()[:15], 16) % int(of) == int(number) - 1


def read_settings(path: Path) -> Settings:
    """The settings of a file. ActRefused names the first word that cannot be used."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as reason:
        raise ActRefused(f"The settings {path.name} cannot be read: {reason}. The sensor does not start.") from None
    settings = read_table(Settings, given, path.name)
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", settings.name):
        raise ActRefused(f"{path.name}: name has small letters, digits and hyphens only. The sensor does not start.")
    number, _, of = settings.share.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of) <= 10_000):
        raise ActRefused(f"{path.name}: share is written as 2/5, the second of five. The sensor does not start.")
    for one in (*settings.reach.also, *settings.reach.never):
        try:
            ip_network(one)
        except ValueError:
            raise ActRefused(f"{path.name}: reach names {one}, which is no network of addresses.") from None
    if not (settings.deliver.server or settings.deliver.ledger or settings.deliver.folder):
        raise ActRefused(
            f"{path.name} says nowhere to deliver to ([deliver] server, ledger or folder). The sensor does not start."
        )
    if settings.deliver.server:
        try:
            require_address(settings.deliver.server)
        except ActRefused as refusal:
            raise ActRefused(f"{path.name}: {refusal.sentence} The sensor does not start.") from None
    if not settings.networks:
        raise ActRefused(f"{path.name} names no network ([networks.bittorrent]). The sensor does not start.")
    return settings


def read_table(kind: type[T], given: Any, where: str) -> T:
    """``given`` as a frozen table of settings; unknown words, other types and numbers out of their limits are refused."""
    if not isinstance(given, dict):
        raise ActRefused(f"{where} is no table. The sensor does not start.")
    known = {one.name: one for one in fields(kind)}  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            raise ActRefused(
                f"{where}: “{name}” is no setting; there are {', '.join(known)}. The sensor does not start with words "
                "that it does not know."
            )
    hints = get_type_hints(kind)
    try:
        return kind(
            **{
                name: _value(hints[name], value, known[name].metadata, f"{where}: {name}")
                for name, value in given.items()
            }
        )
    except TypeError as missing:
        raise ActRefused(f"{where}: {str(missing).partition('() ')[2]}. The sensor does not start.") from None


def _value(hint: Any, value: Any, limits: Mapping[str, Any], where: str) -> Any:
    if is_dataclass(hint) and isinstance(hint, type):
        return read_table(hint, value, where)
    if hint in (int, float):
        right = type(value) is int or (hint is float and type(value) is float)
        if not right or not limits["least"] <= value <= limits["most"]:
            raise ActRefused(
                f"{where} is a number from {limits['least']} to {limits['most']}. The sensor does not start."
            )
        return value
    if hint is bool or hint is str:
        if type(value) is not hint:
            raise ActRefused(f"{where} is {'true or false' if hint is bool else 'text'}. The sensor does not start.")
        return value
    if hint == tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise ActRefused(f"{where} is a list of texts. The sensor does not start.")
        return tuple(value)
    if not isinstance(value, dict) or not all(isinstance(one, dict) for one in value.values()):
        raise ActRefused(f"{where} is a table of tables. The sensor does not start.")
    return value

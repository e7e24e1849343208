"""A small invented population of computers that offer known files: what a sensor would write, as JSON lines.

Addresses are of the documentation ranges, digests of nothing, places real but chosen by dice. Planted: a few that hold rare files,
one that moves, one that comes and goes, one behind a shared line, and those that ``meets`` names at an address, port and time.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SPOTS = (
    ("GB", "GB-ENG", "Bristol"), ("GB", "GB-ENG", "Bath"), ("GB", "GB-ENG", None), ("GB", "GB-SCT", "Glasgow"),
    ("GB", "GB-WLS", "Cardiff"), ("GB", None, None), ("DE", "DE-BY", "Munich"), ("DE", "DE-HH", "Hamburg"),
    ("FR", "FR-IDF", "Paris"), ("NL", "NL-NH", None), ("US", "US-WY", "Laramie"), ("US", "US-CA", "Fresno"),
    ("CA", "CA-ON", "Toronto"), ("AU", "AU-NSW", None), ("BR", None, None), ("JP", None, None), (None, None, None),
)  # fmt: skip
WEIGHTS = (14, 6, 5, 6, 4, 3, 6, 4, 5, 3, 3, 5, 4, 3, 2, 2, 1)
PROVIDERS = (64496, 64499, 64502, 64505, 64511)
"""Numbers kept for documentation (RFC 5398)."""
KINDS = {"bittorrent": "peer_id", "gnutella": "guid", "edonkey": "user_hash"}
PROGRAMS = {"bittorrent": "Sample 4.5", "gnutella": "Example 2.3", "edonkey": "Specimen 0.50"}
CATEGORIES = ("UK:1", "UK:2", "UK:3")
COMMON, RARE_OF_ONE = 160, 24


@dataclass(frozen=True, slots=True)
class Meeting:
    """Where and when a planted computer was: an address and port that stand in a case too."""

    address: str
    port: int
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class _Computer:
    identity: str
    network: str
    spot: tuple[str | None, str | None, str | None]
    addresses: tuple[str, ...]
    port: int
    days: tuple[int, ...]
    files: tuple[str, ...]
    provider: int
    shared: bool


def sightings(
    seed: int, newest: dt.date, *, computers: int = 70, days: int = 75, meets: Sequence[Meeting] = ()
) -> Iterator[dict[str, Any]]:
    """Sightings of ``days`` days until the newest, the same for the same seed."""
    chance = random.Random(seed)
    for one in _population(chance, computers, days):
        for back in one.days:
            for _ in range(chance.randint(1, 6)):
                at = dt.datetime.combine(newest - dt.timedelta(back), dt.time(), dt.UTC) + dt.timedelta(
                    seconds=min(86_399, int(chance.gauss(70_000, 9_000)) % 86_400), milliseconds=chance.randrange(1000)
                )
                address = one.addresses[min(back * len(one.addresses) // max(days, 1), len(one.addresses) - 1)]
                yield _row(chance, one, at, address, one.port, chance.choice(one.files))
    for number, meeting in enumerate(meets):
        met = _Computer(
            f"{chance.getrandbits(128):032x}", "gnutella", SPOTS[number % 2], (meeting.address,), meeting.port, (),
            _rare(seed, 90 + number),
            PROVIDERS[0], False,
        )  # fmt: skip
        for file in met.files:
            yield _row(chance, met, meeting.at, meeting.address, meeting.port, file)
            later = dt.datetime.combine(newest, dt.time(18, number), dt.UTC)
            yield _row(chance, met, later, meeting.address, meeting.port, file)


def _rare(seed: int, number: int) -> tuple[str, ...]:
    return tuple(f"{random.Random(f'{seed} {number} {each}').getrandbits(160):040x}" for each in range(RARE_OF_ONE))


def _common(seed: int) -> tuple[str, ...]:
    return tuple(f"{random.Random(f'{seed} common {each}').getrandbits(160):040x}" for each in range(COMMON))


def _population(chance: random.Random, computers: int, days: int) -> Iterator[_Computer]:
    seed = chance.randrange(1 << 30)
    common = _common(seed)
    for number in range(computers):
        network = chance.choice(tuple(KINDS))
        mine = [common[min(int(chance.paretovariate(0.8) * 3), COMMON - 1)] for _ in range(chance.randint(2, 30))]
        begin = chance.randrange(days)
        seen = range(begin, min(days, begin + chance.choice((1, 2, 4, 9, 20))))
        if number < 4:
            mine, seen = [*mine, *_rare(seed, number)], range(0, days, number + 2)
        elif number == 4:
            seen = range(0, days, 11)
        net = ("192.0.2", "198.51.100", "203.0.113")[number % 3]
        leases = tuple(f"{net}.{1 + (number * 7 + each * 31) % 250}" for each in range(3 if number % 5 == 0 else 1))
        yield _Computer(
            f"{chance.getrandbits(128):032x}", network, chance.choices(SPOTS, WEIGHTS)[0] if number else SPOTS[0], leases,
            chance.randint(20_000, 60_000), tuple(seen), tuple(mine), chance.choice(PROVIDERS), number % 9 == 6,
        )  # fmt: skip


def _row(chance: random.Random, one: _Computer, at: dt.datetime, address: str, port: int, file: str) -> dict[str, Any]:
    country, region, place = one.spot
    return {
        "observed_at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "network": one.network,
        KINDS[one.network]: one.identity, "file": file, "address": address, "port": port, "client": PROGRAMS[one.network],
        "pieces_have": chance.choice((100, 100, 100, 40)), "pieces_total": 100,
        "evidence": chance.choices(("handshake", "tracker", "dht"), (7, 2, 1))[0], "country": country, "region": region,
        "place": place, "provider": one.provider, "shared_line": one.shared,
    }  # fmt: skip


def write_sightings(path: Path, seed: int, newest: dt.date, **shape: Any) -> list[str]:
    """Write them as JSON lines by time; the digests that they name, for a list of known files."""
    rows = sorted(sightings(seed, newest, **shape), key=lambda row: str(row["observed_at"]))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return sorted({str(row["file"]) for row in rows})


def write_list(path: Path, digests: Sequence[str]) -> None:
    """Write every second digest as a list of known files with categories: a list never names all that is traded."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("digest", "category"))
        writer.writerows((digest, CATEGORIES[at % 3]) for at, digest in enumerate(digests) if at % 4 != 3)

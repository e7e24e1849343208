"""Invented sightings: documentation addresses, digests of nothing, a few computers that come and go."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa

from opencets.sighting import Batch, Origin

BEGIN = np.datetime64("2026-03-01T00:00:00", "ms")


def invented(seed: int, rows: int = 300, days: int = 40, computers: int = 12) -> pa.Table:
    """Rows of all networks on eight days (two of two) at both ends of ``days``; some of them by hearsay."""
    chance = random.Random(seed)
    on = sorted({0, 1, 2, 3, days - 4, days - 3, days - 2, days - 1} & set(range(days)))
    networks = ("bittorrent", "gnutella", "edonkey")
    kinds = {"bittorrent": "peer_id", "gnutella": "guid", "edonkey": "user_hash"}
    who = [chance.randrange(computers) for _ in range(rows)]
    network = [networks[each % 3] for each in who]
    return pa.table(
        {
            "seen_at": BEGIN
            + np.array(
                [86_400_000 * chance.choice(on) + chance.randrange(86_400_000) for _ in range(rows)], "timedelta64[ms]"
            ),
            "network": network,
            "identity": [f"{each:032x}" for each in who],
            "identity_kind": [kinds[each] for each in network],
            "file": [f"{min(chance.randrange(40), chance.randrange(40)):040x}" for _ in range(rows)],
            "address": [f"198.51.100.{each + chance.randrange(2)}" for each in who],
            "port": pa.array([4000 + each for each in who], pa.uint16()),
            "evidence": [chance.choice(("handshake", "handshake", "tracker")) for _ in range(rows)],
            "pieces_have": pa.array([chance.choice((10, 100)) for _ in range(rows)], pa.uint32()),
            "pieces_total": pa.array([100] * rows, pa.uint32()),
            "country": ["US" if each % 2 else "GB" for each in who],
            "region": [("US-WY" if each % 4 == 1 else "US-FL") if each % 2 else None for each in who],
        }
    )


def batch(seed: int, **shape: int) -> Batch:
    """A batch of them; its key is its seed."""
    return Batch.of(
        Origin(f"batch {seed}", sensor="sensor 1", clock_offset_ms=3, clock_source="NTP"), invented(seed, **shape)
    )


def sessions(days: tuple[int, ...] = (0, 1, 2, 9, 10), key: str = "sessions") -> Batch:
    """A computer at one port whose program has a new peer id each day, with an eDonkey beside it; its address changes once."""
    rows = []
    for day in days:
        address = f"203.0.113.{7 if day < 5 else 9}"
        for network, identity, kind in (
            ("bittorrent", f"{0xA0 + day:040x}", "peer_id"),
            ("edonkey", f"{0xE0:032x}", "user_hash"),
        ):
            for hour in (8, 9):
                at = BEGIN + np.timedelta64(day * 86_400_000 + hour * 3_600_000, "ms")
                rows.append(
                    (
                        at,
                        network,
                        identity,
                        kind,
                        f"{hour:040x}",
                        address,
                        40_123,
                        "example 1.0",
                        "handshake",
                        "GB",
                        64_500,
                    )
                )
    names = (
        "seen_at",
        "network",
        "identity",
        "identity_kind",
        "file",
        "address",
        "port",
        "client",
        "evidence",
        "country",
        "provider",
    )
    columns = dict(zip(names, (list(column) for column in zip(*rows, strict=True)), strict=True))
    columns["seen_at"] = np.array(columns["seen_at"])
    return Batch.of(Origin(key), pa.table(columns))

"""The account that goes with a computer's sightings into a case: where each comes from, how to do it again, what it does not say.

``replay.jsonl`` holds the sightings as a ledger loads them: loaded into an empty ledger, they give the same history.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from opencets.ranking.computers import computers_model
from opencets.sighting.answers import History, Sighting
from opencets.sighting.batch import DIRECT, IDENTITIES

REPLAY, ACCOUNT = "replay.jsonl", "account.txt"
LIMITS = (
    "A sighting says that a program at an address and port offered a file at a time. It does not say who sat there, nor whose "
    "computer it is.",
    "An address belongs to a subscriber for a time. Which one, the provider says from address, port and time together; behind a "
    "shared or anonymising line the port and the second decide, or nobody can say.",
    "The place of an address is where the provider's line is said to end, as precise as the database of that day says.",
    "By hearsay (tracker, DHT, exchange of peers) somebody else said that the computer offers the file, not it itself.",
    "A gap means that nobody saw it: it was off, elsewhere, or nobody looked.",
    "Only metadata was observed. No content was asked for, received or kept; that a file is known follows from its digest alone.",
)
_ORIGIN = {
    "sensor": "Sensor", "run": "Run", "software": "Program", "configuration": "SHA-256 of its configuration",
    "clock_offset_ms": "Its clock minus UTC, in milliseconds", "clock_source": "Measured by", "raw_sha256": "SHA-256 of its log",
    "places": "Databases of places", "order": "Order or authority", "key": "Key of the batch (SHA-256 of its file, and part)",
}  # fmt: skip


def write_account(folder: Path, computer: History, found: int, origins: Mapping[int, Mapping[str, Any]]) -> None:
    """Write the account and the sightings to replay beside the tables that stand in the folder already."""
    with (folder / REPLAY).open("w", encoding="utf-8") as stream:
        for one in computer.sightings:
            stream.write(json.dumps(_again(one), sort_keys=True) + "\n")
    digests = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir()) if path.is_file()
    }
    (folder / ACCOUNT).write_text("\n".join(_account(computer, found, origins, digests)) + "\n", encoding="utf-8")


def _again(one: Sighting) -> dict[str, Any]:
    """A sighting as a file of sightings has it; what is not known is left out."""
    kind = one.identity_kind if one.identity_kind != "endpoint" else "identity"
    row = {
        "seen_at": f"{one.seen_at.isoformat(timespec='milliseconds')}Z", "network": one.network, kind: one.identity,
        "file": one.file, "address": one.address, "port": one.port, "client": one.client, "pieces_have": one.pieces_have,
        "pieces_total": one.pieces_total, "evidence": one.evidence, "country": one.country, "region": one.region,
        "place": one.place, "provider": one.provider, "shared_line": one.shared_line,
    }  # fmt: skip
    return {name: value for name, value in row.items() if value is not None}


def _account(
    computer: History,
    found: int,
    origins: Mapping[int, Mapping[str, Any]],
    digests: Mapping[str, str],
) -> list[str]:
    identity, seen = computer.identity, computer.sightings
    by_batch = Counter(one.batch for one in seen)
    direct = sum(one.evidence in DIRECT for one in seen)
    lines = [
        f"Computer {identity}", "",
        f"{len(seen):,} sightings from {seen[0].seen_at:%Y-%m-%d %H:%M:%S} to {seen[-1].seen_at:%Y-%m-%d %H:%M:%S} UTC, of "
        f"{len({one.file for one in seen}):,} files; {direct:,} by its own word.",
        *([f"{found - len(seen):,} earlier ones are left out: the last {len(seen):,} stand here."] if found > len(seen) else []),
        *(f"Its identity ({kind.replace('_', ' ')}): {IDENTITIES[kind]}" for kind in sorted({one.identity_kind for one in seen})),
        *_linked(computer),
        "", "WHERE THEY COME FROM",
    ]  # fmt: skip
    for batch, count in sorted(by_batch.items()):
        origin = origins.get(batch, {})
        lines.append(f"Batch {batch}: {count:,} sightings")
        lines += [f"  {words}: {origin[name]}" for name, words in _ORIGIN.items() if origin.get(name) not in (None, "")]
        if origin.get("clock_offset_ms") is None:
            lines.append("  Nobody measured how far the sensor's clock was off.")
        if not origin.get("raw_sha256"):
            lines.append("  No raw log of the protocol was handed in with it; the file itself is kept.")
    lines += [
        "", "HOW TO DO IT AGAIN",
        f"OpenCETS {version('opencets')}, model of the order {computers_model().model}.",
        f"  opencets sightings load {REPLAY} --store EMPTY-FOLDER",
        f"  opencets sightings computer {identity} --store EMPTY-FOLDER --json",
        "gives the same sightings, addresses in turn and gaps. SHA-256 of what stands here:",
        *(f"  {digest}  {name}" for name, digest in digests.items()),
        "", "WHAT IT DOES NOT SAY", *LIMITS,
    ]  # fmt: skip
    return lines


def _linked(computer: History) -> list[str]:
    """Why several identities are told as one computer, each link with its rule and how sure it is."""
    if len(computer.identities) < 2:
        return []
    return [
        "", "WHY THESE ARE ONE COMPUTER", f"{len(computer.identities)} identities were linked, by rules and not by a person:",
        *(
            f"  {link.earlier} and {link.later}: {link.sentence} ({link.probability:.0%})"
            for link in computer.links
            if link.joins
        ),
    ]  # fmt: skip

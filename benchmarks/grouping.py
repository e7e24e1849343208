"""Which runs of BitTorrent programs are one computer's: the rules of the ledger on generated runs whose computers are known.

Each computer has a new peer id every day it is on. 40 % keep the usual port of their program; 15 % are behind an address
that many use; leases change after some days, often with a pause; two computers of a household in ten stand behind one
address; a tenth of the computers also runs a second network, half of them with the same program. Files follow Zipf's law.
Compared with: every identity for itself, the same address within fourteen days, address and port within three days.
Precision and recall are over pairs of runs of one computer; over- and under-merging stand apart.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from opencets.sighting import Batch, Ledger, Origin
from opencets.sighting.grouping import grouping_rules
from opencets.sighting.parts import DAYS, GROUPS, LINKS

BEGIN = np.datetime64("2026-01-01")
SPAN = 60
USUAL = np.array([6881, 51413, 6889])


def runs(computers: int, seed: int) -> tuple[pa.Table, dict[str, int]]:
    """Sightings, four to a run, and whose each identity is."""
    chance = np.random.default_rng(seed)
    rows: dict[str, list[Any]] = {name: [] for name in (
        "seen_at", "network", "identity", "identity_kind", "file", "address", "port", "client", "evidence", "country",
        "region", "provider", "shared_line",
    )}  # fmt: skip
    whose: dict[str, int] = {}
    shared_pool = [f"198.18.0.{number}" for number in range(max(4, computers // 100))]
    line = np.arange(computers)
    line[1::10] = line[::10][: len(line[1::10])]  # of ten computers two share a household's line
    place = chance.integers(0, 40, computers)[line]
    provider = chance.integers(64_496, 64_512, computers)[line]
    is_shared = (chance.random(computers) < 0.15)[line]
    lease_days = chance.integers(3, 30, computers)[line]
    lease_seed = chance.integers(0, 1 << 30, computers)[line]
    for who in range(computers):
        client = f"example {chance.integers(1, 9)}.{chance.integers(0, 4)}"
        port = int(chance.choice(USUAL)) if chance.random() < 0.4 else int(chance.integers(10_000, 65_000))
        library = np.unique(np.minimum(chance.zipf(1.4, int(chance.integers(2, 15))), 20_000))
        first = int(chance.integers(0, SPAN))
        on = [day for day in range(first, min(SPAN, first + int(chance.geometric(0.06)))) if chance.random() < 0.6] or [
            first
        ]
        second = who % 10 in (1, 9)
        lasting = f"{(1 << 120) + who:032x}"
        for day in on:
            lease = int(np.random.default_rng((int(lease_seed[who]), day // int(lease_days[who]))).integers(0, 60_000))
            address = (
                shared_pool[lease % len(shared_pool)]
                if is_shared[who]
                else f"198.{18 + lease % 2}.{1 + lease // 250 % 250}.{lease % 250}"
            )
            start = int(chance.integers(0, 70_000_000))
            for network, identity, kind, program, door in (
                ("bittorrent", f"{int(chance.integers(0, 1 << 62)):040x}", "peer_id", client, port),
                ("edonkey", lasting, "user_hash", client if who // 10 % 2 else "sample 2", port + 1),
            )[: 2 if second else 1]:
                whose[identity] = who
                for each in range(4):
                    rows["seen_at"].append(start + each * 3_600_000 + day * 86_400_000)
                    rows["network"].append(network)
                    rows["identity"].append(identity)
                    rows["identity_kind"].append(kind)
                    rows["file"].append(f"{int(library[chance.integers(0, library.size)]):040x}")
                    rows["address"].append(address)
                    rows["port"].append(door)
                    rows["client"].append(program)
                    rows["evidence"].append("handshake")
                    rows["country"].append("US")
                    rows["region"].append(f"US-{chr(65 + place[who] // 26)}{chr(65 + place[who] % 26)}")
                    rows["provider"].append(int(provider[who]))
                    rows["shared_line"].append(bool(is_shared[who]))
    times = BEGIN.astype("datetime64[ms]") + np.array(rows.pop("seen_at")).astype("timedelta64[ms]")
    columns = {name: pa.array(values) for name, values in rows.items()}
    columns["port"] = columns["port"].cast(pa.uint16())
    columns["provider"] = columns["provider"].cast(pa.uint32())
    return pa.table({"seen_at": times, **columns}), whose


def scores(edges: list[tuple[str, str]], whose: dict[str, int], judged: set[str]) -> dict[str, float]:
    """Over pairs of the ``judged`` identities in one group: how many are one computer's, and how many of those there are."""
    names = sorted(judged)
    at = {name: place for place, name in enumerate(names)}
    kept = [(at[left], at[right]) for left, right in edges if left in at and right in at]
    ends = np.array(kept, np.int64).reshape(-1, 2).T
    _, labels = connected_components(
        coo_array((np.ones(ends.shape[1], np.bool_), (ends[0], ends[1])), shape=(len(names), len(names))),
        directed=False,
    )
    truth = np.array([whose[name] for name in names])

    def pairs(keys: Any) -> int:
        _, counts = np.unique(keys, return_counts=True)
        return int((counts * (counts - 1) // 2).sum())

    both = pairs(labels.astype(np.int64) << 32 | truth)
    said, there = pairs(labels), pairs(truth)
    groups = np.unique(labels.astype(np.int64) << 32 | truth)
    return {
        "precision": round(both / said, 4) if said else 1.0,
        "recall": round(both / there, 4) if there else 1.0,
        "groups": int(labels.max()) + 1,
        "computers": len(set(truth.tolist())),
        "over_merged": len(groups) - int(labels.max()) - 1,
        "under_merged": len(groups) - len(set(truth.tolist())),
        "largest": int(np.bincount(labels).max()),
    }


def measure(computers: int, seed: int) -> dict[str, Any]:
    table, whose = runs(computers, seed)
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger.create(Path(folder))
        list(ledger.load([Batch.of(Origin("generated"), table)]))
        begun = time.process_time()
        ledger.derive()
        derived = time.process_time() - begun
        state = ledger.state()
        tables = {DAYS: state.table(DAYS), LINKS: state.table(LINKS), GROUPS: state.table(GROUPS)}
        links = ledger.rows(tables, "select earlier, later, rule from links")
        known = {
            str(row[0])
            for row in ledger.rows(tables, "select distinct identity from days where coalesce(shared_line, 0) = 0")
        }
        near = (
            "lag(identity) over (partition by {by} order by first_at), identity, "
            "first_at - lag(last_at) over (partition by {by} order by first_at) as gap"
        )
        peers = {}
        for name, by, days in (
            ("same address, 14 days", "address", 14),
            ("address and port, 3 days", "address, port, client", 3),
        ):
            found = ledger.rows(
                tables, f"select * from (select {near.format(by=by)} from days) where gap < interval {days} day"
            )
            peers[name] = scores([(str(one), str(other)) for one, other, _ in found if one], whose, set(whose))
    rules = grouping_rules()
    sure = {name for name, rule in rules.rules.items() if rule["probability"] >= rules.joins_from}
    by_rule = {}
    for name in rules.rules:
        pairs = [(one, other) for one, other, rule in links if rule == name]
        right = sum(whose[one] == whose[other] for one, other in pairs)
        by_rule[name] = {"links": len(pairs), "right": round(right / len(pairs), 4) if pairs else None}
    joined = [(one, other) for one, other, rule in links if rule in sure]
    ours = scores(joined, whose, set(whose))
    assert all(
        found["right"] is None or found["right"] >= rules.rules[name]["probability"]
        for name, found in by_rule.items()
        if name in sure
    ), by_rule
    assert ours["precision"] > peers["same address, 14 days"]["precision"]
    return {
        "computers": computers, "runs": len(whose), "sightings": table.num_rows, "seed": seed,
        "derive_s": round(derived, 2), "ours": ours, "ours_off_shared_lines": scores(joined, whose, known),
        "rules": by_rule, "peers": peers, "model": rules.model, "machine": platform.machine(),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--computers", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=11)
    arguments = parser.parse_args()
    found = measure(arguments.computers, arguments.seed)
    if arguments.json:
        print(json.dumps(found))
        return
    print(
        f"{found['runs']:,} runs of {found['computers']:,} computers; derived in {found['derive_s']} s of processor time"
    )
    for name, one in (
        ("by the rules", found["ours"]),
        ("by the rules, off shared lines", found["ours_off_shared_lines"]),
        *found["peers"].items(),
    ):
        print(f"{name}: precision {one['precision']}, recall {one['recall']}, over-merged {one['over_merged']}, "
              f"under-merged {one['under_merged']}, largest {one['largest']}")  # fmt: skip
    for name, one in found["rules"].items():
        print(f"  {name}: {one['links']:,} links, right {one['right']}")


if __name__ == "__main__":
    main()

"""The agent on a desktop of its own (Xvfb, openbox, mousepad, xterm, Chromium with a chat page), and a server on the loopback.

How long from the last key of a phrase, or from a line's arrival in the chat page, until the server has it; what the agent and the
programs that it starts take of a core, idle and at eight keystrokes a second with a page that scrolls and fills; its memory. Each
phrase is another one of a library of thousands, so that none is told as a repetition. The bars: 2 s at the 95th percentile, 3 %,
10 %, 150 MB. (The keys come faster than eight: xdotool halves its pause; the figure says how fast.)
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

WORDS = (
    "blue green amber silver paper wooden quiet early narrow distant kiosk station timetable umbrella bicycle lantern garden "
    "ferry market library bakery museum platform ticket window orchard harbour bridge"
).split()
BARS = {"latency_p95_s": 2.0, "idle_percent": 3.0, "typing_percent": 10.0, "memory_mb": 150.0}


def phrases(count: int) -> list[str]:
    """Different neutral phrases, none part of another."""
    chance, made = random.Random(7), dict[str, None]()
    while len(made) < count:
        made[f"meet {' '.join(chance.sample(WORDS, 3))} {len(made):04d}"] = None
    return list(made)


class Burden:
    """What a process and those that it started used of processors, in seconds; children that ended count too."""

    def __init__(self, process: int) -> None:
        import psutil

        self.process = psutil.Process(process)
        self.highest = 0.0

    def seconds(self) -> float:
        self.highest = max(self.highest, self.process.memory_info().rss / 1e6)
        times = self.process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)


def percentile(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


def measure(count: int, seconds: float, entries: int) -> dict[str, Any]:
    from opencets.watching import Library, Phrase, bytes_of
    from tests.agent.chat import Chat
    from tests.agent.desktop import desktop, until
    from tests.agent.peer import Peer
    from tests.agent.ready import end, health, make_watched

    every = phrases(entries)
    library = Library(
        "bench", 1, "Neutral phrases.", "generated",
        tuple(Phrase(text, 4, "en", "meetings", "generated") for text in every),
    )  # fmt: skip
    typed, received = every[:count], every[count : 2 * count]
    with tempfile.TemporaryDirectory(prefix="agent") as folder, Peer() as peer, Chat() as chat, desktop() as desk:
        named = [{"name": library.name, "version": "1", "digest": library.digest}]
        watched = make_watched(Path(folder) / "device", peer, heartbeat=10, libraries=named)
        (watched.folder / "libraries" / "neutral.json").write_bytes(bytes_of(library))
        program = watched.start(desk.environment)
        try:
            until(lambda: health(watched).get("collecting"), 30)
            burden = Burden(program.pid)
            desk.start("xterm", "-fa", "Monospace", "-fs", "12", "-e", "cat")
            desk.chromium(chat.address())
            page = desk.window("Chat with Kim")
            desk.start("mousepad")
            editor = desk.window("Mousepad")
            desk.focus(editor)
            time.sleep(12)

            def arrival(phrase: str) -> float | None:
                entries = peer.entries(watched.device.id)
                for entry in reversed(entries):
                    if entry.kind == "hit" and entry.seq not in opened:
                        opened[entry.seq] = _phrase_of(peer, entry)
                return next((peer.arrived[watched.device.id, n] for n, said in opened.items() if said == phrase), None)

            opened: dict[int, str] = {}
            began, at = burden.seconds(), time.monotonic()
            time.sleep(seconds)
            idle = 100 * (burden.seconds() - began) / (time.monotonic() - at)

            took: dict[str, list[float]] = {
                "typed in the editor": [],
                "received in the page": [],
                "typed in the page": [],
            }
            missed = 0

            def told(kind: str, phrase: str, since: float) -> int:
                until_at = time.time() + 10
                while (there := arrival(phrase)) is None:
                    if time.time() > until_at:
                        return 1
                    time.sleep(0.005)
                took[kind].append(max(there - since, 0.0))
                return 0

            for number, phrase in enumerate(typed):
                if number == len(typed) // 2:
                    desk.focus(page)
                    time.sleep(1)
                desk.type(phrase, 8)
                since = time.time()
                missed += told(
                    "typed in the editor" if number < len(typed) // 2 else "typed in the page", phrase, since
                )
                desk.type(". ", 8)
            for phrase in received:
                chat.say(f"well, {phrase}, I think")
                missed += told("received in the page", phrase, time.time())

            desk.focus(editor)
            began, at = burden.seconds(), time.monotonic()
            keys = 0
            while time.monotonic() - at < seconds:
                chat.say(f"an ordinary line {keys} about the weather and the garden")
                desk.type("a quiet ", 125)
                keys += 8
            spent = time.monotonic() - at
            typing = 100 * (burden.seconds() - began) / spent
            return {
                "phrases_of_library": entries,
                "latency_s": {
                    kind: {
                        "count": len(values),
                        "median": round(percentile(values, 0.5), 3),
                        "p95": round(percentile(values, 0.95), 3),
                    }
                    for kind, values in took.items()
                    if values
                },
                "latency_p95_s": round(percentile([one for values in took.values() for one in values], 0.95), 3),
                "missed": missed,
                "idle_percent": round(idle, 2),
                "typing_percent": round(typing, 2),
                "keystrokes_a_second": round(keys / spent, 1),
                "memory_mb": round(burden.highest, 1),
                "faults": peer.faults(watched.device.id),
            }
        finally:
            end(program)


def _phrase_of(peer: Any, entry: Any) -> str:
    from opencets.packing import captures

    body = captures.open_body(entry, [str(peer.identity)])
    assert isinstance(body, captures.Hit)
    return body.rule.phrase


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=40, help="phrases typed, and as many received")
    parser.add_argument("--seconds", type=float, default=40, help="of idleness, and of typing")
    parser.add_argument("--entries", type=int, default=5000, help="phrases of the library")
    parser.add_argument("--json", action="store_true", help="print as JSON")
    options = parser.parse_args()
    before = os.getloadavg()[0]
    found = measure(options.count, options.seconds, options.entries)
    found |= {
        "load_before_and_after": [round(before, 1), round(os.getloadavg()[0], 1)], "cores": os.cpu_count(),
        "machine": platform.machine(), "bars": BARS, "reached": {name: found[name] <= bar for name, bar in BARS.items()},
    }  # fmt: skip
    if options.json:
        print(json.dumps(found, indent=1))
        return
    for kind, values in found["latency_s"].items():
        print(f"{kind}: median {values['median']} s, 95th percentile {values['p95']} s, of {values['count']}")
    for name, bar in BARS.items():
        print(f"{name}: {found[name]} (bar {bar:g})")
    print(
        f"missed: {found['missed']}; faults of the chain: {found['faults'] or 'none'}; load {found['load_before_and_after']}"
    )


if __name__ == "__main__":
    main()

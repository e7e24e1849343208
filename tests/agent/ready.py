"""What an agent needs to start, in a folder: settings, a device with its key, a signed order, a neutral library."""

from __future__ import annotations

import datetime as dt
import getpass
import json
import os
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from opencets.packing.fields import instant
from opencets.packing.order import open_order, sign_order
from opencets.watching import Library, Phrase, bytes_of
from opencets_agent.device import Device, enrol, open_device
from tests.agent.peer import Peer

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = b64encode(KEY.public_key().public_bytes_raw()).decode()
OPENCETS = str(Path(sys.executable).with_name("opencets"))
ACCOUNT = getpass.getuser()
LIBRARY = Library(
    "neutral", 1, "Neutral phrases for tests.", "made for the tests",
    (
        Phrase("meet at the blue kiosk", 4, "en", "meetings", "made for the tests"),
        Phrase("send the train timetable", 3, "en", "meetings", "made for the tests"),
        Phrase("bring the green umbrella", 5, "en", "meetings", "made for the tests"),
    ),
)  # fmt: skip
ALL = ("typed", "shown", "window", "address", "clipboard", "file", "drive", "account", "program", "evasion")
SETTINGS = """
state = "state"
order = "order.json"
trusted_keys = ["{key}"]
[sending]
heartbeat_seconds = {heartbeat}
answer_seconds = 2
{certificate}
[spool]
most_megabytes = {megabytes}
[files]
folders = ["{folder}/files"]
"""


@dataclass
class Watched:
    """A device with an order, and the server of the order."""

    folder: Path
    device: Device
    peer: Peer
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> Path:
        return self.folder / "agent.toml"

    def order(self, **other: Any) -> bytes:
        """The next version of the order, signed."""
        now = dt.datetime.now(dt.UTC)
        fresh = {
            "order": "0b9b4f2e-7f67-4f49-8b4e-2a53c1f20001", "version": 1, "replaces": None, "setting": "court",
            "service": "Avon Probation", "court": "the invented court of Avon", "reference": "Order 7/2026",
            "words": "What Rowan Example does on this computer is watched.",
            "person": {"ref": "P-1", "name": "Rowan Example"},
            "device": {"id": self.device.id, "name": "laptop", "key": self.device.public, "accounts": [ACCOUNT]},
            "co_users": ["Sam Example"], "begins_at": instant(now - dt.timedelta(days=1)),
            "ends_at": instant(now + dt.timedelta(days=30)), "time_zone": "Europe/Paris", "server": self.peer.address,
            "server_key": str(self.peer.identity.to_public()), "complaint": "registry@court.example, 0203 0113",
            "libraries": [{"name": LIBRARY.name, "version": str(LIBRARY.version), "digest": LIBRARY.digest}],
            "known_files": None, "conditions": [condition()],
        }  # fmt: skip
        self.said = {**fresh, **self.said, **other}
        return sign_order(self.said, KEY)

    def later(self, **other: Any) -> bytes:
        """A version that replaces the one made last."""
        before = open_order(sign_order(self.said, KEY), [PUBLIC])
        return self.order(version=before.version + 1, replaces=before.digest, **other)

    def bring(self, written: bytes) -> None:
        (self.folder / "order.json").write_bytes(written)

    def agent(self, *words: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """``opencets agent ...``, to its end."""
        return subprocess.run(
            [OPENCETS, "agent", *words], capture_output=True, text=True, timeout=60, check=False,
            env={**(os.environ if environment is None else environment)},
        )  # fmt: skip

    def start(self, environment: Mapping[str, str], *words: str) -> subprocess.Popen[str]:
        """``opencets agent run``."""
        with (self.folder / "agent.err").open("a") as told:
            return subprocess.Popen(
                [OPENCETS, "agent", "run", str(self.settings), *words], env=dict(environment), text=True,
                stdout=subprocess.DEVNULL, stderr=told, start_new_session=True,
            )  # fmt: skip

    def told(self) -> str:
        """What it said on its standard error."""
        return (self.folder / "agent.err").read_text()


def condition(**other: Any) -> dict[str, Any]:
    return {
        "ref": "1", "words": "What he types and is shown is compared with phrases.", "collectors": list(ALL),
        "retention_days": 30, "captures": {"text_around": 200, "screenshot": "masked", "file_content": False},
        "excluded": {"programs": [], "sites": [], "people": [], "hours": []},
    } | other  # fmt: skip


def make_watched(folder: Path, peer: Peer, *, heartbeat: float = 1, megabytes: float = 50, **order: Any) -> Watched:
    """A device that was enrolled, with its order and library."""
    (folder / "files").mkdir(parents=True)
    (folder / "libraries").mkdir()
    certificate = f'certificate = "{peer.certificate}"' if peer.certificate else ""
    written = SETTINGS.format(
        key=PUBLIC, heartbeat=heartbeat, megabytes=megabytes, folder=folder, certificate=certificate
    )
    (folder / "agent.toml").write_text(written)
    (folder / "libraries" / "neutral.json").write_bytes(bytes_of(LIBRARY))
    enrol(folder / "state", "laptop", (ACCOUNT,), dt.datetime.now(dt.UTC))
    watched = Watched(folder, open_device(folder / "state"), peer)
    peer.keys[watched.device.id] = watched.device.public
    watched.bring(watched.order(**order))
    return watched


def end(program: subprocess.Popen[str], how: int = signal.SIGTERM) -> int:
    program.send_signal(how)
    return program.wait(25)


def health(watched: Watched) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads((watched.folder / "state" / "health.json").read_text())
    except (OSError, ValueError):
        return {}
    return told

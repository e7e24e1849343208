"""What a sensor needs to start, in a folder: settings, an authority, a key that signed it."""

from __future__ import annotations

import datetime as dt
from base64 import b64encode
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from opencets.packing.authority import Wanted, sign_authority

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = b64encode(KEY.public_key().public_bytes_raw()).decode()
TODAY = dt.datetime.now(dt.UTC).date()
PURPOSE = "rehearsal with generated files"
SAID = {
    "name": "Rehearsal list 1",
    "agency": "Avon Police",
    "order": "Order 7/2026 of the invented court of Avon",
    "purpose": "rehearsal",
    "begins_on": TODAY.isoformat(),
    "ends_on": (TODAY + dt.timedelta(days=7)).isoformat(),
}
SETTINGS = """
name = "avon-1"
state = "state"
authority = "authority.json"
trusted_keys = ["{key}"]
{top}
[deliver]
{deliver}
[networks.bittorrent]
{bittorrent}
"""


def make_ready(
    folder: Path,
    files: list[Wanted],
    *,
    top: str = "",
    deliver: str = 'ledger = "ledger"',
    bittorrent: str = "",
    more: str = "",
    **said: str,
) -> Path:
    """The settings' path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "authority.json").write_bytes(sign_authority(SAID | said, files, KEY))
    settings = folder / "sensor.toml"
    settings.write_text(SETTINGS.format(key=PUBLIC, top=top, deliver=deliver, bittorrent=bittorrent) + more)
    return settings

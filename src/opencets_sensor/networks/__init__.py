"""One file for each network, by the contract in `opencets_sensor.networks.contract`."""

from __future__ import annotations

from opencets_sensor.networks import bittorrent
from opencets_sensor.networks.contract import Network

NETWORKS: dict[str, Network] = {bittorrent.NAME: bittorrent}
"""Networks by name. A new one is a file beside this one and its line here."""

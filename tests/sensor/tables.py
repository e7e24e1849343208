"""A real client by libtorrent: ``tables.py ADDRESS BOOTSTRAP [TORRENT FOLDER]``: a node of the table, which offers the torrent.

``tables.py exchange ADDRESS TORRENT FOLDER [PEER]``: offers without the table, connected to a peer, and tells of it.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import libtorrent as lt

words = sys.argv[1:]
exchange = words[0] == "exchange"
words = words[exchange:]
settings: dict[str, Any] = {
    "listen_interfaces": f"{words[0]}:6881", "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
    "enable_dht": not exchange, "dht_bootstrap_nodes": "" if exchange else words[1], "dht_restrict_routing_ips": False,
    "dht_restrict_search_ips": False, "dht_ignore_dark_internet": False, "dht_enforce_node_id": False,
    "dht_announce_interval": 10, "allow_multiple_connections_per_ip": True, "enable_outgoing_utp": False,
    "close_redundant_connections": False,
}  # fmt: skip
session = lt.session(settings)  # type: ignore[call-overload]
given = words[1:3] if exchange else words[2:4]
if given:
    wanted = lt.add_torrent_params()
    wanted.ti = lt.torrent_info(given[0])
    wanted.save_path = given[1]
    torrent = session.add_torrent(wanted)
    if exchange and len(words) > 3 and words[3]:
        torrent.connect_peer((words[3], 6881))
while True:
    time.sleep(1)

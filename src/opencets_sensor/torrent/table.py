"""The distributed table of BitTorrent (BEP 5), through libtorrent: asked who offers a file, and nothing else.

libtorrent never gets a torrent here, so it has no pieces, no storage and no peers: it is a node of the table that only asks
(BEP 43) and never says that it offers anything. Its connections are switched off besides, and what the settings came to be is
read back before the first question; a difference ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NoReturn

import libtorrent

from opencets.errors import ActRefused

HARMLESS: dict[str, Any] = {
    "enable_dht": True,
    "dht_read_only": True,
    "enable_incoming_tcp": False,
    "enable_outgoing_tcp": False,
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "active_downloads": 0,
    "active_seeds": 0,
    "active_limit": 0,
    "connections_limit": 2,
    "unchoke_slots_limit": 0,
    "upload_rate_limit": 1,
    "download_rate_limit": 1,
    "user_agent": "",
}
"""What must hold as long as it runs. (libtorrent takes two connections as the least limit.)"""
VERSION = f"libtorrent {libtorrent.__version__}"


class _Session(libtorrent.session):
    """A session that takes no torrent."""

    def add_torrent(self, *_given: object, **_named: object) -> NoReturn:
        raise ActRefused("The sensor takes no torrent; nothing is transferred.")

    async_add_torrent = add_torrent


class Table:
    """A node of the table, from `begin` to `end`."""

    def __init__(self, bootstrap: Sequence[str], port: int, *, own_networks: bool) -> None:
        """``own_networks``: nodes of private addresses count too, for a table of one's own."""
        self._settings = HARMLESS | {
            "listen_interfaces": f"0.0.0.0:{port},[::]:{port}",
            "dht_bootstrap_nodes": ",".join(bootstrap),
            "dht_restrict_routing_ips": not own_networks,
            "dht_restrict_search_ips": not own_networks,
            "dht_ignore_dark_internet": not own_networks,
            "dht_enforce_node_id": False,
            "dht_prefer_verified_node_ids": not own_networks,
            "alert_mask": int(libtorrent.alert.category_t.dht_operation_notification)
            | int(libtorrent.alert.category_t.dht_notification)
            | int(libtorrent.alert.category_t.error_notification),
        }
        self._session: Any = None
        self._asked: dict[str, set[tuple[str, int]]] = {}

    def begin(self) -> None:
        """Join the table. ActRefused where a setting is not as it must be."""
        self._session = _Session(self._settings)  # type: ignore[call-overload]  # a table serves as well
        self.require_harmless()

    def require_harmless(self) -> None:
        """ActRefused, and the node is gone, where it has a torrent or a setting that could let something through."""
        there = self._session.get_settings()
        wrong = [name for name, value in HARMLESS.items() if there.get(name) != value]
        if wrong or self._session.get_torrents():
            self.end()
            raise ActRefused(
                f"libtorrent is not as harmless as it must be ({', '.join(wrong) or 'it has a torrent'}); it ends."
            )

    async def peers(self, info_hash: bytes, seconds: float) -> list[tuple[str, int]]:
        """Who is said to offer the file, by what nodes answered within the time."""
        self.require_harmless()
        name = info_hash.hex()
        self._asked[name] = set()
        self._session.dht_get_peers(libtorrent.sha1_hash(info_hash))
        try:
            for _ in range(max(int(seconds * 5), 1)):
                await asyncio.sleep(0.2)
                self._take()
            return sorted(self._asked[name])
        finally:
            del self._asked[name]

    def _take(self) -> None:
        for alert in self._session.pop_alerts():
            if isinstance(alert, libtorrent.dht_get_peers_reply_alert):
                self._asked.get(str(alert.info_hash), set()).update(
                    (str(host), int(port)) for host, port in alert.peers()
                )

    def end(self) -> None:
        """Leave the table."""
        if self._session is not None:
            self._session.apply_settings({"enable_dht": False})
            self._session = None

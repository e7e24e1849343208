"""How fast the sensor asks: so many questions a second, and not often into one network of addresses."""

from __future__ import annotations

from ipaddress import ip_address

from opencets_sensor import settings

MOST_KEPT = 100_000


class Pace:
    """Times are seconds of a clock that only goes forward."""

    def __init__(self, given: settings.Pace) -> None:
        self._gap, self._network_gap = 1 / given.asks_a_second, given.network_gap_seconds
        self._next = 0.0
        self._networks: dict[bytes, float] = {}

    def takes(self, address: str, now: float) -> bool:
        """Whether this address may be asked now; then its turn is taken."""
        if now < self._next:
            return False
        network = _network_of(address)
        if self._network_gap and now < self._networks.get(network, 0.0):
            return False
        self._next = max(self._next + self._gap, now - 1)  # what was missed in the last second may be made up for
        self._networks[network] = now + self._network_gap
        if len(self._networks) > MOST_KEPT:
            self._networks = {one: until for one, until in self._networks.items() if until > now}
        return True

    @property
    def next_at(self) -> float:
        """When the next question may be asked at all."""
        return self._next


def _network_of(address: str) -> bytes:
    packed = ip_address(address).packed
    return packed[:3] if len(packed) == 4 else packed[:6]

"""A new version of a library goes live on a share of the devices first, and back at once: pure functions, the desk keeps the plan.

Which devices are in a share follows from their names and the library's, so that every server says the same, a larger share
contains the smaller one, and another library tries other devices first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opencets.errors import ActRefused

PARTS = 10_000
STEPS = (0.05, 0.25, 1.0)


@dataclass(frozen=True, slots=True)
class Rollout:
    """A plan: the version that all have, the one that is tried, the share of devices that try it. The way back is share 0."""

    library: str
    before: str
    """Digest of the version that goes on."""
    after: str
    share: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ActRefused(f"A share of {self.share:g} of the devices cannot be; it lies from 0 to 1.")

    def digest_for(self, device: str) -> str:
        """Which version a device gets."""
        return self.after if place_of(self.library, device) < self.share else self.before

    def step(self) -> Rollout:
        """The next larger share; complete, it stays."""
        share = next((step for step in STEPS if step > self.share), 1.0)
        return Rollout(self.library, self.before, self.after, share)

    def back(self) -> Rollout:
        """All devices to the version before."""
        return Rollout(self.library, self.before, self.after, 0.0)


def place_of(library: str, device: str) -> float:
    """Where a device stands between 0 and 1 for a library; it tries new versions when their share is above that."""
    digest = hashlib.sha256(f"{library}\0{device}".encode()).digest()
    return int.from_bytes(digest[:8]) % PARTS / PARTS


@dataclass(frozen=True, slots=True)
class Advice:
    """Whether a trial should go on, in one sentence with its numbers. A person decides."""

    go_on: bool
    reason: str


def advice(
    rollout: Rollout, hits: Mapping[str, int], hours: Mapping[str, float], devices: Sequence[str], most: float = 2.0
) -> Advice:
    """Compares hits per device and hour of the devices that try the new version with those of the others."""
    tried = [device for device in devices if rollout.digest_for(device) == rollout.after]
    others = [device for device in devices if rollout.digest_for(device) != rollout.after]
    if not tried or not others:
        return Advice(
            bool(others), f"{len(tried)} devices try it and {len(others)} do not; there is nothing to compare."
        )
    rates = []
    for some in (tried, others):
        time = sum(hours.get(device, 0.0) for device in some)
        if time <= 0:
            return Advice(False, "No watched hours are known yet on one side.")
        rates.append(sum(hits.get(device, 0) for device in some) / time)
    told = f"{rates[0]:.2f} hits an hour on {len(tried)} devices that try it, {rates[1]:.2f} on {len(others)} others"
    if rates[0] > max(most * rates[1], rates[1] + 0.1):
        return Advice(False, f"{told}: more than {most:g} times as many; go back and look at the noisiest phrases.")
    return Advice(True, f"{told}.")

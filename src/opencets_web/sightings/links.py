"""Where a computer meets cases: its identity, and its addresses at their hours, among the values that the actor may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opencets_web.evidence.models import Claim
from opencets_web.policy import door
from opencets_web.policy.actor import Actor

MOST_VALUES = 4_000
"""In one question: of many computers, of each its last hours."""


def values_of(identity: str, hours: Sequence[Sequence[object]], most: int) -> list[tuple[str, str]]:
    """The values under which a computer's sightings stand in a case: kind and value, as ``opencets.values`` writes them.

    Where a case knows the port too, its record has the address at the hour beside it.
    """
    last = dict.fromkeys(f"{address}@{hour}" for address, _, hour in reversed(hours))
    return [("account_id", f"p2p:{identity}"), *(("ip_hour", value) for value in list(last)[:most])]


def links_of(actor: Actor, hours: Mapping[str, Sequence[Sequence[object]]]) -> dict[str, tuple[str, ...]]:
    """For each computer the numbers of the cases, visible to the actor, that hold one of its values; others are left out.

    ``hours``: by identity, the address, port and hour (UTC, ``2026-03-01T14``) of its sightings.
    """
    whose: dict[tuple[str, str], set[str]] = {}
    most = max(3, MOST_VALUES // max(len(hours), 1))
    for identity, of in hours.items():
        for value in values_of(identity, of, most):
            whose.setdefault(value, set()).add(identity)
    if not whose:
        return {}
    rows = Claim.objects.filter(
        kind__in=("account_id", "ip_hour"), normal__in=sorted({normal for _, normal in whose}), generic=False,
        record__retired_at=None,
    )  # fmt: skip
    found: dict[str, set[str]] = {}
    for kind, normal, reference in door.visible(actor, rows).values_list("kind", "normal", "case__reference"):
        for identity in whose.get((kind, str(normal)), ()):
            found.setdefault(identity, set()).add(reference)
    return {identity: tuple(sorted(cases)) for identity, cases in found.items()}

"""Where a computer meets cases: its identity, and its addresses at their hours, among the values that the actor may see."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path

import yaml

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


def children_of(actor: Actor, cases: Collection[str]) -> dict[str, tuple[str, ...]]:
    """For each case, visible to the actor, what its records say of a suspect's access to children; cases without are left out.

    A suspect is a record whose part in the case is stated so; what counts as a sign stands in ``children.yaml``.
    """
    if not cases:
        return {}
    suspects = Claim.objects.filter(
        case__reference__in=sorted(cases), kind="code", normal="suspect", property="role_in_case",
        record__kind="person", record__retired_at=None,
    )  # fmt: skip
    rows = Claim.objects.filter(
        record__in=door.visible(actor, suspects).values("record_id"), property="occupation", role="own"
    )
    found: dict[str, dict[str, None]] = {}
    for reference, raw in door.visible(actor, rows).order_by("id").values_list("case__reference", "raw"):
        if _occupation().search(raw.casefold()):
            found.setdefault(reference, {})[f"the occupation of a suspect is stated as “{raw}”"] = None
    return {reference: tuple(signs) for reference, signs in found.items()}


@cache
def _occupation() -> re.Pattern[str]:
    table = yaml.safe_load(Path(__file__).with_name("children.yaml").read_text("utf-8"))
    words = sorted({word.casefold() for of in table["occupations"].values() for word in of}, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)")

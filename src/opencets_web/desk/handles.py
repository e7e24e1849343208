"""Screen names like the one searched for: varied by separators, digits, a year or decoration, ranked by rare shared letters.

Candidates are visible screen names of which a word begins with four letters of the one asked for, some of them perhaps
written as digits; rarity is counted among what the reader may see alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import Q

from opencets.errors import ValueRefused
from opencets.resolving.aliases import Likeness, ranked
from opencets.values import normalise
from opencets.values.handle import letters
from opencets_web.evidence.models import Claim
from opencets_web.policy import door
from opencets_web.policy.actor import Actor

KINDS = ("handle", "payment_handle")
RUN = 4
MOST_SHOWN = 100
_DIGITS = {"a": "4", "e": "3", "i": "1", "o": "0", "s": "5", "t": "7"}

Ask = Callable[..., list[tuple[Any, ...]]]


def find_alike(actor: Actor, words: str, ask: Ask, within: Q) -> list[tuple[Claim, Likeness]]:
    """Visible screen names alike to ``words`` and not equal to it, the likest first; none where it is no screen name.

    ``ask``: asks a function of the wall. ``within``: narrows to a case.
    """
    try:
        asked = normalise("handle", words) if " " not in words and "@" not in words.strip("@") else ""
    except ValueRefused:
        return []
    query = beginnings(letters(asked))
    if not query:
        return []
    ids = [row[0] for row in ask("select claim, claims from app_search_values(%s, %s)", query)]
    claims = door.visible(actor, Claim.objects.filter(within, id__in=ids, kind__in=KINDS, record__retired_at=None))
    rows = {str(claim.id): claim for claim in claims.select_related("record__case") if claim.normal}
    plain = asked.partition(":")[2]
    names = {key: str(claim.normal) for key, claim in rows.items() if str(claim.normal).partition(":")[2] != plain}
    return [(rows[key], alike) for key, alike in ranked(asked, names)][:MOST_SHOWN]


def beginnings(plain: str) -> str:
    """The runs of four letters of a screen name as ``to_tsquery`` reads them: any of them, one letter perhaps a digit."""
    runs = [plain[at : at + RUN] for at in range(len(plain) - RUN + 1)]
    asked = {run for run in runs if re.fullmatch("[a-z]+", run)}
    asked |= {run.replace(letter, digit) for run in set(asked) for letter, digit in _DIGITS.items() if letter in run}
    return " | ".join(f"'{run}':*" for run in sorted(asked))


def references(found: Sequence[tuple[Claim, Likeness]]) -> list[tuple[str, str, str, str, str]]:
    """Kind, screen name, why, case and address of each, for the page."""
    return [
        (claim.kind, str(claim.normal), alike.why, claim.record.case.reference, f"/entities/{claim.record_id}/")
        for claim, alike in found
    ]

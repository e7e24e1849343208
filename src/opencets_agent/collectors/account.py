"""Unknown accounts."""

from __future__ import annotations

import pwd
from collections.abc import Collection

import psutil

from opencets.packing.captures import Account
from opencets_agent.collectors.contract import Declaration, labels

DECLARATION = Declaration(
    name="account",
    label=labels(
        "other accounts of this computer", "les autres comptes de l’ordinateur", "andere Konten dieses Computers"
    ),
    takes="That an account for people which the order does not name exists, is made, removed, or signs in.",
    never="Nothing that such an account does: what others do on this computer is not taken.",
    library="the account table (pwd) and the table of sessions (psutil)",
    systems="every desktop",
    windows="NetUserEnum and WTSEnumerateSessions, by ctypes",
    macos="OpenDirectory, by PyObjC",
)
_FIRST_PERSON, _LAST_PERSON = 1000, 60_000


def others(allowed: Collection[str]) -> frozenset[str]:
    """Accounts for people that the order does not name."""
    people = (one for one in pwd.getpwall() if _FIRST_PERSON <= one.pw_uid < _LAST_PERSON)
    return frozenset(one.pw_name for one in people if one.pw_name not in allowed)


def signed_in(allowed: Collection[str]) -> frozenset[str]:
    """Of those, who is signed in."""
    return others(allowed) & {session.name for session in psutil.users()}


def changes(before: Collection[str], now: Collection[str], came: str, went: str) -> list[Account]:
    """Who came and who went."""
    return [Account(came, name) for name in sorted(set(now) - set(before))] + [  # type: ignore[arg-type]
        Account(went, name)  # type: ignore[arg-type]
        for name in sorted(set(before) - set(now))
    ]

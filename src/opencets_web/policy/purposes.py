"""Why an officer looks: chosen once per case and day, and part of every line of the log that the officer leaves on the case.

The purposes are versioned data (``data/purposes.yaml``). The log takes the words from here by itself (``audit.log``); whoever has
to say one and has not is refused with PurposeWanted, and the page that asks goes on to where the officer wanted to go.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from django.db import connection, transaction
from django.db.models import DateField, Func, OuterRef, Q, Subquery
from django.utils import timezone

from opencets.errors import ActRefused
from opencets_web.accounts.models import Agency, PurposeAsking
from opencets_web.audit import log
from opencets_web.audit.models import Purpose
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Holding

MOST_WORDS = 300
KEYS = "1234567890"


@dataclass(frozen=True, slots=True)
class Choice:
    """One purpose that an officer may choose, and the key that chooses it."""

    code: str
    label: str
    across: str
    hint: str
    typed: bool
    key: str


@cache
def version() -> int:
    """Of the list of purposes."""
    return int(_data()["version"])


@cache
def choices() -> tuple[Choice, ...]:
    """The purposes in the order of the page."""
    return tuple(
        Choice(
            row["code"], row["label"], row.get("across", row["label"]), row.get("hint", ""), bool(row.get("typed")),
            KEYS[number : number + 1],
        )
        for number, row in enumerate(_data()["purposes"])
    )  # fmt: skip


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "data" / "purposes.yaml").read_text("utf-8"))
    return data


def filter_choices() -> list[tuple[str, str]]:
    """For a filter of the log: every purpose, and none."""
    return [("", "Any purpose"), *((one.code, one.label) for one in choices()), ("none", "None said")]


def saying(code: str) -> Q:
    """The lines of the log that carry this purpose, whatever was typed beside it; ``none``: those that carry none."""
    labels = {label for one in choices() if one.code == code for label in (one.label, one.across)}
    found = Q(purpose="") if code == "none" else Q(pk__in=[])
    for label in labels:
        found |= Q(purpose=label) | Q(purpose__startswith=f"{label}: ")
    return found


def words_of(code: str, text: str, *, across: bool = False, typed: bool = False) -> str:
    """A purpose as the log has it: its label, and what was typed.

    ActRefused: there is no such purpose; or it, or the agency (``typed``), wants words and none are given.
    """
    choice = next((one for one in choices() if one.code == code), None)
    if choice is None:
        known = ", ".join(one.code for one in choices())
        raise ActRefused(f"No purpose is called {code[:40]}; there are: {known}.")
    text = " ".join(text.replace("\x00", "").split())
    if len(text) > MOST_WORDS:
        raise ActRefused(f"A purpose is said in {MOST_WORDS} characters at most.")
    if not text and (typed or choice.typed):
        raise ActRefused("Say in a few words why you look.")
    label = choice.across if across else choice.label
    return f"{label}: {text}" if text else label


def said_with(header: str, *, typed: bool = False) -> str:
    """The purpose that a program says with its request: a code, and words after a semicolon. ActRefused as ``words_of``."""
    code, _, text = header.partition(";")
    return words_of(code.strip(), text, typed=typed)


def ids_in(given: Sequence[str]) -> tuple[UUID, ...]:
    """The holdings that an address or a form names; what is no id counts as none."""
    found = []
    for text in given[:200]:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return tuple(dict.fromkeys(found))


@transaction.atomic
def choose(actor: Actor, holdings: Collection[UUID], code: str, text: str) -> None:
    """Say why the actor looks into these holdings today; none given: across holdings. Logged for each that they may see.

    ActRefused as ``words_of``.
    """
    state(actor, holdings or [None], code, words_of(code, text, across=not holdings, typed=wants_words(actor)))
    seen = (
        door.visible(actor, Holding.objects.filter(id__in=holdings)).values_list("id", "agency_id") if holdings else ()
    )
    details = {"purpose": code, "version": version()}
    log.record_each("purpose.chosen", actor, list(seen), details=details)
    if not seen:
        log.record("purpose.chosen", actor, details=details)


def state(actor: Actor, holdings: Collection[UUID | None], code: str, words: str) -> None:
    """Keep why the actor looks into these holdings today; None among them: across holdings. The last word of a day counts."""
    with connection.cursor() as cursor:
        cursor.execute("select app_day()")
        today = cursor.fetchone()[0]
    Purpose.objects.bulk_create(
        Purpose(
            officer_id=actor.officer_id, holding_id=holding, day=today, code=code, version=version(), words=words,
            at=timezone.now(),
        )
        for holding in holdings
    )  # fmt: skip


def said_today(actor: Actor) -> Subquery:
    """What the actor said today for the holding of a guarded row, as a part of the query of that row."""
    today = Func(function="app_day", output_field=DateField())
    said = Purpose.objects.filter(officer_id=actor.officer_id, holding_id=OuterRef("holding_id"), day=today)
    return Subquery(said.order_by("-id").values("words")[:1])


def wants_words(actor: Actor) -> bool:
    """Whether the actor's agency wants more than a choice."""
    asking = Agency.objects.values_list("purpose_asking", flat=True).get(pk=actor.agency_id)
    return asking == PurposeAsking.TYPED

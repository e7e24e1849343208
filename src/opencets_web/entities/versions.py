"""Reading the versions of the weights: which is live, what each learned from, and how it compares. Small counts are not told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from opencets.resolving.model import SHIPPED, load_model
from opencets.resolving.placing import SUGGESTED_FROM
from opencets.resolving.reliability import Bin, drawn
from opencets_web.accounts.models import Role
from opencets_web.audit import log
from opencets_web.entities.models import WeightTerm, WeightTurn, WeightVersion
from opencets_web.evidence.models import Record
from opencets_web.policy import door
from opencets_web.policy.actor import Actor

FEWEST = 10
"""Smaller counts are told as "fewer than 10", larger ones in tens; a tenth of the plot with fewer pairs is left out."""
MOST_VERSIONS = 10
MOST_LISTED = 50


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure of both versions; ``better``: whether the new one is the better one."""

    label: str
    before: str
    after: str
    better: bool | None


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """A set whose truth is known, and how both versions do on it."""

    name: str
    records: int
    before: Mapping[str, Any]
    after: Mapping[str, Any]

    @property
    def better(self) -> bool | None:
        """Whether the new version does better, by F1; None where both do the same."""
        return _better(float(self.before["f1"]), float(self.after["f1"]))


@dataclass(frozen=True, slots=True)
class MovedRow:
    """A weight that the version changed, in words."""

    sentence: str
    before: float
    after: float

    @property
    def change(self) -> float:
        """By how many bits."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class TurnRow:
    """A pair of the reader's that changes sides."""

    left: str
    right: str
    url: str
    before: str
    after: str
    joins: bool


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version as its reader may know it."""

    id: UUID
    name: str
    asked_by: str
    asked_at: datetime
    reason: str
    made_at: datetime | None
    refused: str
    live: bool
    approved: str
    judged: str
    since: str
    until: str
    former: str
    figures: tuple[Comparison, ...]
    references: tuple[ReferenceRow, ...]
    moved: tuple[MovedRow, ...]
    picture: SafeString
    turns: tuple[TurnRow, ...]
    more_turns: bool
    live_url: str


@dataclass(frozen=True, slots=True)
class TermView:
    """From when until when a version was live."""

    name: str
    begun_at: datetime
    begun_by: str
    reason: str
    ended_at: datetime | None
    weighed: int
    total: int
    done: bool


@dataclass(frozen=True, slots=True)
class VersionsPage:
    """The page. ``trained``: what the shipped weights come from."""

    live: str
    shipped: str
    trained: str
    terms: tuple[TermView, ...]
    versions: tuple[VersionView, ...]
    may_ask: bool
    may_go_back: bool

    @property
    def term(self) -> TermView | None:
        """The term that runs."""
        return self.terms[0] if self.terms and self.terms[0].ended_at is None else None


def get_versions(actor: Actor) -> VersionsPage:
    """The versions, the newest first, with the pairs that change sides among those that the actor sees."""
    administers = actor.has(Role.ADMINISTRATOR)
    terms = [
        TermView(
            term.version.name if term.version else SHIPPED, term.begun_at, term.begun_by.display_name, term.reason,
            term.ended_at, term.weighed, term.total, term.weighed_at is not None,
        )
        for term in WeightTerm.objects.select_related("version", "begun_by").order_by("-begun_at")[:MOST_VERSIONS]
    ]  # fmt: skip
    live = terms[0].name if terms and terms[0].ended_at is None else SHIPPED
    rows = list(WeightVersion.objects.select_related("asked_by", "approved_by").order_by("-asked_at")[:MOST_VERSIONS])
    turns = _turns(actor, rows[0]) if rows else ()
    log.record("weights.viewed", actor, details={"live": live})
    return VersionsPage(
        live=live,
        shipped=SHIPPED,
        trained=load_model().trained,
        terms=tuple(terms),
        versions=tuple(
            _view(actor, row, live, turns if at == 0 else (), administers=administers) for at, row in enumerate(rows)
        ),
        may_ask=administers and all(row.made_at for row in rows),
        may_go_back=administers and bool(terms) and terms[0].ended_at is None,
    )


def _view(actor: Actor, row: WeightVersion, live: str, turns: tuple[TurnRow, ...], *, administers: bool) -> VersionView:
    card: dict[str, Any] = row.card or {}
    compared = row.compared or {"before": [], "after": []}
    may_take = administers and row.content is not None and row.name != live
    may_take = may_take and (row.approved_by_id is not None or row.asked_by_id != actor.officer_id)
    return VersionView(
        id=row.id,
        name=row.name,
        asked_by=row.asked_by.display_name,
        asked_at=row.asked_at,
        reason=row.reason,
        made_at=row.made_at,
        refused=row.refused,
        live=row.name == live,
        approved=row.approved_by.display_name if row.approved_by else "",
        judged=about(card["judged"]) if card else "",
        since=card["since"][:10] if card else "",
        until=card["until"][:10] if card else "",
        former=card["present"] if card else "",
        figures=_figures(card) if card else (),
        references=tuple(
            ReferenceRow(before["name"], before["records"], _with_f1(before), _with_f1(after))
            for before, after in zip(compared["before"], compared["after"], strict=True)
        ),
        moved=tuple(MovedRow(one["sentence"], one["before"], one["after"]) for one in card.get("moved", ())),
        picture=_picture(card) if card else SafeString(),
        turns=turns[:MOST_LISTED],
        more_turns=len(turns) > MOST_LISTED,
        live_url=reverse("entities:weights-live", args=[row.id]) if may_take else "",
    )


def about(count: int) -> str:
    """A count that tells of no single judgement: in tens, downwards."""
    return f"fewer than {FEWEST}" if count < FEWEST else f"about {count - count % 10:,}"


def _figures(card: Mapping[str, Any]) -> tuple[Comparison, ...]:
    before, after = card["before"], card["after"]
    counted = [
        Comparison(label, about(before[name]), about(after[name]), _better(after[name] // 10, before[name] // 10))
        for name, label in (("over", "Told as one, judged different"), ("under", "Judged the same, not told"))
    ]
    told = [
        Comparison(label, f"{before[name]:.3f}", f"{after[name]:.3f}", _better(after[name], before[name]))
        for name, label in (("error", "Expected calibration error"), ("loss", "Surprise at a judgement, in bits"))
    ]
    right = Comparison(
        "Told as judged", about(before["right"]), about(after["right"]), _better(-(after["right"] // 10), -(before["right"] // 10))
    )  # fmt: skip
    return (right, *counted, *told)


def _better(after: float, before: float) -> bool | None:
    return None if after == before else after < before


def _with_f1(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**row, "f1": f"{2 * row['right'] / max(1, 2 * row['right'] + row['over'] + row['under']):.4f}"}


def _picture(card: Mapping[str, Any]) -> SafeString:
    sides = (("before", "present"), ("after", "name"))
    lines = {card[name]: [Bin(**one) for one in card[side]["bins"]] for side, name in sides}
    title = "Of the judged pairs told with a probability, the share that was judged the same"
    return mark_safe(drawn(title, lines, FEWEST))  # noqa: S308 - numbers and names of versions alone


def _turns(actor: Actor, version: WeightVersion) -> tuple[TurnRow, ...]:
    rows = list(
        door.visible(actor, WeightTurn.objects.filter(version=version)).order_by("after", "id")[: MOST_LISTED + 1]
    )
    sides = {side for row in rows for side in (row.left_id, row.right_id)}
    seen = Record.objects.filter(pk__in=sides)
    labels = dict(door.visible(actor, seen).values_list("id", "label")) if sides else {}
    return tuple(
        TurnRow(
            labels[row.left_id], labels[row.right_id], reverse("entities:detail", args=[row.left_id]),
            f"{row.before:.0%}", f"{row.after:.0%}", row.after >= SUGGESTED_FROM,
        )
        for row in rows if row.left_id in labels and row.right_id in labels
    )  # fmt: skip

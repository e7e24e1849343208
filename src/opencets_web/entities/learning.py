"""Learning from judgements: a new version of the weights, and all suggestions weighed again once one goes live.

One of the files that open the blind door; jobs call it, pages cannot. Judgements of every agency teach one table of weights;
what leaves is the version with its card, and pairs that change sides, each for those who see both records
(``docs/decisions/feedback-weights.md``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from opencets.errors import ActRefused
from opencets.linking import default_rarity
from opencets.resolving import Model, load_model
from opencets.resolving.feedback import Judged, Turned, propose, standing_for, told, turned
from opencets.resolving.placing import unpack
from opencets.resolving.references import on_references
from opencets_web.audit import log, outbox
from opencets_web.entities import placing
from opencets_web.entities.models import WeightTerm, WeightTurn, WeightVersion
from opencets_web.entities.weights import live_name, live_version
from opencets_web.policy.actor import Actor
from opencets_web.policy.blind import across_holdings

REFERENCE_PEOPLE = 2_000
MOST_TURNS = 5_000
PAIRS_AT_ONCE = 2_000

_JUDGED = (
    "select j.left_id, l.packed, j.right_id, r.packed, j.verdict, j.at, j.left_holding_id, j.left_agency_id,"
    " j.right_holding_id, j.right_agency_id from entities_judgement j"
    " join entities_placement l on l.record_id = j.left_id join entities_placement r on r.record_id = j.right_id"
    " join policy_holding lh on lh.id = j.left_holding_id join policy_holding rh on rh.id = j.right_holding_id"
    " where j.undone_at is null and j.verdict in ('same', 'different') and not lh.restricted and not rh.restricted"
    " and lh.disclosure <> 'silent' and rh.disclosure <> 'silent' order by j.left_id, j.right_id"
)
"""The judgements that are learned from: those that stand, on holdings that are neither restricted nor told to the owner alone."""
_SUGGESTED = (
    "select m.left_id, l.packed, m.right_id, r.packed, '', m.found_at, m.left_holding_id, m.left_agency_id,"
    " m.right_holding_id, m.right_agency_id from entities_match m"
    " join entities_placement l on l.record_id = m.left_id join entities_placement r on r.record_id = m.right_id"
    " where m.retired_at is null and (m.left_id, m.right_id) > (%s, %s) order by m.left_id, m.right_id limit %s"
)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two records with the holdings that they stand under."""

    judged: Judged
    sides: tuple[UUID, UUID, UUID, UUID]


@transaction.atomic
def make_version(actor: Actor, version_id: UUID) -> None:
    """Learn the version that was asked for, compare it with the live one, and keep both; again without effect."""
    version = WeightVersion.objects.select_for_update(of=("self",)).get(pk=version_id)
    if version.made_at is not None:
        return
    present = live_version()
    with across_holdings():
        pairs = _pairs(_JUDGED, [])
        judged = [pair.judged for pair in pairs]
        given = [told(present.model, one, _worth) for one in judged]
        stands = standing_for(given, _population(present.model.name))
        try:
            made, card = propose(version.name, load_model(), present, judged, _worth, stands)
        except ActRefused as refused:
            version.refused = str(refused)
        else:
            version.content, version.card = json.loads(made.model.as_json()), card.as_body()
            version.learned = {"width": made.width, "until": made.until}
            version.compared = {
                "before": [asdict(one) for one in on_references(present.model, REFERENCE_PEOPLE)],
                "after": [asdict(one) for one in on_references(made.model, REFERENCE_PEOPLE)],
            }
            _keep_turns(version, present.model, made.model, pairs)
    version.made_at = timezone.now()
    version.save(update_fields=["content", "learned", "card", "compared", "refused", "made_at"])
    log.record("weights.made", actor, subject=f"weights:{version.name}", details={"refused": version.refused})


def _worth(kind: str) -> float:
    return default_rarity().probability(kind, 2)


def _pairs(asked: str, parameters: Sequence[Any]) -> list[_Pair]:
    with connection.cursor() as cursor:
        cursor.execute(asked, parameters)
        rows = cursor.fetchall()
    found = []
    for left, left_packed, right, right_packed, verdict, at, *sides in rows:
        one, other = unpack(str(left), left_packed), unpack(str(right), right_packed)
        if one is not None and other is not None:
            said = Judged(one, other, verdict == "same", at.astimezone(UTC).isoformat(timespec="seconds"))
            found.append(_Pair(said, tuple(sides)))
    return found


def _population(model: str) -> list[float]:
    """The probability of everything that the live version ever suggested, whatever became of it."""
    with connection.cursor() as cursor:
        cursor.execute("select probability from entities_match where split_part(model, '+', 1) = %s", [model])
        return [row[0] for row in cursor.fetchall()]


def _keep_turns(version: WeightVersion, before: Model, after: Model, judged: list[_Pair]) -> None:
    turns: dict[tuple[str, str], tuple[_Pair, Turned]] = {}
    chunk, last = judged, (UUID(int=0), UUID(int=0))
    while True:
        for one in turned((pair.judged for pair in chunk), before, after, _worth):
            pair = chunk[one.at]
            turns[pair.judged.left.id, pair.judged.right.id] = (pair, one)
        chunk = _pairs(_SUGGESTED, [*last, PAIRS_AT_ONCE])
        if not chunk:
            break
        last = (UUID(chunk[-1].judged.left.id), UUID(chunk[-1].judged.right.id))
    greatest = sorted(turns.items(), key=lambda row: (-abs(row[1][1].after - row[1][1].before), row[0]))[:MOST_TURNS]
    WeightTurn.objects.bulk_create(
        WeightTurn(
            version=version, left_id=UUID(left), right_id=UUID(right), left_holding_id=pair.sides[0],
            left_agency_id=pair.sides[1], right_holding_id=pair.sides[2], right_agency_id=pair.sides[3],
            before=one.before, after=one.after,
        )
        for (left, right), (pair, one) in greatest
    )  # fmt: skip


@transaction.atomic
def weigh_step(actor: Actor, term_id: UUID) -> bool:
    """Weigh the suggestions on the next records again by the live version; whether there are more. One that ended meanwhile stops.

    Nothing is weighed twice: it goes on where it stopped. Exhibits of which a suggestion changed are connected again.
    """
    term = WeightTerm.objects.select_for_update(of=("self",)).get(pk=term_id)
    if term.ended_at is not None or term.weighed_at is not None:
        return False
    with across_holdings():
        if term.reached is None:
            with connection.cursor() as cursor:
                cursor.execute("select count(*) from entities_placement")
                term.total = cursor.fetchone()[0]
        since = timezone.now()
    _, reached = placing.check_records(term.reached or UUID(int=0))
    if reached is None:
        term.weighed, term.weighed_at = term.total, timezone.now()
        log.record("weights.weighed", actor, subject=f"weights:{live_name()}", details={"records": term.total})
    else:
        _connect_again(since, term.reached or UUID(int=0), reached)
        term.reached, term.weighed = reached, min(term.total, term.weighed + placing.RECORDS_AT_ONCE)
    term.save(update_fields=["total", "weighed", "reached", "weighed_at"])
    return reached is not None


def _connect_again(since: Any, after: UUID, reached: UUID) -> None:
    with across_holdings(), connection.cursor() as cursor:
        cursor.execute(
            "select distinct e.id, e.received_by_id from entities_match m join evidence_record r on r.id in (m.left_id, m.right_id)"
            " join evidence_exhibit e on e.id = r.exhibit_id where m.left_id > %s and m.left_id <= %s"
            " and (m.found_at >= %s or m.retired_at >= %s)",
            [after, reached, since, since],
        )
        exhibits = cursor.fetchall()
    for exhibit, officer in exhibits:
        outbox.post("people.resolved", exhibit_id=str(exhibit), officer_id=str(officer))

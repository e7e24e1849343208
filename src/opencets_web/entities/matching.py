"""Comparing across all holdings: which values are generic, and which records may be the same person.

The only file of this room that opens the blind door; jobs call it, pages cannot. What it learns leaves as the generic
mark of a claim and as ``Match`` rows, which are seen only by those who may see both sides.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from opencets.linking import bucket, default_rarity
from opencets.records import KINDS
from opencets.resolving import (
    BLOCK_LIMIT,
    Model,
    PersonRow,
    Reason,
    candidate_keys,
    load_model,
    prepare,
    score,
)
from opencets.resolving.people import Person
from opencets_web.accounts.ids import new_id
from opencets_web.audit import log
from opencets_web.evidence.models import Exhibit
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.blind import across_holdings

STRONG = tuple(sorted(kind.name for kind in KINDS.values() if kind.links == "strong"))
DIGESTS = ("md5", "pdq", "sha1", "sha256")
NAMING = tuple(kind for kind in STRONG if kind not in (*DIGESTS, "ip_hour", "ip_port", "url"))
"""Kinds whose own value names a person, an account or a device; a digest or an address in one hour does not."""
SUGGESTED_FROM = 0.5
"""A pair less probable than this is not suggested."""
SAME_ACCOUNT = ("account_id", "handle")
"""Two account records with one own value of these kinds are the same account as it stands: nobody needs to be asked."""
VALUES_AT_ONCE = 5_000
RECORDS_AT_ONCE = 1_000

_FIELDS = {
    "full_name": "full_name",
    "given_name": "given_name",
    "family_name": "family_name",
    "date_of_birth": "date_of_birth",
    "place_of_birth": "place_of_birth",
    "gender": "gender",
    "email": "email",
    "phone": "phone",
    "street": "street",
    "city": "city",
    "postcode": "postcode",
    "country": "country",
    "national_id": "national_id",
    "screen_name": "screen_name",
    "occupation": "occupation",
    "alias": "full_name",
}
_SPOKEN = {"email": "email", "phone": "phone", "national_id": "national_id", "handle": "screen_name"}
"""Kinds that a feature of the model compares already, and which."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A value whose weight changed: it is held by more (or fewer) cases than before, past a border of its buckets."""

    kind: str
    normal: str
    cases: int
    bucket: int
    generic: bool


@transaction.atomic
def count_identifiers(actor: Actor, exhibit_id: UUID) -> tuple[Changed, ...]:
    """Count in how many cases each strong value of an exhibit stands, and mark or unmark generic claims everywhere.

    Returns the values whose bucket or generic state changed, so that connections through them are scored again. Only
    values of this exhibit are looked at; a second run changes nothing. NotFound: the exhibit is not the actor's.
    """
    exhibit = door.admit(actor, Exhibit.objects.all(), pk=exhibit_id)
    changed: list[Changed] = []
    with across_holdings():
        # Two counts at once could each miss the other's case; one after the other sees all that is committed.
        _one_at_a_time("identifiers")
        for values in _values_of(exhibit.id):
            changed += _count(values)
        _compare_again([value for value in changed if value.kind in NAMING])
    return tuple(changed)


def _compare_again(changed: Sequence[Changed]) -> None:
    """Compare the pairs anew that were suggested through a value whose weight changed: a generic one speaks for nobody."""
    if not changed:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "select distinct m.left_id, m.right_id from unnest(%s::text[], %s::text[]) v(kind, normal)"
            " join evidence_claim l on l.kind = v.kind and l.normal = v.normal and l.role = 'own'"
            " join entities_match m on m.left_id = l.record_id and m.retired_at is null"
            " join evidence_claim r on r.record_id = m.right_id and r.kind = v.kind and r.normal = v.normal"
            " and r.role = 'own'",
            [[value.kind for value in changed], [value.normal for value in changed]],
        )
        pairs = [(left, right) for left, right in cursor.fetchall()]
    model = load_model()
    for at in range(0, len(pairs), RECORDS_AT_ONCE):
        chunk = pairs[at : at + RECORDS_AT_ONCE]
        people = {one.id: one for one in _candidates(sorted({record for pair in chunk for record in pair}))}
        known = [(people[left], people[right]) for left, right in chunk if left in people and right in people]
        degrees = _degrees(left.values & right.values for left, right in known)
        _keep_matches(match for left, right in known if (match := _compare(left, right, model, degrees)))


def _one_at_a_time(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtext(%s))", [f"opencets entities {name}"])


def _values_of(exhibit_id: UUID) -> Iterator[list[tuple[str, str]]]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            "select distinct c.kind, c.normal from evidence_claim c join evidence_record r on r.id = c.record_id"
            " where r.exhibit_id = %s and c.normal is not null and c.kind = any(%s) order by 1, 2",
            [exhibit_id, list(STRONG)],
        )
        while values := cursor.fetchmany(VALUES_AT_ONCE):
            yield [(kind, normal) for kind, normal in values]


def _count(values: list[tuple[str, str]]) -> list[Changed]:
    rarity = default_rarity()
    kinds, normals = [kind for kind, _ in values], [normal for _, normal in values]
    with connection.cursor() as cursor:
        cursor.execute(
            "with v as (select * from unnest(%s::text[], %s::text[]) v(kind, normal))"
            " select v.kind, v.normal, (select count(distinct c.case_id) from evidence_claim c"
            " join evidence_record r on r.id = c.record_id and r.retired_at is null"
            " where c.kind = v.kind and c.normal = v.normal), i.cases_count, i.bucket, i.generic"
            " from v left join entities_identifier i on i.kind = v.kind and i.normal = v.normal",
            [kinds, normals],
        )
        counted = [
            (Changed(kind, normal, cases, bucket(cases), rarity.generic(kind, cases)), *before)
            for kind, normal, cases, *before in cursor.fetchall()
        ]
        written = [value for value, before, _, generic in counted if (value.cases, value.generic) != (before, generic)]
        if written:
            cursor.execute(
                "insert into entities_identifier (kind, normal, cases_count, bucket, generic)"
                " select * from unnest(%s::text[], %s::text[], %s::int[], %s::int[], %s::bool[])"
                " on conflict (kind, normal) do update set cases_count = excluded.cases_count,"
                " bucket = excluded.bucket, generic = excluded.generic",
                [
                    list(column)
                    for column in zip(*((v.kind, v.normal, v.cases, v.bucket, v.generic) for v in written), strict=True)
                ],
            )
        # Claims read since a value turned generic are marked too, so every generic value is gone through.
        marked = [value for value, _, _, generic in counted if value.generic or generic]
        if marked:
            cursor.execute(
                "update evidence_claim c set generic = v.generic"
                " from unnest(%s::text[], %s::text[], %s::bool[]) v(kind, normal, generic)"
                " where c.kind = v.kind and c.normal = v.normal and c.generic <> v.generic",
                [list(column) for column in zip(*((v.kind, v.normal, v.generic) for v in marked), strict=True)],
            )
    return [
        value
        for value, before, old_bucket, old_generic in counted
        if (before is None and value.cases >= 2)
        or (before is not None and (value.bucket, value.generic) != (old_bucket, old_generic))
    ]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A record as compared: prepared, with its own naming values and whose it is."""

    id: UUID
    kind: str
    holding_id: UUID
    agency_id: UUID
    person: Person
    keys: tuple[str, ...]
    values: frozenset[tuple[str, str]]


@transaction.atomic
def resolve_people(actor: Actor, exhibit_id: UUID) -> int:
    """Suggest who of an exhibit's new people and accounts may be the same person as whom. Returns how many pairs.

    Only the records' own values count; a key or value that too many share proposes nobody. Two accounts with the same
    account number or screen name are one account already and are not suggested. A second run finds nothing new.
    NotFound: the exhibit is not the actor's.
    """
    exhibit = door.admit(actor, Exhibit.objects.all(), pk=exhibit_id)
    model = load_model()
    found = 0
    with across_holdings():
        # Two readings at once would not see each other's keys, and a pair between them would be missed for ever.
        _one_at_a_time("candidates")
        _retire_matches(exhibit.id)
        for ids in _new_people(exhibit.id):
            mine = {candidate.id: candidate for candidate in _candidates(ids)}
            _keep_keys(mine.values())
            pairs = _pairs(mine.values())
            others = mine | {
                candidate.id: candidate
                for candidate in _candidates(sorted({record for pair in pairs for record in pair} - set(mine)))
            }
            pairs = {pair for pair in pairs if pair[0] in others and pair[1] in others}
            degrees = _degrees(others[left].values & others[right].values for left, right in pairs)
            found += _keep_matches(
                match
                for left, right in sorted(pairs)
                if (match := _compare(others[left], others[right], model, degrees))
            )
    log.record(
        "match.suggested",
        actor,
        holding=(exhibit.holding_id, exhibit.agency_id),
        subject=f"exhibit:{exhibit.reference}",
    )
    return found


def _retire_matches(exhibit_id: UUID) -> None:
    """Suggestions on records that a corrected reading has replaced are no longer made."""
    with connection.cursor() as cursor:
        cursor.execute(
            "update entities_match m set retired_at = %s from evidence_record r where r.exhibit_id = %s"
            " and r.retired_at is not null and r.id in (m.left_id, m.right_id) and m.retired_at is null",
            [timezone.now(), exhibit_id],
        )


def _new_people(exhibit_id: UUID) -> Iterator[list[UUID]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select r.id from evidence_record r where r.exhibit_id = %s and r.kind in ('person', 'account')"
            " and r.retired_at is null"
            " and not exists (select 1 from entities_candidatekey k where k.record_id = r.id) order by r.id",
            [exhibit_id],
        )
        ids = [row[0] for row in cursor.fetchall()]
    for at in range(0, len(ids), RECORDS_AT_ONCE):
        yield ids[at : at + RECORDS_AT_ONCE]


def _candidates(ids: Sequence[UUID]) -> list[_Candidate]:
    """The records ready to compare, from their own claims alone; several values of a field make further keys."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select r.id, r.kind, r.holding_id, r.agency_id, c.property, c.kind, coalesce(c.normal, c.raw), c.normal,"
            " c.generic"
            " from evidence_record r left join evidence_claim c on c.record_id = r.id and c.role = 'own'"
            " where r.id = any(%s) and r.retired_at is null order by r.id, c.id",
            [list(ids)],
        )
        rows = cursor.fetchall()
    about: dict[UUID, tuple[str, UUID, UUID]] = {}
    fields: dict[UUID, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    values: dict[UUID, set[tuple[str, str]]] = defaultdict(set)
    for record, kind, holding, agency, prop, value_kind, text, normal, generic in rows:
        about[record] = (kind, holding, agency)
        if prop in _FIELDS and not generic:
            fields[record][_FIELDS[prop]].append(text)
        if normal is not None and value_kind in NAMING and not generic:
            values[record].add((value_kind, normal))
    return [
        _candidate(record, *about[record], dict(fields[record]), frozenset(values[record])) for record in sorted(about)
    ]


def _candidate(
    record: UUID,
    kind: str,
    holding: UUID,
    agency: UUID,
    fields: dict[str, list[str]],
    values: frozenset[tuple[str, str]],
) -> _Candidate:
    first = {name: given[0] for name, given in fields.items()}
    row = PersonRow.of({"record_id": str(record), **first})
    keys = set(candidate_keys(row))
    for name, given in fields.items():
        for other in given[1:8]:
            keys.update(candidate_keys(PersonRow.of({"record_id": str(record), **first, name: other})))
    keys.update(f"v:{value_kind}:{normal}" for value_kind, normal in values)
    hashed = sorted(hashlib.sha256(key.encode()).hexdigest()[:40] for key in keys)
    return _Candidate(record, kind, holding, agency, prepare(row), tuple(hashed), values)


def _keep_keys(candidates: Iterable[_Candidate]) -> None:
    rows = [(key, candidate.id) for candidate in candidates for key in candidate.keys]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(
                "insert into entities_candidatekey (key, record_id) select * from unnest(%s::text[], %s::uuid[])"
                " on conflict (record_id, key) do nothing",
                [[key for key, _ in rows], [record for _, record in rows]],
            )


def _pairs(candidates: Iterable[_Candidate]) -> set[tuple[UUID, UUID]]:
    """Each pair that shares a key which no more than ``BLOCK_LIMIT`` records have; the lower id first."""
    holders: dict[str, list[UUID]] = defaultdict(list)
    for candidate in candidates:
        for key in candidate.keys:
            holders[key].append(candidate.id)
    keys = sorted(holders)
    pairs: set[tuple[UUID, UUID]] = set()
    for at in range(0, len(keys), VALUES_AT_ONCE):
        with connection.cursor() as cursor:
            cursor.execute(
                "select k.key, array_agg(c.record_id) from unnest(%s::text[]) k(key) cross join lateral"
                " (select record_id from entities_candidatekey c where c.key = k.key limit %s) c group by k.key"
                " having count(*) between 2 and %s",
                [keys[at : at + VALUES_AT_ONCE], BLOCK_LIMIT + 1, BLOCK_LIMIT],
            )
            for key, records in cursor.fetchall():
                pairs.update(
                    (min(one, other), max(one, other)) for one in holders[key] for other in records if one != other
                )
    return pairs


def _degrees(shared: Iterable[frozenset[tuple[str, str]]]) -> dict[tuple[str, str], int]:
    """In how many cases each of the values stands."""
    values = sorted(set().union(*shared))
    if not values:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "select i.kind, i.normal, i.cases_count from entities_identifier i"
            " join unnest(%s::text[], %s::text[]) v(kind, normal) on v.kind = i.kind and v.normal = i.normal",
            [[kind for kind, _ in values], [normal for _, normal in values]],
        )
        return {(kind, normal): cases for kind, normal, cases in cursor.fetchall()}


def _compare(
    left: _Candidate, right: _Candidate, model: Model, degrees: dict[tuple[str, str], int]
) -> dict[str, Any] | None:
    """The match of a pair as a row; None where nobody needs to be asked or the pair was never worth asking about."""
    shared = left.values & right.values
    if left.kind == right.kind == "account" and any(kind in SAME_ACCOUNT for kind, _ in shared):
        return None
    judged = score(left.person, right.person, model)
    spoken = {reason.feature for reason in judged.reasons if reason.bits > 0}
    reasons = list(judged.reasons)
    for kind, normal in sorted(shared):
        if _SPOKEN.get(kind) not in spoken:
            # The exact tie outweighs what the model thought of the first values of that kind.
            reasons = [reason for reason in reasons if reason.feature != _SPOKEN.get(kind)]
            reasons.append(_same_value(kind, normal, degrees.get((kind, normal), 2), model))
    bits = model.prior_bits + math.fsum(reason.bits for reason in reasons)
    probability = model.probability(bits)
    if judged.conflict:
        probability = min(probability, 0.05)
    reasons.sort(key=lambda reason: (-abs(reason.bits), reason.feature))
    return {
        "id": new_id(),
        "left": left,
        "right": right,
        "probability": round(probability, 4),
        "bits": round(bits, 3),
        "reasons": json.dumps([asdict(reason) | {"bits": round(reason.bits, 2)} for reason in reasons]),
        "model": f"{model.name}+{default_rarity().model}",
    }


def _same_value(kind: str, normal: str, cases: int, model: Model) -> Reason:
    """What an identical own value adds: as many bits as, alone, would make the pair as probable as its rarity says."""
    probability = default_rarity().probability(kind, cases)
    bits = math.log2(probability / (1 - probability)) - model.prior_bits
    return Reason(kind, normal, normal, bits, f"{KINDS[kind].ties} {normal}")


def _keep_matches(matches: Iterable[dict[str, Any]]) -> int:
    """Write new and changed suggestions, retire those that have become improbable; returns how many stand."""
    now = timezone.now()
    suggested, faded = [], []
    for match in matches:
        left, right = match["left"], match["right"]
        if match["probability"] < SUGGESTED_FROM:
            faded.append([now, left.id, right.id])
            continue
        suggested.append(
            [match["id"], left.id, right.id, left.holding_id, left.agency_id, right.holding_id, right.agency_id,
             match["probability"], match["bits"], match["reasons"], match["model"], now]
        )  # fmt: skip
    with connection.cursor() as cursor:
        if faded:
            cursor.executemany(
                "update entities_match set retired_at = %s where left_id = %s and right_id = %s and retired_at is null",
                faded,
            )
        if suggested:
            cursor.executemany(
                "insert into entities_match (id, left_id, right_id, left_holding_id, left_agency_id, right_holding_id,"
                " right_agency_id, probability, bits, reasons, model, found_at)"
                " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
                " on conflict (left_id, right_id, model) do update set"
                " probability = excluded.probability, bits = excluded.bits, reasons = excluded.reasons,"
                " found_at = excluded.found_at, retired_at = null"
                " where (entities_match.probability, entities_match.reasons) is distinct from"
                " (excluded.probability, excluded.reasons) or entities_match.retired_at is not null",
                suggested,
            )
    return len(suggested)

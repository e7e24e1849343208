"""Placing: which records a record is compared with, and what of the comparison is kept. The rules, without a database.

``edges`` is the plain version: every kept record against every other that shares an open key. What stands depends on the
records alone, never on the order in which they came; the web part keeps the same edges one arrival at a time, and a
test holds the two together in any order.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from opencets.records import KINDS
from opencets.resolving import packed as packing
from opencets.resolving.model import Model
from opencets.resolving.packed import Value
from opencets.resolving.people import Person, PersonRow, candidate_keys, prepare
from opencets.resolving.suggest import BLOCK_LIMIT, Reason, Suggestion, score

SUGGESTED_FROM = 0.5
"""A pair less probable than this is not suggested."""
SAME_ACCOUNT = ("account_id", "handle")
"""Two account records with one own value of these kinds are the same account as it stands: nobody needs to be asked."""
STRONG = tuple(sorted(kind.name for kind in KINDS.values() if kind.links == "strong"))
DIGESTS = ("md5", "pdq", "sha1", "sha256")
NAMING = tuple(kind for kind in STRONG if kind not in (*DIGESTS, "ip_hour", "ip_port", "url"))
"""Kinds whose own value names a person, an account or a device; a digest or an address in one hour does not."""
MOST_OF_A_FIELD = 8
AMONG = 100_000
"""Among so many records a placed one is taken to stand, whatever their number is: one that moved would tell of records that
the reader may not see, and every suggestion would have to be weighed again. More records make namesakes likelier."""

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
SPOKEN = {"email": "email", "phone": "phone", "national_id": "national_id", "handle": "screen_name"}
"""Kinds that a feature of the model compares already, and which."""

Worth = Callable[[str], float]
"""How probable it is that two holders of one rare value of this kind are the same."""


@dataclass(frozen=True, slots=True)
class Stated:
    """An own claim of a record, as far as it is compared. ``text``: as normalised, else as written."""

    property: str
    kind: str
    text: str
    normal: str | None
    generic: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """A record as compared: prepared, with its own naming values and the keys under which others find it."""

    id: str
    kind: str
    person: Person
    keys: tuple[int, ...]
    values: frozenset[Value]

    def packed(self) -> bytes:
        """What is compared, as bytes: to be compared and read back without its claims."""
        return packing.pack(self.kind, self.person, self.values, sorted(map(_value_key, self.values)))


def keep(record: str, kind: str, claims: Iterable[Stated]) -> Kept:
    """The record ready to compare, from its own claims; a generic value is left out, further values make further keys."""
    fields: dict[str, list[str]] = defaultdict(list)
    values: set[Value] = set()
    for claim in claims:
        if claim.generic:
            continue
        if claim.property in _FIELDS:
            fields[_FIELDS[claim.property]].append(claim.text)
        if claim.normal is not None and claim.kind in NAMING:
            values.add((claim.kind, claim.normal))
    first = {name: given[0] for name, given in fields.items()}
    person = prepare(PersonRow.of({"record_id": record, **first}))
    keys = set(candidate_keys(person))
    for name, given in fields.items():
        for other in given[1:MOST_OF_A_FIELD]:
            keys.update(candidate_keys(PersonRow.of({"record_id": record, **first, name: other})))
    found = {*map(key_of, keys), *map(_value_key, values)}
    return Kept(record, kind, person, tuple(sorted(found)), frozenset(values))


def _value_key(value: Value) -> int:
    return key_of(f"v:{value[0]}:{value[1]}")


def key_of(key: str) -> int:
    """The key as a signed number of 64 bits: a tenth of the room of its text, and it tells nobody what it was made of."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big", signed=True)


def unpack(record: str, packed: bytes, keys: Iterable[int] = ()) -> Kept | None:
    """A record from its packed form; None where another version of this program packed it."""
    found = packing.unpack(record, packed)
    if found is None:
        return None
    kind, person, values = found
    return Kept(record, kind, person, tuple(keys), values)


def likely(
    packed: Sequence[bytes], left: npt.NDArray[np.int32], right: npt.NDArray[np.int32], model: Model
) -> npt.NDArray[np.bool_]:
    """Which pairs of packed records ``compare`` could suggest: compiled, with no word why. Most pairs end here."""
    return packing.likely(packed, left, right, model, model.least(SUGGESTED_FROM) - model.prior(AMONG))


def compare(left: Kept, right: Kept, model: Model, worth: Worth) -> Suggestion | None:
    """The suggestion that two records are one person; None where nobody needs to be asked, or it is improbable.

    An identical own value that the model does not compare adds as many bits as would, alone, make the pair as probable
    as its kind says. How many others hold it does not count, up to where it turns generic: a number that moves with
    every holder would tell of holders whom the reader may not see.
    """
    shared = left.values & right.values
    if left.kind == right.kind == "account" and any(kind in SAME_ACCOUNT for kind, _ in shared):
        return None
    prior = model.prior(AMONG)
    alone = model.score(left.person, right.person) - model.prior_bits + prior
    if not shared and model.probability(alone) < SUGGESTED_FROM:
        return None
    judged = score(left.person, right.person, model)
    spoken = {reason.feature for reason in judged.reasons if reason.bits > 0}
    reasons = list(judged.reasons)
    for kind, normal in sorted(shared):
        if SPOKEN.get(kind) not in spoken:
            # The exact tie outweighs what the model thought of the first values of that kind.
            reasons = [reason for reason in reasons if reason.feature != SPOKEN.get(kind)]
            reasons.append(_same_value(kind, normal, prior, worth))
    bits = prior + math.fsum(reason.bits for reason in reasons)
    probability = min(model.probability(bits), 0.05) if judged.conflict else model.probability(bits)
    if probability < SUGGESTED_FROM:
        return None
    reasons.sort(key=lambda reason: (-abs(reason.bits), reason.feature))
    return Suggestion(left.id, right.id, probability, bits, tuple(reasons), judged.model, judged.conflict)


def _same_value(kind: str, normal: str, prior: float, worth: Worth) -> Reason:
    probability = worth(kind)
    bits = math.log2(probability / (1 - probability)) - prior
    return Reason(kind, normal, normal, bits, f"{KINDS[kind].ties} {normal}")


def edges(
    records: Iterable[Kept], model: Model, worth: Worth, limit: int = BLOCK_LIMIT
) -> Mapping[tuple[str, str], Suggestion]:
    """Every suggestion among the records, by the pair, lower id first: the whole run, and the plain version of placing.

    A key is open while at most ``limit`` records have it; a pair is compared where it shares an open key.
    """
    known = {record.id: record for record in records}
    holders: dict[int, list[str]] = defaultdict(list)
    for record in known.values():
        for key in record.keys:
            holders[key].append(record.id)
    pairs = {
        (min(one, other), max(one, other))
        for held in holders.values()
        if len(held) <= limit
        for at, one in enumerate(held)
        for other in held[at + 1 :]
    }
    found = {}
    for left, right in sorted(pairs):
        suggested = compare(known[left], known[right], model, worth)
        if suggested is not None:
            found[left, right] = suggested
    return found

"""Holdings in memory: which record holds which value, and the ties that follow. For tests, benchmarks, small sets.

The web part answers the same question from PostgreSQL; this is the plain version that it is tested against.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from opencets.linking.degrees import Change, Degrees
from opencets.linking.paths import Tie
from opencets.linking.rarity import Rarity, bits_of, default_rarity
from opencets.linking.times import Span, fading
from opencets.records import Record


class Holdings:
    """A ``TieSource`` over values held by records of groups (cases)."""

    def __init__(self, rarity: Rarity | None = None) -> None:
        self.rarity = rarity or default_rarity()
        self.degrees = Degrees(self.rarity)
        self._group: dict[str, str] = {}
        self._members: dict[str, list[str]] = defaultdict(list)
        self._values: dict[str, dict[tuple[str, str], str]] = {}
        self._holders: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._near: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
        self._people: dict[str, dict[str, float]] = defaultdict(dict)
        self._day: dict[str, str] = {}

    def add_record(self, record: str, group: str, day: str = "") -> None:
        """A record of a group, with the day of which it tells; raises ValueError if it already stands in another group."""
        if day:
            self._day[record] = day
        if self._group.setdefault(record, group) != group:
            raise ValueError(f"record {record} stands in {self._group[record]} already, not in {group}")
        if record not in self._values:
            self._values[record] = {}
            self._members[group].append(record)

    def add(self, record: str, group: str, kind: str, value: str, claim: str = "") -> Change | None:
        """Record that ``record`` holds ``value``; None where no degree changed. Kinds that do not link are left out."""
        self.add_record(record, group)
        if not self.rarity.links(kind) or (kind, value) in self._values[record]:
            return None
        self._values[record][kind, value] = claim
        self._holders[kind, value][group].append(record)
        return self.degrees.add(kind, value, group)

    def add_claims(self, record: Record, group: str) -> list[Change]:
        """Every value that a record claims, under the record's key; gives the changes of degrees.

        A claim of any role ties (a contact's number connects two cases as well as an own one); whose it is stands in
        the claim's name: ``"email (contact)"``.
        """
        self.add_record(record.key, group)
        changes = []
        for claim in record.claims:
            if claim.normal is not None:
                told = claim.property if claim.role == "own" else f"{claim.property} ({claim.role})"
                change = self.add(record.key, group, claim.kind, claim.normal, told)
                changes += [change] if change else []
        return changes

    def remove(self, record: str, kind: str, value: str) -> Change | None:
        """Take a holding back; None where its group holds the value still. Raises KeyError if the record lacks it."""
        del self._values[record][kind, value]
        group = self._group[record]
        holders = self._holders[kind, value]
        holders[group].remove(record)
        if not holders[group]:
            del holders[group]
        return self.degrees.remove(kind, value, group)

    def add_near(self, kind: str, left: str, right: str, distance: int) -> None:
        """Two values that are near-duplicates at a Hamming distance."""
        if left != right:
            self._near[kind, left][right] = distance
            self._near[kind, right][left] = distance

    def add_same_person(self, left: str, right: str, probability: float) -> None:
        """Two records that are the same person with a calibrated probability."""
        self._people[left][right] = probability
        self._people[right][left] = probability

    def group_of(self, record: str) -> str:
        """The group of a record; raises KeyError if unknown."""
        return self._group[record]

    def members(self, group: str) -> list[str]:
        """The records of a group, sorted."""
        return sorted(self._members.get(group, ()))

    def groups(self) -> list[str]:
        """Every group, sorted."""
        return sorted(self._members)

    def values_of(self, record: str) -> list[tuple[str, str]]:
        """The (kind, value) pairs that a record holds, sorted."""
        return sorted(self._values.get(record, ()))

    def degree(self, kind: str, value: str) -> int:
        """Distinct cases that hold the value or a near-duplicate: re-encoding does not make a traded picture rare."""
        near = self._near.get((kind, value))
        if not near:
            return self.degrees.degree(kind, value)
        cases = set(self._holders[kind, value]) if (kind, value) in self._holders else set()
        for other in near:
            cases.update(self._holders.get((kind, other), ()))
        return len(cases)

    def generic_values(self) -> list[tuple[str, str, int]]:
        """(kind, value, degree) of every value that too many cases hold, the widest first: found and shown."""
        found = ((kind, value, self.degree(kind, value)) for kind, value in self._holders)
        return sorted(
            (row for row in found if self.rarity.generic(row[0], row[2])),
            key=lambda row: (-row[2], row),
        )

    def ties_of(self, records: Sequence[str]) -> Iterator[Tie]:
        """Ties of the records: a star inside each group, from group to group through the first holder of each."""
        for record in records:
            for (kind, value), claim in self._values.get(record, {}).items():
                degree = self.degree(kind, value)
                if self.rarity.generic(kind, degree):
                    continue
                yield from self._exact(record, kind, value, claim, degree)
                yield from self._near_duplicates(record, kind, value, claim, degree)
            for other, probability in self._people.get(record, {}).items():
                pair = "~".join(sorted((record, other)))
                note = f"probability {probability:.2f}"
                yield Tie(
                    record,
                    other,
                    "same_person",
                    pair,
                    bits_of(probability),
                    "",
                    "",
                    note,
                )

    def _exact(self, record: str, kind: str, value: str, claim: str, degree: int) -> Iterator[Tie]:
        holders, own = self._holders[kind, value], self._group[record]
        first = min(holders[own])
        others: Iterable[str] = (first,)
        if record == first:
            others = (
                *(other for other in holders[own] if other != record),
                *(min(held) for group, held in holders.items() if group != own),
            )
        for other in others:
            inside = self._group[other] == own
            spans = [self._span([side] if inside else holders[self._group[side]]) for side in (record, other)]
            more, note = fading(self.rarity, kind, *spans)
            bits = self.rarity.bits(kind, degree) + more
            yield Tie(record, other, kind, value, bits, claim, self._values[other][kind, value], note)

    def _span(self, records: Iterable[str]) -> Span:
        """The first and the last day of which the records tell."""
        days = sorted(self._day[record] for record in records if record in self._day)
        return (days[0], days[-1]) if days else (None, None)

    def _near_duplicates(self, record: str, kind: str, value: str, claim: str, degree: int) -> Iterator[Tie]:
        own = self._group[record]
        if record != min(self._holders[kind, value][own]):
            return
        for other_value, distance in self._near.get((kind, value), {}).items():
            wider = max(degree, self.degree(kind, other_value))
            bits = self.rarity.bits(kind, wider, distance)
            pair = "~".join(sorted((value, other_value)))
            for held in self._holders.get((kind, other_value), {}).values():
                other = min(held)
                if other != record:
                    note = f"distance {distance} of 256"
                    other_claim = self._values[other][kind, other_value]
                    yield Tie(
                        record,
                        other,
                        kind,
                        pair,
                        bits,
                        claim,
                        other_claim,
                        note,
                        self.rarity.generic(kind, wider),
                    )

"""Areas of the world as a ledger knows them: countries, regions, and places by the name that a database of places gives.

An address's place is as precise as its database says and no more. What is known to the country only lies in the country and
in none of its regions; an area of regions does not hold it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from opencets.errors import ActRefused

_COUNTRY = re.compile(r"[A-Z]{2}")
_REGION = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}")


@dataclass(frozen=True, slots=True)
class Area:
    """Whole countries (ISO 3166-1), whole regions (ISO 3166-2) and places of a region, together; empty: nowhere."""

    countries: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    places: frozenset[tuple[str, str]] = frozenset()
    """Region and name."""
    everywhere: bool = False

    @classmethod
    def of(
        cls, countries: Iterable[str] = (), regions: Iterable[str] = (), places: Iterable[tuple[str, str]] = ()
    ) -> Area:
        """An area of checked codes. ActRefused names what is no code."""
        area = cls(frozenset(countries), frozenset(regions), frozenset((region, name) for region, name in places))
        for code in area.countries:
            if not _COUNTRY.fullmatch(code):
                raise ActRefused(f"“{code[:20]}” is no country: two capital letters as in ISO 3166-1, such as GB.")
        for code in (*area.regions, *(region for region, _ in area.places)):
            if not _REGION.fullmatch(code):
                raise ActRefused(f"“{code[:20]}” is no region: written as in ISO 3166-2, such as US-WY.")
        return area

    @classmethod
    def named(cls, jurisdiction: str) -> Area:
        """A country (``GB``), a region (``US-WY``) or nothing, which is everywhere. ActRefused for what is none."""
        word = jurisdiction.upper()
        if not word:
            return EVERYWHERE
        try:
            return cls.of(regions=[word]) if "-" in word else cls.of([word])
        except ActRefused:
            raise ActRefused(
                f"“{jurisdiction[:20]}” is no jurisdiction: give a country (GB) or a region of ISO 3166-2 (US-WY)."
            ) from None

    def __bool__(self) -> bool:
        return self.everywhere or bool(self.countries or self.regions or self.places)

    def __or__(self, other: Area) -> Area:
        return Area(
            self.countries | other.countries,
            self.regions | other.regions,
            self.places | other.places,
            self.everywhere or other.everywhere,
        )

    def holds(self, country: str | None, region: str | None, place: str | None) -> bool:
        """Whether what is known of a place lies in the area."""
        return (
            self.everywhere
            or country in self.countries
            or region in self.regions
            or (region is not None and place is not None and (region, place) in self.places)
        )

    def within(self, other: Area) -> Area:
        """What of this area lies in another."""
        if other.everywhere:
            return self
        if self.everywhere:
            return other
        return Area(
            self.countries & other.countries,
            frozenset(one for one in self.regions if one in other.regions or one[:2] in other.countries)
            | frozenset(one for one in other.regions if one[:2] in self.countries),
            frozenset(one for one in self.places if other.holds(one[0][:2], *one))
            | frozenset(one for one in other.places if self.holds(one[0][:2], *one)),
        )

    def condition(self) -> str:
        """The condition of SQL on ``country``, ``region`` and ``place``: ``and …``, or nothing for everywhere."""
        if self.everywhere:
            return ""
        either = [f"{name} in ({_texts(codes)})" for name, codes in self._codes() if codes]
        by_region: dict[str, list[str]] = {}
        for region, name in sorted(self.places):
            by_region.setdefault(region, []).append(name)
        either += [f"(region = '{region}' and place in ({_texts(names)}))" for region, names in by_region.items()]
        return f"and ({' or '.join(either)})" if either else "and false"

    def _codes(self) -> tuple[tuple[str, frozenset[str]], ...]:
        return ("country", self.countries), ("region", self.regions)


EVERYWHERE = Area(everywhere=True)


def _texts(words: Iterable[str]) -> str:
    return ", ".join("'" + word.replace("'", "''") + "'" for word in sorted(words))

"""A network of agencies with planted connections: who really belongs together is known, and much looks as if it did.

Fourteen agencies of fifteen languages keep records of invented people. Chains of two to five ties lead from one person to
another; every person between stands in two records of two agencies, which an identical identifier, another way of
writing it, or only a name and a date of birth joins. A tie is one person's number among another's contacts, an account,
device, camera, wallet or picture that both used, an address at one hour. Beside them stand families that really share a
telephone, and decoys: shared lines, shelters, default names and serials, traded pictures, crowded addresses, numbers
given out again years later, homonyms.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from opencets.rehearsal.names import ALL_LANGUAGES, Name, invent, with_typo

TIES = (2, 3, 4, 5)
AGENCIES = 14
_SERVICES = ("kik", "discord", "telegram", "snapchat", "instagram", "unknown")
_DOMAINS = ("example.org", "example.com", "example.net", "mail.example", "post.example")
_TIE_KINDS = {
    "phone": 22, "handle": 16, "email": 8, "device_serial": 12, "camera_serial": 10, "sha256": 12, "ip_hour": 12, "wallet": 8,
}  # fmt: skip
_RESPELT = (
    ("kh", "h"), ("zh", "j"), ("sh", "ch"), ("ts", "tz"), ("ya", "ia"), ("yu", "iu"), ("ov", "off"), ("ph", "f"), ("ou", "u"),
    ("ee", "i"), ("k", "c"), ("y", "i"), ("w", "v"), ("aa", "a"), ("oo", "u"), ("q", "k"), ("x", "ks"), ("-", " "), ("th", "t"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Held:
    """One value as a record writes it; ``role`` own, contact or used."""

    kind: str
    raw: str
    role: str = "own"


@dataclass(frozen=True, slots=True)
class Row:
    """A record of an agency about a person, with the day from which it speaks; ``person`` is the truth, not shown."""

    id: str
    agency: int
    person: int
    name: str
    birth: str
    gender: str
    city: str
    on: date
    held: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class Start:
    """A record from which to ask who is connected; ``far``: the planted other end, None where nothing was planted."""

    record: str
    far: int | None
    ties: int


@dataclass(slots=True)
class Network:
    """The records, and the truth about them."""

    rows: list[Row] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    tied: list[tuple[int, int]] = field(default_factory=list)

    def connected(self) -> dict[int, int]:
        """Each person's group of really connected people, by its lowest number."""
        parent: dict[int, int] = {}

        def root(one: int) -> int:
            while parent.setdefault(one, one) != one:
                one = parent[one]
            return one

        for one, other in self.tied:
            lower, higher = sorted((root(one), root(other)))
            parent[higher] = lower
        return {row.person: root(row.person) for row in self.rows}


@dataclass(slots=True)
class _Person:
    number: int
    name: Name
    born: date
    city: str
    home: int
    own: dict[str, str]


def network(
    seed: int, *, records: int = 40_000, chains: int = 800, background: int = 200, typos: float = 0.12
) -> Network:
    """A network of about ``records`` records with ``chains`` planted chains, as many of each number of ties.

    ``background``: starting records beside the chains' for which nothing was planted. ``typos``: share of names that a
    typist slipped on. The same arguments give the same network.
    """
    return _Builder(seed, typos).build(records, chains, background)


class _Builder:
    def __init__(self, seed: int, typos: float) -> None:
        self.chance = random.Random(seed)
        self.typos = typos
        self.world = Network()
        self.people: list[_Person] = []
        self.serials: Counter[str] = Counter()
        self.drafts: list[tuple[_Person, int, date, str, list[Held], bool]] = []

    def build(self, records: int, chains: int, background: int) -> Network:
        planned = [self._chain(TIES[number % len(TIES)]) for number in range(chains)]
        while len(self.drafts) < records:
            self._household()
        self._decoys(records)
        ids = self._write()
        for draft, far, ties in planned:
            self.world.starts.append(Start(ids[draft], far, ties))
        for draft in self.chance.sample(range(max(d for d, _, _ in planned) + 200, len(ids)), background):
            self.world.starts.append(Start(ids[draft], None, 0))
        self.chance.shuffle(self.world.rows)
        return self.world

    # --- People -------------------------------------------------------------------------------------------------------

    def _person(self) -> _Person:
        chance, number = self.chance, len(self.people)
        twin = self.people[chance.randrange(number)] if number > 50 and chance.random() < 0.05 else None
        name = twin.name if twin else invent(chance, chance.choice(ALL_LANGUAGES))
        born = date(1945, 1, 1) + timedelta(days=chance.randrange(22_000))
        one = _Person(number, name, born, f"{chance.choice(('Ald', 'Brenn', 'Cor', 'Dun', 'Fern', 'Holl', 'Ilm', 'Lind'))}"
                      f"{chance.choice(('burg', 'haven', 'ville', 'more', 'stad', 'by', 'au', 'wick'))}",
                      chance.randrange(AGENCIES), {})  # fmt: skip
        self.people.append(one)
        return one

    def _own(self, one: _Person, kind: str) -> str:
        """The person's own identifier of a kind, the same each time."""
        if kind not in one.own:
            one.own[kind] = self._value(kind, one)
        return one.own[kind]

    def _value(self, kind: str, one: _Person | None = None) -> str:
        """A value of its own, in its plain form."""
        self.serials[kind] += 1
        number, chance = self.serials[kind], self.chance
        if kind == "phone":
            # 78,000 numbers of the range kept for fiction.
            return f"+1{201 + number // 100 % 780}555{100 + number % 100:04d}"
        given = "".join(c for c in one.name.given_latin.lower() if c.isalpha() and c.isascii()) if one else "user"
        if kind == "email":
            return f"{given}.{chance.choice(('a', 'k', 'm', 's'))}{number}@{chance.choice(_DOMAINS)}"
        if kind == "handle":
            short = one is not None and chance.random() < 0.06
            tail = chance.randrange(60, 100) if short else number
            return f"{chance.choice(_SERVICES)}:{given}{chance.choice(('', '_', '.'))}{tail}"
        if kind == "ip_hour":
            day = date(2024, 1, 1) + timedelta(days=number % 600)
            return f"2001:db8:{number >> 12:x}:{number & 4095:x}::{chance.randrange(2, 999):x}@{day}T{chance.randrange(24):02d}"
        if kind == "sha256":
            return f"{chance.getrandbits(256):064x}"
        if kind == "wallet":
            return f"0x{chance.getrandbits(160):040x}"
        return f"{kind.split('_')[0].upper()}-{chance.getrandbits(36):09X}"

    # --- Records ------------------------------------------------------------------------------------------------------

    def _draft(self, one: _Person, agency: int, held: list[Held], birth: str = "often") -> int:
        on = date(2019, 1, 1) + timedelta(days=self.chance.randrange(2_400))
        native = agency == one.home and self.chance.random() < 0.7
        self.drafts.append((one, agency, on, birth, held, native))
        return len(self.drafts) - 1

    def _chain(self, ties: int) -> tuple[int, int, int]:
        """(draft of the start, far person, ties): people in a row, each between them in two records of two agencies."""
        chance = self.chance
        people = [self._person() for _ in range(ties + 1)]
        left: list[list[Held]] = [[] for _ in people]
        right: list[list[Held]] = [[] for _ in people]
        for at in range(ties):
            one, other = people[at], people[at + 1]
            self.world.tied.append((one.number, other.number))
            kind = chance.choices(list(_TIE_KINDS), list(_TIE_KINDS.values()))[0]
            varied = chance.random() < 0.3
            if kind in ("phone", "handle", "email"):
                # One lists the other as a contact; either way round.
                value = self._own(other, kind)
                mine, theirs = Held(kind, value, "contact"), Held(kind, value)
                if chance.random() < 0.4:
                    value = self._own(one, kind)
                    mine, theirs = Held(kind, value), Held(kind, value, "contact")
            else:
                value = self._value(kind)
                mine, theirs = Held(kind, value, "used"), Held(kind, value, "used")
            if varied:
                theirs = Held(kind, _varied(chance, kind, value), theirs.role)
            right[at].append(mine)
            left[at + 1].append(theirs)
        first = self._draft(people[0], people[0].home, right[0])
        for at in range(1, ties):
            one, drawn = people[at], chance.random()
            birth = "often"
            if drawn < 0.6:
                kind = chance.choice(("phone", "email", "handle", "phone"))
                value = self._own(one, kind)
                left[at].append(Held(kind, value))
                right[at].append(Held(kind, value if drawn < 0.3 else _varied(chance, kind, value)))
            else:
                birth = "always"
            there = chance.choice([agency for agency in range(AGENCIES) if agency != one.home])
            self._draft(one, one.home, left[at], birth)
            self._draft(one, there, right[at], birth)
        self._draft(people[-1], chance.randrange(AGENCIES), left[-1])
        return first, people[-1].number, ties

    def _household(self) -> None:
        """One to three people of the background; some really share a telephone or a device, some stand in two agencies."""
        chance = self.chance
        members = [self._person() for _ in range(chance.choices((1, 2, 3), (80, 15, 5))[0])]
        shared = Held("phone", self._value("phone")) if len(members) > 1 else None
        for one in members:
            if len(members) > 1:
                one.home = members[0].home
            if one is not members[0]:
                self.world.tied.append((members[0].number, one.number))
            for copy in range(chance.choices((1, 2, 3), (62, 30, 8))[0]):
                held = [
                    Held(kind, value if chance.random() < 0.7 else _varied(chance, kind, value))
                    for kind in ("phone", "email", "handle")
                    if chance.random() < 0.45
                    for value in (self._own(one, kind),)
                ]
                if shared and chance.random() < 0.7:
                    held.append(shared)
                for kind in ("device_serial", "sha256", "ip_hour", "camera_serial"):
                    if chance.random() < 0.25:
                        held.append(Held(kind, self._value(kind), "used"))
                self._draft(one, one.home if copy == 0 else chance.randrange(AGENCIES), held)

    def _decoys(self, records: int) -> None:
        """Values that unrelated people share: from two holders who met nobody to hundreds."""
        scale = records / 40_000
        chance = self.chance
        for kind, role, how_many, fewest, most in (
            ("phone", "contact", 60, 12, 90),       # switchboards, hotlines
            ("phone", "own", 90, 5, 25),            # shelters and hostels
            ("email", "contact", 50, 8, 80),        # front desks
            ("handle", "own", 120, 3, 60),          # default and common names
            ("ip_hour", "used", 120, 12, 60),       # libraries, carriers
            ("ip_hour", "used", 80, 2, 6),          # two people behind one crowded address
            ("camera_serial", "used", 40, 10, 200), # default serials
            ("device_serial", "used", 60, 4, 30),   # devices of a café
            ("sha256", "used", 140, 8, 120),        # traded pictures
            ("sha256", "used", 60, 2, 7),
            ("wallet", "used", 40, 5, 60),          # exchanges
        ):  # fmt: skip
            for _ in range(max(1, round(how_many * scale))):
                value = self._value(kind)
                number = min(int(fewest * (most / fewest) ** chance.random()), len(self.drafts) // 4)
                for draft in chance.sample(range(len(self.drafts)), number):
                    written = value if chance.random() < 0.8 else _varied(chance, kind, value)
                    self.drafts[draft][4].append(Held(kind, written, role))
        for _ in range(round(150 * scale)):
            # A number given out again: two holders, years apart.
            one, other = chance.sample(range(len(self.drafts)), 2)
            value = self._value("phone")
            for draft, on in ((one, date(2019, 1, 1)), (other, date(2024, 6, 1))):
                person, agency, _, birth, held, native = self.drafts[draft]
                held.append(Held("phone", value))
                self.drafts[draft] = (person, agency, on + timedelta(days=chance.randrange(400)), birth, held, native)

    def _write(self) -> list[str]:
        ids = [f"R{number:06d}" for number in self.chance.sample(range(10 * len(self.drafts)), len(self.drafts))]
        for record, (one, agency, on, birth, held, native) in zip(ids, self.drafts, strict=True):
            self.world.rows.append(
                Row(
                    record, agency, one.number, self._name(one.name, native), self._birth(one.born, birth),
                    one.name.gender if self.chance.random() < 0.6 else "", one.city if self.chance.random() < 0.35 else "",
                    on, tuple(held),
                )
            )  # fmt: skip
        return ids

    def _name(self, name: Name, native: bool) -> str:
        chance = self.chance
        given, family = (name.given, name.family) if native else (name.given_latin, name.family_latin)
        if not native:
            for _ in range(2):
                old, new = chance.choice(_RESPELT)
                family = family.replace(old, new, 1)
        if chance.random() < self.typos:
            if chance.random() < 0.5:
                family = with_typo(chance, family)
            else:
                given = with_typo(chance, given)
        drawn = chance.random()
        if drawn < 0.03:
            return given
        if drawn < 0.06:
            return f"{given[:1]}. {family}"
        return f"{family}, {given}" if drawn < 0.2 else f"{given} {family}"

    def _birth(self, born: date, kept: str) -> str:
        chance, text = self.chance, born.isoformat()
        drawn = chance.random()
        if kept == "often" and drawn < 0.25:
            return "" if drawn < 0.18 else text[:4]
        if drawn > 0.98:
            return f"{text[:9]}{(int(text[9]) + 1) % 9}"
        if drawn > 0.96 and text[8:] <= "12":
            return f"{text[:4]}-{text[8:]}-{text[5:7]}"
        return text


def _varied(chance: random.Random, kind: str, value: str) -> str:
    """The same value as another agency writes it."""
    if kind == "phone":
        area, middle, last = value[2:5], value[5:8], value[8:]
        written = (f"({area}) {middle}-{last}", f"001 {area} {middle} {last}", f"{area}.{middle}.{last}")
        return chance.choice((*written, f"+1-{area}-{middle}-{last}"))
    if kind == "email":
        local, _, domain = value.partition("@")
        return chance.choice((value.upper(), f"{local}+{chance.choice(('news', 'x', 'shop'))}@{domain}", f"<{value}>"))
    if kind == "handle":
        service, _, name = value.partition(":")
        return chance.choice((f"{service}:@{name}", f"{service}: {name.upper()}", f"{service}:{name.capitalize()}"))
    if kind == "ip_hour":
        address, _, hour = value.partition("@")
        return f"{address}@{hour}:{chance.randrange(60):02d}:00Z"
    return value.lower() if value != value.lower() else value.upper()


def by_person(rows: list[Row]) -> Iterator[tuple[int, list[str]]]:
    """Each person with the ids of their records."""
    held: dict[int, list[str]] = defaultdict(list)
    for row in rows:
        held[row.person].append(row.id)
    yield from held.items()

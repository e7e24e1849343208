"""A synthetic world: agencies, cases, invented people, accounts, chats, devices, cameras, pictures, and the truth about them.

What a case holds are cards: facts that ``packages`` writes as real files and ``rows`` gives as records, the same facts both
times. A chain plants a hidden connection: neighbouring cases share one value, written in two notations, and inside each case
one card (or a message and its attached picture) carries the value from the case before and the value to the case after.
Decoys are values that very many cases share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Literal

from opencets.rehearsal import names, numbers
from opencets.rehearsal.rooms import EDITS, Edit, Scene

TieKind = Literal[
    "email", "phone", "handle", "account_id", "wallet", "imei", "ip_hour", "camera_serial", "sha256", "pdq"
]
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
SERVICES = ("chatter", "pixhub", "telegram")
STRONG: tuple[TieKind, ...] = ("email", "phone", "handle", "account_id", "wallet", "imei", "ip_hour")
MEDIA: tuple[TieKind, ...] = ("pdq", "sha256", "camera_serial")


@dataclass(frozen=True, slots=True)
class Size:
    """How large a world is. ``records`` is about how many records all packages give; pictures are counted among them."""

    agencies: int
    cases: int
    records: int
    pictures: int
    width: int = 800
    height: int = 600
    decoy_cases: int = 14
    chains_per_kind: int = 2

    @classmethod
    def demonstration(cls) -> Size:
        """Two agencies, 14 small cases: loads in about two minutes."""
        return cls(2, 14, 1_500, 220, 720, 540, decoy_cases=13, chains_per_kind=1)

    @classmethod
    def acceptance(cls) -> Size:
        """Three agencies, 60 cases, 20,000 records."""
        return cls(3, 60, 20_000, 2_400, 640, 480, decoy_cases=24, chains_per_kind=3)

    @classmethod
    def custom(cls, *, agencies: int = 3, cases: int = 60, records: int = 20_000, pictures: int = 2_400) -> Size:
        """Any size; decoys stand in two fifths of the cases and in fourteen at least."""
        decoys = min(cases, max(14, cases * 2 // 5))
        return cls(agencies, cases, records, pictures, decoy_cases=decoys, chains_per_kind=max(1, cases // 20))


@dataclass(frozen=True, slots=True)
class Agency:
    """An invented agency."""

    name: str
    short_name: str
    country: str
    contact_name: str
    contact_phone: str
    contact_email: str
    prefix: str


@dataclass(frozen=True, slots=True)
class OfficerOf:
    """An invented officer of an agency."""

    agency: str
    display_name: str
    email: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PersonCard:
    """A person as a case's list names them; empty text where the list has nothing."""

    name: str
    born: str
    part: str
    email: str = ""
    phone: str = ""
    handle: str = ""
    service: str = ""
    account_id: str = ""
    wallet: str = ""
    imei: str = ""
    street: str = ""
    city: str = ""
    alias: str = ""


@dataclass(frozen=True, slots=True)
class LoginCard:
    """A line of a provider's log-in list: account, address, instant."""

    handle: str
    service: str
    ip: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PictureCard:
    """A picture file. Equal ``scene``, ``edit`` and ``variant`` are equal bytes, equal scenes are near-duplicates."""

    name: str
    scene: Scene
    edit: Edit
    variant: int
    camera: tuple[str, str, str] | None
    taken: datetime | None
    place: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class MessageCard:
    """A message of a conversation; ``sender`` as the chat shows it, its handle or number beside it."""

    conversation: str
    program: Literal["whatsapp", "telegram", "mail"]
    sender: str
    sender_value: str
    recipient: str
    recipient_value: str
    at: datetime
    text: str
    attachment: PictureCard | None = None


Card = PersonCard | LoginCard | PictureCard | MessageCard


@dataclass(slots=True)
class Case:
    """A case and everything that its package holds."""

    reference: str
    agency: str
    title: str
    kind: str
    cards: list[Card] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PathStep:
    """One shared value of a planted chain: its kind, its normalised value, and the two cases that share it."""

    kind: str
    value: str
    cases: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Planted:
    """Two cases that connect: over how many hops, through what. ``kind``: strong, media, camera, mixed or name."""

    id: str
    kind: str
    hops: int
    ends: tuple[str, str]
    path: tuple[PathStep, ...]


@dataclass(frozen=True, slots=True)
class Decoy:
    """A value that many share and that connects nobody."""

    kind: str
    value: str
    cases: tuple[str, ...]


@dataclass(slots=True)
class Truth:
    """What is really so in a world."""

    connections: list[Planted] = field(default_factory=list)
    decoys: list[Decoy] = field(default_factory=list)
    known_scenes: list[Scene] = field(default_factory=list)


@dataclass(slots=True)
class World:
    """A world; the same for the same seed and size."""

    seed: int
    size: Size
    agencies: list[Agency]
    officers: list[OfficerOf]
    cases: list[Case]
    truth: Truth
    drop_in: Case

    def case(self, reference: str) -> Case:
        """A case by reference; KeyError where there is none."""
        for case in (*self.cases, self.drop_in):
            if case.reference == reference:
                return case
        raise KeyError(reference)


_AGENCIES = (
    Agency("Avon Constabulary", "Avon", "GB", "Avon control room", "+442079460111", "control@avon.example.org", "AV"),
    Agency("Borders Police", "Borders", "GB", "Borders duty desk", "+442079460222", "desk@borders.example.org", "BO"),
    Agency(
        "Calder Regional Police",
        "Calder",
        "US",
        "Calder watch officer",
        "+12025550133",
        "watch@calder.example.org",
        "CA",
    ),
    Agency("Dorn Federal Police", "Dorn", "GB", "Dorn situation room", "+442079460444", "room@dorn.example.org", "DO"),
)
_OFFICERS = (
    OfficerOf("Avon", "Ines Marlow", "ines.marlow@avon.example.org", ("investigator", "supervising-officer")),
    OfficerOf("Avon", "Tomas Reddy", "tomas.reddy@avon.example.org", ("analyst", "victim-identification")),
    OfficerOf("Borders", "Brigid Hale", "brigid.hale@borders.example.org", ("investigator",)),
    OfficerOf("Avon", "Odile Frey", "odile.frey@avon.example.org", ("administrator",)),
    OfficerOf("Avon", "Pavel Quist", "pavel.quist@avon.example.org", ("auditor",)),
    OfficerOf("Borders", "Noor Calloway", "noor.calloway@borders.example.org", ("supervisor", "reviewer")),
    OfficerOf("Calder", "Wanda Sills", "wanda.sills@calder.example.org", ("investigator",)),
    OfficerOf("Dorn", "Egil Voss", "egil.voss@dorn.example.org", ("investigator",)),
)
_TITLES = (
    "Uploads reported by a picture host", "Telephone of a suspect", "Chat group with traded pictures", "Computer from a search",
    "Report of a provider", "Unknown room, unknown child", "Pictures offered in a forum", "Seized camera and cards",
    "Account takeover and demands", "Cloud storage of a suspect",
)  # fmt: skip
_KINDS = ("possession", "production", "enticement", "victim-identification", "possession", "other")
_CAMERAS = (("Lumora", "LX-20"), ("Kestrel", "K7"), ("Optika", "Pro 4"), ("Nordlys", "N900"), ("Halcyon", "H2"))
TWICE = 3
"""So many people of each agency stand in two of its cases, and so many twice in one."""
_CITIES = ("Harrowgate Bay", "Stonemere", "Lindell", "Wexcombe", "Ashby Locks", "Torrance Mill")
_WORDS = (
    "train river garden window coffee monday ticket paper cloud letter station market yellow morning "
    "bicycle lamp kitchen harbour weather music shelf corner jacket bridge evening summer phone picture "
    "room chair"
).split()


def build(seed: int, size: Size) -> World:
    """The world of a seed and a size, without a file being written."""
    return _Builder(seed, size).build()


class _Builder:
    def __init__(self, seed: int, size: Size) -> None:
        self.random = Random(f"world {seed} {size}")
        self.seed = seed
        self.size = size
        self.reserved = numbers.RESERVED
        self.rooms = 0
        self.truth = Truth()
        self.agencies = list(_AGENCIES[: size.agencies])
        self.cases = [self._case(number) for number in range(size.cases)]

    def build(self) -> World:
        drop_in = Case("AV-2026-0099", "Avon", "New package", "possession")
        self._chains(drop_in)
        self._names()
        self._decoys()
        self._fill()
        self._people_twice()
        self._fill_drop_in(drop_in)
        short = {agency.short_name for agency in self.agencies}
        return World(
            self.seed,
            self.size,
            self.agencies,
            [officer for officer in _OFFICERS if officer.agency in short],
            self.cases,
            self.truth,
            drop_in,
        )

    def _case(self, number: int) -> Case:
        agency = self.agencies[number % len(self.agencies)]
        reference = f"{agency.prefix}-2026-{number // len(self.agencies) + 1:04d}"
        return Case(reference, agency.short_name, _TITLES[number % len(_TITLES)], _KINDS[number % len(_KINDS)])

    # --- planted connections ---

    def _chains(self, drop_in: Case) -> None:
        """Chains over one to five hops, of every kind of tie, each through cases of alternating agencies."""
        plans: list[tuple[TieKind, ...]] = []
        for kind in (*STRONG, *MEDIA):
            plans += [(kind,)] * self.size.chains_per_kind
        for _ in range(self.size.chains_per_kind):
            plans += [
                ("email", "phone"), ("handle", "pdq"), ("pdq", "camera_serial"), ("phone", "wallet"), ("camera_serial", "handle"),
                ("handle", "email", "imei"), ("pdq", "camera_serial", "handle"), ("sha256", "handle", "phone"),
                ("phone", "email", "handle", "pdq"), ("email", "handle", "camera_serial", "pdq", "wallet"),
            ]  # fmt: skip
        if self.size.cases < 20:
            plans = [(kind,) for kind in ("email", "phone", "handle", "pdq", "sha256", "camera_serial", "ip_hour")]
            plans += [("handle", "pdq"), ("pdq", "camera_serial", "handle"), ("email", "phone", "wallet", "handle")]
        for number, plan in enumerate(plans):
            self._chain(f"chain-{number:03d}", plan, self._walk(len(plan) + 1))
        borders = [case for case in self.cases if case.agency != "Avon"]
        self._chain("drop-in", ("pdq",), [drop_in, borders[0]])
        self._chain("drop-in-handle", ("handle",), [drop_in, borders[-1]])

    def _walk(self, count: int) -> list[Case]:
        """Different cases, neighbours of different agencies as far as there are."""
        chosen: list[Case] = []
        while len(chosen) < count:
            case = self.random.choice(self.cases)
            if case in chosen or (chosen and case.agency == chosen[-1].agency and self.random.random() < 0.8):
                continue
            chosen.append(case)
        return chosen

    def _chain(self, name: str, plan: Sequence[TieKind], cases: Sequence[Case]) -> None:
        steps: list[PathStep] = []
        chatted = any(kind in MEDIA for kind in plan)
        values = [self._value(kind, chatted=chatted) for kind in plan]
        for number, case in enumerate(cases):
            carried = []
            if number > 0:
                carried.append((plan[number - 1], values[number - 1], 1))
            if number < len(plan):
                carried.append((plan[number], values[number], 0))
            self._carry(case, carried)
        for number, (kind, value) in enumerate(zip(plan, values, strict=True)):
            steps.append(PathStep(kind, str(value.normal), (cases[number].reference, cases[number + 1].reference)))
        for begin in range(len(plan)):
            for end in range(begin + 1, len(plan) + 1):
                path = tuple(steps[begin:end])
                self.truth.connections.append(
                    Planted(
                        f"{name}-{begin}{end}",
                        _kind_of(plan[begin:end]),
                        end - begin,
                        (cases[begin].reference, cases[end].reference),
                        path,
                    )
                )

    def _value(self, kind: TieKind, *, chatted: bool = False) -> Value:
        """A fresh value; ``chatted``: an account of the program whose export carries the pictures."""
        self.reserved += 1
        while chatted and kind == "handle" and SERVICES[self.reserved % len(SERVICES)] != "telegram":
            self.reserved += 1
        return Value(kind, self.reserved, self._scene())

    def _scene(self) -> Scene:
        self.rooms += 1
        return Scene(self.rooms, 0)

    def _carry(self, case: Case, carried: Sequence[tuple[TieKind, Value, int]]) -> None:
        """Cards that hold all of the carried values together, in the notation of each side."""
        identifiers = [entry for entry in carried if entry[0] in STRONG and entry[0] != "ip_hour"]
        media = [entry for entry in carried if entry[0] in MEDIA]
        logins = [entry for entry in carried if entry[0] == "ip_hour"]
        handle = next((value for kind, value, _ in identifiers if kind == "handle"), None)
        if (media and identifiers) or logins:
            handle = handle or self._value("handle", chatted=bool(media))
        if identifiers or logins:
            case.cards.append(self._person(identifiers, handle, chatting=bool(media)))
        for _, value, _ in logins:
            assert handle is not None
            ip, hour = numbers.ip_and_hour(value.index - numbers.RESERVED)
            at = BEGIN + timedelta(hours=hour, minutes=self.random.randrange(60))
            case.cards.append(LoginCard(handle.handle, handle.service, ip, at))
        if media:
            picture = self._picture(case, media)
            if handle is not None and identifiers:
                case.cards.append(self._message(case, handle, picture))
            else:
                case.cards.append(picture)

    def _person(
        self, identifiers: Sequence[tuple[TieKind, Value, int]], handle: Value | None, *, chatting: bool
    ) -> PersonCard:
        name = names.invent(self.random)
        given = {kind: (value, side) for kind, value, side in identifiers}
        shown = {kind: value.written(side) for kind, (value, side) in given.items()}
        if handle is not None and "handle" not in shown:
            shown["handle"] = handle.written(0)
        if handle is not None and chatting and "account_id" not in shown:
            # A chat export names its writers by the program's own numbers; the list of people says whose they are.
            shown["account_id"] = numbers.program_number(handle.normal)
        return PersonCard(
            name.native, self._born(), "suspect",
            email=shown.get("email", ""), phone=shown.get("phone", ""), handle=shown.get("handle", ""),
            service=handle.service if handle is not None else given["account_id"][0].service if "account_id" in given else "",
            account_id=shown.get("account_id", ""),
            wallet=shown.get("wallet", ""), imei=shown.get("imei", ""), city=self.random.choice(_CITIES),
        )  # fmt: skip

    def _picture(self, case: Case, media: Sequence[tuple[TieKind, Value, int]]) -> PictureCard:
        scene, edit, variant = None, "none", 0
        camera: tuple[str, str, str] | None = None
        for kind, value, side in media:
            if kind == "camera_serial":
                camera = value.camera
            elif kind == "sha256":
                scene, edit, variant = value.scene, "none", value.index
            else:
                scene = value.scene
                edit = "none" if side == 0 else self.random.choice(EDITS)
                variant = value.index * 2 + side
        if any(kind == "sha256" for kind, _, _ in media):
            # Identical bytes have one camera: that of their value.
            camera = None
        return PictureCard(
            f"IMG_{self.random.randrange(10_000):04d}_{len(case.cards):03d}.jpg", scene or self._scene(), edit, variant, camera,  # type: ignore[arg-type]
            BEGIN + timedelta(hours=variant % numbers.HOURS),
        )  # fmt: skip

    def _message(self, case: Case, handle: Value, picture: PictureCard) -> MessageCard:
        other = self._handle()
        return MessageCard(
            f"Chat {case.reference} {len(case.cards)}", "telegram", handle.handle, handle.normal, other, f"telegram:{other}",
            BEGIN + timedelta(hours=self.random.randrange(numbers.HOURS)), self._text(), picture,
        )  # fmt: skip

    def _handle(self) -> str:
        self.reserved += 1
        return numbers.screen_name(self.reserved)

    def _names(self) -> None:
        """The same person in two cases by name and date of birth only: other script, alias or a slip of the typist."""
        for number in range(max(2, self.size.cases // 6)):
            left, right = self._walk(2)
            name, born = names.invent(self.random), self._born()
            other = self.random.choice((name.latin, names.with_typo(self.random, name.latin)))
            left.cards.append(PersonCard(name.native, born, "contact", city=self.random.choice(_CITIES)))
            right.cards.append(PersonCard(other, born, "suspect", city=self.random.choice(_CITIES)))
            step = PathStep("name", f"{name.latin} {born}", (left.reference, right.reference))
            self.truth.connections.append(Planted(f"name-{number:03d}", "name", 1, step.cases, (step,)))

    def _people_twice(self) -> None:
        """People whom one agency has twice, in one case or in two, by name and date of birth: what its officers are asked."""
        chance = Random(f"twice {self.seed}")
        for agency in self.agencies:
            own = [case for case in self.cases if case.agency == agency.short_name]
            pairs = [*pairwise(own)][:TWICE] + [(case, case) for case in own[:TWICE]]
            for number, (left, right) in enumerate(pairs):
                name, born = names.invent(chance), self._born(chance)
                for case, written, role in ((left, name.latin, "witness"), (right, name.latin.upper(), "contact")):
                    case.cards.append(PersonCard(written, born, role, city=chance.choice(_CITIES)))
                if left is not right:
                    step = PathStep("name", f"{name.latin} {born}", (left.reference, right.reference))
                    planted = Planted(f"twice-{agency.prefix}-{number}", "name", 1, step.cases, (step,))
                    self.truth.connections.append(planted)

    # --- decoys ---

    def _decoys(self) -> None:
        chosen = self.random.sample(self.cases, min(self.size.decoy_cases, len(self.cases)))
        references = tuple(case.reference for case in chosen)
        traded = Scene(900_001, 0)
        at = BEGIN + timedelta(hours=4_000)
        for number, case in enumerate(chosen):
            name = names.invent(self.random)
            case.cards.append(
                PersonCard(
                    name.native,
                    self._born(),
                    "contact",
                    email="reading.room@example.org",
                    phone="+44 20 7946 0999",
                    handle="admin",
                    service="chatter",
                    street="1 Library Square",
                    city="Stonemere",
                )
            )
            case.cards.append(PersonCard("John Smith", "1984", "contact", city="Lindell"))
            case.cards.append(LoginCard("user123", "chatter", "192.0.2.200", at + timedelta(minutes=number % 50)))
            edit = EDITS[number % len(EDITS)]
            case.cards.append(
                PictureCard(
                    f"shared_{number:02d}.jpg", traded, edit, 7_000_000 + number, ("Lumora", "LX-20", "0000000"), None
                )
            )
        self.truth.decoys += [
            Decoy("email", "reading.room@example.org", references),
            Decoy("phone", "+442079460999", references),
            Decoy("handle", "chatter:admin", references),
            Decoy("handle", "chatter:user123", references),
            Decoy("ip_hour", f"192.0.2.200@{at:%Y-%m-%dT%H}", references),
            Decoy("pdq", "scene 900001", references),
            Decoy("camera_serial", "0000000", references),
            Decoy("name", "John Smith", references),
        ]

    # --- everything else ---

    def _fill(self) -> None:
        planted = sum(len(case.cards) for case in self.cases)
        pictures = sum(isinstance(card, PictureCard) for case in self.cases for card in case.cards)
        index = 0
        left_pictures = max(0, self.size.pictures - pictures)
        left = max(0, self.size.records - planted - left_pictures)
        for number in range(left_pictures):
            case = self.cases[number % len(self.cases)]
            self.rooms += 1
            camera = (*self.random.choice(_CAMERAS), numbers.camera_serial(index)) if number % 3 else None
            taken = BEGIN + timedelta(hours=number % numbers.HOURS)
            place = (
                (round(self.random.uniform(-40, -30), 5), round(self.random.uniform(-30, -20), 5))
                if number % 5 == 0
                else None
            )
            card = PictureCard(f"DSC{number:05d}.jpg", Scene(self.rooms, 0), "none", number, camera, taken, place)
            case.cards.append(card)
            index += 1
        self.truth.known_scenes = [
            card.scene
            for case in self.cases
            for card in case.cards
            if isinstance(card, PictureCard) and card.variant % 17 == 3
        ][:40]
        while left > 0:
            for case in self.cases:
                if left <= 0:
                    break
                left -= self._background(case, index)
                index += 1

    def _fill_drop_in(self, case: Case) -> None:
        for number in range(14):
            self.rooms += 1
            case.cards.append(PictureCard(f"NEW{number:03d}.jpg", Scene(self.rooms, 0), "none", number, None, None))
        for number in range(4):
            self._background(case, 9_000_000 + number * 3)

    def _background(self, case: Case, index: int) -> int:
        """One invented person with an account, log-ins and a short conversation; how many records that gives, about."""
        name = names.invent(self.random)
        local = (
            "".join(letter for letter in name.latin.lower() if letter.isascii() and letter.isalpha())[:12] or "someone"
        )
        service = SERVICES[index % len(SERVICES)]
        handle = numbers.screen_name(index)
        phone = numbers.phone(index) or "" if index % 3 == 0 else ""
        case.cards.append(
            PersonCard(
                name.native,
                self._born(),
                self.random.choice(("contact", "witness", "suspect")),
                email=numbers.email(index, local) if index % 2 else "",
                phone=phone,
                handle=handle,
                service=service,
                account_id=numbers.account_number(index) if index % 4 == 0 else "",
                imei=numbers.imei(index) if index % 9 == 0 else "",
                wallet=numbers.wallet(index) if index % 11 == 0 else "",
                city=self.random.choice(_CITIES),
                alias=name.latin if name.native != name.latin and index % 2 else "",
            )
        )
        ip, hour = numbers.ip_and_hour(index)
        case.cards.append(LoginCard(handle, service, ip, BEGIN + timedelta(hours=hour, minutes=index % 60)))
        talk = 2 + index % 5
        program: Literal["whatsapp", "telegram", "mail"] = ("whatsapp", "telegram", "mail")[index % 3]
        begun = BEGIN + timedelta(hours=(index * 37) % numbers.HOURS)
        owner = names.invent(Random(f"owner {self.seed} {case.reference}")).latin
        for number in range(talk):
            case.cards.append(
                MessageCard(
                    f"{name.latin} {index}",
                    program,
                    name.native if number % 2 else owner,
                    f"{service}:{handle}" if number % 2 else f"owner-{case.reference}",
                    owner if number % 2 else name.native,
                    "",
                    begun + timedelta(minutes=7 * number),
                    self._text(),
                )
            )
        return 2 + talk

    def _born(self, chance: Random | None = None) -> str:
        random = chance or self.random
        return f"{random.randrange(1955, 2004)}-{random.randrange(1, 13):02d}-{random.randrange(1, 29):02d}"

    def _text(self) -> str:
        return " ".join(self.random.choice(_WORDS) for _ in range(self.random.randrange(3, 12))).capitalize() + "."


@dataclass(frozen=True, slots=True)
class Value:
    """One planted value: what two cases share, and how each writes it."""

    kind: TieKind
    index: int
    scene: Scene

    @property
    def service(self) -> str:
        """The service of a screen name or account."""
        return SERVICES[self.index % len(SERVICES)]

    @property
    def handle(self) -> str:
        """The screen name."""
        return numbers.screen_name(self.index)

    @property
    def camera(self) -> tuple[str, str, str]:
        """Maker, model and serial number."""
        maker, model = _CAMERAS[self.index % len(_CAMERAS)]
        return maker, model, numbers.camera_serial(self.index)

    @property
    def normal(self) -> str:
        """The normalised value."""
        offset = self.index - numbers.RESERVED
        if self.kind == "email":
            return numbers.email(self.index, "planted")
        if self.kind == "phone":
            return numbers.phone(numbers.PHONES - 1 - offset) or ""
        if self.kind == "handle":
            return f"{self.service}:{self.handle}"
        if self.kind == "account_id":
            return f"{self.service}:{numbers.account_number(self.index)}"
        if self.kind == "wallet":
            return f"bitcoin:{numbers.wallet(self.index)}"
        if self.kind == "imei":
            return numbers.imei(self.index)
        if self.kind == "ip_hour":
            ip, hour = numbers.ip_and_hour(offset)
            return f"{ip}@{BEGIN + timedelta(hours=hour):%Y-%m-%dT%H}"
        if self.kind == "camera_serial":
            return "|".join(part.lower() for part in self.camera)
        return f"scene {self.scene.room}"

    def written(self, side: int) -> str:
        """As one of the two cases writes it: notations differ, the value does not."""
        offset = self.index - numbers.RESERVED
        if self.kind == "email":
            local, _, host = self.normal.partition("@")
            return f"{local.title()}+news@{host.upper()}" if side else self.normal
        if self.kind == "phone":
            number = numbers.phone(numbers.PHONES - 1 - offset) or ""
            return numbers.phone_spaced(number) if side else number
        if self.kind == "handle":
            return f"@{self.handle.title()}" if side else self.handle
        if self.kind == "account_id":
            return numbers.account_number(self.index)
        if self.kind == "wallet":
            return numbers.wallet(self.index)
        if self.kind == "imei":
            number = numbers.imei(self.index)
            return f"{number[:6]}-{number[6:8]}-{number[8:14]}-{number[14]}" if side else number
        return self.normal


def _kind_of(plan: Sequence[str]) -> str:
    kinds = {"camera" if kind == "camera_serial" else "media" if kind in MEDIA else "strong" for kind in plan}
    return kinds.pop() if len(kinds) == 1 else "mixed"

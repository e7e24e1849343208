"""Invented accounts, devices, vehicles, organisations and places, several records of some of them, as sources write them.

With decoys: cars of one make and colour, telephones of one model, bodies of one family, flats of one house. Nothing of it exists.
"""
# ruff: noqa: E501 - word lists read best as one line a list

from __future__ import annotations

import random
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class InventedThings:
    """``rows`` by record id, in random order; ``thing_of``: what each record really is."""

    rows: Mapping[str, Row]
    thing_of: Mapping[str, int]

    def true_pairs(self) -> set[tuple[str, str]]:
        """Every pair of records of one thing, the smaller id first."""
        held: dict[int, list[str]] = {}
        for record, thing in self.thing_of.items():
            held.setdefault(thing, []).append(record)
        return {(a, b) for records in held.values() for a in records for b in records if a < b}


_SYLLABLES = (
    "ba ber bro cal dor el fen gar hal ing jor kel lin mar nor os pel quin ros sil tam ul ver wen yor zan".split()
)
_TRADES = "Logistics Foods Travel Media Clinic Academy Sports Motors Textiles Print Garden Systems Hotel Club Trust School".split()
_FORMS = ("Ltd", "GmbH", "S.A.", "AG", "Inc.", "BV", "")
_CITIES = "Aldburg Brennhaven Corville Dunmore Eastwick Fernau Galdo Hollbeck Ilmstad Jorvik Kestrel Morano Northby Ostra Stavern Tolva".split()
_STREETS = "Mill Station Church Garden Harbour Market Forest Meadow Bridge School Linden Tower".split()
_COUNTRIES = "GB DE FR NL SE ES".split()
_CARS = {
    "Falk": ("Aster", "Aster Plus", "Bora"),
    "Novik": ("Delta", "Delta Estate", "Rio"),
    "Castell": ("Uno", "Duo"),
    "Haver": ("Trail", "City"),
}
_PHONES = {
    "Lumen": ("P9", "P9 Pro", "P10"),
    "Orbis": ("One", "One Max", "Fold"),
    "Kestra": ("K7", "K8"),
    "Tavo": ("Tab 4", "Book 13"),
}
_COLOURS = "black white silver grey blue red green".split()


def invent_things(kind: str, things: int = 800, seed: int = 1) -> InventedThings:
    """``things`` of a kind, of which about half have two to four records."""
    chance = random.Random(f"{kind} {seed}")
    make, write = _MAKERS[kind]
    rows: list[tuple[str, Row]] = []
    thing_of: dict[str, int] = {}
    wholes: list[Row] = []
    for number in range(things):
        whole = make(chance, chance.choice(wholes) if wholes and chance.random() < 0.25 else None)
        wholes.append(whole)
        for _ in range(chance.choices((1, 2, 3, 4), (50, 32, 12, 6))[0]):
            record = f"{kind[:1]}{len(rows):06d}"
            written = {name: value for name, value in write(chance, dict(whole)).items() if value}
            rows.append((record, {"record_id": record, **written}))
            thing_of[record] = number
    chance.shuffle(rows)
    return InventedThings(dict(rows), thing_of)


def _name(chance: random.Random, parts: int = 2) -> str:
    return "".join(chance.choice(_SYLLABLES) for _ in range(parts)).capitalize()


def _mistyped(chance: random.Random, text: str, share: float) -> str:
    if len(text) < 4 or chance.random() >= share:
        return text
    at = chance.randrange(1, len(text) - 1)
    other = chance.choice(string.digits if text[at].isdigit() else string.ascii_letters)
    return chance.choice(
        (
            text[:at] + text[at + 1 :],
            text[:at] + other + text[at + 1 :],
            text[:at] + text[at + 1] + text[at] + text[at + 2 :],
        )
    )


def _some(chance: random.Random, row: Row, **shares: float) -> Row:
    """The row with each of these columns kept by its share."""
    for name, share in shares.items():
        if chance.random() >= share:
            row[name] = ""
    return row


def _code(chance: random.Random, letters: int, digits: int) -> str:
    return "".join(chance.choices(string.ascii_uppercase, k=letters)) + "".join(chance.choices(string.digits, k=digits))


def _account(chance: random.Random, decoy: Row | None) -> Row:
    given, family = _name(chance), _name(chance)
    tail = chance.choice(("", str(chance.randrange(1950, 2012)), str(chance.randrange(10_000))))
    screen = f"{chance.choice((given, family, given[:1] + family, given + '_' + family))}{tail}".lower()
    if decoy:
        # A stranger with nearly the same screen name on another service.
        screen = decoy["screen_name"].rstrip(string.digits) + str(chance.randrange(100))
    return {
        "service": chance.choice(("chatter", "pixa", "voxo", "threads9")), "screen_name": screen, "display_name": f"{given} {family}",
        "email": f"{given}.{family}{tail}@example.{chance.choice(('org', 'com', 'net'))}".lower(), "phone": f"+44 7700 {chance.randrange(900_000, 1_000_000)}",
        "joined_on": f"20{chance.randrange(12, 26)}-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}", "language": chance.choice("en en de fr es sv".split()),
    }  # fmt: skip


def _account_written(chance: random.Random, row: Row) -> Row:
    screen = row["screen_name"]
    if chance.random() < 0.25:
        row["service"] = chance.choice(("chatter", "pixa", "voxo", "threads9"))
        row["joined_on"] = f"20{chance.randrange(12, 26)}-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}"
        screen = chance.choice(
            (screen, screen + str(chance.randrange(100)), screen.replace("_", "."), screen[: max(4, len(screen) - 2)])
        )
    row["screen_name"] = _mistyped(chance, screen, 0.08)
    if chance.random() < 0.15:
        row["display_name"] = row["display_name"].split()[0]
    if chance.random() < 0.1:
        row["email"] = row["email"].split("@")[0] + "@post.example"
    if chance.random() < 0.08:
        row["phone"] = f"+44 7700 {chance.randrange(900_000, 1_000_000)}"
    elif chance.random() < 0.2:
        row["phone"] = "0" + row["phone"][4:]
    if chance.random() < 0.12:
        row["email"] = f"{_name(chance).lower()}{chance.randrange(1000)}@example.org"
    if chance.random() < 0.1:
        row["language"] = "en"
    row["display_name"] = _mistyped(chance, row["display_name"], 0.06)
    return _some(
        chance,
        row,
        service=0.95,
        screen_name=0.9,
        display_name=0.6,
        email=0.35,
        phone=0.25,
        joined_on=0.3,
        language=0.5,
    )


def _device(chance: random.Random, decoy: Row | None) -> Row:
    maker = chance.choice(list(_PHONES))
    owner = _name(chance)
    row = {
        "maker": maker, "model": chance.choice(_PHONES[maker]), "serial": _code(chance, 2, 8), "imei": "35" + _code(chance, 0, 13),
        "mac": "".join(f"{chance.randrange(256):02x}" for _ in range(6)), "name": chance.choice((f"{owner}'s {maker}", f"{maker} of {owner}", maker)),
        "colour": chance.choice(_COLOURS),
    }  # fmt: skip
    if decoy:
        # The next device of one delivery: the same model, neighbouring numbers.
        row |= {
            "maker": decoy["maker"],
            "model": decoy["model"],
            "colour": decoy["colour"],
            "mac": decoy["mac"][:6] + row["mac"][6:],
        }
        row["imei"] = decoy["imei"][:8] + row["imei"][8:]
        if chance.random() < 0.3:
            row["serial"] = decoy["serial"][:-1] + chance.choice(string.digits)
    return row


def _device_written(chance: random.Random, row: Row) -> Row:
    if chance.random() < 0.25:
        row["imei"] = row["imei"][:14]
    row["imei"] = _mistyped(chance, row["imei"], 0.05)
    row["serial"] = row["serial"][-4:] if chance.random() < 0.06 else _mistyped(chance, row["serial"], 0.06)
    row["maker"] = _mistyped(chance, row["maker"], 0.04)
    if chance.random() < 0.12:
        row["model"] = row["model"].split()[0] if chance.random() < 0.5 else f"{row['maker']} {row['model']}"
    row["model"] = _mistyped(chance, row["model"], 0.05)
    if chance.random() < 0.15:
        row["name"] = f"{row['name']} {chance.randrange(2, 4)}" if chance.random() < 0.5 else _name(chance)
    if chance.random() < 0.12:
        row["mac"] = (
            row["mac"][:6] + "".join(f"{chance.randrange(256):02x}" for _ in range(3))
            if chance.random() < 0.6
            else "".join(f"{chance.randrange(256):02x}" for _ in range(6))
        )
    if chance.random() < 0.05:
        row["colour"] = chance.choice(_COLOURS)
    return _some(chance, row, maker=0.9, model=0.85, serial=0.45, imei=0.45, mac=0.3, name=0.5, colour=0.3)


def _vehicle(chance: random.Random, decoy: Row | None) -> Row:
    make = chance.choice(list(_CARS))
    row = {
        "plate": _code(chance, 2, 2) + _code(chance, 3, 0), "country": chance.choice(_COUNTRIES), "make": make, "model": chance.choice(_CARS[make]),
        "colour": chance.choice(_COLOURS), "year": str(chance.randrange(2004, 2026)), "vin": _code(chance, 5, 12),
    }  # fmt: skip
    if decoy:
        row |= {"make": decoy["make"], "model": decoy["model"], "colour": decoy["colour"], "country": decoy["country"]}
        if chance.random() < 0.3:
            row["plate"] = decoy["plate"][:4] + row["plate"][4:]
    return row


def _vehicle_written(chance: random.Random, row: Row) -> Row:
    drawn = chance.random()
    if drawn < 0.10:
        row["plate"] = row["plate"][:4] if drawn < 0.05 else row["plate"][-4:]
    elif drawn < 0.18:
        row["plate"] = row["plate"].translate(str.maketrans("OISBZ015", "01582OIS"))
    else:
        row["plate"] = _mistyped(chance, row["plate"], 0.1)
    row["make"] = _mistyped(chance, row["make"], 0.06)
    row["model"] = row["model"].split()[0] if chance.random() < 0.2 else _mistyped(chance, row["model"], 0.06)
    if chance.random() < 0.12:
        row["colour"] = chance.choice(_COLOURS)
    if chance.random() < 0.2:
        row["year"] = str(int(row["year"]) + chance.choice((-1, 1, 1, -3)))
    row["vin"] = row["vin"][-8:] if chance.random() < 0.2 else _mistyped(chance, row["vin"], 0.06)
    if chance.random() < 0.04:
        row["country"] = chance.choice(_COUNTRIES)
    return _some(chance, row, plate=0.75, country=0.7, make=0.85, model=0.7, colour=0.7, year=0.4, vin=0.25)


def _organisation(chance: random.Random, decoy: Row | None) -> Row:
    stem, trade = _name(chance), chance.choice(_TRADES)
    city = chance.choice(_CITIES)
    row = {
        "name": f"{stem} {trade} {chance.choice(_FORMS)}".strip(), "number": _code(chance, 2, 7), "street": f"{chance.choice(_STREETS)} Street {chance.randrange(1, 120)}",
        "city": city, "country": chance.choice(_COUNTRIES), "phone": f"+44 20 7946 {chance.randrange(10_000):04d}", "website": f"www.{stem}-{trade}.example".lower(),
    }  # fmt: skip
    if decoy:
        # A sister: the same stem, the same house, the same switchboard.
        row["name"] = f"{decoy['name'].split()[0]} {trade} {chance.choice(_FORMS)}".strip()
        row |= {"city": decoy["city"], "country": decoy["country"]}
        if chance.random() < 0.4:
            row |= {"street": decoy["street"], "phone": decoy["phone"]}
    return row


def _organisation_written(chance: random.Random, row: Row) -> Row:
    words = row["name"].split()
    if chance.random() < 0.3:
        words = words[:-1] if words[-1] in _FORMS else [*words, chance.choice(_FORMS[:-1])]
    if len(words) > 2 and chance.random() < 0.08:
        words = words[:2]
    if chance.random() < 0.08:
        words = words[:1]
    elif chance.random() < 0.15:
        words.append(row["city"])
    row["name"] = _mistyped(chance, " ".join(words), 0.1)
    row["number"] = _mistyped(chance, row["number"], 0.06)
    if chance.random() < 0.25:
        row["street"] = chance.choice(
            (
                row["street"].replace("Street", "St"),
                f"{chance.choice(_STREETS)} Street {chance.randrange(1, 120)}",
                row["street"].rsplit(" ", 1)[0],
            )
        )
    row["street"], row["city"] = _mistyped(chance, row["street"], 0.06), _mistyped(chance, row["city"], 0.05)
    if chance.random() < 0.06:
        row["city"] = chance.choice(_CITIES)
    if chance.random() < 0.12:
        row["phone"] = (
            "0" + row["phone"][4:] if chance.random() < 0.6 else f"+44 20 7946 {chance.randrange(10_000):04d}"
        )
    if chance.random() < 0.15:
        row["website"] = (
            "https://" + row["website"].removeprefix("www.") + "/contact"
            if chance.random() < 0.5
            else row["website"].removesuffix(".example") + ".test"
        )
    if chance.random() < 0.05:
        row["website"] = f"www.{_name(chance)}.example".lower()
    if chance.random() < 0.03:
        row["country"] = chance.choice(_COUNTRIES)
    return _some(chance, row, name=0.95, number=0.25, street=0.6, city=0.75, country=0.6, phone=0.35, website=0.35)


def _place(chance: random.Random, decoy: Row | None) -> Row:
    city = chance.choice(_CITIES)
    street, house = (
        f"{chance.choice(_STREETS)} {chance.choice(('Street', 'Road', 'Lane', 'Square'))}",
        str(chance.randrange(1, 200)),
    )
    north, east = (
        50 + _CITIES.index(city) / 4 + chance.uniform(-0.03, 0.03),
        4 + _CITIES.index(city) / 3 + chance.uniform(-0.03, 0.03),
    )
    row = {
        "name": f"{_name(chance)} {chance.choice(('Hotel', 'Hostel', 'Club', 'Centre', 'House'))}" if chance.random() < 0.4 else "",
        "street": street, "house_number": house, "postcode": f"{10 + _CITIES.index(city)}{chance.randrange(100, 120)}", "city": city, "position": f"{north:.5f},{east:.5f}",
    }  # fmt: skip
    if decoy:
        # The house beside, or the other flat of the same house.
        row |= {"street": decoy["street"], "city": decoy["city"], "postcode": decoy["postcode"]}
        near, far = map(float, decoy["position"].split(","))
        row["position"] = f"{near + chance.uniform(-0.001, 0.001):.5f},{far + chance.uniform(-0.001, 0.001):.5f}"
        if chance.random() < 0.3:
            row["house_number"] = decoy["house_number"].rstrip("abc") + chance.choice("abc")
    return row


def _place_written(chance: random.Random, row: Row) -> Row:
    row["street"] = _mistyped(
        chance, row["street"].replace("Street", "St") if chance.random() < 0.2 else row["street"], 0.08
    )
    if chance.random() < 0.06:
        row["street"] = f"{chance.choice(_STREETS)} Road"
    if chance.random() < 0.07:
        row["house_number"] = chance.choice((row["house_number"] + "a", str(chance.randrange(1, 200))))
    drawn = chance.random()
    if drawn < 0.14:
        row["postcode"] = (
            _mistyped(chance, row["postcode"], 0.6)
            if drawn < 0.08
            else f"{row['postcode'][:3]}{chance.randrange(100):02d}"
        )
    elif drawn < 0.16:
        row["postcode"] = f"{chance.randrange(10, 30)}{chance.randrange(100, 120)}"
    row["city"] = _mistyped(chance, row["city"], 0.06) if chance.random() > 0.03 else chance.choice(_CITIES)
    if row["name"] and chance.random() < 0.3:
        words = row["name"].split()
        row["name"] = chance.choice(
            (
                words[0],
                f"The {row['name']}",
                f"{row['name']} {row['city']}",
                f"{words[0]} {chance.choice(('Inn', 'Bar', 'Hall'))} Rooms",
            )
        )
    row["name"] = _mistyped(chance, row["name"], 0.08) if chance.random() > 0.04 else f"{_name(chance)} Rooms"
    spread = chance.choices((0.00005, 0.0004, 0.005, 0.05), (60, 28, 10, 2))[0]
    north, east = map(float, row["position"].split(","))
    row["position"] = f"{north + chance.gauss(0, spread):.5f}, {east + chance.gauss(0, spread):.5f}"
    return _some(chance, row, name=0.6, street=0.85, house_number=0.8, postcode=0.55, city=0.85, position=0.4)


_MAKERS: Mapping[str, tuple[Callable[[random.Random, Row | None], Row], Callable[[random.Random, Row], Row]]] = {
    "account": (_account, _account_written),
    "device": (_device, _device_written),
    "vehicle": (_vehicle, _vehicle_written),
    "organisation": (_organisation, _organisation_written),
    "place": (_place, _place_written),
}

"""Records other than people: accounts, devices, vehicles, organisations, places; compared as ``kinds.yaml`` says for each kind.

Each agreement has a weight in bits, learned for its kind, and for a value a bit more for every bit of rarity among the
records at hand; the score is calibrated to a probability. A kind with a level that was never learned is refused by its name.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import yaml
from anyascii import anyascii
from rapidfuzz.distance import OSA

from opencets.errors import ActRefused, NotThisFormat
from opencets.resolving.apart import Apart
from opencets.resolving.bulk import CONFLICTS_WITHIN, NEVER_PROBABLE
from opencets.resolving.model import PRIOR_AT, PRIOR_LEAST, Model
from opencets.resolving.suggest import BLOCK_LIMIT, Reason, Suggestion

SHIPPED = "kinds-1"
OTHERS = 200.0
"""Among few records little is known: so many more are imagined, of whom as many bear a value as is usual."""
DOUBTFUL = 0.02
_BODIES = frozenset(
    "ltd limited inc corp gmbh ag kg sarl sas sa srl spa bv nv oy ab as plc llc co company and und et the der die das la le".split()
)
_SIDES = re.compile(r"[^a-z0-9]+")
_LOOKS = str.maketrans("oizsbq", "012580")
Row = Mapping[str, str]
Item = Mapping[str, str]
"""A record ready to compare: prepared values by column, those that are stated."""


@dataclass(frozen=True, slots=True)
class Column:
    """One thing compared: how it is prepared, the degrees of agreement, for which of them rarity counts, its name."""

    name: str
    prepared: str
    levels: tuple[str, ...]
    rare: frozenset[str]
    called: str


@dataclass(frozen=True, slots=True)
class Kind:
    """The settings of a kind of record."""

    name: str
    sentence: str
    columns: tuple[Column, ...]
    keys: tuple[tuple[str, ...], ...]

    def cells(self) -> list[tuple[str, str]]:
        """Every level there is."""
        return [(column.name, level) for column in self.columns for level in column.levels]

    def prepare(self, row: Row) -> Item:
        """The stated values, ready to compare."""
        ready = ((column.name, PREPARE[column.prepared](row.get(column.name) or "")) for column in self.columns)
        return {name: value for name, value in ready if value}

    def keys_of(self, item: Item) -> set[str]:
        """Under which a record is found: two that share none are never compared."""
        found = set()
        for at, key in enumerate(self.keys):
            parts = [_part(item, each) for each in key]
            if all(parts):
                found.add(f"{at}:" + "|".join(parts))
        return found


@cache
def kinds() -> Mapping[str, Kind]:
    """The kinds with settings, by name."""
    body = yaml.safe_load(resources.files(__package__).joinpath("kinds.yaml").read_text("utf-8"))
    return {
        name: Kind(
            name,
            kind["sentence"],
            tuple(
                Column(column, said["as"], tuple(said["levels"]), frozenset(said.get("rare", ())), said["called"])
                for column, said in kind["columns"].items()
            ),
            tuple(tuple(key) for key in kind["keys"]),
        )
        for name, kind in body.items()
    }


# --- Preparing, keys, degrees of agreement ---------------------------------------------------------------------------


def _words(text: str) -> str:
    return " ".join(sorted(set(_SIDES.sub(" ", anyascii(text).lower()).split())))


def _body(text: str) -> str:
    words = [word for word in _SIDES.sub(" ", anyascii(text).lower().replace(".", "")).split() if word not in _BODIES]
    return " ".join(sorted(set(words)))


def _code(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", anyascii(text).lower())


def _digits(text: str) -> str:
    return re.sub(r"\D", "", anyascii(text))


def _phone(text: str) -> str:
    digits = _digits(text).lstrip("0")
    return digits if len(digits) >= 6 else ""


def _position(text: str) -> str:
    parts = re.fullmatch(r"\s*(-?\d+(?:\.\d+)?)\s*[,; ]\s*(-?\d+(?:\.\d+)?)\s*", text)
    if not parts or abs(float(parts[1])) > 90 or abs(float(parts[2])) > 180:
        return ""
    return f"{float(parts[1]):.6f},{float(parts[2]):.6f}"


PREPARE: Mapping[str, Callable[[str], str]] = {
    "words": _words,
    "body": _body,
    "code": _code,
    "digits": _digits,
    "phone": _phone,
    "plate": _code,
    "handle": lambda text: _code(text.rpartition(":")[2]),
    "email": lambda text: anyascii(text).lower().strip() if text.count("@") == 1 else "",
    "site": lambda text: _words(re.sub(r"^\w+://|^www\.", "", text.strip().lower()).split("/")[0].rpartition(".")[0]),
    "text": lambda text: text.strip().lower(),
    "position": _position,
}
_PARTS: Mapping[str, Callable[[str], str]] = {
    "first4": lambda value: value[:4] if len(value) > 4 else "",
    "first14": lambda value: value[:14] if len(value) >= 14 else "",
    "last4": lambda value: value[-4:] if len(value) > 4 else "",
    "last8": lambda value: value[-8:] if len(value) >= 8 else "",
    "letters": lambda value: re.sub(r"\d", "", value),
    "looks": lambda value: value.translate(_LOOKS),
    "local": lambda value: value.partition("@")[0],
    "word": lambda value: max(value.split(), key=lambda word: (len(word), word)),
    "cell": lambda value: ",".join(f"{float(part):.2f}" for part in value.split(",")),
}


def _part(item: Item, each: str) -> str:
    column, _, part = each.partition(".")
    value = item.get(column, "")
    return (_PARTS[part](value) if part else value) if value else ""


def _typo(left: str, right: str) -> bool:
    return min(len(left), len(right)) >= 4 and OSA.distance(left, right, score_cutoff=1) <= 1


def _share(left: str, right: str) -> float:
    one, other = set(left.split()), set(right.split())
    return len(one & other) / len(one | other)


def _begins(left: str, right: str) -> bool:
    short, long = sorted((left, right), key=len)
    return len(short) >= (3 if long[:1].isalpha() else 1) and long.startswith(short)


def _metres(left: str, right: str) -> float:
    (north, east), (to_north, to_east) = (map(math.radians, map(float, each.split(","))) for each in (left, right))
    x = (to_east - east) * math.cos((north + to_north) / 2)
    return 6_371_009 * math.hypot(x, to_north - north)


def _ends(size: int) -> Callable[[str, str], bool]:
    return lambda left, right: min(len(left), len(right)) >= size and left[-size:] == right[-size:]


def _starts(size: int) -> Callable[[str, str], bool]:
    return lambda left, right: min(len(left), len(right)) >= size and left[:size] == right[:size]


TESTS: Mapping[str, tuple[Callable[[str, str], bool], str]] = {
    "same": (lambda left, right: left == right, "the same {called} {left}"),
    "letters": (
        lambda left, right: len(_PARTS["letters"](left)) >= 3 and _PARTS["letters"](left) == _PARTS["letters"](right),
        "{called}s that differ only in digits: {left} and {right}",
    ),
    "looks": (
        lambda left, right: left.translate(_LOOKS) == right.translate(_LOOKS),
        "{called}s that look alike: {left} and {right}",
    ),
    "local_part": (
        lambda left, right: left.partition("@")[0] == right.partition("@")[0],
        "{called}es alike before the @: {left} and {right}",
    ),
    "typo": (_typo, "{called}s one sign apart: {left} and {right}"),
    "close": (
        lambda left, right: min(len(left), len(right)) >= 6 and OSA.distance(left, right, score_cutoff=2) <= 2,
        "{called}s two signs apart: {left} and {right}",
    ),
    "part": (
        lambda left, right: min(len(left), len(right)) >= 4 and (left in right or right in left),
        "one {called} is a part of the other: {left} and {right}",
    ),
    "begins": (_begins, "one {called} is the beginning of the other: {left} and {right}"),
    "first3": (_starts(3), "{called}s that begin alike: {left} and {right}"),
    "first6": (_starts(6), "{called}s of one maker: {left} and {right}"),
    "first14": (_starts(14), "{called}s that differ in the last sign: {left} and {right}"),
    "last4": (_ends(4), "{called}s with the same last four signs: {left} and {right}"),
    "last8": (_ends(8), "{called}s with the same last eight signs: {left} and {right}"),
    "words": (lambda left, right: _share(left, right) >= 0.5, "{called}s that share most words: {left} and {right}"),
    "some_words": (lambda left, right: _share(left, right) > 0, "{called}s that share a word: {left} and {right}"),
    "year1": (lambda left, right: abs(int(left[:4]) - int(right[:4])) <= 1, "{called}s one apart: {left} and {right}"),
    "near100": (lambda left, right: _metres(left, right) <= 100, "{called}s within 100 m: {left} and {right}"),
    "near1000": (lambda left, right: _metres(left, right) <= 1_000, "{called}s within 1 km: {left} and {right}"),
    "different": (lambda left, right: True, "{called}s differ: {left} and {right}"),
}


def levels_of(kind: Kind, left: Item, right: Item) -> Iterator[tuple[Column, str]]:
    """The level that each column meets which both state."""
    for column in kind.columns:
        one, other = left.get(column.name), right.get(column.name)
        if one and other:
            yield column, next(level for level in column.levels if TESTS[level][0](one, other))


class Counts:
    """How many records bear each value."""

    def __init__(self, kind: Kind, items: Iterable[Item]) -> None:
        self.records = 0
        self._held: dict[str, Counter[str]] = {column.name: Counter() for column in kind.columns if column.rare}
        for item in items:
            self.records += 1
            for name, held in self._held.items():
                if name in item:
                    held[item[name]] += 1

    def rarity(self, column: str, value: str, usual: float) -> float:
        """log2 of one in how many bears the value."""
        return math.log2((self.records + OTHERS) / (self._held[column][value] + OTHERS * 2.0**-usual))


# --- The weights of a kind -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KindModel:
    """Learned weights of one kind: bits and usual rarity of each level, the start, and what a score means."""

    name: str
    kind: Kind
    prior_bits: float
    weights: Mapping[tuple[str, str], tuple[float, float]]
    calibration: tuple[tuple[float, float], ...]
    trained: str

    def check(self) -> KindModel:
        """The model itself; ActRefused naming every level without a weight, or that there is no calibration."""
        missing = [f"{column}/{level}" for column, level in self.kind.cells() if (column, level) not in self.weights]
        if missing or not self.calibration:
            what = ", ".join(missing) or "the calibration"
            raise ActRefused(
                f"Records of the kind {self.kind.name} cannot be weighed by {self.name}: not learned is {what}."
            )
        return self

    def prior(self, records: int) -> float:
        """The log2 odds that two of so many records are one thing, before anything is compared."""
        return self.prior_bits - math.log2(max(records, PRIOR_LEAST) / PRIOR_AT)

    def probability(self, score: float) -> float:
        """The calibrated probability of a score."""
        return Model("", 0.0, {}, self.calibration, "").probability(score)

    def compare(self, left: tuple[str, Item], right: tuple[str, Item], counts: Counts) -> Suggestion:
        """One pair, weighed and explained."""
        reasons = []
        for column, level in levels_of(self.kind, left[1], right[1]):
            bits, usual = self.weights[column.name, level]
            one, other = left[1][column.name], right[1][column.name]
            if level in column.rare:
                bits += max(counts.rarity(column.name, value, usual) for value in (one, other)) - usual
            sentence = TESTS[level][1].format(called=column.called, left=one, right=other)
            reasons.append(Reason(column.name, one, other, bits, sentence))
        reasons.sort(key=lambda reason: (-abs(reason.bits), reason.feature))
        score = self.prior(counts.records) + math.fsum(reason.bits for reason in reasons)
        return Suggestion(
            left[0], right[0], self.probability(score), score, tuple(reasons), f"{self.name}/{self.kind.name}"
        )


@cache
def load_kind(kind: str, name: str = SHIPPED) -> KindModel:
    """The shipped weights of a kind, checked. ActRefused: there is no such kind, or one of its levels was never learned."""
    if kind not in kinds():
        raise ActRefused(
            f"There are no settings for the kind {kind}; there are {', '.join(kinds())}, and people without --kind."
        )
    body = json.loads(resources.files(__package__).joinpath("models", f"{name}.json").read_text("utf-8"))
    return kind_model(name, kinds()[kind], body.get(kind, {}))


def kind_model(name: str, kind: Kind, body: Mapping[str, object]) -> KindModel:
    """A checked model from its JSON form."""
    said: dict[str, dict[str, list[float]]] = body.get("weights", {})  # type: ignore[assignment]
    weights = {
        (column, level): (float(bits), float(usual))
        for column, held in said.items()
        for level, (bits, usual) in held.items()
    }
    steps: list[list[float]] = body.get("calibration", [])  # type: ignore[assignment]
    prior = float(body.get("prior_bits", 0.0))  # type: ignore[arg-type]
    calibration = tuple((float(score), float(share)) for score, share in steps)
    return KindModel(name, kind, prior, weights, calibration, str(body.get("trained", ""))).check()


# --- Tables ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Resolved:
    """What came of a table: (record_id, cluster_id) in its order, the pairs worth telling, best first, and notes."""

    clusters: tuple[tuple[str, str], ...]
    pairs: tuple[Suggestion, ...]
    model: str
    notes: tuple[str, ...]


def explain_kind(rows: Mapping[str, Row], model: KindModel, one: str, other: str, at_least: float = 0.5) -> list[str]:
    """In lines for people: the verdict on two records of a kind, and what each comparison adds. ActRefused: not in the table."""
    for record in (one, other):
        if record not in rows:
            raise ActRefused(f"The table has no record {record}; nothing was explained.")
    items = {record: model.kind.prepare(row) for record, row in rows.items()}
    pair = model.compare((one, items[one]), (other, items[other]), Counts(model.kind, items.values()))
    verdict = (
        f"probably the same {model.kind.name}"
        if pair.probability >= at_least
        else f"probably not the same {model.kind.name}"
    )
    so_far = model.prior(len(items))
    lines = [
        f"{one} and {other}: {verdict}, probability {pair.probability:.4f} (model {pair.model}).",
        f"{so_far:+7.1f} bits  two of {len(items):,} records, before anything is compared",
    ]
    for reason in pair.reasons:
        so_far += reason.bits
        lines.append(f"{reason.bits:+7.1f} bits  {reason.sentence} (so far {so_far:+.1f})")
    if not model.kind.keys_of(items[one]) & model.kind.keys_of(items[other]):
        lines.append("They share no key, so a run over the table would not have compared them.")
    return lines


def candidates(kind: Kind, items: Mapping[str, Item]) -> list[tuple[str, str]]:
    """The pairs that share a key which is not generic, each once."""
    blocks: dict[str, list[str]] = defaultdict(list)
    for record, item in items.items():
        for key in kind.keys_of(item):
            blocks[key].append(record)
    pairs = {
        (min(one, other), max(one, other))
        for block in blocks.values() if len(block) <= BLOCK_LIMIT
        for at, one in enumerate(block) for other in block[at + 1 :]
    }  # fmt: skip
    return sorted(pairs)


def resolve_kind(
    rows: Mapping[str, Row], model: KindModel, at_least: float = 0.5, different: Iterable[tuple[str, str]] = ()
) -> Resolved:
    """Records of one kind in clusters, smallest record id first; never two that a person judged different."""
    items = {record: model.kind.prepare(row) for record, row in rows.items()}
    counts, apart = Counts(model.kind, items.values()), Apart(different)
    found = []
    for one, other in candidates(model.kind, items):
        pair = model.compare((one, items[one]), (other, items[other]), counts)
        if pair.probability >= DOUBTFUL:
            found.append(pair)
    found.sort(key=lambda pair: (-round(pair.bits, 6), pair.left, pair.right))
    root = _clustered(items, found, at_least, apart)
    split = sum(1 for pair in found if pair.probability >= at_least and root[pair.left] != root[pair.right])
    notes = (
        [f"{split:,} probable pairs were kept apart: judged different, or other records speak against them."]
        if split
        else []
    )
    if missing := apart.unknown(items):
        notes.append(
            f"{missing:,} pairs judged different name a record that is not in the table; they were passed over."
        )
    return Resolved(
        tuple((record, root[record]) for record in rows), tuple(found), f"{model.name}/{model.kind.name}", tuple(notes)
    )


def _clustered(records: Iterable[str], pairs: Sequence[Suggestion], at_least: float, apart: Apart) -> dict[str, str]:
    """As ``bulk.cluster_rows`` joins people: the surest pair first, where all pairs between two clusters speak for it."""
    root = {record: record for record in records}
    members = {record: [record] for record in root}
    worth: dict[tuple[str, str], float] = {}
    for pair in pairs:
        sure = min(max(pair.probability, 1e-6), 1 - 1e-6)
        worth[pair.left, pair.right] = math.log2(sure / (1 - sure)) - math.log2(at_least / (1 - at_least))
    for (left, right), bits in worth.items():
        one, other = sorted((root[left], root[right]))
        if bits < 0 or one == other or len(members[one]) + len(members[other]) > CONFLICTS_WITHIN:
            continue
        between = [(min(a, b), max(a, b)) for a in members[one] for b in members[other]]
        if any(apart.why(a, b) for a, b in between) or sum(worth.get(pair, NEVER_PROBABLE) for pair in between) < 0:
            continue
        for record in members[other]:
            root[record] = one
        members[one] += members.pop(other)
    return root


def read_rows(path: Path, kind: Kind) -> dict[str, Row]:
    """The rows of a CSV by record_id. NotThisFormat naming what is missing, or stands twice."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            have = {name.strip() for name in reader.fieldnames or ()}
            known = [column.name for column in kind.columns]
            if "record_id" not in have or not have & set(known):
                raise NotThisFormat(
                    f"{path.name} holds no records of the kind {kind.name}: it needs record_id and any of {', '.join(known)}."
                )
            rows: dict[str, Row] = {}
            for row in reader:
                record = (row.get("record_id") or "").strip()
                if not record or record in rows:
                    wrong = f"repeats record_id {record}" if record else "has no record_id"
                    raise NotThisFormat(f"{path.name}: line {reader.line_num} {wrong}; each row has one of its own.")
                rows[record] = row
            return rows
    except UnicodeDecodeError as broken:
        raise NotThisFormat(f"{path.name} is not UTF-8 (byte {broken.start}); save it as CSV in UTF-8.") from None
    except csv.Error as broken:
        raise NotThisFormat(f"{path.name} is no CSV: {broken}.") from None

"""From pictures and the ties between them to series: what belongs together, each with the reason in a sentence.

A **series** is what one person looks at in one go: near-duplicates, pictures of one shoot, of one camera, of one scene. Inside it
a **group** holds what is near-identical, so that one grade may serve for all of it. Suggestions: nothing is merged, and the same
ties give the same series in whatever order they come.

Ties bind in the order of their weight, strongest first, and what would chain strangers together binds nothing:

* a flat picture (quality of its PDQ below 50) and one that too many cases hold tie nothing but their own identical copies;
* a picture with more than ``NEAR_MOST`` near-duplicates is taken for flat, whatever its quality says;
* near-duplicates of near-duplicates are one group only while a part of the pairs across it are near themselves;
* a shoot spans ``SHOOT_SPAN`` at most; numbers follow each other for ``RUN_MOST`` files at most: beyond that a program gave them;
* a camera that took more than ``CAMERA_MOST`` files of the case is the owner's own: it ties by time and number alone; and a camera
  kept for years is one camera and not one shoot: files more than ``CAMERA_GAP`` apart it does not tie;
* a thing that more than ``SHARED_MOST`` groups of the case share (a wallpaper sold everywhere) ties nothing by itself;
* a film that shares footage with more than ``HUB_MOST`` others is a compilation, and ties nothing by that;
* a series holds ``SERIES_MOST`` files at most; what was cut is said in a sentence.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import count, pairwise

NEAR_RADIUS = 31
NEAR_MOST = 400
NEAR_SHARE = 0.34
SHOOT_GAP = timedelta(minutes=10)
SHOOT_SPAN = timedelta(hours=6)
RUN_MOST = 150
CAMERA_MOST = 60
CAMERA_GAP = timedelta(days=30)
SHARED_MOST = 60
HUB_MOST = 20
SERIES_MOST = 300
PAIR_KINDS = frozenset({"near", "shoot", "number", "camera", "footage", "frame"})
"""Kinds whose sentence speaks of two files; all others name a thing that several share."""
NAMED_MOST = 8
_CAMERA_NAME = re.compile(
    r"^(?:img|dsc|dscn|dscf|pict|sam|sany|gopr|p|pa|mvi|mov|vid|pxl|_mg|_dsc|imag|dcim|cimg|hpim|kif|wp|dji)[_ -]?\d*[_ -]?$",
    re.IGNORECASE,
)
"""Stems that cameras and telephones give (DCF 2.0 has four free characters before four digits; makers fix the four)."""
_NUMBERED = re.compile(r"^(.*?)(\d{1,9})$")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file stands: the folder with everything above it, and its name."""

    folder: tuple[str, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Item:
    """One distinct file. ``taken_at`` as the camera wrote it, with or without zone; ``binds``: false for flat or traded ones."""

    digest: str
    places: tuple[Place, ...] = ()
    taken_at: datetime | None = None
    camera: str = ""
    model: str = ""
    binds: bool = True


@dataclass(frozen=True, slots=True)
class Near:
    """Two files within ``distance`` bits of PDQ."""

    left: str
    right: str
    distance: int


@dataclass(frozen=True, slots=True)
class Given:
    """A tie of two files that another room found: shared footage, a picture that is a frame of a video."""

    left: str
    right: str
    kind: str
    sentence: str
    weight: float = 0.7


@dataclass(frozen=True, slots=True)
class Shared:
    """What several files have in common, as another room found it: a mark that people confirmed, a camera by its sensor's noise.

    ``name`` stands in the sentences. ``camera``: it took the files, so that their times say which are of one shoot.
    """

    kind: str
    name: str
    files: frozenset[str]
    weight: float
    camera: bool = False


@dataclass(frozen=True, slots=True)
class Tie:
    """Why two files stand in one series. ``kind``: near, shoot, number, camera or as given; ``weight`` up to 1."""

    left: str
    right: str
    kind: str
    weight: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a series: which group of near-duplicates it is in (0, 1, ...), and the strongest tie that holds it there."""

    digest: str
    group: int
    tie: Tie


@dataclass(frozen=True, slots=True)
class Series:
    """Files that belong together. ``key`` stays over re-runs; ``cut`` says in a sentence what was left out, if anything was."""

    key: str
    members: tuple[Member, ...]
    ties: tuple[Tie, ...]
    cut: str = ""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of its ties, the most frequent first."""
        counted = Counter(tie.kind for tie in self.ties)
        return tuple(sorted(counted, key=lambda kind: (-counted[kind], kind)))

    @property
    def reasons(self) -> tuple[Tie, ...]:
        """The strongest tie of each kind, then each other thing that its files share and that has a name; 8 of these at most."""
        best: dict[str, Tie] = {}
        named: dict[str, Tie] = {}
        for tie in self.ties:
            if best.setdefault(tie.kind, tie) is not tie and tie.kind not in PAIR_KINDS:
                named.setdefault(tie.sentence, tie)
        told = {tie.sentence for tie in best.values()}
        return (*best.values(), *[tie for tie in named.values() if tie.sentence not in told][:NAMED_MOST])


@dataclass(slots=True)
class _Sets:
    """Union-find over digests; each root knows its members."""

    parent: dict[str, str] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)

    def root(self, digest: str) -> str:
        while (above := self.parent.get(digest, digest)) != digest:
            self.parent[digest] = digest = self.parent.get(above, above)
        return digest

    def of(self, root: str) -> list[str]:
        return self.members.get(root) or [root]

    def join(self, left: str, right: str) -> None:
        large, small = sorted((left, right), key=lambda root: (-len(self.of(root)), root))
        self.members[large] = self.of(large) + self.of(small)
        self.members.pop(small, None)
        self.parent[small] = large


def build(
    items: Iterable[Item],
    near: Iterable[Near] = (),
    given: Iterable[Given | Shared] = (),
    before: Mapping[str, str] | None = None,
) -> list[Series]:
    """The series among these files, largest first, each with two files or more.

    ``before``: the key of the series that each digest stood in after the last run; a series keeps the key that most of its files
    had, so that new files join it and do not rename it. Ties to files that are not among ``items`` say nothing.
    """
    known = {item.digest: item for item in sorted(items, key=lambda item: item.digest)}
    given = list(given)
    pairs = [tie for tie in given if isinstance(tie, Given) and {tie.left, tie.right} <= known.keys()]
    pairs = [tie for tie in pairs if tie.left != tie.right]
    close = [pair for pair in near if pair.left in known and pair.right in known and pair.left != pair.right]
    near_ties = list(_near_ties(known, close))
    given_ties = list(_given_ties(known, pairs))
    groups = _groups(_best([*near_ties, *(tie for tie in given_ties if tie.kind == "near")]))
    shared = [(one, _is_common(known, one, groups)) for one in given if isinstance(one, Shared)]
    ties = [*near_ties, *given_ties, *_shoot_ties(known), *_number_ties(known), *_camera_ties(known)]
    for one, common in shared:
        ties += _shared_ties(known, one, common=common)
    made = sorted(_joined(_best(ties)), key=lambda one: (-len(one[0]), min(one[0])))
    keys = _keys([members for members, _, _ in made], before or {})
    told = [(one.files, 2, _common_sentence(known, one)) for one, common in shared if common]
    told += [(frozenset({hub}), 1, sentence) for hub, sentence in sorted(_hubs(pairs).items())]
    return [
        Series(key, _members(members, held, groups), tuple(held), _cut_sentence(without, members, told))
        for key, (members, held, without) in zip(keys, made, strict=True)
    ]


def _joined(ties: Sequence[Tie]) -> list[tuple[list[str], list[Tie], int]]:
    """What the ties join, strongest first, up to ``SERIES_MOST`` files: the files, their ties, and how many ties were left out."""
    sets, refused = _Sets(), Counter[str]()
    held: list[Tie] = []
    for tie in ties:
        left, right = sets.root(tie.left), sets.root(tie.right)
        if left != right and len(sets.of(left)) + len(sets.of(right)) > SERIES_MOST:
            refused[left] += 1
            refused[right] += 1
            continue
        if left != right:
            sets.join(left, right)
        held.append(tie)
    without: Counter[str] = Counter()
    for root, number in refused.items():
        without[sets.root(root)] += number
    by_root: dict[str, list[Tie]] = defaultdict(list)
    for tie in held:
        by_root[sets.root(tie.left)].append(tie)
    return [(sets.of(root), ties_of, without[root]) for root, ties_of in by_root.items()]


def _cut_sentence(refused: int, members: Sequence[str], told: Sequence[tuple[frozenset[str], int, str]]) -> str:
    inside = set(members)
    said = [sentence for files, least, sentence in told if len(files & inside) >= least]
    if refused:
        ties = f"{refused:,} weaker tie{'s' if refused > 1 else ''}"
        said.append(f"{ties} left out: with them it would hold more than {SERIES_MOST} files.")
    return " ".join(dict.fromkeys(said))


def _best(ties: Sequence[Tie]) -> list[Tie]:
    """Of each pair and kind, and each name in a sentence, the strongest tie; strongest first, equals always in the same order."""
    kept: dict[tuple[str, str, str, str], Tie] = {}
    for tie in ties:
        name = (tie.left, tie.right, tie.kind, "" if tie.kind in PAIR_KINDS else tie.sentence)
        if name not in kept or (tie.weight, tie.sentence) > (kept[name].weight, kept[name].sentence):
            kept[name] = tie
    return sorted(kept.values(), key=lambda tie: (-tie.weight, tie.left, tie.right, tie.kind, tie.sentence))


def _tie(left: Item, right: Item, kind: str, weight: float, sentence: str) -> Tie:
    first, second = sorted((left.digest, right.digest))
    return Tie(first, second, kind, round(weight, 3), sentence)


# --- Near-duplicates --------------------------------------------------------------------------------------------------


def _near_ties(known: Mapping[str, Item], pairs: Sequence[Near]) -> Iterator[Tie]:
    degree = Counter(side for pair in pairs for side in (pair.left, pair.right))
    for pair in pairs:
        left, right = known[pair.left], known[pair.right]
        if not (left.binds and right.binds) or pair.distance > NEAR_RADIUS:
            continue
        if max(degree[pair.left], degree[pair.right]) > NEAR_MOST:
            continue
        apart = "have the same PDQ" if not pair.distance else f"are near-duplicates, {pair.distance} of 256 bits apart"
        yield _tie(left, right, "near", 1 - pair.distance / 80, f"They {apart}.")


def _groups(ties: Sequence[Tie]) -> dict[str, str]:
    """For each near-duplicate the name of its group: joined nearest first, while a share of the pairs across are near."""
    near = [tie for tie in ties if tie.kind == "near"]
    beside: dict[str, set[str]] = defaultdict(set)
    for tie in near:
        beside[tie.left].add(tie.right)
        beside[tie.right].add(tie.left)
    sets = _Sets()
    for tie in near:
        left, right = sets.root(tie.left), sets.root(tie.right)
        if left == right:
            continue
        some, others = sets.of(left)[:40], set(sets.of(right)[:40])
        across = sum(len(beside[digest] & others) for digest in some)
        if across >= NEAR_SHARE * len(some) * len(others):
            sets.join(left, right)
    return {digest: sets.root(digest) for digest in beside}


# --- Shoots -----------------------------------------------------------------------------------------------------------


def _serial(camera: str) -> str:
    """A serial number in words, without the maker and model that stand before it (``maker|model|number``)."""
    return f"serial {camera.rpartition('|')[2]}"


def _whose(item: Item) -> str:
    return _serial(item.camera) if item.camera else item.model


def _minutes(gap: timedelta) -> str:
    seconds = int(gap.total_seconds())
    if seconds < 120:
        return f"{seconds} second{'' if seconds == 1 else 's'}"
    return f"{seconds // 60} minutes"


def _shoot_ties(known: Mapping[str, Item]) -> Iterator[Tie]:
    """Files of one camera taken soon after one another, in the camera's own time."""
    taken: dict[str, list[Item]] = defaultdict(list)
    for item in known.values():
        if item.camera and item.binds:
            taken[item.camera].append(item)
    for camera, of_it in taken.items():
        yield from _within_minutes(of_it, _serial(camera))


def _within_minutes(taken: Iterable[Item], camera: str, sure: float = 1) -> Iterator[Tie]:
    """Ties of one shoot among files of one camera; times with and without zone are not mixed. ``sure``: up to 1, of the camera."""
    rows: dict[bool, list[tuple[datetime, Item]]] = defaultdict(list)
    for item in taken:
        if item.taken_at is not None:
            rows[item.taken_at.tzinfo is None].append((item.taken_at, item))
    for row in rows.values():
        row.sort(key=lambda one: (one[0], one[1].digest))
        begun = row[0][0]
        for (at, earlier), (then, later) in pairwise(row):
            gap = then - at
            if gap > SHOOT_GAP or then - begun > SHOOT_SPAN:
                begun = then
                continue
            words = "at the same second" if gap < timedelta(seconds=1) else f"{_minutes(gap)} apart"
            weight = (0.9 - 0.15 * (gap / SHOOT_GAP)) * sure
            yield _tie(earlier, later, "shoot", weight, f"One camera ({camera}) took them {words}.")


def _number_ties(known: Mapping[str, Item]) -> Iterator[Tie]:
    """Files whose numbers follow each other in one folder, as a camera gives them; long runs are a program's."""
    numbered: dict[tuple[tuple[str, ...], str, str], dict[int, Item]] = defaultdict(dict)
    for item in known.values():
        for place in item.places if item.binds else ():
            stem, _, suffix = place.name.rpartition(".")
            found = _NUMBERED.match(stem)
            if found:
                numbered[place.folder, found[1].lower(), suffix.lower()].setdefault(int(found[2]), item)
    for (_, stem, _suffix), row in sorted(numbered.items()):
        runs: list[list[int]] = []
        for number in sorted(row):
            if runs and number - runs[-1][-1] <= 1:
                runs[-1].append(number)
            else:
                runs.append([number])
        for run in runs:
            if 2 <= len(run) <= RUN_MOST:
                yield from _run_ties([row[number] for number in run], run, stem)


def _run_ties(run: Sequence[Item], numbers: Sequence[int], stem: str) -> Iterator[Tie]:
    named = bool(_CAMERA_NAME.match(stem))
    for (left, right), (number, following) in zip(pairwise(run), pairwise(numbers), strict=True):
        if left.digest == right.digest or (left.camera and right.camera and left.camera != right.camera):
            continue
        if left.model and right.model and left.model != right.model:
            continue
        if _far(left.taken_at, right.taken_at, SHOOT_SPAN):
            continue
        same = bool(left.camera and left.camera == right.camera) or bool(left.model and left.model == right.model)
        if not (same or named):
            continue
        whose = f", and one camera ({_whose(left)}) took them" if same else ", as a camera numbers them"
        weight = 0.72 if same else 0.6
        sentence = f"Their numbers follow each other in one folder ({number}, {following}){whose}."
        yield _tie(left, right, "number", weight, sentence)


def _far(left: datetime | None, right: datetime | None, span: timedelta) -> bool:
    if left is None or right is None or (left.tzinfo is None) != (right.tzinfo is None):
        return False
    return abs(left - right) > span


def _camera_ties(known: Mapping[str, Item]) -> Iterator[Tie]:
    """Files of a camera that took few of the case: a chain in the order of their time, the weakest of all ties."""
    by_camera: dict[str, list[Item]] = defaultdict(list)
    for item in known.values():
        if item.camera and item.binds:
            by_camera[item.camera].append(item)
    for camera, taken in by_camera.items():
        if 2 <= len(taken) <= CAMERA_MOST:
            sentence = f"One camera ({_serial(camera)}) took both; it took {len(taken)} files of this case."
            yield from _within_weeks(taken, "camera", 0.4, sentence)


def _within_weeks(taken: Iterable[Item], kind: str, weight: float, sentence: str) -> Iterator[Tie]:
    """A chain in the order of time, broken where ``CAMERA_GAP`` passed between two; files without a time come last."""
    row = sorted(taken, key=_when)
    for left, right in pairwise(row):
        days = (_of_day(left.taken_at), _of_day(right.taken_at))
        if not _far(*days, CAMERA_GAP):
            yield _tie(left, right, kind, weight, sentence)


def _when(item: Item) -> tuple[str, str]:
    return (item.taken_at.isoformat() if item.taken_at else "~", item.digest)


def _of_day(at: datetime | None) -> datetime | None:
    """Without its zone: over weeks, the hours that a zone makes decide nothing."""
    return at.replace(tzinfo=None) if at else None


# --- What other rooms know --------------------------------------------------------------------------------------------


def _hubs(pairs: Sequence[Given]) -> dict[str, str]:
    """Films that share footage with more than ``HUB_MOST`` others, each with a sentence that says so."""
    beside: dict[str, set[str]] = defaultdict(set)
    for tie in pairs:
        if tie.kind == "footage":
            beside[tie.left].add(tie.right)
            beside[tie.right].add(tie.left)
    return {
        digest: f"One of its films shares footage with {len(others)} others: a compilation ties nothing by that."
        for digest, others in beside.items()
        if len(others) > HUB_MOST
    }


def _given_ties(known: Mapping[str, Item], pairs: Sequence[Given]) -> Iterator[Tie]:
    hubs = _hubs(pairs)
    for tie in pairs:
        left, right = known[tie.left], known[tie.right]
        cut_together = tie.kind == "footage" and (tie.left in hubs or tie.right in hubs)
        if left.binds and right.binds and not cut_together:
            yield _tie(left, right, tie.kind, tie.weight, tie.sentence)


def _binding(known: Mapping[str, Item], one: Shared) -> list[Item]:
    return [known[file] for file in sorted(one.files) if file in known and known[file].binds]


def _is_common(known: Mapping[str, Item], one: Shared, groups: Mapping[str, str]) -> bool:
    return len({groups.get(item.digest, item.digest) for item in _binding(known, one)}) > SHARED_MOST


def _shared_ties(known: Mapping[str, Item], one: Shared, *, common: bool) -> Iterator[Tie]:
    """A chain through the files; what is ``common`` ties only files that its own camera took within minutes."""
    files = _binding(known, one)
    if not one.camera:
        for left, right in [] if common else pairwise(sorted(files, key=_when)):
            yield _tie(left, right, one.kind, one.weight, f"Both show {one.name}.")
        return
    yield from _within_minutes(files, one.name, min(1, one.weight / 0.5))
    if not common:
        sentence = f"One camera ({one.name}) took both; it took {len(files)} files of this case."
        yield from _within_weeks(files, one.kind, one.weight, sentence)


def _common_sentence(known: Mapping[str, Item], one: Shared) -> str:
    count, name = len(one.files & known.keys()), one.name[:1].upper() + one.name[1:]
    return f"{name}: in {count} files of this case, too many to tie them by itself."


# --- Names that stay --------------------------------------------------------------------------------------------------


def _members(digests: Sequence[str], ties: Sequence[Tie], groups: Mapping[str, str]) -> tuple[Member, ...]:
    """Each with its strongest tie; groups are numbered by size, what is near nothing gets a number of its own."""
    strongest: dict[str, Tie] = {}
    for tie in ties:
        for side in (tie.left, tie.right):
            if side not in strongest or tie.weight > strongest[side].weight:
                strongest[side] = tie
    names = {digest: groups.get(digest, digest) for digest in digests}
    sizes = Counter(names.values())
    first = {name: min(digest for digest, of in names.items() if of == name) for name in sizes} if sizes else {}
    order = sorted(sizes, key=lambda name: (-sizes[name], first[name]))
    numbers = {name: number for number, name in enumerate(order)}
    return tuple(
        Member(digest, numbers[names[digest]], strongest[digest])
        for digest in sorted(digests, key=lambda digest: (numbers[names[digest]], digest))
    )


def _keys(series: Sequence[Sequence[str]], before: Mapping[str, str]) -> list[str]:
    """A key for each: that of the earlier series it shares most files with, each given once; else one from its lowest digest."""
    shared: list[tuple[int, str, int]] = []
    for number, members in enumerate(series):
        for key, held in Counter(before[digest] for digest in members if digest in before).items():
            shared.append((-held, key, number))
    keys: dict[int, str] = {}
    given: set[str] = set(before.values())
    taken: set[str] = set()
    for _, key, number in sorted(shared):
        if number not in keys and key not in taken:
            keys[number] = key
            taken.add(key)
    for number, members in enumerate(series):
        if number not in keys:
            seeds = (f"{attempt}{digest}" for attempt in count() for digest in sorted(members))
            fresh = (sha256(seed.encode()).hexdigest()[:16] for seed in seeds)
            keys[number] = next(key for key in fresh if key not in given and key not in taken)
            taken.add(keys[number])
    return [keys[number] for number in range(len(series))]

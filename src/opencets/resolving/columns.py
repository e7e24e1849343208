"""Tables as arrays: people read row by row, kept as numbers, and the blocks of rows that share a candidate key."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from opencets.resolving import kernel
from opencets.resolving.aligned import compiled, lean
from opencets.resolving.features import DRAWN_FROM
from opencets.resolving.fragments import fragments
from opencets.resolving.kernel import Arrays
from opencets.resolving.names import SCRIPTS
from opencets.resolving.people import (
    MOST_LETTERS,
    MOST_TOKENS,
    Person,
    PersonRow,
    birth_of,
    compared_tokens,
    cut_tokens,
    forms_of,
    is_plain,
    named,
    skeleton,
    values_of,
    words_of_piece,
    written_forms,
)

_OF_ONE_PERSON = 6
_TEXTS = tuple(
    kernel.COLUMNS.index(name) for name in ("national_id", "street", "postcode", "city", "birth_place", "screen_core")
)
Keys = npt.NDArray[np.uint64]
_NONE = np.uint64(0)
_NO_FORMS: Mapping[str, str] = MappingProxyType({})
_MISSING = tuple((-1,) * missing for missing in range(MOST_TOKENS + 1))
_NO_CODES = (-1,) * len(kernel.COLUMNS)
_LOCAL, _SCREEN = kernel.COLUMNS.index("local_part"), kernel.COLUMNS.index("screen_name")
_CORE = kernel.COLUMNS.index("screen_core")


_Word = tuple[str, int, int]
"""A word of a name, its number, and that of its form in another script or -1."""


class Builder:
    """Takes people one after the other and forgets them: what stays are numbers and each distinct word once."""

    def __init__(self) -> None:
        self._tokens: dict[str, int] = {}
        self._forms: dict[str, int] = {}
        self._pieces: dict[str, _Word | None] = {}
        self._values: list[dict[str, int]] = [{} for _ in kernel.COLUMNS]
        self._count = 0
        # A row of numbers for each record; the last two have rows from the first record on that fills one.
        self._names, self._native, self._codes = array("i"), array("i"), array("i")

    def add(
        self,
        name: str | None,
        birth: str | None,
        values: Sequence[str | None] = (),
        same: bool = False,
        forms: Mapping[str, str] = _NO_FORMS,
    ) -> None:
        """One record. ``values`` in the order of ``kernel.COLUMNS``; ``same``: its screen name repeats its e-mail.

        ``forms``: see ``people.written_forms``.
        """
        self._add(compared_tokens(name), birth, values, same, forms)

    def add_person(self, person: Person) -> None:
        """One prepared record."""
        values = tuple([getattr(person, column) for column in kernel.COLUMNS])
        forms = written_forms(person) if person.written else _NO_FORMS
        self._add(compared_tokens(person.name), person.birth, *_as_compared(values), forms)

    def add_row(self, row: PersonRow) -> None:
        """One record as given, prepared no further than it is compared: a fifth of the time of preparing it whole."""
        birth, compared = birth_of(row.date_of_birth), _as_compared(values_of(row))
        plain = self._plain_words(row.full_name)
        if plain:
            self._put([word[1] for word in plain], [word[2] for word in plain], birth, *compared)
            return
        words = sorted(named(row))
        written = [form for _, form in words if form]
        forms = forms_of(written) if written else _NO_FORMS
        self._add(cut_tokens([word for word, _ in words]), birth, *compared, forms)

    def _plain_words(self, name: str) -> list[_Word]:
        """The words of a name whose pieces mean the same in every name, sorted; none where some do not."""
        pieces = name.split()
        if not 2 <= len(pieces) <= MOST_TOKENS:
            return []
        known, found = self._pieces, []
        for piece in pieces:
            word = known[piece] if piece in known else self._learn(piece)
            if word is None:
                return []
            found.append(word)
        found.sort()
        for one, other in pairwise(found):
            if one[0] == other[0]:
                return []
        return found

    def _learn(self, piece: str) -> _Word | None:
        words = words_of_piece(piece)
        found = None
        if len(words) == 1 and is_plain(piece, words[0][0]):
            word, form = words[0]
            native = self._forms.setdefault(forms_of([form])[word], len(self._forms)) if form else -1
            found = word, self._tokens.setdefault(word, len(self._tokens)), native
        self._pieces[piece] = found
        return found

    def _add(
        self,
        words: Sequence[str],
        birth: str | None,
        values: Sequence[str | None],
        same: bool,
        forms: Mapping[str, str],
    ) -> None:
        known, written = self._tokens, self._forms
        native = [written.setdefault(forms[word], len(written)) if word in forms else -1 for word in words]
        self._put([known.setdefault(word, len(known)) for word in words], native, birth, values, same)

    def _put(
        self, ids: Sequence[int], native: Sequence[int], birth: str | None, values: Sequence[str | None], same: bool
    ) -> None:
        none = _MISSING[MOST_TOKENS - len(ids)]
        self._names.extend((*ids, *none, *_day(birth), same))
        if self._forms:
            if not self._native:
                self._native = array("i", [-1]) * (MOST_TOKENS * self._count)
            self._native.extend((*native, *none))
        if values or self._codes:
            if not self._codes:
                self._codes = array("i", [-1]) * (len(kernel.COLUMNS) * self._count)
            both = zip(values, self._values, strict=False)
            self._codes.extend(
                [-1 if value is None else held.setdefault(value, len(held)) for value, held in both] or _NO_CODES
            )
        self._count += 1

    def table(self) -> Arrays:
        """What was added, counted."""
        count, words = self._count, list(self._tokens)
        rows, native, codes = (
            np.frombuffer(part, np.int32).reshape(count, -1) if part else np.empty((count, 0), np.int32)
            for part in (self._names, self._native, self._codes)
        )
        if not count:
            rows = np.empty((0, MOST_TOKENS + 3), np.int32)
        tokens = np.ascontiguousarray(rows[:, :MOST_TOKENS])
        birth, length = np.ascontiguousarray(rows[:, MOST_TOKENS]), rows[:, MOST_TOKENS + 1].astype(np.int8)
        one_account = rows[:, MOST_TOKENS + 2].astype(np.bool_)
        bones_of: dict[str, int] = {}
        bones = np.array([bones_of.setdefault(skeleton(word), len(bones_of)) for word in words], np.int32)
        bare = np.where(tokens >= 0, bones[tokens] if words else tokens, -1)
        named_by = _distinct(bare)
        whole = _mixed(1, *np.sort(bare, axis=1).T)
        whole[tokens[:, 0] < 0] = _NONE
        at = np.full(len(kernel.COLUMNS), -1, np.int32)
        present = [column for column in range(codes.shape[1]) if self._values[column]]
        at[present] = np.arange(len(present))
        kept = np.ascontiguousarray(codes[:, present])
        first_core = 0
        held, lengths, offset = [np.empty(0, np.int32)], [np.empty(0, np.int32)], 0
        texts = [np.empty((0, MOST_LETTERS), np.uint8)]
        for slot, column in enumerate(present):
            here = kept[:, slot]
            many = len(self._values[column])
            held.append(np.bincount(here[here >= 0], minlength=many).astype(np.int32))
            text, size = _texts(self._values[column] if column in _TEXTS else [""] * many)
            texts.append(text)
            lengths.append(size)
            if column == _CORE:
                first_core = offset
            here[here >= 0] += offset
            offset += many
        token_text, token_length = _texts(words)
        bones_text, bones_length = _texts(bones_of)
        return Arrays(
            tokens=tokens,
            token_text=token_text,
            token_length=token_length,
            token_letters=_letters(token_text),
            token_held=_held(_distinct(tokens), len(words)),
            bones=bones,
            bones_text=bones_text,
            bones_length=bones_length,
            bones_letters=_letters(bones_text),
            bones_held=_held(named_by, len(bones_of)),
            birth=birth,
            birth_length=length,
            birth_held=_counted(birth),
            whole=whole.view(np.int64),
            whole_held=_others(whole, birth),
            one_account=one_account,
            codes=kept,
            at=at,
            held=np.concatenate(held),
            text=np.concatenate(texts),
            length=np.concatenate(lengths),
            native=np.ascontiguousarray(native),
            **_native(self._forms),
            first_core=first_core,
            **_fragments(self._values[_CORE]),
        )


@lru_cache(maxsize=1 << 16)
def _day(birth: str | None) -> tuple[int, int]:
    """A date as a number of eight digits, with noughts for what is not known, and how long it was; -1 for none."""
    return (-1, 0) if birth is None else (int((birth.replace("-", "") + "0000")[:8]), len(birth))


def _as_compared(values: tuple[str | None, ...]) -> tuple[tuple[str | None, ...], bool]:
    """The values of a record as the loops compare them, none where none is stated; whether screen name repeats e-mail."""
    if not any(values):
        return (), False
    core = values[_CORE]
    same = values[_LOCAL] is not None and values[_LOCAL] == values[_SCREEN]
    return (*values[:_CORE], core and core[:MOST_LETTERS], *values[_CORE + 1 :]), same


def _native(forms: Iterable[str]) -> dict[str, Any]:
    """The fields of ``Arrays`` that tell of words in other scripts."""
    scripts, letters = [], []
    for form in forms:
        script, _, word = form.partition(":")
        scripts.append(SCRIPTS.index(script))
        letters.append(word)
    text, length = _texts(letters)
    codes = np.where(text >= 97, text - 97, np.where(text > 0, text - 39, 0)).astype(np.uint8)
    return {"native_letters": codes, "native_length": length, "native_script": np.array(scripts, np.int32)}


def _fragments(cores: Iterable[str]) -> dict[str, Any]:
    """The fields of ``Arrays`` that tell of fragments of screen names, weighed as ``fragments.Fragments`` does."""
    cores = list(cores)
    known: dict[str, int] = {}
    rows = [
        sorted((known.setdefault(one, len(known)), times) for one, times in fragments(core).items()) for core in cores
    ]
    ids, times = np.full((len(rows), MOST_LETTERS), -1, np.int32), np.zeros((len(rows), MOST_LETTERS), np.int32)
    for at, row in enumerate(rows):
        ids[at, : len(row)], times[at, : len(row)] = zip(*row, strict=True)
    held = np.bincount(ids[ids >= 0], minlength=len(known))
    bits = np.log2((max(len(cores), DRAWN_FROM) + 2) / (held + 1))
    weights = times * np.where(ids >= 0, bits[ids] if len(known) else 0.0, 0.0)
    length = np.sqrt((weights**2).sum(axis=1))
    return {"fragments": ids, "fragment_times": times, "fragment_length": length, "fragment_bits": bits}


def table_of(people: Iterable[Person]) -> Arrays:
    """Prepared people as arrays."""
    builder = Builder()
    for person in people:
        builder.add_person(person)
    return builder.table()


def _texts(words: Iterable[str]) -> tuple[kernel.Bytes, kernel.Ints]:
    words = list(words)
    joined = np.array(words, dtype=f"S{MOST_LETTERS}") if words else np.empty(0, f"S{MOST_LETTERS}")
    text = joined.view(np.uint8).reshape(len(words), MOST_LETTERS)
    return text, (text != 0).sum(axis=1).astype(np.int32)


def _letters(text: kernel.Bytes) -> kernel.Ints:
    """Which letters stand in each word, a bit for each."""
    found = np.zeros(text.shape[0], np.int32)
    for column in text.T:
        found |= np.where(column > 0, np.int32(1) << (column & 31).astype(np.int32), 0).astype(np.int32)
    return found


def _distinct(ids: kernel.Ints) -> kernel.Ints:
    """Each row's ids, every one once: a record bears a name once however often it stands in it."""
    kept = np.sort(ids, axis=1)
    kept[:, 1:][kept[:, 1:] == kept[:, :-1]] = -1
    return np.sort(kept, axis=1)


def _held(ids: kernel.Ints, count: int) -> kernel.Ints:
    return np.bincount(ids[ids >= 0], minlength=count).astype(np.int32)


def _counted(values: kernel.Ints) -> kernel.Ints:
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    return counts[where].astype(np.int32)


def _others(whole: Keys, birth: kernel.Ints) -> kernel.Ints:
    """How many bear a whole name who are not one person: see ``features.Commonness``."""
    year = np.where(birth >= 0, birth // 10_000, -1)
    order = np.lexsort((year, whole))
    name, born = whole[order], year[order]
    starts = np.flatnonzero(np.r_[True, name[1:] != name[:-1]]) if name.size else np.empty(0, np.int64)
    bearers = np.diff(np.r_[starts, name.size])
    new = np.r_[True, (name[1:] != name[:-1]) | (born[1:] != born[:-1])][: name.size] & (born >= 0)
    years = np.add.reduceat(new, starts) if name.size else new
    count = np.maximum(np.maximum(years - 1, bearers - _OF_ONE_PERSON), 0)
    found = np.empty(name.size, np.int32)
    found[order] = np.repeat(count, bearers)
    return found


def _mixed(kind: int, *parts: npt.NDArray[Any]) -> Keys:
    """One number for each row, the same for equal parts and, but for one chance in 2**64, for no others."""
    key = np.full(parts[0].shape, kind * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF, np.uint64)
    for part in parts:
        key ^= part.astype(np.int64).view(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(30)
        key *= np.uint64(0xBF58476D1CE4E5B9)
        key ^= key >> np.uint64(27)
        key *= np.uint64(0x94D049BB133111EB)
        key ^= key >> np.uint64(31)
    return np.where(key == _NONE, np.uint64(1), key)


KEY_KINDS = "kfqtydnmcelpisbhg"
"""The kinds of keys of ``people.candidate_keys``, by their letters."""


class Keyed(NamedTuple):
    """Keys of one kind, each beside the row that has it; the rows rise."""

    keys: Keys
    rows: kernel.Ints


def keys_of(table: Arrays, kind: str) -> Keyed:
    """Every key of one kind; a row may have one twice."""
    if kind in _OF_PARTS:
        return Keyed(
            *_part_keys(
                _OF_PARTS.index(kind), table.tokens, table.bones, table.bones_length, table.bones_text, table.birth,
                table.birth_length,
            )
        )  # fmt: skip
    if kind in "elpis":
        return _stated(_value_keys(table, kind))
    if kind == "b":
        return _stated(_where(table.birth_length == 10, _mixed(40, table.birth)))
    if kind == "h":
        street = _column(table, "street")
        long = table.length[np.maximum(street, 0)] >= 8 if (street >= 0).any() else street >= 0
        return _stated(_where((street >= 0) & long, _mixed(41, street)))
    if kind == "g":
        return _stated(_run_keys(table))
    if kind == "k":
        return _stated(table.whole.view(np.uint64))
    if kind == "c":
        return _stated(_place_keys(table))
    return _stated(_pair_keys(table, kind))


def _stated(keys: Keys) -> Keyed:
    """Those of a column for each that a row may have, 0 where it has fewer."""
    keys = keys if keys.ndim == 2 else keys[:, None]
    there = keys != _NONE
    return Keyed(keys[there], np.repeat(np.arange(len(keys), dtype=np.int32), there.sum(axis=1)))


_OF_PARTS = "tydmn"
"""Kinds of keys of each word of a name, by itself or with the date of birth, and of all initials with it."""
_PART, _YEAR, _DATE, _DAY, _INITIALS = range(len(_OF_PARTS))
_FIRST = np.array([kind * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF for kind in (2, 4, 5, 7, 6)], np.uint64)
"""What ``_mixed`` begins with for each of them: the same blocks come in the same order, on which training draws."""


@lean
def _mix(key: np.uint64, part: int) -> np.uint64:
    """One step of ``_mixed``."""
    key ^= np.uint64(part) + np.uint64(0x9E3779B97F4A7C15)
    key ^= key >> np.uint64(30)
    key *= np.uint64(0xBF58476D1CE4E5B9)
    key ^= key >> np.uint64(27)
    key *= np.uint64(0x94D049BB133111EB)
    return key ^ (key >> np.uint64(31))


@compiled
def _part_keys(
    kind: int,
    tokens: kernel.Ints,
    bones: kernel.Ints,
    lengths: kernel.Ints,
    text: kernel.Bytes,
    birth: kernel.Ints,
    birth_length: npt.NDArray[np.int8],
) -> tuple[Keys, kernel.Ints]:
    """The keys of a kind of ``_OF_PARTS``, row by row."""
    count, initials = 0, np.zeros(MOST_TOKENS, np.int64)
    keys, rows = np.empty(0, np.uint64), np.empty(0, np.int32)
    # Counted first, then written: no more room is taken than there are keys.
    for writing in range(2):
        if writing:
            keys, rows, count = np.empty(count, np.uint64), np.empty(count, np.int32), 0
        for row in range(tokens.shape[0]):
            born, full = birth[row], birth_length[row] == 10
            year, month, day = born // 10_000, born // 100 % 100, born % 100
            either = min(month, day) * 100 + max(month, day)
            if (kind == _YEAR and born < 0) or (kind in (_DATE, _DAY, _INITIALS) and not full):
                continue
            words = 0
            for at in range(MOST_TOKENS):
                if tokens[row, at] < 0:
                    break
                bone = bones[tokens[row, at]]
                again = False
                for before in range(at):
                    again = again or bones[tokens[row, before]] == bone
                if again:
                    continue
                initials[words] = text[bone, 0]
                words += 1
                if kind == _INITIALS or lengths[bone] < (3 if kind == _PART else 1 if kind == _DATE else 2):
                    continue
                if writing:
                    key = _mix(_FIRST[kind], text[bone, 0] if kind == _DATE else bone)
                    if kind == _YEAR:
                        key = _mix(key, year)
                    elif kind == _DATE:
                        key = _mix(key, year * 10_000 + either)
                    elif kind == _DAY:
                        key = _mix(key, either)
                    keys[count], rows[count] = key, row
                count += 1
            if kind == _INITIALS and words > 0:
                if writing:
                    initials[words:] = 0
                    initials.sort()
                    key = _FIRST[kind]
                    for at in range(MOST_TOKENS):
                        key = _mix(key, initials[at])
                    keys[count], rows[count] = _mix(key, year * 10_000 + either), row
                count += 1
    return keys, rows


def _pair_keys(table: Arrays, kind: str) -> Keys:
    """The keys of two words of a name: one with the other's initial (f), or beginnings and ends of both (q)."""
    bones = np.where(table.tokens >= 0, table.bones[table.tokens], -1) if table.bones.size else table.tokens
    bones = _distinct(bones)
    if not (bones >= 0).any():
        return np.empty((bones.shape[0], 0), np.uint64)
    bones = bones[:, ::-1][:, :MOST_TOKENS]
    width, stated = table.bones_length[bones], bones >= 0
    if kind == "q":
        return _fragment_keys(table, bones, stated, width)
    initial = table.bones_text[bones, 0].astype(np.int64)
    pairs = [(a, b) for a in range(MOST_TOKENS) for b in range(MOST_TOKENS) if a != b and stated[:, max(a, b)].any()]
    columns = [
        _where(stated[:, a] & stated[:, b] & (width[:, a] >= 2), _mixed(3, bones[:, a], initial[:, b]))
        for a, b in pairs
    ]
    return np.column_stack(columns) if columns else np.empty((bones.shape[0], 0), np.uint64)


def _fragment_keys(table: Arrays, bones: kernel.Ints, stated: npt.NDArray[np.bool_], width: kernel.Ints) -> Keys:
    text = table.bones_text.astype(np.int64)
    begins = (text[bones, 0] << 8) + text[bones, 1]
    ends = (text[bones, np.maximum(width - 2, 0)] << 8) + text[bones, np.maximum(width - 1, 1)]
    columns = [np.empty((bones.shape[0], 0), np.uint64)]
    for a in range(MOST_TOKENS):
        for b in range(a + 1, MOST_TOKENS):
            known = stated[:, b] & (width[:, a] >= 2) & (width[:, b] >= 2)
            if known.any():
                for one in (begins, ends):
                    for other in (begins, ends):
                        low, high = np.minimum(one[:, a], other[:, b]), np.maximum(one[:, a], other[:, b])
                        columns.append(_where(known, _mixed(30, low, high))[:, None])
    # A name whose beginning is its end gives one key twice.
    keys = np.sort(np.concatenate(columns, axis=1), axis=1)
    keys[:, 1:][keys[:, 1:] == keys[:, :-1]] = _NONE
    return keys


def _where(known: npt.NDArray[np.bool_], keys: Keys) -> Keys:
    return np.where(known, keys, _NONE)


def _column(table: Arrays, name: str) -> npt.NDArray[np.int64]:
    at = table.at[kernel.COLUMNS.index(name)]
    return table.codes[:, at].astype(np.int64) if at >= 0 else np.full(table.birth.size, -1)


def _value_keys(table: Arrays, kind: str) -> Keys:
    first, second = {
        "e": ("email", "email"),
        "l": ("local_part", "local_part"),
        "p": ("phone_tail", "phone"),
        "i": ("national_id", "national_id"),
        "s": ("screen_letters", "screen_name"),
    }[kind]
    if table.at[kernel.COLUMNS.index(first)] < 0 and table.at[kernel.COLUMNS.index(second)] < 0:
        return np.empty((table.birth.size, 0), np.uint64)
    best, other = _column(table, first), _column(table, second)
    value = np.where(best >= 0, best * 2, other * 2 + 1)
    return _where((best >= 0) | (other >= 0), _mixed(8 + "elpis".index(kind), value))[:, None]


def _run_keys(table: Arrays) -> Keys:
    core = _column(table, "screen_core")
    if not (core >= 0).any():
        return np.empty((core.size, 0), np.uint64)
    cores = core[core >= 0]
    text, size = table.text[cores].astype(np.int64), table.length[cores]
    found = np.zeros((core.size, MOST_LETTERS - 3), np.uint64)
    runs = [
        _where(
            at + 4 <= size,
            _mixed(42, (text[:, at] << 24) + (text[:, at + 1] << 16) + (text[:, at + 2] << 8) + text[:, at + 3]),
        )
        for at in range(MOST_LETTERS - 3)
    ]
    found[core >= 0] = np.column_stack(runs)
    return found


def _place_keys(table: Arrays) -> Keys:
    postcode, city = _column(table, "postcode"), _column(table, "city")
    where = np.where(postcode >= 0, postcode, city)
    if not (where >= 0).any():
        return np.empty((where.size, 0), np.uint64)
    tokens = _distinct(table.tokens)
    return _where(
        (tokens >= 0) & (where >= 0)[:, None], _mixed(20, tokens, np.broadcast_to(where[:, None], tokens.shape))
    )


@dataclass(frozen=True, slots=True)
class Blocks:
    """The rows that share a key, rising: ``order[starts[i]:stops[i]]``. ``limit``: larger blocks were left out."""

    order: kernel.Ints
    starts: kernel.Longs
    stops: kernel.Longs
    limit: int

    @property
    def pairs(self) -> int:
        """How many pairs they make."""
        size = self.stops - self.starts
        return int((size * (size - 1) // 2).sum())

    def chunks(self, most: int = 4_000_000) -> Iterator[slice]:
        """Runs of blocks of about ``most`` pairs."""
        size = self.stops - self.starts
        so_far = np.cumsum(size * (size - 1) // 2)
        begin = 0
        while begin < size.size:
            before = so_far[begin - 1] if begin else 0
            end = max(begin + 1, int(np.searchsorted(so_far, before + most, "right")))
            yield slice(begin, end)
            begin = end


def blocks_of(keyed: Keyed, limit: int, budget: int) -> Blocks:
    """The blocks of at least two and at most ``limit`` rows, the largest left out until ``budget`` pairs are kept."""
    flat, rows = keyed
    order = np.argsort(flat, kind="stable")
    flat, rows = flat[order], rows[order]
    again = np.r_[False, (flat[1:] == flat[:-1]) & (rows[1:] == rows[:-1])][: flat.size]
    if again.any():
        flat, rows = flat[~again], rows[~again]
    starts = np.flatnonzero(np.r_[True, flat[1:] != flat[:-1]][: flat.size])
    stops = np.r_[starts[1:], flat.size].astype(np.int64)
    size = stops - starts
    made = np.bincount(np.minimum(size, limit + 1), minlength=limit + 2)[: limit + 1]
    so_far = np.cumsum(made * (np.arange(limit + 1) * (np.arange(limit + 1) - 1) // 2))
    allowed = int(np.searchsorted(so_far, budget, "right")) - 1
    kept = (size >= 2) & (size <= min(limit, allowed))
    return Blocks(rows, starts[kept], stops[kept], min(limit, allowed))

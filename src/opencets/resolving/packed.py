"""Placed records as bytes, and which pairs of them deserve a second look: the comparison of ``kernel`` on the bytes as kept.

``likely`` is a sieve before ``placing.compare``, which decides and gives the reasons. It leaves out only pairs that
``compare`` would not suggest; a test holds the two together. Nothing is parsed for a pair that falls through.

A packed record, all numbers little-endian: its form (4 bytes); the date of birth as in ``kernel.Arrays`` (4), how long
it was (1), whether the screen name repeats the e-mail address (1); how many words of the name are compared (1), each with
its consonants and its form in another script (the script's number, then letters from 0; or nothing), each led by its length
(1); which columns of ``kernel.COLUMNS`` are stated, a bit for each (2), each
led by its length (2); how many own naming values there are (2), each as its key (8); JSON of what only the reasons need.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Collection, Iterable, Sequence
from hashlib import sha256

import numba
import numpy as np
import numpy.typing as npt

from opencets.resolving import kernel
from opencets.resolving.aligned import lean
from opencets.resolving.features import DRAWN_FROM
from opencets.resolving.kernel import Arrays, Bytes, Doubles, Ints, Longs, Rules
from opencets.resolving.model import Model
from opencets.resolving.names import SCRIPTS
from opencets.resolving.people import (
    COLUMNS,
    MOST_LETTERS,
    MOST_TOKENS,
    Person,
    compared_tokens,
    skeleton,
    written_forms,
)

_TOLD = tuple(column for column in COLUMNS[1:] if column not in kernel.COLUMNS)
FORM = sha256(" ".join(("4", *COLUMNS, *kernel.COLUMNS)).encode()).digest()[:4]
"""With which a packed record begins: one of another version is read from its claims again."""
_HEAD = struct.Struct("<4siBBB")
_SURE = 1e-6
"""The loops add in another order than ``math.fsum``: what lies so near below the least bits is looked at too."""
_COLUMNS = len(kernel.COLUMNS)
_CORE = kernel.COLUMNS.index("screen_core")
_KINDS_OF_LETTERS = 28
"""a to z, the beginning and the end: a run of three of them is a number below the third power."""
_RUN_BITS = float(np.log2(DRAWN_FROM + 2))
"""What a run of three letters weighs where no screen names are counted."""

Value = tuple[str, str]
"""(kind, normalised value)."""


def pack(kind: str, person: Person, values: Iterable[Value], marks: Collection[int]) -> bytes:
    """A prepared record as bytes; ``marks``: its naming values as numbers of 64 bits, equal where the values are."""
    words, forms = compared_tokens(person.name), written_forms(person)
    birth = person.birth or ""
    day = int((birth.replace("-", "") + "0000")[:8]) if birth else -1
    same = person.local_part is not None and person.local_part == person.screen_name
    parts = [_HEAD.pack(FORM, day, len(birth), same, len(words))]
    for word in words:
        for text in (word.encode(), skeleton(word).encode(), _form(forms.get(word, ""))):
            parts += (len(text).to_bytes(1), text)
    stated = [getattr(person, column) for column in kernel.COLUMNS]
    present = sum(1 << at for at, value in enumerate(stated) if value is not None)
    parts.append(present.to_bytes(2, "little"))
    for value in stated:
        if value is not None:
            text = value.encode()[:0xFFFF]
            parts += (len(text).to_bytes(2, "little"), text)
    parts.append(struct.pack(f"<H{len(marks)}q", len(marks), *marks))
    told = [kind, *(getattr(person, column) for column in _TOLD), sorted(values)]
    parts.append(json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode())
    return b"".join(parts)


def _form(form: str) -> bytes:
    script, _, letters = form.partition(":")
    if not script:
        return b""
    return bytes((SCRIPTS.index(script), *(ord(one) - 97 if one >= "a" else ord(one) - 39 for one in letters)))


def unpack(record: str, packed: bytes) -> tuple[str, Person, frozenset[Value]] | None:
    """Kind, person and naming values of a packed record; None where another version of this program packed it."""
    if packed[:4] != FORM:
        return None
    at = _HEAD.size
    for _ in range(3 * packed[at - 1]):
        at += 1 + packed[at]
    present, at = int.from_bytes(packed[at : at + 2], "little"), at + 2
    stated: dict[str, str | None] = dict.fromkeys(COLUMNS[1:])
    for bit, column in enumerate(kernel.COLUMNS):
        if present >> bit & 1:
            size, at = int.from_bytes(packed[at : at + 2], "little"), at + 2
            stated[column], at = packed[at : at + size].decode(), at + size
    at += 2 + 8 * int.from_bytes(packed[at : at + 2], "little")
    kind, *told, values = json.loads(packed[at:])
    stated.update(zip(_TOLD, told, strict=True))
    return kind, Person(record, **stated), frozenset((value, normal) for value, normal in values)


def likely(packed: Sequence[bytes], left: Ints, right: Ints, model: Model, least: float) -> npt.NDArray[np.bool_]:
    """Which pairs of these records share a naming value or reach ``least`` bits without the prior, and may be one person.

    All are packed in this version's form. Raises ActRefused where the model lacks a weight.
    """
    if not packed:
        return np.zeros(0, np.bool_)
    stops = np.cumsum(np.fromiter(map(len, packed), np.int64, len(packed)))
    rules = model.rules(1)
    # Placing counts no bearers: a value weighs as the usual one does, and a very common name no more than that.
    rules = rules._replace(slope=np.zeros_like(rules.slope))
    content = np.frombuffer(b"".join(packed), np.uint8)
    return _likely(content, np.r_[0, stops[:-1]], rules, left, right, least - _SURE)


@numba.njit(cache=True, nogil=True)
def _likely(
    content: Bytes, starts: Longs, rules: Rules, left: Ints, right: Ints, least: float
) -> npt.NDArray[np.bool_]:
    table, values = _gathered(content, starts)
    found = np.zeros(left.size, np.bool_)
    _sieve(content, values, table, rules, left, right, least, found, kernel.room())
    return found


@lean
def _sieve(
    content: Bytes,
    values: Longs,
    table: Arrays,
    rules: Rules,
    left: Ints,
    right: Ints,
    least: float,
    found: npt.NDArray[np.bool_],
    room: kernel.Room,
) -> None:
    for at in range(left.size):
        i, j = left[at], right[at]
        if kernel.in_conflict(table, i, j, room):
            continue
        if _shares(content, values[i], values[j]):
            found[at] = True
        else:
            kernel.fill(table, rules, i, j, room)
            found[at] = kernel.bits_of(rules, room) >= least


@lean
def _shares(content: Bytes, one: int, other: int) -> bool:
    """Whether two lists of values have one in common; each begins with how many there are."""
    for a in range(content[one] + (content[one + 1] << 8)):
        for b in range(content[other] + (content[other + 1] << 8)):
            equal = True
            for byte in range(8):
                if content[one + 2 + 8 * a + byte] != content[other + 2 + 8 * b + byte]:
                    equal = False
                    break
            if equal:
                return True
    return False


@numba.njit(cache=True, nogil=True)
def _number(content: Bytes, at: int, size: int | np.int64, column: int, slots: Ints, seen: Longs, count: int) -> int:
    """The number of a text of a column: that of its like among ``seen``, else ``count``, under which it is seen now."""
    mark = np.uint64(0xCBF29CE484222325) ^ np.uint64(column)
    for byte in range(at, at + size):
        mark = (mark ^ np.uint64(content[byte])) * np.uint64(0x100000001B3)
    slot = np.int64((mark ^ (mark >> np.uint64(29))) & np.uint64(slots.size - 1))
    while slots[slot] >= 0:
        known = slots[slot]
        if seen[known, 1] == size and seen[known, 2] == column:
            begin, same = seen[known, 0], True
            for byte in range(size):
                if content[begin + byte] != content[at + byte]:
                    same = False
                    break
            if same:
                return int(known)
        slot = (slot + 1) & (slots.size - 1)
    slots[slot] = count
    seen[count, 0], seen[count, 1], seen[count, 2] = at, size, column
    return count


@numba.njit(cache=True, nogil=True)
def _written(content: Bytes, seen: Longs, count: int) -> tuple[Bytes, Ints, Ints]:
    """The texts seen, their lengths and letters, as ``columns`` writes them."""
    text, length, letters = (
        np.zeros((count, MOST_LETTERS), np.uint8),
        np.zeros(count, np.int32),
        np.zeros(count, np.int32),
    )
    for known in range(count):
        length[known] = min(seen[known, 1], MOST_LETTERS)
        for at in range(length[known]):
            byte = content[seen[known, 0] + at]
            text[known, at] = byte
            letters[known] |= np.int32(1) << np.int32(byte & 31)
    return text, length, letters


@numba.njit(cache=True, nogil=True)
def _natives(content: Bytes, seen: Longs, count: int) -> tuple[Bytes, Ints, Ints]:
    """The forms of words in other scripts: letters, how many, which script."""
    letters = np.zeros((count, MOST_LETTERS), np.uint8)
    length, script = np.zeros(count, np.int32), np.zeros(count, np.int32)
    for known in range(count):
        begin, length[known] = seen[known, 0], seen[known, 1] - 1
        script[known] = content[begin]
        for at in range(length[known]):
            letters[known, at] = content[begin + 1 + at]
    return letters, length, script


@numba.njit(cache=True, nogil=True)
def _runs(content: Bytes, seen: Longs, count: int) -> tuple[Ints, Ints, Doubles]:
    """Of each text that is a screen name's core its runs of three letters, rising, how often, and their length together."""
    cores = False
    for known in range(count):
        cores = cores or seen[known, 2] == _CORE
    rows = count if cores else 0
    runs, times = np.full((rows, MOST_LETTERS), -1, np.int32), np.zeros((rows, MOST_LETTERS), np.int32)
    lengths = np.zeros(rows, np.float64)
    for known in range(rows):
        if seen[known, 2] != _CORE:
            continue
        size = min(seen[known, 1], MOST_LETTERS)
        found = np.empty(size, np.int32)
        for at in range(size):
            run = 0
            for place in range(at - 1, at + 2):
                letter = 26 if place < 0 else 27 if place == size else int(content[seen[known, 0] + place]) - 97
                run = run * _KINDS_OF_LETTERS + letter
            found[at] = run
        found.sort()
        last = -1
        for run in found:
            if last < 0 or runs[known, last] != run:
                last += 1
            runs[known, last] = run
            times[known, last] += 1
        for at in range(last + 1):
            lengths[known] += (times[known, at] * _RUN_BITS) ** 2
        lengths[known] = np.sqrt(lengths[known])
    return runs, times, lengths


@numba.njit(cache=True, nogil=True)
def _gathered(content: Bytes, starts: Longs) -> tuple[Arrays, Longs]:
    """Packed records as the loops read a table, each text once; and where each one's naming values begin."""
    size = starts.size
    room = 16
    while room < 2 * _COLUMNS * size:
        room *= 2
    slots, seen = np.full((4, room), -1, np.int32), np.zeros((4, _COLUMNS * size + 1, 3), np.int64)
    words, consonants, texts, forms = 0, 0, 0, 0
    tokens, codes = np.full((size, MOST_TOKENS), -1, np.int32), np.full((size, _COLUMNS), -1, np.int32)
    bones, native = np.zeros(MOST_TOKENS * size + 1, np.int32), np.full((size, MOST_TOKENS), -1, np.int32)
    birth, birth_length = np.zeros(size, np.int32), np.zeros(size, np.int8)
    one_account, values = np.zeros(size, np.bool_), np.zeros(size, np.int64)
    for row in range(size):
        at = starts[row] + 4
        birth[row] = (
            np.int32(content[at])
            | np.int32(content[at + 1]) << 8
            | np.int32(content[at + 2]) << 16
            | np.int32(content[at + 3]) << 24
        )
        birth_length[row], one_account[row], stated = content[at + 4], content[at + 5] > 0, content[at + 6]
        at += 7
        for turn in range(stated):
            long = int(np.int64(content[at]))
            token = _number(content, at + 1, long, 0, slots[0], seen[0], words)
            at += 1 + long
            long = int(np.int64(content[at]))
            if token == words:
                words += 1
                bones[token] = _number(content, at + 1, long, 0, slots[1], seen[1], consonants)
                consonants += bones[token] == consonants
            tokens[row, turn] = token
            at += 1 + long
            long = int(np.int64(content[at]))
            if long > 0:
                native[row, turn] = _number(content, at + 1, long, 0, slots[3], seen[3], forms)
                forms += native[row, turn] == forms
            at += 1 + long
        present = np.int64(content[at]) | np.int64(content[at + 1]) << 8
        at += 2
        for column in range(_COLUMNS):
            if present >> column & 1:
                long = int(np.int64(content[at]) | np.int64(content[at + 1]) << 8)
                codes[row, column] = _number(content, at + 2, long, column, slots[2], seen[2], texts)
                texts += codes[row, column] == texts
                at += 2 + long
        values[row] = at
    token_text, token_length, token_letters = _written(content, seen[0], words)
    bones_text, bones_length, bones_letters = _written(content, seen[1], consonants)
    text, length, _ = _written(content, seen[2], texts)
    native_letters, native_length, native_script = _natives(content, seen[3], forms)
    runs, times, lengths = _runs(content, seen[2], texts)
    table = Arrays(
        tokens, token_text, token_length, token_letters, np.zeros(words, np.int32),
        bones, bones_text, bones_length, bones_letters, np.zeros(consonants, np.int32),
        birth, birth_length, np.zeros(size, np.int32), np.zeros(size, np.int64), np.zeros(size, np.int32), one_account,
        codes, np.arange(_COLUMNS).astype(np.int32), np.zeros(texts, np.int32), text, length,
        native, native_letters, native_length, native_script, 0, runs, times, lengths,
        np.full(_KINDS_OF_LETTERS**3 if runs.size else 0, _RUN_BITS),
    )  # fmt: skip
    return table, values

"""Numbers of entities: what a reader may write into a report, made from one visible record and nothing else.

An entity has the number of its anchor, the lowest of its records that the reader sees; every other record of it has its
own, which leads there. The number is the first 60 bits of the record's id that are not its version, in Crockford's
letters, with a check letter: nothing is counted, so it tells of nobody else (``docs/decisions/entity-numbers.md``).
"""

from __future__ import annotations

from uuid import UUID

from opencets.errors import NotFound

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ = {**{letter: at for at, letter in enumerate(LETTERS)}, "O": 0, "I": 1, "L": 1}
_CHECKS = 29
"""A prime that 32 is not one more than: two letters exchanged give another check letter."""
_SIZE = 12


def number_of(record: UUID) -> str:
    """The number of a record, and of the entity that it anchors: ``E-4F7K-9QX2-M3ND-7``."""
    digits = record.hex
    return _written(int(digits[:12] + digits[13:16], 16))


def _written(value: int) -> str:
    letters = "".join(LETTERS[value >> 5 * at & 31] for at in reversed(range(_SIZE)))
    return f"E-{letters[:4]}-{letters[4:8]}-{letters[8:]}-{LETTERS[value % _CHECKS]}"


def read_number(text: str) -> str:
    """The number as it is written here; NotFound where it is none, or miswritten.

    Small letters, no hyphens, O for 0 and I or L for 1 are read as they were meant.
    """
    letters = "".join(letter for letter in text.upper() if letter.isalnum())
    letters = letters[1:] if len(letters) == _SIZE + 2 and letters[0] == "E" else letters
    if len(letters) != _SIZE + 1 or any(letter not in _READ for letter in letters):
        raise NotFound
    value = 0
    for letter in letters[:-1]:
        value = value << 5 | _READ[letter]
    if value % _CHECKS != _READ[letters[-1]]:
        raise NotFound
    return _written(value)


def span_of(number: str) -> tuple[UUID, UUID]:
    """Between which ids the record of a number stands: the primary key finds it, and says nothing of others."""
    value = 0
    for letter in read_number(number).removeprefix("E-").replace("-", "")[:_SIZE]:
        value = value << 5 | _READ[letter]
    first = value >> 12 << 80
    return UUID(int=first), UUID(int=first | (1 << 80) - 1)

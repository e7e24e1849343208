"""A list of known files, for a device that compares its new files with it: keyed and short marks instead of digests.

Whoever finds or steals what a device holds has marks that name no file: each is the first 8 bytes of a keyed BLAKE2b (RFC 7693)
of a digest, under a key that is made for one device's order. The marks of another order have nothing in common with them, and
no digest can be had back from one. With the key one can ask whether a file that one has stands in the list, and no more: so the
key goes with the marks, and an agent keeps both in memory alone.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from hashlib import blake2b, sha256

from opencets.errors import ActRefused

LENGTHS = (16, 20, 32)
"""Bytes of an MD5, a SHA-1 and a SHA-256."""
KEY_BYTES = 32
MARK_BYTES = 8
MOST = 1_000_000
_FORMAT = b"opencets known files 1\n"
_COUNTS = struct.Struct(">3I")


def read_list(written: bytes) -> bytes:
    """A list, one digest a line in hexadecimal and words behind a ``#``, as sorted bytes; the same list gives the same bytes.

    ActRefused: a line is no MD5, SHA-1 or SHA-256, there is none, or there are more than `MOST`.
    """
    found: dict[int, set[bytes]] = {length: set() for length in LENGTHS}
    for number, line in enumerate(written.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        if word := line.split(b"#")[0].strip():
            try:
                found[len(word) // 2].add(bytes.fromhex(word.decode("ascii")))
            except (ValueError, KeyError):
                raise ActRefused(f"Line {number} of the list is no MD5, SHA-1 or SHA-256 in hexadecimal.") from None
    if not 0 < (count := sum(map(len, found.values()))) <= MOST:
        raise ActRefused(f"The list names {count:,} files; from 1 to {MOST:,} are taken.")
    return _COUNTS.pack(*(len(found[length]) for length in LENGTHS)) + b"".join(
        digest for length in LENGTHS for digest in sorted(found[length])
    )


def digests_of(packed: bytes) -> Iterator[bytes]:
    """The digests of what `read_list` gave."""
    place = _COUNTS.size
    for length, count in zip(LENGTHS, _COUNTS.unpack_from(packed), strict=True):
        for at in range(place, place + length * count, length):
            yield packed[at : at + length]
        place += length * count


def has(packed: bytes, digests: Iterable[bytes]) -> bool:
    """Whether one of these digests stands in what `read_list` gave."""
    wanted, place = set(digests), _COUNTS.size
    for length, count in zip(LENGTHS, _COUNTS.unpack_from(packed), strict=True):
        for digest in (one for one in wanted if len(one) == length):
            if _stands(packed, place, length, count, digest):
                return True
        place += length * count
    return False


def for_device(packed: bytes, key: bytes) -> bytes:
    """What a device gets of a list: the key of its order, and the marks in their order."""
    marks = sorted({_mark(digest, key) for digest in digests_of(packed)})
    return _FORMAT + key + b"".join(marks)


class KnownFiles:
    """What a device got, to be asked. ActRefused: it is none, or not the one whose SHA-256 the order names."""

    def __init__(self, given: bytes, digest: str) -> None:
        if sha256(given).hexdigest() != digest:
            raise ActRefused("The list of known files is not the one that the order names.")
        head = len(_FORMAT) + KEY_BYTES
        if given[: len(_FORMAT)] != _FORMAT or len(given) < head or (len(given) - head) % MARK_BYTES:
            raise ActRefused("This is no list of known files for a device.")
        self.digest, self._key, self._marks = digest, given[len(_FORMAT) : head], given[head:]

    def __len__(self) -> int:
        return len(self._marks) // MARK_BYTES

    def __contains__(self, digest: bytes) -> bool:
        return _stands(self._marks, 0, MARK_BYTES, len(self), _mark(digest, self._key))


def _mark(digest: bytes, key: bytes) -> bytes:
    return blake2b(digest, digest_size=MARK_BYTES, key=key).digest()


def _stands(packed: bytes, place: int, length: int, count: int, wanted: bytes) -> bool:
    """Whether sorted bytes, ``count`` of ``length`` from ``place`` on, have this among them."""

    def at(number: int) -> bytes:
        return packed[place + number * length : place + (number + 1) * length]

    found = bisect_left(range(count), wanted, key=at)
    return found < count and at(found) == wanted

"""256-bit codes: their array form, their text form, and the permuted form the index keeps."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from opencets.errors import SourceRefused, ValueRefused
from opencets.matching.loops import permute

CODE_BYTES = 32
PERMUTATION_SEED = 2_560_031
"""Part of the format on disk: another seed is another index."""

Codes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]


def as_codes(codes: npt.ArrayLike) -> Codes:
    """``codes`` as a contiguous uint8 array of shape (n, 32); raises ValueRefused for any other shape or type."""
    array = np.asarray(codes)
    if array.dtype != np.uint8 or array.ndim != 2 or array.shape[1] != CODE_BYTES:
        raise ValueRefused(
            f"Codes are a uint8 array of shape (n, 32); this is {array.dtype} of shape {array.shape}. "
            "Join 32-byte hashes with numpy.frombuffer(b''.join(hashes), numpy.uint8).reshape(-1, 32)."
        )
    return np.ascontiguousarray(array)


def permuted(codes: Codes) -> Words:
    """The codes as four words each, their bits in a fixed random order: real pictures' bits are skewed side by side.

    For reading only.
    """
    if codes.flags.writeable:
        codes = codes.view()
        codes.flags.writeable = False
    words = np.empty((codes.shape[0], 4), np.uint64)
    permute(codes, _table(), words)
    words.flags.writeable = False
    return words


def permuted_plainly(codes: Codes) -> Words:
    """The plain version of `permuted`, kept as the reference for the tests."""
    bits = np.unpackbits(codes, axis=1, bitorder="little")
    shuffled = np.empty_like(bits)
    shuffled[:, _order()] = bits
    return np.packbits(shuffled, axis=1, bitorder="little").view("<u8").astype(np.uint64)


def near_plainly(
    queries: Codes, codes: Codes, radius: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The plain version of every search: each query against each code; sorted by query, distance, code."""
    queries_found, codes_found, distances = [], [], []
    for number, query in enumerate(queries):
        distance = np.bitwise_count(query ^ codes).sum(axis=1, dtype=np.int64)
        near = np.flatnonzero(distance <= radius)
        near = near[np.lexsort((near, distance[near]))]
        queries_found.append(np.full(near.size, number, np.int64))
        codes_found.append(near)
        distances.append(distance[near])
    empty = [np.empty(0, np.int64)]
    return (
        np.concatenate(queries_found or empty),
        np.concatenate(codes_found or empty),
        np.concatenate(distances or empty),
    )


def read_hex_codes(path: Path) -> Codes:
    """The codes of a text file with one 64-digit hexadecimal hash a line; the position of a code is its line, from 0.

    Raises SourceRefused naming the first line (counted from 1, as editors do) that is anything else; only the end of
    the file may hold empty lines.
    """
    try:
        text = path.read_bytes()
    except OSError as reason:
        raise SourceRefused(f"{path} cannot be read: {reason.strerror}.") from reason
    text = text.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").rstrip() + b"\n"
    if text == b"\n":
        return np.empty((0, CODE_BYTES), np.uint8)
    width = 2 * CODE_BYTES + 1
    if len(text) % width == 0:
        lines = np.frombuffer(text, np.uint8).reshape(-1, width)
        digits = lines[:, :-1]
        letters = digits | 0x20
        regular = ((digits >= 48) & (digits <= 57)) | ((letters >= 97) & (letters <= 102))
        if bool((lines[:, -1] == 10).all()) and bool(regular.all()):
            return np.frombuffer(bytes.fromhex(text.decode("ascii")), np.uint8).reshape(-1, CODE_BYTES)
    for number, line in enumerate(text.split(b"\n"), start=1):
        if len(line) != width - 1 or not all(digit in b"0123456789abcdefABCDEF" for digit in line):
            raise SourceRefused(
                f"{path}, line {number}: a 64-digit hexadecimal hash was expected, found {len(line)} characters "
                f"beginning {line[:16].decode('ascii', 'replace')!r}. Nothing was matched; correct or remove the line."
            )
    raise SourceRefused(f"{path} is not a text file with one 64-digit hexadecimal hash a line.")


@lru_cache(maxsize=1)
def _order() -> npt.NDArray[np.int64]:
    """Where each of the 256 bits goes: a shuffle by a written-out generator, so that no library can change it."""
    order = list(range(256))
    state = PERMUTATION_SEED
    for last in range(255, 0, -1):
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        other = (state >> 33) % (last + 1)
        order[last], order[other] = order[other], order[last]
    return np.array(order, np.int64)


@lru_cache(maxsize=1)
def _table() -> npt.NDArray[np.uint64]:
    table = np.zeros((CODE_BYTES, 256, 4), np.uint64)
    for place in range(CODE_BYTES):
        for bit in range(8):
            target = int(_order()[place * 8 + bit])
            holders = [byte for byte in range(256) if byte >> bit & 1]
            table[place, holders, target >> 6] |= np.uint64(1 << (target & 63))
    table.flags.writeable = False
    return table

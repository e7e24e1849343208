"""Bencoding (BEP 3), as far as answers of trackers and extension messages need it."""

from __future__ import annotations

from typing import Any

DEEPEST = 8


def decode(given: bytes) -> Any:
    """The value at the beginning; what follows it is left. ValueError: it is not bencoded, or nested too deeply."""
    return _decode(given, 0, 0)[0]


def encode(value: Any) -> bytes:
    """Bytes, whole numbers, lists, and tables with keys of bytes in their order."""
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, list):
        return b"l" + b"".join(map(encode, value)) + b"e"
    if isinstance(value, dict):
        return b"d" + b"".join(encode(key) + encode(value[key]) for key in sorted(value)) + b"e"
    raise TypeError(type(value).__name__)


def _decode(given: bytes, at: int, depth: int) -> tuple[Any, int]:
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    kind = given[at : at + 1]
    if kind == b"i":
        end = given.index(b"e", at, at + 24)
        return int(given[at + 1 : end]), end + 1
    if kind == b"l":
        values, at = [], at + 1
        while given[at : at + 1] != b"e":
            value, at = _decode(given, at, depth + 1)
            values.append(value)
        return values, at + 1
    if kind == b"d":
        table, at = {}, at + 1
        while given[at : at + 1] != b"e":
            key, at = _decode(given, at, depth + 1)
            if not isinstance(key, bytes):
                raise ValueError("a key is no text")
            table[key], at = _decode(given, at, depth + 1)
        return table, at + 1
    if kind.isdigit():
        colon = given.index(b":", at, at + 12)
        end = colon + 1 + int(given[at:colon])
        if end > len(given):
            raise ValueError("cut short")
        return given[colon + 1 : end], end
    raise ValueError("not bencoded")

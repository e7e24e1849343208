"""JSON read into frozen tables, strictly: what is not known, lacks or is of another kind is refused with its place.

A name of a field that Python keeps for itself has an underscore behind it here (``from_``) and none in the JSON.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
LONGEST = 8 << 20
"""Characters of one text, at most."""


def read_fields(kind: type[T], given: Any, where: str = "") -> T:
    """``given`` (out of JSON) as ``kind``. ValueError names the place of the first thing that is not as it must be."""
    place = where or kind.__name__
    if not isinstance(given, Mapping):
        raise ValueError(f"{place} is no table")
    known = {one.name.rstrip("_"): one for one in fields(kind)}  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            raise ValueError(f"{place} has “{str(name)[:40]}”, which is not known here")
    for name, one in known.items():
        if name not in given and one.default is MISSING and one.default_factory is MISSING:
            raise ValueError(f"{place} lacks {name}")
    hints = _hints(kind)  # type: ignore[arg-type]
    return kind(
        **{
            known[name].name: _value(hints[known[name].name], value, f"{place}.{name}" if where else name)
            for name, value in given.items()
        }
    )


def said(value: Any) -> Any:
    """A frozen table as JSON takes it; `read_fields` gives the same back."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name.rstrip("_"): said(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, dt.datetime):
        return instant(value)
    if isinstance(value, tuple | list):
        return [said(one) for one in value]
    if isinstance(value, Mapping):
        return {name: said(one) for name, one in value.items()}
    return value


def canonical(value: Any) -> str:
    """The one text that a JSON value has: sorted names, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def instant(moment: dt.datetime) -> str:
    """A moment as every document here writes it: UTC, milliseconds, ``2026-01-31T23:59:59.000Z``."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def moment_of(text: str) -> dt.datetime:
    """The moment of a text with its offset from UTC. ValueError: it is none, or does not say where."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"“{text[:40]}” is no moment, as 2026-01-31T23:59:59.000Z") from None
    if moment.tzinfo is None:
        raise ValueError(f"“{text[:40]}” does not say its offset from UTC")
    try:
        return moment.astimezone(dt.UTC)
    except OverflowError:
        raise ValueError(f"“{text[:40]}” is out of the calendar") from None


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _value(hint: Any, value: Any, where: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _either(get_args(hint), value, where)
    if origin is Literal:
        if value not in get_args(hint) or (isinstance(value, bool) and bool not in map(type, get_args(hint))):
            raise ValueError(f"{where} is one of {', '.join(map(str, get_args(hint)))}, not “{str(value)[:40]}”")
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{where} is no list")
        return tuple(_value(get_args(hint)[0], one, f"{where}[{n}]") for n, one in enumerate(value))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise ValueError(f"{where} is no table")
        of = get_args(hint)[1]
        return {_text(name, where): _value(of, one, f"{where}.{name[:40]}") for name, one in value.items()}
    if is_dataclass(hint) and isinstance(hint, type):
        return read_fields(hint, value, where)
    if hint is dt.datetime:
        return value if isinstance(value, dt.datetime) else moment_of(_text(value, where))
    return _plain(hint, value, where)


def _plain(hint: Any, value: Any, where: str) -> Any:
    if hint is str:
        return _text(value, where)
    if hint is bool:
        if type(value) is not bool:
            raise ValueError(f"{where} is neither true nor false")
        return value
    if hint is int:
        if type(value) is not int or not -(1 << 63) <= value < 1 << 63:
            raise ValueError(f"{where} is no whole number of 64 bits")
        return value
    if hint is float:
        if type(value) not in (int, float) or not math.isfinite(value):
            raise ValueError(f"{where} is no number")
        return value
    raise TypeError(f"{where} has a kind that is not read here: {hint}")


def _either(hints: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and NoneType in hints:
        return None
    (hint,) = (one for one in hints if one is not NoneType)
    return _value(hint, value, where)


def _text(value: Any, where: str) -> str:
    """A text that every part behind can keep: no NUL, no half of a surrogate pair, not endless."""
    if not isinstance(value, str):
        raise ValueError(f"{where} is no text")
    if len(value) > LONGEST:
        raise ValueError(f"{where} is longer than {LONGEST:,} characters")
    if "\0" in value or any("\ud800" <= one <= "\udfff" for one in value if one > "\ud7ff"):
        raise ValueError(f"{where} has characters that no text has")
    return value


def cleaned(text: str, most: int = 4096) -> str:
    """What a program showed, as a text that may be written: NUL and broken surrogates replaced, cut at ``most``."""
    kept = text[:most].replace("\0", "\ufffd")
    return kept.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

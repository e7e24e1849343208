"""Compiling the inner loops, with the result kept between runs wherever a place can be written."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

# numba carries no types; Any here keeps the strict checks on everything that calls the loops
numba: Any = import_module("numba")
_types: Any = import_module("numba.core.types")
_extending: Any = import_module("numba.extending")


def compiled(function: Function) -> Function:
    """``function`` compiled on first call, releasing the interpreter lock, cached on disk.

    The cache goes where Numba finds room: ``NUMBA_CACHE_DIR``, beside the source, or the user's cache folder. On a
    read-only installation without any of them each process compiles anew: slower to start, otherwise the same.
    """
    try:
        loop: Function = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # "no locator available": nowhere to write
        loop = numba.njit(cache=False, nogil=True)(function)
    return loop


def _popcount(typing_context: Any, word: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return _types.uint64(_types.uint64), generate


popcount: Callable[[Any], Any] = _extending.intrinsic(_popcount)
"""How many bits of a 64-bit word are set; one machine instruction, usable only inside compiled loops."""

"""Compiling the inner loops, with the result kept between runs wherever a place can be written.

The intrinsics at the end are machine instructions that NumPy and Numba have no name for. Each works on every processor
that LLVM knows: where one is missing, LLVM puts several in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

# numba carries no types; Any here keeps the strict checks on everything that calls the loops
numba: Any = import_module("numba")
_types: Any = import_module("numba.core.types")
_extending: Any = import_module("numba.extending")
_arrays: Any = import_module("numba.np.arrayobj")
_cgutils: Any = import_module("numba.core.cgutils")
_ir: Any = import_module("llvmlite.ir")

LANES = 32
"""How many signatures `near_lanes` compares at once; an array of them needs as many more entries behind its last."""


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


def _lowest_bit(typing_context: Any, word: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], _ir.Constant(_ir.IntType(1), 1))

    return _types.uint64(_types.uint64), generate


def _place(context: Any, builder: Any, array_type: Any, array: Any, place: Any) -> Any:
    data = _arrays.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [place])


def _prefetch(typing_context: Any, array: Any, place: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte = _ir.IntType(8).as_pointer()
        number = _ir.IntType(32)
        function = builder.module.declare_intrinsic(
            "llvm.prefetch", [byte], _ir.FunctionType(_ir.VoidType(), [byte, number, number, number])
        )
        where = builder.bitcast(_place(context, builder, signature.args[0], *arguments), byte)
        # to be read, likely again, data
        builder.call(function, [where, *(_ir.Constant(number, value) for value in (0, 3, 1))])
        return context.get_dummy_value()

    return _types.none(array, _types.int64), generate


def _near_lanes(typing_context: Any, signatures: Any, place: Any, key: Any, allowed: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = _ir.VectorType(_ir.IntType(16), LANES)
        where = _place(context, builder, signature.args[0], arguments[0], arguments[1])
        # arrays of 16-bit numbers begin anywhere between two of them
        loaded = builder.load(builder.bitcast(where, lanes.as_pointer()), align=2)

        def spread(value: Any) -> Any:
            one = builder.insert_element(_ir.Constant(lanes, _ir.Undefined), value, _ir.Constant(_ir.IntType(32), 0))
            zeros = _ir.Constant(_ir.VectorType(_ir.IntType(32), LANES), None)
            return builder.shuffle_vector(one, _ir.Constant(lanes, _ir.Undefined), zeros)

        count = _cgutils.get_or_insert_function(
            builder.module, _ir.FunctionType(lanes, [lanes]), f"llvm.ctpop.v{LANES}i16"
        )
        bits = builder.call(count, [builder.xor(loaded, spread(arguments[2]))])
        near = builder.icmp_unsigned("<=", bits, spread(arguments[3]))
        return builder.zext(builder.bitcast(near, _ir.IntType(LANES)), _ir.IntType(64))

    return _types.uint64(signatures, _types.int64, _types.uint16, _types.uint16), generate


popcount: Callable[[Any], Any] = _extending.intrinsic(_popcount)
"""How many bits of a 64-bit word are set; one machine instruction, usable only inside compiled loops."""

lowest_bit: Callable[[Any], Any] = _extending.intrinsic(_lowest_bit)
"""The place of the lowest set bit of a 64-bit word that is not nought."""

prefetch: Callable[[Any, Any], Any] = _extending.intrinsic(_prefetch)
"""Asks the processor to fetch an element of a flat array before it is needed."""

near_lanes: Callable[[Any, Any, Any, Any], Any] = _extending.intrinsic(_near_lanes)
"""Which of `LANES` 16-bit signatures from a place on differ from a key in at most so many bits, as a mask."""

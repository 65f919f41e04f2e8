"""Loads, stores and byte compares on raw addresses, as LLVM vectors.

LLVM lowers the vectors to what the processor has (SSE2, AVX2, AVX-512, NEON). An address is
an int64; nothing here checks it. A compare of n bytes reads n bytes: buffers need 64 bytes of
padding. Bit i of a mask stands for the byte at address + i.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from traceql.kernels.decorator import inlined, intrinsic

if TYPE_CHECKING:
    Mask = np.uint64
    Byte = np.uint8 | int

PADDING = 64
"""Readable bytes that every scanned buffer needs beyond its end."""

ZERO = np.uint64(0)
ONE = np.uint64(1)


def _ir() -> Any:
    # Only a kernel that is compiled needs it.
    from llvmlite import ir

    return ir


def _signature(result: str, *arguments: str) -> Any:
    from numba import types

    return getattr(types, result)(*(getattr(types, name) for name in arguments))


def _bytes(width: int) -> Any:
    return _ir().VectorType(_ir().IntType(8), width)


def _vector(builder: Any, address: Any, width: int) -> Any:
    pointer = builder.inttoptr(address, _bytes(width).as_pointer())
    loaded = builder.load(pointer)
    loaded.align = 1
    return loaded


def _splat(builder: Any, byte: Any, width: int) -> Any:
    ir = _ir()
    lane = ir.IntType(32)
    undefined = ir.Constant(_bytes(width), ir.Undefined)
    one = builder.insert_element(undefined, byte, ir.Constant(lane, 0))
    order = ir.Constant(ir.VectorType(lane, width), [0] * width)
    return builder.shuffle_vector(one, undefined, order)


def _mask(builder: Any, compared: Any, width: int) -> Any:
    ir = _ir()
    bits = builder.bitcast(compared, ir.IntType(width))
    return bits if width == 64 else builder.zext(bits, ir.IntType(64))


def _compare_to_byte(operator: str, width: int) -> Callable[[int, Byte], Mask]:
    def typed(_context: Any, _address: Any, _byte: Any) -> Any:
        def lower(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            left = _vector(builder, arguments[0], width)
            right = _splat(builder, arguments[1], width)
            return _mask(builder, builder.icmp_unsigned(operator, left, right), width)

        return _signature("uint64", "int64", "uint8"), lower

    return cast("Callable[[int, Byte], Mask]", intrinsic(typed))


def _load(bits: int, kind: str) -> Callable[[int], Any]:
    def typed(_context: Any, _address: Any) -> Any:
        def lower(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            pointer = builder.inttoptr(arguments[0], _ir().IntType(bits).as_pointer())
            loaded = builder.load(pointer)
            loaded.align = 1
            return loaded

        return _signature(kind, "int64"), lower

    return cast("Callable[[int], Any]", intrinsic(typed))


def _load_item(bits: int) -> Callable[[int, int], Any]:
    def typed(_context: Any, _address: Any, _place: Any) -> Any:
        def lower(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            # LLVM makes vectors of loads that step from one pointer, not of ever new pointers.
            first = builder.inttoptr(arguments[0], _ir().IntType(bits).as_pointer())
            loaded = builder.load(builder.gep(first, [arguments[1]]))
            loaded.align = 1
            widen = builder.zext if bits == 8 else builder.sext
            return loaded if bits == 64 else widen(loaded, _ir().IntType(64))

        return _signature("int64", "int64", "int64"), lower

    return cast("Callable[[int, int], Any]", intrinsic(typed))


def _load_signed(_context: Any, _address: Any) -> Any:
    def lower(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], _ir().IntType(32).as_pointer())
        loaded = builder.load(pointer)
        loaded.align = 1
        return builder.sext(loaded, _ir().IntType(64))

    return _signature("int64", "int64"), lower


equal64 = _compare_to_byte("==", 64)
equal32 = _compare_to_byte("==", 32)
below32 = _compare_to_byte("<", 32)
below64 = _compare_to_byte("<", 64)
load8: Callable[[int], int] = _load(8, "uint8")
load32: Callable[[int], int] = _load(32, "int32")
load64: Callable[[int], Mask] = _load(64, "uint64")
item8: Callable[[int, int], int] = _load_item(8)
item32: Callable[[int, int], int] = _load_item(32)
item64: Callable[[int, int], int] = _load_item(64)
load_int32 = cast("Callable[[int], int]", intrinsic(_load_signed))


def _differ(_context: Any, _left: Any, _right: Any) -> Any:
    def lower(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        left, right = (_vector(builder, address, 32) for address in arguments)
        return _mask(builder, builder.icmp_unsigned("!=", left, right), 32)

    return _signature("uint64", "int64", "int64"), lower


def _copy(_context: Any, _target: Any, _source: Any) -> Any:
    def lower(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        value = _vector(builder, arguments[1], 32)
        pointer = builder.inttoptr(arguments[0], _bytes(32).as_pointer())
        builder.store(value, pointer).align = 1
        return context.get_dummy_value()

    return _signature("void", "int64", "int64"), lower


def _store(bits: int, kind: str) -> Callable[..., None]:
    def typed(_context: Any, _target: Any, _value: Any) -> Any:
        def lower(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            pointer = builder.inttoptr(arguments[0], _ir().IntType(bits).as_pointer())
            builder.store(arguments[1], pointer).align = 1
            return context.get_dummy_value()

        return _signature("void", "int64", kind), lower

    return cast("Callable[..., None]", intrinsic(typed))


def _trailing_zeros(_context: Any, _mask: Any) -> Any:
    def lower(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], _ir().Constant(_ir().IntType(1), 0))

    return _signature("int64", "uint64"), lower


def _leading_zeros(_context: Any, _mask: Any) -> Any:
    def lower(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        zeros = builder.ctlz(arguments[0], _ir().Constant(_ir().IntType(1), 0))
        return builder.sub(_ir().Constant(_ir().IntType(64), 63), zeros)

    return _signature("int64", "uint64"), lower


def _ones(_context: Any, _mask: Any) -> Any:
    def lower(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return _signature("int64", "uint64"), lower


def _signed(_context: Any, _mask: Any) -> Any:
    def lower(_context: Any, _builder: Any, _signature: Any, arguments: Any) -> Any:
        return arguments[0]

    return _signature("int64", "uint64"), lower


signed = cast("Callable[[Mask], int]", intrinsic(_signed))
differ32 = cast("Callable[[int, int], Mask]", intrinsic(_differ))
copy32 = cast("Callable[[int, int], None]", intrinsic(_copy))
store8: Callable[[int, Byte], None] = _store(8, "uint8")
store64: Callable[[int, int], None] = _store(64, "int64")
first_bit = cast("Callable[[Mask], int]", intrinsic(_trailing_zeros))
last_bit = cast("Callable[[Mask], int]", intrinsic(_leading_zeros))
count_bits = cast("Callable[[Mask], int]", intrinsic(_ones))


@inlined
def bits_below(count: int) -> Mask:
    """Give the mask of the lowest `count` bits; all of them from 64 on."""
    if count >= 64:
        return ~ZERO
    return (ONE << np.uint64(count)) - ONE


@inlined
def running_parity(mask: Mask) -> Mask:
    """Give at each bit the parity of the bits up to and with it: on within quotes."""
    mask ^= mask << np.uint64(1)
    mask ^= mask << np.uint64(2)
    mask ^= mask << np.uint64(4)
    mask ^= mask << np.uint64(8)
    mask ^= mask << np.uint64(16)
    mask ^= mask << np.uint64(32)
    return mask


@inlined
def escaped_bytes(backslashes: Mask, carried: Mask) -> tuple[Mask, Mask]:
    """Find the bytes that a backslash before them escapes.

    The method is simdjson's (Langdale, Lemire: Parsing gigabytes of JSON per second, 2019,
    section 3.1.1): a run of backslashes escapes what follows if its length is odd.

    Args:
        backslashes: Where backslashes are.
        carried: 1 if the first byte is escaped by the bytes before, else 0.

    Returns:
        Escaped bytes; then 1 if the byte after the last is escaped, else 0.
    """
    even = np.uint64(0x5555555555555555)
    starts = backslashes & ~carried
    follows = (starts << ONE) | carried
    odd_starts = starts & ~even & ~follows
    even_runs = odd_starts + starts
    overflow = ONE if even_runs < starts else ZERO
    return (even ^ (even_runs << ONE)) & follows, overflow


@inlined
def copy_bytes(target: int, source: int, count: int) -> None:
    """Copy bytes in steps of 32; writes and reads up to 31 bytes more."""
    done = 0
    while done < count:
        copy32(target + done, source + done)
        done += 32


@inlined
def same_bytes(left: int, right: int, count: int) -> bool:
    """Tell whether two ranges hold the same bytes; reads up to 31 bytes more of each."""
    while count >= 32:
        if differ32(left, right) != ZERO:
            return False
        left += 32
        right += 32
        count -= 32
    return count == 0 or (differ32(left, right) & bits_below(count)) == ZERO

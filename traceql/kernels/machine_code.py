"""Machine code of kernels that were compiled once: kept in files, run without numba.

Numba takes half a second to import and to register itself before it runs even a cached kernel.
What it compiled is an object file with one function that takes plain numbers and addresses, so
llvmlite alone can load it. A file serves only the processor, the versions and the sources that
it was made with; one that is damaged, or of another make, is as good as none.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import platform
import struct
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

_MAGIC = b"traceql kernel 1\n"
_FLAGS = 0x0001 | 0x0002 | 0x0100 | 0x0400
"""Of `ndarray.flags.num`: C and Fortran order, aligned, writeable (numpy's ABI)."""
_C_ORDER, _FORTRAN_ORDER, _ALIGNED = 0x0001, 0x0002, 0x0100
_LETTERS = {np.dtype(kind): kind for kind in ("?", "b", "B", "h", "H", "i", "I", "l", "L", "d")}
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1
_DATA_OFFSET = 2 * ctypes.sizeof(ctypes.c_void_p)
"""Where an array object has the address of its data: after reference count and type."""

_ENDED_WELL = (0, -2)
"""Numba's status of a kernel that gave a value, and of one that gave None."""
_WORDS = {"int64": ctypes.c_int64, "uint64": ctypes.c_uint64, "float64": ctypes.c_double}
_FROM_SYSTEM = frozenset(
    "memset memcpy memmove memcmp exp log log2 log10 pow sqrt floor ceil sin cos".split()
)
_NEVER_CALLED = frozenset(
    """NRT_MemInfo_call_dtor NRT_adapt_ndarray_from_python NRT_Free numba_adapt_ndarray
    numba_do_raise numba_gil_ensure numba_gil_release numba_unpickle
    numba_runtime_build_excinfo_struct""".split()
)
"""Beside the kernel its object has an entrance for Python objects; what only that calls.

Of arrays that come from outside a kernel owns none, so it never destroys one; and it frees only
what it allocated, for which it would need more than these.
"""


class Shape(NamedTuple):
    """How a kernel is called and what it gives back."""

    symbol: str
    kind: str | None
    """None, `bool`, or the type of a number; of a tuple, that of all members."""
    members: int | None
    """How many members a tuple has; None: no tuple."""


class Call(NamedTuple):
    """Arguments as machine code takes them."""

    key: tuple[Any, ...]
    """Types: equal for calls that one piece of code serves."""
    words: list[Any]


def describe(arguments: Sequence[Any]) -> Call | None:
    """Flatten arguments: arrays, integers, floats, booleans, and tuples of them; None: others."""
    key: list[Any] = []
    words: list[Any] = []
    return Call(tuple(key), words) if _flatten(arguments, key, words) else None


def _flatten(arguments: Sequence[Any], key: list[Any], words: list[Any]) -> bool:
    for value in arguments:
        kind = type(value)
        if kind is np.ndarray:
            letter, flags = _LETTERS.get(value.dtype), value.flags.num & _FLAGS
            if letter is None or not flags & _ALIGNED:
                return False
            if flags & _C_ORDER:  # then numba does not ask for the other
                flags &= ~_FORTRAN_ORDER
            shape = value.shape
            key.append((letter, len(shape), flags))
            words += (None, None, value.size, value.itemsize, _address(value), *shape)
            words += value.strides
        elif kind is int or kind is np.int64:
            if not _LEAST <= value <= _MOST:
                return False
            key.append(int)
            words.append(int(value))
        elif kind is float or kind is np.float64 or kind is bool:
            key.append(bool if kind is bool else float)
            words.append(value)
        elif isinstance(value, tuple):
            key.append((kind, len(value)))
            if not _flatten(value, key, words):
                return False
        else:
            return False
    return True


def _address_by_interface(array: Any) -> int:
    return cast("int", array.ctypes.data)


def _address_by_layout(array: Any) -> int:
    return ctypes.c_size_t.from_address(id(array) + _DATA_OFFSET).value


def _fastest_address() -> Callable[[Any], int]:
    """Read the address from the array object where that gives the same: 4 times as fast."""
    if sys.implementation.name != "cpython" or hasattr(sys, "gettotalrefcount"):
        return _address_by_interface
    sample = np.arange(3)
    trusted = _address_by_layout(sample) == _address_by_interface(sample)
    return _address_by_layout if trusted else _address_by_interface


_address = _fastest_address()


def _argument_types(key: Sequence[Any]) -> list[Any]:
    kinds: list[Any] = []
    for part in key:
        if part is int:
            kinds.append(ctypes.c_int64)
        elif part is float:
            kinds.append(ctypes.c_double)
        elif part is bool:
            kinds.append(ctypes.c_uint8)
        elif isinstance(part[0], str):
            kinds += [ctypes.c_void_p] * 2 + [ctypes.c_int64] * 2 + [ctypes.c_void_p]
            kinds += [ctypes.c_int64] * (2 * part[1])
    return kinds


def load(name: str, key: Sequence[Any]) -> Callable[[list[Any]], Any] | None:
    """Give kept code as a function of `Call.words`, which releases the GIL; None: there is none.

    The function gives NotImplemented where the code met an error: what it wrote is then
    incomplete, and numba is to run the kernel again and to raise what there is to raise.
    """
    folder = home()
    if folder is None:
        return None
    try:
        content = (folder / _file_name(name, key)).read_bytes()
    except OSError:
        return None
    parsed = _parsed(content)
    return None if parsed is None else _linked(*parsed, key)


def is_kept(names: Iterable[str]) -> bool:
    """Say whether code of each of these kernels is kept, for arguments of whatever types."""
    folder = home()
    if folder is None or not folder.is_dir():
        return False
    return set(names) <= {file.name.partition("-")[0] for file in folder.iterdir()}


def _parsed(content: bytes) -> tuple[Shape, bytes] | None:
    head, check = len(_MAGIC), hashlib.sha256().digest_size
    body = content[head + check :]
    if content[:head] != _MAGIC or content[head : head + check] != hashlib.sha256(body).digest():
        return None
    size = int.from_bytes(body[:4], "little")
    return Shape(*json.loads(body[4 : 4 + size])), body[4 + size :]


def _linked(shape: Shape, code: bytes, key: Sequence[Any]) -> Callable[[list[Any]], Any] | None:
    import llvmlite.binding as llvm

    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target().create_target_machine())
    # Only now, with an engine, does LLVM know the symbols of this process.
    if not _provide(undefined_symbols(code)):
        return None
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    prototype = ctypes.CFUNCTYPE(
        ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *_argument_types(key)
    )
    return _caller(prototype(engine.get_function_address(shape.symbol)), shape, engine)


def _provide(symbols: set[str] | None) -> bool:
    """See that all symbols can be linked: LLVM ends the process over one that cannot."""
    import llvmlite.binding as llvm

    if symbols is None:
        return False
    for symbol in symbols & _NEVER_CALLED:
        if not llvm.address_of_symbol(symbol):
            llvm.add_symbol(symbol, ctypes.cast(_nothing, ctypes.c_void_p).value)
    return all(llvm.address_of_symbol(symbol) for symbol in symbols)


_nothing = ctypes.CFUNCTYPE(None)(lambda: None)
"""Stands in for what is never called."""


def _caller(run: Any, shape: Shape, engine: Any) -> Callable[[list[Any]], Any]:
    """Make the call as numba does: (result, exception, arguments) to a status, 0 for well."""
    word: Any = _WORDS.get(shape.kind or "", ctypes.c_int64)
    room_of = word * (1 if shape.members is None else shape.members)

    def call(words: list[Any], _owner: Any = engine) -> Any:
        room = room_of()
        error = ctypes.c_void_p()
        if run(ctypes.addressof(room), ctypes.addressof(error), *words) not in _ENDED_WELL:
            return NotImplemented
        if shape.kind is None:
            return None
        if shape.members is not None:
            return tuple(room)
        return bool(room[0] & 1) if shape.kind == "bool" else room[0]

    return call


@cache
def _target() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple()


def keep(name: str, key: Sequence[Any], shape: Shape, code: bytes) -> bool:
    """Write code to its file, whole or not at all; say whether it is of the kind that can be kept.

    A folder that cannot be written to is no error: there the kernels stay numba's.
    """
    folder = home()
    needs = undefined_symbols(code)
    if folder is None or needs is None:
        return False
    if not all(s.startswith(("Py", "_Py")) for s in needs - _FROM_SYSTEM - _NEVER_CALLED):
        return False
    facts = json.dumps(shape).encode()
    body = len(facts).to_bytes(4, "little") + facts + code
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=folder, prefix="new-", delete=False) as file:
            file.write(_MAGIC + hashlib.sha256(body).digest() + body)
        Path(file.name).replace(folder / _file_name(name, key))
    return True


def undefined_symbols(code: bytes) -> set[str] | None:
    """Read from a 64-bit ELF object what it needs from elsewhere; None: no such object."""
    if code[:6] != b"\x7fELF\x02\x01":
        return None
    (sections_at,) = struct.unpack_from("<Q", code, 40)
    size, count = struct.unpack_from("<HH", code, 58)
    found: set[str] = set()
    for number in range(count):
        kind, _, _, start, length, texts = struct.unpack_from(
            "<IQQQQI", code, sections_at + number * size + 4
        )
        if kind != 2:  # SHT_SYMTAB
            continue
        (texts_at,) = struct.unpack_from("<Q", code, sections_at + texts * size + 24)
        for place in range(start + 24, start + length, 24):
            name, _, _, section = struct.unpack_from("<IBBH", code, place)
            if section == 0:
                at = texts_at + name
                found.add(code[at : code.index(b"\0", at)].decode())
    return found


def _file_name(name: str, key: Sequence[Any]) -> str:
    parts = [p if isinstance(p, tuple) and isinstance(p[0], str) else _named(p) for p in key]
    return f"{name}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:16]}.code"


def _named(part: Any) -> str:
    kind, *size = part if isinstance(part, tuple) else (part,)
    return f"{kind.__module__}.{kind.__qualname__}{size}"


@cache
def home() -> Path | None:
    """Give the folder of the code that serves this machine and these sources; None: nowhere.

    It lies beside numba's own cache where `NUMBA_CACHE_DIR` says so, else in the user's.
    """
    if platform.system() != "Linux" or platform.machine() not in {"x86_64", "aarch64"}:
        return None
    numba = find_spec("numba")
    if numba is None or numba.origin is None:
        return None
    base = os.environ.get("NUMBA_CACHE_DIR")
    try:
        root = Path(base) if base else _user_cache()
    except RuntimeError:  # nobody's home
        return None
    import llvmlite
    import llvmlite.binding as llvm

    options = [(k, v) for k, v in os.environ.items() if k.startswith("NUMBA_")]
    made_with = [
        str(Path(__file__).parent), sources(), _stamp(Path(numba.origin)),
        _stamp(Path(sys.executable)), sys.version, np.__version__, llvmlite.__version__,
        llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten(),
        sorted(option for option in options if option[0] != "NUMBA_CACHE_DIR"),
    ]  # fmt: skip
    return root / "traceql" / hashlib.sha256(repr(made_with).encode()).hexdigest()[:24]


def _user_cache() -> Path:
    named = os.environ.get("XDG_CACHE_HOME")
    return Path(named) if named else Path.home() / ".cache"


@cache
def sources() -> tuple[tuple[str, int, int], ...]:
    """Name, time and size of every file of this folder."""
    return tuple(_stamp(file) for file in sorted(Path(__file__).parent.glob("*.py")))


def _stamp(file: Path) -> tuple[str, int, int]:
    facts = file.stat()
    return file.name, facts.st_mtime_ns, facts.st_size

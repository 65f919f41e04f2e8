"""Kept machine code: the same answers without numba, and none where it cannot be trusted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np
import pytest
from numba.core.errors import TypingError

from traceql.kernels import machine_code, notice
from traceql.kernels.decorator import _Kernel, bare_kernel, intrinsic, kernel

pytestmark = pytest.mark.skipif(machine_code.home() is None, reason="code is kept on Linux only")


class Pair(NamedTuple):
    numbers: np.ndarray
    factor: int


@kernel
def nothing(values, out):
    for i in range(values.shape[0]):
        out[i] = values[i] * 2


@kernel
def several(values, scale, negate):
    total = 0
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            total += values[i, j]
    return total, -scale if negate else scale


@kernel
def alike(pair, start):
    total = start
    for i in range(pair.numbers.shape[0]):
        total += pair.numbers[i] * pair.factor
    return start, total, pair.numbers.shape[0]


@kernel
def is_large(value):
    return value > 5


@kernel
def half(value):
    return value / 2


@kernel
def unsigned(values):
    return values[0]


@kernel
def divided(values, by):
    return values[0] // by


@kernel
def made(values):
    return values.copy()


@bare_kernel
def calls_another(values):
    return sum_of(values) + 1


@kernel
def sum_of(values):
    total = 0
    for value in values:
        total += value
    return total


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(machine_code, "home", lambda: tmp_path / "code")
    return tmp_path / "code"


def anew(function):
    """Give the kernel as another process would find it."""
    return _Kernel(function.__wrapped__, {})


def answers(function, *arguments):
    """Ask numba, and then the kept code; both answers must be of the same types."""
    first = anew(function)(*arguments)
    again = anew(function)
    second = again(*arguments)
    assert again._made is None, "numba was asked"
    assert type(first) is type(second)
    assert first == second
    return second


def test_results_of_every_kind() -> None:
    integers = np.arange(6)
    assert answers(is_large, 6) is True
    assert answers(is_large, 5) is False
    assert answers(half, 3.0) == 1.5
    assert answers(alike, Pair(integers, 3), 10) == (10, 55, 6)
    assert answers(unsigned, np.array([2**64 - 1], np.uint64)) == 2**64 - 1
    assert answers(sum_of, integers) == 15


@pytest.mark.parametrize("kind", ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "f8"])
def test_arrays_of_every_type_and_layout(kind) -> None:
    values = np.arange(10).astype(kind)
    for shown in (values, values[::2], values[::-1], values[:0]):
        out = np.zeros(len(shown))
        assert answers(nothing, shown, out) is None
        assert out.tolist() == (shown.astype(np.float64) * 2).tolist()


def test_tables_and_read_only_arrays() -> None:
    table = np.arange(12).reshape(3, 4)
    fixed = table.copy()
    fixed.flags.writeable = False
    flat = anew(sum_of)
    for shown in (table, table.T, table[:, ::2], fixed):
        assert flat(np.ascontiguousarray(shown.reshape(-1))) == shown.sum()
    # Several members of different types are numba's to unpack.
    assert anew(several)(table, 1.5, True) == (66, -1.5)


def test_an_error_is_numba_s_to_raise() -> None:
    again = anew(divided)
    assert answers(divided, np.array([7]), 2) == 3
    with pytest.raises(ZeroDivisionError):
        again(np.array([7]), 0)


def test_kernels_that_make_arrays_stay_numba_s(own_folder) -> None:
    assert anew(made)(np.arange(3)).tolist() == [0, 1, 2]
    assert not list(own_folder.glob("*made*"))


def test_what_is_no_plain_value_goes_to_numba() -> None:
    assert anew(half)(np.int32(3)) == 1.5
    assert machine_code.describe([2**63]) is None
    assert machine_code.describe([np.arange(3).astype(">i8")]) is None
    assert machine_code.describe([np.zeros(9, np.uint8)[1:].view(np.int64)]) is None
    with pytest.raises(TypingError):
        anew(half)("three")


def test_which_kernels_are_kept(own_folder) -> None:
    assert not machine_code.is_kept(["scan.scan_events"])
    home = machine_code.home()
    home.mkdir(parents=True, exist_ok=True)
    for name in ("scan.scan_events", "split._split"):
        (home / f"{name}-0123.code").touch()
    assert machine_code.is_kept(["scan.scan_events", "split._split"])
    assert not machine_code.is_kept(["scan.scan_events", "scan.scan"])


def test_a_damaged_file_is_as_good_as_none(own_folder) -> None:
    assert answers(half, 3.0) == 1.5
    (file,) = own_folder.iterdir()
    whole = file.read_bytes()
    for damaged in (b"", whole[:-1], whole[:60], whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:]):
        file.write_bytes(damaged)
        assert anew(half)(5.0) == 2.5
        assert file.read_bytes() == whole, "it was not written anew"


def test_a_folder_that_cannot_be_written(own_folder) -> None:
    own_folder.write_text("in the way")
    assert anew(half)(5.0) == 2.5


def test_symbols_of_an_object(own_folder) -> None:
    assert answers(half, 3.0) == 1.5
    (file,) = own_folder.iterdir()
    _, code = machine_code._parsed(file.read_bytes())
    needed = machine_code.undefined_symbols(code)
    assert "PyEval_SaveThread" in needed
    assert machine_code.undefined_symbols(b"\x7fELF") is None
    assert not machine_code._provide({"no_such_symbol_anywhere"})
    assert not machine_code.keep("x", (), machine_code.Shape("x", None, None), b"MZ")


def test_who_listens_is_told_once_that_kernels_are_compiled(tmp_path, monkeypatch) -> None:
    told = []
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "numba"))
    notice.when_compiling(lambda: told.append("compiling"))
    try:
        anew(half)(3.0)
        anew(half)(4)
        assert told == ["compiling"]
        notice.when_compiling(lambda: told.append("again"))
        anew(half)(5.0)
        assert told == ["compiling"]
    finally:
        notice.when_compiling(None)


def test_an_unknown_operation_is_refused_by_name() -> None:
    @intrinsic
    def typed(_context):
        raise AssertionError("only numba calls this")

    assert callable(typed)


def test_a_process_that_finds_its_kernels_does_without_numba(tmp_path) -> None:
    code = (
        "import sys, numpy as np\n"
        "from traceql.kernels.order import argsort\n"
        "assert argsort(np.array([3, 1, 2])).tolist() == [1, 2, 0]\n"
        "print('numba' in sys.modules)\n"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    root = Path(__file__).parents[2]
    shown = [
        subprocess.run(
            [sys.executable, "-c", code], env=environment, cwd=root, text=True, check=True,
            capture_output=True,
        ).stdout.strip()
        for _ in range(2)
    ]  # fmt: skip
    assert shown == ["True", "False"]

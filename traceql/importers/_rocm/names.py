"""Words of AMD's tools: domains, directions of copies, kernels of the runtime's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from traceql.importers._columns import distinct, picked

if TYPE_CHECKING:
    from collections.abc import Callable


_CATEGORIES = (
    ("HIP_RUNTIME_API", "hip_runtime"),
    ("HIP_COMPILER_API", "hip_compiler"),
    ("HIP_API", "hip_runtime"),
    ("HSA_", "hsa_api"),
    ("MARKER_", "roctx"),
    ("ROCTX", "roctx"),
    ("RCCL_API", "rccl"),
    ("ROCDECODE_API", "rocdecode"),
    ("ROCJPEG_API", "rocjpeg"),
)
_SIDES = {"HOST": "h", "DEVICE": "d", "ARRAY": "a", "PEER": "p"}
_DIRECTION = re.compile(r"(HOST|DEVICE|ARRAY|PEER)_?TO_?(HOST|DEVICE|ARRAY|PEER)")
COPY_NAMES = {
    "htod": "Memcpy HtoD", "dtoh": "Memcpy DtoH", "dtod": "Memcpy DtoD", "htoh": "Memcpy HtoH",
    "htoa": "Memcpy HtoA", "atoh": "Memcpy AtoH", "atoa": "Memcpy AtoA", "atod": "Memcpy AtoD",
    "dtoa": "Memcpy DtoA", "ptop": "Memcpy PtoP",
}  # fmt: skip
HIP_COPY_KINDS = {0: "htoh", 1: "htod", 2: "dtoh", 3: "dtod"}
"""hipMemcpyKind; 4 (default) says nothing."""
_BLIT = "__amd_rocclr_"


def category_of(domain: str | None) -> str | None:
    """Give the category of calls of a domain: hip_runtime, hsa_api, roctx and so on."""
    if not domain:
        return None
    upper = domain.upper()
    for start, category in _CATEGORIES:
        if upper.startswith(start):
            return category
    return domain.lower()


def copy_kind_of(direction: str | None) -> str:
    """Give the kind of a copy from the tool's word: CopyHostToDevice, MEMORY_COPY_HOST_TO_DEVICE.

    Returns:
        htod, dtoh, dtod, htoh …, or unknown.
    """
    found = _DIRECTION.search((direction or "").upper())
    return f"{_SIDES[found[1]]}to{_SIDES[found[2]]}" if found else "unknown"


def blit_of(kernel: str | None) -> str | None:
    """Tell whether a kernel is the runtime's own copy or fill; None: it is the user's."""
    if not kernel or not kernel.startswith(_BLIT):
        return None
    rest = kernel[len(_BLIT) :].lower()
    if "fill" in rest:
        return "fill"
    return "copy" if "copy" in rest else "other"


def without_suffix(kernel: str) -> str:
    """Cut what tools append to names of kernels: ` [clone .kd]`, `(.kd)`, `.kd`; and quotes."""
    name = kernel[1:-1] if len(kernel) > 1 and kernel[0] == kernel[-1] == '"' else kernel
    for end in (" [clone .kd]", "(.kd)", ".kd"):
        if name.endswith(end):
            return name[: -len(end)]
    return name


def worded(column: pa.Array, word: Callable[[Any], str | None]) -> pa.DictionaryArray:
    """Replace each value by a text, called once for each different one."""
    found = distinct([column], len(column))
    words = [word(text) for (text,) in found.keys]
    texts = list(dict.fromkeys(text for text in words if text is not None))
    numbers = {text: number for number, text in enumerate(texts)}
    places = np.array([-1 if text is None else numbers[text] for text in words], np.int64)
    return picked(pa.array(texts, pa.string()), places[found.codes])


def constant(text: str, rows: int) -> pa.DictionaryArray:
    """Give a column of one text."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text]))

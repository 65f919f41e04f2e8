"""Whom to tell that kernels are being compiled; imports nothing, so that anyone may ask early."""

from __future__ import annotations

from collections.abc import Callable

_tell: Callable[[], None] | None = None


def when_compiling(tell: Callable[[], None] | None) -> None:
    """Have `tell` called once, when a kernel is first compiled that nobody kept; None: nobody."""
    global _tell  # noqa: PLW0603  (one process, one listener)
    _tell = tell


def compiling() -> None:
    """Say that a kernel is about to be compiled."""
    global _tell
    tell, _tell = _tell, None
    if tell is not None:
        tell()

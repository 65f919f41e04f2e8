"""Sessions for many texts: one for all that leave and find nothing, a new one for each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from traceql.query.perfetto.session import PerfettoSession

if TYPE_CHECKING:
    from store_builder import BuiltStore, BuiltTrace

_OWN = re.compile(
    r"\b(create\w*|drop|insert|replace\s+into|update|delete|import)\b|(select\s+|,\s*|\.)\*",
    re.IGNORECASE,
)
"""What makes something, and `*`, which shows columns that an earlier text of a session named."""


class Sessions:
    """Gives the session for a text, over the same traces."""

    def __init__(self, store: BuiltStore, traces: Sequence[BuiltTrace], stack: ExitStack) -> None:
        self._store, self._traces, self._stack = store, traces, stack
        self._shared: PerfettoSession | None = None

    @contextmanager
    def of(self, sql: str) -> Iterator[PerfettoSession]:
        """Give a session in which nothing that the text makes is there."""
        if _OWN.search(sql):
            with PerfettoSession(self._traces, store=self._store) as session:
                yield session
            return
        if self._shared is None:
            self._shared = self._stack.enter_context(
                PerfettoSession(self._traces, store=self._store)
            )
        yield self._shared

"""Every error TraceQL raises on purpose, and the exit code each one carries.

    TraceQLError                     exit 70: a bug of ours, when raised bare
    ├─ InputError               2    the file or the command line is wrong
    │  ├─ UnknownFormat              no importer recognises the file
    │  ├─ AmbiguousFormat            two importers are sure
    │  ├─ UnsupportedVersion         right tool, a version we cannot read
    │  ├─ CorruptTrace               damaged beyond what can be imported
    │  ├─ MissingTool                another program is needed
    │  └─ MissingExtra               an optional dependency is needed
    ├─ StoreError               3    the store cannot be read or written
    │  ├─ StoreNotFound · StoreBusy · StoreFull · SchemaMismatch · TraceNotFound
    ├─ QueryError               4    the SQL is wrong, refused, or too large
    │  ├─ SqlError · UnknownName · StatementRefused · LimitReached
    └─ AnalysisError            5    an analysis cannot run as asked
       ├─ UnknownAnalysis · BadParameter · WorkerFailed

A class takes facts and writes its own sentence: what happened, where, what to do.
Other codes: 0 ok, 1 a gate failed (`--fail-on`), 6 some inputs of many failed, 130 interrupted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


class TraceQLError(Exception):
    """Base of all errors raised on purpose."""

    exit_code: int = 70

    def __reduce__(self) -> tuple[Any, ...]:
        """Cross to another process: constructors take facts, pickle alone knows the sentence."""
        return _rebuilt, (type(self), str(self), self.__dict__.copy())


def _rebuilt(kind: type[TraceQLError], sentence: str, facts: Mapping[str, Any]) -> TraceQLError:
    error = kind.__new__(kind, sentence)
    error.__dict__.update(facts)
    return error


class InputError(TraceQLError):
    """The input file or the command line cannot be used."""

    exit_code = 2


class UnknownFormat(InputError):
    """No importer recognises the file."""

    def __init__(self, path: Path | str, reason: str = "", known: Sequence[str] = ()) -> None:
        self.path, self.reason, self.known = path, reason, tuple(known)
        why = f": {reason}" if reason else ""
        formats = f"; known formats: {', '.join(known)}" if known else ""
        super().__init__(
            f"{path}: not a trace that TraceQL can read{why} (byte 0){formats}. "
            "Name the format with --as, or see `traceql list formats`."
        )


class AmbiguousFormat(InputError):
    """Two importers are sure that the file is theirs."""

    def __init__(self, path: Path | str, names: Sequence[str]) -> None:
        self.path, self.names = path, tuple(names)
        super().__init__(f"{path}: could be {' or '.join(names)}. Choose one with --as {names[0]}.")


class UnsupportedVersion(InputError):
    """The tool is known, this version of its file is not."""

    def __init__(self, path: Path | str, found: str, supported: str) -> None:
        self.path, self.found, self.supported = path, found, supported
        super().__init__(f"{path}: version {found} is not supported (supported: {supported}).")


class CorruptTrace(InputError):
    """The file is damaged beyond what can be imported.

    `offset` counts bytes of the decompressed content.
    """

    def __init__(self, path: Path | str, offset: int, cause: str) -> None:
        # A cause may quote what the damaged file says.
        cause = "".join(c if c.isprintable() else " " for c in cause)
        self.path, self.offset, self.cause = path, offset, cause
        super().__init__(f"{path}: {cause} (byte {offset}).")


class MissingTool(InputError):
    """Another program must be installed to read this file."""

    def __init__(self, tool: str, purpose: str, hint: str) -> None:
        self.tool, self.purpose, self.hint = tool, purpose, hint
        super().__init__(f"`{tool}` is needed {purpose} and is not on the PATH. {hint}")


class MissingExtra(InputError):
    """An optional dependency is not installed."""

    def __init__(self, extra: str, purpose: str) -> None:
        self.extra, self.purpose = extra, purpose
        super().__init__(f"{purpose} needs an optional part: pip install 'traceql[{extra}]'")


class StoreError(TraceQLError):
    """The store cannot be read or written."""

    exit_code = 3


class StoreNotFound(StoreError):
    """There is no store at the path."""

    def __init__(self, path: Path | str) -> None:
        self.path = path
        super().__init__(
            f"{path}: no store here. Make one with `traceql ingest FILE --store {path}`, "
            "or name another with --store."
        )


class TraceNotFound(StoreError):
    """No trace of the store has that name or id."""

    def __init__(self, name: str, close_matches: Iterable[str] = ()) -> None:
        self.name, self.close_matches = name, tuple(close_matches)
        hint = f" Did you mean {', '.join(self.close_matches)}?" if self.close_matches else ""
        super().__init__(f"no trace named {name!r} in this store.{hint} See `traceql list traces`.")


class StoreBusy(StoreError):
    """Another process holds the store's lock."""

    def __init__(self, path: Path | str, seconds: float) -> None:
        self.path, self.seconds = path, seconds
        super().__init__(
            f"{path}: another process has held the store's lock for {seconds:.0f} s. "
            "Try again when it has ended."
        )


class StoreFull(StoreError):
    """The disk is full, or too full for what is asked."""

    def __init__(self, path: Path | str, needed_bytes: int | None, free_bytes: int | None) -> None:
        self.path, self.needed_bytes, self.free_bytes = path, needed_bytes, free_bytes
        facts = ""
        if needed_bytes is not None and free_bytes is not None:
            facts = f": about {needed_bytes / 1e6:.0f} MB needed, {free_bytes / 1e6:.0f} MB free"
        super().__init__(
            f"{path}: not enough disk space{facts}. Free some, or choose another --store."
        )


class SchemaMismatch(StoreError):
    """A trace was written by an incompatible version."""

    def __init__(self, path: Path | str, found: str, expected: str) -> None:
        self.path, self.found, self.expected = path, found, expected
        super().__init__(
            f"{path}: written with schema {found}, this version reads {expected}. "
            "Run `traceql store migrate`, or ingest the source again."
        )


class QueryError(TraceQLError):
    """A query is wrong, refused, or too large."""

    exit_code = 4


class SqlError(QueryError):
    """The engine refused the SQL; line and column count from 1 (0: unknown)."""

    def __init__(self, message: str, line: int = 0, column: int = 0, near: str = "") -> None:
        self.message, self.line, self.column, self.near = message, line, column, near
        place = f"line {line}, column {column}: " if line else ""
        shown = f"\n{near}" if near else ""
        super().__init__(f"{place}{message}{shown}")


class UnknownName(QueryError):
    """A table, column, function or module does not exist."""

    def __init__(
        self,
        name: str,
        close_matches: Iterable[str] = (),
        *,
        kind: str = "name",
        line: int = 0,
        column: int = 0,
        near: str = "",
    ) -> None:
        self.name, self.close_matches, self.kind = name, tuple(close_matches), kind
        self.line, self.column, self.near = line, column, near
        place = f"line {line}, column {column}: " if line else ""
        hint = f" Did you mean {', '.join(self.close_matches)}?" if self.close_matches else ""
        shown = f"\n{near}" if near else ""
        super().__init__(f"{place}no {kind} named {name!r}.{hint}{shown}")


class StatementRefused(QueryError):
    """The statement would read or write outside the store, or change the session."""

    def __init__(self, statement: str, reason: str) -> None:
        self.statement, self.reason = statement, reason
        super().__init__(
            f"refused: {statement} {reason}. A query may read this store's tables and nothing else."
        )


class LimitReached(QueryError):
    """The query hit the memory or time limit."""

    def __init__(self, limit: str, value: str, hint: str) -> None:
        self.limit, self.value = limit, value
        super().__init__(f"the query reached its {limit} limit ({value}). {hint}")


class AnalysisError(TraceQLError):
    """An analysis cannot run as asked."""

    exit_code = 5


class UnknownAnalysis(AnalysisError):
    """No analysis has that name."""

    def __init__(self, name: str, close_matches: Iterable[str] = ()) -> None:
        self.name, self.close_matches = name, tuple(close_matches)
        hint = f" Did you mean {', '.join(self.close_matches)}?" if self.close_matches else ""
        super().__init__(f"no analysis named {name!r}.{hint} See `traceql list analyses`.")


class BadParameter(AnalysisError):
    """A parameter of an analysis has a wrong name or value."""

    def __init__(self, analysis: str, parameter: str, reason: str) -> None:
        self.analysis, self.parameter, self.reason = analysis, parameter, reason
        super().__init__(f"{analysis}: --set {parameter}: {reason}.")


class WorkerFailed(AnalysisError):
    """One trace of many failed in a worker process."""

    def __init__(self, trace: str, cause: str) -> None:
        self.trace, self.cause = trace, cause
        super().__init__(f"{trace}: {cause}")

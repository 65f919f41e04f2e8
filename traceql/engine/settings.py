"""Parameters of analyses and options of importers: from the texts of `--set` to their fields."""

from __future__ import annotations

import dataclasses
import difflib
import types
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from traceql.errors import BadParameter, InputError

_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def build(classes: Mapping[str, type], given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Make an instance of each analysis with the given parameters.

    A key is the name of a field (it goes to every analysis that has it) or `analysis.field`. A
    text is read as the field's type; other values are taken as they are.

    Args:
        classes: analysis name to its class.
        given: parameter to value.

    Raises:
        BadParameter: no analysis has the parameter, or the value does not fit.
    """
    values: dict[str, dict[str, Any]] = {name: {} for name in classes}
    for key, value in (given or {}).items():
        takers = _takers(classes, key)
        if not takers:
            raise _unknown(classes, key)
        for name, field in takers:
            try:
                values[name][field] = _read(_hints(classes[name])[field], value)
            except ValueError as error:
                raise BadParameter(name, field, str(error)) from error
    built = {}
    for name, plugin in classes.items():
        try:
            built[name] = plugin(**values[name])
        except ValueError as error:
            raise BadParameter(name, ", ".join(values[name]), str(error)) from error
    return built


def fields(plugin: type) -> dict[str, Any]:
    """Give the parameters of an analysis with their defaults."""
    return {f.name: f.default for f in _fields(plugin)}


def parse(settings: Sequence[str]) -> dict[str, str]:
    """Split `key=value` texts.

    Raises:
        BadParameter: there is no equals sign.
    """
    found = {}
    for text in settings:
        key, sign, value = text.partition("=")
        if not sign:
            raise BadParameter("analyze", text, "write name=value")
        found[key.strip()] = value.strip()
    return found


def of_importer(name: str, importer: type, given: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Make an importer with the given options.

    Args:
        name: of the importer.
        importer: its class.
        given: `field` to value: it must have it; `importer.field`: meant for that importer alone.
            A text is read as the field's type.

    Returns:
        The importer, and its options that were given: field to value, sorted.

    Raises:
        InputError: the importer has no such option, or the value does not fit.
    """
    if not given:
        return importer(), {}
    hints = _hints(importer)
    known = [field.name for field in _fields(importer)]
    found = {}
    for key, value in given.items():
        meant, _, field = key.rpartition(".")
        if meant and meant != name:
            continue
        if field not in known:
            offer = f"it has {', '.join(known)}" if known else "it has none"
            raise InputError(f"the importer {name} has no option {field!r}; {offer}.")
        try:
            found[field] = _read(hints[field], value)
        except ValueError as error:
            raise InputError(f"option {field} of the importer {name}: {error}.") from error
    try:
        return importer(**found), dict(sorted(found.items()))
    except (TypeError, ValueError) as error:
        raise InputError(f"options of the importer {name}: {error}.") from error


def check_importers(importers: Mapping[str, type], given: Mapping[str, Any]) -> None:
    """See before the work that every option is one of an importer that may be asked.

    Args:
        importers: name to class of those that may read the files.
        given: as of `of_importer`.

    Raises:
        InputError: none has it; the message names the options there are. Or a value fits none.
    """
    for key, value in given.items():
        takers = _takers(importers, key)
        if not takers:
            known = [f"{name}.{field.name}" for name, plugin in importers.items()
                     for field in _fields(plugin)]  # fmt: skip
            offer = f"the options are {', '.join(known)}" if known else "there are none"
            close = difflib.get_close_matches(key, [*known, *(k.split(".")[-1] for k in known)])
            hint = f" Did you mean {', '.join(close)}?" if close else ""
            raise InputError(f"no importer has the option {key!r}; {offer}.{hint}")
        for name, field in takers:
            of_importer(name, importers[name], {field: value})


def _fields(plugin: type) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(plugin)


def _hints(plugin: type) -> dict[str, Any]:
    return get_type_hints(plugin)


def _takers(classes: Mapping[str, type], key: str) -> list[tuple[str, str]]:
    analysis, _, field = key.rpartition(".")
    names = [analysis] if analysis else list(classes)
    return [
        (name, field)
        for name in names
        if name in classes and field in {f.name for f in _fields(classes[name])}
    ]


def _unknown(classes: Mapping[str, type], key: str) -> BadParameter:
    known = sorted({f.name for plugin in classes.values() for f in _fields(plugin)})
    close = difflib.get_close_matches(key.rpartition(".")[2], known, n=3)
    hint = f"; did you mean {', '.join(close)}?" if close else ""
    return BadParameter(
        ", ".join(classes), key, f"there is no such parameter (there are: {', '.join(known)}){hint}"
    )


def _read(hint: Any, value: Any) -> Any:
    """Read a text as the type of the field; `hint` may be a Literal or an optional type.

    Raises:
        ValueError: it is none; the message says what would be.
    """
    if not isinstance(value, str):
        return value
    origin = get_origin(hint)
    if origin in {Union, types.UnionType}:
        if value.lower() == "none" and type(None) in get_args(hint):
            return None
        hint = next(kind for kind in get_args(hint) if kind is not type(None))
        origin = get_origin(hint)
    if origin is Literal:
        if value in get_args(hint):
            return value
        raise ValueError(f"{value!r} is not one of {', '.join(get_args(hint))}")
    try:
        return _TRUTH[value.lower()] if hint is bool else hint(value)
    except (KeyError, ValueError) as error:
        kind = {bool: "true or false", int: "an integer", float: "a number"}.get(hint, "a value")
        raise ValueError(f"{value!r} is not {kind}") from error

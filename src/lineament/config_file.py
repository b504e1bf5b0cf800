"""Configurations from TOML files: the tables are the frozen dataclasses, and nothing else is accepted."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

from lineament.errors import ConfigError, LineamentError
from lineament.files import bounded_content
from lineament.foreign import reason_of
from lineament.ranges import check_number

MAX_BYTES = 10**7
T = TypeVar("T")

RENAMED: Mapping[str, Mapping[str, str]] = {
    "AugmentConfig": {
        **{f"{name}_share": f"{name}_probability" for name in ("tight", "occluder", "grey", "blur", "noise")},
        **{f"{name}_share": f"{name}_probability" for name in ("jpeg", "border", "part")},
        "most_roll": "max_roll",
    },
    "BuildRecipe": {"turned": "rotated"},
    "CompositeConfig": {"seen": "visible"},
    "DetectorTrainConfig": {"canvases": "mosaics", "turned": "turn_probability"},
    "EditedOptions": {"share": "probability"},
    "LoopConfig": {"average": "ema_decay", "clip": "max_grad_norm"},
    "OccludedOptions": {"share": "probability"},
    "PhotoOptions": {"most_residual": "max_residual", "least_face": "min_face"},
    "RotatedOptions": {"most_yaw_deg": "max_yaw_deg"},
    "SynergyConfig": {"reverse": "landmarks_to_3dmm"},
    "SynergyLossConfig": {"reverse": "landmarks_to_3dmm"},
    "SynergyTrainConfig": {"whitening_crops": "standardisation_crops"},
}
"""By dataclass, the keys of before December 2026 and what they are called now."""


def read_config(path: Path, kind: type[T], *, changes: Iterable[str] = ()) -> T:
    """The configuration of a file.

    Args:
        path: TOML; what it leaves out keeps its default.
        kind: a dataclass whose fields are numbers, strings, tuples and further dataclasses.
        changes: such as "loop.steps=100", TOML values that replace those of the file.

    Raises:
        ConfigError: the file is missing or no TOML, or a key or value does not fit; the message names it.
    """
    return from_table(kind, read_table(path, changes=changes), where=path.name)


def read_table(path: Path, *, changes: Iterable[str] = ()) -> dict[str, Any]:
    """The tables of a TOML file, some values replaced.

    Args:
        path: the file.
        changes: such as "loop.steps=100".

    Raises:
        ConfigError: the file is missing or no TOML, or a change cannot be made.
    """
    try:
        table = tomllib.loads(bounded_content(path, MAX_BYTES).decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"The configuration {path} cannot be read: {error.strerror}.") from error
    except LineamentError:
        raise
    except Exception as error:
        raise ConfigError(f"{path} is no TOML file: {reason_of(error)}.") from error
    for change in changes:
        _apply(table, change)
    return table


def from_table(
    kind: type[T],
    table: Mapping[str, Any],
    *,
    where: str = "the configuration",
    base: T | None = None,
    former: bool = False,
) -> T:
    """A dataclass from a table of its fields, nested ones from nested tables.

    Args:
        kind: the dataclass.
        table: what is left out keeps the value of `base`, or the field's default.
        where: what errors call the table.
        base: to change; so a part of a preset may be given alone.
        former: take keys by their former names too (:data:`RENAMED`), as run folders have them.

    Raises:
        ConfigError: a key that the dataclass does not have, or a value of another type than the field's.
    """
    if former:
        table = with_present_keys(kind, table)
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key in table:
        if key not in fields:
            if new := RENAMED.get(kind.__name__, {}).get(key):
                raise ConfigError(f"{where} has a key {key!r}, which is called {new!r} now: rename it.")
            near = difflib.get_close_matches(key, fields, n=1)
            advice = f"Did you mean {near[0]!r}?" if near else f"Known are {', '.join(sorted(fields))}."
            raise ConfigError(f"{where} has a key {key!r} that {kind.__name__} does not know. {advice}")
    hints = typing.get_type_hints(kind)
    values = {}
    for key, value in table.items():
        present = _default(fields[key]) if base is None else getattr(base, key)
        values[key] = _value(hints[key], value, f"{where}: {key}", present)
        check_number(key, values[key], where=f"{where}: {key}")
    return kind(**values) if base is None else dataclasses.replace(base, **values)  # type: ignore[type-var]


def with_present_keys(kind: type[Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """The table of a dataclass with the present names of its keys, nested tables included."""
    hints = typing.get_type_hints(kind)
    names = RENAMED.get(kind.__name__, {})
    present = {}
    for key, value in table.items():
        name = key if key in hints else names.get(key, key)
        hint = hints.get(name)
        nested = isinstance(value, Mapping) and dataclasses.is_dataclass(hint)
        present[name] = with_present_keys(typing.cast(type, hint), value) if nested else value
    return present


def _default(field: dataclasses.Field[Any]) -> Any:  # noqa: ANN401 - the field's
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default


def apply_changes(config: T, changes: Iterable[str]) -> T:
    """A configuration with some values replaced.

    Args:
        config: a dataclass.
        changes: such as "landmarks=refined".

    Raises:
        ConfigError: a change cannot be made.
    """
    table: dict[str, Any] = {}
    for change in changes:
        _apply(table, change)
    return from_table(type(config), table, where="--set", base=config)


def _apply(table: dict[str, Any], change: str) -> None:
    """Set one dotted key of a table."""
    key, sign, text = change.partition("=")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except Exception:  # noqa: BLE001 - also a number of thousands of digits, or nested as deeply
        value = text.strip()  # a bare word is meant as a string
    if not sign or not key.strip():
        raise ConfigError(f"{change!r} is no change: write KEY=VALUE, such as loop.steps=100.")
    *parents, last = key.strip().split(".")
    for parent in parents:
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            raise ConfigError(f"{change!r} cannot be set: {parent!r} is no table.")
    table[last] = value


def _value(hint: Any, value: Any, where: str, present: Any = None) -> Any:  # noqa: ANN401
    """A value checked against its hint; `present` is what a nested table changes."""
    if dataclasses.is_dataclass(hint):
        if isinstance(value, Mapping):
            return from_table(typing.cast(type, hint), value, where=where, base=present)
        raise _wrong(where, "a table", value)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return _first_fitting(arguments, value, where)
    if origin is tuple:
        return _tuple(arguments, value, where)
    if origin is Literal:
        if value in arguments:
            return value
        raise _wrong(where, f"one of {', '.join(map(repr, arguments))}", value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and isinstance(value, hint) and (hint is bool or not isinstance(value, bool)):
        return value
    raise _wrong(where, getattr(hint, "__name__", str(hint)), value)


def _first_fitting(hints: tuple[Any, ...], value: Any, where: str) -> Any:  # noqa: ANN401
    if value is None and type(None) in hints:
        return None
    hints = tuple(hint for hint in hints if hint is not type(None))
    for hint in hints[:-1]:
        try:
            return _value(hint, value, where)
        except ConfigError:
            continue
    return _value(hints[-1], value, where)


def _tuple(hints: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:  # noqa: ANN401
    if not isinstance(value, list | tuple):
        raise _wrong(where, "a list", value)
    if len(hints) == 2 and hints[1] is Ellipsis:
        hints = (hints[0],) * len(value)
    if len(hints) != len(value):
        raise _wrong(where, f"a list of {len(hints)}", value)
    return tuple(_value(hint, one, where) for hint, one in zip(hints, value))


def _wrong(where: str, expected: str, value: Any) -> ConfigError:  # noqa: ANN401
    return ConfigError(f"{where} must be {expected}, found {value!r}.")

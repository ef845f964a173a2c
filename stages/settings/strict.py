"""Plain mappings -> frozen dataclasses: no key unknown, none missing, every type exact."""

import math
import types
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


class ParamsError(ValueError):
    """One bad entry of `params.yaml`: its key, what was found, what was expected, the remedy."""

    def __init__(self, key: str, found: object, expected: str, remedy: str):
        self.key = key
        super().__init__(f"params.yaml: {key}: found {_show(found)}, expected {expected}; {remedy}")


class Absent:
    """Stands for a key that is not there."""

    def __repr__(self) -> str:
        return "nothing"


def _show(found: object) -> str:
    text = repr(found)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _name(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(repr(choice) for choice in get_args(kind))
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(_name(part) for part in get_args(kind))
    if get_origin(kind) in (tuple, list):
        return f"a list of {_name(get_args(kind)[0])}"
    plain = {int: "an integer", float: "a number", bool: "true or false", str: "a string"}
    return plain.get(kind, "null" if kind is type(None) else str(kind))


def _value(kind: Any, found: Any, key: str) -> Any:
    origin, args = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return parse(kind, found, key)
    if origin in (Union, types.UnionType):
        for part in args:
            if part is type(None) and found is None:
                return None
        return _value(next(part for part in args if part is not type(None)), found, key)
    if origin is Literal and isinstance(found, str) and found in args:
        return found
    if origin is tuple and isinstance(found, list):
        if args[-1] is not Ellipsis and len(found) != len(args):
            raise ParamsError(key, found, f"exactly {len(args)} entries", "correct the list")
        return tuple(_value(args[0], entry, f"{key}[{i}]") for i, entry in enumerate(found))
    if origin is dict and isinstance(found, dict):
        return {str(name): _value(args[1], entry, f"{key}.{name}") for name, entry in found.items()}
    # bool is an int to Python; `n_layers: true` must not pass for 1.
    if kind is float and isinstance(found, int | float) and not isinstance(found, bool):
        if math.isfinite(found):
            return float(found)
        raise ParamsError(key, found, "a finite number", "correct the value")
    if kind in (int, str, bool) and type(found) is kind:
        return found
    remedy = "correct the value"
    if kind is float and isinstance(found, str):
        remedy = "YAML reads 1e-3 as text: write 0.001 or 1.0e-3"
    raise ParamsError(key, found, _name(kind), remedy)


def parse(kind: type[T], found: Any, key: str) -> T:
    """Build dataclass `kind` from the mapping `found`, which stands at `key` of `params.yaml`.

    The empty key stands for the whole file. Raises ParamsError for the first entry that is
    unknown, missing or of another type, and for whatever the dataclass's own `check` finds.
    """
    if not isinstance(found, dict):
        raise ParamsError(key, found, "a mapping", "indent its keys below it")
    hints = get_type_hints(kind)
    prefix = f"{key}." if key else ""
    wanted = {field.name: field for field in fields(kind)}
    for name in found:
        if name not in wanted:
            raise ParamsError(
                f"{prefix}{name}", found[name], f"one of {', '.join(wanted)}", "remove or rename it"
            )
    values = {}
    for name, field in wanted.items():
        if name in found:
            values[name] = _value(hints[name], found[name], f"{prefix}{name}")
        elif field.default is MISSING:
            raise ParamsError(
                f"{prefix}{name}",
                Absent(),
                _name(hints[name]),
                "add it (params.yaml has no defaults)",
            )
    parsed = kind(**values)
    if hasattr(parsed, "check"):
        parsed.check(key)
    return parsed


def require(holds: bool, key: str, found: object, expected: str, remedy: str) -> None:
    """Raise ParamsError unless `holds`."""
    if not holds:
        raise ParamsError(key, found, expected, remedy)

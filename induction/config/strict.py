"""Plain mappings -> frozen dataclasses: no key unknown, none missing, every type exact."""

import reprlib
import types
import unicodedata
from dataclasses import MISSING, fields, is_dataclass, replace
from math import isfinite
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from induction.config.names import EXPECTED, SLUG

T = TypeVar("T")

MAX_ENTRIES = 1_000  # of one list or mapping
MAX_SEED = 2**31 - 1  # what NumPy and torch both take


class ParamsError(ValueError):
    """One bad entry of `params.yaml`: its key, what was found, what was expected, the remedy."""

    def __init__(self, key: str, found: object, expected: str, remedy: str):
        self.key = visible(key, 200)
        super().__init__(
            f"params.yaml: {self.key}: found {show(found)}, expected {visible(expected, 400)}; "
            f"{visible(remedy, 200)}"
        )


class Absent:
    """Stands for a key that is not there."""

    def __repr__(self) -> str:
        return "nothing"


class _Short(reprlib.Repr):
    """repr() in bounded time: YAML aliases make small structures whose repr() has no end."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 3, 80, 80

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to spell out integers of more than 4,300 digits.
        return repr(x) if x.bit_length() < 256 else f"an integer of {x.bit_length()} bits"


def show(found: object) -> str:
    """What was found, for a message: one line of at most 80 characters, whatever it is."""
    return visible(_Short().repr(found), 80)


def visible(text: str, most: int | None = None) -> str:
    """`text` on one line, with what does not print spelled out, cut to `most` characters.

    What a stranger wrote reaches terminals and tables: line breaks, escape sequences and bytes
    that are no Unicode must neither act nor hide there.
    """
    cut = text if most is None or len(text) <= most else f"{text[: most - 3]}..."
    if cut.isprintable():
        return cut
    spelled = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
    return visible("".join(spelled), most)


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
        _check_count(found, key)
        return tuple(_value(args[0], entry, f"{key}[{i}]") for i, entry in enumerate(found))
    if origin is dict and isinstance(found, dict) and is_dataclass(args[1]):
        return parse_named(args[1], found, key, least=0)
    if origin is dict and isinstance(found, dict):
        _check_count(found, key)
        return {
            _value(str, name, _dotted(key, name)): _value(args[1], own, _dotted(key, name))
            for name, own in found.items()
        }
    # bool is an int to Python; `n_layers: true` must not pass for 1.
    if kind is float and isinstance(found, int | float) and not isinstance(found, bool):
        return _finite(found, key)
    if kind in (int, str, bool) and type(found) is kind:
        if kind is str:
            _check_text(found, key)
        return found
    remedy = "correct the value"
    if kind is float and isinstance(found, str):
        remedy = "YAML reads 1e-3 as text: write 0.001 or 1.0e-3"
    raise ParamsError(key, found, _name(kind), remedy)


def _finite(found: float, key: str) -> float:
    try:
        number = float(found)
    except OverflowError:  # an integer beyond the largest float
        number = float("inf")
    require(isfinite(number), key, found, "a finite number", "correct the value")
    return number


def _check_text(found: str, key: str) -> None:
    # Line breaks and lone surrogates, which YAML writes as "\n" and "\ud800", stand in no name of
    # a file, a package or a column, and neither paths nor UTF-8 take all of them.
    odd = any(unicodedata.category(c) in ("Cc", "Cs") for c in found)
    require(not odd, key, found, "text without control characters", "remove them")


def _check_count(found: list | dict, key: str) -> None:
    expected = f"at most {MAX_ENTRIES:,} entries, not {len(found):,}"
    require(len(found) <= MAX_ENTRIES, key, found, expected, "split the study")


def _dotted(key: str, name: object) -> str:
    own = name if isinstance(name, str) and name else show(name)
    return f"{key}.{own}" if key else own


def parse(kind: type[T], found: Any, key: str) -> T:
    """Build dataclass `kind` from the mapping `found`, which stands at `key` of `params.yaml`.

    The empty key stands for the whole file. Raises ParamsError for the first entry that is
    unknown, missing or of another type, and for whatever the dataclass's own `check` finds.
    """
    if not isinstance(found, dict):
        raise ParamsError(key, found, "a mapping", "indent its keys below it")
    hints = get_type_hints(kind)
    wanted = {field.name: field for field in fields(kind)}
    for name in found:
        if name not in wanted:
            expected = f"one of {', '.join(wanted)}"
            raise ParamsError(_dotted(key, name), found[name], expected, "remove or rename it")
    values = {}
    for name, field in wanted.items():
        if name in found:
            values[name] = _value(hints[name], found[name], _dotted(key, name))
        elif field.default is MISSING:
            remedy = "add it (params.yaml has no defaults)"
            raise ParamsError(_dotted(key, name), Absent(), _name(hints[name]), remedy)
    parsed = kind(**values)
    if hasattr(parsed, "check"):
        parsed.check(key)
    return parsed


def parse_named(kind: type[T], found: Any, key: str, least: int = 1) -> dict[str, T]:
    """The mapping of at least `least` names at `key`, each as the dataclass `kind`, in the order
    of the file."""
    if not isinstance(found, dict) or len(found) < least:
        expected = f"a mapping of at least {least} name(s)" if least else "a mapping"
        raise ParamsError(key, found, expected, "add one below it")
    _check_count(found, key)
    for name in found:
        require_slug(_dotted(key, name), name)
    return {name: parse(kind, own, _dotted(key, name)) for name, own in found.items()}


def require(holds: bool, key: str, found: object, expected: str, remedy: str) -> None:
    """Raise ParamsError unless `holds`."""
    if not holds:
        raise ParamsError(key, found, expected, remedy)


def changed(base: T, changes: Any, key: str) -> T:
    """`base` with the fields that `changes`, a dataclass of optional ones, gives; checked at `key`.

    Raises ParamsError as `parse` does.
    """
    given = {f.name: getattr(changes, f.name) for f in fields(changes)}
    made = replace(base, **{name: value for name, value in given.items() if value is not None})
    made.check(key)
    return made


def require_slug(key: str, name: object) -> None:
    """Raise ParamsError unless `name` is harmless as a path, a dotted key and an SQL literal."""
    holds = isinstance(name, str) and SLUG.fullmatch(name) is not None
    require(holds, key, name, EXPECTED, "rename it (names become files, keys and DVC stages)")


def require_range(
    owner: object, key: str, names: tuple[str, ...], least: float, most: float, why: str = ""
) -> None:
    """Raise ParamsError unless the numbers `names` of the section at `key` lie within bounds.

    Upper bounds are beyond any study, for the reason `why`: they keep a slip of the keyboard, or
    a stranger's file, from hanging the machine or filling its memory.
    """
    reason = f" ({why})" if why else ""
    for name in names:
        value = getattr(owner, name)
        require(
            least <= value <= most,
            f"{key}.{name}",
            value,
            f"at least {least:,} and at most {most:,}{reason}",
            "correct it",
        )

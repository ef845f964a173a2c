"""Plain mappings -> frozen settings: no key unknown, none missing, every type exact (pydantic)."""

import math
from dataclasses import is_dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, dataclass_transform, get_args, get_origin

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydantic.fields import FieldInfo

from induction.config.errors import ABSENT, ParamsError, require, show
from induction.config.names import EXPECTED, SLUG

T = TypeVar("T")
Location = tuple[int | str, ...]

MAX_ENTRIES = 1_000  # of one list or mapping
RENAME = "rename it (names become files, keys and DVC stages)"


@dataclass_transform(frozen_default=True)
def settings(cls: type[T]) -> type[T]:
    """A frozen dataclass that pydantic validates, on construction and from a mapping.

    Its `__post_init__` checks fields against each other, by `require` with the field's name as
    the key.
    """

    def schema(_: type[T], source: Any, handler: Any) -> Any:
        # pydantic's strict dataclasses take instances alone; their fields stay strict here, but
        # the mappings of a file are let in.
        built = handler(source)
        handler.resolve_ref_schema(built)["strict"] = False
        return built

    config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
    cls.__get_pydantic_core_schema__ = classmethod(schema)  # pyright: ignore
    return dataclass(cls, frozen=True, config=config)


def within(least: float, most: float, why: str | None = None) -> Any:
    """Inclusive bounds of a number.

    Upper bounds are beyond any study, for the reason `why`: they keep a slip of the keyboard, or
    a stranger's file, from hanging the machine or filling its memory.
    """
    return Field(strict=True, ge=least, le=most, description=why)


def _each_once(entries: tuple[T, ...]) -> tuple[T, ...]:
    require(len(set(entries)) == len(entries), "", list(entries), "each once", "drop one")
    return entries


Seed = Annotated[int, within(0, 2**31 - 1, "what NumPy and torch both take")]
Share = Annotated[float, Field(gt=0, lt=1, description="a share")]
# Neither paths nor UTF-8 nor column names take all of what YAML can write as "\n" or "\ud800".
Text = Annotated[str, Field(pattern=r"^\P{Cc}*$", description="text without control characters")]
Slug = Annotated[str, Field(strict=True, pattern=f"^{SLUG.pattern}$", description=EXPECTED)]
# Lists are lax only in that YAML's lists become tuples.
Listed = Annotated[tuple[T, ...], Field(strict=False, max_length=MAX_ENTRIES)]
Distinct = Annotated[
    tuple[T, ...],
    Field(strict=False, min_length=1, max_length=MAX_ENTRIES),
    AfterValidator(_each_once),
]
Pair = Annotated[tuple[T, T], Field(strict=False)]
Named = Annotated[dict[Slug, T], Field(max_length=MAX_ENTRIES)]
NamedOrMore = Annotated[dict[Slug, T], Field(min_length=1, max_length=MAX_ENTRIES)]


def parse(kind: type[T], values: Any, key: str, file: str = "params.yaml") -> T:
    """`values`, which stand at `key` of `file`, as `kind`: settings, or any other type.

    The empty key stands for the whole file. Raises ParamsError for the entry that comes first in
    the file among those that are unknown, missing, of another type or out of bounds.
    """
    try:
        return _adapter(kind).validate_python(values)
    except ValidationError as error:
        faults = error.errors(include_url=False)
    first = min(faults, key=lambda fault: _place(values, fault["loc"]))
    raise _translated(kind, first, key, file)


def parse_named(kind: type[T], values: Any, key: str) -> dict[str, T]:
    """The mapping of names at `key`, each as `kind`, in file order. Raises ParamsError."""
    return parse(Named[kind], values, key)  # pyright: ignore


def changed(base: T, changes: Any, key: str) -> T:
    """`base` with those fields of `changes`, settings with the same names, that are not None.

    Raises ParamsError at `key` as `parse` does.
    """
    given = {name: value for name, value in vars(changes).items() if value is not None}
    return parse(type(base), vars(base) | given, key)


@cache
def _adapter(kind: Any) -> TypeAdapter:
    return TypeAdapter(kind)


def _place(values: Any, location: Location) -> list[float]:
    """Where an entry stands in the file: after its own entries; at the end if it is missing."""
    place: list[float] = []
    for part in location:
        if isinstance(values, dict) and part in values:
            place.append(list(values).index(part))
        elif isinstance(values, list) and isinstance(part, int) and part < len(values):
            place.append(part)
        else:
            break
        values = values[part]
    return [*place, math.inf]


def _declared(kind: Any, location: Location) -> FieldInfo:
    """How the entry at `location` below `kind` is declared, `| None` aside."""
    field = FieldInfo.from_annotation(kind)
    for part in location:
        if is_dataclass(field.annotation):
            field = field.annotation.__pydantic_fields__[part]  # pyright: ignore
        else:
            field = FieldInfo.from_annotation(get_args(field.annotation)[isinstance(part, str)])
        if get_origin(field.annotation) in (Union, UnionType):
            field = FieldInfo.from_annotation(get_args(field.annotation)[0])
    return field


_EXPECTED = {
    "int_type": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a string",
    "string_unicode": "text without control characters",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "dataclass_type": "a mapping",
}
_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def _translated(kind: Any, fault: Any, key: str, file: str) -> ParamsError:
    """pydantic's `fault` in the form of all our errors."""
    what, location, value = fault["type"], fault["loc"], fault["input"]
    context = fault.get("ctx", {})
    if location[-1:] == ("[key]",):
        name = value if isinstance(value, str) and value else show(value)
        return ParamsError(_dotted(key, (*location[:-2], name)), value, EXPECTED, RENAME, file)
    where, remedy = _dotted(key, location), "correct it"
    if isinstance(cause := context.get("error"), ParamsError):
        where = _dotted(where, (cause.key,) if cause.key else ())
        return ParamsError(where, cause.value, cause.expected, cause.remedy, file)
    if what in ("unexpected_keyword_argument", "invalid_key"):
        section: Any = _declared(kind, location[:-1]).annotation
        expected = f"one of {', '.join(section.__pydantic_fields__)}"
        return ParamsError(where, value, expected, "remove or rename it", file)
    field = _declared(kind, location)
    if what == "missing":
        value, remedy = ABSENT, f"add it ({file or 'it'} has no defaults)"
        # What validation says of a value that fits nowhere.
        try:
            TypeAdapter(field.annotation).validate_python(value)
        except ValidationError as error:
            what, context = error.errors()[0]["type"], error.errors()[0].get("ctx", {})
    if what == "float_type" and isinstance(value, int) and not isinstance(value, bool):
        what = "finite_number"  # beyond the largest float
    if what in ("int_type", "float_type") and isinstance(value, str):
        remedy = "write it without quotes, such as 0.001"
    bounds = [
        f"{word} {getattr(bound, name):,}"
        for bound in field.metadata
        for name, word in _BOUNDS.items()
        if hasattr(bound, name)
    ]
    if what in ("greater_than_equal", "greater_than", "less_than_equal", "less_than"):
        expected = " and ".join(bounds) + (f" ({field.description})" if field.description else "")
    elif what == "string_pattern_mismatch":
        expected = field.description or "other text"
    elif what == "literal_error":
        expected = context["expected"]
    elif what == "too_long":
        expected = f"at most {context['max_length']:,} entries, not {len(value):,}"
        remedy = "shorten it"
    elif what == "too_short":
        expected, remedy = "at least one entry", "add one"
    else:
        expected = _EXPECTED.get(what, fault["msg"])
    return ParamsError(where, value, expected, remedy, file)


def _dotted(key: str, location: Location) -> str:
    for part in location:
        part = f"[{part}]" if isinstance(part, int) else part or show(part)
        key += part if part.startswith("[") or not key else f".{part}"
    return key

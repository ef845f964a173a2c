"""Plain mappings -> frozen settings: no key unknown, none missing, every type exact (pydantic)."""

import math
from dataclasses import is_dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, dataclass_transform, get_args, get_origin

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from typing_extensions import TypeForm

from induction.config.errors import ABSENT, ParamsError, require, show
from induction.config.names import A_SLUG, SLUG

T = TypeVar("T")
Location = tuple[Any, ...]  # names and places in lists

MAX_ENTRIES = 1_000  # of one list or mapping
CORRECT = "correct it"
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
    cls.__get_pydantic_core_schema__ = classmethod(schema)  # pyright: ignore[reportAttributeAccessIssue]
    return dataclass(cls, frozen=True, config=config)  # pyright: ignore[reportReturnType]


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
Slug = Annotated[str, Field(strict=True, pattern=f"^{SLUG.pattern}$", description=A_SLUG)]
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


def parse(kind: TypeForm[T], values: Any, key: str, file: str = "params.yaml") -> T:
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
    return parse(Named[kind], values, key)  # pyright: ignore[reportInvalidTypeForm]


def changed(base: T, changes: Any, key: str) -> T:
    """`base` with those fields of `changes`, settings with the same names, that are not None.

    Raises ParamsError at `key` as `parse` does.
    """
    updates = {name: value for name, value in vars(changes).items() if value is not None}
    return parse(type(base), vars(base) | updates, key)


@cache
def _adapter(kind: Any) -> TypeAdapter:
    return TypeAdapter(kind)


def _place(values: Any, location: Location) -> list[float]:
    """Where an entry stands in the file: after its own entries; at the end if it is missing."""
    place = []
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
    """The declaration of the entry at `location` below `kind`, without `| None`."""
    field = FieldInfo.from_annotation(kind)
    for part in location:
        inner: Any = field.annotation
        if is_dataclass(inner):
            field = inner.__pydantic_fields__[part]  # pyright: ignore[reportAttributeAccessIssue]
        else:  # a list, or a mapping of names
            field = FieldInfo.from_annotation(get_args(inner)[-1 if isinstance(part, str) else 0])
        if get_origin(field.annotation) in (Union, UnionType):
            field = FieldInfo.from_annotation(get_args(field.annotation)[0])
    return field


def _translated(kind: Any, fault: ErrorDetails, key: str, file: str) -> ParamsError:
    """pydantic's `fault` in the form of all our errors."""
    location, value, cause = fault["loc"], fault["input"], fault.get("ctx", {}).get("error")
    if location[-1:] == ("[key]",):
        location = (*location[:-2], value if isinstance(value, str) else show(value))
        return ParamsError(_dotted(key, location), value, A_SLUG, RENAME, file)
    if fault["type"] == "string_unicode" and is_dataclass(_declared(kind, location).annotation):
        # A lone surrogate in a name, which pydantic reports at the section.
        fault["type"], fault["loc"] = "invalid_key", (location := (*location, value))
    where = _dotted(key, location)
    if isinstance(cause, ParamsError):
        where = _dotted(where, (cause.key,) if cause.key else ())
        return ParamsError(where, cause.value, cause.expected, cause.remedy, file)
    if fault["type"] == "missing":
        value = ABSENT
        annotation: Any = _declared(kind, location).annotation
        try:
            TypeAdapter(annotation).validate_python(value)  # which fits nowhere
        except ValidationError as error:
            fault = error.errors()[0]
    return ParamsError(where, value, *_expected(kind, fault, value), file)


_KINDS = {
    "int_type": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a string",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "dataclass_type": "a mapping",
    "finite_number": "a finite number",
    "string_unicode": "text without control characters",
}
_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def _expected(kind: Any, fault: ErrorDetails, value: Any) -> tuple[str, str]:
    """What was expected instead of `value`, and the remedy."""
    context = fault.get("ctx", {})
    match fault["type"]:
        case "unexpected_keyword_argument" | "invalid_key":
            section: Any = _declared(kind, fault["loc"][:-1]).annotation
            return f"one of {', '.join(section.__pydantic_fields__)}", "remove or rename it"
        case "too_long":
            expected = f"at most {context['max_length']:,} entries, not {len(value):,}"
            return expected, "shorten it"
        case "too_short":
            return "at least one entry", "add one"
        case "greater_than_equal" | "greater_than" | "less_than_equal" | "less_than":
            field = _declared(kind, fault["loc"])
            expected = " and ".join(
                f"{word} {getattr(bound, name):,}"
                for bound in field.metadata
                for name, word in _BOUNDS.items()
                if hasattr(bound, name)
            )
            return expected + (f" ({field.description})" if field.description else ""), CORRECT
        case "string_pattern_mismatch":
            return _declared(kind, fault["loc"]).description or "another text", CORRECT
        case "literal_error":
            expected = context["expected"]
        case "float_type" if type(value) is int:
            expected = "a finite number"  # the integer is beyond the largest float
        case what:
            expected = _KINDS.get(what, fault["msg"])
    if value is ABSENT:
        return expected, "add it (params.yaml has no defaults)"
    is_quoted = isinstance(value, str) and fault["type"] in ("int_type", "float_type")
    return expected, "write it as a number, such as 0.001" if is_quoted else CORRECT


def _dotted(key: str, location: Location) -> str:
    for part in location:
        part = f"[{part}]" if isinstance(part, int) else part or show(part)
        key += part if part.startswith("[") or not key else f".{part}"
    return key

"""Reading `params.yaml`, one section at a time, so that a stage reads only what it declares."""

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, TypeVar

from induction.config.errors import ABSENT, ParamsError
from induction.config.params_yaml import PARAMS, read_yaml
from induction.config.strict import parse, parse_named, within

T = TypeVar("T")

Size = Annotated[int, within(1, 65_536, "the tables number them in 16 bits")]


class Params:
    """`params.yaml` of the current folder; `keys_read` holds the dotted keys asked for."""

    def __init__(self, path: Path = PARAMS):
        self._values = read_yaml(path)
        self.keys_read: set[str] = set()

    def get(self, key: str) -> Any:
        """The raw value at a dotted key. Raises ParamsError if it is missing."""
        self.keys_read.add(key)
        return self._at(key)

    def has(self, key: str) -> bool:
        """Whether there is an entry at a dotted key; that does not count as reading it."""
        return self.values({key}) != {}

    def _at(self, key: str) -> Any:
        value: Any = self._values
        for part in key.split("."):
            if not isinstance(value, dict) or part not in value:
                raise ParamsError(key, ABSENT, "an entry", "add it (params.yaml has no defaults)")
            value = value[part]
        return value

    def section(self, key: str, kind: type[T]) -> T:
        """The mapping at `key` as the settings class `kind`."""
        return parse(kind, self.get(key), key)

    def sections(self, key: str, kind: type[T]) -> dict[str, T]:
        """The mapping of names at `key`, each as the settings class `kind`, in file order."""
        return parse_named(kind, self.get(key), key)

    def integer(self, key: str) -> int:
        """One of the sizes that `corpus` gives to other stages, which do not read all of it."""
        return parse(Size, self.get(key), key)

    def all(self) -> dict[str, Any]:
        """The whole file."""
        self.keys_read |= set(self._values)
        return self._values

    def values(self, keys: Collection[str]) -> dict[str, Any]:
        """The raw values at these keys, those of `keys_read` for what a stage has read so far.

        A key that is not there is left out: that differs from every value it could have.
        """
        values = {}
        for key in keys:
            with suppress(ParamsError):
                values[key] = self._at(key)
        return values

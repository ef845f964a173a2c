"""Reading `params.yaml`, one section at a time, so that a stage reads only what it declares."""

from pathlib import Path
from typing import Any, TypeVar

import yaml

from stages.files.stage import StageError
from stages.settings.strict import Absent, ParamsError, parse

PARAMS = Path("params.yaml")
T = TypeVar("T")


class Params:
    """`params.yaml` of the current folder; `keys_read` holds the dotted keys asked for."""

    def __init__(self, path: Path = PARAMS):
        try:
            self._values = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise StageError(
                f"{path}: not found in {Path.cwd().name}/; run this from the project's root"
            ) from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            detail = " ".join(str(error).split())
            raise StageError(f"{path}: not readable as YAML: {detail}; mend the syntax") from None
        if not isinstance(self._values, dict):
            raise StageError(f"{path}: expected a mapping of sections, found {self._values!r}")
        self.keys_read: set[str] = set()

    def get(self, key: str) -> Any:
        """The raw value at a dotted key. Raises ParamsError if it is missing."""
        self.keys_read.add(key)
        value: Any = self._values
        for part in key.split("."):
            if not isinstance(value, dict) or part not in value:
                raise ParamsError(key, Absent(), "an entry", "add it (params.yaml has no defaults)")
            value = value[part]
        return value

    def section(self, key: str, kind: type[T]) -> T:
        """The mapping at `key` as the frozen dataclass `kind`."""
        return parse(kind, self.get(key), key)

    def sections(self, key: str, kind: type[T]) -> dict[str, T]:
        """The mapping of names at `key`, each as the frozen dataclass `kind`, in file order."""
        found = self.get(key)
        if not isinstance(found, dict) or not found:
            raise ParamsError(key, found, "a mapping of at least one name", "add one below it")
        return {str(name): parse(kind, own, f"{key}.{name}") for name, own in found.items()}

    def integer(self, key: str) -> int:
        value = self.get(key)
        if type(value) is not int:
            raise ParamsError(key, value, "an integer", "correct the value")
        return value

    def all(self) -> dict[str, Any]:
        """The whole file."""
        return self._values

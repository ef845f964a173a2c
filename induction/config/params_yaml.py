"""YAML as params.yaml needs it: nothing is silently lost, and nothing grows without end."""

import re
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, Event
from ruamel.yaml.nodes import MappingNode, Node
from ruamel.yaml.resolver import VersionedResolver

from induction.config.errors import StageError, show, visible

PARAMS = Path("params.yaml")
# A study of 1,000 cells takes a tenth of the bytes and of the nodes.
MAX_BYTES, MAX_NODES = 1_000_000, 100_000
MAX_DEPTH, MAX_SCALAR = 20, 1_000
STR, MERGE, INT, TIMESTAMP, VALUE = (
    f"tag:yaml.org,2002:{name}" for name in ("str", "merge", "int", "timestamp", "value")
)
DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9_]*)")


class _Resolver(VersionedResolver):
    """YAML 1.2, as DVC reads it, but what readers of YAML disagree about is text: dates, `=`, and
    octal, binary and hexadecimal numbers."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        tag = super().resolve(kind, value, implicit)
        is_odd = tag in (TIMESTAMP, VALUE) or (tag == INT and not DECIMAL.fullmatch(value))
        return self.DEFAULT_SCALAR_TAG if is_odd else tag


class _Composer(Composer):
    """Refuses tags, keys that stand twice, and what grows without end.

    Aliases and merge keys work, but what they repeat is counted: ten lines of them can stand for
    more than fits into memory.
    """

    def __init__(self, loader: Any = None):
        super().__init__(loader)
        self.warn_double_anchors = False
        self.nodes, self.sizes = 0, {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.parser.peek_event()
        tag, value = getattr(event, "ctag", None), getattr(event, "value", "")
        if tag is not None:
            _refuse(event, f"the tag {show(str(tag))}", "a plain value", "remove the tag")
        if len(value) > MAX_SCALAR:
            _refuse(event, show(value), f"at most {MAX_SCALAR:,} characters", "shorten it")
        if self.depth == MAX_DEPTH:
            _refuse(event, "yet a deeper level", f"at most {MAX_DEPTH}", "correct the nesting")
        before = self.nodes
        self._count(event, 1)
        node = super().compose_node(parent, index)
        if not isinstance(event, AliasEvent):
            self.sizes[node] = self.nodes - before
        elif node in self.sizes:
            self._count(event, self.sizes[node])
        else:
            _refuse(event, "an alias of what it stands in", "one of an earlier entry", "remove it")
        if isinstance(node, MappingNode):
            _check_keys(node)
        return node

    def _count(self, event: Event, nodes: int) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            expected = f"at most {MAX_NODES:,}, counting what aliases and << repeat"
            _refuse(event, "yet another entry", expected, "split the study")


def _check_keys(node: MappingNode) -> None:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if key.tag not in (STR, MERGE):
            name = f"the key {show(key.value)}" if key.id == "scalar" else "a list as a key"
            _refuse(key, name, "a name", "if it is one, put it in quotes")
        if key.value in lines:
            again = f"the key {show(key.value)} again, first in line {lines[key.value]}"
            _refuse(key, again, "every key once", "rename or remove one of the two")
        lines[key.value] = key.start_mark.line + 1


def _refuse(at: Node | Event, value: str, expected: str, remedy: str) -> NoReturn:
    line = at.start_mark.line + 1
    raise StageError(f"line {line}: found {value}, expected {expected}; {remedy}")


def _bytes(path: Path) -> bytes:
    try:
        # Opening a named pipe would wait for a writer.
        if path.exists() and not path.is_file():
            raise StageError(f"{path}: found no regular file, expected a text file; replace it")
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise StageError(
            f"{path}: not found in {Path.cwd().name}/; run this from the project's root"
        ) from None
    except OSError as error:
        raise StageError(f"{path}: not readable: {error.strerror}; give read access") from None
    if len(data) > MAX_BYTES:
        raise StageError(f"{path}: found more than {MAX_BYTES:,} bytes; split the study")
    return data


def read_yaml(path: Path = PARAMS) -> dict[str, Any]:
    """The mapping that a YAML file holds. Raises StageError for all else, and if it is missing."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer, yaml.Resolver = _Composer, _Resolver
    data = _bytes(path)
    try:
        values = yaml.load(data.decode("utf-8"))
    except StageError as error:
        raise StageError(f"{path}: {error}") from None
    # Beside its own errors ruamel.yaml lets through those of chr() and int().
    except (YAMLError, ValueError, OverflowError) as error:
        detail = visible(_detail(error), 300)
        raise StageError(f"{path}: not readable as YAML: {detail}; mend the syntax") from None
    if not isinstance(values, dict):
        raise StageError(f"{path}: found {show(values)}, expected a mapping of sections; add them")
    return values


def _detail(error: Exception) -> str:
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark else ""
        return line + " ".join(part for part in (error.context, error.problem) if part)
    return " ".join(str(error).split())

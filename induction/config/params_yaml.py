"""YAML as params.yaml needs it: nothing is silently lost, nothing grows without end."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from induction.config.errors import StageError
from induction.config.strict import show, visible

PARAMS = Path("params.yaml")
# A study of 1,000 cells takes a tenth of the bytes and of the nodes.
MAX_BYTES, MAX_NODES = 1_000_000, 100_000
MAX_DEPTH, MAX_SCALAR = 20, 1_000
STR, MERGE, BOOL, NULL, INT, FLOAT = (
    f"tag:yaml.org,2002:{name}" for name in ("str", "merge", "bool", "null", "int", "float")
)


class _Loader(yaml.SafeLoader):
    """YAML as params.yaml needs it: nothing is silently lost, and nothing grows without end.

    A key that stands twice is an error, not the last of the two. Aliases and merge keys work, but
    what they repeat is counted: ten lines of them can stand for more than fits into memory. Tags,
    dates, octal and base-60 numbers are not known: DVC reads some of them otherwise, and PyYAML
    breaks on others.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in known if tag in (MERGE, BOOL, NULL)]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, text: str, name: str):
        super().__init__(text)
        self.name = name  # PyYAML's own errors name the file by it
        self.depth = self.nodes = 0

    def compose_node(self, parent: Any, index: Any) -> yaml.Node:
        event = self.peek_event()
        value, tag = getattr(event, "value", ""), getattr(event, "tag", None)
        if tag is not None:
            self._refuse(event, f"the tag {show(tag)}", "a plain value", "remove the tag")
        if len(value) > MAX_SCALAR:
            self._refuse(event, show(value), f"at most {MAX_SCALAR:,} characters", "shorten it")
        self._count(event, 1)
        with self._level(event):
            return super().compose_node(parent, index)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge what stands at <<: own entries win over merged ones, earlier ones over later."""
        own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if key.tag not in (STR, MERGE):
                found = f"the key {show(key.value)}" if key.id == "scalar" else "a list as a key"
                self._refuse(key, found, "a name", "if it is one, put it in quotes")
            if key.value in own:
                first = own[key.value][0].start_mark.line + 1
                found = f"the key {show(key.value)} again, first in line {first}"
                self._refuse(key, found, "every key once", "rename or remove one of the two")
            own[key.value] = (key, value)
        _, merge = own.pop("<<", (None, None))
        merged: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        node.value = []  # what an alias to this very mapping merges
        for source in merge.value if isinstance(merge, yaml.SequenceNode) else [merge]:
            if source is None:
                continue
            if not isinstance(source, yaml.MappingNode):
                self._refuse(source, "something else at <<", "a mapping to merge", "correct it")
            with self._level(source):
                self.flatten_mapping(source)
            self._count(source, len(source.value))
            for key, value in source.value:
                merged.setdefault(key.value, (key, value))
        node.value = list((merged | own).values())

    @contextmanager
    def _level(self, at: yaml.Node | yaml.Event) -> Iterator[None]:
        if self.depth == MAX_DEPTH:
            self._refuse(at, "yet a deeper level", f"at most {MAX_DEPTH}", "correct the nesting")
        self.depth += 1
        yield
        self.depth -= 1

    def _count(self, at: yaml.Node | yaml.Event, nodes: int) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            expected = f"at most {MAX_NODES:,}, counting what << repeats"
            self._refuse(at, "yet another entry", expected, "split the study")

    def _refuse(self, at: yaml.Node | yaml.Event, found: str, expected: str, remedy: str) -> None:
        line = at.start_mark.line + 1
        raise StageError(f"{self.name}: line {line}: found {found}, expected {expected}; {remedy}")


_Loader.add_implicit_resolver(INT, re.compile(r"[-+]?(0|[1-9][0-9_]*)\Z"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    FLOAT,
    re.compile(
        r"([-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+][0-9]+)?|\.[0-9][0-9_]*([eE][-+][0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z"
    ),
    list("-+0123456789."),
)


def _text(path: Path) -> str:
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
    return data.decode("utf-8")


def read_yaml(path: Path = PARAMS) -> dict:
    """The mapping that a YAML file holds. Raises StageError for all else, and if it is missing."""
    try:
        found = _Loader(_text(path), str(path)).get_single_data()
    # Beside its own errors PyYAML lets through those of chr() and int().
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        detail = visible(" ".join(str(error).split()), 300)
        raise StageError(f"{path}: not readable as YAML: {detail}; mend the syntax") from None
    if not isinstance(found, dict):
        raise StageError(f"{path}: found {show(found)}, expected a mapping of sections; write them")
    return found

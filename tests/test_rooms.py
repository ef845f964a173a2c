"""The rooms of the library: imports point one way, and nothing private leaves its module."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

# From the bottom; a module imports from its room and from those before it.
ROOMS = (
    "config",
    "tables",
    "text",
    "models",
    "interp",
    "stats",
    "claims",
    "pipeline",
    "report",
    "cli",
)
MODULES = {
    ".".join(path.with_suffix("").parts).removesuffix(".__init__"): path
    for folder in ("induction", "stages")
    for path in sorted(Path(folder).rglob("*.py"))
}
# Rooms that compute: they open no file, and print nothing.
PURE = ("interp", "stats", "claims")
READS_OR_PRINTS = ("open", "print", "input")


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of everything of ours that a file imports; the name is empty for a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in MODULES:
                    yield alias.name, ""
        elif isinstance(node, ast.ImportFrom) and str(node.module).startswith(
            ("induction", "stages")
        ):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield (inner, "") if inner in MODULES else (str(node.module), alias.name)


def room(module: str) -> str:
    return module.split(".")[1] if module.startswith("induction.") else ""


def test_every_folder_is_a_room():
    folders = {path.name for path in Path("induction").iterdir() if path.is_dir()}
    assert folders - {"__pycache__"} == {*ROOMS, "sql"}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_point_down(name):
    for module, _ in imports(MODULES[name]):
        if name.startswith("stages."):
            assert not module.startswith("stages.") and room(module) != "cli", module
        elif room(name):
            assert not module.startswith("stages."), module
            assert not room(module) or ROOMS.index(room(module)) <= ROOMS.index(room(name)), module


def test_no_import_is_circular():
    graph = {name: {module for module, _ in imports(path)} for name, path in MODULES.items()}
    assert len(list(TopologicalSorter(graph).static_order())) >= len(MODULES)


def test_nothing_private_is_imported():
    for name, path in MODULES.items():
        private = [imported for _, imported in imports(path) if imported.startswith("_")]
        assert not private, (name, private)


@pytest.mark.parametrize("name", sorted(name for name in MODULES if room(name) in PURE))
def test_rooms_that_compute_read_nothing_and_print_nothing(name):
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in READS_OR_PRINTS
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            modules = [str(node.module)]
        assert not {module.split(".")[0] for module in modules} & {"os", "pathlib", "sys", "dvc"}

"""The stages of `stages/`, by what their modules declare: PER, INPUTS, OUTPUTS and PARAMS.

Everything that has to know the pipeline derives from these: dvc.yaml, the views of `induction
query`, `induction verify`, and what a stage may read and write when it runs.
"""

import ast
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from induction.pipeline.artifacts import (
    DIGESTS,
    OF_CELLS,
    Artifact,
    File,
    Input,
    OfEveryCorpus,
    OnSameTokens,
    Output,
    Per,
)
from induction.tables.contract import Table

STAGES = Path("stages")
NAMES = ("PER", "INPUTS", "OUTPUTS", "PARAMS")
# The only modules whose names a declaration may use. They import quickly.
SOURCES = ("induction.tables", "induction.pipeline.artifacts", "induction.report.plots")


@dataclass(frozen=True)
class Stage:
    """One module of `stages/`; `about` is the first line of its docstring."""

    name: str
    about: str
    per: Per
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    params: tuple[str, ...]

    @property
    def is_of_cell(self) -> bool:
        """Whether it runs for one cell at a time."""
        return self.per in OF_CELLS

    @property
    def option(self) -> str:
        """The option of its command that names the instance."""
        return "cell" if self.is_of_cell else self.per

    @property
    def tables(self) -> tuple[Table, ...]:
        return tuple(output for output in self.outputs if isinstance(output, Table))

    @property
    def artifacts_read(self) -> tuple[Artifact, ...]:
        """The inputs that other stages write."""
        return tuple(each for each in map(_plain, self.inputs) if isinstance(each, Table | File))


def _plain(each: Input) -> Input:
    if isinstance(each, OnSameTokens):
        return each.table
    return each.file if isinstance(each, OfEveryCorpus) else each


@cache
def stages() -> dict[str, Stage]:
    """Every stage by its name, each after those whose outputs it reads."""
    declared = {path.stem: _declared(path) for path in sorted(STAGES.glob("[!_]*.py"))}
    writers = {output: name for name, stage in declared.items() for output in stage.outputs}
    before = {
        name: {writers[artifact] for artifact in stage.artifacts_read}
        for name, stage in declared.items()
    }
    first = writers[DIGESTS]  # every stage depends on the digest of its code
    order = TopologicalSorter(
        {name: sorted({first, *names} - {name}) for name, names in before.items()}
    )
    return {name: declared[name] for name in order.static_order()}


@cache
def writer_of(artifact: Artifact) -> Stage:
    """The stage that writes an artifact."""
    (stage,) = (stage for stage in stages().values() if artifact in stage.outputs)
    return stage


def _declared(path: Path) -> Stage:
    """Evaluate the declarations of a module, and only those: its other imports load torch."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kept: list[ast.stmt] = []
    for node in tree.body:
        is_source = isinstance(node, ast.ImportFrom) and str(node.module).startswith(SOURCES)
        is_declaration = isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id in NAMES for target in node.targets
        )
        if is_source or is_declaration:
            kept.append(node)
    values: dict = {}
    exec(compile(ast.Module(kept, []), str(path), "exec"), values)
    about = (ast.get_docstring(tree) or "").partition("\n")[0].removesuffix(".")
    return Stage(path.stem, about, *(values[name] for name in NAMES))

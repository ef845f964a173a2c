"""Where artifacts lie, and which cells, corpora and grids there are.

An instance of a stage is what one run of it is for: the name of a cell, a corpus or a grid. The
study's own corpus and grid have no name, and their files lie in the folder of the stage itself.
A table's file has the table's name.
"""

from pathlib import Path

from induction.config.cells import Cell
from induction.config.errors import StageError
from induction.config.names import PUBLISHED
from induction.config.params import Params
from induction.config.paths import DATA, REPORTS
from induction.pipeline.artifacts import TRAIN_TOKENS, Artifact, OnSameTokens, Output, Product
from induction.pipeline.declarations import Stage, writer_of
from induction.tables.contract import Table
from induction.tables.source import Source


def label(stage: str, instance: str) -> str:
    """The name that DVC has for a stage of an instance."""
    return f"{stage}@{instance}" if instance else stage


def folder_of(stage: str, instance: str) -> Path:
    return DATA / stage / instance


def file_name(output: Output) -> str:
    return f"{output.name}.parquet" if isinstance(output, Table) else output.name


def path_of(stage: str, output: Output, instance: str) -> Path:
    """Where a stage writes an output for an instance."""
    folder = REPORTS / instance if isinstance(output, Product) else folder_of(stage, instance)
    return folder / file_name(output)


def source_of(artifact: Artifact, instance: str) -> Source:
    """The file of an artifact for an instance of the stage that writes it."""
    stage = writer_of(artifact)
    cell = instance if stage.is_of_cell else None
    path = path_of(stage.name, artifact, instance)
    return Source(path, label(stage.name, instance), cell)


def fetched(cell: str) -> Source:
    """What stands in for the checkpoints of training in a cell that is a suite: the folder of table
    `checkpoints`, and of the weights that are kept."""
    return Source(folder_of("fetch", cell), label("fetch", cell), cell)


def written(stage: Stage, is_suite: bool) -> tuple[Output, ...]:
    """What a stage writes for an instance: nothing is trained on the tokens of a suite."""
    return tuple(each for each in stage.outputs if not (is_suite and each == TRAIN_TOKENS))


def is_read(artifact: Artifact, cell: Cell, stage: Stage) -> bool:
    """Whether a stage that joins cells reads an artifact of this one, which has it only if the
    stage that writes it runs for such cells."""
    if isinstance(artifact, Table) and OnSameTokens(artifact) in stage.inputs:
        return cell.is_comparable
    per = writer_of(artifact).per
    return per == "cell" or (per == "suite") == (cell.suite != "")


def cell_of(params: Params, name: str) -> tuple[str, Cell]:
    """The key of the cell `name` in params.yaml, and what it says.

    Only that entry counts as read. Raises StageError if there is none.
    """
    for section in ("cells", "published"):
        if params.has(f"{section}.{name}"):
            key = f"{section}.{name}"
            return key, params.section(key, Cell)
    raise StageError(
        f"params.yaml: cells: found no {name!r}, expected the cell given with --cell; correct "
        "--cell, or add the cell"
    )


def suite_cells(params: Params) -> list[str]:
    """The cells that are suites of foreign checkpoints, sorted."""
    return sorted(name for name, cell in params.sections("cells", Cell).items() if cell.suite)


def cells_of_grid(params: Params, grid: str) -> dict[str, Cell]:
    """The cells that are reported together, sorted by name: models of ours in the study (`grid`
    empty), those of the published run, or the suite whose cell has the grid's name."""
    if grid not in ("", PUBLISHED):
        return {grid: cell_of(params, grid)[1]}
    cells = params.sections(grid or "cells", Cell)
    return {name: cell for name, cell in sorted(cells.items()) if not cell.suite}

"""Which cells there are, and the one that a stage is run for."""

from pathlib import Path

from induction.config.cells import Cell
from induction.config.errors import StageError
from induction.config.params import Params
from induction.config.paths import DATA


def own(params: Params, name: str) -> tuple[str, Cell]:
    """The cell `name`: its key in params.yaml, and what stands there.

    Only that entry counts as read. Raises StageError if there is none.
    """
    for section in ("cells", "published"):
        if params.has(f"{section}.{name}"):
            key = f"{section}.{name}"
            return key, params.section(key, Cell)
    raise StageError(
        f"params.yaml: cells: found no {name!r}, expected the cell that was asked for; correct "
        "--cell, or add the cell"
    )


def of_grid(params: Params, grid: str) -> dict[str, Cell]:
    """The cells that are reported together, sorted by name: the default study's (`grid` empty),
    or those and the published run's."""
    found = params.sections("cells", Cell)
    if grid:
        found |= params.sections("published", Cell)
    return dict(sorted(found.items()))


def corpus_folder(corpus: str) -> Path:
    """Where the files of a corpus lie: an entry of `corpora`, or (empty) the study's own."""
    return DATA / "corpus" / corpus


def label(stage: str, instance: str) -> str:
    """A stage as DVC names it: `instance` is a cell, a corpus or a grid, or empty."""
    return f"{stage}@{instance}" if instance else stage

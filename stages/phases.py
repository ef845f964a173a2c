"""Date the change of six signals in every cell and find which changes coincide"""

from math import prod

import numpy as np

from induction.config.ablations import AblationSettings
from induction.config.cells import Cell
from induction.config.errors import StageError
from induction.config.icl import IclSettings
from induction.config.model import Architecture
from induction.config.phases import PhaseSettings
from induction.config.remedy import rebuild
from induction.pipeline.job import Job, run
from induction.pipeline.progress import progress
from induction.stats.change_dates import phase_rows
from induction.stats.signals import Measurements
from induction.tables.ablations import ABLATIONS
from induction.tables.contract import Table
from induction.tables.duck import arrays, connect, query
from induction.tables.fetch import FETCHED
from induction.tables.heads import HEADS, PROBES
from induction.tables.icl import SAMPLED
from induction.tables.losses import LOSSES, LOSSES_SHORT
from induction.tables.parquet import read_table
from induction.tables.phases import CURVES, DATE_DRAWS, OVERLAPS, PHASES, WINDOW_DRAWS, WINDOWS
from induction.tables.source import Source

PER = "grid"
INPUTS = (LOSSES, LOSSES_SHORT, SAMPLED, HEADS, PROBES, ABLATIONS, FETCHED)
OUTPUTS = (CURVES, DATE_DRAWS, OVERLAPS, PHASES, WINDOW_DRAWS, WINDOWS)
PARAMS = (
    "ablations",
    "corpus.evaluation.tokens",
    "corpus.n_ctx",
    "icl",
    "models",
    "phases",
    "train",
)

MEASURED = (LOSSES, LOSSES_SHORT, SAMPLED, HEADS, PROBES, ABLATIONS)


def main(job: Job) -> None:
    params = job.params
    icl, rule = params.section("icl", IclSettings), params.section("phases", PhaseSettings)
    icl.check_fits("icl", params.integer("corpus.evaluation.tokens"))
    modes = params.section("ablations", AblationSettings).modes
    # View A of the paper preserves patterns.
    mode = "pattern" if "pattern" in modes else "full"
    models = params.sections("models", Architecture)
    grid = job.cells
    sources = {
        table: {str(source.cell): source for source in job.sources(table)} for table in MEASURED
    }
    measurements = {
        cell: read_measurements({table: sources[table][cell] for table in MEASURED}, icl, mode)
        for cell in progress(grid, "phases: read", "cell")
    }
    check_alike(grid, measurements, sources[LOSSES])
    rows = phase_rows(grid, models, measurements, job.tokens_per_step, icl, rule)
    with job.outputs() as outputs:
        for table in OUTPUTS:
            outputs.write(table, table.columns_of(rows[table]))


def read_measurements(sources: dict[Table, Source], icl: IclSettings, mode: str) -> Measurements:
    """Everything about one cell, from the tables of the stages before.

    Raises StageError unless they hold the same checkpoints, and each of its grain completely.
    """
    late = {"late_first": icl.windows.late[0], "late_last": icl.windows.late[1]}
    queried = (LOSSES, LOSSES_SHORT, ABLATIONS)
    connection = connect({table: [sources[table]] for table in queried})
    data = {
        LOSSES: arrays(query(connection, "phases/losses", late)),
        ABLATIONS: arrays(query(connection, "phases/ablations", {"mode": mode})),
    } | {table: read_table(table, sources[table]) for table in (SAMPLED, HEADS, PROBES)}
    steps = np.unique(data[LOSSES]["step"])

    def values(table: Table, column: str, *grain: str) -> np.ndarray:
        return as_cube(data[table], column, grain, steps, sources[table])

    ablated = ("step", "layer", "head", "seq")
    effects = values(ABLATIONS, "change", *ablated)
    return Measurements(
        steps=steps,
        icl=values(LOSSES, "icl", "seq", "step"),
        loss=values(LOSSES, "loss", "seq", "step"),
        loss_vectors=values(SAMPLED, "loss", "step", "seq"),
        prefix_matching=values(PROBES, "prefix_matching", "step", "layer", "head", "seq"),
        qk_positivity=values(HEADS, "qk_positivity", "step", "layer", "head"),
        unablated=values(ABLATIONS, "whole", *ablated)[:, 0, 0],
        ablation_effects=effects.reshape(len(steps), -1, effects.shape[-1]),
    )


def as_cube(
    data: dict[str, np.ndarray],
    column: str,
    grain: tuple[str, ...],
    steps: np.ndarray,
    source: Source,
) -> np.ndarray:
    """A column as an array with an axis per column of the grain, in whose order the rows are."""
    sizes = [len(np.unique(data[name])) for name in grain]
    # Keys are unique, so that the grid is whole if its size is.
    if prod(sizes) != len(data[column]) or not np.array_equal(np.unique(data["step"]), steps):
        raise StageError(
            f"{source.path}: rows are missing, or its checkpoints are not those of the losses; "
            f"{rebuild(source.stage)}"
        )
    return data[column].astype(np.float64).reshape(sizes)


def check_alike(
    grid: dict[str, Cell], measurements: dict[str, Measurements], losses: dict[str, Source]
) -> None:
    """Raises StageError unless cells on one text can be compared, step by step, by sequence."""
    names = [name for name in grid if grid[name].is_comparable]
    for name in names:
        first, other = measurements[names[0]], measurements[name]
        if not np.array_equal(other.steps, first.steps) or other.loss.shape != first.loss.shape:
            raise StageError(
                f"{losses[name].path}: other checkpoints or sequences than those of {names[0]}; "
                f"{rebuild(losses[name].stage)}"
            )


if __name__ == "__main__":
    run(main)

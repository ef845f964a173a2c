"""When things change: six signals of every cell, the dates of their changes, which coincide."""

from math import prod

import numpy as np

from induction.config.ablations import AblationSettings
from induction.config.cells import Cell
from induction.config.errors import StageError
from induction.config.icl import IclSettings
from induction.config.model import Architecture
from induction.config.phases import PhaseSettings
from induction.config.remedy import rebuild
from induction.config.train import TrainSettings
from induction.pipeline.job import Job, run
from induction.pipeline.progress import progress
from induction.stats.change_dates import dated
from induction.stats.signals import Measured
from induction.tables.ablations import ABLATIONS
from induction.tables.contract import Table
from induction.tables.duck import (
    arrays,
    connect,
    query,
)
from induction.tables.heads import HEADS, PROBES
from induction.tables.icl import SAMPLED
from induction.tables.losses import LOSSES
from induction.tables.parquet import read_table
from induction.tables.phases import CURVES, OVERLAPS, PHASES, WINDOWS
from induction.tables.rows import columns
from induction.tables.source import Source

PER = "grid"
INPUTS = (LOSSES, SAMPLED, HEADS, PROBES, ABLATIONS)
OUTPUTS = (CURVES, OVERLAPS, PHASES, WINDOWS)
PARAMS = ("ablations", "corpus.n_ctx", "icl", "models", "phases", "train")


def main(job: Job) -> None:
    params = job.params
    icl, rule = params.section("icl", IclSettings), params.section("phases", PhaseSettings)
    n_ctx = params.integer("corpus.n_ctx")
    icl.check_fits("icl", n_ctx)
    tokens_per_step = params.section("train", TrainSettings).batch * n_ctx
    modes = params.section("ablations", AblationSettings).modes
    # View A of the paper preserves patterns.
    mode = "pattern" if "pattern" in modes else "full"
    models = params.sections("models", Architecture)
    grid = job.cells
    sources = {
        table: {str(source.cell): source for source in job.sources(table)}
        for table in (LOSSES, SAMPLED, HEADS, PROBES, ABLATIONS)
    }
    found = {
        cell: measured({table: sources[table][cell] for table in sources}, icl, mode)
        for cell in progress(grid, "phases: read", "cell")
    }
    check_alike(grid, found, sources[LOSSES])
    rows = dated(grid, models, found, tokens_per_step, icl, rule)
    with job.outputs() as outputs:
        for table in OUTPUTS:
            outputs.write(table, columns(table, rows[table]))


def measured(sources: dict[Table, Source], icl: IclSettings, mode: str) -> Measured:
    """Everything about one cell, from the tables of the stages before.

    Raises StageError unless they hold the same checkpoints, and each of its grain completely.
    """
    bound = {
        "early_first": icl.windows.early[0],
        "early_last": icl.windows.early[1],
        "late_first": icl.windows.late[0],
        "late_last": icl.windows.late[1],
    }
    found = {
        table: arrays(query(connect({table: [sources[table]]}), f"phases/{name}", values))
        for table, name, values in (
            (LOSSES, "losses", bound),
            (ABLATIONS, "ablations", {"mode": mode}),
        )
    } | {
        table: read_table(table, sources[table].path, sources[table].stage)
        for table in (SAMPLED, HEADS, PROBES)
    }
    steps = np.unique(found[LOSSES]["step"])

    def cube(table: Table, column: str, *grain: str) -> np.ndarray:
        return whole(found[table], column, grain, steps, sources[table])

    ablated = ("step", "layer", "head", "seq")
    removed = cube(ABLATIONS, "change", *ablated)
    return Measured(
        steps=steps,
        icl=cube(LOSSES, "icl", "seq", "step"),
        loss=cube(LOSSES, "loss", "seq", "step"),
        sampled=cube(SAMPLED, "loss", "step", "seq"),
        prefix_matching=cube(PROBES, "prefix_matching", "step", "layer", "head", "seq"),
        qk_positivity=cube(HEADS, "qk_positivity", "step", "layer", "head"),
        whole=cube(ABLATIONS, "whole", *ablated)[:, 0, 0],
        removed=removed.reshape(len(steps), -1, removed.shape[-1]),
    )


def whole(
    found: dict[str, np.ndarray],
    column: str,
    grain: tuple[str, ...],
    steps: np.ndarray,
    source: Source,
) -> np.ndarray:
    """A column as an array with an axis per column of the grain, in whose order the rows are."""
    sizes = [len(np.unique(found[name])) for name in grain]
    # Keys are unique, so that the grid is whole if its size is.
    if prod(sizes) != len(found[column]) or not np.array_equal(np.unique(found["step"]), steps):
        raise StageError(
            f"{source.path}: rows are missing, or its checkpoints are not those of the losses; "
            f"{rebuild(source.stage)}"
        )
    return found[column].astype(np.float64).reshape(sizes)


def check_alike(
    grid: dict[str, Cell], found: dict[str, Measured], losses: dict[str, Source]
) -> None:
    """Raises StageError unless cells on one text can be compared, step by step, by sequence."""
    names = [name for name, own in grid.items() if own.is_on_its_text]
    for name in names:
        first, own = found[names[0]], found[name]
        if not np.array_equal(own.steps, first.steps) or own.loss.shape != first.loss.shape:
            raise StageError(
                f"{losses[name].path}: other checkpoints or sequences than those of {names[0]}; "
                f"{rebuild(losses[name].stage)}"
            )


if __name__ == "__main__":
    run(main)

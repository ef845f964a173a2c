"""When things change: six signals of every cell, the dates of their changes, which coincide."""

from math import prod

import numpy as np

from induction.config.ablations import AblationSettings
from induction.config.cells import Cell
from induction.config.errors import StageError
from induction.config.icl import IclSettings
from induction.config.model import Architecture
from induction.config.paths import DATA
from induction.config.phases import PhaseSettings
from induction.config.remedy import rebuild
from induction.config.train import TrainSettings
from induction.pipeline import cells
from induction.pipeline.job import Job, run
from induction.pipeline.progress import progress
from induction.stats.change_dates import phase_rows
from induction.stats.signals import Measurements
from induction.tables.ablations import ABLATIONS
from induction.tables.contract import Table
from induction.tables.duck import Source, arrays, connect, query
from induction.tables.heads import HEADS, PROBES
from induction.tables.icl import SAMPLED
from induction.tables.losses import LOSSES
from induction.tables.parquet import TableWriter, read_table
from induction.tables.phases import CURVES, OVERLAPS, PHASES, WINDOWS
from induction.tables.rows import columns_of

FILES = {"curves": CURVES, "overlaps": OVERLAPS, "phases": PHASES, "windows": WINDOWS}


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
    grid = cells.of_grid(params, job.cell)
    measurements = {
        name: read_measurements(name, icl, mode) for name in progress(grid, "phases: read", "cell")
    }
    check_alike(grid, measurements)
    rows = phase_rows(grid, models, measurements, tokens_per_step, icl, rule)
    with job.outputs(DATA / "phases" / job.cell) as folder:
        for name, table in FILES.items():
            with TableWriter(table, folder / f"{name}.parquet", job.provenance) as writer:
                if rows[table]:  # nothing overlaps where nothing changes
                    writer.write(columns_of(table, rows[table]))


def read_measurements(cell: str, icl: IclSettings, mode: str) -> Measurements:
    """Everything about one cell, from the tables of the stages before.

    Raises StageError unless they hold the same checkpoints, and each of its grain completely.
    """
    heads = DATA / "heads" / cell
    sources = {
        LOSSES: Source(DATA / "losses" / f"{cell}.parquet", f"losses@{cell}"),
        SAMPLED: Source(DATA / "icl" / cell / "sampled.parquet", f"icl@{cell}"),
        HEADS: Source(heads / "heads.parquet", f"heads@{cell}"),
        PROBES: Source(heads / "probes.parquet", f"heads@{cell}"),
        ABLATIONS: Source(DATA / "ablations" / f"{cell}.parquet", f"ablations@{cell}"),
    }
    connection = connect({table: [sources[table]] for table in (LOSSES, ABLATIONS)})
    windows = {
        "early_first": icl.windows.early[0],
        "early_last": icl.windows.early[1],
        "late_first": icl.windows.late[0],
        "late_last": icl.windows.late[1],
    }
    data = {
        LOSSES: arrays(query(connection, "phases/losses", windows)),
        ABLATIONS: arrays(query(connection, "phases/ablations", {"mode": mode})),
    } | {
        table: read_table(table, sources[table].path, sources[table].stage)
        for table in (SAMPLED, HEADS, PROBES)
    }
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


def check_alike(grid: dict[str, Cell], measurements: dict[str, Measurements]) -> None:
    """Raises StageError unless cells on one text can be compared, step by step, by sequence."""
    names = [name for name in grid if grid[name].is_on_its_text]
    for name in names:
        first, other = measurements[names[0]], measurements[name]
        if not np.array_equal(other.steps, first.steps) or other.loss.shape != first.loss.shape:
            raise StageError(
                f"{DATA / 'losses' / name}.parquet: other checkpoints or sequences than those of "
                f"{names[0]}; {rebuild(f'losses@{name}')}"
            )


if __name__ == "__main__":
    run(main, "phases", __doc__, per="grid")

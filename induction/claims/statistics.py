"""The statistics of the claims: one value per claim and cell, by SQL over the tables of a grid."""

import math
from dataclasses import asdict, dataclass

import duckdb
import pyarrow as pa

from induction.config.cells import Cell
from induction.config.model import Architecture
from induction.config.train import TrainSettings
from induction.tables.duck import define, query

QUERIES = (
    "ablations", "cooccurrence", "heads", "icl", "interventions", "pca", "positions", "tokens",
)  # fmt: skip


@dataclass(frozen=True)
class Evidence:
    """What a claim's statistic is in one cell: a number or, with the reason, NaN."""

    claim: str
    cell: str
    seed: int
    value: float
    reason: str


def gather(
    connection: duckdb.DuckDBPyConnection, cells: pa.Table, settings: dict[str, int]
) -> list[Evidence]:
    """Every claim's statistic in every cell that it is about, sorted by claim and cell.

    The connection has a view of every table that induction/sql/claims/ reads. `cells` is what
    `describe` makes, `settings` has tokens_per_step, training_tokens, late_first and late_last.
    """
    connection.register("cells", cells)
    connection.register("settings", pa.Table.from_pylist([settings]))
    define(connection, "claims/views")
    rows = [row for name in QUERIES for row in query(connection, f"claims/{name}").to_pylist()]
    evidence = [_defined(**row) for row in rows]
    return sorted(evidence, key=lambda entry: (entry.claim, entry.cell))


def _defined(claim: str, cell: str, seed: int, value: float | None, reason: str) -> Evidence:
    """The reason that a query gives is for rows without a value."""
    if value is not None and math.isfinite(value):
        return Evidence(claim, cell, seed, float(value), "")
    return Evidence(claim, cell, seed, math.nan, reason or "the statistic has no value")


def describe(
    cells: dict[str, Cell], models: dict[str, Architecture], train: TrainSettings
) -> pa.Table:
    """What each cell is, in one row: its kind of model, its training, what it does otherwise.

    `changes` names what of its training it changes, and its architecture's `variation`.
    `is_main` is for cells that change nothing, their corpus included: most claims are about
    them; the others are variations and controls.
    """
    rows = []
    for name, cell in cells.items():
        model, training = models[cell.model], train.changed(cell.train, f"{name}.train")
        changes = [key for key, value in asdict(cell.train).items() if value is not None]
        changes += [model.variation] if model.variation else []
        rows.append(
            {
                "cell": name,
                "model": cell.model,
                "family": model.family,
                "n_layers": model.n_layers,
                "seed": cell.seed,
                "corpus": cell.corpus,
                "changes": " ".join(changes),
                "is_main": not changes and cell.corpus == "",
                "optimizer": training.optimizer,
                "warmup_steps": training.warmup_steps,
                "text": training.text,
                "shuffle_span": training.shuffle_span,
            }
        )
    return pa.Table.from_pylist(rows)

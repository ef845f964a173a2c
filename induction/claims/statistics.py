"""The statistics of the claims: a value per claim and cell, on the evaluation set and on resamples
of it, by SQL over the tables of a grid."""

import math
from dataclasses import asdict, dataclass

import duckdb
import numpy as np
import pyarrow as pa
from jaxtyping import Float

from induction.claims.deciding import in_full
from induction.config.cells import Cell
from induction.config.model import Architecture
from induction.config.train import TrainSettings
from induction.stats.crossed import stretched
from induction.stats.intervals import resampled_interval
from induction.tables.duck import define, query

QUERIES = (
    "ablations", "cooccurrence", "heads", "icl", "interventions", "pca", "positions", "tokens",
)  # fmt: skip
# The tables whose sequences are resampled: the evaluation set, its first sequences, random probes.
RESAMPLED = ("ablations", "icl_sampled", "interventions", "probes", "repeats")


@dataclass(frozen=True)
class Resampling:
    """`draws` resamples by `seed`, for intervals of `level`. A ratio has a value where what it is
    divided by is `resolvable` half-widths of its interval, or more, above zero."""

    draws: int
    seed: int
    level: float
    resolvable: float


@dataclass(frozen=True)
class Evidence:
    """What a claim's statistic is in one cell.

    `values` are those of draw 0, which is the evaluation set, and of its resamples, NaN where they
    have none; without resamples for what has no error of the evaluation set. Without a value there
    is a reason.
    """

    claim: str
    cell: str
    seed: int
    family: str
    values: Float[np.ndarray, "draw"]
    reason: str


def gather(
    connection: duckdb.DuckDBPyConnection,
    cells: pa.Table,
    settings: dict[str, int],
    resampling: Resampling,
) -> list[Evidence]:
    """Every claim's statistic in every cell that it is about, sorted by claim and cell.

    The connection has a view of every table that induction/sql/claims/ reads. `cells` is what
    `describe` makes, `settings` has tokens_per_step, training_tokens, late_first, late_last and
    vocab_size.
    """
    connection.register("cells", cells)
    connection.register("settings", pa.Table.from_pylist([settings]))
    counts = " union ".join(
        f"select count(distinct seq) from {table} group by cell" for table in RESAMPLED
    )
    sizes = [size for (size,) in connection.sql(counts).order("1").fetchall()]
    connection.register("draws", draws(sizes, resampling))
    define(connection, "claims/views")
    families = dict(zip(*cells.select(["cell", "family"]).to_pydict().values(), strict=True))
    evidence = []
    for name in QUERIES:
        connection.register("statistics", query(connection, f"claims/{name}"))
        for row in query(connection, "claims/by_draw").to_pylist():
            values, divisors = (np.array(row[key], np.float64) for key in ("values", "divisors"))
            reason = in_full(row["reason"] or "") if not math.isfinite(values[0]) else ""
            reason = reason or not_resolvable(divisors, row["divisor_name"], resampling)
            if not math.isfinite(values[0]):
                reason = reason or "the statistic has no value"
            family = families[row["cell"]]
            values = np.full(1, math.nan) if reason else np.where(np.isinf(values), np.nan, values)
            evidence.append(
                Evidence(row["claim"], row["cell"], row["seed"], family, values, reason)
            )
    return sorted(evidence, key=lambda entry: (entry.claim, entry.cell))


def draws(sizes: list[int], resampling: Resampling) -> pa.Table:
    """(n_seq, draw, seq, weight): the draws of so many sequences, the same for all cells."""
    parts = []
    for size in sizes:
        weights = stretched(size, resampling.draws, resampling.seed, resampling.level)
        draw, seq = (axis.ravel() for axis in np.indices(weights.shape))
        columns = {"n_seq": np.full(weights.size, size), "draw": draw, "seq": seq}
        parts.append(pa.table(columns | {"weight": weights.ravel()}))
    return pa.concat_tables(parts)


def not_resolvable(divisors: Float[np.ndarray, "draw"], name: str, resampling: Resampling) -> str:
    """Why a ratio has no value: what it is divided by, of the evaluation set and of its resamples,
    is too near to zero, or below. Empty if it has one, and for what is no ratio."""
    value, (low, high) = divisors[0], resampled_interval(divisors, resampling.level)
    least = 0 if math.isnan(low) else resampling.resolvable * (high - low) / 2
    if math.isnan(value) or (value > 0 and value >= least):
        return ""
    return f"not resolvable: {name} is {value:.2g} [{low:.2g}, {high:.2g}]"


def describe_suite(cell: str, suite: str, n_layers: int) -> pa.Table:
    """The same of a suite of foreign checkpoints, all of whose models have MLPs. Of its training
    nothing is known; it has no seed, and counts as seed 0."""
    row = {
        "cell": cell,
        "model": suite,
        "family": "mlp" if n_layers > 1 else "mlp_one_layer",
        "n_layers": n_layers,
        "seed": 0,
        "corpus": "",
        "changes": "",
        "is_main": True,
        "optimizer": "",
        "warmup_steps": 0,
        "text": "stream",
        "shuffle_span": 1,
    }
    return pa.Table.from_pylist([row])


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
        model, training = models[cell.model], train.of_cell(cell.train, name)
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

"""The paper's claims and our controls, each decided by a rule that params.yaml fixes."""

import math
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from induction.claims.registry import EVERY
from induction.claims.verdicts import decide, spelled, untested
from induction.config.cells import Cell
from induction.config.claims import ClaimSettings
from induction.config.icl import IclWindows
from induction.config.model import Architecture
from induction.config.train import TrainSettings
from induction.pipeline.job import Job, run
from induction.pipeline.progress import progress
from induction.tables.ablations import ABLATIONS
from induction.tables.claims import CLAIMS, EVIDENCE
from induction.tables.corpus import EVAL
from induction.tables.duck import connect, query
from induction.tables.heads import COMPOSITIONS, HEADS, REPEATS
from induction.tables.icl import ICL, POSITIONS
from induction.tables.interventions import INTERVENTION_HEADS, INTERVENTIONS
from induction.tables.losses import LOSSES
from induction.tables.pca import PCA
from induction.tables.phases import OVERLAPS, PHASES, WINDOWS
from induction.tables.rows import columns

PER = "grid"
INPUTS = (
    EVAL,
    LOSSES,
    ICL,
    POSITIONS,
    PCA,
    HEADS,
    COMPOSITIONS,
    REPEATS,
    ABLATIONS,
    INTERVENTIONS,
    INTERVENTION_HEADS,
    PHASES,
    WINDOWS,
    OVERLAPS,
)
OUTPUTS = (CLAIMS, EVIDENCE)
PARAMS = ("claims", "corpus.n_ctx", "icl.windows", "models", "train")

NO_CELL = "no cell of this grid decides about it"
MODEL = ("n_layers", "mlp", "smeared_keys", "positions")
TRAIN = ("optimizer", "warmup_steps", "text", "shuffle_span")
# One row of a query of induction/sql/claims/: a cell's value, NaN with the reason if there is none.
Row = dict[str, Any]


def main(job: Job) -> None:
    params = job.params
    claims = params.section("claims", ClaimSettings)
    train = params.section("train", TrainSettings)
    grid = job.cells
    models = params.sections("models", Architecture)
    windows = params.section("icl.windows", IclWindows)
    connection = connect(job.views())
    connection.register("cells", about(grid, models, train))
    tokens = {"tokens_per_step": train.batch * params.integer("corpus.n_ctx")}
    bound = {
        "icl": tokens,
        "cooccurrence": tokens | {"tokens": train.tokens},
        "pca": tokens,
        "positions": tokens | {"late_first": windows.late[0], "late_last": windows.late[1]},
        "tokens": tokens,
        "ablations": tokens,
        "interventions": tokens,
        "heads": {},
    }
    rows = []
    for name, own in progress(bound.items(), "claims", "query"):
        rows += query(connection, f"claims/{name}", own).to_pylist()
    rows = sorted(map(defined, rows), key=lambda row: (row["claim"], row["cell"]))
    found = judged(rows, claims)
    with job.outputs() as outputs:
        for table, own in ((CLAIMS, found), (EVIDENCE, rows)):
            names = [column.name for column in table.columns]
            outputs.write(table, columns(table, [tuple(row[n] for n in names) for row in own]))


def about(grid: dict[str, Cell], models: dict[str, Architecture], train: TrainSettings) -> pa.Table:
    """What each cell is, in one row: its model, its training, and what it does otherwise.

    `is_main` is for cells of the paper's kind of model that change nothing: claims are about
    them; the others are variations and controls.
    """
    rows = []
    for name, cell in grid.items():
        model = models[cell.model]
        own = train.changed(cell.train, f"{name}.train")
        changes = [key for key, value in asdict(cell.train).items() if value is not None]
        is_plain = not changes and cell.corpus == ""
        rows.append(
            {
                "cell": name,
                "model": cell.model,
                "seed": cell.seed,
                "corpus": cell.corpus,
                "changes": " ".join(changes),
                "is_main": is_plain and model.positions == "qk_sinusoidal",
                **{key: getattr(model, key) for key in MODEL},
                **{key: getattr(own, key) for key in TRAIN},
            }
        )
    return pa.Table.from_pylist(rows)


def defined(row: Row) -> Row:
    """A row whose value is a number, or NaN with a reason."""
    value = math.nan if row["value"] is None else float(row["value"])
    if math.isfinite(value):
        return row | {"value": value, "reason": ""}
    return row | {"value": math.nan, "reason": row["reason"] or "the statistic has no value"}


def judged(rows: list[Row], claims: ClaimSettings) -> list[dict]:
    """Every claim with its verdict, in the order of the page."""
    found = []
    for place, claim in enumerate(EVERY):
        own = [row for row in rows if row["claim"] == claim.name]
        of_seed: dict[int, list[float]] = {}
        for row in own:
            if not row["reason"]:
                of_seed.setdefault(row["seed"], []).append(row["value"])
        values = np.array([np.mean(values) for _, values in sorted(of_seed.items())])
        undefined = [row["reason"] for row in own if row["reason"]]
        why = f"not defined in {len(undefined)} of {len(own)} cells: "
        why = why + "; ".join(sorted({*undefined})) if undefined else ""
        rule = None if claim.reason else claims.rules[claim.name]
        if rule is None or not own:
            finding = untested(claim.reason or NO_CELL)
        else:
            finding = decide(values, rule, claims.interval, why)
        found.append(
            {
                "place": place,
                "claim": claim.name,
                **{key: getattr(claim, key) for key in ("kind", "section", "text", "statistic")},
                "rule": spelled(rule) if rule else "",
                "seeds": len(values),
                **asdict(finding),
                "cells": " ".join(row["cell"] for row in own if not row["reason"]),
            }
        )
    return found


if __name__ == "__main__":
    run(main)

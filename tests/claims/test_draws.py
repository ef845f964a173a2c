"""Resamples of the statistics: a sequence of weight two counts as if it were there twice."""

import math

import numpy as np
import pyarrow as pa
import pytest

from induction.claims.statistics import Resampling, draws, not_resolvable
from induction.stats.bootstrap import resamples
from induction.stats.crossed import stretched
from induction.stats.signals import path_in_plane, principal_plane
from induction.tables.duck import connect, define, query
from tests.claims.test_sql import SETTINGS, cell, vector_tables, window

SEQ, STEPS, LENGTH = range(4), range(4), 100
HEADS = [(0, 0), (0, 1), (1, 0), (1, 1)]
# What sequences count in draw 1: twice, not at all, once, once.
WEIGHTS = (2, 0, 1, 1)
CELLS = [
    cell("attn1_s0", family="one_layer", n_layers=1),
    cell("attn2_s0"),
    cell("attn3_s0", n_layers=3),
    cell("mlp2_s0", family="mlp"),
]
NAMES = [row["cell"] for row in CELLS]
SETS = (
    "none", "without_induction", "without_previous_token", "knockout", "knockout_random",
    "ideal_previous", "ideal_induction", "ideal_trigram",
)  # fmt: skip
EDITS = [*((name, 0) for name in SETS), ("random_induction", 0), ("random_induction", 1)]


def grid(*axes) -> list[tuple]:
    result: list[tuple] = [()]
    for axis in axes:
        values = [value if isinstance(value, tuple) else (value,) for value in axis]
        result = [(*row, *value) for row in result for value in values]
    return result


def random_tables() -> dict[str, list[dict]]:
    """Every table that has sequences, with random numbers in place of losses and scores."""
    rng = np.random.default_rng(0)

    def filled(keys: str, axes: tuple, values: str, scale: float = 1.0) -> list[dict]:
        names, numbers = keys.split(), values.split()
        return [
            dict(zip(names, key, strict=True))
            | {name: float(2 + scale * rng.random()) for name in numbers}
            for key in grid(*axes)
        ]

    # Late losses are below those with a short context, so that there is ICL to divide by.
    low = {"late": -1.5}
    by_head = (NAMES, STEPS, HEADS)
    kinds = dict(zip(HEADS, ("previous_token", "other", "induction", "other"), strict=True))
    ways = [("none", "none", -1, -1), *(("zero", "pattern", *head) for head in HEADS)]
    ablations = filled(
        "cell step replacement mode layer head seq", (NAMES, STEPS, ways, SEQ),
        "late late_short sampled",
    )  # fmt: skip
    interventions = filled(
        "cell step intervention draw seq", (NAMES, STEPS, EDITS, SEQ), "late late_short mean"
    )
    heads = filled(
        "cell step layer head", by_head,
        "prefix_matching same_token previous_token first_token copying ov_positivity qk_positivity",
    )  # fmt: skip
    for row in (*ablations, *interventions):
        row["late"] += low["late"]
    for row in heads:
        row["kind"] = kinds[row["layer"], row["head"]]
    losses = filled("cell step seq pos", (NAMES, STEPS, SEQ, range(LENGTH)), "loss")
    for row in losses:
        row["loss"] += low["late"] if row["pos"] >= 80 else 0.0
    return {
        "cells": CELLS,
        "phases_windows": [window(name, 10, 20, 0.3, name != "attn1_s0") for name in NAMES],
        "phases_window_draws": [
            {"cell": name, "draw": draw, "is_phase_change": name != "attn1_s0", "icl_drop": 0.3}
            for name in NAMES
            for draw in (0, 1)
        ],
        "losses": losses,
        "losses_short": filled("cell step seq pos", (NAMES, STEPS, SEQ, range(80, 91)), "loss"),
        "eval": [
            {"seq": seq, "pos": pos, "token": int(rng.integers(3))}
            for seq in SEQ
            for pos in range(LENGTH + 1)
        ],
        "ablations": ablations,
        "heads": heads,
        "probes": filled(
            "cell step layer head seq", (*by_head, SEQ), "prefix_matching same_token first_token"
        ),
        "repeats": filled(
            "cell step probe repeat seq", (NAMES, STEPS, ["gap"], range(3), SEQ), "loss"
        ),
        "compositions": filled(
            "cell step layer head from_layer from_head", (NAMES, STEPS, [(1, 0, 0, 0)]),
            "k q v k_random q_random v_random",
        ),
        "interventions": interventions,
        "intervention_heads": [
            {"cell": name, "step": step, "intervention": what, "is_defined": True, "reason": ""}
            for name, step, what in grid(NAMES, STEPS, [*SETS[1:], "random_induction"])
        ],
    }  # fmt: skip


def twice_and_never(rows: list[dict]) -> list[dict]:
    """Rows of sequence 0 also as those of sequence 1, whose own are gone."""
    if "seq" not in rows[0]:
        return rows
    kept = [row for row in rows if row["seq"] != 1]
    return kept + [row | {"seq": 1} for row in kept if row["seq"] == 0]


def statistics(name: str, tables: dict[str, list[dict]], weights: np.ndarray) -> dict:
    """(claim, cell, draw) -> value and divisor."""
    draw, seq = (axis.ravel() for axis in np.indices(weights.shape))
    table = pa.table({"n_seq": np.full(draw.size, weights.shape[1]), "draw": draw, "seq": seq})
    with connect({}) as connection:
        connection.register("draws", table.append_column("weight", pa.array(weights.ravel())))
        for each, rows in (tables | {"settings": [SETTINGS]}).items():
            connection.register(each, pa.Table.from_pylist(rows))
        define(connection, "claims/views")
        rows = query(connection, f"claims/{name}").to_pylist()
    keys = ("claim", "cell", "draw")
    return {tuple(row[key] for key in keys): [row["value"], row.get("divisor")] for row in rows}


@pytest.mark.parametrize(
    "name", ["ablations", "heads", "icl", "interventions", "positions", "tokens"]
)
def test_a_resample_is_the_statistic_of_the_sequences_drawn(name):
    tables = random_tables()
    drawn = statistics(name, tables, np.array([[1.0] * 4, WEIGHTS]))
    doubled = {each: twice_and_never(rows) for each, rows in tables.items()}
    wanted = statistics(name, doubled, np.ones((1, 4)))
    resampled = {key[:2]: value for key, value in drawn.items() if key[2] == 1}
    # What has no error of the evaluation set has draw 0 alone.
    fixed = {key[:2] for key in drawn} - set(resampled)
    assert len(resampled) > 3 and (not fixed or name == "heads")
    for (claim, where), value in resampled.items():
        assert value == pytest.approx(wanted[claim, where, 0]), claim
    # A count of heads may stay what it is, and a resample may have none to count.
    moved = [
        key
        for key, value in resampled.items()
        if None not in (value[0], drawn[*key, 0][0]) and value != drawn[*key, 0]
    ]
    assert len(moved) >= len(resampled) / 3


def test_paths_in_the_plane_are_weighted_as_those_of_the_signal():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(len(NAMES) * len(STEPS), 5)) + 3
    named = grid(NAMES, STEPS)
    tables = {
        "cells": CELLS,
        "phases_windows": [window(name, 20, 30, 0.3, name == "attn2_s0") for name in NAMES],
        **vector_tables(named, vectors),
    }
    weights = resamples(5, 3, 0)
    got = statistics("pca", tables, weights)
    for claim, name in (("pca_right_angle", "attn2_s0"), ("pca_one_layer_straight", "attn1_s0")):
        of_cell = vectors[[n == name for n, _ in named]]
        paths = path_in_plane(of_cell, principal_plane(vectors), weights)
        for draw, path in enumerate(paths):
            before, after = path[2] - path[1], path[3] - path[2]
            cosine = before @ after / np.linalg.norm(before) / np.linalg.norm(after)
            angle = math.degrees(math.acos(cosine))
            assert got[claim, name, draw][0] == pytest.approx(angle, abs=1e-4)


def test_draws_of_two_sizes_are_stretched_resamples():
    rows = draws([3, 7], Resampling(draws=5, seed=1, level=0.95, resolvable=2.0)).to_pandas()
    for size, each in rows.groupby("n_seq"):
        weights = each.pivot(index="draw", columns="seq", values="weight").to_numpy()
        np.testing.assert_array_equal(weights, stretched(int(size), 5, 1, 0.95))


@pytest.mark.parametrize(
    ("middle", "reason"),
    [
        # Half the interval is 0.95: 2 of it are 1.9.
        (2.0, ""),
        (1.8, "not resolvable: ICL gained is 1.8 [0.85, 2.8]"),
        (-2.0, "not resolvable: ICL gained is -2 [-2.9, -1.1]"),
        (math.nan, ""),
    ],
)
def test_what_divides_is_clearly_above_zero(middle, reason):
    resampling = Resampling(draws=101, seed=0, level=0.95, resolvable=2.0)
    divisors = middle + np.array([0, *np.linspace(-1, 1, 101)])
    assert not_resolvable(divisors, "ICL gained", resampling) == reason
    assert not_resolvable(divisors[:1], "x", resampling).startswith(
        "not resolvable" if middle < 0 else ""
    )

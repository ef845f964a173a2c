"""The statistics of the claims, each on tables made by hand."""

import math
import re
from dataclasses import fields

import numpy as np
import pyarrow as pa
import pytest

from induction.claims.statistics import QUERIES, Resampling, describe, draws
from induction.config.cells import Cell
from induction.config.model import Architecture
from induction.config.params import Params
from induction.config.train import TrainChanges, TrainSettings
from induction.stats.pca import joint_pca
from induction.tables.duck import SQL, connect, define, query
from induction.tables.phases import WINDOWS
from tests.conftest import architecture

SETTINGS = {
    "tokens_per_step": 10,
    "training_tokens": 50,
    "late_first": 80,
    "late_last": 90,
    "vocab_size": 512,
}
# Draw 0 alone, of up to three sequences.
DRAWS = draws([1, 2, 3], Resampling(draws=0, seed=0, level=0.95, resolvable=2.0))
NO_WINDOW = "the phase rule finds no change"


def cell(name: str, **changed) -> dict:
    """A row of `cells`: by default a two-layer attention-only model of the main series."""
    row = {
        "cell": name,
        "model": name[:-3],
        "seed": int(name[-1]),
        "corpus": "",
        "changes": "",
        "is_main": True,
        "family": "attention_only",
        "n_layers": 2,
        "optimizer": "muon",
        "warmup_steps": 100,
        "text": "stream",
        "shuffle_span": 1,
    }
    return row | changed


def window(name: str, start: int, end: int, drop: float, holds: bool = True) -> dict:
    return {
        "cell": name,
        "is_phase_change": holds,
        "start_tokens": start,
        "middle_tokens": (start + end) // 2,
        "end_tokens": end,
        "icl_drop": drop,
    }


def vector_tables(named: list[tuple], vectors: np.ndarray) -> dict[str, list[dict]]:
    """Tables `pca` and `icl_sampled` of loss vectors, a row for each cell and step in `named`."""
    return {
        "pca": [
            {"cell": name, "step": step, "component": i, "score": score}
            for (name, step), scores in zip(named, joint_pca(vectors, 2)[0], strict=True)
            for i, score in enumerate(scores, start=1)
        ],
        "icl_sampled": [
            {"cell": name, "step": step, "seq": seq, "loss": loss}
            for (name, step), losses in zip(named, vectors, strict=True)
            for seq, loss in enumerate(losses)
        ],
    }


def values(name: str, tables: dict[str, list[dict]]) -> dict[tuple[str, str], float | str]:
    """(claim, cell) -> value, or the reason why there is none."""
    with connect({}) as connection:
        connection.register("phases_windows", WINDOWS.schema.empty_table())
        connection.register("draws", DRAWS)
        for table, rows in (tables | {"settings": [SETTINGS]}).items():
            connection.register(table, pa.Table.from_pylist(rows))
        define(connection, "claims/views")
        rows = query(connection, f"claims/{name}").to_pylist()
    keys = [(row["claim"], row["cell"]) for row in rows]
    assert len(keys) == len(set(keys)), "one row per claim and cell"
    assert all(row["draw"] == 0 for row in rows)
    return {
        key: row["reason"] if row["value"] is None else row["value"]
        for key, row in zip(keys, rows, strict=True)
    }


def icl(curves: dict[str, tuple[float, ...]], windows: list[dict]) -> dict[str, list[dict]]:
    """Tables whose matched ICL is that of the curves at steps 0, 1, 2, …: negative is more."""
    points = [(n, step, value) for n, curve in curves.items() for step, value in enumerate(curve)]
    keys = ("is_phase_change", "icl_drop")
    return {
        "losses": [
            {"cell": name, "step": step, "seq": 0, "pos": pos, "loss": loss}
            for name, step, value in points
            for pos, loss in ((79, 9.0), (80, 3.5 + value), (90, 2.5 + value))
        ],
        "losses_short": [
            {"cell": name, "step": step, "seq": 0, "pos": pos, "loss": 3.0}
            for name, step, _ in points
            for pos in (80, 90)
        ],
        "phases_windows": windows,
        "phases_window_draws": [
            {"cell": row["cell"], "draw": 0} | {key: row[key] for key in keys} for row in windows
        ],
    }


def test_how_much_is_gained_and_when():
    cells = [
        cell("attn1_s0", family="one_layer", n_layers=1),
        cell("attn2_s0"),
        cell("attn3_s0", n_layers=3),
        cell("smear1_s0", family="smeared_one_layer", n_layers=1),
        cell("docs2_s0", corpus="docs", is_main=False),
        cell("docs1_s0", corpus="docs", is_main=False, family="one_layer", n_layers=1),
        cell("shuffled_s0", text="shuffled", changes="text", is_main=False),
        cell("adamw_s0", optimizer="adamw", changes="optimizer", is_main=False),
        cell("rotary_s0", changes="rotary", is_main=False),
    ]
    curves = {
        "attn1_s0": (0.0, -0.05, -0.05, -0.1),
        "attn2_s0": (0.0, -0.1, -0.4, -0.5),
        "attn3_s0": (0.0, 0.0, 0.0, -0.3),
        "smear1_s0": (0.0, -0.1, -0.3, -0.3),
        "docs2_s0": (0.0, 0.0, 0.0, -0.6),
        "docs1_s0": (0.0, 0.0, 0.0, -0.05),
        "shuffled_s0": (0.0, 0.0, 0.0, 0.02),
        "adamw_s0": (0.0, 0.0, 0.0, -0.5),
        "rotary_s0": (0.0, 0.0, 0.0, 0.0),
    }
    windows = [window(name, 10, 20, 0.3, name != "attn3_s0") for name in curves]
    windows[3] = window("smear1_s0", 10, 20, 0.24)
    windows[8] = window("rotary_s0", 10, 20, 0.0, False)
    got = values("icl", {"cells": cells, **icl(curves, windows)})
    wanted = {
        ("icl_forms_in_window", "attn2_s0"): 0.3 / 0.5,
        ("icl_forms_in_window", "attn3_s0"): 0.0,
        ("little_before", "attn2_s0"): 0.1,
        ("little_before", "attn3_s0"): NO_WINDOW,
        ("much_after", "attn2_s0"): 0.5,
        ("much_after", "attn3_s0"): 0.3,
        ("one_layer_flat", "attn1_s0"): 0.1 / 0.4,
        ("smeared_one_layer_changes", "smear1_s0"): 0.2,
        ("icl_moves_as_a_whole", "smear1_s0"): 0.8,
        ("icl_constant_over_depth", "attn3_s0"): 0.2 / 0.5,
        ("icl_constant_over_time", "attn2_s0"): 0.1 / 0.5,
        ("icl_constant_over_time", "attn3_s0"): NO_WINDOW,
        ("another_corpus", "docs2_s0"): 0.6,
        ("one_layer_of_another_corpus_flat", "docs1_s0"): 0.05,
        ("shuffled_has_no_change", "shuffled_s0"): -0.02,
        ("adamw_changes", "adamw_s0"): 1.0,
        ("rotary_changes", "rotary_s0"): 0.0,
    }
    assert got == {key: pytest.approx(value) for key, value in wanted.items()}


def phase(name: str, signal: str, estimator: str, start=10.0, middle=15.0, end=20.0) -> dict:
    holds = not math.isnan(start)
    return {
        "cell": name,
        "signal": signal,
        "estimator": estimator,
        "is_defined": holds,
        "reason": "" if holds else "no rise",
        "rise": 1.0,
        "start_tokens": start if holds else None,
        "middle_tokens": middle if holds else None,
        "end_tokens": end if holds else None,
    }


def dated(phases: list[dict]) -> dict[str, list[dict]]:
    """Tables of phases, and of their draw 0."""
    keys = ("cell", "signal", "estimator", "start_tokens", "middle_tokens", "end_tokens")
    rows = [{"draw": 0} | {key: row[key] for key in keys} for row in phases if row["is_defined"]]
    return {"phases": phases, "phases_date_draws": rows}


def test_whether_signals_change_together():
    cells = [
        cell("attn1_s0", family="one_layer", n_layers=1),
        cell("attn2_s0"),
        cell("smear2_s0", family="smeared"),
        cell("warm_s0", model="attn2", warmup_steps=103, changes="warmup_steps", is_main=False),
    ]
    both = ("slope", "levels")
    phases = [phase(c["cell"], "icl", e) for c in cells for e in both]
    phases[5] = phase("smear2_s0", "icl", "levels", 2, 4, 8)
    phases[7] = phase("warm_s0", "icl", "levels", 20, 30, 40)
    # That of ICL is from 10 to 20: before, after, at one point, around.
    spans = {
        ("prefix_matching", "slope"): (20, 22, 24),
        ("prefix_matching", "levels"): (2, 15, 30),
        ("loss_bump", "slope"): (5, 8, 10),
        ("loss_bump", "levels"): (2, 5, 9),
        ("pca_turn", "slope"): (21, 22, 24),
        ("pca_turn", "levels"): (1, 2, 3),
        ("qk_trace", "slope"): (math.nan, math.nan, math.nan),
        ("qk_trace", "levels"): (21, 22, 24),
    }
    phases += [phase("attn2_s0", *names, *span) for names, span in spans.items()]
    tables = {"cells": cells, **dated(phases)}
    got = values("cooccurrence", tables)
    wanted = {
        ("prefix_matching_in_window", "attn2_s0"): 1.0,
        ("loss_bump_in_window", "attn2_s0"): 0.5,
        ("pca_turns_in_window", "attn2_s0"): 0.0,
        ("qk_trace_in_window", "attn2_s0"): 0.0,
        ("window_is_narrow", "attn2_s0"): 10 / 50,
        ("smeared_two_layers_earlier", "smear2_s0"): 4 - 15,
        ("not_the_warmup", "warm_s0"): (30 - 15) / (3 * 10),
    }
    assert got == {key: pytest.approx(value) for key, value in wanted.items()}


def test_a_model_that_does_not_change_overlaps_with_nothing_and_has_no_window():
    phases = [
        phase("attn2_s0", signal, e, math.nan)
        | ({"rise": None, "reason": "no control"} if signal == "pca_turn" else {})
        for signal in ("icl", "prefix_matching", "pca_turn")
        for e in ("slope", "levels")
    ]
    # Another cell's, so that the table has its columns.
    tables = {"cells": [cell("attn2_s0")], **dated([*phases, phase("x", "icl", "slope")])}
    got = values("cooccurrence", tables)
    assert got["prefix_matching_in_window", "attn2_s0"] == 0.0
    assert got["window_is_narrow", "attn2_s0"] == "no rise"
    assert got["pca_turns_in_window", "attn2_s0"] == "no control"


def test_how_far_paths_turn():
    """attn2 goes right, then up; attn1 goes right and on; the angle is taken at attn2's window."""

    paths = {
        "attn1_s0": [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0)],
        "attn2_s0": [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2)],
        "attn3_s0": [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2)],
    }
    # In losses of three sequences, along two directions at a right angle.
    vectors = np.concatenate(list(paths.values())) @ np.array([[3, 4, 0], [4, -3, 0]]) / 5 + 7
    named = [(name, step) for name, path in paths.items() for step in range(len(path))]
    tables = {
        "cells": [
            cell("attn1_s0", family="one_layer", n_layers=1),
            cell("attn2_s0"),
            cell("attn3_s0", n_layers=3),
        ],
        **vector_tables(named, vectors),
        "phases_windows": [
            window("attn1_s0", 0, 10, 0.0, False),
            window("attn2_s0", 20, 40, 0.3),
            window("attn3_s0", 20, 40, 0.3, False),
        ],
    }
    assert values("pca", tables) == {
        ("pca_right_angle", "attn2_s0"): pytest.approx(90),
        ("pca_right_angle", "attn3_s0"): NO_WINDOW,
        ("pca_one_layer_straight", "attn1_s0"): pytest.approx(0, abs=1e-4),
    }


def test_what_more_context_buys():
    """Loss a + b ln(pos + 1), so that the slope is b; before 50 it is something else."""

    def positions(name: str, step: int, slope: float, level: float = 5.0) -> list[dict]:
        return [
            {
                "cell": name,
                "step": step,
                "seq": 0,
                "pos": pos,
                "loss": level + (slope * math.log(pos + 1) if pos >= 50 else 9 - pos),
            }
            for pos in range(100)
        ]

    def deeper(gap_early: float, gap_late: float) -> list[dict]:
        rows = positions("attn3_s0", 3, -0.2)
        return [
            row | {"loss": row["loss"] - (gap_late if row["pos"] >= 50 else gap_early)}
            for row in rows
        ]

    tables = {
        "cells": [
            cell("attn1_s0", family="one_layer", n_layers=1),
            cell("attn2_s0"),
            cell("attn3_s0", n_layers=3),
        ],
        "losses": [
            *positions("attn1_s0", 0, 0.0),
            *positions("attn1_s0", 3, -0.03),
            *positions("attn2_s0", 1, -0.05),
            *positions("attn2_s0", 3, -0.2),
            *deeper(0.1, 0.4),
        ],
        "phases_windows": [
            window("attn1_s0", 0, 10, 0.0, False),
            window("attn2_s0", 10, 20, 0.3),
            window("attn3_s0", 10, 20, 0.3, False),
        ],
    }
    got = values("positions", tables)
    wanted = {
        ("no_gain_before", "attn2_s0"): -0.05,
        ("no_gain_before", "attn3_s0"): NO_WINDOW,
        ("gain_after", "attn2_s0"): -0.2,
        ("gain_after", "attn3_s0"): -0.2,
        ("one_layer_flattens", "attn1_s0"): -0.03,
        ("size_helps_early_tokens", "attn3_s0"): 0.25,
    }
    assert got == {
        key: value if isinstance(value, str) else pytest.approx(value, abs=1e-9)
        for key, value in wanted.items()
    }


def test_tokens_that_continue_as_before_and_otherwise():
    """a b c … a b c … a b d … a b c: c is the same, then d another, then c neither."""
    text = [1, 2, 3, 9, 1, 2, 3, 8, 1, 2, 4, 1, 2, 3]
    before = [1.0] * 13
    after = [1.0] * 13
    after[12] = 0.1  # a b -> c, as some time before but not the last time: neither
    after[5] = 0.2  # a b -> c again
    after[9] = 1.7  # a b -> d
    after[6] = 0.5  # b c -> 8, where 9 stood: another, too
    tables = {
        "cells": [cell("attn2_s0"), cell("attn3_s0", n_layers=3)],
        "eval": [{"seq": 0, "pos": pos, "token": token} for pos, token in enumerate(text)],
        "losses": [
            {"cell": "attn2_s0", "step": step, "seq": 0, "pos": pos, "loss": loss}
            for step, losses in ((0, [8.0] * 13), (1, before), (2, after))
            for pos, loss in enumerate(losses)
        ],
        "phases_windows": [window("attn2_s0", 10, 20, 0.3), window("attn3_s0", 10, 20, 0.3, False)],
    }
    assert values("tokens", tables) == {
        ("repeats_improve", "attn2_s0"): pytest.approx(-0.8),
        ("new_continuations_worsen", "attn2_s0"): pytest.approx((0.7 - 0.5) / 2),
        ("repeats_improve", "attn3_s0"): NO_WINDOW,
        ("new_continuations_worsen", "attn3_s0"): NO_WINDOW,
    }


def ablated(step: int, layer: int, head: int, losses: list[tuple], mode="pattern") -> list[dict]:
    """Rows of `ablations`: per sequence (late_short, late, sampled)."""
    return [
        {
            "cell": "attn2_s0",
            "step": step,
            "layer": layer,
            "head": head,
            "replacement": "none" if mode == "none" else "zero",
            "mode": mode,
            "seq": seq,
            "late_short": early,
            "late": late,
            "mean": late,
            "sampled": sampled,
        }
        for seq, (early, late, sampled) in enumerate(losses)
    ]


def test_what_single_heads_carry():
    """The change is b = (-1, -3); without L1H0 half of it is undone, without L0H0 nothing."""
    heads = {(0, 0): "previous_token", (0, 1): "other", (1, 0): "induction", (1, 1): "other"}
    tables = {
        "cells": [cell("attn2_s0"), cell("mlp2_s0", family="mlp")],
        "phases_windows": [window("attn2_s0", 10, 20, 0.3), window("mlp2_s0", 10, 20, 0.3)],
        "heads": [
            {"cell": "attn2_s0", "step": 3, "layer": layer, "head": head, "kind": kind}
            for (layer, head), kind in heads.items()
        ],
        "ablations": [
            *ablated(1, -1, -1, [(3.0, 3.0, 5.0), (3.0, 3.0, 5.0)], "none"),
            *ablated(2, -1, -1, [(3.0, 2.5, 4.0), (3.0, 2.5, 2.0)], "none"),
            *ablated(3, -1, -1, [(3.0, 2.5, 4.0), (3.0, 2.5, 2.0)], "none"),
            # ICL -0.6 instead of -0.5: larger without the head.
            *ablated(3, 0, 0, [(3.0, 2.4, 4.0), (3.0, 2.4, 2.0)]),
            *ablated(3, 0, 1, [(3.0, 2.7, 4.0), (3.0, 2.7, 1.9)]),
            *ablated(3, 1, 0, [(3.0, 2.9, 4.5), (3.0, 2.9, 3.5)]),
            *ablated(3, 1, 1, [(3.0, 2.4, 4.0), (3.0, 2.4, 2.0)]),
            # Neither another replacement nor another mode counts.
            *ablated(3, 0, 0, [(3.0, 9.0, 9.0), (3.0, 9.0, 9.0)], "full"),
        ],
    }
    assert values("ablations", tables) == {
        ("carriers_are_induction_heads", "attn2_s0"): pytest.approx(1 / 2),
        ("others_raise_icl", "attn2_s0"): pytest.approx(2 / 3),
        # a = (0.5, 1.5) against b: (0.5 + 4.5) / 10; the best other head: -0.3 / 10 of it.
        ("undo_the_change", "attn2_s0"): pytest.approx(0.5 - 0.0),
    }


def test_what_sets_of_heads_carry():
    def rows(name: str, step: int, *interventions: tuple) -> list[dict]:
        return [
            {
                "cell": name,
                "step": step,
                "intervention": what,
                "draw": draw,
                "seq": 0,
                "late_short": 3.0,
                "late": 3.0 + icl,
                "mean": mean,
            }
            for what, draw, icl, mean in interventions
        ]

    def sets(name: str, random_reason: str = "") -> list[dict]:
        reasons = {
            "without_induction": "",
            "without_previous_token": "",
            "random_induction": random_reason,
        }
        return [
            {"cell": name, "step": step, "intervention": what, "reason": why}
            | {"is_defined": not why}
            for what, why in reasons.items()
            for step in (2, 3)
        ]

    tables = {
        "cells": [cell("attn2_s0"), cell("mlp2_s0", family="mlp"), cell("attn3_s0", n_layers=3)],
        "phases_windows": [
            window(name, 10, 20, 0.3) for name in ("attn2_s0", "mlp2_s0", "attn3_s0")
        ],
        "interventions": [
            *rows("attn2_s0", 2, ("none", 0, -0.5, 2.0), ("without_induction", 0, -0.2, 3.0)),
            *rows(
                "attn2_s0",
                3,
                ("none", 0, -0.5, 2.0),
                ("without_induction", 0, -0.1, 3.0),
                ("random_induction", 0, -0.5, 2.0),
                ("random_induction", 1, -0.4, 2.1),
                ("without_previous_token", 0, -0.1, 2.5),
                ("knockout", 0, -0.3, 2.4),
                ("knockout_random", 0, -0.45, 2.0),
                ("ideal_previous", 0, -0.5, 2.05),
                ("ideal_induction", 0, -0.5, 2.3),
                ("ideal_trigram", 0, -0.5, 2.2),
            ),
            *rows("mlp2_s0", 3, ("none", 0, -0.4, 2.0), ("without_induction", 0, -0.2, 3.0)),
            *rows("attn3_s0", 3, ("none", 0, -0.4, 2.0)),
        ],
        "intervention_heads": [
            *sets("attn2_s0"),
            *sets("mlp2_s0", "layer 1 has too few others"),
            {
                "cell": "attn3_s0",
                "step": 3,
                "intervention": "without_induction",
                "is_defined": False,
                "reason": "no induction head",
            },
        ],
    }
    got = values("interventions", tables)
    wanted = {
        "carry_the_majority": 0.8,
        "carry_almost_all": 0.8,
        "carry_throughout": 0.6,
        "random_sets_small": 0.1 / 0.8,
        "beats_every_random_set": 0.8 - 0.2,
        "knockout_of_the_pattern": 0.4 / 0.8,
        "knockout_of_other_keys": 0.1 / 0.4,
        "exact_previous_token": 0.9,
        "exact_induction": 0.7,
        "three_gram_helps": 0.1,
    }
    for claim, value in wanted.items():
        assert got[claim, "attn2_s0"] == pytest.approx(value, abs=1e-6), claim
    assert got["mlp_carry_the_majority", "mlp2_s0"] == pytest.approx(0.5)
    assert got["mlp_carry_less", "mlp2_s0"] == pytest.approx(0.5 - 0.8)
    assert got["carry_the_majority", "attn3_s0"] == "no induction head"
    assert got["random_sets_small", "attn3_s0"] == "no induction head"
    assert got["carry_throughout", "attn3_s0"] == 0.0, "nothing carries it"
    assert ("carry_the_majority", "mlp2_s0") not in got


def head(name: str, step: int, layer: int, index: int, **changed) -> dict:
    row = {
        "cell": name,
        "step": step,
        "layer": layer,
        "head": index,
        "prefix_matching": 0.0,
        "same_token": 0.0,
        "previous_token": 0.0,
        "first_token": 0.0,
        "copying": 0.0,
        "ov_positivity": 0.0,
        "qk_positivity": None if layer == 0 else 0.0,
        "kind": "other",
    }
    return row | changed


def test_what_heads_are():
    induction = {"prefix_matching": 0.8, "same_token": 0.1, "kind": "induction"}
    tables = {
        "cells": [
            cell("attn1_s0", family="one_layer", n_layers=1),
            cell("attn2_s0"),
            cell("periodic_s0", family="one_layer", text="periodic", changes="text", is_main=False),
            cell("shuffled_s0", text="shuffled", changes="text", is_main=False),
            cell("spans_s0", text="shuffled", shuffle_span=16, changes="text", is_main=False),
        ],
        "heads": [
            head("attn1_s0", 0, 0, 0, prefix_matching=0.02),
            head("attn1_s0", 1, 0, 0, prefix_matching=0.05, copying=0.1, ov_positivity=0.1),
            head("attn1_s0", 2, 0, 0, prefix_matching=0.04, copying=0.1, ov_positivity=0.1),
            head("attn1_s0", 2, 0, 1, copying=0.3, ov_positivity=0.2),
            head("attn2_s0", 0, 0, 0, prefix_matching=0.03),
            head("attn2_s0", 2, 0, 0, previous_token=0.9, kind="previous_token", copying=-0.5),
            head("attn2_s0", 2, 0, 1, **induction, copying=-0.1, first_token=0.4),
            head("attn2_s0", 2, 1, 0, **induction, copying=0.5, first_token=0.8,
                 qk_positivity=0.9, ov_positivity=0.5),
            head("attn2_s0", 2, 1, 1, prefix_matching=0.4, qk_positivity=0.5),
            head("attn2_s0", 2, 1, 2, prefix_matching=0.0, qk_positivity=0.1),
            head("periodic_s0", 2, 0, 0, prefix_matching=0.9, kind="positional"),
            head("shuffled_s0", 1, 0, 0, prefix_matching=0.07),
            head("shuffled_s0", 2, 0, 0, prefix_matching=0.06),
            head("spans_s0", 2, 0, 0, prefix_matching=0.08),
        ],
        "compositions": [
            {
                "cell": "attn2_s0",
                "step": 2,
                "layer": 1,
                "head": reader,
                "from_layer": 0,
                "from_head": earlier,
                "q": 0.2,
                "k": k,
                "v": 0.3,
                "q_random": 0.1,
                "k_random": 0.1,
                "v_random": 0.1,
            }
            for reader, earlier, k in ((0, 0, 0.6), (0, 1, 0.9), (1, 0, 0.9))
        ],
        "repeats": [
            {"cell": "attn2_s0", "step": 2, "probe": probe, "seq": 0, "repeat": repeat,
             "loss": loss}
            for probe, repeat, loss in (
                ("gap", 0, 6.0), ("gap", 1, 5.0), ("gap", 2, 3.0), ("fixed", 0, 9.0),
            )
        ],
    }  # fmt: skip
    keys = ["cell", "step", "layer", "head", "prefix_matching", "same_token", "first_token"]
    tables["probes"] = [{key: row[key] for key in keys} | {"seq": 0} for row in tables["heads"]]
    got = values("heads", tables)
    wanted = {
        ("one_layer_no_induction_head", "attn1_s0"): 0.05,
        ("induction_heads_form", "attn2_s0"): 0.8,
        ("copying_is_ov_positivity", "attn1_s0"): 1.0,
        ("k_composition_dominates", "attn2_s0"): 0.5 - 0.2,
        ("random_repeats", "attn2_s0"): 2.0,
        ("random_repeats_beat_chance", "attn2_s0"): math.log(512) - 4.0,
        ("rest_on_first", "attn2_s0"): 0.6,
        ("in_the_last_layer", "attn2_s0"): 0.5,
        ("prefix_matching_with_copying", "attn2_s0"): 0.5,
        # Others copy -0.5, 0 and 0: of the pairs of -0.1 it is above one, of those of 0.5 all.
        ("copies_more_than_others", "attn2_s0"): (1 + 3) / 6,
        ("minus_one_offset", "attn2_s0"): 0.125,
        ("untrained", "attn1_s0"): 0.02,
        ("untrained", "attn2_s0"): 0.03,
        ("periodic_is_flagged", "periodic_s0"): 1.0,
        ("shuffled_has_no_induction_head", "shuffled_s0"): 0.07,
        ("spans_have_no_induction_head", "spans_s0"): 0.08,
        ("qk_trace_is_prefix_matching", "attn2_s0"): 1.0,
    }
    for key, value in wanted.items():
        assert got[key] == pytest.approx(value, abs=1e-6), key
    assert set(got) - set(wanted) == {("copying_is_ov_positivity", "attn2_s0")}
    tables["cells"].append(cell("attn2_s1"))
    tables["heads"].append(head("attn2_s1", 2, 1, 0))
    tables["probes"].append(tables["probes"][0] | {"cell": "attn2_s1"})
    assert values("heads", tables)["minus_one_offset", "attn2_s1"] == "no induction head"


def test_last_rows_are_those_of_each_cell_s_last_checkpoint():
    rows = [
        {"cell": cell, "step": step, "n": n}
        for n, (cell, step) in enumerate([("a", 1), ("a", 2), ("a", 2), ("b", 1)], start=1)
    ]
    with connect({}) as connection:
        connection.register("numbers", pa.Table.from_pylist(rows))
        last = connection.sql("select n from last_rows('numbers') order by n").fetchall()
    assert last == [(2,), (3,), (4,)]


# What cells are.


@pytest.mark.parametrize(
    ("changed", "family"),
    [
        ({"n_layers": 1}, "one_layer"),
        ({"n_layers": 3}, "attention_only"),
        ({"mlp": True}, "mlp"),
        ({"n_layers": 1, "mlp": True}, "mlp_one_layer"),
        ({"smeared_keys": True}, "smeared"),
        ({"n_layers": 1, "smeared_keys": True, "mlp": True}, "smeared_one_layer"),
        ({"positions": "rotary"}, "attention_only"),
    ],
)
def test_the_family_says_what_kind_of_model_it_is(changed, family):
    assert architecture(**changed).family == family


def test_a_cell_changes_its_training_or_its_positions():
    train = Params().section("train", TrainSettings)
    models = {"attn2": architecture(), "rotary2": architecture(positions="rotary")}
    cells = {
        "main": Cell("attn2", 0),
        "adamw": Cell("attn2", 0, train=TrainChanges(optimizer="adamw")),
        "rotary": Cell("rotary2", 0),
        "docs": Cell("attn2", 0, corpus="docs"),
    }
    rows = {row["cell"]: row for row in describe(cells, models, train).to_pylist()}
    assert {name: row["changes"] for name, row in rows.items()} == {
        "main": "", "adamw": "optimizer", "rotary": "rotary", "docs": ""
    }  # fmt: skip
    assert [name for name, row in rows.items() if row["is_main"]] == ["main"]
    assert rows["adamw"]["optimizer"] == "adamw"


def test_no_statistic_spells_out_an_architecture():
    """They ask for the family, so that a new kind of model is one line in one place."""
    flags = {field.name for field in fields(Architecture)} - {"n_layers"}
    pattern = re.compile(rf"(?<!['\w])({'|'.join(flags)})(?!['\w])|n_layers\s*(>|<)")
    assert {path.stem for path in SQL.glob("claims/*.sql")} == {*QUERIES, "by_draw", "views"}
    for path in SQL.glob("claims/*.sql"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert not [line for line in lines if pattern.search(line) and line[:2] != "--"], path

"""Every SQL file by given and expected rows."""

import math

import numpy as np
import pyarrow as pa
import pytest

from induction.interp.probes import usable_tokens
from induction.stats.bootstrap import draws
from induction.stats.intervals import tails
from induction.tables.duck import connect, define, query


def ask(name: str, tables: dict[str, list[dict]], **bound) -> list[dict]:
    with connect({}) as connection:
        define(connection, "report/macros")
        for table, rows in tables.items():
            data = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows)
            connection.register(table, data)
        return query(connection, name, bound).to_pylist()


WINDOWS = {
    "early_first": 1,
    "early_last": 2,
    "late_first": 3,
    "late_last": 4,
    "early_point": 1,
    "late_point": 4,
}


def losses(*sequences: list[float], step: int = 0) -> list[dict]:
    return [
        {"step": step, "seq": seq, "pos": pos, "loss": loss}
        for seq, row in enumerate(sequences)
        for pos, loss in enumerate(row)
    ]


def short(*sequences: list[float], step: int = 0) -> list[dict]:
    """Rows of losses_short: the losses of the late window, at its positions."""
    return [row | {"pos": row["pos"] + 3} for row in losses(*sequences, step=step)]


def score(inputs: list[dict], again: list[dict], drawn: pa.Table) -> list[dict]:
    tables = {"losses": inputs, "losses_short": again, "draws": drawn}
    return ask("icl/score", tables, **WINDOWS, **tails(0.95))


def test_icl_is_late_minus_early_with_both_ends():
    inputs = losses([9.0, 4.0, 6.0, 1.0, 2.0], [9.0, 2.0, 4.0, 2.0, 3.0])
    again = short([2.0, 2.0], [2.0, 4.0])
    (row,) = score(inputs, again, draws(2, 100, 0))
    assert row["early"] == pytest.approx((5 + 3) / 2)
    assert row["late"] == pytest.approx((1.5 + 2.5) / 2)
    assert row["icl"] == pytest.approx(-2.0)
    assert row["late_short"] == pytest.approx((2 + 3) / 2)
    assert row["icl_matched"] == pytest.approx(-0.5)
    assert (row["icl_matched_low"], row["icl_matched_high"]) == pytest.approx((-0.5, -0.5))
    assert row["icl_paper"] == pytest.approx(((2 - 4) + (3 - 2)) / 2)
    assert row["loss"] == pytest.approx((22 + 20) / 10)
    # Sequence 0 has ICL -3.5, sequence 1 -0.5: resamples reach both.
    assert row["icl_low"] == pytest.approx(-3.5)
    assert row["icl_high"] == pytest.approx(-0.5)


def test_icl_interval_covers_like_an_interval():
    """For normal sequences the bootstrap interval is close to mean ± 1.96 standard errors."""
    rng = np.random.default_rng(0)
    differences = rng.normal(-0.5, 1.0, 400)
    inputs = losses(*[[0.0, 1.0, 1.0, 1 + d, 1 + d] for d in differences])
    again = short(*[[1.0, 1.0]] * 400)
    (row,) = score(inputs, again, draws(400, 2000, 1))
    half = 1.96 * differences.std() / 20
    for name in ("icl", "icl_matched"):
        assert row[f"{name}_low"] == pytest.approx(differences.mean() - half, abs=0.015)
        assert row[f"{name}_high"] == pytest.approx(differences.mean() + half, abs=0.015)


def test_icl_rows_are_one_per_step_in_order():
    inputs = losses([1.0] * 5, [1.0] * 5, step=7) + losses([2.0] * 5, [2.0] * 5, step=3)
    again = short([1.0] * 2, [1.0] * 2, step=7) + short([2.0] * 2, [2.0] * 2, step=3)
    result = score(inputs, again, draws(2, 100, 0))
    assert [(row["step"], row["loss"]) for row in result] == [(3, 2.0), (7, 1.0)]


def test_positions_are_means_over_sequences():
    result = ask("icl/positions", {"losses": losses([1.0, 2.0], [3.0, 6.0])})
    assert [(row["pos"], row["loss"]) for row in result] == [(0, 2.0), (1, 4.0)]


def test_sampled_takes_each_sequence_s_own_position():
    sequences = [{"seq": 0, "sampled_pos": 2}, {"seq": 1, "sampled_pos": 0}]
    result = ask(
        "icl/sampled",
        {"losses": losses([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]), "eval_sequences": sequences},
    )
    assert [(row["seq"], row["loss"]) for row in result] == [(0, 3.0), (1, 4.0)]


def cell(name: str, place: int = 0, **changed) -> dict:
    """A row of `cells`: by default alone in its panel, and shown everywhere."""
    row = {"cell": name, "panel": name, "place": place, "seed": 0, "corpus": ""}
    return row | {"is_first": True, "is_detailed": True, "is_periodic": False} | changed


CELLS = [cell("a")]
PAIR = [cell("b", seed=1, panel="p", is_first=False, is_detailed=False), cell("a", panel="p")]


def window(name: str, start: int, end: int, holds: bool = True) -> dict:
    return {
        "cell": name,
        "is_phase_change": holds,
        "start_tokens": start,
        "middle_tokens": (start + end) // 2,
        "end_tokens": end,
        "icl_drop": 0.4,
    }


def test_windows_stand_in_their_panels_by_seed():
    inputs = {"phases_windows": [window("b", 10, 20), window("a", 0, 10, False)], "cells": PAIR}
    result = ask("report/windows", inputs)
    assert [(r["cell"], r["panel"], r["seed"]) for r in result] == [("a", "p", 0), ("b", "p", 1)]
    assert [(r["is_phase_change"], r["end_tokens"]) for r in result] == [(False, 10), (True, 20)]


def removed(
    layer: int,
    head: int,
    mode: str,
    rows: list[tuple],
    step: int = 1,
    replacement: str = "zero",
    name: str = "a",
) -> list[dict]:
    """Rows of table ablations; each of `rows` is (late_short, late, mean, sampled) of a sequence.

    Their early loss, which no share may depend on, is another in every mode.
    """
    return [
        {
            "cell": name,
            "step": step,
            "layer": layer,
            "head": head,
            "replacement": "none" if mode == "none" else replacement,
            "mode": mode,
            "seq": seq,
            "early": float(len(mode)),
            **dict(zip(("late_short", "late", "mean", "sampled"), (*row, 0.0)[:4], strict=True)),
        }
        for seq, row in enumerate(rows)
    ]


ABLATED = [
    *removed(-1, -1, "none", [(3.0, 2.0, 2.5), (3.0, 2.5, 2.6)]),
    *removed(0, 1, "full", [(3.0, 2.5, 2.7), (3.0, 3.5, 3.0)]),
    *removed(0, 1, "full", [(3.0, 9.0, 9.0)], replacement="mean"),
    *removed(0, 1, "pattern", [(3.0, 2.0, 2.5), (3.0, 2.5, 2.6)]),
]
ELSEWHERE = [row | {"cell": "b"} for row in ABLATED]


def test_ablations_are_paired_with_the_whole_model_zero_alone_and_one_cell_per_panel():
    inputs = {"ablations": ABLATED + ELSEWHERE, "cells": PAIR}
    result = ask("report/ablations", inputs, tokens_per_step=10)
    assert [(r["cell"], r["name"], r["mode"], r["tokens"]) for r in result] == [
        ("a", "L0H1", "full", 10),
        ("a", "L0H1", "pattern", 10),
    ]
    # Whole: ICL (-1.0 - 0.5) / 2; without the head: (-0.5 + 0.5) / 2.
    assert result[0]["delta_icl"] == pytest.approx(0.75)
    assert result[1]["delta_icl"] == pytest.approx(0.0)


def test_removals_pair_sequences_at_the_last_step_and_resample_zero_alone():
    earlier = removed(0, 1, "full", [(0.0, 9.0, 0.0)] * 2, step=0) + removed(
        -1, -1, "none", [(0.0, 0.0, 0.0)] * 2, step=0
    )
    result = ask(
        "report/removals",
        {"ablations": ABLATED + earlier, "draws": draws(2, 200, 0)},
        **tails(0.95),
    )
    mean, full, pattern = result
    assert (full["replacement"], full["mode"]) == ("zero", "full")
    assert full["delta_icl"] == pytest.approx(0.75)
    assert full["delta_loss"] == pytest.approx(0.3)
    # Per sequence the change is 0.5 and 1.0.
    assert (full["delta_icl_low"], full["delta_icl_high"]) == pytest.approx((0.5, 1.0))
    assert (pattern["delta_icl_low"], pattern["delta_icl_high"]) == pytest.approx((0.0, 0.0))
    # Of its one sequence: (9 - 3) - (2 - 3), and no interval.
    assert (mean["replacement"], mean["delta_icl"]) == ("mean", pytest.approx(7.0))
    assert mean["delta_icl_low"] is None and mean["delta_icl_high"] is None


def test_undone_is_one_where_ablation_undoes_the_change():
    """b = (-2, -1) over the window; head 0 gives it back, head 1 does more of the same."""
    whole = [(0, [2.0, 2.0]), (1, [0.0, 1.0]), (2, [0.0, 0.5])]
    rows = [
        row
        for step, sampled in whole
        for row in removed(-1, -1, "none", [(0.0, 0.0, 0.0, loss) for loss in sampled], step=step)
    ]
    rows += removed(1, 0, "pattern", [(0.0, 0.0, 0.0, 2.0), (0.0, 0.0, 0.0, 1.5)], step=2)
    rows += removed(1, 1, "pattern", [(0.0, 0.0, 0.0, -1.0), (0.0, 0.0, 0.0, 0.0)], step=2)
    rows += removed(1, 1, "full", [(0.0, 0.0, 0.0, 9.0)] * 2, step=2)
    rows += removed(1, 0, "pattern", [(0.0, 0.0, 0.0, 9.0)] * 2, step=2, replacement="mean")
    windows = [window("a", 0, 10), window("b", 0, 10, holds=False), window("c", 0, 10)]
    cells = [cell("a", 1), cell("b", 0), cell("c", 1, seed=1, is_first=False)]
    inputs = {
        "ablations": [row | {"cell": name} for name in "abc" for row in rows],
        "phases_windows": windows,
        "cells": cells,
    }
    result = ask("report/undone", inputs, tokens_per_step=10, pattern_mode="pattern")
    assert [(r["cell"], r["name"], r["tokens"]) for r in result] == [
        ("a", "L1H0", 20),
        ("a", "L1H1", 20),
    ]
    # -(2·-2 + 1·-1) / 5, and -(-1·-2 + -0.5·-1) / 5.
    assert [r["undone"] for r in result] == pytest.approx([1.0, -0.5])


SCORES = (
    "prefix_matching", "prefix_matching_gap", "same_token", "previous_token", "copying",
    "copying_share", "ov_positivity", "qk_trace", "qk_positivity", "smear_gate",
)  # fmt: skip


def test_final_heads_are_those_of_the_last_step():
    inputs = [
        {"cell": name, "step": step, "layer": 0, "head": 1, "kind": f"at {step}"}
        | dict.fromkeys(SCORES, step / 10)
        | {"qk_trace": None}
        for name in ("b", "a")
        for step in (0, 1)
    ]
    result = ask("report/final_heads", {"heads": inputs, "cells": PAIR})
    assert [(r["cell"], r["is_detailed"]) for r in result] == [("a", True), ("b", False)]
    assert result[0]["name"] == "L0H1" and result[0]["kind"] == "at 1"
    assert result[0]["copying"] == pytest.approx(0.1) and result[0]["qk_trace"] is None


def test_cells_pick_the_last_step_and_the_best_head():
    icl = [
        {
            "cell": "a",
            "step": step,
            "icl_matched": icl / 2,
            "icl_matched_low": icl / 2 - 0.05,
            "icl_matched_high": icl / 2 + 0.05,
            "icl": icl,
            "icl_low": icl - 0.1,
            "icl_high": icl + 0.1,
            "icl_paper": icl - 0.05,
            "icl_paper_low": icl - 0.4,
            "icl_paper_high": icl + 0.3,
            "loss": 2.0 - step,
            "loss_low": 1.9 - step,
            "loss_high": 2.2 - step,
        }
        for step, icl in ((1, -0.5), (0, -0.9))
    ]
    heads = [
        {
            "cell": "a",
            "layer": layer,
            "head": head,
            "name": f"L{layer}H{head}",
            "prefix_matching": prefix,
            "previous_token": previous,
        }
        for layer, head, prefix, previous in ((0, 0, 0.1, 0.9), (1, 0, 0.7, 0.1), (1, 1, 0.7, 0.0))
    ]
    removals = [
        {
            "cell": "a",
            "layer": layer,
            "head": head,
            "name": f"L{layer}H{head}",
            "replacement": replacement,
            "mode": mode,
            "delta_icl": delta,
            "delta_icl_low": delta - 0.25 + layer / 10,
            "delta_icl_high": delta + 0.5 + layer,
        }
        for layer, head, replacement, mode, delta in (
            (0, 0, "zero", "full", 0.4),
            (0, 0, "zero", "pattern", -0.1),
            (1, 0, "zero", "full", 0.3),
            (1, 0, "zero", "pattern", 0.4),
            (1, 0, "mean", "full", 0.2),
            (1, 1, "mean", "full", 0.9),
        )
    ]
    inputs = {
        "icl": icl,
        "final_heads_result": heads,
        "removals_result": removals,
        "cells": CELLS,
        "phases_windows": [window("a", 10, 20)],
    }
    (row,) = ask("report/cells", inputs, full_mode="full")
    assert (row["icl_final"], row["icl_final_low"], row["loss_final"]) == (-0.5, -0.6, 1.0)
    matched = (row["icl_matched"], row["icl_matched_low"], row["icl_matched_high"])
    assert matched == pytest.approx((-0.25, -0.3, -0.2))
    assert (row["best_head"], row["previous_token_head"]) == ("L1H0", "L0H0")
    assert (row["ablation_head"], row["ablation_icl_max"]) == ("L0H0", 0.4)
    assert [row[f"ablation_icl_{end}"] for end in ("low", "high")] == pytest.approx([0.15, 0.9])
    assert [row[f"loss_final_{end}"] for end in ("low", "high")] == pytest.approx([0.9, 1.2])
    assert (row["phase_start_tokens"], row["phase_end_tokens"]) == (10, 20)
    assert row["best_head_icl"] == 0.3
    ends = [row[f"best_head_icl_{end}"] for end in ("low", "high")]
    assert ends == pytest.approx([0.15, 1.8]), "of the head that matches prefixes best"
    inputs |= {"phases_windows": [window("a", 10, 20, holds=False)]}
    (row,) = ask("report/cells", inputs, full_mode="full")
    assert row["phase_start_tokens"] is None and row["phase_end_tokens"] is None


def test_position_slope_of_a_logarithm_is_its_factor():
    """Where loss = 5 - 0.3 ln(tokens read), the slope is -0.3 in every bin."""
    inputs = [
        {"cell": name, "step": step, "pos": pos, "loss": 5 - 0.3 * np.log(pos + 1)}
        for name in ("a", "b")
        for step in (0, 4)
        for pos in range(255)
    ]
    result = ask(
        "report/positions",
        {"icl_positions": inputs, "cells": PAIR},
        tokens_per_step=10,
        bins=12,
        reach=2,
    )
    assert {row["cell"] for row in result} == {"a"}, "only what is shown in detail"
    first = [row for row in result if row["tokens"] == 0]
    assert {row["end_tokens"] for row in first} == {40}
    assert [row["first_read"] for row in first[1:]] == [row["end_read"] for row in first[:-1]]
    assert (first[0]["first_read"], first[-1]["end_read"]) == (1, 256)
    assert [row["slope"] for row in first] == pytest.approx([-0.3] * len(first))


def test_trajectories_pivot_components_and_mark_the_window():
    pca = [
        {
            "cell": "a",
            "step": step,
            "component": component,
            "score": float(10 * component + step),
            "explained_variance": 0.5 / component,
        }
        for step in (0, 1, 2)
        for component in (1, 2)
    ]
    inputs = {"pca": pca, "phases_windows": [window("a", 10, 10)], "cells": CELLS}
    result = ask("report/trajectories", inputs, tokens_per_step=10)
    assert [(row["pc1"], row["pc2"]) for row in result] == [(10, 20), (11, 21), (12, 22)]
    assert [row["is_in_window"] for row in result] == [False, True, False]
    assert result[0]["pc1_share"] == 0.5 and result[0]["pc2_share"] == 0.25
    inputs["phases_windows"] = [window("a", 10, 10, holds=False)]
    result = ask("report/trajectories", inputs, tokens_per_step=10)
    assert not any(row["is_in_window"] for row in result)


def test_learning_is_the_slope_over_ln_tokens():
    """Loss 5 - 2 ln(step), which has one slope everywhere; no slope at a single point."""
    matched = ("icl_matched", "icl_matched_low", "icl_matched_high")
    others = ("loss_low", "loss_high", *matched, "icl", "icl_paper")
    inputs = [
        {
            "cell": "a",
            "step": step,
            "loss": 5 - 2 * math.log(step or 1),
            **dict.fromkeys(others, 0.0),
        }
        for step in (0, 1, 2, 4, 9)
    ]
    result = ask("report/curves", {"icl": inputs, "cells": PAIR}, tokens_per_step=10, reach=1)
    slopes = [row["learning"] for row in result]
    assert slopes[0] is None, "the untrained model has read nothing"
    assert slopes[2:] == pytest.approx([-2, -2, -2])


def test_curves_and_heads_count_tokens():
    names = ("loss", "loss_low", "loss_high", "icl_matched", "icl_matched_low", "icl_matched_high")
    icl = dict.fromkeys((*names, "icl", "icl_paper"), 1.0)
    inputs = [{"cell": name, "step": 3, **icl} for name in ("b", "a")]
    result = ask("report/curves", {"icl": inputs, "cells": PAIR}, tokens_per_step=10, reach=2)
    assert [(row["cell"], row["seed"], row["tokens"]) for row in result] == [
        ("a", 0, 30),
        ("b", 1, 30),
    ]
    inputs = [
        {"cell": name, "step": 3, "layer": 1, "head": 2, **dict.fromkeys(SCORES, 0.5)}
        for name in ("b", "a")
    ]
    (row,) = ask("report/heads", {"heads": inputs, "cells": PAIR}, tokens_per_step=10)
    assert (row["cell"], row["tokens"], row["name"]) == ("a", 30, "L1H2")


def test_phases_say_whether_icl_changes_meanwhile():
    """Signals of a pair stand in alphabetical order, on either side of icl."""
    inputs = [
        {"cell": "a", "signal": signal, "estimator": "levels", "is_defined": signal != "qk_trace"}
        for signal in ("ab", "icl", "loss_bump", "qk_trace")
    ]
    overlaps = [
        {"cell": "a", "estimator": estimator, "signal": one, "other": two, "overlap": meet}
        for estimator, one, two, meet in (
            ("levels", "ab", "icl", True),
            ("levels", "icl", "loss_bump", False),
            ("levels", "ab", "loss_bump", True),
            ("slope", "icl", "loss_bump", True),
        )
    ]
    result = ask("report/phases", {"phases": inputs, "phases_overlaps": overlaps, "cells": CELLS})
    assert {row["signal"]: row["overlap"] for row in result} == {
        "ab": True,
        "icl": None,
        "loss_bump": False,
        "qk_trace": None,
    }


def edited(name: str, what: str, rows: list[tuple], draw: int = 0, step: int = 2) -> list[dict]:
    """Rows of table interventions; each of `rows` is (late_short, late, mean) of one
    sequence, whose early loss counts nowhere."""
    return [
        {"cell": name, "step": step, "intervention": what, "draw": draw, "seq": seq}
        | {"early": float(len(what)), "late": late, "late_short": late_short, "mean": mean}
        for seq, (late_short, late, mean) in enumerate(rows)
    ]


def test_interventions_are_shares_of_icl_or_reasons():
    rows = []
    for name in ("a", "b"):
        # ICL of 1.5 [1, 2] is three half-widths above zero, one of 0.5 [-1, 2] is one third.
        first = 2.0 if name == "a" else 4.0
        rows += edited(name, "none", [(3.0, first, 1.0), (3.0, 1.0, 1.0)])
        rows += edited(name, "none", [(0.0, 9.0, 1.0), (0.0, 9.0, 1.0)], step=1)
        rows += edited(name, "knockout", [(3.0, 2.5, 1.2), (3.0, 2.5, 1.4)])
        rows += edited(name, "random_induction", [(3.0, 2.0, 1.0), (3.0, 1.0, 1.0)], draw=0)
        rows += edited(name, "random_induction", [(3.0, 3.0, 1.0), (3.0, 3.0, 1.0)], draw=1)
    names = {"none": "", "knockout": "L1H0", "random_induction": "", "without_both": ""}
    sets = [
        {"cell": name, "step": 2, "intervention": what, "n_heads": 1, "heads": heads}
        | {"is_defined": what != "without_both", "reason": "none" * (what == "without_both")}
        for name in ("a", "b")
        for what, heads in names.items()
    ]
    inputs = {
        "interventions": rows,
        "intervention_heads": sets,
        "edit_draws": draws(2, 200, 0),
        "cells": [cell("a"), cell("b", 1)],
    }
    result = ask("report/interventions", inputs, **tails(0.95), resolvable=2.0)
    of_a = [row for row in result if row["cell"] == "a"]
    assert [(row["intervention"], row["draw"]) for row in of_a] == [
        ("knockout", 0),
        ("random_induction", 0),
        ("random_induction", 1),
        ("without_both", 0),
    ]
    # Of -3 nats of the whole model -1 are left; per sequence, 1 - 0.5 and 1 - 0.25.
    knockout, same, all_gone, undefined = of_a
    assert knockout["share"] == pytest.approx(2 / 3)
    assert (knockout["share_low"], knockout["share_high"]) == pytest.approx((0.5, 0.75))
    assert knockout["delta_loss"] == pytest.approx(0.3)
    assert (same["share"], all_gone["share"]) == pytest.approx((0.0, 1.0))
    assert same["share_low"] is None, "random sets have their draws instead"
    assert (undefined["share"], undefined["reason"]) == (None, "none")
    of_b = [row for row in result if row["cell"] == "b"]
    assert len(of_b) == 4 and all(row["share"] is None for row in of_b)
    assert {row["reason"] for row in of_b} == {"none", "not resolvable: ICL gained is 0.5 [-1, 2]"}


def test_repeats_are_means_over_probes_and_seeds_at_the_end():
    inputs = [
        {"cell": name, "step": step, "probe": "gap", "block": 10, "seq": seq, "repeat": repeat}
        | {"loss": loss + 100 * (step == 0)}
        for name, seq, repeat, loss in (
            ("a", 0, 0, 6.0),
            ("a", 1, 0, 8.0),
            ("b", 0, 0, 1.0),
            ("b", 1, 0, 1.0),
            ("a", 0, 1, 2.0),
        )
        for step in (0, 5)
    ]
    result = ask(
        "report/repeats",
        {"repeats": inputs, "cells": PAIR, "vocabulary": counted([1, 1])},
        exclude_share=0.0,
    )
    assert [(row["panel"], row["repeat"], row["loss"]) for row in result] == [
        ("p", 0, pytest.approx(4.0)),
        ("p", 1, pytest.approx(2.0)),
    ]


def counted(counts: list[int]) -> list[dict]:
    """A vocabulary with these counts."""
    return [{"token": token, "count": count} for token, count in enumerate(counts)]


@pytest.mark.parametrize("share", [0.0, 0.04, 0.05, 0.1])
def test_chance_is_an_even_guess_over_the_vocabulary_or_the_tokens_of_probes(share):
    """Token 0 is no token of probes, nor is what never occurs; 0.05 of 50 is half of a token more
    than 2, and of 30 than 1."""
    row = {"step": 0, "probe": "gap", "block": 10, "seq": 0, "repeat": 0, "loss": 6.0}
    for counts in ([9] * 50, [7, 0, 0, *range(1, 28)], [5, *([0, 3] * 20)]):
        inputs = {
            "repeats": [row | {"cell": name} for name in ("a", "b")],
            "cells": [cell("a"), cell("b", 1, corpus="other")],
            "vocabulary": counted(counts),
        }
        of_a, of_b = ask("report/repeats", inputs, exclude_share=share)
        usable = len(usable_tokens(np.array(counts), share))
        assert (of_a["vocab_size"], of_a["usable"]) == (len(counts), usable)
        assert of_a["chance"] == pytest.approx(math.log(len(counts)))
        assert of_a["chance_usable"] == pytest.approx(math.log(usable))
        assert of_b["chance"] is None, "its text has another vocabulary"


def test_claims_stand_in_the_order_of_the_page_and_evidence_by_claim():
    inputs = [{"place": 1, "claim": "a"}, {"place": 0, "claim": "b"}]
    assert [row["claim"] for row in ask("report/claims", {"claims": inputs})] == ["b", "a"]
    inputs = [
        {"claim": claim, "cell": cell} for claim, cell in (("b", "x"), ("a", "y"), ("a", "x"))
    ]
    result = ask("report/evidence", {"evidence": inputs})
    assert [(row["claim"], row["cell"]) for row in result] == [("a", "x"), ("a", "y"), ("b", "x")]


def test_a_head_formed_when_it_last_became_an_induction_head():
    def scored(step: int, head: int, kind: str) -> dict:
        return {"cell": "a", "step": step, "layer": 1, "head": head, "kind": kind}

    kinds = {0: ("other", "induction", "other", "induction"), 1: ("other",) * 4}
    heads = [
        scored(step, head, kind) for head, row in kinds.items() for step, kind in enumerate(row)
    ]
    final = [
        {**row, "name": f"L1H{row['head']}", "prefix_matching": 0.5}
        for row in heads
        if row["step"] == 3
    ]
    removals = [
        {"cell": "a", "layer": 1, "head": 0, "replacement": replacement, "mode": mode}
        | {"delta_icl": value, "delta_icl_low": value - 1, "delta_icl_high": value + 1}
        for replacement, mode, value in (
            ("zero", "full", 0.5), ("zero", "pattern", 0.25), ("mean", "full", 9.0)
        )
    ]  # fmt: skip
    inputs = {"heads": heads, "final_heads_result": final, "removals_result": removals}
    (row,) = ask(
        "report/induction", inputs | {"cells": CELLS}, tokens_per_step=10, full_mode="full"
    )
    assert (row["name"], row["formed_tokens"], row["panel"]) == ("L1H0", 30, "a")
    assert [row[f"delta_icl{end}"] for end in ("", "_low", "_high")] == [0.5, -0.5, 1.5]
    (row,) = ask(
        "report/induction", inputs | {"cells": CELLS}, tokens_per_step=10, full_mode="pattern"
    )
    assert row["delta_icl"] == 0.25


def test_tokens_are_compared_over_the_window_or_from_the_first_quarter_on():
    def read(name: str, *at: str) -> list[dict]:
        return [{"cell": name, "step": 10 * i, "at": label} for i, label in enumerate(at)]

    readings = [
        *read("a", "first", "start", "middle", "end", "last"),
        *read("b", "first", "25 %", "50 %", "75 %", "last"),
        *read("c", "first", "last"),
        *read("d", "first", "last"),
    ]
    cells = [cell("a"), cell("b", 1), cell("c", 2), cell("d", 3)]
    cells = [row | {"corpus": "docs" if row["cell"] == "d" else ""} for row in cells]
    result = ask("report/moments", {"readings": readings, "cells": cells}, tokens_per_step=100)
    assert [(r["cell"], r["before"], r["after"], r["is_window"]) for r in result] == [
        ("a", 10, 30, True),
        ("b", 10, 40, False),
        ("c", 0, 10, False),
    ], "a cell on another text has no passage here"
    assert (result[0]["before_tokens"], result[0]["after_tokens"]) == (1000, 3000)


# Five sequences of two predictions; before and after; in cell a the loss changes by `CHANGES`.
CHANGES = ((-1.0, 0.0), (-3.0, -5.0), (0.5, 1.0), (0.0, 0.0), (2.0, -0.5))


def compared() -> dict[str, list[dict]]:
    rows = [
        {"cell": "a", "step": step, "seq": seq, "pos": pos, "loss": 6.0 + (step == 2) * change}
        for seq, changes in enumerate(CHANGES)
        for pos, change in enumerate(changes)
        for step in (0, 1, 2)
    ]
    elsewhere = [row | {"cell": "b", "loss": 1.0} for row in rows]
    return {
        "losses": rows + elsewhere,
        "moments_result": [{"cell": "a", "before": 1, "after": 2}],
        "eval": [{"seq": token // 3, "pos": token % 3, "token": token} for token in range(15)],
        "vocabulary": [{"token": i, "text": f"{i // 3}.{i % 3}"} for i in range(15)],
        "eval_sequences": [{"seq": seq, "document": seq, "start": 7} for seq in range(5)],
        "documents": [{"document": seq, "name": f"{seq}.py"} for seq in range(5)],
    }  # fmt: skip


def test_passages_are_those_that_gain_most_as_the_middle_one_and_least():
    result = ask("report/passages", compared())
    # In the mean: -4, -0.5, 0, 0.75 (twice: the lower sequence first).
    assert [(row["seq"], row["change"]) for row in result] == [(1, -4.0), (3, 0.0), (4, 0.75)]
    assert result[0]["tokens"] == ["1.0", "1.1", "1.2"]
    assert (result[0]["document"], result[0]["start"]) == ("1.py", 7)


def test_losses_of_passages_are_twentieths_by_checkpoint_and_position():
    inputs = compared() | {"passages_result": [{"seq": 1}]}
    (row,) = ask("report/passage_losses", inputs)
    assert (row["cell"], row["seq"], row["steps"]) == ("a", 1, [0, 1, 2])
    assert row["losses"] == [120, 120, 120, 120, 60, 20]


def test_tokens_that_change_most_come_with_what_stands_before_them():
    inputs = compared()
    result = ask("report/token_changes", inputs, shown=2, context=2)
    assert [(row["seq"], row["pos"], row["change"]) for row in result] == [
        (1, 1, -5.0),
        (0, 0, -1.0),
        (2, 1, 1.0),
        (4, 0, 2.0),
    ], "one of each sequence in either list; none that does not change"
    first, second, *_ = result
    assert first["tokens"] == ["1.0", "1.1", "1.2"], "two before the token that is predicted"
    assert second["tokens"] == ["0.0", "0.1"], "fewer at the beginning"
    assert (first["before"], first["after"], first["document"]) == (6.0, 1.0, "1.py")
    keys = [{key: row[key] for key in ("cell", "seq", "pos")} for row in result]
    over = ask("report/token_losses", inputs | {"token_changes_result": keys})
    assert [(row["seq"], row["losses"]) for row in over] == [
        (0, [6.0, 6.0, 5.0]),
        (1, [6.0, 6.0, 1.0]),
        (2, [6.0, 6.0, 7.0]),
        (4, [6.0, 6.0, 8.0]),
    ]


def test_sequences_are_read_at_the_last_checkpoint_of_every_cell():
    inputs = [
        *[row | {"cell": "b"} for row in losses([9.0] * 5, [9.0] * 5, step=10)],
        *[row | {"cell": "b"} for row in losses([9.0, 4, 6, 1, 2], [9.0, 2, 4, 2, 3], step=20)],
        *[row | {"cell": "a"} for row in losses([0.0, 1, 2, 3, 4], step=10)],
    ]
    steps = [{"cell": cell, "step": step} for cell, step in (("b", 10), ("b", 20), ("a", 10))]
    again = [
        *[row | {"cell": "b"} for row in short([9.0, 9], [9.0, 9], step=10)],
        *[row | {"cell": "b"} for row in short([1.0, 2], [3.0, 3], step=20)],
        *[row | {"cell": "a"} for row in short([5.0, 6], step=10)],
    ]
    tables = {"losses": inputs, "losses_short": again, "icl": steps}
    names = ("cell", "seq", "loss", "early", "late", "late_short", "early_point", "late_point")
    assert ask("report/sequences", tables, **WINDOWS) == [
        dict(zip(names, row, strict=True))
        for row in (
            ("a", 0, 2.0, 1.5, 3.5, 5.5, 1.0, 4.0),
            ("b", 0, 4.4, 5.0, 1.5, 1.5, 4.0, 2.0),
            ("b", 1, 4.0, 3.0, 2.5, 3.0, 2.0, 3.0),
        )
    ]

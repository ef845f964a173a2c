"""Every SQL file by given and expected rows."""

import numpy as np
import pyarrow as pa
import pytest

from stages.files.duck import connect, query
from stages.lib.bootstrap import draws, tails


def ask(name: str, tables: dict[str, list[dict]], **bound) -> list[dict]:
    with connect({}) as connection:
        for table, rows in tables.items():
            given = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows)
            connection.register(table, given)
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


def test_icl_is_late_minus_early_with_both_ends():
    given = losses([9.0, 4.0, 6.0, 1.0, 2.0], [9.0, 2.0, 4.0, 2.0, 3.0])
    (row,) = ask(
        "icl/score", {"losses": given, "draws": draws(2, 100, 0)}, **WINDOWS, **tails(0.95)
    )
    assert row["early"] == pytest.approx((5 + 3) / 2)
    assert row["late"] == pytest.approx((1.5 + 2.5) / 2)
    assert row["icl"] == pytest.approx(-2.0)
    assert row["icl_paper"] == pytest.approx(((2 - 4) + (3 - 2)) / 2)
    assert row["loss"] == pytest.approx((22 + 20) / 10)
    # Sequence 0 has ICL -3.5, sequence 1 -0.5: resamples reach both.
    assert row["icl_low"] == pytest.approx(-3.5)
    assert row["icl_high"] == pytest.approx(-0.5)


def test_icl_interval_covers_like_an_interval():
    """For normal sequences the bootstrap interval is close to mean ± 1.96 standard errors."""
    rng = np.random.default_rng(0)
    differences = rng.normal(-0.5, 1.0, 400)
    given = losses(*[[0.0, 1.0, 1.0, 1 + d, 1 + d] for d in differences])
    (row,) = ask(
        "icl/score", {"losses": given, "draws": draws(400, 2000, 1)}, **WINDOWS, **tails(0.95)
    )
    half = 1.96 * differences.std() / 20
    assert row["icl_low"] == pytest.approx(differences.mean() - half, abs=0.015)
    assert row["icl_high"] == pytest.approx(differences.mean() + half, abs=0.015)


def test_icl_rows_are_one_per_step_in_order():
    given = losses([1.0] * 5, [1.0] * 5, step=7) + losses([2.0] * 5, [2.0] * 5, step=3)
    found = ask("icl/score", {"losses": given, "draws": draws(2, 100, 0)}, **WINDOWS, **tails(0.95))
    assert [(row["step"], row["loss"]) for row in found] == [(3, 2.0), (7, 1.0)]


def test_positions_are_means_over_sequences():
    found = ask("icl/positions", {"losses": losses([1.0, 2.0], [3.0, 6.0])})
    assert [(row["pos"], row["loss"]) for row in found] == [(0, 2.0), (1, 4.0)]


def test_sampled_takes_each_sequence_s_own_position():
    sequences = [{"seq": 0, "sampled_pos": 2}, {"seq": 1, "sampled_pos": 0}]
    found = ask(
        "icl/sampled",
        {"losses": losses([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]), "eval_sequences": sequences},
    )
    assert [(row["seq"], row["loss"]) for row in found] == [(0, 3.0), (1, 4.0)]


RULE = {
    "tokens_per_step": 10,
    "smoothing": 0,
    "peak_share": 0.2,
    "min_drop": 0.2,
    "min_final": 0.2,
}


def curve(values: list[float], cell: str = "a", interval: float = 0.05) -> list[dict]:
    return [
        {"cell": cell, "step": step, "icl": icl, "icl_high": icl + interval}
        for step, icl in enumerate(values)
    ]


def test_phase_finds_a_step_between_two_plateaus():
    given = curve([0, 0, 0, 0, -0.2, -0.4, -0.4, -0.4])
    (row,) = ask("report/phase", {"icl": given}, **RULE)
    assert row["is_phase_change"]
    # Central differences reach one checkpoint beyond either end of the fall.
    assert (row["start_tokens"], row["middle_tokens"], row["end_tokens"]) == (30, 40, 50)
    assert row["icl_drop"] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([0.0] * 8, "flat"),
        ([0, 0.01, -0.02, 0.01, -0.03, 0.0, 0.02, -0.02], "noise"),
        ([0, 0, -0.3, -0.6, -0.6, -0.3, -0.1, -0.1], "a dip that does not last"),
        ([0.5, 0.5, 0.5, 0.3, 0.0, 0.0, 0.0, 0.0], "a fall that ends at zero"),
        ([-0.3] * 8, "low from the start"),
    ],
)
def test_phase_is_not_called_where_there_is_none(values, why):
    (row,) = ask("report/phase", {"icl": curve(values)}, **RULE)
    assert not row["is_phase_change"], why


def test_phase_needs_the_final_interval_below_zero():
    values = [0, 0, 0, -0.2, -0.4, -0.4]
    (sure,) = ask("report/phase", {"icl": curve(values, interval=0.1)}, **RULE)
    (unsure,) = ask("report/phase", {"icl": curve(values, interval=0.5)}, **RULE)
    assert sure["is_phase_change"] and not unsure["is_phase_change"]


def test_phase_window_is_one_run_around_the_steepest_fall():
    """A second, smaller fall later is not part of the window."""
    given = curve([0, 0, -0.3, -0.3, -0.3, -0.3, -0.4, -0.4, -0.4])
    (row,) = ask("report/phase", {"icl": given}, **RULE)
    assert row["end_tokens"] == 20


def test_phase_may_begin_at_the_first_checkpoint():
    (row,) = ask("report/phase", {"icl": curve([0, -0.2, -0.4, -0.4, -0.4])}, **RULE)
    assert row["start_tokens"] == 0 and row["is_phase_change"]


def test_phase_smoothing_averages_neighbours():
    spiky = [0, 0, -0.25, 0, 0, 0, 0, -0.1, -0.2, -0.3, -0.4, -0.4, -0.4, -0.4]
    (row,) = ask("report/phase", {"icl": curve(spiky)}, **{**RULE, "smoothing": 2})
    assert row["middle_tokens"] in (80, 90)
    assert row["is_phase_change"]


def test_phase_treats_cells_apart():
    given = curve([0, 0, -0.4, -0.4, -0.4], "b") + curve([0.0] * 5, "a")
    found = ask("report/phase", {"icl": given}, **RULE)
    assert [(row["cell"], row["is_phase_change"]) for row in found] == [("a", False), ("b", True)]


def removed(layer: int, head: int, mode: str, rows: list[tuple], step: int = 1) -> list[dict]:
    """Rows of table ablations; each of `rows` is (early, late, mean) of one sequence."""
    return [
        {
            "cell": "a",
            "step": step,
            "layer": layer,
            "head": head,
            "mode": mode,
            "seq": seq,
            "early": early,
            "late": late,
            "mean": mean,
            "sampled": 0.0,
        }
        for seq, (early, late, mean) in enumerate(rows)
    ]


ABLATED = [
    *removed(-1, -1, "none", [(3.0, 2.0, 2.5), (3.0, 2.5, 2.6)]),
    *removed(0, 1, "full", [(3.0, 2.5, 2.7), (3.0, 3.5, 3.0)]),
    *removed(0, 1, "pattern", [(3.0, 2.0, 2.5), (3.0, 2.5, 2.6)]),
]


def test_ablations_are_paired_with_the_whole_model():
    found = ask("report/ablations", {"ablations": ABLATED}, tokens_per_step=10)
    assert [(r["name"], r["mode"], r["tokens"]) for r in found] == [
        ("L0H1", "full", 10),
        ("L0H1", "pattern", 10),
    ]
    # Whole: ICL (-1.0 - 0.5) / 2; without the head: (-0.5 + 0.5) / 2.
    assert found[0]["delta_icl"] == pytest.approx(0.75)
    assert found[0]["delta_loss"] == pytest.approx(0.3)
    assert found[1]["delta_icl"] == pytest.approx(0.0)


def test_final_heads_join_scores_and_intervals_at_the_last_step():
    scores = [
        {
            "cell": "a",
            "step": step,
            "layer": 0,
            "head": 1,
            "prefix_matching": step / 10,
            "prefix_matching_gap": 0.0,
            "same_token": 0.0,
            "previous_token": 0.0,
        }
        for step in (0, 1)
    ]
    earlier = removed(0, 1, "full", [(0.0, 9.0, 0.0)] * 2, step=0) + removed(
        -1, -1, "none", [(0.0, 0.0, 0.0)] * 2, step=0
    )
    full, pattern = ask(
        "report/final_heads",
        {"ablations": ABLATED + earlier, "heads": scores, "draws": draws(2, 200, 0)},
        **tails(0.95),
    )
    assert full["prefix_matching"] == pytest.approx(0.1)
    assert full["delta_icl"] == pytest.approx(0.75)
    # Per sequence the change is 0.5 and 1.0.
    assert (full["delta_icl_low"], full["delta_icl_high"]) == pytest.approx((0.5, 1.0))
    assert (pattern["delta_icl_low"], pattern["delta_icl_high"]) == pytest.approx((0.0, 0.0))


def test_cells_pick_the_last_step_and_the_best_head():
    icl = [
        {
            "cell": "a",
            "step": step,
            "icl": icl,
            "icl_low": icl - 0.1,
            "icl_high": icl + 0.1,
            "icl_paper": icl - 0.05,
            "icl_paper_low": icl - 0.4,
            "icl_paper_high": icl + 0.3,
            "loss": 2.0 - step,
        }
        for step, icl in ((1, -0.5), (0, -0.9))
    ]
    heads = [
        {
            "cell": "a",
            "layer": layer,
            "head": head,
            "name": f"L{layer}H{head}",
            "mode": mode,
            "prefix_matching": prefix,
            "previous_token": previous,
            "delta_icl": delta,
        }
        for layer, head, mode, prefix, previous, delta in (
            (0, 0, "full", 0.1, 0.9, 0.4),
            (0, 0, "pattern", 0.1, 0.9, -0.1),
            (1, 0, "full", 0.7, 0.1, 0.3),
            (1, 1, "full", 0.7, 0.0, 0.2),
        )
    ]
    phase = {"cell": "a", "start_tokens": 10, "end_tokens": 20, "icl_drop": 0.4}
    (row,) = ask(
        "report/cells",
        {
            "icl": icl,
            "final_heads_result": heads,
            "phase_result": [{**phase, "is_phase_change": True}],
        },
    )
    assert (row["icl_final"], row["icl_final_low"], row["loss_final"]) == (-0.5, -0.6, 1.0)
    assert (row["best_head"], row["previous_token_head"]) == ("L1H0", "L0H0")
    assert (row["ablation_head"], row["ablation_icl_max"]) == ("L0H0", 0.4)
    assert (row["phase_start_tokens"], row["phase_end_tokens"]) == (10, 20)
    (row,) = ask(
        "report/cells",
        {
            "icl": icl,
            "final_heads_result": heads,
            "phase_result": [{**phase, "is_phase_change": False}],
        },
    )
    assert row["phase_start_tokens"] is None and row["phase_end_tokens"] is None


def test_position_slope_of_a_logarithm_is_its_factor():
    """Where loss = 5 - 0.3 ln(tokens read), the slope is -0.3 in every bin."""
    given = [
        {"cell": "a", "step": step, "pos": pos, "loss": 5 - 0.3 * np.log(pos + 1)}
        for step in (0, 4)
        for pos in range(255)
    ]
    found = ask("report/positions", {"icl_positions": given}, tokens_per_step=10, bins=12, reach=2)
    first = [row for row in found if row["tokens"] == 0]
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
    phase = [{"cell": "a", "is_phase_change": True, "start_tokens": 10, "end_tokens": 10}]
    found = ask("report/trajectories", {"pca": pca, "phase_result": phase}, tokens_per_step=10)
    assert [(row["pc1"], row["pc2"]) for row in found] == [(10, 20), (11, 21), (12, 22)]
    assert [row["is_in_window"] for row in found] == [False, True, False]
    assert found[0]["pc1_share"] == 0.5 and found[0]["pc2_share"] == 0.25


def test_curves_and_heads_count_tokens():
    icl = {
        name: 1.0
        for name in ("loss", "loss_low", "loss_high", "icl", "icl_low", "icl_high", "icl_paper")
    }
    (row,) = ask("report/curves", {"icl": [{"cell": "a", "step": 3, **icl}]}, tokens_per_step=10)
    assert row["tokens"] == 30
    scores = {
        name: 0.5
        for name in ("prefix_matching", "prefix_matching_gap", "same_token", "previous_token")
    }
    given = [{"cell": "a", "step": 3, "layer": 1, "head": 2, **scores}]
    (row,) = ask("report/heads", {"heads": given}, tokens_per_step=10)
    assert (row["tokens"], row["name"]) == (30, "L1H2")

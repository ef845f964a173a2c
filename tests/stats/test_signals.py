"""The six signals: on curves, paths and circuits made by hand, and against plain loops."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from induction.config.cells import Cell
from induction.config.errors import ParamsError
from induction.config.icl import IclSettings, IclWindows
from induction.config.model import Init
from induction.config.phases import MinRise, PhaseSettings
from induction.config.strict import parse
from induction.config.train import TrainChanges
from induction.interp.ablation import ablated_nll
from induction.interp.probes import repeated_blocks
from induction.stats import signals
from induction.stats.bootstrap import resamples
from induction.stats.change_dates import phase_rows
from induction.stats.pca import joint_pca
from induction.stats.signals import Measurements, Undefined
from induction.tables.contract import Table
from induction.tables.parquet import read_table, write_table
from induction.tables.phases import CURVES, DATE_DRAWS, OVERLAPS, PHASES, WINDOW_DRAWS, WINDOWS
from induction.tables.source import Source
from tests.conftest import BLOCK, REPEATS, V, architecture, provenance_by
from tests.report.test_sql import ask
from tests.stats.test_change_points import logistic, rule

RNG = np.random.default_rng(0)


def rescaled(n_seq: int) -> np.ndarray:
    return resamples(n_seq, 50, 1)


def share_undone(*arguments) -> np.ndarray:
    return defined(signals.share_undone(*arguments))


def pca_turn(*arguments) -> np.ndarray:
    return defined(signals.pca_turn(*arguments))


def defined(curve: np.ndarray | Undefined) -> np.ndarray:
    assert not isinstance(curve, Undefined)
    return curve


def test_resamples_begin_with_every_sequence_once():
    weights = rescaled(40)
    assert (weights[0] == 1).all() and weights.shape == (51, 40)
    assert (weights.sum(axis=1) == 40).all()
    # A resample leaves out a share of 1/e.
    assert (weights[1:] == 0).mean() == pytest.approx(np.exp(-1), abs=0.03)


def test_means_are_those_of_the_sequences_drawn():
    values, weights = RNG.normal(size=(6, 4)), rescaled(6)
    wanted = [np.repeat(values, row.astype(int), axis=0).mean(axis=0) for row in weights]
    np.testing.assert_allclose(signals.means(values, weights), wanted)


def test_prefix_matching_is_of_the_best_head_of_each_draw():
    scores, weights = RNG.uniform(size=(5, 3, 6)), rescaled(6)
    wanted = [
        [max(np.average(head, weights=row) for head in step) for step in scores] for row in weights
    ]
    np.testing.assert_allclose(signals.prefix_matching(scores, weights), wanted)


def test_qk_trace_is_of_the_head_that_ends_best_beyond_the_first_layer():
    positivity, matching = RNG.normal(size=(4, 3, 2)), np.zeros((4, 3, 2))
    positivity[:, 0] = np.nan
    matching[-1, 2, 1], matching[-1, 0, 0], matching[0, 1, 0] = 0.5, 0.9, 0.9
    np.testing.assert_array_equal(signals.qk_trace(positivity, matching), [positivity[:, 2, 1]])


def test_qk_trace_needs_a_second_layer():
    trace = signals.qk_trace(np.full((4, 1, 2), np.nan), np.zeros((4, 1, 2)))
    assert trace == Undefined("one layer: no earlier head to compose with")


def test_ab_is_one_where_removing_the_head_undoes_the_change():
    """The losses of three sequences fall by 1, 2 and 3. At the end, head 1 brings them back, head
    0 half way; before the change, neither does anything, and halfway head 1 undoes a quarter."""
    fall = np.array([1.0, 2.0, 3.0])
    whole = 5 - np.outer([0.0, 0.0, 0.5, 1.0], fall)
    change = np.zeros((4, 2, 3))
    change[2, 1], change[3, 0], change[3, 1] = fall / 4, fall / 2, fall
    for weights in (np.ones((1, 3)), rescaled(3)):
        share = share_undone(whole, change, (1, 3), weights)
        np.testing.assert_allclose(share, np.tile([0, 0, 0.25, 1], (len(weights), 1)))


def test_ab_against_a_plain_loop():
    whole, change, weights = RNG.normal(size=(5, 6)), RNG.normal(size=(5, 3, 6)), rescaled(6)
    b = whole[3] - whole[1]
    at_end = [-(a @ b) / (b @ b) for a in change[-1]]
    head = int(np.argmax(at_end))
    wanted = []
    for row in weights:
        drawn = np.repeat(np.arange(6), row.astype(int))
        wanted.append([-(a[head, drawn] @ b[drawn]) / (b[drawn] @ b[drawn]) for a in change])
    share = share_undone(whole, change, (1, 3), weights)
    np.testing.assert_allclose(share, wanted, atol=1e-12)
    assert share[0, -1] == pytest.approx(max(at_end))


def test_ab_of_a_circuit_is_read_as_built(induction_model):
    """From a model without the induction head to one with it: removing that head undoes all, and
    removing the idle heads nothing."""
    tokens = repeated_blocks(np.random.default_rng(0), np.arange(1, V), 5, BLOCK, REPEATS)
    losses = ablated_nll(induction_model, tokens, ("pattern",))
    sampled = {key: loss[:, -1].double().numpy() for key, loss in losses.items()}
    after, without = (
        next(loss for key, loss in sampled.items() if key[:2] == head)
        for head in ((-1, -1), (1, 0))
    )
    idle = next(loss for key, loss in sampled.items() if key[:2] == (1, 1))
    change = np.stack([np.zeros((2, 5)), np.stack([idle - after, without - after])])
    share = share_undone(np.stack([without, after]), change, (0, 1), np.ones((1, 5)))
    np.testing.assert_allclose(share, [[0, 1]], atol=1e-6)
    assert (without - after).min() > 1


def test_ab_needs_a_loss_that_changes():
    share = signals.share_undone(np.ones((3, 4)), np.ones((3, 2, 4)), (0, 2), np.ones((1, 4)))
    assert isinstance(share, Undefined)


def test_ab_of_a_resample_without_change_is_nothing():
    """Only sequence 0 changes, and a draw may leave it out."""
    whole = np.array([[1.0, 1.0], [0.0, 1.0]])
    share = share_undone(whole, np.ones((2, 1, 2)), (0, 1), np.array([[1.0, 1.0], [0.0, 2.0]]))
    np.testing.assert_allclose(share, [[1, 1], [0, 0]])


def test_loss_bump_is_by_how_much_the_control_is_worse():
    """What is hard for both cancels, sequence by sequence: there is no spread left."""
    hard = RNG.normal(size=(6, 1))
    control = hard + np.array([4.0, 3.0, 2.5, 2.0])
    loss = hard + np.array([4.0, 3.0, 1.5, 1.0])
    bump = signals.loss_bump(loss, control, rescaled(6))
    np.testing.assert_allclose(bump, np.tile([0, 0, 1, 1], (51, 1)), atol=1e-12)


def test_the_plane_is_that_of_the_joint_pca():
    vectors = RNG.normal(size=(40, 8)) * np.arange(1, 9)
    path = signals.path_in_plane(vectors, signals.principal_plane(vectors), np.ones((1, 8)))[0]
    wanted = joint_pca(vectors.astype(np.float32), 2)[0]
    np.testing.assert_allclose(np.abs(path), np.abs(wanted), atol=1e-4)


def test_paths_of_resamples_reweight_sequences_and_keep_the_axes():
    vectors, weights = RNG.normal(size=(9, 6)), rescaled(6)
    plane = signals.principal_plane(vectors)
    wanted = [((vectors - plane.centre) * row) @ plane.axes.T for row in weights]
    np.testing.assert_allclose(signals.path_in_plane(vectors, plane, weights), wanted, atol=1e-12)


STRAIGHT = np.array([[[0.0, 0.0], [1.0, 0.0], [3.0, 0.0], [4.0, 0.0]]])


def test_the_same_way_at_another_pace_is_no_turn():
    path = np.array([[[0.0, 0.0], [2.0, 0.0], [2.5, 0.0], [4.0, 0.0]]])
    np.testing.assert_allclose(pca_turn(path, STRAIGHT), np.zeros((1, 4)))


def test_a_right_angle_is_as_far_off_as_it_is_long():
    """Along the control until 2, then at a right angle: 1 and 2 off, of a path 4 long. Beyond the
    end, the nearest point is the end."""
    path = np.array([[[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [2.0, -2.0], [7.0, 4.0]]])
    np.testing.assert_allclose(pca_turn(path, STRAIGHT), [[0, 0, 0.25, 0.5, 1.25]])


def test_turns_against_a_finely_drawn_control():
    path, control = RNG.normal(size=(3, 7, 2)), RNG.normal(size=(3, 5, 2))
    # Twice the same point: a segment without a length.
    control[:, 2] = control[:, 1]
    share = np.linspace(0, 1, 4001)[:, None]
    wanted = []
    for mine, theirs in zip(path, control, strict=True):
        pairs = list(pairwise(theirs))
        line = np.concatenate([a + share * (b - a) for a, b in pairs])
        length = sum(np.linalg.norm(b - a) for a, b in pairs)
        wanted.append([np.linalg.norm(line - point, axis=1).min() / length for point in mine])
    np.testing.assert_allclose(pca_turn(path, control), wanted, atol=1e-4)


def test_a_control_that_stands_still_is_none():
    assert isinstance(signals.pca_turn(STRAIGHT, np.zeros((1, 3, 2))), Undefined)


MODELS = {
    "attn1": architecture(n_layers=1),
    "attn2": architecture(),
    "mlp2": architecture(mlp=True, d_mlp=128),
    "smear1": architecture(n_layers=1, smeared_keys=True, init=Init(0.3, 1.0, 1.0, 0.3, 2.0)),
    "rotary2": architecture(positions="rotary"),
    "wide2": architecture(d_model=64),
}
GRID = {
    "attn1_s0": Cell("attn1", 0),
    "attn2_s0": Cell("attn2", 0),
    "attn2_s1": Cell("attn2", 1),
    "mlp2_s0": Cell("mlp2", 0),
    "smear1_s0": Cell("smear1", 0),
    "rotary2_s0": Cell("rotary2", 0),
    "wide2_s0": Cell("wide2", 0),
    "adamw2_s0": Cell("attn2", 0, train=TrainChanges(optimizer="adamw")),
    "other1_s1": Cell("attn1", 1, corpus="other"),
    "other2_s0": Cell("attn2", 0, corpus="other"),
    "periodic_s1": Cell("attn1", 1, train=TrainChanges(text="periodic")),
}
NONE = "no one-layer control of seed {} with its positions and training"
OTHER_TEXT = "reads another text than the study's own"


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("attn2_s0", "attn1_s0"),
        ("mlp2_s0", "attn1_s0"),
        ("smear1_s0", "attn1_s0"),
        ("attn1_s0", Undefined("is a one-layer control itself")),
        ("attn2_s1", Undefined(NONE.format(1))),
        ("rotary2_s0", Undefined(NONE.format(0))),
        ("wide2_s0", Undefined(NONE.format(0))),
        ("adamw2_s0", Undefined(NONE.format(0))),
        ("other2_s0", Undefined(OTHER_TEXT)),
        ("periodic_s1", Undefined(OTHER_TEXT)),
    ],
)
def test_the_control_differs_in_nothing_but_the_layers(cell, wanted):
    assert signals.find_control(cell, GRID, MODELS) == wanted


# All of it together.

STEPS = np.arange(24, dtype=np.int32) * 5
PER_STEP = 100
ICL = IclSettings(IclWindows((1, 2), (5, 6)), 1, 6, 100, 0, 0.95)
RULE = rule(min_checkpoints=8)


def measurements(middle: float | None, n_layers: int) -> Measurements:
    """A cell in which all happens around checkpoint `middle`, or nothing does."""
    rng = np.random.default_rng(2)
    here = np.arange(len(STEPS))
    rise = 0 * here if middle is None else logistic(here, middle, 1.0)
    common = 6 - 2 * here / here[-1]
    hard = rng.normal(size=30)
    # What is learned alone, and what with others: different sequences.
    one, two = np.where(np.arange(30) < 15, 1.0, 0.2), np.where(np.arange(30) < 15, 0.2, 1.0)
    loss = hard[:, None] + np.outer(one, common) - np.outer(two, rise)
    heads = np.zeros((len(STEPS), n_layers, 2))
    heads[:, -1, 1] = rise
    removed = heads.reshape(len(STEPS), -1, 1) * two[:8]
    positivity = heads.copy()
    positivity[:, 0] = np.nan
    return Measurements(
        steps=STEPS,
        icl=0.5 * rise + 0.1 * hard[:, None],
        loss=loss,
        loss_vectors=loss.T.copy(),
        prefix_matching=np.repeat(heads[..., None], 4, axis=3),
        qk_positivity=positivity,
        unablated=loss[:8].T.copy(),
        ablation_effects=removed,
    )


MEASURED = {
    "attn1_s0": measurements(None, 1),
    "attn2_s0": measurements(12, 2),
    "other2_s0": measurements(6, 2),
    "smear1_s0": measurements(8, 1),
}


def rows_of(*names: str) -> dict[Table, list[dict]]:
    """The rows of a grid of some of these cells."""
    cells = {name: GRID[name] for name in names}
    measured = {name: MEASURED[name] for name in names}
    return phase_rows(cells, MODELS, measured, PER_STEP, ICL, RULE)


def by_key(table: Table, rows: dict[Table, list[dict]]) -> dict[tuple, dict]:
    keys = [tuple(row[name] for name in table.grain) for row in rows[table]]
    assert keys == sorted(set(keys))
    return dict(zip(keys, rows[table], strict=True))


def test_signals_that_change_together_are_dated_together(tmp_path):
    rows = rows_of(*MEASURED)
    phases = by_key(PHASES, rows)
    assert len(phases) == len(MEASURED) * 6 * 2
    middle = 12 * 5 * PER_STEP
    for estimator in ("levels", "slope"):
        for signal in signals.SIGNALS:
            row = phases["attn2_s0", signal, estimator]
            assert row["is_defined"] and row["reason"] == "", signal
            # Half of the turn is not half of what turns it: the path is not a straight line.
            assert row["middle_tokens"] == pytest.approx(middle, abs=500), signal
            assert row["start_tokens"] < row["middle_tokens"] < row["end_tokens"]
    early = phases["smear1_s0", "icl", "levels"]
    assert early["middle_tokens"] == pytest.approx(8 * 5 * PER_STEP, abs=100)

    windows = by_key(WINDOWS, rows)
    changes = [windows[cell,]["is_phase_change"] for cell in MEASURED]
    assert changes == [False, True, True, True]
    assert windows["attn2_s0",]["middle_tokens"] == middle
    overlaps = by_key(OVERLAPS, rows)
    assert all(row["overlap"] for row in overlaps.values())
    pairs = [key for key in overlaps if key[:2] == ("attn2_s0", "levels")]
    assert len(pairs) == 15

    for table in (PHASES, WINDOWS, OVERLAPS, CURVES, DATE_DRAWS, WINDOW_DRAWS):
        path = tmp_path / f"{table.name}.parquet"
        write_table(table, path, table.columns_of(rows[table]), provenance_by("phases"))
        assert len(read_table(table, Source(path, "phases"))[table.grain[0]]) == len(rows[table])


def test_draws_are_the_tables_and_what_their_intervals_are_made_of():
    rows = rows_of(*MEASURED)
    dates, windows = by_key(DATE_DRAWS, rows), by_key(WINDOW_DRAWS, rows)
    for row in rows[PHASES]:
        key = tuple(row[name] for name in PHASES.grain)
        assert ((*key, 0) in dates) == row["is_defined"]
        if row["is_defined"]:
            drawn = [dates[*key, draw]["middle_tokens"] for draw in range(1 + ICL.bootstrap_draws)]
            assert drawn[0] == row["middle_tokens"]
            low, high = np.nanquantile(drawn[1:], [0.025, 0.975])
            # Nothing to resample: every draw is the curve itself, which has no interval.
            wanted = [row["middle_low"], row["middle_high"]]
            wanted = [drawn[0]] * 2 if key[1] == "qk_trace" else wanted
            np.testing.assert_allclose([low, high], wanted)
    for row in rows[WINDOWS]:
        drawn = windows[row["cell"], 0]
        assert (drawn["icl_drop"], drawn["is_phase_change"]) == (
            row["icl_drop"], row["is_phase_change"],
        )  # fmt: skip
        assert (
            windows[row["cell"], ICL.bootstrap_draws]["is_phase_change"] == drawn["is_phase_change"]
        )


def test_what_is_not_defined_says_why():
    reasons = {(row["cell"], row["signal"]): row["reason"] for row in rows_of(*MEASURED)[PHASES]}
    assert reasons["attn1_s0", "qk_trace"] == "one layer: no earlier head to compose with"
    assert reasons["attn1_s0", "ab"].startswith("the phase rule finds no change of ICL")
    assert reasons["attn1_s0", "icl"] == "rises by 0, less than 0.2"
    assert reasons["attn1_s0", "pca_turn"] == "is a one-layer control itself"
    assert reasons["other2_s0", "loss_bump"] == OTHER_TEXT
    assert reasons["other2_s0", "ab"] == "" and reasons["smear1_s0", "loss_bump"] == ""


@pytest.mark.parametrize("cell", ["attn2_s0", "other2_s0"])
def test_one_cell_alone(cell):
    phases = by_key(PHASES, rows_of(cell))
    assert phases[cell, "icl", "levels"]["is_defined"]
    turn = phases[cell, "pca_turn", "slope"]
    assert not turn["is_defined"]
    assert np.isnan([turn[c.name] for c in PHASES.columns if c.nullable]).all()


def test_cells_on_another_text_have_no_say_in_the_plane():
    def turn(*names):
        return [
            (row["value"], row["low"], row["high"])
            for row in rows_of(*names)[CURVES]
            if (row["cell"], row["signal"]) == ("attn2_s0", "pca_turn")
        ]

    both = ("attn1_s0", "attn2_s0")
    assert len(turn(*both)) == len(STEPS)
    np.testing.assert_array_equal(turn(*both), turn(*both, "other2_s0"))


def test_where_nothing_changes_nothing_overlaps():
    rows = rows_of("attn1_s0")
    assert rows[OVERLAPS] == [] and len(rows[PHASES]) == 12


def test_one_layer_and_few_checkpoints_end_in_reasons_not_in_nan():
    whole = MEASURED["attn2_s0"]
    by_step = ("loss_vectors", "prefix_matching", "qk_positivity", "unablated", "ablation_effects")
    few = replace(
        whole,
        steps=whole.steps[:3],
        icl=whole.icl[:, :3],
        loss=whole.loss[:, :3],
        **{name: getattr(whole, name)[:3] for name in by_step},
    )
    grid = {"attn2_s0": GRID["attn2_s0"]}
    rows = phase_rows(grid, MODELS, {"attn2_s0": few}, PER_STEP, ICL, RULE)
    reasons = {row["signal"]: row["reason"] for row in rows[PHASES]}
    assert reasons["icl"] == reasons["qk_trace"] == "3 checkpoints, fewer than 8"


# SQL.


def test_losses_are_reduced_per_sequence_and_step():
    losses = [
        {"step": step, "seq": seq, "pos": pos, "loss": loss + step}
        for step in (1, 0)
        for seq, row in enumerate([[9.0, 4.0, 6.0, 1.0, 2.0], [9.0, 2.0, 4.0, 2.0, 3.0]])
        for pos, loss in enumerate(row)
    ]
    again = [
        {"step": step, "seq": seq, "pos": pos, "loss": loss + step}
        for step in (0, 1)
        for seq, row in enumerate([[5.0, 5.0], [3.0, 3.0]])
        for pos, loss in enumerate(row, 3)
    ]
    tables = {"losses": losses, "losses_short": again}
    rows = ask("phases/losses", tables, late_first=3, late_last=4)
    assert [(row["seq"], row["step"]) for row in rows] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [row["icl"] for row in rows] == pytest.approx([3.5, 3.5, 0.5, 0.5])
    assert [row["loss"] for row in rows] == pytest.approx([4.4, 5.4, 4.0, 5.0])


def test_removed_heads_are_paired_with_the_whole_model():
    def row(layer, replacement, mode, seq, sampled, step=0):
        names = ("step", "layer", "head", "replacement", "mode", "seq", "sampled")
        head = -1 if layer < 0 else 0
        return dict(zip(names, (step, layer, head, replacement, mode, seq, sampled), strict=True))

    ablations = [
        *(row(-1, "none", "none", seq, 1.0 + seq, step) for step in (0, 1) for seq in (0, 1)),
        *(row(1, "zero", "pattern", seq, 4.0, step) for step in (0, 1) for seq in (0, 1)),
        *(row(0, "zero", "pattern", seq, 2.0) for seq in (0, 1)),
        row(0, "zero", "full", 0, 9.0),
        row(0, "mean", "pattern", 0, 8.0),
    ]
    rows = ask("phases/ablations", {"ablations": ablations}, mode="pattern")
    assert [tuple(row.values()) for row in rows] == [
        (0, 0, 0, 0, 1.0, 1.0),
        (0, 0, 0, 1, 2.0, 0.0),
        (0, 1, 0, 0, 1.0, 3.0),
        (0, 1, 0, 1, 2.0, 2.0),
        (1, 1, 0, 0, 1.0, 3.0),
        (1, 1, 0, 1, 2.0, 2.0),
    ]


# Settings.


@pytest.mark.parametrize(
    "wrong",
    [
        {"smoothing": -1},
        {"peak_share": 1.0},
        {"peak_share": 0.0},
        {"min_drop": 0.0},
        {"min_final": 101.0},
        {"min_checkpoints": 1},
    ],
)
def test_settings_are_bounded(wrong):
    with pytest.raises(ParamsError, match=f"phases.{next(iter(wrong))}"):
        parse(PhaseSettings, vars(rule()) | wrong, "phases")
    parse(PhaseSettings, vars(rule()), "phases")


@pytest.mark.parametrize("name", signals.SIGNALS)
def test_every_signal_has_a_least_rise_that_is_bounded(name):
    least = rule().min_rise
    for value in (0.0, 101.0):
        with pytest.raises(ParamsError, match=f"min_rise.{name}"):
            parse(MinRise, vars(least) | {name: value}, "phases.min_rise")

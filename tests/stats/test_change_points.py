"""When curves change: on curves whose dates are known, and on those that do not change."""

from pathlib import Path

import numpy as np
import pytest

from induction.config.cells import Cell
from induction.config.errors import StageError
from induction.config.phases import MinRise, PhaseSettings
from induction.stats.change_points import (
    crossings,
    detect_change,
    icl_windows,
    levels,
    overlaps,
    rises,
    slope_window,
    slopes,
    smoothed,
    undefined_change,
)
from induction.stats.signals import Measurements
from induction.tables.source import Source
from stages.phases import as_cube, check_alike

INTERVAL = 0.95


def rule(**changed) -> PhaseSettings:
    fields = {
        "smoothing": 0,
        "peak_share": 0.2,
        "min_drop": 0.2,
        "min_final": 0.2,
        "min_checkpoints": 4,
        "min_rise": MinRise(0.2, 0.2, 0.1, 0.05, 0.2, 0.2),
    }
    return PhaseSettings(**{**fields, **changed})


def logistic(tokens, middle, width):
    return 1 / (1 + np.exp(-(tokens - middle) / width))


def test_levels_of_a_logistic_are_as_calculated():
    """It passes 10, 50 and 90 % at its middle and ln 9 widths to either side."""
    tokens = np.linspace(0, 100, 20_001)
    curves = np.stack([0.1 + 0.6 * logistic(tokens, 40, 2), logistic(tokens, 30, 1) - 3])
    wanted = [[40 - 2 * np.log(9), 40, 40 + 2 * np.log(9)], [30 - np.log(9), 30, 30 + np.log(9)]]
    np.testing.assert_allclose(crossings(curves, tokens), wanted, atol=1e-4)
    np.testing.assert_allclose(rises(curves), [0.6, 1.0], atol=1e-4)


def test_slope_window_of_a_logistic_is_as_calculated():
    """Its slope is p (1 - p) / width: 20 % of the peak, 0.05, where p is (1 ± √0.8) / 2."""
    tokens = np.linspace(0, 100, 20_001)
    curve = logistic(tokens, 40, 2)[None]
    reach = 2 * np.log((1 + np.sqrt(0.8)) / (1 - np.sqrt(0.8)))
    ends = tokens[slope_window(slopes(curve, tokens), 0.2)[0]]
    np.testing.assert_allclose(ends, [40 - reach, 40, 40 + reach], atol=0.011)


def test_crossings_lie_on_straight_lines_between_uneven_checkpoints():
    """0, 0, then 1 over a gap of ten: 10 % lies at one, half at five, 90 % at nine."""
    tokens = np.array([0.0, 20.0, 30.0, 32.0, 50.0])
    ends = crossings(np.array([[0.0, 0.0, 1.0, 1.0, 1.0]]), tokens)
    np.testing.assert_allclose(ends, [[21, 25, 29]])


def test_a_dip_before_the_rise_belongs_to_it():
    """From -1 at 20 to 1 at 30, whatever comes before the dip or wobbles after the rise."""
    tokens = np.arange(0.0, 100.0, 10.0)
    curve = np.array([[0.0, 0.0, -1.0, 1.0, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0]])
    assert rises(curve) == 2
    np.testing.assert_allclose(crossings(curve, tokens), [[21, 25, 29]])


def test_what_crosses_a_level_before_the_low_is_not_the_change():
    """90 % lies at -0.1 and half at -4.5: both are crossed upwards before the low at 40."""
    tokens = np.arange(0.0, 120.0, 10.0)
    curve = np.array([[-0.2, 0.0, -5.0, 0.0, -10.0, *([1.0] * 7)]])
    np.testing.assert_allclose(crossings(curve, tokens), [[41, 45, 49]])


def test_a_straight_line_has_one_slope_however_uneven_its_checkpoints():
    tokens = np.array([0.0, 1.0, 5.0, 6.0, 20.0])
    np.testing.assert_allclose(slopes(3 * tokens[None] - 1, tokens), np.full((1, 5), 3))


def test_the_start_is_the_last_crossing_of_ten_percent():
    """A blip to 0.2 that falls back does not begin the change; one to 0.6 would be its middle."""
    tokens = np.arange(8.0)
    curve = np.array([[0.0, 0.2, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]])
    np.testing.assert_allclose(crossings(curve, tokens), [[3.1, 3.5, 3.9]])


def test_a_relapse_after_the_rise_does_not_begin_it_anew():
    curve = np.array([[0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0]])
    np.testing.assert_allclose(crossings(curve, np.arange(8.0)), [[1.1, 1.5, 1.9]])


def test_one_odd_checkpoint_at_the_end_does_not_move_the_level_after():
    curve = np.array([[0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 9.0]])
    lowest, before, after = levels(curve)
    assert (lowest[0], before[0], after[0]) == (0, 0, 1)


@pytest.mark.parametrize(
    "values", [[0.3] * 9, [0.1] * 9, [1.0, 0.5, 0, 0, 0, 0], [0, 0, -1, -1, -0.1, -0.1, -0.1]]
)
def test_curves_that_do_not_rise_have_no_crossings(values):
    tokens = np.arange(float(len(values)))
    curves = np.array([values], np.float64)
    assert rises(curves)[0] <= 0
    assert np.isnan(crossings(curves, tokens)).all()
    change = detect_change(curves, tokens, 0.05, rule(smoothing=1), INTERVAL)
    assert "less than 0.05" in change.reason
    assert np.isnan(change.dates["slope"]).all() and np.isnan(change.dates["levels"]).all()


def test_smoothing_against_a_plain_loop():
    curves = np.random.default_rng(0).normal(size=(3, 11))
    for reach in (0, 1, 3, 20):
        wanted = [
            [curve[max(0, i - reach) : i + reach + 1].mean() for i in range(11)] for curve in curves
        ]
        np.testing.assert_allclose(smoothed(curves, reach), wanted)
    # No rounding where a curve is flat: ties between slopes stay ties.
    assert (smoothed(np.full((1, 9), 0.1), 0) == 0.1).all()


def test_every_draw_is_dated_as_if_it_were_alone():
    rng = np.random.default_rng(1)
    tokens = np.cumsum(rng.uniform(1, 3, 30))
    curves = logistic(tokens, 25, 2) + 0.1 * rng.normal(size=(50, 30))
    alone = [crossings(curve[None], tokens)[0] for curve in curves]
    np.testing.assert_array_equal(crossings(curves, tokens), alone)
    alone = [slope_window(slopes(curve[None], tokens), 0.2)[0] for curve in curves]
    np.testing.assert_array_equal(slope_window(slopes(curves, tokens), 0.2), alone)


# The published rule, on the ICL curves that it was first tested with.


def window_of(values: list[float], half: float = 0.05, **changed):
    """Of an ICL curve with 10 tokens per step, whose interval is `half` to either side."""
    curve = -np.array(values, np.float64)
    tokens = 10 * np.arange(len(curve), dtype=np.float64)
    return icl_windows(curve[None], curve[-1] - half, tokens, rule(**changed)).of_draw_0


def test_phase_finds_a_step_between_two_plateaus():
    window = window_of([0, 0, 0, 0, -0.2, -0.4, -0.4, -0.4])
    assert window.is_phase_change
    # Central differences reach one checkpoint beyond either end of the fall.
    assert (window.first, window.peak, window.last) == (3, 4, 5)
    assert window.drop == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([0.0] * 8, "flat"),
        ([0, 0.01, -0.02, 0.01, -0.03, 0.0, 0.02, -0.02], "noise"),
        ([0, 0, -0.3, -0.6, -0.6, -0.3, -0.1, -0.1], "a dip that does not last"),
        ([0.5, 0.5, 0.5, 0.3, 0.0, 0.0, 0.0, 0.0], "a fall that ends at zero"),
        ([-0.3] * 8, "low from the start"),
        ([-0.9, -0.8, -0.6, -0.5, -0.4, -0.3], "a rise"),
    ],
)
def test_phase_is_not_called_where_there_is_none(values, why):
    assert not window_of(values).is_phase_change, why


def test_phase_needs_the_final_interval_below_zero():
    values = [0, 0, 0, -0.2, -0.4, -0.4]
    assert window_of(values, half=0.1).is_phase_change
    assert not window_of(values, half=0.5).is_phase_change


def test_phase_needs_the_drop_inside_the_window_and_the_final_value():
    values = [-0.1, -0.1, -0.1, -0.3, -0.5, -0.5]
    assert window_of(values, min_drop=0.39, min_final=0.49).is_phase_change
    assert not window_of(values, min_drop=0.41).is_phase_change
    assert not window_of(values, min_final=0.51).is_phase_change


def test_phase_window_is_one_run_around_the_steepest_fall():
    """A second, smaller fall later is not part of the window."""
    assert window_of([0, 0, -0.3, -0.3, -0.3, -0.3, -0.4, -0.4, -0.4]).last == 2


def test_phase_may_begin_at_the_first_checkpoint():
    window = window_of([0, -0.2, -0.4, -0.4, -0.4])
    assert window.first == 0 and window.is_phase_change


def test_phase_smoothing_averages_neighbours():
    spiky = [0, 0, -0.25, 0, 0, 0, 0, -0.1, -0.2, -0.3, -0.4, -0.4, -0.4, -0.4]
    window = window_of(spiky, smoothing=2)
    assert window.peak in (8, 9) and window.is_phase_change


# Resamples.


def test_every_resample_has_a_window_of_its_own():
    """A fall by 1, by 0.1, and one whose last value is too small."""
    tokens = 10.0 * np.arange(8)
    curves = np.array(
        [[0, 0, 0, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0.1, 0.1], [0, 1, 1, 1, 1, 1, 1, 0.0]]
    )
    windows = icl_windows(curves, 0.01, tokens, rule(smoothing=0, min_drop=0.2, min_final=0.05))
    assert windows.is_phase_change.tolist() == [True, False, False]
    np.testing.assert_allclose(windows.drop, [1, 0.1, 1])
    assert windows.of_draw_0[:4] == (2, 2, 3, 1.0)


def shifted(shift: float, n_draws: int = 2000):
    """A logistic, and resamples whose middles are normal around its own."""
    tokens = np.linspace(0, 100, 401)
    middles = 50 + shift * np.random.default_rng(0).normal(size=n_draws)
    return np.stack([logistic(tokens, m, 1.5) for m in [50, *middles]]), tokens


def test_the_interval_of_a_known_shift_is_that_of_the_shift():
    """Middles with a standard deviation of 5 tokens: 95 % lie within 9.8 of theirs."""
    change = detect_change(*shifted(5.0), 0.2, rule(), INTERVAL)
    assert change.reason == ""
    for dates, tolerance in ((change.dates["levels"], 0.6), (change.dates["slope"], 0.7)):
        middle = dates[1]
        assert middle[0] == pytest.approx(50, abs=1e-4)
        np.testing.assert_allclose(middle[1:], [50 - 9.8, 50 + 9.8], atol=tolerance)
        # Start and end move with the middle.
        np.testing.assert_allclose(dates[:, 2] - dates[:, 1], 19.6, atol=2 * tolerance)


def test_without_resamples_there_is_no_interval():
    curves, tokens = shifted(5.0)
    change = detect_change(curves[:1], tokens, 0.2, rule(), INTERVAL)
    assert change.reason == "" and change.rise[0] == pytest.approx(1, abs=1e-4)
    assert np.isnan(change.rise[1:]).all()
    assert np.isnan(change.dates["levels"][:, 1:]).all()
    np.testing.assert_allclose(change.dates["levels"][1, 0], 50, atol=1e-4)


def test_a_rise_whose_interval_reaches_zero_is_none():
    """The curve rises by 0.5, and a tenth of its resamples not at all."""
    tokens = np.arange(20.0)
    step = np.where(tokens < 10, 0.0, 0.5)
    curves = np.stack([step, *([step] * 90), *([0 * step] * 10)])
    change = detect_change(curves, tokens, 0.2, rule(), INTERVAL)
    assert change.reason == "rises by 0.5, but its interval, 0 to 0.5, reaches zero"
    assert np.isnan(change.dates["slope"]).all()


def test_resamples_that_do_not_rise_have_no_date_and_no_say():
    """One in a hundred is flat: the others' dates are the interval."""
    tokens = np.arange(20.0)
    step = np.where(tokens < 10, 0.0, 0.5)
    change = detect_change(
        np.stack([step, *([step] * 99), 0 * step]), tokens, 0.2, rule(), INTERVAL
    )
    assert change.reason == ""
    np.testing.assert_allclose(change.dates["levels"][1], [9.5] * 3)
    for drawn in change.resampled.values():
        assert np.isnan(drawn[-1]).all() and np.isfinite(drawn[:-1]).all()


def test_a_step_curve_has_its_step():
    tokens = np.arange(20.0) * 100
    step = np.where(tokens < 1000, 0.0, 0.5)
    change = detect_change(step[None], tokens, 0.2, rule(), INTERVAL)
    np.testing.assert_allclose(change.dates["levels"][:, 0], [910, 950, 990])
    np.testing.assert_allclose(change.dates["slope"][:, 0], [900, 900, 1000])


def test_noise_without_a_rise_is_not_dated():
    rng = np.random.default_rng(0)
    tokens = np.arange(36.0)
    for _ in range(20):
        curves = 0.02 * rng.normal(size=(200, 36))
        assert detect_change(curves, tokens, 0.2, rule(smoothing=1), INTERVAL).reason


def test_few_checkpoints_are_too_few():
    tokens = np.arange(5.0)
    curve = np.array([[0, 0, 0.5, 1, 1]])
    assert detect_change(curve, tokens, 0.2, rule(min_checkpoints=5), INTERVAL).reason == ""
    change = detect_change(curve, tokens, 0.2, rule(min_checkpoints=6), INTERVAL)
    assert change.reason == "5 checkpoints, fewer than 6"
    assert change.rise[0] == 1
    two = detect_change(curve[:, 1:3], tokens[1:3], 0.2, rule(min_checkpoints=2), INTERVAL)
    np.testing.assert_allclose(two.dates["levels"][:, 0], [1.1, 1.5, 1.9])


def test_what_has_no_curve_has_no_rise_and_no_dates():
    change = undefined_change("there is none")
    assert np.isnan(change.rise).all() and change.reason == "there is none"
    assert all(np.isnan(dates).all() for dates in change.dates.values())


def test_overlaps_name_each_pair_once():
    dates = {
        "qk_trace": np.array([4.0, 5.0, 6.0]),
        "icl": np.array([1.0, 2.0, 4.0]),
        "ab": np.array([5.0, 8.0, 9.0]),
    }
    assert overlaps(dates) == [
        ("ab", "icl", False, -6.0),
        ("ab", "qk_trace", True, -3.0),
        ("icl", "qk_trace", True, 3.0),
    ]
    assert overlaps({"icl": dates["icl"]}) == []


# What the stage reads.


def test_tables_with_missing_rows_or_other_checkpoints_are_refused():
    source = Source(Path("data/heads/a/probes.parquet"), "heads@a")
    steps = np.array([0, 5])
    rows = {
        "step": np.repeat(steps, 4),
        "head": np.tile([0, 0, 1, 1], 2),
        "seq": np.tile([0, 1], 4),
        "score": np.arange(8, dtype=np.float32),
    }
    grain = ("step", "head", "seq")
    cube = as_cube(rows, "score", grain, steps, source)
    assert cube.dtype == np.float64 and cube[1, 0, 1] == 5
    less = {name: values[:-1] for name, values in rows.items()}
    for data, steps_of_losses in ((less, steps), (rows, np.array([0, 6]))):
        with pytest.raises(StageError, match=r"probes\.parquet: rows are missing.*heads@a"):
            as_cube(data, "score", grain, steps_of_losses, source)


def test_cells_on_one_text_must_be_alike():
    grid = {"a": Cell("m", 0), "b": Cell("m", 1), "c": Cell("m", 0, corpus="other")}
    measurements = {name: nothing(np.arange(4)) for name in grid}
    measurements["c"] = nothing(np.arange(3))
    losses = {name: Source(Path(f"data/losses/{name}.parquet"), f"losses@{name}") for name in grid}
    check_alike(grid, measurements, losses)
    measurements["b"] = nothing(np.array([0, 1, 2, 4]))
    with pytest.raises(StageError, match=r"losses/b\.parquet: other checkpoints.*of a;.*losses@b"):
        check_alike(grid, measurements, losses)


def nothing(steps: np.ndarray) -> Measurements:
    n = len(steps)
    flat, heads = np.zeros((2, n)), np.zeros((n, 1, 1))
    removed = np.zeros((n, 1, 2))
    return Measurements(steps, flat, flat, flat.T, heads[..., None], heads, flat.T, removed)

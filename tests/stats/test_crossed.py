"""Intervals over seeds and sequences: in studies made up with a known truth, and by hand."""

import math

import numpy as np
import pytest

from induction.stats.bootstrap import resamples
from induction.stats.crossed import crossed_interval, stretched
from induction.stats.student import student_interval

LEVEL = 0.95
STUDIES = 400
# Of 400 intervals of 95 %, 92 % and more cover, but for one time in a hundred.
TOLERANCE = 0.03
# Standard deviations of what a seed, a sequence (for all seeds), and a seed on a sequence add to
# a study's mean.
EFFECTS = {
    "seeds alone": (1.0, 0.0, 0.0),
    "sequences alone": (0.0, 1.0, 0.0),
    "each seed on its sequences": (0.0, 0.0, 1.0),
    "both": (1.0, 1.0, 0.0),
    "sequences above all": (0.3, 1.0, 0.3),
    "seeds above all": (1.0, 0.3, 0.3),
}


def study(rng, seeds: int, n: int, effects: tuple[float, float, float]) -> np.ndarray:
    """[seed, sequence], with a mean of zero over all studies."""
    of_seed, of_sequence, of_both = effects
    root = math.sqrt(n)
    return (
        of_seed * rng.normal(size=(seeds, 1))
        + of_sequence * root * rng.normal(size=(1, n))
        + of_both * root * rng.normal(size=(seeds, n))
    )


def covers(interval: tuple[float, float], truth: float) -> bool:
    return interval[0] <= truth <= interval[1]


@pytest.mark.parametrize("n", [32, 256])
@pytest.mark.parametrize("effects", EFFECTS.values(), ids=EFFECTS)
def test_it_covers_the_truth_whatever_varies(effects, n):
    rng, weights = np.random.default_rng(0), stretched(n, 200, 0, LEVEL) / n
    studies = [study(rng, 3, n, effects) @ weights.T for _ in range(STUDIES)]
    covered = [covers(crossed_interval(values, LEVEL)[2], 0) for values in studies]
    assert np.mean(covered) >= LEVEL - TOLERANCE


@pytest.mark.parametrize("effects", [EFFECTS["both"], EFFECTS["sequences above all"]])
def test_the_interval_over_seeds_alone_does_not(effects):
    """What all seeds share, no number of seeds shows."""
    rng = np.random.default_rng(0)
    studies = [study(rng, 3, 32, effects).mean(axis=1) for _ in range(STUDIES)]
    covered = [covers(student_interval(values, LEVEL), 0) for values in studies]
    assert np.mean(covered) < LEVEL - 0.08


@pytest.mark.parametrize("n", [10, 32])
def test_one_seed_has_the_error_of_the_sequences(n):
    """Ten sequences, too: without the stretch, their interval would cover 89 %."""
    rng = np.random.default_rng(0)
    studies = [study(rng, 1, n, EFFECTS["sequences alone"]) for _ in range(STUDIES)]

    def coverage(weights: np.ndarray) -> float:
        intervals = [crossed_interval(values @ weights.T / n, LEVEL)[2] for values in studies]
        return float(np.mean([covers(interval, 0) for interval in intervals]))

    assert coverage(stretched(n, 400, 0, LEVEL)) >= LEVEL - TOLERANCE
    if n == 10:
        assert coverage(resamples(n, 400, 0)) < LEVEL - TOLERANCE


@pytest.mark.parametrize("n", [32, 256])
def test_a_share_is_covered_if_its_denominator_is_clearly_not_zero(n):
    """A part of 60 % of a whole that lies five standard deviations from zero."""
    rng, weights = np.random.default_rng(0), stretched(n, 200, 0, LEVEL) / n
    covered = []
    for _ in range(STUDIES):
        whole = 1 + 0.2 * study(rng, 3, n, (0.2, 0.9, 0.4))
        part = 0.6 * whole + 0.1 * study(rng, 3, n, (0.5, 0.7, 0.5))
        values = (part @ weights.T) / (whole @ weights.T)
        covered.append(covers(crossed_interval(values, LEVEL)[2], 0.6))
    assert np.mean(covered) >= LEVEL - TOLERANCE


def test_ends_are_apart_by_both_distances():
    """Means 3 and 5: 4 ± 12.706. Resampled means 2 … 10: as quantiles 2.2 and 9.8."""
    values = np.array([[3.0, *np.linspace(1, 9, 81)], [5.0, *np.linspace(3, 11, 81)]])
    over_seeds, over_text, over_both = crossed_interval(values, LEVEL)
    assert over_seeds == pytest.approx((4 - 12.7062, 4 + 12.7062), abs=1e-4)
    assert over_text == pytest.approx((2.2, 9.8))
    ends = (4 - math.hypot(12.7062, 1.8), 4 + math.hypot(12.7062, 5.8))
    assert over_both == pytest.approx(ends, abs=1e-4)


def test_what_is_not_sampled_adds_nothing():
    nan = pytest.approx((math.nan, math.nan), nan_ok=True)
    alone = np.array([[4.0]])
    assert crossed_interval(alone, LEVEL) == (nan, nan, nan)
    two = np.array([[3.0], [5.0]])
    over_seeds, over_text, over_both = crossed_interval(two, LEVEL)
    assert over_text == nan and over_both == pytest.approx(over_seeds)
    # Resamples in which a seed has no value say nothing about the mean.
    drawn = np.array([[3.0, 1.0, math.nan, 3.0], [3.0, 1.0, 9.0, 3.0]])
    assert crossed_interval(drawn, LEVEL)[1] == pytest.approx((1.05, 2.95))


def test_stretched_weights_keep_their_sum_and_draw_0():
    weights = stretched(10, 50, 0, LEVEL)
    assert (weights[0] == 1).all() and weights.sum(axis=1) == pytest.approx(10)
    # t(0.975, 9) = 2.2622 over 1.95996, times sqrt(10 / 9).
    plain = resamples(10, 50, 0) - 1
    np.testing.assert_allclose(weights - 1, 1.21662 * plain, rtol=1e-4)
    assert (stretched(1, 5, 0, LEVEL) == 1).all()

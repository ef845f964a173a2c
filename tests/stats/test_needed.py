"""The seeds and sequences that would decide: with them the interval leaves its bound, with one
less it does not."""

import math

import numpy as np
import pytest

from induction.stats.crossed import crossed_interval
from induction.stats.needed import MOST, Needed, Spread, needed

LEVEL = 0.95


def half_width(seeds: int, spread: Spread, times: float) -> float:
    """By `crossed_interval`, of seeds made up with the spread, and resamples whose interval is as
    wide as that of so many times the sequences; the mean is 0."""
    values = np.linspace(-1, 1, seeds) if seeds > 1 else np.zeros(1)
    if seeds > 1:
        values *= (0 if math.isnan(spread.of_seeds) else spread.of_seeds) / values.std(ddof=1)
    # 95 % of evenly spread resamples lie within 0.95 of their largest.
    shifts = np.linspace(-1, 1, 401) * spread.of_sequences / math.sqrt(times) / LEVEL
    drawn = values[:, None] + np.array([0, *shifts])
    return crossed_interval(drawn, LEVEL)[2][1]


def test_a_worked_example():
    """Five seeds, s = 0.1, 0.08 to the bound: t(4) · 0.1 / √5 = 0.124, t(7) · 0.1 / √8 = 0.0836,
    t(8) · 0.1 / √9 = 0.0769."""
    assert needed(Spread(0.08, 5, 0.1, 0.0), 3, LEVEL) == Needed(9, 1.0)
    # 0.0769 of the seeds leaves 0.0221 to the sequences; 11 seeds have 0.0672, which leaves 0.0434.
    assert needed(Spread(0.08, 5, 0.1, 0.02), 3, LEVEL) == Needed(9, 1.0)
    assert needed(Spread(0.08, 5, 0.1, 0.04), 3, LEVEL) == Needed(11, 1.0)
    # The sequences alone reach it. Half of the variance is 0.0566: 15 seeds have 0.0554, and
    # 0.16² / (0.08² − 0.0554²) = 7.7.
    assert needed(Spread(0.08, 5, 0.1, 0.16), 3, LEVEL) == Needed(15, 7.7)


@pytest.mark.parametrize("case", range(60))
def test_what_it_names_clears_the_bound_and_one_less_does_not(case):
    rng = np.random.default_rng(case)
    seeds = int(rng.integers(1, 9))
    deviation = math.nan if seeds == 1 else float(rng.uniform(0.2, 3))
    spread = Spread(float(rng.uniform(0.1, 2)), seeds, deviation, float(rng.choice([0, 0.3, 1.5])))
    least = int(rng.integers(1, 6))
    answer = needed(spread, least, LEVEL)
    assert answer is not None and answer.seeds >= max(seeds, least)
    assert half_width(answer.seeds, spread, answer.times) < spread.distance
    if answer.times > 1:
        less = answer.times - (0.1 if answer.times <= 10 else 1)
        assert half_width(answer.seeds, spread, less) >= spread.distance
        assert half_width(MOST, spread, 1.0) >= spread.distance, "seeds alone would not do"
    elif answer.seeds > max(seeds, least):
        assert half_width(answer.seeds - 1, spread, 1.0) >= spread.distance


def test_too_near_the_bound_there_is_no_number():
    # t(999) / √1000 = 0.06205, t(995) / √996 = 0.06218.
    assert needed(Spread(0.06204, 5, 1.0, 0.0), 3, LEVEL) is None
    assert needed(Spread(0.06219, 5, 1.0, 0.0), 3, LEVEL) == Needed(996, 1.0)
    assert needed(Spread(0.0, 5, 1.0, 0.0), 3, LEVEL) is None
    # 1,000 times the sequences leave 1 / √1000 = 0.0316 of their error.
    assert needed(Spread(0.0317, 1, math.nan, 1.0), 1, LEVEL) == Needed(1, 996.0)
    assert needed(Spread(0.0316, 1, math.nan, 1.0), 1, LEVEL) is None


def test_without_any_error_the_rule_alone_says_how_many():
    assert needed(Spread(0.3, 2, 0.0, 0.0), 5, LEVEL) == Needed(5, 1.0)
    assert needed(Spread(0.0, 1, math.nan, 0.0), 3, LEVEL) == Needed(3, 1.0), "it is met"

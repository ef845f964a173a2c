"""Intervals, against quantiles worked by hand, a textbook and a simulation."""

import math

import numpy as np
import pytest

from induction.stats.intervals import with_interval
from induction.stats.student import student_interval


def test_intervals_are_equal_tailed_and_leave_draw_0_out():
    values = np.array([99.0, *range(101)])
    np.testing.assert_allclose(with_interval(values, 0.9), [99, 5, 95])


def test_interval_is_students_as_worked_by_hand():
    """Three values: t(0.975, 2) = 4.3027, so 2 ± 4.3027 × 1 / sqrt(3)."""
    low, high = student_interval(np.array([1.0, 2.0, 3.0]), 0.95)
    assert low == pytest.approx(2 - 2.48414, abs=1e-4)
    assert high == pytest.approx(2 + 2.48414, abs=1e-4)


def test_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    pairs = [student_interval(rng.normal(1, 2, 3), 0.8) for _ in range(2000)]
    covered = np.mean([low <= 1 <= high for low, high in pairs])
    assert covered == pytest.approx(0.8, abs=0.03)


def test_one_seed_has_no_interval():
    assert all(map(math.isnan, student_interval(np.array([1.0]), 0.95)))

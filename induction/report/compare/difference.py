"""The difference of two numbers that have an interval each, and of several pairs."""

from math import hypot, isnan

import numpy as np

from induction.report.compare.measures import Estimate
from induction.stats.student import student_interval


def is_identical(a: Estimate, b: Estimate) -> bool:
    """Whether two runs gave the same number, to the last digit; ends count where both are known.

    Trainings that differ in anything do not agree in every digit of a mean loss.
    """
    ends = ((a.low, b.low), (a.high, b.high))
    return a.value == b.value and all(
        end_a == end_b for end_a, end_b in ends if None not in (end_a, end_b)
    )


def difference(a: Estimate, b: Estimate, paired: tuple[float, float] | None = None) -> Estimate:
    """B − A, with the interval `paired`, or else one from both intervals where there are two.
    Identical numbers differ by 0, without an interval.

    From both: each end of the difference combines two distances, from B to its end and from A to
    its opposite end, as the root of the sum of squares (Zou and Donner 2008, MOVER; it keeps skew).
    For independent errors, as of reports on different evaluation sets, this is exact in the limit.
    Reports on the same set err together, because what is hard in it is hard for both models: the
    positive covariance is left out here, so the interval is wider than it need be
    (docs/comparing.md says by how much), and errs towards no difference.

    The interval is conditional on the two trainings: the variation between seeds is not in it.
    """
    if is_identical(a, b):
        return Estimate(0.0)
    value = b.value - a.value
    if paired is not None:
        return Estimate(value, *paired)
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return Estimate(value)
    # The interval of a ratio may leave out its value.
    below = hypot(max(b.value - b.low, 0), max(a.high - a.value, 0))
    above = hypot(max(b.high - b.value, 0), max(a.value - a.low, 0))
    return Estimate(value, value - below, value + above)


def is_clear(change: Estimate) -> bool:
    """Whether the interval of a difference leaves out zero."""
    return change.low is not None and change.high is not None and not change.low <= 0 <= change.high


def over_seeds(differences: list[float], level: float | None) -> Estimate:
    """The mean of differences, one per seed, with Student's interval over the seeds.

    The effects of a seed and of the evaluation set that both sides share cancel in the differences.
    Without a level, and below two seeds, there is no interval.
    """
    values = np.array(differences)
    if level is None:
        return Estimate(float(values.mean()))
    low, high = student_interval(values, level)
    return Estimate(float(values.mean()), *((None, None) if isnan(low) else (low, high)))

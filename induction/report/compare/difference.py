"""The difference of two numbers that have an interval each, and of several pairs."""

from math import hypot, isnan

import numpy as np

from induction.report.compare.measures import Estimate
from induction.stats.intervals import student_interval


def is_identical(a: Estimate, b: Estimate) -> bool:
    """Whether two runs gave the same number, to the last digit; ends count where both are known.

    That two trainings that differ in anything agree in every digit of a mean loss does not happen.
    """
    ends = ((a.low, b.low), (a.high, b.high))
    return a.value == b.value and all(
        own == other for own, other in ends if None not in (own, other)
    )


def difference(a: Estimate, b: Estimate, paired: tuple[float, float] | None = None) -> Estimate:
    """B − A, with the interval `paired` or, without it, one from theirs where both have one; of
    identical numbers 0 without an interval.

    From theirs: the two distances to the ends that decide about an end of the difference are added
    as squares (Zou and Donner 2008, MOVER: for two normal intervals it is the root of the sum of
    squares; it keeps skew). That is exact in the limit for numbers that err independently, as two
    reports on different evaluation sets do. Two reports on the same one err together, for what is
    hard in it is hard for both models: their covariance is positive, its term is left out here,
    and the interval is wider than it need be (docs/comparing.md: how much). It errs towards no
    difference.

    It is given the two trainings: what another seed would have given is not in it.
    """
    if is_identical(a, b):
        return Estimate(0.0)
    value = b.value - a.value
    if paired is not None:
        return Estimate(value, *paired)
    if None in (a.low, a.high, b.low, b.high):
        return Estimate(value)
    # Of a ratio, the interval may leave out the value.
    below = hypot(max(b.value - b.low, 0), max(a.high - a.value, 0))
    above = hypot(max(b.high - b.value, 0), max(a.value - a.low, 0))
    return Estimate(value, value - below, value + above)


def is_clear(found: Estimate) -> bool:
    """Whether the interval of a difference leaves out zero."""
    return None not in (found.low, found.high) and not found.low <= 0 <= found.high


def over_seeds(differences: list[float], level: float | None) -> Estimate:
    """The mean of differences, one per seed, with Student's interval over the seeds.

    What a seed and the evaluation set have in common on both sides cancels in each difference.
    Without a level, and below two seeds, there is no interval.
    """
    values = np.array(differences)
    if level is None:
        return Estimate(float(values.mean()))
    low, high = student_interval(values, level)
    return Estimate(float(values.mean()), *((None, None) if isnan(low) else (low, high)))

"""Student's interval of a mean; apart from other intervals, since scipy takes long to import."""

import math

import numpy as np
from jaxtyping import Float
from scipy.special import stdtrit


def student_interval(values: Float[np.ndarray, "replicate"], level: float) -> tuple[float, float]:
    """Student's t interval of the mean; NaN below two values."""
    n = len(values)
    if n < 2:
        return math.nan, math.nan
    mean, t = float(values.mean()), stdtrit(n - 1, (1 + level) / 2)
    half = float(t * values.std(ddof=1) / math.sqrt(n))
    return mean - half, mean + half

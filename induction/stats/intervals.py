"""Equal-tailed intervals of bootstrap resamples."""

import math

import numpy as np
from jaxtyping import Float, Shaped


def tails(level: float) -> dict[str, float]:
    """The quantiles that cut an equal-tailed interval, named as the SQL files bind them."""
    return {"low": (1 - level) / 2, "high": (1 + level) / 2}


def equal_tailed(
    resampled: Shaped[np.ndarray, "draw *more"], level: float
) -> Float[np.ndarray, "2 *more"]:
    """Both ends of the interval of the resamples."""
    return np.quantile(resampled, list(tails(level).values()), axis=0)


def with_interval(
    values: Shaped[np.ndarray, "draw *more"], level: float
) -> Float[np.ndarray, "*more 3"]:
    """The value of draw 0, and the equal-tailed interval of the others; NaN if there are none."""
    if len(values) == 1:
        low = high = np.full(values.shape[1:], np.nan)
    else:
        low, high = equal_tailed(values[1:], level)
    return np.stack([values[0], low, high], axis=-1)


def resampled_interval(values: Float[np.ndarray, "draw"], level: float) -> tuple[float, float]:
    """Equal-tailed, of the resamples that have a value; NaN if none has. Draw 0 is no resample."""
    finite = values[1:][np.isfinite(values[1:])]
    if len(finite) == 0:
        return math.nan, math.nan
    low, high = equal_tailed(finite, level)
    return float(low), float(high)

"""How many seeds and sequences would take an interval off its bound."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.special import stdtrit

# Beyond so many seeds, or times the sequences, nobody will go.
MOST = 1_000


@dataclass(frozen=True)
class Spread:
    """What lies between the mean of `seeds` seeds and a bound, all in the statistic's unit.

    `distance` is that from the mean to the bound; `of_seeds` the standard deviation of the seeds,
    NaN with one; `of_sequences` how far the interval over sequences alone reaches towards the
    bound, 0 if there is no such error.
    """

    distance: float
    seeds: int
    of_seeds: float
    of_sequences: float


@dataclass(frozen=True)
class Needed:
    """So many seeds in all, and so many times the sequences."""

    seeds: int
    times: float


def needed(spread: Spread, least_seeds: int, level: float) -> Needed | None:
    """The fewest seeds, `least_seeds` or more, with which the interval of `crossed_interval` no
    longer reaches the bound, if mean and spread stay as they are; None beyond MOST.

    Student's half-width over n seeds is t(n - 1) · s / √n. The error of the sequences is the same
    for all seeds: it falls with the root of their number alone. Where it keeps the interval on the
    bound, the sequences are asked for that do not, with as many seeds as leave half of the
    variance to either error.
    """
    seeds = np.arange(max(spread.seeds, least_seeds), MOST + 1)
    over_seeds = _half_widths(seeds, spread.of_seeds, level)
    reach = np.hypot(over_seeds, spread.of_sequences)
    # Without any error a value on the bound has met it.
    clear = (reach < spread.distance) | (reach == 0)
    if clear.any():
        return Needed(int(seeds[clear][0]), 1.0)
    balanced = (over_seeds <= spread.distance / math.sqrt(2)) & (spread.distance > 0)
    if not balanced.any():
        return None
    left = spread.distance**2 - float(over_seeds[balanced][0]) ** 2
    times = _next_above(spread.of_sequences**2 / left)
    return Needed(int(seeds[balanced][0]), times) if times <= MOST else None


def _half_widths(
    seeds: Int[np.ndarray, "count"], deviation: float, level: float
) -> Float[np.ndarray, "count"]:
    """Of one seed no deviation is known, and it adds nothing, as in `crossed_interval`."""
    if not deviation > 0:
        return np.zeros(len(seeds))
    return stdtrit(seeds - 1, (1 + level) / 2) * deviation / np.sqrt(seeds)


def _next_above(times: float) -> float:
    """A number that reads well: tenths below ten."""
    return (math.floor(10 * times) + 1) / 10 if times < 10 else math.floor(times) + 1.0

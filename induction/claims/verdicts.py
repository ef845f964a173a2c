"""From values per seed to a verdict, by a rule that was fixed before."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.stats import t as student

from induction.config.claims import Rule

Verdict = Literal["supported", "contradicted", "inconclusive", "not tested here"]


@dataclass(frozen=True)
class Finding:
    """Mean over seeds with its interval, NaN where there are too few; and what follows.

    The reason also says of which cells a statistic has no value, whatever the verdict.
    """

    value: float
    low: float
    high: float
    verdict: Verdict
    reason: str


def interval_over_seeds(values: Float[np.ndarray, "seed"], level: float) -> tuple[float, float]:
    """Student's t interval of the mean over seeds; NaN below two.

    Seeds are the replicates: sequences, heads and models of one seed share its text and its
    luck. Three seeds make a wide interval, which is what three seeds are worth. It is given the
    evaluation set: what its sequences err by is common to all seeds, and not in it.
    """
    if len(values) < 2:
        return math.nan, math.nan
    reach = student.ppf((1 + level) / 2, len(values) - 1)
    half = float(reach * values.std(ddof=1) / math.sqrt(len(values)))
    return float(values.mean()) - half, float(values.mean()) + half


def decide(values: Float[np.ndarray, "seed"], rule: Rule, level: float, why: str) -> Finding:
    """Supported where the whole interval lies on the rule's side of its bound, contradicted where
    none of it does, else inconclusive; so, too, with fewer seeds than the rule asks for.

    A rule that asks for one seed is decided by the value, if there is but one. `why` tells of
    cells without a value, and why.
    """
    if len(values) == 0:
        return Finding(math.nan, math.nan, math.nan, "inconclusive", why)
    low, high = interval_over_seeds(values, level)
    value = float(values.mean())
    if len(values) < rule.seeds:
        found = f"{len(values)} of {rule.seeds} seeds" + (f"; {why}" if why else "")
        return Finding(value, low, high, "inconclusive", found)
    ends = [value] if math.isnan(low) else [low, high]
    holds = [end >= rule.bound if rule.side == "at least" else end <= rule.bound for end in ends]
    if all(holds):
        return Finding(value, low, high, "supported", why)
    if not any(holds):
        return Finding(value, low, high, "contradicted", why)
    found = "the interval reaches to both sides" + (f"; {why}" if why else "")
    return Finding(value, low, high, "inconclusive", found)


def untested(reason: str) -> Finding:
    return Finding(math.nan, math.nan, math.nan, "not tested here", reason)


def spelled(rule: Rule) -> str:
    """A rule as people read it."""
    return f"{rule.side} {rule.bound:g}, {rule.seeds} seed{'s' * (rule.seeds != 1)}"

"""Whether and when a curve changes: two estimators of where a change begins, is midway, ends.

Curves are [draw, step] and signed so that a change is a rise: draw 0 is the curve itself, the
others, where there are any, its bootstrap resamples. The paper selects its window "based on the
derivative of the in-context score" (Olsson et al. 2022, Data Collection) and gives no rule; these
are ours, fixed in section `phases` of params.yaml.

`slope`: the run of checkpoints around the steepest rise in which the curve rises faster than
`peak_share` of it. Its ends are checkpoints.

`levels`: where the curve has made 10, 50 and 90 % of its rise, between checkpoints too.

Both read the curve averaged over `smoothing` checkpoints on either side.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from induction.config.phases import PhaseSettings
from induction.stats.intervals import with_interval

ESTIMATORS = ("levels", "slope")


class PhaseWindow(NamedTuple):
    """Indices of the checkpoints where ICL falls fastest; `drop` is its fall between them, nats."""

    first: int
    peak: int
    last: int
    drop: float
    is_phase_change: bool


class Change(NamedTuple):
    """Whether and when a curve changes. Triples are a value and its interval, NaN if undefined.

    `dates` holds, by estimator, start, middle and end in tokens; `resampled` those of every draw,
    NaN in draws that do not rise. `reason` says why there is no change; it is empty if there is
    one.
    """

    rise: Float[np.ndarray, "value_low_high=3"]
    dates: dict[str, Float[np.ndarray, "start_middle_end=3 value_low_high=3"]]
    resampled: dict[str, Float[np.ndarray, "draw start_middle_end=3"]]
    reason: str


class Overlap(NamedTuple):
    """Whether the spans of two signals share a point; `distance` is `other`'s middle minus
    `signal`'s, in tokens."""

    signal: str
    other: str
    overlap: bool
    distance: float


def smoothed(curves: Float[np.ndarray, "draw step"], reach: int) -> Float[np.ndarray, "draw step"]:
    """Each checkpoint averaged with those up to `reach` before and after it, as far as there are.

    Sums of shifted curves, not differences of running sums: those would leave rounding where a
    curve is flat, and break ties between equal slopes by it.
    """
    n = curves.shape[1]
    total, count = np.zeros_like(curves), np.zeros(n)
    most = min(reach, n - 1)
    for shift in range(-most, most + 1):
        here = slice(max(0, -shift), n - max(0, shift))
        near = slice(max(0, shift), n - max(0, -shift))
        total[:, here] += curves[:, near]
        count[here] += 1
    return total / count


def slopes(
    curves: Float[np.ndarray, "draw step"], tokens: Float[np.ndarray, "step"]
) -> Float[np.ndarray, "draw step"]:
    """Rise per token between the checkpoints on either side; at the ends, to the one neighbour."""
    here = np.arange(len(tokens))
    after, before = np.minimum(here + 1, len(tokens) - 1), np.maximum(here - 1, 0)
    return (curves[:, after] - curves[:, before]) / (tokens[after] - tokens[before])


def slope_window(
    slope: Float[np.ndarray, "draw step"], peak_share: float
) -> Int[np.ndarray, "draw 3"]:
    """Indices of the first, the steepest and the last checkpoint of the run around the steepest.

    The first of equally steep ones. There is a window in every curve, flat ones included.
    """
    n = slope.shape[1]
    peak = slope.argmax(axis=1)[:, None]
    slow = slope <= peak_share * slope.max(axis=1, keepdims=True)
    here = np.arange(n)
    first = np.where(slow & (here < peak), here + 1, 0).max(axis=1)
    last = np.where(slow & (here > peak), here - 1, n - 1).min(axis=1)
    return np.stack([first, peak[:, 0], last], axis=1)


class IclWindows(NamedTuple):
    """What `icl_windows` finds in every curve: as PhaseWindow has it."""

    ends: Int[np.ndarray, "draw first_peak_last=3"]
    drop: Float[np.ndarray, "draw"]
    is_phase_change: Bool[np.ndarray, "draw"]

    @property
    def of_draw_0(self) -> PhaseWindow:
        first, peak, last = (int(end) for end in self.ends[0])
        return PhaseWindow(first, peak, last, float(self.drop[0]), bool(self.is_phase_change[0]))


def icl_windows(
    curves: Float[np.ndarray, "draw step"],
    final_low: float,
    tokens: Float[np.ndarray, "step"],
    rule: PhaseSettings,
) -> IclWindows:
    """The window of ICL by the published rule, and whether it is a phase change, in every curve.

    `curves` and `final_low` are turned, so that more in-context learning is more. It is a phase
    change if ICL changes by at least `min_drop` inside the window, its last value (not smoothed)
    is `min_final` or more, and the interval of that value, which begins at `final_low`, lies above
    zero.
    """
    smooth = smoothed(curves, rule.smoothing)
    ends = slope_window(slopes(smooth, tokens), rule.peak_share)
    at_ends = np.take_along_axis(smooth, ends, axis=1)
    drop = at_ends[:, 2] - at_ends[:, 0]
    is_change = (drop >= rule.min_drop) & (curves[:, -1] >= rule.min_final) & (final_low > 0)
    return IclWindows(ends, drop, is_change)


def levels(
    curves: Float[np.ndarray, "draw step"],
) -> tuple[Int[np.ndarray, "draw"], Float[np.ndarray, "draw"], Float[np.ndarray, "draw"]]:
    """The levels that each curve rises between: the index of its low, the value there, and after.

    `after` is the median of the last quarter of checkpoints: one odd checkpoint does not move it.
    `before` is the lowest value up to the checkpoint that is first halfway from the first value
    to `after`: a dip before the rise belongs to it, one after it does not. A curve whose `after`
    is not above its first value has not risen, and `before` is that first value.
    """
    n = curves.shape[1]
    after = np.median(curves[:, n - -(-n // 4) :], axis=1)
    halfway = (curves[:, 0] + after) / 2
    reached = (curves >= halfway[:, None]).argmax(axis=1)
    lowest = np.where(np.arange(n) <= reached[:, None], curves, np.inf).argmin(axis=1)
    return lowest, np.take_along_axis(curves, lowest[:, None], axis=1)[:, 0], after


def rises(curves: Float[np.ndarray, "draw step"]) -> Float[np.ndarray, "draw"]:
    """After minus before, as `levels` has them; below zero for a curve that falls."""
    _, before, after = levels(curves)
    return after - before


def crossings(
    curves: Float[np.ndarray, "draw step"], tokens: Float[np.ndarray, "step"]
) -> Float[np.ndarray, "draw 3"]:
    """Tokens at 10, 50 and 90 % of the rise, on straight lines between checkpoints.

    Midway is the first crossing of 50 % after the low; the start is the last crossing of 10 %
    before that, the end the first of 90 % after it. NaN for curves that do not rise.
    """
    lowest, before, after = levels(curves)
    here = np.arange(len(tokens) - 1)

    def upward(share: float) -> tuple[Bool[np.ndarray, "draw gap"], Float[np.ndarray, "draw 1"]]:
        level = (before + share * (after - before))[:, None]
        return (curves[:, :-1] < level) & (level <= curves[:, 1:]), level

    def at(
        hits: Bool[np.ndarray, "draw gap"], gap: Int[np.ndarray, "draw 1"], level: np.ndarray
    ) -> Float[np.ndarray, "draw"]:
        low, high = (np.take_along_axis(curves, i, axis=1) for i in (gap, gap + 1))
        crosses = np.take_along_axis(hits, gap, axis=1)
        share = np.divide(level - low, high - low, out=np.full_like(low, np.nan), where=crosses)
        return (tokens[gap] + share * (tokens[gap + 1] - tokens[gap]))[:, 0]

    hits, level = upward(0.5)
    hits &= here >= lowest[:, None]
    middle_gap = hits.argmax(axis=1)[:, None]
    middle = at(hits, middle_gap, level)
    hits, level = upward(0.1)
    hits &= here <= middle_gap
    start = at(hits, len(here) - 1 - hits[:, ::-1].argmax(axis=1)[:, None], level)
    hits, level = upward(0.9)
    hits &= here >= middle_gap
    end = at(hits, hits.argmax(axis=1)[:, None], level)
    return np.stack([start, middle, end], axis=1)


def detect_change(
    curves: Float[np.ndarray, "draw step"],
    tokens: Float[np.ndarray, "step"],
    min_rise: float,
    rule: PhaseSettings,
    interval: float,
) -> Change:
    """Whether the curve changes and, if so, when, by both estimators.

    It does if it rises by at least `min_rise`, its rise's interval (where there are resamples)
    lies above zero, and there are `min_checkpoints`. Intervals of dates are over the resamples
    that rise: the others have none.
    """
    smooth = smoothed(curves, rule.smoothing)
    rise = with_interval(rises(smooth), interval)
    reason = _reason(rise, len(tokens), min_rise, rule.min_checkpoints)
    if reason:
        return undefined_change(reason)._replace(rise=rise)
    by_levels = crossings(smooth, tokens)
    by_slope = tokens[slope_window(slopes(smooth, tokens), rule.peak_share)]
    falling = np.flatnonzero(~np.isfinite(by_levels).all(axis=1))
    resampled = {"levels": by_levels, "slope": by_slope}
    for each in resampled.values():
        each[falling] = np.nan
    rising = {name: np.delete(each, falling, axis=0) for name, each in resampled.items()}
    dates = {name: with_interval(each, interval) for name, each in rising.items()}
    return Change(rise, dates, resampled, "")


def undefined_change(reason: str) -> Change:
    """The change of a signal that has no curve."""
    nowhere, never = np.full((3, 3), np.nan), np.full((1, 3), np.nan)
    return Change(
        np.full(3, np.nan),
        {estimator: nowhere for estimator in ESTIMATORS},
        {estimator: never for estimator in ESTIMATORS},
        reason,
    )


def overlaps(dates: dict[str, Float[np.ndarray, "start_middle_end=3"]]) -> list[Overlap]:
    """Which signals change together, by start, middle and end in tokens.

    Each pair once, in alphabetical order.
    """
    pairs = []
    for signal, other in combinations(sorted(dates), 2):
        (start, middle, end), (other_start, other_middle, other_end) = dates[signal], dates[other]
        meet = bool(start <= other_end and other_start <= end)
        pairs.append(Overlap(signal, other, meet, float(other_middle - middle)))
    return pairs


def _reason(
    rise: Float[np.ndarray, "3"], checkpoints: int, min_rise: float, min_checkpoints: int
) -> str:
    value, low, high = rise
    if checkpoints < min_checkpoints:
        return f"{checkpoints} checkpoints, fewer than {min_checkpoints}"
    if value < min_rise:
        return f"rises by {value:.2g}, less than {min_rise:g}"
    # NaN, where nothing was resampled, is no reason.
    if low <= 0:
        return f"rises by {value:.2g}, but its interval, {low:.2g} to {high:.2g}, reaches zero"
    return ""

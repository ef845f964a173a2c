"""Which checkpoints stage `circuits` reads: the ends of training, and those of the window."""

import numpy as np
from jaxtyping import Float, Int

from induction.config.circuits import Moment
from induction.config.phases import PhaseSettings
from induction.stats.change_points import PhaseWindow, icl_windows

# Without a phase change, shares of training stand in for the window's start, middle and end.
QUARTERS = {"start": 0.25, "middle": 0.5, "end": 0.75}


def window_of(
    steps: Int[np.ndarray, "step"],
    icl: Float[np.ndarray, "step"],
    icl_high: Float[np.ndarray, "step"],
    tokens_per_step: int,
    rule: PhaseSettings,
) -> PhaseWindow:
    """The window of the published rule, from a cell's ICL with the upper end of its interval."""
    tokens = steps.astype(np.float64) * tokens_per_step
    curve, final_low = -icl.astype(np.float64), -float(icl_high[-1])
    return icl_windows(curve[None], final_low, tokens, rule).of_draw_0


def select(
    steps: Int[np.ndarray, "step"], window: PhaseWindow, moments: tuple[Moment, ...]
) -> dict[int, str]:
    """The steps to read, in order, with their names; one step may be several moments."""
    indices = {"first": 0, "last": len(steps) - 1}
    if window.is_phase_change:
        indices |= {"start": window.first, "middle": window.peak, "end": window.last}
    names: dict[int, list[str]] = {}
    for moment in ("first", "start", "middle", "end", "last"):
        if moment not in moments:
            continue
        if moment in indices:
            index, name = indices[moment], moment
        else:
            share = QUARTERS[moment]
            index = int(np.abs(steps - share * steps[-1]).argmin())
            name = f"{100 * share:.0f} %"
        names.setdefault(int(steps[index]), []).append(name)
    return {step: ", ".join(names[step]) for step in sorted(names)}

"""Which checkpoints are read: of the whole training, and of the phase window."""

import numpy as np
from jaxtyping import Float, Int

from induction.config.circuits import Moment
from induction.config.phases import PhaseSettings
from induction.stats.change_points import PhaseWindow, icl_window

# Where there is no window, shares of training stand in for its start, middle and end.
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
    return icl_window(-icl.astype(np.float64), -float(icl_high[-1]), tokens, rule)


def readings(
    steps: Int[np.ndarray, "step"], window: PhaseWindow, wanted: tuple[Moment, ...]
) -> dict[int, str]:
    """The steps to read, in order, and what each is called; one step may be several things."""
    at: dict[str, int] = {"first": 0, "last": len(steps) - 1}
    if window.is_phase_change:
        at |= {"start": window.first, "middle": window.peak, "end": window.last}
    names: dict[int, list[str]] = {}
    for name in ("first", "start", "middle", "end", "last"):
        if name not in wanted:
            continue
        if name in at:
            index, called = at[name], name
        else:
            share = QUARTERS[name]
            index = int(np.abs(steps - share * steps[-1]).argmin())
            called = f"{100 * share:.0f} %"
        names.setdefault(int(steps[index]), []).append(called)
    return {step: ", ".join(names[step]) for step in sorted(names)}

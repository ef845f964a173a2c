"""Which checkpoints are read: those of the window, or quarters of training."""

import numpy as np
import pytest

from induction.pipeline.settings import study_of
from induction.stats import checkpoint_selection
from induction.stats.change_points import PhaseWindow
from tests.project import Project


def test_names_are_those_of_the_window_or_quarters():
    steps = np.array([0, 10, 20, 30, 40, 50, 70])
    moments = ("first", "start", "middle", "end", "last")
    window = PhaseWindow(1, 3, 6, 0.4, True)
    assert checkpoint_selection.select(steps, window, moments) == {
        0: "first", 10: "start", 30: "middle", 70: "end, last",
    }  # fmt: skip
    none = PhaseWindow(1, 3, 6, 0.1, False)
    assert checkpoint_selection.select(steps, none, moments) == {
        0: "first", 20: "25 %", 30: "50 %", 50: "75 %", 70: "last",
    }  # fmt: skip
    assert checkpoint_selection.select(steps, window, ("last",)) == {70: "last"}


def test_the_window_is_that_of_the_published_rule():
    steps, tokens_per_step = np.arange(0, 30), 100
    icl = -0.6 / (1 + np.exp(-(steps - 15.0)))
    high = np.full(30, -0.1)
    rule = study_of(Project.committed()).phases
    window = checkpoint_selection.window_of(steps, icl, high, tokens_per_step, rule)
    assert window.is_phase_change and window.first < window.peak < window.last
    assert window.peak in (14, 15) and window.drop == pytest.approx(0.6, abs=0.1)
    above = np.append(high[:-1], 0.01)
    assert not checkpoint_selection.window_of(
        steps, icl, above, tokens_per_step, rule
    ).is_phase_change

"""Every step's values, read late where a GPU computes them, and none lost."""

import math

import numpy as np
import pytest
import torch

from induction.config.errors import StageError
from induction.models.training import Update
from induction.models.training_log import UNREAD_ON_GPU, TrainingLog


def update(step: int, loss: float = 0.1) -> Update:
    return Update(step, 0.5 * step, torch.tensor(loss).double(), torch.tensor(0.25 * step))


@pytest.mark.parametrize("on_gpu", [False, True])
def test_every_step_is_in_the_table(on_gpu):
    log = TrainingLog(250, on_gpu)
    for step in range(1, 251):
        log.add(update(step, 1 / step))
    steps = np.arange(1, 251)
    columns = log.columns()
    np.testing.assert_array_equal(columns["learning_rate"], np.float32(0.5 * steps))
    np.testing.assert_array_equal(columns["loss"], (1 / steps).astype(np.float32))
    np.testing.assert_array_equal(columns["grad_norm"], np.float32(0.25 * steps))


def test_a_state_has_what_was_not_read_yet_and_gives_it_back():
    log = TrainingLog(250, on_gpu=True)
    for step in range(1, 8):
        log.add(update(step))
    state = {"model.x": torch.ones(1), **log.state()}
    again = TrainingLog(5, on_gpu=True)
    again.restore(state)
    assert [*state] == ["model.x"]
    assert len(again.columns()["loss"]) == 5, "of a state that went further, what is asked for"
    longer = TrainingLog(250, on_gpu=True)
    longer.restore(log.state())
    longer.add(update(8))
    assert longer.columns()["grad_norm"].tolist() == [0.25 * step for step in range(1, 9)]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_the_step_that_diverged_is_named(bad):
    """At once on a CPU; on a GPU when it is read, then the first of several."""
    log = TrainingLog(9, on_gpu=False)
    log.add(update(1))
    with pytest.raises(StageError, match=r"diverged at step 2 of 9: loss (nan|inf), .*muon_lr"):
        log.add(update(2, bad))
    log = TrainingLog(9, on_gpu=True)
    for step in (1, 2, 3, 4):
        log.add(update(step, 0.1 if step < 3 else bad))
    with pytest.raises(StageError, match="diverged at step 3 of 9"):
        log.state()
    log = TrainingLog(999, on_gpu=True)
    log.add(update(1, bad))
    with pytest.raises(StageError, match="diverged at step 1 of 999"):
        for step in range(2, UNREAD_ON_GPU + 1):
            log.add(update(step))
    assert step == UNREAD_ON_GPU

"""How many sequences go through a model at a time."""

from types import SimpleNamespace

import pytest
import torch

from induction.config.losses import LossSettings
from induction.models.workers import Workers
from stages.ablations import Ablations
from stages.interventions import Interventions
from stages.losses import Losses


@pytest.mark.parametrize("kind", [Losses, Ablations, Interventions])
@pytest.mark.parametrize(("on_gpu", "expected"), [(False, 3), (True, 50)])
def test_a_gpu_is_given_larger_batches(kind, on_gpu, expected):
    threads = torch.get_num_threads()
    with Workers(torch.device("cpu")) as workers:
        workers.on_gpu = on_gpu
        measure = object.__new__(kind)
        settings = LossSettings(batch=3, gpu_batch=50)
        measure.workers = workers
        measure.job = SimpleNamespace(params=SimpleNamespace(section=lambda *_: settings))
        assert measure.batch == expected
    torch.set_num_threads(threads)

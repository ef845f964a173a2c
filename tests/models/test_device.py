"""What is set for a GPU, whether there is one or not."""

import os

import pytest
import torch

from induction.config.errors import ParamsError
from induction.models import device


def test_whoever_picks_a_device_gets_products_with_the_same_bits(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    assert device.pick("cpu") == torch.device("cpu")
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_what_torch_cannot_repeat_is_refused():
    before = torch.are_deterministic_algorithms_enabled()
    try:
        device.make_deterministic()
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(before)


def test_a_gpu_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ParamsError, match=r"device: found 'cuda', .*torch sees no GPU"):
        device.pick("cuda")

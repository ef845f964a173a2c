"""The measurement of a GPU, tried at tiny sizes on the CPU."""

import re

import pytest
import torch

from induction.cli import bench_gpu
from induction.config.errors import StageError


@pytest.fixture(autouse=True)
def without_gpu(monkeypatch):
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


def test_without_a_gpu_it_measures_nothing():
    with pytest.raises(StageError, match=r"--gpu: torch sees no GPU, .*add --small"):
        bench_gpu.measure(small=False)


@pytest.mark.slow
def test_all_of_it_runs(capsys):
    bench_gpu.measure(small=True)
    text = capsys.readouterr().out
    assert text.startswith("CPU: no GPU was used; torch ")
    (rate,) = re.findall(r"\| 32 \| 2 \| yes \| 4 \| 2 \| no \| ([\d,]+) \| [\d.]+% \|", text)
    assert int(rate.replace(",", "")) > 0
    differences = re.findall(r"\| (losses|ablations) \|.* ([\d.e+-]+) \|", text)
    assert [name for name, _ in differences] == ["losses"] * 2 + ["ablations"] * 2
    assert all(float(value) < 1e-5 for _, value in differences)
    (step,) = re.findall(r"killed at step (\d+), ends in the same bits as", text)
    assert bench_gpu.KILLED_FROM <= int(step) < bench_gpu.STEPS, "it was killed on the way"
    assert "Moving" not in text

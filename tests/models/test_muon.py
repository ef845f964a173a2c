"""Muon in fp32 against torch's, and against the singular values it is about."""

import pytest
import torch
from torch import nn
from torch.optim._muon import _zeropower_via_newtonschulz

from induction.models.muon import EPSILON, ITERATIONS, A, B, C, CpuMuon, orthogonalized
from induction.models.workers import Workers

OPTIONS = {"lr": 0.02, "momentum": 0.95, "weight_decay": 0.1}
SHAPES = [(16, 16), (64, 16), (16, 64), (16, 16), (16, 16)]


def matrices(seed: int) -> list[torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=rng) for shape in SHAPES]


def singular_values(matrix: torch.Tensor) -> torch.Tensor:
    """What the polynomial makes of the singular values of a matrix, in double precision."""
    values = torch.linalg.svdvals(matrix.double()) / matrix.double().norm()
    for _ in range(ITERATIONS):
        values = A * values + B * values**3 + C * values**5
    return values


@pytest.mark.parametrize("shape", [(16, 16), (64, 16), (16, 64)])
def test_it_keeps_singular_vectors_and_turns_singular_values_as_the_polynomial_says(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    left, _, right = torch.linalg.svd(matrix.double(), full_matrices=False)
    expected = left @ torch.diag(singular_values(matrix)) @ right
    (actual,) = orthogonalized(matrix[None])
    torch.testing.assert_close(actual.double(), expected, atol=1e-4, rtol=0)
    assert torch.linalg.svdvals(actual).min() > 0.3


def test_a_matrix_of_zeros_stays_one():
    assert torch.equal(orthogonalized(torch.zeros(1, 4, 4)), torch.zeros(1, 4, 4))


@pytest.fixture
def in_single_precision(monkeypatch):
    """Torch's iteration without its bf16, so that the two can be compared to rounding."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)


@pytest.mark.parametrize("options", [OPTIONS, OPTIONS | {"momentum": 0.0, "weight_decay": 0.0}])
def test_steps_are_torch_s_muon(options, in_single_precision):
    ours, theirs = ([nn.Parameter(m.clone()) for m in matrices(0)] for _ in range(2))
    with Workers(torch.device("cpu")) as workers:
        steppers = CpuMuon(ours, workers, **options), torch.optim.Muon(theirs, **options)
        for step in range(1, 6):
            for weights, stepper in zip((ours, theirs), steppers, strict=True):
                for weight, gradient in zip(weights, matrices(step), strict=True):
                    weight.grad = gradient.clone()
                stepper.step()
    for one, other, before in zip(ours, theirs, matrices(0), strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=0)
        assert (one - before).abs().max() > 0.01


def test_bf16_is_near():
    """On a GPU torch's own runs in bf16: the same step, coarsely."""
    matrix = matrices(0)[1]
    theirs = _zeropower_via_newtonschulz(matrix, (A, B, C), ITERATIONS, EPSILON).float()
    (ours,) = orthogonalized(matrix[None])
    cosine = torch.nn.functional.cosine_similarity(ours.flatten(), theirs.flatten(), dim=0)
    assert cosine > 0.99 and not torch.equal(ours, theirs)


def test_any_number_of_threads_gives_the_same_bits():
    results = []
    before = torch.get_num_threads()
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        weights = [nn.Parameter(matrix) for matrix in matrices(0)]
        with Workers(torch.device("cpu")) as workers:
            stepper = CpuMuon(weights, workers, **OPTIONS)
            for weight, gradient in zip(weights, matrices(1), strict=True):
                weight.grad = gradient
            stepper.step()
        results.append(weights)
    torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_what_cannot_be_a_step_is_refused():
    with Workers(torch.device("cpu")) as workers:
        stepper = CpuMuon([nn.Parameter(torch.zeros(2, 2))], workers, **OPTIONS)
        with pytest.raises(ValueError, match="without a gradient"):
            stepper.step()
        with pytest.raises(ValueError, match="found a closure"):
            stepper.step(lambda: 0.0)

"""Muon (Jordan et al. 2024) for CPUs: its iteration in fp32, shared among the cores.

`torch.optim.Muon` computes in bf16. A CPU without instructions for it, which most laptops have,
emulates it on one thread, and that takes longer than the rest of the step.
"""

import math
from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer

from induction.models.workers import Workers

# The polynomial a x + b x^3 + c x^5 of Jordan et al., applied to the singular values in each of
# five steps, which bring them to between about 0.7 and 1.2.
A, B, C = 3.4445, -4.7750, 2.0315
ITERATIONS = 5
EPSILON = 1e-7
# Matrices per task: always the same, so that the bits do not depend on the number of cores.
TOGETHER = 2


def orthogonalized(
    matrices: Float[Tensor, "matrix row column"],
) -> Float[Tensor, "matrix row column"]:
    """Each matrix with its singular values near one and its singular vectors kept."""
    if matrices.shape[1] > matrices.shape[2]:
        return orthogonalized(matrices.mT).mT
    x = matrices / matrices.norm(dim=(1, 2), keepdim=True).clamp(min=EPSILON)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=B, alpha=C), x, beta=A)
    return x


class CpuMuon(Optimizer):
    """What `torch.optim.Muon` does, in fp32: Nesterov momentum, decoupled weight decay, and rates
    that grow with the square root of rows per column above one.

    A matrix's state is `momentum_buffer`, as there.
    """

    def __init__(
        self,
        weights: list[nn.Parameter],
        workers: Workers,
        *,
        lr: float,
        momentum: float,
        weight_decay: float,
    ):
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(weights, defaults)
        self._workers = workers

    def step(self, closure: Callable[[], float] | None = None) -> None:
        """Update every weight from its gradient. Raises ValueError for a closure."""
        if closure is not None:
            raise ValueError("found a closure, expected none: gradients are set before the step")
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[nn.Parameter]] = {}
            for weight in group["params"]:
                if weight.grad is None:
                    raise ValueError("found a weight without a gradient, expected one for each")
                if "momentum_buffer" not in self.state[weight]:
                    self.state[weight]["momentum_buffer"] = torch.zeros_like(weight.grad)
                by_shape.setdefault(weight.shape, []).append(weight)
            tasks = [
                weights[first : first + TOGETHER]
                for weights in by_shape.values()
                for first in range(0, len(weights), TOGETHER)
            ]
            # Those of all shapes at once, so that no core waits between shapes.
            self._workers.map(partial(self._update, **group), tasks)

    def _update(
        self,
        weights: list[nn.Parameter],
        lr: float,
        momentum: float,
        weight_decay: float,
        **_: object,
    ) -> None:
        """Update weights of one shape."""
        with torch.no_grad():  # which is a thread's own
            directions = torch.stack([self._direction(weight, momentum) for weight in weights])
            rows, columns = weights[0].shape
            rate = lr * math.sqrt(max(1, rows / columns))
            for weight, update in zip(weights, orthogonalized(directions), strict=True):
                weight.mul_(1 - lr * weight_decay)
                weight.add_(update, alpha=-rate)

    def _direction(self, weight: nn.Parameter, momentum: float) -> Tensor:
        """The gradient after momentum, looking one step ahead (Nesterov)."""
        assert weight.grad is not None
        buffer = self.state[weight]["momentum_buffer"]
        buffer.lerp_(weight.grad, 1 - momentum)
        return weight.grad.lerp(buffer, momentum)

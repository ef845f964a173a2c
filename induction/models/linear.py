"""Products with weights, at the full rate of the processor.

torch has two libraries for them. MKL, its own choice for fp32, leaves AVX-512 unused on processors
of AMD, where oneDNN takes less than half the time. Elsewhere oneDNN is no slower.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.flop_counter import mm_flop, register_flop_formula

HAS_ONEDNN = torch.backends.mkldnn.is_available()
if HAS_ONEDNN:
    # torch counts the operations of its own products, and has no formula for this one.
    register_flop_formula(torch.ops.mkldnn._linear_pointwise)(
        lambda x, weight, *_, **__: mm_flop((math.prod(x[:-1]), x[-1]), weight[::-1])
    )


class Linear(nn.Linear):
    """`nn.Linear` by `linear`."""

    def forward(self, x: Float[Tensor, "*batch n_in"]) -> Float[Tensor, "*batch n_out"]:
        return linear(x, self.weight, self.bias)


def replace_linears(model: nn.Module, old: type[nn.Linear], new: type[nn.Linear]) -> None:
    """Have every layer of class `old` compute as `new` does; weights stay where they are."""
    for module in model.modules():
        if type(module) is old:
            module.__class__ = new


def linear(
    x: Float[Tensor, "*batch n_in"],
    weight: Float[Tensor, "n_out n_in"],
    bias: Float[Tensor, "n_out"] | None = None,
) -> Float[Tensor, "*batch n_out"]:
    """x @ weight.T + bias: by oneDNN in fp32 on a CPU, else as torch does it."""
    in_fp32 = x.dtype == weight.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    if not (HAS_ONEDNN and x.device.type == "cpu" and in_fp32):
        return F.linear(x, weight, bias)
    if torch.is_grad_enabled():
        return _Linear.apply(x, weight, bias)
    return _product(x, weight, bias)


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    # A slice of a wider matrix would take oneDNN's slowest path. A transposed one does not.
    if not weight.mT.is_contiguous():
        weight = weight.contiguous()
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


class _Linear(torch.autograd.Function):
    """With the gradients, which the operation lacks."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        rows, dy_rows = x.flatten(0, -2), dy.flatten(0, -2)
        return (
            _product(dy, weight.mT) if needs_x else None,
            _product(dy_rows.mT, rows.mT) if needs_weight else None,
            dy_rows.sum(0) if needs_bias else None,
        )

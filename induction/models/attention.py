"""Causal attention for CPUs, exact and in fp32: one block of queries after the other.

A block's scores reach back only as far as its last query, so that about half of all scores are
never formed, and what is formed fits a core's cache. For heads as small as ours this takes less
time than torch's fused kernel, with which `induction bench` trains its plain way.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

# Queries per block. Half and double this take longer.
BLOCK = 64

Vectors = Float[Tensor, "batch *head pos d_head"]


def causal_attention(q: Vectors, k: Vectors, v: Vectors) -> Vectors:
    """softmax(q k^T / sqrt(d_head)) v, each query over the keys up to its own position.

    On a GPU by torch's fused kernel, which needs no memory for patterns.
    """
    if q.device.type != "cpu":
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    q = q / math.sqrt(q.shape[-1])
    z = _Blocks.apply(*(each.reshape(-1, *each.shape[-2:]) for each in (q, k, v)))
    return z.view(q.shape)


def causal_pattern(q: Vectors, k: Vectors) -> Float[Tensor, "batch *head query key"]:
    """softmax(q k^T / sqrt(d_head)), zero for keys after the query."""
    q = q / math.sqrt(q.shape[-1])
    pattern = q.new_zeros(*q.shape[:-1], k.shape[-2])
    for block in _blocks(q.shape[-2]):
        pattern[..., block, : block.stop] = _scores(q, k, block).softmax(-1)
    return pattern


def _scores(q: Tensor, k: Tensor, block: slice) -> Float[Tensor, "*more query key"]:
    """Of a block of scaled queries with the keys up to its end; -inf for keys after the query."""
    scores = q[..., block, :] @ k[..., : block.stop, :].mT
    size = block.stop - block.start
    scores[..., block] += scores.new_full((size, size), -torch.inf).triu(1)
    return scores


def _blocks(length: int) -> list[slice]:
    return [slice(first, min(length, first + BLOCK)) for first in range(0, length, BLOCK)]


class _Blocks(torch.autograd.Function):
    """Attention of scaled queries. Patterns are kept for the gradients, where those are asked for:
    to compute them again would take longer."""

    @staticmethod
    def forward(
        ctx: Any,
        q: Float[Tensor, "n pos d_head"],
        k: Float[Tensor, "n pos d_head"],
        v: Float[Tensor, "n pos d_head"],
    ) -> Float[Tensor, "n pos d_head"]:
        z, patterns = torch.empty_like(v), []
        for block in _blocks(q.shape[1]):
            end = block.stop
            scores = _scores(q, k, block)
            pattern = torch.softmax(scores, -1, out=scores)
            z[:, block] = torch.bmm(pattern, v[:, :end])
            if any(ctx.needs_input_grad):
                patterns.append(pattern)
        ctx.save_for_backward(q, k, v, z, *patterns)
        return z

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, dz: Float[Tensor, "n pos d_head"]
    ) -> tuple[Float[Tensor, "n pos d_head"], ...]:
        q, k, v, z, *patterns = ctx.saved_tensors
        dq, dk, dv = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        # Of a softmax: pattern * (dpattern - sum(pattern * dpattern)); that sum is z's share in dz.
        share = (z * dz).sum(-1, keepdim=True)
        for block, pattern in zip(_blocks(q.shape[1]), patterns, strict=True):
            end = block.stop
            dscores = torch.bmm(dz[:, block], v[:, :end].mT).sub_(share[:, block]).mul_(pattern)
            dq[:, block] = torch.bmm(dscores, k[:, :end])
            dk[:, :end] += torch.bmm(dscores.mT, q[:, block])
            dv[:, :end] += torch.bmm(pattern.mT, dz[:, block])
        return dq, dk, dv

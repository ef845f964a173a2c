"""What heads attend to by position alone, from their weights."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from induction.models.transformer import Transformer, rotate, smear


@torch.inference_mode()
def position_patterns(
    model: Transformer, layer: int, scale: float
) -> Float[Tensor, "head query key"]:
    """Attention by the term of two positions alone, pos W_QK pos^T: causal, rows sum to one.

    Sinusoids are added behind the LayerNorm, so that for them the term is exact. Learned positions
    pass it with the tokens: here they are centred and multiplied by its gain and `scale`, its mean
    1/scale over text. Rotary positions have no term of their own; what stands here is how they
    turn the score of one token with itself, the mean embedding: queries and keys of `ln1` of it.
    """
    block, arch = model.layers[layer], model.arch
    attn = block.attn
    if arch.positions == "qk_sinusoidal":
        x = attn.sinusoids
    elif arch.positions == "learned":
        x = (model.pos.weight - model.pos.weight.mean(1, keepdim=True)) * scale * block.ln1.weight
    else:
        x = block.ln1(model.tok_embed.weight).mean(0).expand(model.n_ctx, -1)
    q, k = (
        own(x).unflatten(-1, (arch.n_heads, arch.d_head)).transpose(0, 1)[None]
        for own in (attn.q, attn.k)
    )
    if arch.positions == "rotary":
        q, k = rotate(q), rotate(k)
    if arch.smeared_keys:
        k = smear(k, attn.smear_gate)
    scores = (q @ k.mT)[0] / math.sqrt(arch.d_head)
    future = torch.ones(scores.shape[-2:], dtype=torch.bool, device=x.device).triu(1)
    return scores.masked_fill(future, -torch.inf).softmax(-1)


def by_offset(
    pattern: Float[Tensor, "*batch query key"], most: int
) -> Float[Tensor, "*batch offset"]:
    """Mean attention 0, 1, … `most` - 1 positions back, over the queries that have as many."""
    return torch.stack(
        [pattern.diagonal(-offset, -2, -1).mean(-1) for offset in range(most)], dim=-1
    )


def inexact_positions(model: Transformer, layer: int) -> str:
    """Why the position term is not exact; '' where it is."""
    if model.arch.positions == "learned":
        return "learned positions pass ln1 with the tokens: its scale is its mean" + (
            "" if layer == 0 else "; what earlier layers made of them is left out"
        )
    if model.arch.positions == "rotary":
        return "rotary positions have no term of their own: shown for the mean token"
    return ""

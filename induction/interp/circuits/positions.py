"""What heads attend to by position alone, from their weights."""

import torch
from jaxtyping import Float
from torch import Tensor

from induction.models.transformer import Transformer


@torch.inference_mode()
def position_patterns(
    model: Transformer, layer: int, scale: float
) -> Float[Tensor, "head query key"]:
    """Attention by the term of two positions alone, pos W_QK pos^T: causal, rows sum to one.

    Sinusoids are added after the LayerNorm, so that for them the term is exact. Learned positions
    pass the LayerNorm together with the tokens: here they are centred and multiplied by its gain
    and by `scale`, its mean 1/scale over text. Rotary positions add no term; shown is how they turn
    the score of the mean token with itself, with queries and keys of the mean `ln1(W_E)`.
    """
    block = model.layers[layer]
    if model.arch.positions == "qk_sinusoidal":
        x = torch.zeros(model.n_ctx, model.arch.d_model)  # `qk` adds the sinusoids
    elif model.arch.positions == "learned":
        x = (model.pos.weight - model.pos.weight.mean(1, keepdim=True)) * scale * block.ln1.weight
    else:
        x = block.ln1(model.tok_embed.weight).mean(0).expand(model.n_ctx, -1)
    return block.attn.pattern(*block.attn.qk(x[None]))[0]


def by_offset(
    pattern: Float[Tensor, "*batch query key"], offsets: int
) -> Float[Tensor, "*batch offset"]:
    """Mean attention 0, 1, … `offsets` - 1 positions back, over the queries with so many before."""
    return torch.stack(
        [pattern.diagonal(-offset, -2, -1).mean(-1) for offset in range(offsets)], dim=-1
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

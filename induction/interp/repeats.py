"""Loss per repetition: how well a random block is predicted each time it comes round."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from induction.interp.losses import token_nll
from induction.models.transformer import Transformer


@torch.inference_mode()
def repeat_losses(
    model: Transformer,
    tokens: Int[Tensor, "batch pos"],
    in_block: Bool[Tensor, "batch pos"],
    repeats: int,
) -> Float[Tensor, "batch repeat"]:
    """Mean loss [nats] of predicting the block's tokens in each of its repeats, from 0.

    `in_block` marks them; BOS, which nothing predicts, may be marked or not. The first token of
    every repeat is left out, because after a random gap it cannot be predicted, and probes with
    and without gaps should compare. Repeat 0 is the block before it was seen.
    """
    losses = token_nll(model, tokens)[in_block[:, 1:]].view(len(tokens), repeats, -1)
    return losses[:, :, 1:].mean(-1)

"""Per-token losses without ever holding all logits."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from induction.models.transformer import Transformer

# Logits of one chunk, rows x vocabulary x 4 bytes, should stay near the cache of one core.
CHUNK_BYTES = 1024 * 1024


def nll(
    model: Transformer, resid: Float[Tensor, "batch pos d_model"], targets: Int[Tensor, "batch pos"]
) -> Float[Tensor, "batch pos"]:
    """Loss [nats] of predicting `targets` from the final residual stream, before `ln_out`."""
    x = model.ln_out(resid).flatten(0, 1)
    flat = targets.flatten()
    vocab_size = model.head.weight.shape[0]
    rows = max(16, CHUNK_BYTES // (4 * vocab_size)) if x.device.type == "cpu" else 1 << 14
    losses = []
    for part, wanted in zip(x.split(rows), flat.split(rows), strict=True):
        logits = model.head(part)
        losses.append(logits.logsumexp(-1) - logits.gather(1, wanted[:, None])[:, 0])
    return torch.cat(losses).unflatten(0, targets.shape)


@torch.inference_mode()
def token_nll(model: Transformer, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos-1"]:
    """Loss [nats] of every token but the first: entry i predicts token i + 1 from tokens 0 … i.

    Olsson et al. 2022, Data Collection (1).
    """
    return nll(model, model.final_resid(tokens[:, :-1]), tokens[:, 1:])

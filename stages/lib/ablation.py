"""Losses without one head: exact, and without running twice what the head does not touch."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from stages.lib.model import Block, Transformer
from stages.lib.nll import nll

Mode = Literal["full", "pattern", "none"]
# (layer, head, mode); the whole model is (-1, -1, "none").
Key = tuple[int, int, Mode]


def _with_pattern(
    block: Block,
    resid: Float[Tensor, "batch pos d_model"],
    pattern: Float[Tensor, "batch head query key"],
) -> Float[Tensor, "batch pos d_model"]:
    """A block whose attention is forced to `pattern`; only its values follow `resid`."""
    z = pattern @ block.attn.values(block.ln1(resid))
    return block.after_attention(resid + block.attn.out(z))


@torch.inference_mode()
def ablated_nll(
    model: Transformer, tokens: Int[Tensor, "batch pos"], modes: tuple[Mode, ...]
) -> dict[Key, Float[Tensor, "batch pos-1"]]:
    """Token losses of the whole model, and without each of its heads, in each mode.

    Zero ablation (Olsson et al. 2022, Data Collection (2)): the head's result vector is set to
    zero. `full` lets everything downstream change; `pattern` (pattern-preserving) forces every
    later layer to the attention patterns of the whole model, so that only paths through values
    change.

    Removing head h is linear: resid_mid - z_h W_O[h]. Layers before it are run once for all
    heads, and in the last layer both modes are the same computation.
    """
    inputs, targets = tokens[:, :-1], tokens[:, 1:]
    resid = model.embedding(inputs)
    mids, zs, patterns = [], [], []
    for layer, block in enumerate(model.layers):
        x = block.ln1(resid)
        z = block.attn.z(x)
        # Layer 0 is downstream of no head, so its patterns are never forced.
        patterns.append(block.attn.pattern(x) if "pattern" in modes and layer > 0 else None)
        mids.append(resid + block.attn.out(z))
        zs.append(z)
        resid = block.after_attention(mids[-1])
    found: dict[Key, Tensor] = {(-1, -1, "none"): nll(model, resid, targets)}

    last = len(model.layers) - 1
    for layer, block in enumerate(model.layers):
        for head in range(model.arch.n_heads):
            without = block.after_attention(mids[layer] - block.attn.head_out(zs[layer], head))
            if layer == last:
                losses = nll(model, without, targets)
                found.update({(layer, head, mode): losses for mode in modes})
                continue
            for mode in modes:
                resid = without
                for later in range(layer + 1, last + 1):
                    if mode == "full":
                        resid = model.layers[later](resid)[0]
                    else:
                        resid = _with_pattern(model.layers[later], resid, patterns[later])
                found[layer, head, mode] = nll(model, resid, targets)
    return found

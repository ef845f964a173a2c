"""Losses without one head: exact, and without running twice what the head does not touch."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from induction.config.icl import IclWindows
from induction.interp.losses import nll
from induction.models.transformer import Block, Transformer

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
def head_outputs(
    model: Transformer, tokens: Int[Tensor, "batch pos"]
) -> list[Float[Tensor, "batch head pos-1 d_head"]]:
    """Every head's mixed values (`hook_z`) in the whole model, one tensor per layer."""
    resid, found = model.embedding(tokens[:, :-1]), []
    for block in model.layers:
        found.append(block.attn.z(block.ln1(resid)))
        resid = block.after_attention(resid + block.attn.out(found[-1]))
    return found


@torch.inference_mode()
def substitutes(
    zs: list[Float[Tensor, "batch head pos d_head"]], replacement: Literal["mean", "resample"]
) -> list[Float[Tensor, "batch head pos d_head"]]:
    """What stands in for each head's z: `mean` is its mean over the sequences and positions of
    `zs`; `resample` its z at the same position in the next sequence, for the last in the first.

    Olsson et al. 2022 set it to zero (Data Collection (2)); these two are checks on that, for
    zero takes away what a head writes everywhere as well as what it says here.
    """
    if replacement == "resample":
        return [z.roll(-1, 0) for z in zs]
    # Positions first: every sequence has as many, and sums over sequences keep their order.
    return [z.mean(2, keepdim=True).mean(0, keepdim=True).expand_as(z) for z in zs]


@torch.inference_mode()
def ablated_nll(
    model: Transformer,
    tokens: Int[Tensor, "batch pos"],
    modes: tuple[Mode, ...],
    instead: list[Float[Tensor, "batch head pos-1 d_head"]] | None = None,
) -> dict[Key, Float[Tensor, "batch pos-1"]]:
    """Token losses [nats] of the whole model, and without each of its heads, in each mode.

    The head's result vector (`hook_z`) is set to zero (Olsson et al. 2022, Data Collection (2)),
    or to what `instead` holds for its layer. `full` lets everything downstream change; `pattern`
    (pattern-preserving) forces every later layer to the attention patterns of the whole model,
    so that only paths through values change.

    Replacing head h is linear: resid_mid - (z_h - z'_h) W_O[h]. Layers before it are run once for
    all heads, and in the last layer both modes are the same computation.
    """
    inputs, targets = tokens[:, :-1], tokens[:, 1:]
    resid = model.embedding(inputs)
    mids, changes, patterns = [], [], []
    for layer, block in enumerate(model.layers):
        x = block.ln1(resid)
        z = block.attn.z(x)
        # Layer 0 is downstream of no head, so its patterns are never forced.
        patterns.append(block.attn.pattern(x) if "pattern" in modes and layer > 0 else None)
        mids.append(resid + block.attn.out(z))
        changes.append(z if instead is None else z - instead[layer])
        resid = block.after_attention(mids[-1])
    found: dict[Key, Tensor] = {(-1, -1, "none"): nll(model, resid, targets)}

    last = len(model.layers) - 1
    for layer, block in enumerate(model.layers):
        for head in range(model.arch.n_heads):
            without = block.after_attention(mids[layer] - block.attn.head_out(changes[layer], head))
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


def reduced(
    losses: Float[Tensor, "batch pos"], windows: IclWindows, sampled: Int[Tensor, "batch"]
) -> Float[Tensor, "4 batch"]:
    """Losses [nats] of each sequence in the early and the late window (both ends included), over
    all positions, and at its sampled position."""
    early, late = (
        losses[:, first : last + 1].mean(1) for first, last in (windows.early, windows.late)
    )
    return torch.stack([early, late, losses.mean(1), losses.gather(1, sampled[:, None])[:, 0]])

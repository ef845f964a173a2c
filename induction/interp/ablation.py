"""Losses without one head: exact, and without running twice what the head does not touch."""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from induction.interp.activations import Edits, Site, after_attention, final_resid, layers
from induction.interp.losses import nll
from induction.models.model import Model

Mode = Literal["full", "pattern", "none"]


class Ablation(NamedTuple):
    layer: int
    head: int
    mode: Mode


WHOLE_MODEL = Ablation(-1, -1, "none")


@torch.inference_mode()
def head_outputs(
    model: Model, tokens: Int[Tensor, "batch pos"]
) -> list[Float[Tensor, "batch head pos-1 d_head"]]:
    """Every head's mixed values (`hook_z`) in the whole model, one tensor per layer."""
    return [layer.z for layer in layers(model, model.embedding(tokens[:, :-1]))]


@torch.inference_mode()
def substitutes(
    zs: list[Float[Tensor, "batch head pos d_head"]], replacement: Literal["mean", "resample"]
) -> list[Float[Tensor, "batch head pos d_head"]]:
    """What replaces each head's z: `mean` is its mean over the sequences and positions of `zs`;
    `resample` its z at the same position in the next sequence, for the last in the first.

    Olsson et al. 2022 set z to zero (Data Collection (2)), which also takes away what a head
    writes everywhere alike. These two replacements keep that part, as a check.
    """
    if replacement == "resample":
        return [z.roll(-1, 0) for z in zs]
    # Positions first: every sequence has as many, and sums over sequences keep their order.
    return [z.mean(2, keepdim=True).mean(0, keepdim=True).expand_as(z) for z in zs]


@torch.inference_mode()
def ablated_nll(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    modes: tuple[Mode, ...],
    replacements: list[Float[Tensor, "batch head pos-1 d_head"]] | None = None,
) -> dict[Ablation, Float[Tensor, "batch pos-1"]]:
    """Token losses [nats] of the whole model, and without each of its heads, in each mode.

    The head's result vector (`hook_z`) is set to zero (Olsson et al. 2022, Data Collection (2)),
    or to what `replacements` holds for its layer. `full` lets everything downstream change;
    `pattern` (pattern-preserving) forces every later layer to the attention patterns of the whole
    model, so that only paths through values change.

    Replacing head h is linear: resid_mid - (z_h - z'_h) W_O[h]. Layers before it are run once for
    all heads, and in the last layer both modes are the same computation.
    """
    resid, targets = model.embedding(tokens[:, :-1]), tokens[:, 1:]
    mids, mlp_outs, changes, forced = [], [], [], {}
    for layer in layers(model, resid):
        # Layer 0 is downstream of no head, so its patterns are never forced.
        if "pattern" in modes and layer.index > 0:
            forced[Site("pattern", layer.index)] = layer.pattern
        mids.append(layer.resid_mid)
        mlp_outs.append(layer.parallel_mlp_out)
        changes.append(layer.z - replacements[layer.index] if replacements else layer.z)
        resid = layer.resid_post
    losses = {WHOLE_MODEL: nll(model, resid, targets)}

    edits: dict[Mode, Edits | None] = {"full": None, "pattern": forced}
    for index, block in enumerate(model.layers):
        for head in range(model.n_heads):
            mid = mids[index] - block.attn.head_out(changes[index], head)
            without = after_attention(block, mid, mlp_outs[index])
            if index == len(model.layers) - 1:
                last = nll(model, without, targets)
                losses |= {Ablation(index, head, mode): last for mode in modes}
                continue
            for mode in modes:
                final = final_resid(model, without, index + 1, edits[mode])
                losses[Ablation(index, head, mode)] = nll(model, final, targets)
    return losses

"""Edges between heads: cut one and keep the rest, or keep only a path and cut the rest.

An edge is (reader, writer): what one head writes as the input of another's queries, keys or values
(path patching; Wang et al. 2022, Goldowsky-Dill et al. 2023). A circuit of induction is edges into
keys (K-composition); with smeared keys a head needs no writer, and its edge is the share that the
previous position has in its keys.
"""

import copy
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from induction.interp.composition import Reader
from induction.interp.losses import nll
from induction.models.transformer import Attention, Block, Transformer

Head = tuple[int, int]  # layer, head of the layer
# The writer of a head that reads its smeared key: (-1, -1).
SMEAR: Head = (-1, -1)
Edge = tuple[Head, Head]  # reader, writer
Replacement = Literal["mean", "zero"]


class Heads(NamedTuple):
    """Of every head of a layer: queries, keys, values, and what they come to (`hook_z`)."""

    q: Float[Tensor, "batch head pos d_head"]
    k: Float[Tensor, "batch head pos d_head"]
    v: Float[Tensor, "batch head pos d_head"]
    z: Float[Tensor, "batch head pos d_head"]


@dataclass(frozen=True)
class Run:
    """The whole model on some tokens, at every position but the last (`query`): inputs of every
    layer, its heads, and what is written."""

    tokens: Int[Tensor, "batch pos"]
    resids: list[Float[Tensor, "batch query d_model"]]
    heads: list[Heads]
    outs: list[Float[Tensor, "head batch query d_model"]]
    mlps: list[Float[Tensor, "batch query d_model"]]
    nll: Float[Tensor, "batch query"]


def _heads(block: Block, resid: Float[Tensor, "batch pos d_model"]) -> Heads:
    x = block.ln1(resid)
    q, k = block.attn.qk(x)
    v = block.attn.values(x)
    return Heads(q, k, v, scaled_dot_product_attention(q, k, v, is_causal=True))


@torch.inference_mode()
def run(model: Transformer, tokens: Int[Tensor, "batch pos"]) -> Run:
    resid = model.embedding(tokens[:, :-1])
    resids, heads, outs, mlps = [], [], [], []
    for block in model.layers:
        resids.append(resid)
        heads.append(_heads(block, resid))
        outs.append(_written(block, heads[-1].z))
        mid = resid + block.attn.out(heads[-1].z)
        resid = block.after_attention(mid)
        mlps.append(resid - mid)
    return Run(tokens, resids, heads, outs, mlps, nll(model, resid, tokens[:, 1:]))


@dataclass(frozen=True)
class Means:
    """What stands in for a head or MLP that is cut: its mean over sequences and positions of the
    whole model, or zero."""

    outs: list[Float[Tensor, "head #batch #pos d_model"]]
    mlps: list[Float[Tensor, "#batch #pos d_model"]]


def means(runs: list[Run], replacement: Replacement) -> Means:
    """Over all sequences of `runs`, which are equally long."""

    def mean(parts: list[Tensor], sequences: int) -> Tensor:
        # [..., batch, pos, d_model]: positions first, so that sums keep the sequences' order.
        found = torch.cat(parts, sequences).mean(sequences + 1, keepdim=True)
        found = found.mean(sequences, keepdim=True)
        return torch.zeros_like(found) if replacement == "zero" else found

    layers = range(len(runs[0].outs))
    return Means(
        [mean([own.outs[layer] for own in runs], 1) for layer in layers],
        [mean([own.mlps[layer] for own in runs], 0) for layer in layers],
    )


@torch.inference_mode()
def cut_nll(
    model: Transformer,
    found: Run,
    edges: Collection[Edge],
    instead: Means,
    reader: Reader = "k",
) -> Float[Tensor, "batch query"]:
    """Token losses [nats] with these edges cut, and everything downstream computed anew.

    A cut edge gives its reader the writer's mean in place of what it writes; the writer's other
    readers get what it writes. The edge from SMEAR leaves the head its own keys, unsmeared.
    """
    layers = {head[0] for head, _ in edges}
    first = min(layers)
    resid, outs = found.resids[first], list(found.outs[:first])
    for layer in range(first, len(model.layers)):
        block = model.layers[layer]
        # Nothing before the first reader has changed, nor have the other heads of its layer.
        heads = found.heads[layer] if layer == first else _heads(block, resid)
        z = heads.z.clone()
        for head in sorted({own[1] for own, _ in edges if own[0] == layer}):
            writers = [writer for own, writer in edges if own == (layer, head)]
            changed = resid
            for at, which in writers:
                if (at, which) != SMEAR:
                    changed = changed - outs[at][which] + instead.outs[at][which]
            z[:, head] = _changed_z(block, head, heads, changed, reader, SMEAR in writers)
        if layer < max(layers):
            outs.append(_written(block, z))
        resid = block.after_attention(resid + block.attn.out(z))
    return nll(model, resid, found.tokens[:, 1:])


@torch.inference_mode()
def kept_nll(
    model: Transformer, found: Run, edges: Collection[Edge], instead: Means
) -> Float[Tensor, "batch query"]:
    """Token losses [nats] of the direct path and these edges alone: every writer reads the token,
    every reader queries and moves the token, and its keys are the token with what its writers
    wrote. All other heads and MLPs give their means, the writers too, but to their readers.

    Without edges: the direct path alone.
    """
    base = model.embedding(found.tokens[:, :-1])
    added = torch.zeros_like(base)
    readers, writers = {own for own, _ in edges}, {own for _, own in edges if own != SMEAR}
    wrote: dict[Head, Tensor] = {}
    for layer, block in enumerate(model.layers):
        rest = instead.outs[layer]
        for head in sorted({own[1] for own in readers | writers if own[0] == layer}):
            if (layer, head) in writers:
                z = _heads(block, base).z[:, head]
                wrote[layer, head] = _head_written(block, z, head) - rest[head]
            if (layer, head) in readers:
                own = [writer for own, writer in edges if own == (layer, head) and writer != SMEAR]
                keys = base + sum((wrote[writer] for writer in own), torch.zeros_like(base))
                z = _changed_z(block, head, _heads(block, base), keys, "k", False)
                added = added + _head_written(block, z, head) - rest[head]
        base = base + rest.sum(0) + instead.mlps[layer]
    return nll(model, base + added, found.tokens[:, 1:])


def _changed_z(
    block: Block,
    head: int,
    heads: Heads,
    changed: Float[Tensor, "batch pos d_model"],
    reader: Reader,
    unsmear: bool,
) -> Float[Tensor, "batch pos d_head"]:
    """`hook_z` of one head whose `reader` reads `changed` in place of the layer's input."""
    x, attn = block.ln1(changed), _unsmeared(block.attn) if unsmear else block.attn
    q, k, v = (own[:, head] for own in heads[:3])
    if reader == "v":
        v = attn.values(x)[:, head]
    elif reader == "q":
        q = attn.qk(x)[0][:, head]
    else:
        k = attn.qk(x)[1][:, head]
    return scaled_dot_product_attention(q, k, v, is_causal=True)


def _unsmeared(attn: Attention) -> Attention:
    found = copy.deepcopy(attn)
    found.smear_gate.fill_(torch.inf)
    return found


def _head_written(
    block: Block, z: Float[Tensor, "batch pos d_head"], head: int
) -> Float[Tensor, "batch pos d_model"]:
    d_head = block.attn.arch.d_head
    return z @ block.attn.o.weight[:, head * d_head : (head + 1) * d_head].T


def _written(
    block: Block, z: Float[Tensor, "batch head pos d_head"]
) -> Float[Tensor, "head batch pos d_model"]:
    return torch.stack([block.attn.head_out(z, head) for head in range(z.shape[1])])

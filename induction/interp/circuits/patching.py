"""Path patching: ablate edges between heads, or leave a circuit alone and ablate all else.

What one head writes is replaced in another's queries, keys or values alone (Wang et al. 2022,
Goldowsky-Dill et al. 2023). A circuit of induction is edges into keys (K-composition). With
smeared keys a head needs no sender: its edge is the share of the previous position in its keys.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from induction.interp.activations import Edit, Layer, Site, layers
from induction.interp.circuits.edges import SMEAR, Edge, Head
from induction.interp.composition import ReceiverInput
from induction.interp.losses import nll
from induction.models.transformer import Transformer

SITES: dict[ReceiverInput, Literal["q_input", "k_input", "v_input"]] = {
    "q": "q_input",
    "k": "k_input",
    "v": "v_input",
}


@dataclass(frozen=True)
class CleanRun:
    """The whole model on some tokens, at every position but the last: its layers, what their heads
    and MLPs write, and the losses [nats] of every token but the first."""

    tokens: Int[Tensor, "batch pos"]
    layers: list[Layer]
    results: list[Float[Tensor, "head batch query d_model"]]
    mlps: list[Float[Tensor, "batch query d_model"]]
    nll: Float[Tensor, "batch query"]


@torch.inference_mode()
def clean_run(model: Transformer, tokens: Int[Tensor, "batch pos"]) -> CleanRun:
    passed = list(layers(model, model.embedding(tokens[:, :-1])))
    return CleanRun(
        tokens,
        passed,
        [layer.result for layer in passed],
        [layer.mlp_out for layer in passed],
        nll(model, passed[-1].resid_post, tokens[:, 1:]),
    )


@dataclass(frozen=True)
class Replacement:
    """What ablated heads and MLPs write instead."""

    results: list[Float[Tensor, "head #batch #pos d_model"]]
    mlps: list[Float[Tensor, "#batch #pos d_model"]]


def replacement_of(runs: list[CleanRun], kind: Literal["mean", "zero"]) -> Replacement:
    """Means over all sequences, which are equally long, and positions; or zeros."""

    def mean(parts: list[Tensor], sequences: int) -> Tensor:
        # [..., batch, pos, d_model]: positions first, so that sums keep the sequences' order.
        of_each = [part.mean(sequences + 1, keepdim=True) for part in parts]
        mean = torch.cat(of_each, sequences).mean(sequences, keepdim=True)
        return torch.zeros_like(mean) if kind == "zero" else mean

    indices = range(len(runs[0].layers))
    return Replacement(
        [mean([run.results[layer] for run in runs], 1) for layer in indices],
        [mean([run.mlps[layer] for run in runs], 0) for layer in indices],
    )


@torch.inference_mode()
def edge_ablated_nll(
    model: Transformer,
    clean: CleanRun,
    edges: Collection[Edge],
    replacement: Replacement,
    receiver_input: ReceiverInput = "k",
) -> Float[Tensor, "batch query"]:
    """Token losses [nats] without these edges, and with everything downstream computed anew.

    The receiver reads the replacement of what the sender writes; other heads read what it writes.
    Without its edge from SMEAR a head has unsmeared keys.
    """
    first = min(edge.receiver.layer for edge in edges)
    passed = clean.layers[:first]

    def without(senders: list[Head], resid: Tensor) -> Tensor:
        for layer, head in senders:
            resid = resid - passed[layer].result[head] + replacement.results[layer][head]
        return resid

    edits: dict[Site, Edit] = {}
    for receiver in {edge.receiver for edge in edges}:
        senders = [edge.sender for edge in edges if edge.receiver == receiver]
        if SMEAR in senders:
            edits[Site("smear_gate", *receiver)] = torch.inf
        senders = [sender for sender in senders if sender != SMEAR]
        edits[Site(SITES[receiver_input], *receiver)] = partial(without, senders)
    # Before the first receiver nothing changes, nor do the other heads of its layer.
    passed.append(clean.layers[first].with_edits(edits))
    for layer in layers(model, passed[-1].resid_post, first + 1, edits):
        passed.append(layer)
    return nll(model, passed[-1].resid_post, clean.tokens[:, 1:])


@torch.inference_mode()
def circuit_only_nll(
    model: Transformer, clean: CleanRun, edges: Collection[Edge], replacement: Replacement
) -> Float[Tensor, "batch query"]:
    """Token losses [nats] of the direct path and these edges alone.

    Every sender reads the token. Every receiver queries and moves the token, and its keys are the
    token with what its senders write. Everything else reads the replacement of all heads and MLPs.
    Without edges: the direct path alone.
    """
    base = model.embedding(clean.tokens[:, :-1])
    added = torch.zeros_like(base)
    receivers, senders = {edge.receiver for edge in edges}, {edge.sender for edge in edges}
    written: dict[Head, Tensor] = {}
    for index, block in enumerate(model.layers):
        layer, rest = Layer(model, index, base), replacement.results[index]
        for head in sorted(head for head in receivers | senders if head.layer == index):
            if head in senders:
                written[head] = block.attn.head_out(layer.z, head.index) - rest[head.index]
            if head in receivers:
                # A smeared key needs no sender: it is computed from the token.
                keys = base + sum(
                    written[edge.sender]
                    for edge in edges
                    if edge.receiver == head and edge.sender != SMEAR
                )
                z = layer.with_edits({Site("k_input", *head): keys}).z
                added = added + block.attn.head_out(z, head.index) - rest[head.index]
        base = base + rest.sum(0) + replacement.mlps[index]
    return nll(model, base + added, clean.tokens[:, 1:])

"""The residual stream, added up: what the direct path and every head and MLP give the logits."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from induction.interp.activations import Layer, layers
from induction.models.transformer import Transformer

# A part of the residual stream: the layer that writes it and its name there. Before the layers
# stand the embeddings, after them the bias of the last LayerNorm, which no part owns.
Part = tuple[int, str]


@dataclass(frozen=True)
class Stream:
    """What every part writes on some tokens, and the scales of the LayerNorms there.

    `parts` add up to the input of `ln_out`. `scales` are 1/scale of `ln1` of every layer, then of
    `ln_out`, at every position.
    """

    names: list[Part]
    parts: Float[Tensor, "part batch pos d_model"]
    scales: Float[Tensor, "norm batch pos"]

    def before(self, layer: int) -> Float[Tensor, "batch pos d_model"]:
        """`resid_pre` of a layer; of the number of layers, the input of `ln_out`."""
        return self.parts[[own < layer for own, _ in self.names]].sum(0)


def _inverse_scale(norm: torch.nn.LayerNorm, x: Tensor) -> Tensor:
    return (x.var(-1, unbiased=False) + norm.eps).rsqrt()


@torch.inference_mode()
def stream(model: Transformer, tokens: Int[Tensor, "batch pos"]) -> Stream:
    """Every part of the residual stream over `tokens`: `embed`, `pos` where positions are learned,
    the heads of every layer (`h0` …), and its `mlp`."""
    embed = model.tok_embed(tokens)
    names: list[Part] = [(-1, "embed")]
    parts, resid, scales = [embed], model.embedding(tokens), []
    if model.arch.positions == "learned":
        names.append((-1, "pos"))
        parts.append(resid - embed)
    for layer, block in enumerate(model.layers):
        scales.append(_inverse_scale(block.ln1, resid))
        z = Layer(model, layer, resid).z
        for head in range(model.arch.n_heads):
            names.append((layer, f"h{head}"))
            parts.append(block.attn.head_out(z, head))
        mid = resid + block.attn.out(z)
        resid = block.after_attention(mid)
        if model.arch.mlp:
            names.append((layer, "mlp"))
            parts.append(resid - mid)
    scales.append(_inverse_scale(model.ln_out, resid))
    return Stream(names, torch.stack(parts), torch.stack(scales))


@torch.inference_mode()
def attribution(
    model: Transformer, found: Stream, towards: Float[Tensor, "batch pos d_model"]
) -> tuple[list[Part], Float[Tensor, "part batch pos"]]:
    """What each part gives to a direction of logit space, `towards` = some rows of W_U or their
    differences: direct logit attribution. The scale of `ln_out` is the one of the forward pass,
    so that parts and the bias of `ln_out` (the last entry) add up to the whole exactly."""
    read = towards * model.ln_out.weight
    read = (read - read.mean(-1, keepdim=True)) * found.scales[-1][..., None]
    own = (found.parts * read).sum(-1)
    bias = (towards * model.ln_out.bias).sum(-1)
    return [*found.names, (len(model.layers), "bias")], torch.cat([own, bias[None]])


@torch.inference_mode()
def logits_of_parts(model: Transformer, found: Stream) -> Float[Tensor, "part batch pos vocab"]:
    """The logits of every part, the bias last: they add up to the model's. Whole logits per part,
    for small inputs; `attribution` is the same towards a few directions."""
    parts = found.parts - found.parts.mean(-1, keepdim=True)
    own = parts * found.scales[-1][..., None] * model.ln_out.weight
    bias = model.ln_out.bias.expand_as(own[:1])
    return torch.cat([own, bias]) @ model.head.weight.T


@torch.inference_mode()
def lens(
    model: Transformer, found: Stream, targets: Int[Tensor, "batch pos"]
) -> Float[Tensor, "after 3 batch pos"]:
    """The logit lens: what the model would predict if it stopped early, after the embeddings and
    after every layer: loss [nats], whether the best token is right, and KL [nats] of the whole
    model's prediction from it."""
    n_layers = len(model.layers)
    whole = model.head(model.ln_out(found.before(n_layers))).log_softmax(-1)
    rows = []
    for after in range(n_layers + 1):
        early = model.head(model.ln_out(found.before(after))).log_softmax(-1)
        loss = -early.gather(-1, targets[..., None])[..., 0]
        kl = (whole.exp() * (whole - early)).sum(-1)
        rows.append(torch.stack([loss, (early.argmax(-1) == targets).float(), kl]))
    return torch.stack(rows)


@torch.inference_mode()
def orders_nll(
    model: Transformer, tokens: Int[Tensor, "batch pos"]
) -> Float[Tensor, "order batch pos-1"]:
    """Token losses [nats] with paths through at most 0, 1, … heads (and with every MLP counted
    with the layer it is in): the term importance analysis of Elhage et al. (2021).

    Attention patterns are held at those of the whole model. Order 0 is the direct path; in every
    further order each head writes what it made of the one before. Unlike theirs, our models have
    LayerNorms: they are applied anew in every order. The last order is the whole model.
    """
    inputs, targets = tokens[:, :-1], tokens[:, 1:]
    embed, patterns = model.embedding(inputs), []
    for layer in layers(model, embed):
        patterns.append(layer.pattern)
    writes = [torch.zeros_like(embed) for _ in model.layers]
    found = []
    for _ in range(len(model.layers) + 1):
        resid, made = embed, []
        for block, pattern, written in zip(model.layers, patterns, writes, strict=True):
            mid = resid + block.attn.out(pattern @ block.attn.values(block.ln1(resid)))
            made.append(block.after_attention(mid) - resid)
            resid = resid + written
        log_probs = model.head(model.ln_out(resid)).log_softmax(-1)
        found.append(-log_probs.gather(-1, targets[..., None])[..., 0])
        writes = made
    return torch.stack(found)

"""The residual stream as a sum: what the embeddings, every head and every MLP give the logits."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from induction.config.icl import IclWindows
from induction.interp.activations import Layer, Site, layers
from induction.interp.circuits.rows import RowsByTable
from induction.interp.losses import nll
from induction.models.transformer import Transformer
from induction.tables import circuits as tables

# The layer that writes a part and the part's name there: -1 for the embeddings, the number of
# layers for the bias of the last LayerNorm, which belongs to no part.
Part = tuple[int, str]


@dataclass(frozen=True)
class ResidualStream:
    """What every part writes at every position, and the scales of the LayerNorms there.

    `parts` add up to the input of `ln_out`. `scales` are 1/scale of `ln1` of every layer, then of
    `ln_out`, at every position.
    """

    names: list[Part]
    parts: Float[Tensor, "part batch pos d_model"]
    scales: Float[Tensor, "norm batch pos"]

    def before(self, layer: int) -> Float[Tensor, "batch pos d_model"]:
        """`resid_pre` of a layer; of the number of layers, the input of `ln_out`."""
        return self.parts[[layer_of_part < layer for layer_of_part, _ in self.names]].sum(0)


def _inverse_scale(norm: torch.nn.LayerNorm, x: Tensor) -> Tensor:
    return (x.var(-1, unbiased=False) + norm.eps).rsqrt()


@torch.inference_mode()
def decompose(model: Transformer, tokens: Int[Tensor, "batch pos"]) -> ResidualStream:
    """Every part of the residual stream over `tokens`: `embed`, `pos` where positions are learned,
    the heads of every layer (`h0` …), and its `mlp`."""
    embed = model.tok_embed(tokens)
    names: list[Part] = [(-1, "embed")]
    parts, resid, scales = [embed], model.embedding(tokens), []
    if model.arch.positions == "learned":
        names.append((-1, "pos"))
        parts.append(resid - embed)
    for layer in layers(model, resid):
        scales.append(_inverse_scale(layer.block.ln1, layer.resid_pre))
        names += [(layer.index, f"h{head}") for head in range(model.arch.n_heads)]
        parts += layer.result
        if model.arch.mlp:
            names.append((layer.index, "mlp"))
            parts.append(layer.mlp_out)
        resid = layer.resid_post
    scales.append(_inverse_scale(model.ln_out, resid))
    return ResidualStream(names, torch.stack(parts), torch.stack(scales))


@torch.inference_mode()
def attribution(
    model: Transformer, stream: ResidualStream, towards: Float[Tensor, "batch pos d_model"]
) -> tuple[list[Part], Float[Tensor, "part batch pos"]]:
    """What each part gives to a direction of logit space, `towards` = some rows of W_U or their
    differences: direct logit attribution. The scale of `ln_out` is the one of the forward pass,
    so that parts and the bias of `ln_out` (the last entry) add up to the whole exactly."""
    read = towards * model.ln_out.weight
    read = (read - read.mean(-1, keepdim=True)) * stream.scales[-1][..., None]
    shares = (stream.parts * read).sum(-1)
    bias = (towards * model.ln_out.bias).sum(-1)
    return [*stream.names, (len(model.layers), "bias")], torch.cat([shares, bias[None]])


@torch.inference_mode()
def logits_of_parts(
    model: Transformer, stream: ResidualStream
) -> Float[Tensor, "part batch pos vocab"]:
    """The logits of every part, the bias last: they add up to the model's. Whole logits per part,
    for small inputs; `attribution` is the same towards a few directions."""
    parts = stream.parts - stream.parts.mean(-1, keepdim=True)
    normed = parts * stream.scales[-1][..., None] * model.ln_out.weight
    bias = model.ln_out.bias.expand_as(normed[:1])
    return torch.cat([normed, bias]) @ model.head.weight.T


@torch.inference_mode()
def lens(
    model: Transformer, stream: ResidualStream, targets: Int[Tensor, "batch pos"]
) -> Float[Tensor, "after 3 batch pos"]:
    """The logit lens: what the model would predict if it stopped early, after the embeddings and
    after every layer: loss [nats], whether the best token is right, and KL [nats] of the whole
    model's prediction from it."""
    n_layers = len(model.layers)
    whole = model.head(model.ln_out(stream.before(n_layers))).log_softmax(-1)
    rows = []
    for after in range(n_layers + 1):
        early = model.head(model.ln_out(stream.before(after))).log_softmax(-1)
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
    further order each head writes what it computes from the order before. Unlike theirs, our models
    have LayerNorms: they are applied anew in every order. The last order is the whole model.
    """
    inputs, targets = tokens[:, :-1], tokens[:, 1:]
    embed = model.embedding(inputs)
    patterns = {Site("pattern", layer.index): layer.pattern for layer in layers(model, embed)}
    written = [torch.zeros_like(embed) for _ in model.layers]
    losses = []
    for _ in range(len(model.layers) + 1):
        resid, next_order = embed, []
        for index, of_layer in enumerate(written):
            next_order.append(Layer(model, index, resid, patterns).resid_post - resid)
            resid = resid + of_layer
        losses.append(nll(model, resid, targets))
        written = next_order
    return torch.stack(losses)


class SpanMeans(NamedTuple):
    """Means over each span of positions, and over all positions for `scales` of the LayerNorms.

    `attribution` is a part's share in the right token's logit above the mean logit, and above the
    logit of the likeliest wrong token; `lens` is loss, accuracy and KL.
    """

    parts: list[Part]
    attribution: Float[Tensor, "part 2 span"]
    lens: Float[Tensor, "after 3 span"]
    scales: Float[Tensor, "norm"]


def spans_of_text(windows: IclWindows, length: int) -> dict[str, slice]:
    """Positions of the losses of a sequence of `length` tokens."""
    return {
        "text": slice(0, length - 1),
        "text_early": slice(windows.early[0], windows.early[1] + 1),
        "text_late": slice(windows.late[0], windows.late[1] + 1),
    }


def spans_of_probe(block: int, length: int) -> dict[str, slice]:
    """The first time a block comes, and later; BOS stands before it. The first token of the second
    repeat is left out: nothing before it says that the block will come again."""
    return {"random_first": slice(1, block), "random_again": slice(block + 1, length - 1)}


@torch.inference_mode()
def span_means(
    model: Transformer, sequences: Int[Tensor, "batch pos"], spans: dict[str, slice]
) -> SpanMeans:
    inputs, targets = sequences[:, :-1], sequences[:, 1:]
    stream = decompose(model, inputs)
    logits = model.head(model.ln_out(stream.before(len(model.layers))))
    rivals = logits.scatter(-1, targets[..., None], -torch.inf).argmax(-1)
    W_U = model.head.weight
    right = W_U[targets]
    parts, logit = attribution(model, stream, right - W_U.mean(0))
    _, difference = attribution(model, stream, right - W_U[rivals])

    def means(values: Tensor) -> Tensor:
        return torch.stack([values[..., span].mean((-2, -1)) for span in spans.values()], -1)

    return SpanMeans(
        parts,
        means(torch.stack([logit, difference], 1)),
        means(lens(model, stream, targets)),
        stream.scales.mean((1, 2)),
    )


def residual_rows(sequences: list[SpanMeans], spans: Iterable[str]) -> RowsByTable:
    """Tables `attribution` and `lens`: means over the `span_means` of each sequence."""
    shares = torch.stack([means.attribution for means in sequences]).mean(0)
    predictions = torch.stack([means.lens for means in sequences]).mean(0)
    rows: RowsByTable = {tables.ATTRIBUTION: [], tables.LENS: []}
    for s, span in enumerate(spans):
        for (layer, part), (logit, difference) in zip(
            sequences[0].parts, shares[..., s].tolist(), strict=True
        ):
            rows[tables.ATTRIBUTION].append(
                {"span": span, "layer": layer, "part": part}
                | {"logit": logit, "difference": difference}
            )
        rows[tables.LENS] += [
            {"span": span, "after": after, "loss": loss, "accuracy": accuracy, "kl": kl}
            for after, (loss, accuracy, kl) in enumerate(predictions[..., s].tolist())
        ]
    return rows

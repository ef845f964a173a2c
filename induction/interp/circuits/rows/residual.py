"""Tables `attribution` and `lens`: means over spans of positions."""

from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from induction.config.icl import IclWindows
from induction.interp.circuits import residual
from induction.interp.circuits.rows.columns import RowsByTable
from induction.models.transformer import Transformer
from induction.models.workers import Workers
from induction.tables import circuits as tables


class SpanMeans(NamedTuple):
    """Means over each span of positions, and over all positions for `scales` of the LayerNorms.

    `attribution` is a part's share in the right token's logit above the mean logit, and above the
    logit of the likeliest wrong token; `lens` is loss, accuracy and KL.
    """

    parts: list[residual.Part]
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
    stream = residual.decompose(model, inputs)
    logits = model.head(model.ln_out(stream.before(len(model.layers))))
    rivals = logits.scatter(-1, targets[..., None], -torch.inf).argmax(-1)
    W_U = model.head.weight
    right = W_U[targets]
    parts, logit = residual.attribution(model, stream, right - W_U.mean(0))
    _, difference = residual.attribution(model, stream, right - W_U[rivals])

    def means(values: Tensor) -> Tensor:
        return torch.stack([values[..., span].mean((-2, -1)) for span in spans.values()], -1)

    return SpanMeans(
        parts,
        means(torch.stack([logit, difference], 1)),
        means(residual.lens(model, stream, targets)),
        stream.scales.mean((1, 2)),
    )


def residual_rows(
    model: Transformer, text: Int[Tensor, "seq pos"], spans: dict[str, slice], workers: Workers
) -> tuple[RowsByTable, Float[Tensor, "norm"]]:
    """Means over sequences; the second are those of the scales."""
    sequences = workers.map(partial(span_means, model, spans=spans), text.split(1))
    attribution, lens, scales = (
        torch.stack([getattr(means, name) for means in sequences]).mean(0)
        for name in ("attribution", "lens", "scales")
    )
    rows: RowsByTable = {tables.ATTRIBUTION: [], tables.LENS: []}
    for s, span in enumerate(spans):
        for (layer, part), (logit, difference) in zip(
            sequences[0].parts, attribution[..., s].tolist(), strict=True
        ):
            rows[tables.ATTRIBUTION].append(
                {"span": span, "layer": layer, "part": part}
                | {"logit": logit, "difference": difference}
            )
        rows[tables.LENS] += [
            {"span": span, "after": after, "loss": loss, "accuracy": accuracy, "kl": kl}
            for after, (loss, accuracy, kl) in enumerate(lens[..., s].tolist())
        ]
    return rows, scales

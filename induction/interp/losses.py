"""Per-token losses without ever holding all logits."""

from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from induction.config.icl import IclWindows
from induction.interp.activations import Edits, final_resid
from induction.models.model import Model

# Logits of one chunk, rows x vocabulary x 4 bytes, should stay near the cache of one core.
CHUNK_BYTES = 1024 * 1024


@torch.no_grad()
def nll(
    model: Model, resid: Float[Tensor, "batch pos d_model"], targets: Int[Tensor, "batch pos"]
) -> Float[Tensor, "batch pos"]:
    """Loss [nats] of predicting `targets` from the final residual stream, before `ln_out`."""
    x = model.ln_out(resid).flatten(0, 1)
    at, vocab_size = targets.flatten()[:, None], model.head.weight.shape[0]
    rows = max(16, CHUNK_BYTES // (4 * vocab_size)) if x.device.type == "cpu" else 1 << 14
    losses = []
    for part, target in zip(x.split(rows), at.split(rows), strict=True):
        logits = model.head(part)
        # In place: the system would have to clear the memory of a second copy every time.
        losses.append(-torch.log_softmax(logits, 1, out=logits).gather(1, target))
    return torch.cat(losses).view(targets.shape)


@torch.inference_mode()
def token_nll(
    model: Model, tokens: Int[Tensor, "batch pos"], edits: Edits | None = None
) -> Float[Tensor, "batch pos-1"]:
    """Loss [nats] of every token but the first: entry i predicts token i + 1 from tokens 0 … i.

    Olsson et al. 2022, Data Collection (1). Under `edits`, everything downstream of them is
    computed from what they leave.
    """
    resid = final_resid(model, model.embedding(tokens[:, :-1]), edits=edits)
    return nll(model, resid, tokens[:, 1:])


def short_context(
    tokens: Int[Tensor, "batch pos"], windows: IclWindows, bos: int | None = None
) -> Int[Tensor, "batch short_pos"]:
    """The sequences from so late on that the tokens of the late window stand where those of the
    early one stood, and up to the last of them.

    The difference of their losses, in the whole sequence and here, is the matched ICL score: what
    the rest of the context is worth to the same tokens. The score of Olsson et al. 2022 compares
    different tokens, and most of its variance is that of the text. A model that was trained to find
    `bos` first finds it here, too.
    """
    short = tokens[:, windows.shift : windows.late[1] + 2]
    if bos is None:
        return short
    return torch.cat([torch.full_like(short[:, :1], bos), short[:, 1:]], 1)


def sequence_losses(
    losses: Float[Tensor, "batch pos"],
    short: Float[Tensor, "batch short_pos"],
    windows: IclWindows,
    sampled: Int[Tensor, "batch"] | None = None,
) -> dict[str, Float[Tensor, "batch"]]:
    """Losses [nats] of each sequence, named like the columns of tables: means over the `early` and
    the `late` window (both ends included), over the tokens of the latter in their `short_context`,
    whose losses are `short`, the `mean` over all positions, and the loss at its `sampled` position
    if there is one."""

    def mean(losses: Tensor, window: tuple[int, int]) -> Tensor:
        return losses[:, window[0] : window[1] + 1].mean(1)

    columns = {
        "early": mean(losses, windows.early),
        "late": mean(losses, windows.late),
        "late_short": mean(short, windows.early),
        "mean": losses.mean(1),
    }
    if sampled is not None:
        columns["sampled"] = losses.gather(1, sampled[:, None])[:, 0]
    return columns


def joined(
    parts: Sequence[Mapping[str, Tensor]], join: Callable[[list[Tensor]], Tensor] = torch.cat
) -> dict[str, Tensor]:
    """Columns of several parts as columns of the whole: batches by `torch.cat`, runs over the same
    sequences by `torch.stack`."""
    return {name: join([part[name] for part in parts]) for name in parts[0]}


@torch.inference_mode()
def repeat_losses(
    model: Model,
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

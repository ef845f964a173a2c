"""One training step and what it needs: optimisers, the order of windows, warm-up."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Int, UInt16
from torch import Tensor, nn
from torch.optim import AdamW, Muon, Optimizer

from stages.lib.model import Transformer
from stages.lib.parallel import Workers
from stages.settings.train import Train


def optimizers(model: nn.Module, params: Train) -> list[Optimizer]:
    """AdamW for everything, or Muon for the matrices of the layers and AdamW for the rest.

    Weight decay acts on matrices only: decaying a LayerNorm gain or a smearing gate would pull it
    to a value that means something (0, and one half).
    """
    muon, matrices, vectors = [], [], []
    for name, weight in model.named_parameters():
        if weight.ndim < 2:
            vectors.append(weight)
        elif params.optimizer == "muon" and name.startswith("layers."):
            muon.append(weight)
        else:
            matrices.append(weight)
    adamw = AdamW(
        [
            {"params": matrices, "weight_decay": params.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=params.adamw_lr,
        betas=(params.adamw_beta1, params.adamw_beta2),
        fused=True,
    )
    if not muon:
        return [adamw]
    return [
        adamw,
        Muon(
            muon,
            lr=params.muon_lr,
            momentum=params.muon_momentum,
            weight_decay=params.weight_decay,
        ),
    ]


class WarmUp:
    """Learning rates rise linearly over the first `steps` steps, then stay."""

    def __init__(self, optimizers: list[Optimizer], steps: int):
        self.groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        self.full = [group["lr"] for group in self.groups]
        self.steps = steps

    def set(self, step: int) -> float:
        """Set the rates of step `step`, counted from 1; returns that of the first optimiser."""
        share = min(1.0, step / self.steps)
        for group, rate in zip(self.groups, self.full, strict=True):
            group["lr"] = share * rate
        return share * self.full[0]


class Windows:
    """The training stream cut into windows of n_ctx tokens, each seen at most once.

    The order depends on the seed and the stream alone, so that models of one seed read the same
    text at the same step (Olsson et al. 2022, Model Details).
    """

    def __init__(self, stream: UInt16[np.ndarray, "stream"], n_ctx: int, batch: int, seed: int):
        self.stream, self.n_ctx, self.batch = stream, n_ctx, batch
        self.order = np.random.default_rng(seed).permutation((len(stream) - 1) // n_ctx)

    @property
    def steps(self) -> int:
        """How many steps the stream lasts."""
        return len(self.order) // self.batch

    def __getitem__(self, step: int) -> tuple[Int[Tensor, "batch pos"], Int[Tensor, "batch pos"]]:
        """Tokens and their successors for step `step`, counted from 1."""
        starts = self.order[(step - 1) * self.batch : step * self.batch] * self.n_ctx
        rows = np.stack([self.stream[start : start + self.n_ctx + 1] for start in starts])
        tokens = torch.from_numpy(rows.astype(np.int64))
        return tokens[:, :-1], tokens[:, 1:]


def set_gradients(
    model: Transformer,
    tokens: Int[Tensor, "batch pos"],
    targets: Int[Tensor, "batch pos"],
    workers: Workers,
) -> float:
    """Set every weight's gradient of the mean cross-entropy, and return that mean [nats].

    On a CPU each sequence is a shard of its own, and shards are added in their order, so that the
    bits do not depend on how many cores share the work. On a GPU the batch is one shard, under
    bf16 autocast; a CPU stays in fp32, whose bits are easier to keep.
    """
    weights = list(model.parameters())
    shards = [(tokens, targets)]
    if not workers.on_gpu:
        shards = list(zip(tokens.split(1), targets.split(1), strict=True))

    def share(shard: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, ...]]:
        with torch.autocast(tokens.device.type, torch.bfloat16, enabled=workers.on_gpu):
            logits = model(shard[0])
        total = F.cross_entropy(logits.float().flatten(0, 1), shard[1].flatten(), reduction="sum")
        mean = total / tokens.numel()
        return mean.detach(), torch.autograd.grad(mean, weights)

    losses, gradients = zip(*workers.map(share, shards), strict=True)
    for weight, *parts in zip(weights, *gradients, strict=True):
        weight.grad = sum(parts[1:], start=parts[0])
    return sum(loss.item() for loss in losses)


class Update(NamedTuple):
    """One optimiser step, as it went."""

    step: int
    learning_rate: float
    loss: float
    grad_norm: float


def fit(
    model: Transformer, windows: Windows, params: Train, steps: int, workers: Workers
) -> Iterator[Update]:
    """Train `model` in place, and yield after every step, from 1 to `steps`.

    `learning_rate` is AdamW's, `loss` the batch's before the step [nats per token], `grad_norm`
    that of all gradients before clipping. A run that diverges is the caller's to stop.
    """
    device = model.head.weight.device
    steppers = optimizers(model, params)
    warmup = WarmUp(steppers, params.warmup_steps)
    for step in range(1, steps + 1):
        rate = warmup.set(step)
        tokens, targets = (part.to(device, non_blocking=True) for part in windows[step])
        loss = set_gradients(model, tokens, targets, workers)
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), params.clip_norm)
        for stepper in steppers:
            stepper.step()
        yield Update(step, rate, loss, norm.item())

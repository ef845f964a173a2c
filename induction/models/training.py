"""Training: optimisers, warm-up, the order of the windows, and one step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt16
from torch import Tensor, nn
from torch.optim import AdamW, Muon, Optimizer

from induction.config.train import TrainSettings
from induction.models.compiling import compiled
from induction.models.muon import CpuMuon
from induction.models.transformer import Transformer
from induction.models.workers import Workers

# Model, tokens, targets, whether in bf16 -> the sum of their losses.
SummedLoss = Callable[[nn.Module, Tensor, Tensor, bool], Tensor]


def optimizers(model: nn.Module, settings: TrainSettings, workers: Workers) -> list[Optimizer]:
    """AdamW for everything, or Muon for the matrices of the layers and AdamW for the rest.

    Weight decay acts on matrices only: it would pull LayerNorm gains to 0 and smearing gates to
    one half, neither of which is a neutral value.
    """
    muon, matrices, vectors = [], [], []
    for name, weight in model.named_parameters():
        if weight.ndim < 2:
            vectors.append(weight)
        elif settings.optimizer == "muon" and name.startswith("layers."):
            muon.append(weight)
        else:
            matrices.append(weight)
    adamw = AdamW(
        [
            {"params": matrices, "weight_decay": settings.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=settings.adamw_lr,
        betas=(settings.adamw_beta1, settings.adamw_beta2),
        fused=True,
    )
    if not muon:
        return [adamw]
    options: dict[str, Any] = {
        "lr": settings.muon_lr,
        "momentum": settings.muon_momentum,
        "weight_decay": settings.weight_decay,
    }
    return [adamw, Muon(muon, **options) if workers.on_gpu else CpuMuon(muon, workers, **options)]


class WarmUp:
    """Learning rates rise linearly over the first `steps` steps, then stay."""

    def __init__(self, optimizers: list[Optimizer], steps: int):
        self.optimizers = optimizers
        self.full = [group["lr"] for group in self._groups()]
        self.steps = steps

    def _groups(self) -> list[dict]:
        # Not stored: an optimiser that loads a state replaces its groups.
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def set(self, step: int) -> float:
        """Set the rates for step `step`, counted from 1; returns that of the first optimiser."""
        share = min(1.0, step / self.steps)
        for group, rate in zip(self._groups(), self.full, strict=True):
            group["lr"] = share * rate
        return share * self.full[0]


def shuffled(
    stream: UInt16[np.ndarray, "stream"], span: int, seed: int
) -> UInt16[np.ndarray, "shuffled"]:
    """The stream cut into spans of `span` tokens, in random order.

    Statistics within a span stay; tokens of different spans are unrelated, so that nothing earlier
    in the context helps. An incomplete last span is dropped.
    """
    spans = stream[: len(stream) // span * span].reshape(-1, span)
    return np.random.default_rng(seed).permutation(spans).reshape(-1)


def periodic(
    vocab_size: int, period: int, length: int, batch: int, seed: int
) -> Int[np.ndarray, "batch length"]:
    """Rows that each repeat a block of `period` uniformly random tokens."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, vocab_size, (batch, period))
    return np.tile(blocks, (1, -(-length // period)))[:, :length]


class TrainingWindows:
    """The training stream cut into windows of n_ctx tokens, each seen at most once.

    The order depends on the seed and the stream alone, so that models of one seed read the same
    text at the same step (Olsson et al. 2022, Model Details). With `period` above zero, every
    window repeats a random block of that many tokens of the stream's vocabulary instead: the
    control in which repeats can be predicted by position.
    """

    def __init__(
        self,
        stream: UInt16[np.ndarray, "stream"],
        n_ctx: int,
        batch: int,
        seed: int,
        period: int = 0,
    ):
        self.stream, self.n_ctx, self.batch = stream, n_ctx, batch
        self.seed, self.period = seed, period
        self.order = np.random.default_rng(seed).permutation((len(stream) - 1) // n_ctx)
        self._vocab_size = int(stream.max()) + 1 if period else 0

    @property
    def steps(self) -> int:
        """The number of steps until the stream is used up."""
        return len(self.order) // self.batch

    def __getitem__(self, step: int) -> tuple[Int[Tensor, "batch pos"], Int[Tensor, "batch pos"]]:
        """Tokens of step `step`, counted from 1, and the token after each."""
        if self.period:
            seed = (self.seed << 32) + step
            rows = periodic(self._vocab_size, self.period, self.n_ctx + 1, self.batch, seed)
        else:
            starts = self.order[(step - 1) * self.batch : step * self.batch] * self.n_ctx
            rows = np.stack([self.stream[start : start + self.n_ctx + 1] for start in starts])
        tokens = torch.from_numpy(rows.astype(np.int64))
        return tokens[:, :-1], tokens[:, 1:]


def summed_loss(
    model: nn.Module,
    tokens: Int[Tensor, "batch pos"],
    targets: Int[Tensor, "batch pos"],
    in_bf16: bool,
) -> Float[Tensor, ""]:
    """Sum of the cross-entropies [nats] of all tokens, in fp32; `in_bf16` autocasts the model."""
    with torch.autocast(tokens.device.type, torch.bfloat16, enabled=in_bf16):
        logits = model(tokens)
    return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="sum")


def set_gradients(
    model: nn.Module,
    tokens: Int[Tensor, "batch pos"],
    targets: Int[Tensor, "batch pos"],
    workers: Workers,
    micro_batch: int | None = None,
    summed_loss: SummedLoss = summed_loss,
) -> Float[Tensor, ""]:
    """Set every weight's gradient of the mean cross-entropy, and return that mean [nats], in fp64
    and on the device: who reads it waits for the GPU.

    On a CPU each sequence is a shard, and shards are added in their order, so that the bits do not
    depend on the number of cores. On a GPU a shard has `micro_batch` sequences, or all of them, and
    runs under bf16 autocast; a CPU stays in fp32, whose bits are easier to reproduce.
    """
    weights = list(model.parameters())
    size = (micro_batch or len(tokens)) if workers.on_gpu else 1

    def shard_gradients(shard: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, ...]]:
        mean = summed_loss(model, *shard, workers.on_gpu) / tokens.numel()
        return mean.detach(), torch.autograd.grad(mean, weights)

    shards = zip(tokens.split(size), targets.split(size), strict=True)
    results = workers.each(shard_gradients, shards)
    first, gradients = next(results)
    loss = first.double()
    for mean, parts in results:
        loss += mean
        for gradient, part in zip(gradients, parts, strict=True):
            gradient += part
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = gradient
    return loss


class Update(NamedTuple):
    """The log of one optimiser step.

    `learning_rate` is AdamW's, `loss` that of the batch before the step [nats per token],
    `grad_norm` the norm of all gradients before clipping. Both lie on the device.
    """

    step: int
    learning_rate: float
    loss: Float[Tensor, ""]
    grad_norm: Float[Tensor, ""]


class Trainer:
    """A model in training: `advance` takes a step, `state` is all that the next steps depend on.

    A trainer with the same settings that restores this state continues with the same bits.
    """

    def __init__(
        self,
        model: Transformer,
        windows: TrainingWindows,
        settings: TrainSettings,
        workers: Workers,
    ):
        self.model, self.windows, self.settings, self.workers = model, windows, settings, workers
        self.optimizers = optimizers(model, settings, workers)
        self.warmup = WarmUp(self.optimizers, settings.warmup_steps)
        self.device = model.head.weight.device
        self.summed_loss: SummedLoss = summed_loss
        if settings.compile:
            self.summed_loss = compiled(summed_loss, self.device)
        self.step = 0

    def advance(self) -> Update:
        """Take the next step, without waiting for a GPU. The caller checks whether the loss is
        still finite."""
        self.step += 1
        rate = self.warmup.set(self.step)
        tokens, targets = map(self._on_device, self.windows[self.step])
        micro_batch = self.settings.micro_batch
        loss = set_gradients(
            self.model, tokens, targets, self.workers, micro_batch, self.summed_loss
        )
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_norm)
        for optimizer in self.optimizers:
            optimizer.step()
        return Update(self.step, rate, loss, norm)

    def _on_device(self, tokens: Tensor) -> Tensor:
        # From memory that the system may move, a copy waits for what the GPU has to do before.
        tokens = tokens.pin_memory() if self.device.type == "cuda" else tokens
        return tokens.to(self.device, non_blocking=True)

    def state(self) -> dict[str, Tensor]:
        """Weights as `model.<name>`, and optimiser tensors as `optimizer.<i>.<weight>.<name>`."""
        state = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for i, optimizer in enumerate(self.optimizers):
            for j, tensors in optimizer.state_dict()["state"].items():
                state |= {f"optimizer.{i}.{j}.{name}": value for name, value in tensors.items()}
        return state

    def restore(self, step: int, state: dict[str, Tensor]) -> None:
        """Continue from `state`, which another trainer had after `step` steps.

        All tensors are copied: memory mapped from a file may be aligned differently, and some
        matrix products then round differently.
        """
        weights = self.model.state_dict()
        states: list[dict[int, dict[str, Tensor]]] = [{} for _ in self.optimizers]
        for key, value in state.items():
            kind, rest = key.split(".", 1)
            if kind == "model":
                weights[rest].copy_(value)
            else:
                i, j, name = rest.split(".")
                states[int(i)].setdefault(int(j), {})[name] = value.clone()
        for optimizer, tensors in zip(self.optimizers, states, strict=True):
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": tensors, "param_groups": groups})
        self.step = step

"""One training step and what it needs: optimisers, the order of windows, warm-up."""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Int, UInt16
from torch import Tensor, nn
from torch.optim import AdamW, Muon, Optimizer

from induction.config.train import TrainSettings
from induction.models.transformer import Transformer
from induction.models.workers import Workers


def optimizers(model: nn.Module, params: TrainSettings) -> list[Optimizer]:
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
        self.optimizers = optimizers
        self.full = [group["lr"] for group in self._groups()]
        self.steps = steps

    def _groups(self) -> list[dict]:
        # Asked for each time: an optimiser that takes up a state has new ones.
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def set(self, step: int) -> float:
        """Set the rates of step `step`, counted from 1; returns that of the first optimiser."""
        share = min(1.0, step / self.steps)
        for group, rate in zip(self._groups(), self.full, strict=True):
            group["lr"] = share * rate
        return share * self.full[0]


def shuffled(
    stream: UInt16[np.ndarray, "stream"], span: int, seed: int
) -> UInt16[np.ndarray, "shuffled"]:
    """The stream cut into spans of `span` tokens, which are put in random order.

    What stands within a span keeps its statistics; what stands further apart has nothing to do
    with each other, so that no repeat is worth looking for. The rest of the last span is dropped.
    """
    spans = stream[: len(stream) // span * span].reshape(-1, span)
    return np.random.default_rng(seed).permutation(spans).reshape(-1)


def periodic(
    vocab_size: int, period: int, length: int, batch: int, seed: int
) -> Int[np.ndarray, "batch length"]:
    """Rows that repeat a block of `period` uniformly random tokens, each row its own."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, vocab_size, (batch, period))
    return np.tile(blocks, (1, -(-length // period)))[:, :length]


class Windows:
    """The training stream cut into windows of n_ctx tokens, each seen at most once.

    The order depends on the seed and the stream alone, so that models of one seed read the same
    text at the same step (Olsson et al. 2022, Model Details). `period` above zero replaces every
    window by one that repeats a random block of that many tokens of the stream's vocabulary: the
    control whose repeats a model can solve by position.
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
        """How many steps the stream lasts."""
        return len(self.order) // self.batch

    def __getitem__(self, step: int) -> tuple[Int[Tensor, "batch pos"], Int[Tensor, "batch pos"]]:
        """Tokens and their successors for step `step`, counted from 1."""
        if self.period:
            own = (self.seed << 32) + step
            rows = periodic(self._vocab_size, self.period, self.n_ctx + 1, self.batch, own)
        else:
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
    """One optimiser step, as it went.

    `learning_rate` is AdamW's, `loss` the batch's before the step [nats per token], `grad_norm`
    that of all gradients before clipping.
    """

    step: int
    learning_rate: float
    loss: float
    grad_norm: float


class Trainer:
    """A model in training: `advance` takes a step, `state` is all that the next steps depend on.

    A trainer with the same settings that takes up that state goes on with the same bits.
    """

    def __init__(
        self, model: Transformer, windows: Windows, params: TrainSettings, workers: Workers
    ):
        self.model, self.windows, self.params, self.workers = model, windows, params, workers
        self.optimizers = optimizers(model, params)
        self.warmup = WarmUp(self.optimizers, params.warmup_steps)
        self.step = 0

    def advance(self) -> Update:
        """Take the next step. A run that diverges is the caller's to stop."""
        device = self.model.head.weight.device
        self.step += 1
        rate = self.warmup.set(self.step)
        tokens, targets = (part.to(device, non_blocking=True) for part in self.windows[self.step])
        loss = set_gradients(self.model, tokens, targets, self.workers)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.params.clip_norm)
        for optimizer in self.optimizers:
            optimizer.step()
        return Update(self.step, rate, loss, norm.item())

    def state(self) -> dict[str, Tensor]:
        """Weights by their names, and every optimiser's tensors by number, weight and name."""
        found = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for i, optimizer in enumerate(self.optimizers):
            for j, own in optimizer.state_dict()["state"].items():
                found |= {f"optimizer.{i}.{j}.{name}": value for name, value in own.items()}
        return found

    def restore(self, step: int, state: dict[str, Tensor]) -> None:
        """Take up `state`, which another trainer had after `step` steps.

        Into memory of this one's own: what a file maps may be aligned otherwise, and some
        products of matrices then round otherwise.
        """
        weights = self.model.state_dict()
        own: list[dict[int, dict[str, Tensor]]] = [{} for _ in self.optimizers]
        for key, value in state.items():
            kind, rest = key.split(".", 1)
            if kind == "model":
                weights[rest].copy_(value)
            else:
                i, j, name = rest.split(".")
                own[int(i)].setdefault(int(j), {})[name] = value.clone()
        for optimizer, tensors in zip(self.optimizers, own, strict=True):
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": tensors, "param_groups": groups})
        self.step = step

"""Section `train`: optimiser, length, and the checkpoint schedule."""

from dataclasses import dataclass
from typing import Literal

from induction.config.strict import changed, require, require_range

MAX_TOKENS = 10**13
MAX_CHECKPOINTS = 10_000
MAX_STEPS = 999_999
TextKind = Literal["stream", "shuffled", "periodic"]


@dataclass(frozen=True)
class CheckpointSpacing:
    """A stretch of training with one spacing: every `every` tokens until `until` tokens."""

    until: int
    every: int

    def check(self, key: str) -> None:
        require_range(self, key, ("until", "every"), 1, MAX_TOKENS, "no model has read more")


@dataclass(frozen=True)
class TrainChanges:
    """What one cell may do otherwise: anything that leaves its checkpoints where they are."""

    text: TextKind | None = None
    shuffle_span: int | None = None
    period: int | None = None
    optimizer: Literal["muon", "adamw"] | None = None
    muon_lr: float | None = None
    adamw_lr: float | None = None
    weight_decay: float | None = None
    warmup_steps: int | None = None


@dataclass(frozen=True)
class TrainSettings:
    tokens: int
    batch: int
    text: TextKind
    shuffle_span: int
    period: int
    optimizer: Literal["muon", "adamw"]
    muon_lr: float
    muon_momentum: float
    adamw_lr: float
    adamw_beta1: float
    adamw_beta2: float
    weight_decay: float
    warmup_steps: int
    clip_norm: float
    checkpoints: tuple[CheckpointSpacing, ...]

    def check(self, key: str) -> None:
        require_range(self, key, ("tokens",), 1, MAX_TOKENS, "no model has read more")
        require_range(self, key, ("batch",), 1, 65_536, "a step holds them all in memory")
        spans = ("shuffle_span", "period")
        require_range(self, key, spans, 1, 32_767, "no context is longer")
        require_range(self, key, ("warmup_steps",), 1, MAX_STEPS, "training has no more steps")
        for name in ("muon_lr", "adamw_lr", "clip_norm"):
            value = getattr(self, name)
            expected = "a number above 0, up to 1e+30 (training is in fp32)"
            require(0 < value <= 1e30, f"{key}.{name}", value, expected, "correct it")
        for name in ("muon_momentum", "adamw_beta1", "adamw_beta2", "weight_decay"):
            value = getattr(self, name)
            require(0 <= value < 1, f"{key}.{name}", value, "a number in [0, 1)", "correct it")
        untils = [stretch.until for stretch in self.checkpoints]
        require(
            len(untils) > 0 and untils == sorted(set(untils)),
            f"{key}.checkpoints",
            untils,
            "at least one stretch, each `until` larger than the one before",
            "order the stretches",
        )
        asked = sum(
            max(0, stretch.until - start) // stretch.every
            for start, stretch in zip([0, *untils], self.checkpoints, strict=False)
        )
        require(
            asked <= MAX_CHECKPOINTS,
            f"{key}.checkpoints",
            untils,
            f"at most {MAX_CHECKPOINTS:,} checkpoints, not {asked:,} (each is a file, and costs a "
            "pass over the evaluation set)",
            "raise `every` or lower `until`",
        )

    def changed(self, changes: TrainChanges, key: str) -> "TrainSettings":
        """As one cell, whose changes stand at `key`, is trained."""
        return changed(self, changes, key)

    def check_fits(self, key: str, n_ctx: int) -> None:
        """Steps are numbered with six digits in the names of checkpoints, whose order counts."""
        steps = self.steps(n_ctx)
        require(
            steps <= MAX_STEPS,
            f"{key}.tokens",
            self.tokens,
            f"at most {MAX_STEPS:,} steps of batch × corpus.n_ctx tokens, not {steps:,}",
            "lower it or raise batch",
        )

    def steps(self, n_ctx: int) -> int:
        """Optimiser steps: the last one reaches at least `tokens` tokens."""
        return -(-self.tokens // (self.batch * n_ctx))

    def schedule(self, n_ctx: int) -> list[int]:
        """Steps that leave a checkpoint, sorted: the untrained model, the stretches, the end."""
        per_step, last = self.batch * n_ctx, self.steps(n_ctx)
        steps, start = {0, last}, 0
        for stretch in self.checkpoints:
            for tokens in range(start + stretch.every, stretch.until + 1, stretch.every):
                steps.add(round(tokens / per_step))
            start = stretch.until
        return sorted(step for step in steps if step <= last)

"""Section `train`: optimiser, length, and the checkpoint schedule."""

from dataclasses import dataclass
from typing import Literal

from stages.settings.strict import require


@dataclass(frozen=True)
class Checkpoints:
    """A stretch of training with one spacing: every `every` tokens until `until` tokens."""

    until: int
    every: int

    def check(self, key: str) -> None:
        require(self.every >= 1, f"{key}.every", self.every, "at least 1 token", "correct it")
        require(self.until >= 1, f"{key}.until", self.until, "at least 1 token", "correct it")


@dataclass(frozen=True)
class Train:
    tokens: int
    batch: int
    optimizer: Literal["muon", "adamw"]
    muon_lr: float
    muon_momentum: float
    adamw_lr: float
    adamw_beta1: float
    adamw_beta2: float
    weight_decay: float
    warmup_steps: int
    clip_norm: float
    checkpoints: tuple[Checkpoints, ...]

    def check(self, key: str) -> None:
        for name in ("tokens", "batch", "warmup_steps"):
            value = getattr(self, name)
            require(value >= 1, f"{key}.{name}", value, "an integer of at least 1", "correct it")
        for name in ("muon_lr", "adamw_lr", "clip_norm"):
            value = getattr(self, name)
            require(value > 0, f"{key}.{name}", value, "a number above 0", "correct it")
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

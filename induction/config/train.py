"""Section `train`: optimiser, length, and the checkpoint schedule."""

from typing import Annotated, Literal

from pydantic import Field

from induction.config.errors import require
from induction.config.names import PUBLISHED_TRAIN
from induction.config.strict import Listed, changed, settings, within

MAX_CHECKPOINTS = 10_000
MAX_STEPS = 999_999
TextKind = Literal["stream", "shuffled", "periodic"]
Optimizer = Literal["muon", "adamw"]
Tokens = Annotated[int, within(1, 10**13, "no model has read more")]
Span = Annotated[int, within(1, 32_767, "no context is longer")]
Rate = Annotated[float, Field(gt=0, le=1e30, description="training is in fp32")]
Decay = Annotated[float, Field(ge=0, lt=1)]


@settings
class CheckpointSpacing:
    """A stretch of training with one spacing: every `every` tokens until `until` tokens."""

    until: Tokens
    every: Tokens


@settings
class TrainChanges:
    """What one cell may change: anything that leaves its checkpoints where they are."""

    text: TextKind | None = None
    shuffle_span: int | None = None
    period: int | None = None
    optimizer: Optimizer | None = None
    muon_lr: float | None = None
    adamw_lr: float | None = None
    weight_decay: float | None = None
    warmup_steps: int | None = None


@settings
class TrainLength:
    """Section `published_train`: what the published run changes of section `train`, for all of its
    cells alike. One cell alone may not: checkpoints are compared step by step."""

    tokens: int | None = None
    checkpoints: Listed[CheckpointSpacing] | None = None


@settings
class TrainSettings:
    tokens: Tokens
    batch: Annotated[int, within(1, 65_536, "more need more than one machine")]
    micro_batch: Annotated[int, within(1, 65_536, "a pass holds all its sequences in memory")]
    compile: bool
    text: TextKind
    shuffle_span: Span
    period: Span
    optimizer: Optimizer
    muon_lr: Rate
    muon_momentum: Decay
    adamw_lr: Rate
    adamw_beta1: Decay
    adamw_beta2: Decay
    weight_decay: Decay
    warmup_steps: Annotated[int, within(1, MAX_STEPS, "training has no more steps")]
    clip_norm: Rate
    checkpoints: Listed[CheckpointSpacing]

    def __post_init__(self) -> None:
        require(
            self.batch % self.micro_batch == 0,
            "micro_batch",
            self.micro_batch,
            f"a number of sequences that divides those of a step (batch: {self.batch}), so that "
            "all passes are alike",
            "correct it",
        )
        untils = [stretch.until for stretch in self.checkpoints]
        require(
            len(untils) > 0 and untils == sorted(set(untils)),
            "checkpoints",
            untils,
            "at least one stretch, each `until` larger than the one before",
            "order the stretches",
        )
        count = sum(
            max(0, stretch.until - start) // stretch.every
            for start, stretch in zip([0, *untils], self.checkpoints, strict=False)
        )
        require(
            count <= MAX_CHECKPOINTS,
            "checkpoints",
            untils,
            f"at most {MAX_CHECKPOINTS:,} checkpoints, not {count:,} (each is a file, and costs a "
            "pass over the evaluation set)",
            "raise `every` or lower `until`",
        )

    def of_cell(self, changes: TrainChanges, key: str) -> "TrainSettings":
        """As a cell is trained whose entry of params.yaml is `key`."""
        return changed(self, changes, f"{key}.train")

    def of_published(self, length: TrainLength) -> "TrainSettings":
        """As all cells of the published run are trained, but for what they change themselves."""
        return changed(self, length, PUBLISHED_TRAIN)

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

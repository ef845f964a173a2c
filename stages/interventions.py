"""Measure losses with sets of heads removed, or their patterns knocked out or idealised"""

from collections.abc import Mapping
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from induction.config.errors import StageError
from induction.config.icl import IclWindows
from induction.config.interventions import InterventionSettings
from induction.config.remedy import rebuild
from induction.interp.activations import Head
from induction.interp.interventions import HeadEdits, Rules, interventions
from induction.interp.losses import joined, sequence_losses, short_context, token_nll
from induction.models.model import Model
from induction.models.workers import Workers
from induction.pipeline.artifacts import CHECKPOINTS
from induction.pipeline.job import Job, run
from induction.pipeline.measuring import Measure, Measured, run_measure
from induction.tables.corpus import EVAL, EVAL_SEQUENCES
from induction.tables.heads import HEADS
from induction.tables.interventions import INTERVENTION_HEADS, INTERVENTIONS
from induction.text import evaluation

PER = "cell"
INPUTS = (CHECKPOINTS, EVAL, EVAL_SEQUENCES, HEADS)
OUTPUTS = (INTERVENTIONS, INTERVENTION_HEADS)
PARAMS = ("device", "icl.windows", "interventions", "losses")


class Part(NamedTuple):
    """Some sequences: their tokens, in whole and with a short context, what the rules mean in both,
    and their sampled positions."""

    tokens: Tensor
    rules: Rules
    short: Tensor
    short_rules: Rules
    sampled: Tensor


class Interventions(Measure):
    def __init__(self, job: Job, device: torch.device, workers: Workers):
        super().__init__(job, device, workers)
        params = job.params
        self.learned: dict[int, dict[Head, str]] = {}
        self.settings = settings = params.section("interventions", InterventionSettings)
        self.windows = windows = params.section("icl.windows", IclWindows)
        self.tokens = tokens = evaluation.sequences(job.source(EVAL), settings.sequences).to(device)
        sampled = evaluation.sampled_positions(
            job.source(EVAL_SEQUENCES), tokens.shape[1], settings.sequences
        ).to(device)
        settings.check_fits("interventions", len(tokens))
        windows.check_fits("icl.windows", tokens.shape[1])
        # One stream for all sequences, in their order: the same keys however they are batched.
        seeds = (settings.seed, (settings.seed, 1))
        rng, rng_short = (np.random.default_rng(seed) for seed in seeds)
        columns = (tokens, short_context(tokens, windows, job.bos), sampled)
        split = (each.split(self.batch) for each in columns)
        self.parts = [
            Part(whole, Rules(whole, rng), short, Rules(short, rng_short), positions)
            for whole, short, positions in zip(*split, strict=True)
        ]

    @property
    def reads(self) -> list[Tensor]:
        return [self.tokens]

    def selected(self, steps: list[int]) -> list[int]:
        return steps[::-1][:: self.settings.every][::-1]

    def learn(self, rows: Measured) -> None:
        if HEADS in rows:
            self.learned |= kinds_by_step(rows[HEADS])

    @cached_property
    def in_table(self) -> dict[int, dict[Head, str]]:
        return kinds_by_step(self.job.read(HEADS))

    def kinds_at(self, step: int) -> dict[Head, str]:
        """Of every head at a checkpoint."""
        kinds = self.learned.get(step) or self.in_table.get(step)
        if kinds is None:
            source = self.job.source(HEADS)
            raise StageError(
                f"{source.path}: lacks step {step}, which is a checkpoint of this cell; "
                f"{rebuild(source.stage)}"
            )
        return kinds

    def depends_on(self, step: int) -> str:
        return str(sorted(self.kinds_at(step).items()))

    def measure(self, model: Model, step: int) -> Measured:
        # Kinds at this checkpoint: before the change a set may be empty.
        seed = (self.settings.seed, step)
        planned = interventions(self.kinds_at(step), self.settings.draws, seed)
        runs = [(each.name, draw, run) for each in planned for draw, run in enumerate(each.runs)]

        def losses_of_runs(part: Part) -> dict[str, Tensor]:
            each = [losses_of(model, part, edits, self.windows) for *_, edits in runs]
            return joined(each, torch.stack)  # [run, sequence]

        count = len(self.tokens)
        by_part = self.workers.map(losses_of_runs, self.parts)
        columns = joined(by_part, partial(torch.cat, dim=1))
        return {
            INTERVENTIONS: {
                "step": np.full(len(runs) * count, step, np.int32),
                "intervention": np.repeat([name for name, *_ in runs], count),
                "draw": np.repeat(np.array([draw for _, draw, _ in runs], np.int16), count),
                "seq": np.tile(np.arange(count, dtype=np.int16), len(runs)),
                **{name: values.flatten().cpu().numpy() for name, values in columns.items()},
            },
            INTERVENTION_HEADS: {
                "step": np.full(len(planned), step, np.int32),
                "intervention": [each.name for each in planned],
                "n_heads": np.array([len(each.heads) for each in planned], np.int16),
                "heads": [each.names for each in planned],
                "is_defined": np.array([each.runs != [] for each in planned]),
                "reason": [each.reason for each in planned],
            },
        }


def main(job: Job) -> None:
    run_measure(job, Interventions)


def losses_of(model: Model, part: Part, edits: HeadEdits, windows: IclWindows) -> dict[str, Tensor]:
    """Losses of the sequences of a part under one set of edits, by column."""
    nll = token_nll(model, part.tokens, part.rules.edits(edits))
    short = token_nll(model, part.short, part.short_rules.edits(edits))
    return sequence_losses(nll, short, windows, part.sampled)


def kinds_by_step(table: Mapping[str, np.ndarray | list]) -> dict[int, dict[Head, str]]:
    """The kind of each head at every checkpoint, from table `heads`."""
    kinds: dict[int, dict[Head, str]] = {}
    names = ("step", "layer", "head", "kind")
    for step, layer, head, kind in zip(*(table[name] for name in names), strict=True):
        kinds.setdefault(int(step), {})[int(layer), int(head)] = str(kind)
    return kinds


if __name__ == "__main__":
    run(main)

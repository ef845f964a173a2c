"""Measure the losses of a cell without each of its heads, at every checkpoint"""

from functools import partial
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from induction.config.ablations import AblationSettings
from induction.config.icl import IclWindows
from induction.interp.ablation import WHOLE_MODEL, ablated_nll, head_outputs, substitutes
from induction.interp.losses import joined, sequence_losses, short_context
from induction.models.model import Model
from induction.models.workers import Workers
from induction.pipeline.artifacts import CHECKPOINTS
from induction.pipeline.job import Job, run
from induction.pipeline.measuring import Measure, Measured, run_measure
from induction.tables.ablations import ABLATIONS
from induction.tables.corpus import EVAL, EVAL_SEQUENCES
from induction.text import evaluation

PER = "cell"
INPUTS = (CHECKPOINTS, EVAL, EVAL_SEQUENCES)
OUTPUTS = (ABLATIONS,)
PARAMS = ("device", "ablations", "icl.windows", "losses")

# (layer, head, replacement, mode) -> losses of sequences, by column.
Losses = dict[tuple[int, int, str, str], dict[str, Tensor]]


class Part(NamedTuple):
    """Some sequences: their tokens, in whole and with a short context, their sampled positions, and
    what replaces the heads' outputs in both, layer by layer; None is zero."""

    tokens: Tensor
    short: Tensor
    sampled: Tensor
    replacement: str = "zero"
    z: list[Tensor] | None = None
    z_short: list[Tensor] | None = None


class Ablations(Measure):
    def __init__(self, job: Job, device: torch.device, workers: Workers):
        super().__init__(job, device, workers)
        params = job.params
        self.ablations = ablations = params.section("ablations", AblationSettings)
        self.windows = windows = params.section("icl.windows", IclWindows)
        tokens = evaluation.sequences(job.source(EVAL), ablations.sequences).to(device)
        self.tokens = tokens
        sampled = evaluation.sampled_positions(
            job.source(EVAL_SEQUENCES), tokens.shape[1], ablations.sequences
        ).to(device)
        ablations.check_fits("ablations", len(tokens))
        windows.check_fits("icl.windows", tokens.shape[1])
        columns = (tokens, short_context(tokens, windows, job.bos), sampled)

        def first(count: int) -> list[Part]:
            split = (column[:count].split(self.batch) for column in columns)
            return [Part(*part) for part in zip(*split, strict=True)]

        self.zeroed, self.others = first(ablations.sequences), first(ablations.other_sequences)

    @property
    def reads(self) -> list[Tensor]:
        return [self.tokens]

    def measure(self, model: Model, step: int) -> Measured:
        parts = self.zeroed + replaced(model, self.others, self.ablations.others, self.workers)
        collected: dict[tuple, list[dict[str, Tensor]]] = {}
        for part in self.workers.map(partial(self._losses_of, model), parts):
            for key, values in part.items():
                collected.setdefault(key, []).append(values)
        keys = sorted(collected)
        by_key = [joined(collected[key]) for key in keys]
        counts = [len(columns["mean"]) for columns in by_key]
        return {
            ABLATIONS: {
                "step": np.full(sum(counts), step, np.int32),
                "layer": np.repeat(np.array([key[0] for key in keys], np.int16), counts),
                "head": np.repeat(np.array([key[1] for key in keys], np.int16), counts),
                "replacement": np.repeat([key[2] for key in keys], counts),
                "mode": np.repeat([key[3] for key in keys], counts),
                "seq": np.concatenate([np.arange(count, dtype=np.int16) for count in counts]),
                **{name: values.cpu().numpy() for name, values in joined(by_key).items()},
            }
        }

    def _losses_of(self, model: Model, part: Part) -> Losses:
        nll = ablated_nll(model, part.tokens, self.ablations.modes, part.z)
        short = ablated_nll(model, part.short, self.ablations.modes, part.z_short)
        losses = {
            ablation: sequence_losses(nll[ablation], short[ablation], self.windows, part.sampled)
            for ablation in nll
        }
        whole = losses.pop(WHOLE_MODEL)
        return ({(-1, -1, "none", "none"): whole} if part.replacement == "zero" else {}) | {
            (layer, head, part.replacement, mode): without
            for (layer, head, mode), without in losses.items()
        }


def main(job: Job) -> None:
    run_measure(job, Ablations)


def replaced(
    model: Model,
    parts: list[Part],
    replacements: tuple[Literal["mean", "resample"], ...],
    workers: Workers,
) -> list[Part]:
    """The parts for replacements that the model itself makes, from these sequences."""
    if not replacements:
        return []
    texts = [part.tokens for part in parts], [part.short for part in parts]
    sizes = [len(part.tokens) for part in parts]

    def of_parts(batches: list[Tensor]) -> dict[str, list[tuple[Tensor, ...]]]:
        """By replacement: what stands in for every layer's z, part by part."""
        outputs = workers.map(partial(head_outputs, model), batches)
        zs = [torch.cat(layer) for layer in zip(*outputs, strict=True)]
        return {
            each: [*zip(*[z.split(sizes) for z in substitutes(zs, each)], strict=True)]
            for each in replacements
        }

    whole, short = map(of_parts, texts)
    return [
        part._replace(replacement=each, z=list(z), z_short=list(z_short))
        for each in replacements
        for part, z, z_short in zip(parts, whole[each], short[each], strict=True)
    ]


if __name__ == "__main__":
    run(main)

"""Measure the losses of a cell without each of its heads, at every checkpoint"""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from induction.config.ablations import AblationSettings
from induction.config.icl import IclWindows
from induction.config.losses import LossSettings
from induction.interp.ablation import WHOLE_MODEL, ablated_nll, head_outputs, substitutes
from induction.interp.losses import joined, sequence_losses
from induction.models import checkpoints
from induction.models import device as devices
from induction.models.transformer import Transformer
from induction.models.workers import Workers
from induction.pipeline.artifacts import CHECKPOINTS
from induction.pipeline.job import Job, run
from induction.pipeline.progress import progress
from induction.tables.ablations import ABLATIONS
from induction.tables.corpus import EVAL, EVAL_SEQUENCES
from induction.text import evaluation

PER = "cell"
INPUTS = (CHECKPOINTS, EVAL, EVAL_SEQUENCES)
OUTPUTS = (ABLATIONS,)
PARAMS = ("device", "ablations", "icl.windows", "losses")

# Some sequences: what replaces a head's output there, their tokens and sampled positions, and,
# layer by layer, the replacement; None is zero.
Part = tuple[str, Tensor, Tensor, list[Tensor] | None]
# (layer, head, replacement, mode) -> losses of sequences, by column.
Losses = dict[tuple[int, int, str, str], dict[str, Tensor]]


def main(job: Job) -> None:
    params = job.params
    ablations = params.section("ablations", AblationSettings)
    windows = params.section("icl.windows", IclWindows)
    batch = params.section("losses", LossSettings).batch
    device = devices.pick(params.get("device"))
    job.device = devices.name(device)
    tokens = evaluation.sequences(job.source(EVAL), ablations.sequences).to(device)
    sampled = evaluation.sampled_positions(
        job.source(EVAL_SEQUENCES), tokens.shape[1], ablations.sequences
    ).to(device)
    ablations.check_fits("ablations", len(tokens))
    windows.check_fits("icl.windows", tokens.shape[1])
    pairs = list(zip(tokens.split(batch), sampled.split(batch), strict=True))
    few = ablations.other_sequences
    other_pairs = list(zip(tokens[:few].split(batch), sampled[:few].split(batch), strict=True))

    paths = checkpoints.listed(job.source(CHECKPOINTS))
    with Workers(device) as workers, job.outputs() as outputs:
        writer = outputs.writer(ABLATIONS)
        for checkpoint in progress(paths, f"ablations {job.instance}", "checkpoint"):
            model, header = checkpoints.load(checkpoint, device)
            checkpoints.check_fits(tokens, header, checkpoint)

            def losses_of(part: Part, model: Transformer = model) -> Losses:
                replacement, tokens, positions, zs = part
                losses = ablated_nll(model, tokens, ablations.modes, zs)
                whole = sequence_losses(losses.pop(WHOLE_MODEL), windows, positions)
                return ({(-1, -1, "none", "none"): whole} if replacement == "zero" else {}) | {
                    (layer, head, replacement, mode): sequence_losses(without, windows, positions)
                    for (layer, head, mode), without in losses.items()
                }

            parts = [("zero", *pair, None) for pair in pairs]
            parts += replaced(model, other_pairs, ablations.others, workers)
            collected: dict[tuple, list[dict[str, Tensor]]] = {}
            for part in workers.map(losses_of, parts):
                for key, values in part.items():
                    collected.setdefault(key, []).append(values)
            keys = sorted(collected)
            by_key = [joined(collected[key]) for key in keys]
            counts = [len(columns["mean"]) for columns in by_key]
            writer.write(
                {
                    "step": np.full(sum(counts), header.step, np.int32),
                    "layer": np.repeat(np.array([key[0] for key in keys], np.int16), counts),
                    "head": np.repeat(np.array([key[1] for key in keys], np.int16), counts),
                    "replacement": np.repeat([key[2] for key in keys], counts),
                    "mode": np.repeat([key[3] for key in keys], counts),
                    "seq": np.concatenate([np.arange(count, dtype=np.int16) for count in counts]),
                    **{name: values.cpu().numpy() for name, values in joined(by_key).items()},
                }
            )


def replaced(
    model: Transformer,
    pairs: list[tuple[Tensor, Tensor]],
    replacements: tuple[Literal["mean", "resample"], ...],
    workers: Workers,
) -> list[Part]:
    """The parts for replacements that the model itself makes, from these sequences."""
    if not replacements:
        return []
    outputs = workers.map(lambda pair: head_outputs(model, pair[0]), pairs)
    zs = [torch.cat(layer) for layer in zip(*outputs, strict=True)]
    sizes = [len(tokens) for tokens, _ in pairs]
    parts: list[Part] = []
    for replacement in replacements:
        split = zip(*[z.split(sizes) for z in substitutes(zs, replacement)], strict=True)
        parts += [(replacement, *pair, list(z)) for pair, z in zip(pairs, split, strict=True)]
    return parts


if __name__ == "__main__":
    run(main)

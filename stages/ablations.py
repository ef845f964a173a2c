"""The losses of a cell without each of its heads, at every checkpoint."""

import numpy as np
import torch
from torch import Tensor

from induction.config.ablations import AblationSettings
from induction.config.icl import IclWindows
from induction.config.losses import LossSettings
from induction.interp.ablation import ablated_nll, head_outputs, reduced, substitutes
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
# (layer, head, replacement, mode) -> [early, late, mean, sampled] × sequence.
Reduced = dict[tuple[int, int, str, str], Tensor]


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

            def reduce(part: Part, model: Transformer = model) -> Reduced:
                replacement, tokens, positions, instead = part
                found = ablated_nll(model, tokens, ablations.modes, instead)
                whole = reduced(found.pop((-1, -1, "none")), windows, positions)
                return ({(-1, -1, "none", "none"): whole} if replacement == "zero" else {}) | {
                    (layer, head, replacement, mode): reduced(losses, windows, positions)
                    for (layer, head, mode), losses in found.items()
                }

            parts = [("zero", *pair, None) for pair in pairs]
            parts += replaced(model, other_pairs, ablations.others, workers)
            collected: dict[tuple, list[Tensor]] = {}
            for part in workers.map(reduce, parts):
                for key, values in part.items():
                    collected.setdefault(key, []).append(values)
            keys = sorted(collected)
            by_key = [torch.cat(collected[key], 1) for key in keys]
            counts = [values.shape[1] for values in by_key]
            values = torch.cat(by_key, 1).cpu().numpy()
            writer.write(
                {
                    "step": np.full(sum(counts), header.step, np.int32),
                    "layer": np.repeat(np.array([key[0] for key in keys], np.int16), counts),
                    "head": np.repeat(np.array([key[1] for key in keys], np.int16), counts),
                    "replacement": np.repeat([key[2] for key in keys], counts),
                    "mode": np.repeat([key[3] for key in keys], counts),
                    "seq": np.concatenate([np.arange(count, dtype=np.int16) for count in counts]),
                    **dict(zip(("early", "late", "mean", "sampled"), values, strict=True)),
                }
            )


def replaced(
    model: Transformer,
    pairs: list[tuple[Tensor, Tensor]],
    replacements: tuple[str, ...],
    workers: Workers,
) -> list[Part]:
    """The parts for replacements that the model itself makes, from these sequences."""
    if not replacements:
        return []
    found = workers.map(lambda pair: head_outputs(model, pair[0]), pairs)
    zs = [torch.cat(layer) for layer in zip(*found, strict=True)]
    sizes = [len(tokens) for tokens, _ in pairs]
    parts: list[Part] = []
    for replacement in replacements:
        split = zip(*[z.split(sizes) for z in substitutes(zs, replacement)], strict=True)
        parts += [(replacement, *pair, list(own)) for pair, own in zip(pairs, split, strict=True)]
    return parts


if __name__ == "__main__":
    run(main)

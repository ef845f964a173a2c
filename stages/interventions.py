"""Measure losses with sets of heads removed, or their patterns knocked out or idealised"""

from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from induction.config.errors import StageError
from induction.config.icl import IclWindows
from induction.config.interventions import InterventionSettings
from induction.config.losses import LossSettings
from induction.config.remedy import rebuild
from induction.interp.activations import Head
from induction.interp.interventions import HeadEdits, Rules, interventions
from induction.interp.losses import joined, sequence_losses, short_context, token_nll
from induction.models import checkpoints
from induction.models import device as devices
from induction.models.transformer import Transformer
from induction.models.workers import Workers
from induction.pipeline.artifacts import CHECKPOINTS
from induction.pipeline.job import Job, run
from induction.pipeline.progress import progress
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


def main(job: Job) -> None:
    params = job.params
    settings = params.section("interventions", InterventionSettings)
    windows = params.section("icl.windows", IclWindows)
    batch = params.section("losses", LossSettings).batch
    device = devices.pick(params.get("device"))
    job.device = devices.name(device)
    tokens = evaluation.sequences(job.source(EVAL), settings.sequences).to(device)
    sampled = evaluation.sampled_positions(
        job.source(EVAL_SEQUENCES), tokens.shape[1], settings.sequences
    ).to(device)
    settings.check_fits("interventions", len(tokens))
    windows.check_fits("icl.windows", tokens.shape[1])
    # One stream for all sequences, in their order: the same keys however they are batched.
    rng, rng_short = (np.random.default_rng(seed) for seed in (settings.seed, (settings.seed, 1)))
    columns = (tokens, short_context(tokens, windows), sampled)
    parts = [
        Part(whole, Rules(whole, rng), short, Rules(short, rng_short), positions)
        for whole, short, positions in zip(*(each.split(batch) for each in columns), strict=True)
    ]
    count = len(tokens)

    paths = checkpoints.listed(job.source(CHECKPOINTS))
    paths = paths[::-1][:: settings.every][::-1]
    kinds = kinds_by_step(job.read(HEADS))
    with Workers(device) as workers, job.outputs() as outputs:
        losses, sets = outputs.writer(INTERVENTIONS), outputs.writer(INTERVENTION_HEADS)
        for checkpoint in progress(paths, f"interventions {job.instance}", "checkpoint"):
            model, header = checkpoints.load(checkpoint, device)
            checkpoints.check_fits(tokens, header, checkpoint)
            if header.step not in kinds:
                raise StageError(
                    f"{checkpoint}: step {header.step} is not in table heads of this cell; "
                    f"{rebuild(job.source(HEADS).stage)}"
                )
            # Kinds at this checkpoint: before the change a set may be empty.
            seed = (settings.seed, header.step)
            planned = interventions(kinds[header.step], settings.draws, seed)
            sets.write(
                {
                    "step": np.full(len(planned), header.step, np.int32),
                    "intervention": [each.name for each in planned],
                    "n_heads": np.array([len(each.heads) for each in planned], np.int16),
                    "heads": [each.names for each in planned],
                    "is_defined": np.array([each.runs != [] for each in planned]),
                    "reason": [each.reason for each in planned],
                }
            )
            runs = [
                (each.name, draw, run) for each in planned for draw, run in enumerate(each.runs)
            ]

            def losses_of_runs(part: Part, runs: list = runs, model: Transformer = model) -> dict:
                each = [losses_of(model, part, edits, windows) for *_, edits in runs]
                return joined(each, torch.stack)  # [run, sequence]

            columns = joined(workers.map(losses_of_runs, parts), partial(torch.cat, dim=1))
            losses.write(
                {
                    "step": np.full(len(runs) * count, header.step, np.int32),
                    "intervention": np.repeat([name for name, *_ in runs], count),
                    "draw": np.repeat(np.array([draw for _, draw, _ in runs], np.int16), count),
                    "seq": np.tile(np.arange(count, dtype=np.int16), len(runs)),
                    **{name: values.flatten().cpu().numpy() for name, values in columns.items()},
                }
            )


def losses_of(
    model: Transformer, part: Part, edits: HeadEdits, windows: IclWindows
) -> dict[str, Tensor]:
    """Losses of the sequences of a part under one set of edits, by column."""
    nll = token_nll(model, part.tokens, part.rules.edits(edits))
    short = token_nll(model, part.short, part.short_rules.edits(edits))
    return sequence_losses(nll, short, windows, part.sampled)


def kinds_by_step(table: dict[str, np.ndarray]) -> dict[int, dict[Head, str]]:
    """The kind of each head at every checkpoint, from table `heads`."""
    kinds: dict[int, dict[Head, str]] = {}
    names = ("step", "layer", "head", "kind")
    for step, layer, head, kind in zip(*(table[name] for name in names), strict=True):
        kinds.setdefault(int(step), {})[int(layer), int(head)] = str(kind)
    return kinds


if __name__ == "__main__":
    run(main)

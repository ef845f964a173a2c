"""The losses of a cell with its induction and previous-token heads removed, hidden or idealised."""

import numpy as np
import torch
from torch import Tensor

from induction.config.errors import StageError
from induction.config.icl import IclWindows
from induction.config.interventions import InterventionSettings
from induction.config.losses import LossSettings
from induction.config.remedy import rebuild
from induction.interp.ablation import reduced
from induction.interp.interventions import Edits, Head, Rules, edited_nll, interventions
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

# Some sequences: tokens, sampled positions, and what the rules mean there.
Part = tuple[Tensor, Tensor, Rules]


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
    rng = np.random.default_rng(settings.seed)
    parts = [
        (own, positions, Rules(own, rng))
        for own, positions in zip(tokens.split(batch), sampled.split(batch), strict=True)
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
            found = interventions(kinds[header.step], header.model.n_heads, settings.draws, seed)
            sets.write(
                {
                    "step": np.full(len(found), header.step, np.int32),
                    "intervention": [own.name for own in found],
                    "n_heads": np.array([len(own.heads) for own in found], np.int16),
                    "heads": [own.names for own in found],
                    "is_defined": np.array([own.runs != [] for own in found]),
                    "reason": [own.reason for own in found],
                }
            )
            runs = [(own.name, draw, run) for own in found for draw, run in enumerate(own.runs)]

            def reduce(part: Part, runs: list = runs, model: Transformer = model) -> Tensor:
                return torch.stack([losses_of(model, part, edits, windows) for *_, edits in runs])

            # [run, early, late, mean or sampled, sequence]
            values = torch.cat(workers.map(reduce, parts), 2).cpu().numpy()
            columns = values.transpose(1, 0, 2).reshape(4, -1)
            losses.write(
                {
                    "step": np.full(len(runs) * count, header.step, np.int32),
                    "intervention": np.repeat([name for name, *_ in runs], count),
                    "draw": np.repeat(np.array([draw for _, draw, _ in runs], np.int16), count),
                    "seq": np.tile(np.arange(count, dtype=np.int16), len(runs)),
                    **dict(zip(("early", "late", "mean", "sampled"), columns, strict=True)),
                }
            )


def losses_of(model: Transformer, part: Part, edits: Edits, windows: IclWindows) -> Tensor:
    """Early, late, mean and sampled losses of a part under one set of edits: [4, batch]."""
    tokens, positions, rules = part
    patterns = {head: rules.edit(rule) for head, rule in edits.rules.items()}
    return reduced(edited_nll(model, tokens, edits.removed, patterns), windows, positions)


def kinds_by_step(table: dict[str, np.ndarray]) -> dict[int, dict[Head, str]]:
    """The kind of each head at every checkpoint, from table `heads`."""
    found: dict[int, dict[Head, str]] = {}
    names = ("step", "layer", "head", "kind")
    for step, layer, head, kind in zip(*(table[name] for name in names), strict=True):
        found.setdefault(int(step), {})[int(layer), int(head)] = str(kind)
    return found


if __name__ == "__main__":
    run(main)

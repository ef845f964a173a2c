"""The losses of a cell with its induction and previous-token heads removed, hidden or idealised."""

from functools import partial

import numpy as np
import torch
from torch import Tensor

from induction.config.errors import StageError
from induction.config.icl import IclWindows
from induction.config.interventions import InterventionSettings
from induction.config.losses import LossSettings
from induction.config.paths import DATA
from induction.config.remedy import rebuild
from induction.interp.activations import Head
from induction.interp.interventions import HeadEdits, Rules, interventions
from induction.interp.losses import joined, sequence_losses, token_nll
from induction.models import checkpoints
from induction.models import device as devices
from induction.models.transformer import Transformer
from induction.models.workers import Workers
from induction.pipeline import cells
from induction.pipeline.job import Job, run
from induction.pipeline.progress import progress
from induction.tables.heads import HEADS
from induction.tables.interventions import INTERVENTION_HEADS, INTERVENTIONS
from induction.tables.parquet import TableWriter, read_table
from induction.text import evaluation

# Some sequences: tokens, sampled positions, and what the rules mean there.
Part = tuple[Tensor, Tensor, Rules]


def main(job: Job) -> None:
    params = job.params
    settings = params.section("interventions", InterventionSettings)
    windows = params.section("icl.windows", IclWindows)
    batch = params.section("losses", LossSettings).batch
    device = devices.pick(params.get("device"))
    job.device = devices.name(device)
    corpus = cells.corpus_folder(cells.own(params, job.cell)[1].corpus)
    tokens = evaluation.sequences(corpus, settings.sequences).to(device)
    sampled = evaluation.sampled_positions(corpus, tokens.shape[1], settings.sequences).to(device)
    settings.check_fits("interventions", len(tokens))
    windows.check_fits("icl.windows", tokens.shape[1])
    # One stream for all sequences, in their order: the same keys however they are batched.
    rng = np.random.default_rng(settings.seed)
    parts = [
        (own, positions, Rules(own, rng))
        for own, positions in zip(tokens.split(batch), sampled.split(batch), strict=True)
    ]
    count = len(tokens)

    paths = checkpoints.listed(DATA / "train" / job.cell, f"train@{job.cell}")
    paths = paths[::-1][:: settings.every][::-1]
    kinds = kinds_by_step(job.cell)
    with (
        Workers(device) as workers,
        job.output(DATA / "interventions" / job.cell) as folder,
        TableWriter(INTERVENTIONS, folder / "interventions.parquet", job.provenance) as losses,
        TableWriter(
            INTERVENTION_HEADS, folder / "intervention_heads.parquet", job.provenance
        ) as sets,
    ):
        for checkpoint in progress(paths, f"interventions {job.cell}", "checkpoint"):
            model, header = checkpoints.load(checkpoint, device)
            checkpoints.check_fits(tokens, header, checkpoint)
            if header.step not in kinds:
                raise StageError(
                    f"{checkpoint}: step {header.step} is not in table heads of this cell; "
                    f"{rebuild(f'heads@{job.cell}')}"
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
    tokens, positions, rules = part
    return sequence_losses(token_nll(model, tokens, rules.edits(edits)), windows, positions)


def kinds_by_step(cell: str) -> dict[int, dict[Head, str]]:
    """What kind each head is, at every checkpoint of the cell."""
    table = read_table(HEADS, DATA / "heads" / cell / "heads.parquet", f"heads@{cell}")
    found: dict[int, dict[Head, str]] = {}
    names = ("step", "layer", "head", "kind")
    for step, layer, head, kind in zip(*(table[name] for name in names), strict=True):
        found.setdefault(int(step), {})[int(layer), int(head)] = str(kind)
    return found


if __name__ == "__main__":
    run(main, "interventions", __doc__, per="cell")

"""Measure the loss of every evaluation token at every checkpoint of a cell"""

from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from induction.config.icl import IclWindows
from induction.config.losses import LossSettings
from induction.interp.losses import short_context, token_nll
from induction.models import checkpoints
from induction.models import device as devices
from induction.models.workers import Workers
from induction.pipeline.artifacts import CHECKPOINTS
from induction.pipeline.job import Job, run
from induction.pipeline.progress import progress
from induction.tables.contract import Columns
from induction.tables.corpus import EVAL
from induction.tables.losses import LOSSES, LOSSES_SHORT
from induction.text import evaluation

PER = "cell"
INPUTS = (CHECKPOINTS, EVAL)
OUTPUTS = (LOSSES, LOSSES_SHORT)
PARAMS = ("device", "icl.windows", "losses")


def main(job: Job) -> None:
    losses = job.params.section("losses", LossSettings)
    windows = job.params.section("icl.windows", IclWindows)
    device = devices.pick(job.params.get("device"))
    job.device = devices.name(device)
    tokens = evaluation.sequences(job.source(EVAL)).to(device)
    windows.check_fits("icl.windows", tokens.shape[1])
    short = short_context(tokens, windows)
    at_late = slice(windows.early[0], windows.early[1] + 1)

    paths = checkpoints.listed(job.source(CHECKPOINTS))
    with Workers(device) as workers, job.outputs() as outputs:
        whole, again = outputs.writer(LOSSES), outputs.writer(LOSSES_SHORT)
        for checkpoint in progress(paths, f"losses {job.instance}", "checkpoint"):
            model, header = checkpoints.load(checkpoint, device)
            checkpoints.check_fits(tokens, header, checkpoint)
            nll = partial(token_nll, model)
            parts = workers.map(nll, [*tokens.split(losses.batch), *short.split(losses.batch)])
            half = len(parts) // 2
            whole.write(rows(header.step, torch.cat(parts[:half]), 0))
            in_late = torch.cat(parts[half:])[:, at_late]
            again.write(rows(header.step, in_late, windows.late[0]))


def rows(step: int, losses: Float[Tensor, "seq pos"], first: int) -> Columns:
    """The columns of both tables at one checkpoint; `first` is the position of the first loss."""
    n_seq, n_pos = losses.shape
    return {
        "step": np.full(n_seq * n_pos, step, np.int32),
        "seq": np.repeat(np.arange(n_seq, dtype=np.int16), n_pos),
        "pos": np.tile(np.arange(first, first + n_pos, dtype=np.int16), n_seq),
        "loss": losses.flatten().cpu().numpy(),
    }


if __name__ == "__main__":
    run(main)

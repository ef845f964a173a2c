"""Measure the loss of every evaluation token at every checkpoint of a cell"""

from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from induction.config.icl import IclWindows
from induction.interp.losses import short_context, token_nll
from induction.models.model import Model
from induction.models.workers import Workers
from induction.pipeline.artifacts import CHECKPOINTS
from induction.pipeline.job import Job, run
from induction.pipeline.measuring import Measure, Measured, run_measure
from induction.tables.contract import Columns
from induction.tables.corpus import EVAL
from induction.tables.losses import LOSSES, LOSSES_SHORT
from induction.text import evaluation

PER = "cell"
INPUTS = (CHECKPOINTS, EVAL)
OUTPUTS = (LOSSES, LOSSES_SHORT)
PARAMS = ("device", "icl.windows", "losses")


class Losses(Measure):
    def __init__(self, job: Job, device: torch.device, workers: Workers):
        super().__init__(job, device, workers)
        self.windows = job.params.section("icl.windows", IclWindows)
        self.tokens = evaluation.sequences(job.source(EVAL)).to(device)
        self.windows.check_fits("icl.windows", self.tokens.shape[1])
        self.short = short_context(self.tokens, self.windows, job.bos)

    @property
    def reads(self) -> list[Tensor]:
        return [self.tokens]

    def measure(self, model: Model, step: int) -> Measured:
        batches = [*self.tokens.split(self.batch), *self.short.split(self.batch)]
        parts = self.workers.map(partial(token_nll, model), batches)
        half = len(parts) // 2
        early, late = self.windows.early, self.windows.late
        in_late = torch.cat(parts[half:])[:, early[0] : early[1] + 1]
        return {
            LOSSES: rows(step, torch.cat(parts[:half]), 0),
            LOSSES_SHORT: rows(step, in_late, late[0]),
        }


def main(job: Job) -> None:
    run_measure(job, Losses)


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

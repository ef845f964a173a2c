"""Measure the loss of every evaluation token at every checkpoint of a cell"""

from functools import partial

import numpy as np
import torch

from induction.config.losses import LossSettings
from induction.interp.losses import token_nll
from induction.models import checkpoints
from induction.models import device as devices
from induction.models.workers import Workers
from induction.pipeline.artifacts import CHECKPOINTS
from induction.pipeline.job import Job, run
from induction.pipeline.progress import progress
from induction.tables.corpus import EVAL
from induction.tables.losses import LOSSES
from induction.text import evaluation

PER = "cell"
INPUTS = (CHECKPOINTS, EVAL)
OUTPUTS = (LOSSES,)
PARAMS = ("device", "losses")


def main(job: Job) -> None:
    losses = job.params.section("losses", LossSettings)
    device = devices.pick(job.params.get("device"))
    job.device = devices.name(device)
    tokens = evaluation.sequences(job.source(EVAL)).to(device)
    n_seq, n_pos = len(tokens), tokens.shape[1] - 1
    seq = np.repeat(np.arange(n_seq, dtype=np.int16), n_pos)
    pos = np.tile(np.arange(n_pos, dtype=np.int16), n_seq)

    paths = checkpoints.listed(job.source(CHECKPOINTS))
    with Workers(device) as workers, job.outputs() as outputs:
        writer = outputs.writer(LOSSES)
        for checkpoint in progress(paths, f"losses {job.instance}", "checkpoint"):
            model, header = checkpoints.load(checkpoint, device)
            checkpoints.check_fits(tokens, header, checkpoint)
            parts = workers.map(partial(token_nll, model), tokens.split(losses.batch))
            writer.write(
                {
                    "step": np.full(n_seq * n_pos, header.step, np.int32),
                    "seq": seq,
                    "pos": pos,
                    "loss": torch.cat(parts).flatten().cpu().numpy(),
                }
            )


if __name__ == "__main__":
    run(main)

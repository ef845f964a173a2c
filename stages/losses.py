"""Every checkpoint of a cell × the evaluation set -> per-token losses."""

from functools import partial

import numpy as np
import torch

from induction.config.losses import LossSettings
from induction.config.paths import DATA
from induction.interp.losses import token_nll
from induction.models import checkpoints
from induction.models import device as devices
from induction.models.workers import Workers
from induction.pipeline import cells
from induction.pipeline.job import Job, run
from induction.pipeline.progress import progress
from induction.tables.losses import LOSSES
from induction.tables.parquet import TableWriter
from induction.text import evaluation


def main(job: Job) -> None:
    losses = job.params.section("losses", LossSettings)
    device = devices.pick(job.params.get("device"))
    job.device = devices.name(device)
    _, own = cells.own(job.params, job.cell)
    tokens = evaluation.sequences(cells.corpus_folder(own.corpus)).to(device)
    n_seq, n_pos = len(tokens), tokens.shape[1] - 1
    seq = np.repeat(np.arange(n_seq, dtype=np.int16), n_pos)
    pos = np.tile(np.arange(n_pos, dtype=np.int16), n_seq)

    paths = checkpoints.listed(DATA / "train" / job.cell, f"train@{job.cell}")
    with (
        Workers(device) as workers,
        job.output(DATA / "losses" / f"{job.cell}.parquet") as path,
        TableWriter(LOSSES, path, job.provenance) as writer,
    ):
        for checkpoint in progress(paths, f"losses {job.cell}", "checkpoint"):
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
    run(main, "losses", __doc__, per="cell")

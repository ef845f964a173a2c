"""Every checkpoint of a cell × the evaluation set -> per-token losses."""

from functools import partial

import numpy as np
import torch

from stages.files import checkpoints, evaluation
from stages.files.params import Params
from stages.files.stage import DATA, output, progress, run
from stages.files.tables import TableWriter
from stages.lib.device import pick
from stages.lib.nll import token_nll
from stages.lib.parallel import Workers
from stages.lib.tables.losses import LOSSES
from stages.settings.losses import Losses


def main(cell: str) -> None:
    params = Params()
    losses = params.section("losses", Losses)
    device = pick(params.get("device"))
    tokens = evaluation.sequences().to(device)
    n_seq, n_pos = len(tokens), tokens.shape[1] - 1
    seq = np.repeat(np.arange(n_seq, dtype=np.int16), n_pos)
    pos = np.tile(np.arange(n_pos, dtype=np.int16), n_seq)

    paths = checkpoints.listed(DATA / "train" / cell, f"train@{cell}")
    with (
        Workers(device) as workers,
        output(DATA / "losses" / f"{cell}.parquet") as path,
        TableWriter(LOSSES, path) as writer,
    ):
        for checkpoint in progress(paths, f"losses {cell}", "checkpoint"):
            model, header = checkpoints.load(checkpoint, device)
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
    run(main, "losses", __doc__, per_cell=True)

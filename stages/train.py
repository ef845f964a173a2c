"""One cell -> checkpoints on a schedule, and the training log."""

import math
from functools import partial
from pathlib import Path

import numpy as np
import torch

from stages.files import checkpoints
from stages.files.checkpoints import Header
from stages.files.params import Params
from stages.files.stage import DATA, StageError, output, progress, run
from stages.files.stream import training_stream
from stages.files.tables import write_table
from stages.lib.device import pick
from stages.lib.model import Transformer
from stages.lib.parallel import Workers
from stages.lib.tables.train import LOG
from stages.lib.training import Update, Windows, fit
from stages.settings.model import Cell, Model
from stages.settings.train import Train


def main(cell: str) -> None:
    params = Params()
    own = params.section(f"cells.{cell}", Cell)
    arch = params.section(f"models.{own.model}", Model)
    train = params.section("train", Train)
    n_ctx, vocab_size = params.integer("corpus.n_ctx"), params.integer("corpus.vocab_size")
    device = pick(params.get("device"))

    stream = training_stream()
    windows = Windows(stream, n_ctx, train.batch, own.seed)
    steps = train.steps(n_ctx)
    if windows.steps < steps:
        raise StageError(
            f"params.yaml: train.tokens: found {train.tokens}, but data/corpus holds "
            f"{len(stream)} training tokens, and none is read twice; lower train.tokens, raise "
            "corpus.max_characters, or add text"
        )

    # Bits, not only statistics: the same seed on the same machine gives the same files.
    torch.use_deterministic_algorithms(device.type == "cpu")
    model = Transformer(arch, vocab_size, n_ctx)
    model.init_weights(own.seed)
    model.to(device)
    schedule = set(train.schedule(n_ctx))
    per_step = train.batch * n_ctx
    updates: list[Update] = []

    with (
        output(DATA / "train" / cell) as folder,
        Workers(device) as workers,
        progress(None, f"train {cell}", "tok", total=steps * per_step) as bar,
    ):
        folder.mkdir()
        keep = partial(save, folder, model, cell=cell, per_step=per_step)
        keep(step=0)
        for update in fit(model, windows, train, steps, workers):
            if not (math.isfinite(update.loss) and math.isfinite(update.grad_norm)):
                raise StageError(
                    f"diverged at step {update.step} of {steps}: loss {update.loss}, gradient "
                    f"norm {update.grad_norm}; lower train.muon_lr or train.adamw_lr, or lengthen "
                    "train.warmup_steps"
                )
            updates.append(update)
            if update.step in schedule:
                keep(step=update.step)
            bar.update(per_step)
        done = np.array([update.step for update in updates], np.int32)
        floats = ("learning_rate", "loss", "grad_norm")
        write_table(
            LOG,
            folder / "log.parquet",
            {
                "step": done,
                "tokens_seen": done.astype(np.int64) * per_step,
                **{n: np.array([getattr(u, n) for u in updates], np.float32) for n in floats},
            },
        )


def save(folder: Path, model: Transformer, cell: str, per_step: int, step: int) -> None:
    vocab_size = model.head.out_features
    header = Header(cell, step, step * per_step, vocab_size, model.n_ctx, model.arch)
    checkpoints.save(folder, model, header)


if __name__ == "__main__":
    run(main, "train", __doc__, per_cell=True)

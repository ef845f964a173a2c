"""One cell -> checkpoints on a schedule, and the training log."""

import math

import numpy as np
import torch

from stages.files import checkpoints
from stages.files.params import Params
from stages.files.stage import DATA, StageError, output, progress, run
from stages.files.tables import write_table
from stages.lib.device import pick
from stages.lib.model import Transformer
from stages.lib.parallel import Workers
from stages.lib.tables.train import LOG
from stages.lib.training import WarmUp, Windows, optimizers, set_gradients
from stages.settings.model import Cell, Model
from stages.settings.strict import ParamsError
from stages.settings.train import Train


def main(cell: str) -> None:
    params = Params()
    own = params.section(f"cells.{cell}", Cell)
    arch = params.section(f"models.{own.model}", Model)
    train = params.section("train", Train)
    n_ctx, vocab_size = params.integer("corpus.n_ctx"), params.integer("corpus.vocab_size")
    try:
        device = pick(params.get("device"))
    except ValueError as error:
        raise ParamsError("device", params.get("device"), str(error), "correct it") from None

    stream = np.load(DATA / "corpus" / "train_tokens.npy", mmap_mode="r")
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
    steppers = optimizers(model, train)
    warmup = WarmUp(steppers, train.warmup_steps)
    schedule = set(train.schedule(n_ctx))
    tokens_per_step = train.batch * n_ctx
    log = {"learning_rate": [], "loss": [], "grad_norm": []}

    with output(DATA / "train" / cell) as folder:
        folder.mkdir()

        def keep(step: int) -> None:
            header = checkpoints.Header(cell, step, step * tokens_per_step, vocab_size, n_ctx, arch)
            checkpoints.save(folder, model, header)

        keep(0)
        with (
            Workers(device) as workers,
            progress(None, f"train {cell}", "tok", total=steps * tokens_per_step) as bar,
        ):
            for step in range(1, steps + 1):
                rate = warmup.set(step)
                tokens, targets = (part.to(device, non_blocking=True) for part in windows[step])
                loss = set_gradients(model, tokens, targets, workers)
                norm = torch.nn.utils.clip_grad_norm_(model.parameters(), train.clip_norm)
                for stepper in steppers:
                    stepper.step()
                for name, value in (
                    ("learning_rate", rate),
                    ("loss", loss),
                    ("grad_norm", norm.item()),
                ):
                    log[name].append(value)
                if not (math.isfinite(log["loss"][-1]) and math.isfinite(log["grad_norm"][-1])):
                    raise StageError(
                        f"diverged at step {step} of {steps}: loss {log['loss'][-1]}, gradient "
                        f"norm {log['grad_norm'][-1]}; lower train.muon_lr or train.adamw_lr, or "
                        "lengthen train.warmup_steps"
                    )
                if step in schedule:
                    keep(step)
                bar.update(tokens_per_step)
        done = np.arange(1, steps + 1, dtype=np.int32)
        write_table(
            LOG,
            folder / "log.parquet",
            {
                "step": done,
                "tokens_seen": done.astype(np.int64) * tokens_per_step,
                **{name: np.array(values, np.float32) for name, values in log.items()},
            },
        )


if __name__ == "__main__":
    run(main, "train", __doc__, per_cell=True)

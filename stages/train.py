"""Train a cell and keep checkpoints on a schedule and a log"""

import math
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from induction.config.errors import StageError
from induction.config.model import Architecture
from induction.config.names import PUBLISHED, PUBLISHED_TRAIN
from induction.models import checkpoints
from induction.models import device as devices
from induction.models.checkpoints import Header
from induction.models.training import Trainer, TrainingWindows, Update, shuffled
from induction.models.training_state import TrainingState
from induction.models.transformer import Transformer
from induction.models.workers import Workers
from induction.pipeline import code_digests
from induction.pipeline.artifacts import CHECKPOINTS, TRAIN_TOKENS
from induction.pipeline.job import Job, run
from induction.pipeline.progress import progress
from induction.tables.provenance import Provenance, versions
from induction.tables.train import LOG
from induction.text.stream import load_stream

PER = "trained"
INPUTS = (TRAIN_TOKENS,)
OUTPUTS = (CHECKPOINTS, LOG)
PARAMS = ("device", "corpus.n_ctx", "corpus.vocab_size", "models.{model}", "train")

LOGGED = ("learning_rate", "loss", "grad_norm")


def main(job: Job) -> None:
    params = job.params
    key, cell = job.cell
    arch = params.section(f"models.{cell.model}", Architecture)
    train = job.train.changed(cell.train, f"{key}.train")
    n_ctx, vocab_size = params.integer("corpus.n_ctx"), params.integer("corpus.vocab_size")
    device = devices.pick(params.get("device"))
    job.device = devices.name(device)
    job.dtype = "float32" if device.type == "cpu" else "bfloat16 autocast"

    source = job.source(TRAIN_TOKENS)
    stream, stream_hash, _ = load_stream(source, vocab_size)
    if train.text == "shuffled":
        stream = shuffled(stream, train.shuffle_span, cell.seed)
    period = train.period if train.text == "periodic" else 0
    windows = TrainingWindows(stream, n_ctx, train.batch, cell.seed, period)
    steps, schedule = train.steps(n_ctx), train.schedule(n_ctx)
    if windows.steps < steps:
        is_published = key.partition(".")[0] == PUBLISHED
        setting = f"{PUBLISHED_TRAIN if is_published else 'train'}.tokens"
        raise StageError(
            f"params.yaml: {setting}: found {train.tokens}, but {source.path} holds "
            f"{len(stream)} training tokens, and none is read twice; lower {setting}, raise "
            "max_characters of the corpus, or add text"
        )

    # Bits, not only statistics: the same seed on the same machine gives the same files.
    torch.use_deterministic_algorithms(device.type == "cpu")
    model = Transformer(arch, vocab_size, n_ctx)
    model.init_weights(cell.seed)
    model.to(device)
    # All that decides about the weights of a step, and nothing of how many steps there will be.
    length = ("tokens", "checkpoints")
    weight_inputs = {
        "code": code_digests.combine(code_digests.digests(weight_code())),
        "versions": versions(),
        "device": [job.device, job.dtype],
        "model": [cell.model, cell.seed, arch, n_ctx, vocab_size],
        "train": {name: value for name, value in asdict(train).items() if name not in length},
        "stream": stream_hash,
    }
    state = TrainingState(job.instance, weight_inputs)
    with job.outputs() as outputs, Workers(device) as workers:
        updates = advance(Trainer(model, windows, train, workers), state, steps, schedule, job)
        state.publish(schedule, outputs.path(CHECKPOINTS), job.provenance)
        done = np.arange(1, steps + 1, dtype=np.int32)
        columns = {name: np.array([getattr(u, name) for u in updates]) for name in LOGGED}
        outputs.write(
            LOG,
            {
                "step": done,
                "tokens_seen": done.astype(np.int64) * train.batch * n_ctx,
                **{name: values.astype(np.float32) for name, values in columns.items()},
            },
        )


def weight_code() -> list[Path]:
    """The code that decides about weights: a training goes on only from a state of the same code.

    It is not all that this stage imports: a better error message, or a column in a table, is a
    reason to publish again, and not to train again.
    """
    names = ["models/checkpoints", "models/training_state", "text/stream", "models/device"]
    files = [Path("stages/train.py"), *(Path(f"induction/{name}.py") for name in names)]
    return [*files, *code_digests.closure("induction.models.training")]


def advance(
    trainer: Trainer, state: TrainingState, steps: int, schedule: list[int], job: Job
) -> list[Update]:
    """Train up to `steps`, from the kept state where there is one; every update since the start.

    Leaves all checkpoints of the schedule in `state`. Raises StageError if training diverges.
    """
    per_step = trainer.settings.batch * trainer.model.n_ctx
    updates: list[Update] = []

    def keep() -> None:
        log = {name: [getattr(update, name) for update in updates] for name in LOGGED}
        tensors = {
            f"log.{n}": torch.tensor(values, dtype=torch.float64) for n, values in log.items()
        }
        state.save(trainer.step, trainer.state() | tensors)

    def checkpoint() -> None:
        checkpoints.save(
            state.folder, trainer.model, header(trainer, trainer.step * per_step, job.provenance)
        )
        keep()

    if kept := state.load(schedule):
        step, tensors = kept
        log = [tensors.pop(f"log.{name}").tolist() for name in LOGGED]
        updates = [Update(i, *values) for i, values in enumerate(zip(*log, strict=True), start=1)]
        trainer.restore(step, tensors)
        print(f"{job.label}: goes on from step {min(step, steps)} of {steps}", file=sys.stderr)
    else:
        checkpoint()
    scheduled = set(schedule)
    total, done = steps * per_step, min(trainer.step, steps) * per_step
    with progress(None, f"train {job.instance}", "tok", total, done) as bar:
        while trainer.step < steps:
            update = trainer.advance()
            if not (math.isfinite(update.loss) and math.isfinite(update.grad_norm)):
                raise StageError(
                    f"diverged at step {update.step} of {steps}: loss {update.loss}, gradient "
                    f"norm {update.grad_norm}; lower train.muon_lr or train.adamw_lr, or lengthen "
                    "train.warmup_steps"
                )
            updates.append(update)
            if update.step in scheduled:
                checkpoint()
            elif state.is_due:
                keep()
            bar.update(per_step)
    return updates[:steps]


def header(trainer: Trainer, tokens_seen: int, provenance: Provenance) -> Header:
    model = trainer.model
    return Header(
        checkpoints.FORMAT,
        trainer.step,
        tokens_seen,
        model.head.out_features,
        model.n_ctx,
        model.arch,
        provenance,
    )


if __name__ == "__main__":
    run(main)

"""Train a cell and keep checkpoints on a schedule and a log"""

import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from induction.config.errors import StageError
from induction.config.model import Architecture
from induction.config.names import PUBLISHED, PUBLISHED_TRAIN
from induction.config.train import TrainSettings
from induction.models import checkpoints
from induction.models import device as devices
from induction.models.checkpoints import Header
from induction.models.other_states import why_from_zero
from induction.models.training import Trainer, TrainingWindows, shuffled
from induction.models.training_log import TrainingLog
from induction.models.training_state import TrainingState
from induction.models.transformer import Transformer
from induction.models.workers import Workers
from induction.pipeline import code_digests
from induction.pipeline.artifacts import CHECKPOINTS, TRAIN_TOKENS
from induction.pipeline.job import Job, run
from induction.pipeline.progress import progress
from induction.pipeline.termination import termination
from induction.tables.provenance import Provenance, versions
from induction.tables.train import LOG
from induction.text.stream import load_stream

PER = "trained"
INPUTS = (TRAIN_TOKENS,)
OUTPUTS = (CHECKPOINTS, LOG)
PARAMS = ("device", "corpus.n_ctx", "corpus.vocab_size", "models.{model}", "train")


def main(job: Job) -> None:
    params = job.params
    key, cell = job.cell
    arch = params.section(f"models.{cell.model}", Architecture)
    train = job.train.of_cell(cell.train, key)
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
    devices.make_deterministic()
    model = Transformer(arch, vocab_size, n_ctx)
    model.init_weights(cell.seed)
    model.to(device)
    state = TrainingState(job.instance, weight_inputs(job, train, arch, stream_hash))
    with job.outputs() as outputs, Workers(device) as workers:
        log = advance(Trainer(model, windows, train, workers), state, steps, schedule, job)
        state.publish(schedule, outputs.path(CHECKPOINTS), job.provenance)
        done = np.arange(1, steps + 1, dtype=np.int32)
        outputs.write(
            LOG,
            {
                "step": done,
                "tokens_seen": done.astype(np.int64) * train.batch * n_ctx,
                **log.columns(),
            },
        )


def weight_inputs(job: Job, train: TrainSettings, arch: Architecture, stream: str) -> dict:
    """All that decides about the weights of a step, and nothing of how many steps there will be.

    `stream` is the hash of the training tokens.
    """
    _, cell = job.cell
    without = ["tokens", "checkpoints"]
    if job.device == "cpu":
        without.append("micro_batch")  # a CPU has one sequence per pass
    return {
        "code": code_digests.combine(code_digests.digests(weight_code())),
        "versions": dict(version.split("==") for version in versions()),
        "device": job.device,
        "dtype": job.dtype,
        "model": asdict(arch),
        "seed": cell.seed,
        "n_ctx": job.params.integer("corpus.n_ctx"),
        "vocab_size": job.params.integer("corpus.vocab_size"),
        "train": {name: value for name, value in asdict(train).items() if name not in without},
        "stream": stream,
    }


def weight_code() -> list[Path]:
    """The code that decides about weights: a training goes on only from a state of the same code.

    It is not all that this stage imports: a better error message, or a column in a table, is a
    reason to publish again, and not to train again.
    """
    names = ["checkpoints", "device", "training_log", "training_state"]
    files = [Path("stages/train.py"), Path("induction/text/stream.py")]
    files += [Path(f"induction/models/{name}.py") for name in names]
    return [*files, *code_digests.closure("induction.models.training")]


def advance(
    trainer: Trainer, state: TrainingState, steps: int, schedule: list[int], job: Job
) -> TrainingLog:
    """Train up to `steps`, from the kept state where there is one; every update since the start.

    Leaves all checkpoints of the schedule in `state`. Raises StageError if training diverges, and
    KeyboardInterrupt after SIGTERM, when the step at hand is done and kept.
    """
    per_step = trainer.settings.batch * trainer.model.n_ctx
    log = TrainingLog(steps, trainer.workers.on_gpu)

    def keep() -> None:
        state.save(trainer.step, log.state() | trainer.state())

    def checkpoint() -> None:
        log.read()  # which refuses weights that are no numbers
        checkpoints.save(
            state.folder, trainer.model, header(trainer, trainer.step * per_step, job.provenance)
        )
        keep()

    if kept := state.load(schedule):
        step, tensors = kept
        log.restore(tensors)
        trainer.restore(step, tensors)
        print(f"{job.label}: goes on from step {min(step, steps)} of {steps}", file=sys.stderr)
    else:
        if why := why_from_zero(state, schedule):
            print(f"{job.label}: starts from step 0: {why}", file=sys.stderr)
        checkpoint()
    scheduled = set(schedule)
    total, done = steps * per_step, min(trainer.step, steps) * per_step
    bar = progress(None, f"train {job.instance}", "tok", total, done)
    with termination() as asked, bar:
        while trainer.step < steps:
            log.add(trainer.advance())
            is_stopping = asked.is_set()
            if trainer.step in scheduled:
                checkpoint()
            elif is_stopping or state.is_due:
                keep()
            bar.update(per_step)
            if is_stopping:
                print(f"{job.label}: SIGTERM: kept at step {trainer.step}", file=sys.stderr)
                raise KeyboardInterrupt
    return log


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

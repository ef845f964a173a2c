"""The circuits of a cell, read from its weights and tried on text, at a few checkpoints."""

from functools import partial

import numpy as np
import torch
from tokenizers import Tokenizer

from induction.config.circuits import CircuitSettings
from induction.config.errors import StageError
from induction.config.heads import HeadSettings
from induction.config.icl import IclWindows
from induction.config.losses import LossSettings
from induction.config.phases import PhaseSettings
from induction.config.remedy import rebuild
from induction.config.train import TrainSettings
from induction.interp.attention_scores import repeated_blocks, usable_tokens
from induction.interp.circuits import bigrams, rows, tokens, trigrams
from induction.interp.circuits.edges import Edge, Head
from induction.interp.circuits.reading import Reading, read, sum_error, trials
from induction.interp.circuits.rows import Behaviour, Rows, Vocabulary
from induction.models import checkpoints
from induction.models import device as devices
from induction.models.workers import Workers
from induction.pipeline.artifacts import CHECKPOINTS, TOKENIZER, TRAIN_TOKENS
from induction.pipeline.job import Job, run
from induction.pipeline.progress import progress
from induction.stats import checkpoint_selection
from induction.tables import circuits as tables
from induction.tables.corpus import EVAL, VOCABULARY
from induction.tables.heads import HEADS
from induction.tables.icl import ICL
from induction.text import evaluation
from induction.text.stream import training_stream

PER = "cell"
INPUTS = (CHECKPOINTS, EVAL, VOCABULARY, TOKENIZER, TRAIN_TOKENS, ICL, HEADS)
OUTPUTS = tables.ALL
PARAMS = ("circuits", "corpus.n_ctx", "heads", "icl.windows", "losses", "phases", "train")


def main(job: Job) -> None:
    params = job.params
    own, heads = params.section("circuits", CircuitSettings), params.section("heads", HeadSettings)
    windows = params.section("icl.windows", IclWindows)
    batch, n_ctx = params.section("losses", LossSettings).batch, params.integer("corpus.n_ctx")
    # The readings are of weights; a GPU would wait for the CPU.
    device = devices.pick("cpu")
    most = max(own.sequences, own.trial_sequences)
    text = evaluation.sequences(job.source(EVAL), most)
    own.check_fits("circuits", text.shape[1], len(text))
    windows.check_fits("icl.windows", text.shape[1])
    vocabulary = job.read(VOCABULARY)
    vocab_size = len(vocabulary["count"])
    stream = training_stream(job.source(TRAIN_TOKENS), vocab_size)[0]
    counts = vocabulary["count"].copy()
    vocab = Vocabulary(
        vocabulary["text"].tolist(), counts, tokens.common(torch.from_numpy(counts), own.min_count)
    )
    if len(vocab.common) < 2:
        raise StageError(
            f"params.yaml: circuits.min_count: found {own.min_count}, but {len(vocab.common)} "
            "token(s) of the vocabulary occur so often in training; lower it or add text"
        )
    tokenizer = Tokenizer.from_file(str(job.source(TOKENIZER).path))
    usable = usable_tokens(counts, heads.exclude_share)
    rng = np.random.default_rng(heads.seed)
    probe = repeated_blocks(rng, usable, heads.sequences, heads.block, heads.repeats)
    shown = {
        "random": repeated_blocks(rng, usable, 1, own.shown.block, own.shown.repeats),
        "text": text[:1, : own.shown.text],
    }

    paths = {
        int(path.stem.removeprefix("step_")): path
        for path in checkpoints.listed(job.source(CHECKPOINTS))
    }
    tokens_per_step = params.section("train", TrainSettings).batch * n_ctx
    window, steps = window_of(
        job, tokens_per_step, params.section("phases", PhaseSettings), [*paths]
    )
    wanted = checkpoint_selection.readings(steps, window, own.checkpoints)
    behaviour = behaviour_by_step(job, [*wanted])
    made: dict[int, Rows] = {}
    attention: dict[int, dict] = {}
    circuit: list[Edge] | None = None
    with Workers(device) as workers:
        reading = Reading(
            own,
            heads,
            windows,
            text[: own.sequences],
            text[: own.trial_sequences],
            probe,
            batch,
            vocab,
            bigrams.bigrams(stream, counts, own.sources),
            trigrams.Counts(stream[: own.counted], vocab_size, own.context),
            partial(tokenizer.decode, skip_special_tokens=False),
            workers,
        )
        # The last first: its circuit is followed back through training.
        for step in progress([*wanted][::-1], f"circuits {job.instance}", "checkpoint"):
            model, header = checkpoints.load(paths[step])
            checkpoints.check_fits(text, header, paths[step])
            found, own_edges, why = read(model, reading, behaviour[step])
            if circuit is None:
                circuit = own_edges
            trials(model, reading, found, circuit)
            named = " ".join(
                f"{rows.name_of(writer)}>{rows.name_of(reader)}" for reader, writer in own_edges
            )
            found[tables.READINGS] = [(wanted[step], sum_error(model, text), named, why)]
            made[step] = found
            attention[step] = rows.attention_rows(model, shown)

    with job.outputs() as outputs:
        for table in tables.ALL:
            writer = outputs.writer(table)
            if table is tables.SHOWN:  # the same at every checkpoint
                writer.write(
                    {
                        "probe": [name for name, own in shown.items() for _ in own[0]],
                        "pos": np.concatenate(
                            [np.arange(own.shape[1], dtype=np.int16) for own in shown.values()]
                        ),
                        "token": [vocab.texts[i] for own in shown.values() for i in own[0]],
                    }
                )
                continue
            for step in wanted:
                if table is tables.ATTENTION:
                    count = len(attention[step]["probe"])
                    writer.write({"step": np.full(count, step, np.int32), **attention[step]})
                elif made[step].get(table):
                    writer.write(rows.with_step(table, step, made[step][table]))


def window_of(
    job: Job, tokens_per_step: int, rule: PhaseSettings, steps: list[int]
) -> tuple[checkpoint_selection.Window, np.ndarray]:
    """The phase window, from table `icl`. Raises StageError if that is of other checkpoints."""
    source, table = job.source(ICL), job.read(ICL)
    if table["step"].tolist() != steps:
        raise StageError(
            f"{source.path}: its checkpoints are not those of training; {rebuild(source.stage)}"
        )
    own = checkpoint_selection.window_of(
        table["step"], table["icl"], table["icl_high"], tokens_per_step, rule
    )
    return own, table["step"]


def behaviour_by_step(job: Job, steps: list[int]) -> dict[int, dict[Head, Behaviour]]:
    """What table `heads` says of every head. Raises StageError if a checkpoint is not in it."""
    source, table = job.source(HEADS), job.read(HEADS)
    found: dict[int, dict[Head, Behaviour]] = {}
    names = ("kind", "previous_token", "prefix_matching", "ov_positivity")
    for i, (step, *head) in enumerate(
        zip(*(table[name].tolist() for name in ("step", "layer", "head")), strict=True)
    ):
        found.setdefault(step, {})[tuple(head)] = Behaviour(*(table[name][i] for name in names))
    missing = [step for step in steps if step not in found]
    if missing:
        raise StageError(f"{source.path}: step {missing[0]} is missing; {rebuild(source.stage)}")
    return found


if __name__ == "__main__":
    run(main)

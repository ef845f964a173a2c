"""Read the circuits of a cell from its weights and test them on text, at a few checkpoints"""

from functools import partial

import numpy as np

from induction.config.circuits import CircuitSettings
from induction.config.errors import StageError
from induction.config.heads import HeadSettings
from induction.config.icl import IclWindows
from induction.config.losses import LossSettings
from induction.config.phases import PhaseSettings
from induction.config.remedy import rebuild
from induction.interp.circuits import trigrams
from induction.interp.circuits.bigrams import count_bigrams
from induction.interp.circuits.checkpoint import CircuitInputs, read_checkpoint, sum_error
from induction.interp.circuits.edges import Edge, Head
from induction.interp.circuits.evidence import HeadScores
from induction.interp.circuits.heads import attention_columns, shown_columns
from induction.interp.circuits.rows import Vocabulary, common_tokens, with_step
from induction.interp.probes import repeated_blocks, usable_tokens
from induction.models import checkpoints
from induction.models import device as devices
from induction.models.workers import Workers
from induction.pipeline.artifacts import CHECKPOINTS, TOKENIZER, TRAIN_TOKENS
from induction.pipeline.job import Job, run
from induction.pipeline.progress import progress
from induction.stats import checkpoint_selection
from induction.tables import circuits as tables
from induction.tables.contract import Columns, Table
from induction.tables.corpus import EVAL, VOCABULARY
from induction.tables.heads import HEADS
from induction.tables.icl import ICL
from induction.text import evaluation
from induction.text.stream import load_stream
from induction.text.tokenizer import load_tokenizer

PER = "trained"
INPUTS = (CHECKPOINTS, EVAL, VOCABULARY, TOKENIZER, TRAIN_TOKENS, ICL, HEADS)
OUTPUTS = tables.ALL
PARAMS = ("circuits", "corpus.n_ctx", "heads", "icl.windows", "losses", "phases", "train")


def main(job: Job) -> None:
    params = job.params
    settings = params.section("circuits", CircuitSettings)
    heads = params.section("heads", HeadSettings)
    windows = params.section("icl.windows", IclWindows)
    batch, n_ctx = params.section("losses", LossSettings).batch, params.integer("corpus.n_ctx")
    # The readings are of weights; a GPU would wait for the CPU.
    device = devices.pick("cpu")
    text = evaluation.sequences(job.source(EVAL), max(settings.sequences, settings.trial_sequences))
    settings.check_fits("circuits", text.shape[1], len(text))
    windows.check_fits("icl.windows", text.shape[1])
    vocabulary = job.read(VOCABULARY)
    counts = vocabulary["count"]
    stream = load_stream(job.source(TRAIN_TOKENS), len(counts)).tokens
    vocab = Vocabulary(
        vocabulary["text"].tolist(), counts, common_tokens(counts, settings.min_count)
    )
    if len(vocab.common) < 2:
        raise StageError(
            f"params.yaml: circuits.min_count: found {settings.min_count}, but "
            f"{len(vocab.common)} token(s) of the vocabulary occur so often in training; lower it "
            "or add text"
        )
    tokenizer = load_tokenizer(job.source(TOKENIZER))
    usable = usable_tokens(counts, heads.exclude_share)
    rng = np.random.default_rng(heads.seed)
    probe = repeated_blocks(rng, usable, heads.sequences, heads.block, heads.repeats)
    shown = {
        "random": repeated_blocks(rng, usable, 1, settings.shown.block, settings.shown.repeats),
        "text": text[:1, : settings.shown.text],
    }

    paths = {
        checkpoints.step_of(path): path for path in checkpoints.listed(job.source(CHECKPOINTS))
    }
    tokens_per_step = job.train.batch * n_ctx
    window, steps = window_of(
        job, tokens_per_step, params.section("phases", PhaseSettings), [*paths]
    )
    selected = checkpoint_selection.select(steps, window, settings.checkpoints)
    scores = head_scores(job, [*selected])
    columns: dict[int, dict[Table, Columns]] = {}
    last_circuit: list[Edge] | None = None
    with Workers(device) as workers:
        inputs = CircuitInputs(
            settings=settings,
            heads=heads,
            windows=windows,
            text=text[: settings.sequences],
            trial_text=text[: settings.trial_sequences],
            probe=probe,
            batch=batch,
            vocab=vocab,
            bigrams=count_bigrams(stream, counts, settings.sources),
            trigram_counts=trigrams.Counts(
                stream[: settings.counted], len(counts), settings.context
            ),
            spell=partial(tokenizer.decode, skip_special_tokens=False),
            workers=workers,
        )
        # The last checkpoint first: its circuit is followed back through training.
        for step in progress([*selected][::-1], f"circuits {job.instance}", "checkpoint"):
            model, _ = checkpoints.load(paths[step])
            checkpoints.check_fits(text, model, paths[step])
            reading = read_checkpoint(model, inputs, scores[step], last_circuit)
            last_circuit = reading.last_circuit
            reading.rows[tables.READINGS] = [
                {
                    "at": selected[step],
                    "sum_error": sum_error(model, text),
                    "circuit": " ".join(edge.name for edge in reading.circuit),
                    "reason": reading.reason,
                }
            ]
            columns[step] = {
                table: with_step(table, step, rows) for table, rows in reading.rows.items() if rows
            }
            columns[step][tables.ATTENTION] = attention_columns(model, step, shown)

    with job.outputs() as outputs:
        for table in tables.ALL:
            writer = outputs.writer(table)
            if table is tables.SHOWN:  # the same at every checkpoint
                writer.write(shown_columns(shown, vocab.texts))
            for step in selected:
                if table in columns[step]:
                    writer.write(columns[step][table])


def window_of(
    job: Job, tokens_per_step: int, rule: PhaseSettings, steps: list[int]
) -> tuple[checkpoint_selection.PhaseWindow, np.ndarray]:
    """The phase window, from table `icl`. Raises StageError if that is of other checkpoints."""
    source, table = job.source(ICL), job.read(ICL)
    if table["step"].tolist() != steps:
        raise StageError(
            f"{source.path}: its checkpoints are not those of training; {rebuild(source.stage)}"
        )
    window = checkpoint_selection.window_of(
        table["step"], table["icl_matched"], table["icl_matched_high"], tokens_per_step, rule
    )
    return window, table["step"]


def head_scores(job: Job, steps: list[int]) -> dict[int, dict[Head, HeadScores]]:
    """Of every head, by step. Raises StageError if a checkpoint is not in table `heads`."""
    source, table = job.source(HEADS), job.read(HEADS)
    scores: dict[int, dict[Head, HeadScores]] = {}
    keys = zip(*(table[name].tolist() for name in ("step", "layer", "head")), strict=True)
    values = zip(*(table[name] for name in HeadScores._fields), strict=True)
    for (step, layer, head), of_head in zip(keys, values, strict=True):
        scores.setdefault(step, {})[Head(layer, head)] = HeadScores(*of_head)
    missing = [step for step in steps if step not in scores]
    if missing:
        raise StageError(f"{source.path}: step {missing[0]} is missing; {rebuild(source.stage)}")
    return scores


if __name__ == "__main__":
    run(main)

"""Score what each head attends to, copies and composes with, at every checkpoint"""

from functools import partial

import numpy as np
from torch import Tensor

from induction.config.errors import StageError
from induction.config.heads import HeadSettings
from induction.interp.composition import orientations
from induction.interp.head_scores import (
    composition_columns,
    head_columns,
    probe_columns,
    repeat_columns,
    scores_of_heads,
    scores_of_sequences,
)
from induction.interp.losses import repeat_losses
from induction.interp.probes import (
    Probe,
    distinct_tokens,
    gapped_blocks,
    repeated_blocks,
    usable_tokens,
)
from induction.interp.weights import folded
from induction.models import checkpoints
from induction.models import device as devices
from induction.models.transformer import Transformer
from induction.models.workers import Workers
from induction.pipeline.artifacts import CHECKPOINTS
from induction.pipeline.job import Job, run
from induction.pipeline.progress import progress
from induction.tables.corpus import EVAL, VOCABULARY
from induction.tables.heads import COMPOSITIONS, HEADS, PROBES, REPEATS
from induction.text import evaluation

PER = "cell"
INPUTS = (CHECKPOINTS, EVAL, VOCABULARY)
OUTPUTS = (HEADS, COMPOSITIONS, PROBES, REPEATS)
PARAMS = ("device", "heads")

PROBES_OF_BLOCKS = ("fixed", "gap")


def main(job: Job) -> None:
    heads = job.params.section("heads", HeadSettings)
    device = devices.pick(job.params.get("device"))
    job.device = devices.name(device)
    counts = job.read(VOCABULARY)["count"]
    text = evaluation.sequences(job.source(EVAL), heads.text_sequences).to(device)
    heads.check_fits("heads", text.shape[1], len(counts))

    usable = usable_tokens(counts, heads.exclude_share)
    if len(usable) < 2 * heads.largest_block:
        raise StageError(
            f"params.yaml: heads.block and heads.lengths: found up to {heads.largest_block}, but "
            f"only {len(usable)} tokens of the vocabulary occur in the training stream and are not "
            "left out by heads.exclude_share, and probes need twice the block; lower them or add "
            "text"
        )
    rng = np.random.default_rng(heads.seed)

    def drawn(name: str, block: int) -> Probe:
        return probe(rng, usable, heads, name, block).to(device)

    probes = {name: drawn(name, heads.block) for name in PROBES_OF_BLOCKS}
    probes["text"] = Probe.whole(text)
    sample = distinct_tokens(rng, usable, heads.sequences, heads.block).to(device)
    # The longest first, so that no core is left alone with it.
    repeated = {
        (name, block): drawn(name, block)
        for block in reversed(heads.lengths)
        for name in reversed(PROBES_OF_BLOCKS)
    }
    every = [sample, *(each.tokens for each in (*probes.values(), *repeated.values()))]

    paths = checkpoints.listed(job.source(CHECKPOINTS))
    arch = checkpoints.load(paths[0])[1].model
    chance = orientations(heads.chance.draws, arch.d_model, arch.d_head, heads.seed)
    with Workers(device) as workers, job.outputs() as outputs:
        writers = {table: outputs.writer(table) for table in OUTPUTS}
        for checkpoint in progress(paths, f"heads {job.instance}", "checkpoint"):
            model, header = checkpoints.load(checkpoint, device)
            for tokens in every:
                checkpoints.check_fits(tokens, header, checkpoint)

            scores = scores_of_sequences(model, probes, workers)
            losses = workers.map(partial(losses_on, model, heads.repeats), repeated.values())
            rows = {
                HEADS: head_columns(scores_of_heads(model, scores, sample), heads.kinds),
                COMPOSITIONS: composition_columns(folded(model), chance, heads.chance.quantile),
                PROBES: probe_columns(scores),
                REPEATS: repeat_columns(dict(zip(repeated, losses, strict=True))),
            }
            for table, columns in rows.items():
                count = len(columns[table.grain[1]])
                if count:  # one layer composes with none
                    step = np.full(count, header.step, np.int32)
                    writers[table].write({"step": step, **columns})


def probe(
    rng: np.random.Generator, usable: np.ndarray, heads: HeadSettings, name: str, block: int
) -> Probe:
    shape = (heads.sequences, block, heads.repeats)
    if name == "gap":
        return gapped_blocks(rng, usable, *shape, heads.max_gap)
    return Probe.whole(repeated_blocks(rng, usable, *shape))


def losses_on(model: Transformer, repeats: int, probe: Probe) -> Tensor:
    return repeat_losses(model, *probe, repeats)


if __name__ == "__main__":
    run(main)

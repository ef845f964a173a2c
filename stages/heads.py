"""Score what each head attends to, copies and composes with, at every checkpoint"""

from functools import partial

import numpy as np
import torch
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
    without_bos,
)
from induction.interp.weights import folded
from induction.models.model import Model
from induction.models.workers import Workers
from induction.pipeline.artifacts import CHECKPOINTS
from induction.pipeline.job import Job, run
from induction.pipeline.measuring import Measure, Measured, run_measure
from induction.tables.corpus import EVAL, VOCABULARY
from induction.tables.heads import COMPOSITIONS, HEADS, PROBES, REPEATS
from induction.text import evaluation
from induction.text.stream import END_OF_TEXT_ID

PER = "cell"
INPUTS = (CHECKPOINTS, EVAL, VOCABULARY)
OUTPUTS = (HEADS, COMPOSITIONS, PROBES, REPEATS)
PARAMS = ("device", "heads")

PROBES_OF_BLOCKS = ("fixed", "gap")


class Heads(Measure):
    def __init__(self, job: Job, device: torch.device, workers: Workers):
        super().__init__(job, device, workers)
        self.heads = heads = job.params.section("heads", HeadSettings)
        counts = job.read(VOCABULARY)["count"]
        text = evaluation.sequences(job.source(EVAL), heads.text_sequences).to(device)
        heads.check_fits("heads", text.shape[1], len(counts))
        usable = usable_tokens(counts, heads.exclude_share)
        rng, bos = np.random.default_rng(heads.seed), END_OF_TEXT_ID
        if job.suite and job.bos is None and len(usable):
            usable, bos = without_bos(rng, usable)
        elif job.bos is not None:
            bos = job.bos
        if len(usable) < 2 * heads.largest_block:
            raise StageError(
                f"params.yaml: heads.block and heads.lengths: found up to {heads.largest_block}, "
                f"but only {len(usable)} tokens of the vocabulary occur in the training stream and "
                "are not left out by heads.exclude_share, and probes need twice the block; lower "
                "any of them or add text"
            )

        def drawn(name: str, block: int) -> Probe:
            return probe(rng, usable, heads, name, block, bos).to(device)

        self.probes = {name: drawn(name, heads.block) for name in PROBES_OF_BLOCKS}
        self.probes["text"] = Probe.whole(text)
        self.sample = distinct_tokens(rng, usable, heads.sequences, heads.block).to(device)
        # The longest first, so that no core is left alone with it.
        self.repeated = {
            (name, block): drawn(name, block)
            for block in reversed(heads.lengths)
            for name in reversed(PROBES_OF_BLOCKS)
        }

    @property
    def reads(self) -> list[Tensor]:
        probes = (*self.probes.values(), *self.repeated.values())
        return [self.sample, *(each.tokens for each in probes)]

    def measure(self, model: Model, step: int) -> Measured:
        heads = self.heads
        scores = scores_of_sequences(model, self.probes, self.workers)
        of_repeats = partial(losses_on, model, heads.repeats)
        losses = self.workers.map(of_repeats, self.repeated.values())
        chance = orientations(heads.chance.draws, model.d_model, model.d_head, heads.seed)
        columns = {
            HEADS: head_columns(scores_of_heads(model, scores, self.sample), heads.kinds),
            COMPOSITIONS: composition_columns(folded(model), chance, heads.chance.quantile),
            PROBES: probe_columns(scores),
            REPEATS: repeat_columns(dict(zip(self.repeated, losses, strict=True))),
        }
        return {
            table: {"step": np.full(len(rows[table.grain[1]]), step, np.int32), **rows}
            for table, rows in columns.items()
        }


def main(job: Job) -> None:
    run_measure(job, Heads)


def probe(
    rng: np.random.Generator,
    usable: np.ndarray,
    heads: HeadSettings,
    name: str,
    block: int,
    bos: int,
) -> Probe:
    shape = (heads.sequences, block, heads.repeats)
    if name == "gap":
        return gapped_blocks(rng, usable, *shape, heads.max_gap, bos)
    return Probe.whole(repeated_blocks(rng, usable, *shape, bos))


def losses_on(model: Model, repeats: int, probe: Probe) -> Tensor:
    return repeat_losses(model, *probe, repeats)


if __name__ == "__main__":
    run(main)

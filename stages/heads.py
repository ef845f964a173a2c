"""What each head is, at every checkpoint: prefix matching, its controls, previous token."""

from functools import partial

import numpy as np
import torch

from stages.files import checkpoints, evaluation
from stages.files.job import Job, run
from stages.files.stage import DATA, StageError, progress
from stages.files.tables import TableWriter, read_table
from stages.lib import device as devices
from stages.lib.circuits import (
    gapped_blocks,
    patterns,
    prefix_matching,
    previous_token,
    repeated_blocks,
    same_token_attention,
    usable_tokens,
)
from stages.lib.parallel import Workers
from stages.lib.tables.corpus import VOCABULARY
from stages.lib.tables.heads import HEADS
from stages.settings.heads import Heads


def main(job: Job) -> None:
    heads = job.params.section("heads", Heads)
    device = devices.pick(job.params.get("device"))
    job.device = devices.name(device)
    counts = read_table(VOCABULARY, DATA / "corpus" / "vocabulary.parquet", "corpus")["count"]
    text = evaluation.sequences(heads.text_sequences).to(device)
    heads.check_fits("heads", text.shape[1], len(counts))

    usable = usable_tokens(counts, heads.exclude_share)
    if len(usable) < 2 * heads.block:
        raise StageError(
            f"params.yaml: heads.block: found {heads.block}, but only {len(usable)} tokens of the "
            "vocabulary occur in the training stream and are not left out by heads.exclude_share, "
            "and probes need twice the block; lower heads.block or add text"
        )
    rng = np.random.default_rng(heads.seed)
    shape = (heads.sequences, heads.block, heads.repeats)
    fixed = repeated_blocks(rng, usable, *shape).to(device)
    in_fixed = torch.ones_like(fixed, dtype=torch.bool)
    gapped, in_gapped = (p.to(device) for p in gapped_blocks(rng, usable, *shape, heads.max_gap))

    paths = checkpoints.listed(DATA / "train" / job.cell, f"train@{job.cell}")
    with (
        Workers(device) as workers,
        job.output(DATA / "heads" / f"{job.cell}.parquet") as path,
        TableWriter(HEADS, path, job.provenance) as writer,
    ):
        for checkpoint in progress(paths, f"heads {job.cell}", "checkpoint"):
            model, header = checkpoints.load(checkpoint, device)
            for probe in (fixed, gapped, text):
                evaluation.check_fits(probe, header, checkpoint)
            on_fixed, on_gapped, *on_text = workers.map(
                partial(patterns, model), [fixed, gapped, *text.split(1)]
            )
            scores = {
                "prefix_matching": [prefix_matching(p, fixed, in_fixed) for p in on_fixed],
                "prefix_matching_gap": [prefix_matching(p, gapped, in_gapped) for p in on_gapped],
                "same_token": [same_token_attention(p, fixed, in_fixed) for p in on_fixed],
                "previous_token": [
                    torch.stack([previous_token(p) for p in layer]).mean(0)
                    for layer in zip(*on_text, strict=True)
                ],
            }
            n_layers, n_heads = header.model.n_layers, header.model.n_heads
            writer.write(
                {
                    "step": np.full(n_layers * n_heads, header.step, np.int32),
                    "layer": np.repeat(np.arange(n_layers, dtype=np.int16), n_heads),
                    "head": np.tile(np.arange(n_heads, dtype=np.int16), n_layers),
                    **{name: torch.cat(found).cpu().numpy() for name, found in scores.items()},
                }
            )


if __name__ == "__main__":
    run(main, "heads", __doc__, per_cell=True)

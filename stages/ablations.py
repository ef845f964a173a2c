"""The losses of a cell without each of its heads, at every checkpoint."""

import numpy as np
import torch
from torch import Tensor

from stages.files import checkpoints, evaluation
from stages.files.job import Job, run
from stages.files.stage import DATA, progress
from stages.files.tables import TableWriter
from stages.lib import device as devices
from stages.lib.ablation import Key, ablated_nll
from stages.lib.model import Transformer
from stages.lib.parallel import Workers
from stages.lib.tables.ablations import ABLATIONS
from stages.settings.ablations import Ablations
from stages.settings.icl import Windows
from stages.settings.losses import Losses

# -> [early, late, mean, sampled] × sequence.
Reduced = dict[Key, Tensor]


def main(job: Job) -> None:
    params = job.params
    ablations = params.section("ablations", Ablations)
    windows = params.section("icl.windows", Windows)
    batch = params.section("losses", Losses).batch
    device = devices.pick(params.get("device"))
    job.device = devices.name(device)
    tokens = evaluation.sequences(ablations.sequences).to(device)
    sampled = evaluation.sampled_positions(tokens.shape[1], ablations.sequences).to(device)
    ablations.check_fits("ablations", len(tokens))
    windows.check_fits("icl.windows", tokens.shape[1])

    paths = checkpoints.listed(DATA / "train" / job.cell, f"train@{job.cell}")
    with (
        Workers(device) as workers,
        job.output(DATA / "ablations" / f"{job.cell}.parquet") as path,
        TableWriter(ABLATIONS, path, job.provenance) as writer,
    ):
        for checkpoint in progress(paths, f"ablations {job.cell}", "checkpoint"):
            model, header = checkpoints.load(checkpoint, device)
            evaluation.check_fits(tokens, header, checkpoint)

            def reduce(part: tuple[Tensor, Tensor], model: Transformer = model) -> Reduced:
                tokens, positions = part
                return {
                    key: torch.stack(
                        [
                            window_mean(losses, windows.early),
                            window_mean(losses, windows.late),
                            losses.mean(1),
                            losses.gather(1, positions[:, None])[:, 0],
                        ]
                    )
                    for key, losses in ablated_nll(model, tokens, ablations.modes).items()
                }

            parts = list(zip(tokens.split(batch), sampled.split(batch), strict=True))
            found = workers.map(reduce, parts)
            keys = sorted(found[0])
            values = torch.cat([torch.cat([own[key] for own in found], 1) for key in keys], 1)
            values = values.cpu().numpy()
            count = len(tokens)
            writer.write(
                {
                    "step": np.full(count * len(keys), header.step, np.int32),
                    "layer": np.repeat(np.array([key[0] for key in keys], np.int16), count),
                    "head": np.repeat(np.array([key[1] for key in keys], np.int16), count),
                    "mode": np.repeat([key[2] for key in keys], count),
                    "seq": np.tile(np.arange(count, dtype=np.int16), len(keys)),
                    "early": values[0],
                    "late": values[1],
                    "mean": values[2],
                    "sampled": values[3],
                }
            )


def window_mean(losses: Tensor, window: tuple[int, int]) -> Tensor:
    """Mean over a window of positions, both ends included: [batch, pos] -> [batch]."""
    return losses[:, window[0] : window[1] + 1].mean(1)


if __name__ == "__main__":
    run(main, "ablations", __doc__, per_cell=True)

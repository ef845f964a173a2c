"""Joint PCA of the loss vectors of all checkpoints of the cells on the study's own text."""

import numpy as np

from induction.config.errors import StageError
from induction.config.paths import DATA
from induction.config.pca import PcaSettings
from induction.pipeline import cells
from induction.pipeline.job import Job, run
from induction.stats.pca import joint_pca
from induction.tables.icl import SAMPLED
from induction.tables.parquet import read_table, write_table
from induction.tables.pca import PCA as PCA_TABLE


def main(job: Job) -> None:
    params = job.params
    components = params.section("pca", PcaSettings).components
    names = [name for name, cell in cells.of_grid(params, job.cell).items() if cell.is_on_its_text]
    vectors, steps = {}, {}
    for cell in names:
        table = read_table(SAMPLED, DATA / "icl" / cell / "sampled.parquet", f"icl@{cell}")
        steps[cell] = np.unique(table["step"])
        vectors[cell] = table["loss"].reshape(len(steps[cell]), -1)
    rows = np.concatenate([vectors[cell] for cell in names])
    if min(rows.shape) < components:
        raise StageError(
            f"params.yaml: pca.components: found {components}, but there are only "
            f"{rows.shape[0]} checkpoints × {rows.shape[1]} sequences; lower it"
        )
    scores, explained = joint_pca(rows, components)
    counts = [len(steps[cell]) for cell in names]
    with job.output(DATA / "pca" / job.cell / "pca.parquet") as path:
        write_table(
            PCA_TABLE,
            path,
            {
                "cell": np.repeat(np.repeat(names, counts), components),
                "step": np.repeat(np.concatenate([steps[cell] for cell in names]), components),
                "component": np.tile(np.arange(1, components + 1, dtype=np.int16), len(rows)),
                "score": scores.reshape(-1),
                "explained_variance": np.tile(explained, len(rows)),
            },
            job.provenance,
        )


if __name__ == "__main__":
    run(main, "pca", __doc__, per="grid")

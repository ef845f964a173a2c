"""Compute the joint PCA of the loss vectors of all cells on the study's own text"""

import numpy as np

from induction.config.errors import StageError
from induction.config.pca import PcaSettings
from induction.pipeline.artifacts import OnSameTokens
from induction.pipeline.job import Job, run
from induction.stats.pca import joint_pca
from induction.tables.icl import SAMPLED
from induction.tables.pca import PCA

PER = "grid"
INPUTS = (OnSameTokens(SAMPLED),)
OUTPUTS = (PCA,)
PARAMS = ("pca",)


def main(job: Job) -> None:
    components = job.params.section("pca", PcaSettings).components
    tables = job.read_cells(SAMPLED)
    steps = {cell: np.unique(table["step"]) for cell, table in tables.items()}
    rows = np.concatenate(
        [table["loss"].reshape(len(steps[cell]), -1) for cell, table in tables.items()]
    )
    if min(rows.shape) < components:
        raise StageError(
            f"params.yaml: pca.components: found {components}, but there are only "
            f"{rows.shape[0]} checkpoints × {rows.shape[1]} sequences; lower it"
        )
    scores, explained = joint_pca(rows, components)
    names, counts = list(steps), [len(step) for step in steps.values()]
    with job.outputs() as outputs:
        outputs.write(
            PCA,
            {
                "cell": np.repeat(np.repeat(names, counts), components),
                "step": np.repeat(np.concatenate(list(steps.values())), components),
                "component": np.tile(np.arange(1, components + 1, dtype=np.int16), len(rows)),
                "score": scores.reshape(-1),
                "explained_variance": np.tile(explained, len(rows)),
            },
        )


if __name__ == "__main__":
    run(main)

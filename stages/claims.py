"""The paper's claims and our controls, each decided by a rule that params.yaml fixes."""

from dataclasses import asdict

from induction.claims.statistics import describe, gather
from induction.claims.verdicts import scoreboard
from induction.config.claims import ClaimSettings
from induction.config.icl import IclWindows
from induction.config.model import Architecture
from induction.config.paths import DATA
from induction.config.train import TrainSettings
from induction.pipeline import cells
from induction.pipeline.catalog import sources
from induction.pipeline.job import Job, run
from induction.tables.ablations import ABLATIONS
from induction.tables.claims import CLAIMS, EVIDENCE
from induction.tables.corpus import EVAL
from induction.tables.duck import connect
from induction.tables.heads import COMPOSITIONS, HEADS, REPEATS
from induction.tables.icl import ICL, POSITIONS
from induction.tables.interventions import INTERVENTION_HEADS, INTERVENTIONS
from induction.tables.losses import LOSSES
from induction.tables.parquet import TableWriter
from induction.tables.pca import PCA
from induction.tables.phases import OVERLAPS, PHASES, WINDOWS
from induction.tables.rows import columns_of

READ = (
    EVAL, LOSSES, ICL, POSITIONS, PCA, HEADS, COMPOSITIONS, REPEATS, ABLATIONS, INTERVENTIONS,
    INTERVENTION_HEADS, PHASES, WINDOWS, OVERLAPS,
)  # fmt: skip


def main(job: Job) -> None:
    params = job.params
    claims = params.section("claims", ClaimSettings)
    train = params.section("train", TrainSettings)
    grid = cells.of_grid(params, job.cell)
    models = params.sections("models", Architecture)
    windows = params.section("icl.windows", IclWindows)
    known = sources(list(grid), job.cell)
    connection = connect({table: known[table] for table in READ})
    settings = {
        "tokens_per_step": train.batch * params.integer("corpus.n_ctx"),
        "training_tokens": train.tokens,
        "late_first": windows.late[0],
        "late_last": windows.late[1],
    }
    evidence = gather(connection, describe(grid, models, train), settings)
    with job.outputs(DATA / "claims" / job.cell) as folder:
        for table, name, rows in (
            (CLAIMS, "claims", scoreboard(evidence, claims)),
            (EVIDENCE, "evidence", [asdict(entry) for entry in evidence]),
        ):
            with TableWriter(table, folder / f"{name}.parquet", job.provenance) as writer:
                if rows:  # of models unlike the paper's, no claim has evidence
                    writer.write(columns_of(table, rows))


if __name__ == "__main__":
    run(main, "claims", __doc__, per="grid")

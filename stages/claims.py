"""Decide the paper's claims and our controls by the rules in params.yaml"""

from dataclasses import asdict

from induction.claims.statistics import describe, gather
from induction.claims.verdicts import scoreboard
from induction.config.claims import ClaimSettings
from induction.config.icl import IclWindows
from induction.config.model import Architecture
from induction.config.train import TrainSettings
from induction.pipeline.job import Job, run
from induction.tables.ablations import ABLATIONS
from induction.tables.claims import CLAIMS, EVIDENCE
from induction.tables.corpus import EVAL
from induction.tables.duck import connect
from induction.tables.heads import COMPOSITIONS, HEADS, REPEATS
from induction.tables.icl import ICL, POSITIONS
from induction.tables.interventions import INTERVENTION_HEADS, INTERVENTIONS
from induction.tables.losses import LOSSES
from induction.tables.pca import PCA
from induction.tables.phases import OVERLAPS, PHASES, WINDOWS

PER = "grid"
INPUTS = (
    EVAL,
    LOSSES,
    ICL,
    POSITIONS,
    PCA,
    HEADS,
    COMPOSITIONS,
    REPEATS,
    ABLATIONS,
    INTERVENTIONS,
    INTERVENTION_HEADS,
    PHASES,
    WINDOWS,
    OVERLAPS,
)
OUTPUTS = (CLAIMS, EVIDENCE)
PARAMS = ("claims", "corpus.n_ctx", "icl.windows", "models", "train")


def main(job: Job) -> None:
    params = job.params
    claims = params.section("claims", ClaimSettings)
    train = params.section("train", TrainSettings)
    models = params.sections("models", Architecture)
    windows = params.section("icl.windows", IclWindows)
    connection = connect(job.views())
    settings = {
        "tokens_per_step": train.batch * params.integer("corpus.n_ctx"),
        "training_tokens": train.tokens,
        "late_first": windows.late[0],
        "late_last": windows.late[1],
    }
    evidence = gather(connection, describe(job.cells, models, train), settings)
    with job.outputs() as outputs:
        outputs.write(CLAIMS, CLAIMS.columns_of(scoreboard(evidence, claims)))
        outputs.write(EVIDENCE, EVIDENCE.columns_of([asdict(entry) for entry in evidence]))


if __name__ == "__main__":
    run(main)

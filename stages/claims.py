"""Decide the paper's claims and our controls by the rules in params.yaml"""

from induction.claims.statistics import Resampling, describe, describe_suite, gather
from induction.claims.verdicts import by_family, evidence_rows, scoreboard
from induction.config.claims import ClaimSettings
from induction.config.icl import IclSettings
from induction.config.model import Architecture
from induction.pipeline.job import Job, run
from induction.tables.ablations import ABLATIONS
from induction.tables.claims import CLAIMS, CLAIMS_BY_FAMILY, EVIDENCE
from induction.tables.corpus import EVAL
from induction.tables.duck import connect
from induction.tables.fetch import FETCHED
from induction.tables.heads import COMPOSITIONS, HEADS, PROBES, REPEATS
from induction.tables.icl import SAMPLED
from induction.tables.interventions import INTERVENTION_HEADS, INTERVENTIONS
from induction.tables.losses import LOSSES, LOSSES_SHORT
from induction.tables.pca import PCA
from induction.tables.phases import DATE_DRAWS, PHASES, WINDOW_DRAWS, WINDOWS

PER = "grid"
INPUTS = (
    FETCHED,
    EVAL,
    LOSSES,
    LOSSES_SHORT,
    SAMPLED,
    PCA,
    HEADS,
    COMPOSITIONS,
    PROBES,
    REPEATS,
    ABLATIONS,
    INTERVENTIONS,
    INTERVENTION_HEADS,
    PHASES,
    DATE_DRAWS,
    WINDOWS,
    WINDOW_DRAWS,
)
OUTPUTS = (CLAIMS, CLAIMS_BY_FAMILY, EVIDENCE)
PARAMS = ("claims", "corpus.n_ctx", "corpus.vocab_size", "icl", "models", "train")

SUITE = "select max(step), max(layer) + 1 from heads"


def main(job: Job) -> None:
    params = job.params
    claims = params.section("claims", ClaimSettings)
    train = job.train
    models = params.sections("models", Architecture)
    icl = params.section("icl", IclSettings)
    connection = connect(job.views())
    if job.suite_name:
        ((last, n_layers),) = connection.execute(SUITE).fetchall()
        cells = describe_suite(job.instance, job.suite_name, n_layers)
        training_tokens = last * job.tokens_per_step
        vocab_size = int(job.read(FETCHED)["vocab_size"][0])
    else:
        cells = describe(job.cells, models, train)
        training_tokens = train.tokens
        vocab_size = params.integer("corpus.vocab_size")
    settings = {
        "tokens_per_step": job.tokens_per_step,
        "training_tokens": training_tokens,
        "late_first": icl.windows.late[0],
        "late_last": icl.windows.late[1],
        "vocab_size": vocab_size,
    }
    resampling = Resampling(
        icl.bootstrap_draws, icl.bootstrap_seed, claims.interval, claims.resolvable
    )
    evidence = gather(connection, cells, settings, resampling)
    rows = {
        CLAIMS: scoreboard(evidence, claims),
        CLAIMS_BY_FAMILY: by_family(evidence, claims),
        EVIDENCE: evidence_rows(evidence, claims),
    }
    with job.outputs() as outputs:
        for table in OUTPUTS:
            outputs.write(table, table.columns_of(rows[table]))


if __name__ == "__main__":
    run(main)

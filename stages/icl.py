"""Compute in-context-learning scores, position curves and loss vectors from the losses of a cell"""

from induction.config.icl import IclSettings
from induction.pipeline.job import Job, run
from induction.stats.bootstrap import draws
from induction.stats.intervals import tails
from induction.tables.corpus import EVAL_SEQUENCES
from induction.tables.duck import arrays, connect, query
from induction.tables.icl import ICL, POSITIONS, SAMPLED
from induction.tables.losses import LOSSES, LOSSES_SHORT

PER = "cell"
INPUTS = (LOSSES, LOSSES_SHORT, EVAL_SEQUENCES)
OUTPUTS = (ICL, POSITIONS, SAMPLED)
PARAMS = ("corpus.evaluation.tokens", "icl")


def main(job: Job) -> None:
    icl = job.params.section("icl", IclSettings)
    icl.check_fits("icl", job.params.integer("corpus.evaluation.tokens"))
    connection = connect(job.views())
    n_seq = connection.execute("select count(*) from eval_sequences").fetchall()[0][0]
    connection.register("draws", draws(n_seq, icl.bootstrap_draws, icl.bootstrap_seed))
    bound = {
        "early_first": icl.windows.early[0],
        "early_last": icl.windows.early[1],
        "late_first": icl.windows.late[0],
        "late_last": icl.windows.late[1],
        "early_point": icl.early_point,
        "late_point": icl.late_point,
        **tails(icl.interval),
    }
    with job.outputs() as outputs:
        for table, name, values in (
            (ICL, "score", bound),
            (POSITIONS, "positions", {}),
            (SAMPLED, "sampled", {}),
        ):
            outputs.write(table, arrays(query(connection, f"icl/{name}", values)))


if __name__ == "__main__":
    run(main)

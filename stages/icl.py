"""The losses of a cell -> its in-context-learning score, position curves and loss vectors."""

from induction.config.icl import IclSettings
from induction.config.paths import DATA
from induction.config.remedy import corpus_in
from induction.pipeline import cells
from induction.pipeline.job import Job, run
from induction.stats.bootstrap import draws
from induction.stats.intervals import tails
from induction.tables.corpus import EVAL_SEQUENCES
from induction.tables.duck import Source, arrays, connect, query
from induction.tables.icl import ICL, POSITIONS, SAMPLED
from induction.tables.losses import LOSSES
from induction.tables.parquet import write_table


def main(job: Job) -> None:
    cell, params = job.cell, job.params
    icl = params.section("icl", IclSettings)
    corpus = cells.corpus_folder(cells.own(params, cell)[1].corpus)
    icl.check_fits("icl", params.integer("corpus.n_ctx"))
    views = {
        LOSSES: [Source(DATA / "losses" / f"{cell}.parquet", f"losses@{cell}")],
        EVAL_SEQUENCES: [Source(corpus / "eval_sequences.parquet", corpus_in(corpus))],
    }
    connection = connect(views)
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
    with job.output(DATA / "icl" / cell) as folder:
        folder.mkdir()
        for table, name, values in (
            (ICL, "score", bound),
            (POSITIONS, "positions", {}),
            (SAMPLED, "sampled", {}),
        ):
            rows = arrays(query(connection, f"icl/{name}", values))
            file = "icl" if table is ICL else name
            provenance = job.provenance_without(table.without)
            write_table(table, folder / f"{file}.parquet", rows, provenance)


if __name__ == "__main__":
    run(main, "icl", __doc__, per="cell")

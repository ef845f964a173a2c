"""Query the tables and write the report's pages, figures, summary and numbers to reports/"""

import json
from dataclasses import asdict

import duckdb

from induction.config.names import PUBLISHED, PUBLISHED_TRAIN
from induction.pipeline import layout
from induction.pipeline.artifacts import MANIFEST, OfEveryCorpus, Product
from induction.pipeline.job import Job, run
from induction.report import context, queries
from induction.report.files import files
from induction.report.plots import PLOTS, properties
from induction.tables import circuits
from induction.tables.ablations import ABLATIONS
from induction.tables.claims import CLAIMS, CLAIMS_BY_FAMILY, EVIDENCE
from induction.tables.corpus import DOCUMENTS, EVAL, EVAL_SEQUENCES, VOCABULARY
from induction.tables.duck import connect
from induction.tables.fetch import FETCHED
from induction.tables.heads import COMPOSITIONS, HEADS, REPEATS
from induction.tables.icl import ICL, POSITIONS
from induction.tables.interventions import INTERVENTION_HEADS, INTERVENTIONS
from induction.tables.losses import LOSSES, LOSSES_SHORT
from induction.tables.parquet import provenance_of
from induction.tables.pca import PCA
from induction.tables.phases import OVERLAPS, PHASES, WINDOWS

PER = "grid"
INPUTS = (
    OfEveryCorpus(MANIFEST), DOCUMENTS, VOCABULARY, EVAL, EVAL_SEQUENCES, FETCHED, LOSSES,
    LOSSES_SHORT, ICL, POSITIONS, PCA, HEADS, COMPOSITIONS, REPEATS, ABLATIONS, INTERVENTIONS,
    INTERVENTION_HEADS, *circuits.ALL, PHASES, WINDOWS, OVERLAPS, CLAIMS, CLAIMS_BY_FAMILY,
    EVIDENCE,
)  # fmt: skip
OUTPUTS = (
    Product("index.html", in_git=False),
    Product("circuits.html", in_git=False),
    Product("answer.json"),
    Product("circuits.json"),
    Product("claims.json"),
    # No plots: of two revisions DVC would show every figure twice, below its file name.
    Product("figures"),
    Product("metrics.json", kind="metrics"),
    Product("provenance.json"),
    Product("sequences.csv"),
    Product("summary.md"),
    *(Product(f"plots/{name}.csv", kind="plots", plot=properties(name)) for name in PLOTS),
)
# All that makes the study, in the order of the page, which shows it.
PARAMS = (
    "corpus", "models", "train", "losses", "icl", "pca", "heads", "ablations", "interventions",
    "circuits", "phases", "claims", "report",
)  # fmt: skip


def main(job: Job) -> None:
    connection, manifests, inputs = read(job)
    results = queries.run(connection, job.params, job.cells, job.tokens_per_step)
    sections = [*PARAMS, PUBLISHED_TRAIN] if job.instance == PUBLISHED else PARAMS
    architectures = context.foreign(connection, job.instance) if job.suite_name else {}
    study = context.study(job.params, sections, job.cells, architectures)
    suites = [] if job.instance else layout.suite_cells(job.params)
    study |= {"suite": job.suite, "suites": suites, "tokens_per_step": job.tokens_per_step}
    provenance = {"report": asdict(job.provenance), "inputs": inputs}
    texts = files(results, study, manifests, provenance, job.instance)
    with job.outputs() as outputs:
        for name, text in texts.items():
            path = outputs.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")


def read(job: Job) -> tuple[duckdb.DuckDBPyConnection, list[dict], dict[str, dict]]:
    """The tables as views, the manifest of every corpus, the study's own first, and the provenance
    of every input."""
    paths, views = [source.path for source in job.sources(MANIFEST)], job.views()
    manifests = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    inputs = {
        str(source.path): asdict(provenance_of(table, source))
        for table, sources in views.items()
        for source in sources
    }
    of_corpora = {
        str(path): each["provenance"] for path, each in zip(paths, manifests, strict=True)
    }
    return connect(views), manifests, of_corpora | inputs


if __name__ == "__main__":
    run(main)

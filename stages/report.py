"""SQL over the tables -> reports/: the page, figures, summary, claims, metrics, DVC's plots."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb

from induction.config.paths import DATA, REPORTS
from induction.pipeline import cells
from induction.pipeline.catalog import sources
from induction.pipeline.job import Job, run
from induction.report import context, queries
from induction.report.files import files
from induction.tables import circuits
from induction.tables.ablations import ABLATIONS
from induction.tables.claims import CLAIMS, EVIDENCE
from induction.tables.contract import Table
from induction.tables.corpus import DOCUMENTS, EVAL, EVAL_SEQUENCES, VOCABULARY
from induction.tables.duck import Source, connect
from induction.tables.heads import COMPOSITIONS, HEADS, REPEATS
from induction.tables.icl import ICL, POSITIONS
from induction.tables.interventions import INTERVENTION_HEADS, INTERVENTIONS
from induction.tables.losses import LOSSES
from induction.tables.parquet import provenance_of
from induction.tables.pca import PCA
from induction.tables.phases import OVERLAPS, PHASES, WINDOWS

MANIFEST = DATA / "corpus" / "manifest.json"
READ = (
    DOCUMENTS, VOCABULARY, EVAL, EVAL_SEQUENCES, LOSSES,
    ICL, POSITIONS, PCA, HEADS, COMPOSITIONS, REPEATS, ABLATIONS, INTERVENTIONS,
    INTERVENTION_HEADS,
    *circuits.ALL, PHASES, WINDOWS, OVERLAPS, CLAIMS, EVIDENCE,
)  # fmt: skip


def main(job: Job) -> None:
    grid = cells.of_grid(job.params, job.cell)
    connection, manifest, inputs = read(list(grid), job.cell)
    results = queries.run(connection, job.params, grid)
    study = context.study(job.params, grid)
    # After every param was read: its hash is over those.
    provenance = {"report": asdict(job.provenance), "inputs": inputs}
    with job.outputs(REPORTS / job.cell) as folder:
        for name, text in files(results, study, manifest, provenance, job.cell).items():
            path: Path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")


def read(cells: list[str], grid: str) -> tuple[duckdb.DuckDBPyConnection, dict, dict[str, Any]]:
    """The tables as views, the manifest of the corpus, and the provenance of every input."""
    every = sources(cells, grid)
    tables: dict[Table, list[Source]] = {table: every[table] for table in READ}
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    inputs = {str(MANIFEST): manifest["provenance"]} | {
        str(source.path): asdict(provenance_of(table, source.path, source.stage))
        for table, files in tables.items()
        for source in files
    }
    return connect(tables), manifest, inputs


if __name__ == "__main__":
    run(main, "report", __doc__ or "", per="grid")

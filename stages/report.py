"""SQL over the tables -> reports/: the page, the figures, the summary, the claims, the metrics."""

import base64
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import pyarrow as pa

from stages.files import cells
from stages.files.catalog import sources
from stages.files.duck import Source, connect, query
from stages.files.job import Job, run
from stages.files.stage import DATA, progress
from stages.files.tables import provenance_of
from stages.lib import explorer, spell, summary
from stages.lib.bootstrap import draws, tails
from stages.lib.figures import dates
from stages.lib.figures.captions import CAPTIONS, CIRCUITS, SECTIONS
from stages.lib.figures.every import Found, drawings
from stages.lib.panels import panels
from stages.lib.tables import circuits
from stages.lib.tables.ablations import ABLATIONS
from stages.lib.tables.claims import CLAIMS, EVIDENCE
from stages.lib.tables.contract import Table
from stages.lib.tables.heads import COMPOSITIONS, HEADS, REPEATS
from stages.lib.tables.icl import ICL, POSITIONS
from stages.lib.tables.interventions import INTERVENTIONS, SETS
from stages.lib.tables.pca import PCA
from stages.lib.tables.phases import OVERLAPS, PHASES, WINDOWS
from stages.settings.cells import Cell
from stages.settings.icl import Icl
from stages.settings.model import Model
from stages.settings.phases import Phases
from stages.settings.report import Report
from stages.settings.train import Train

REPORTS = Path("reports")
MANIFEST = DATA / "corpus" / "manifest.json"
EXPLORED = (
    "attribution", "lens", "orders", "offsets", "entries", "eigenvalues", "trigrams", "bugs",
    "tokens", "attention", "shown",
)  # fmt: skip
TEMPLATES = Path(__file__).parent / "templates" / "report"
SCRIPT = TEMPLATES / "circuits.js"
READ = (
    ICL, POSITIONS, PCA, HEADS, COMPOSITIONS, REPEATS, ABLATIONS, INTERVENTIONS, SETS,
    *circuits.ALL, PHASES, WINDOWS, OVERLAPS, CLAIMS, EVIDENCE,
)  # fmt: skip


# Draws of the bootstrap, and the table whose sequences they are of.
RESAMPLED = {
    "draws": "ablations",
    "edit_draws": "interventions",
    "circuit_draws": "paths",
    "cut_draws": "cuts",
}
# Edges that cost less ICL when cut, in nats, get no interval.
LEAST_CUT = 0.02


def main(job: Job) -> None:
    params = job.params
    grid = cells.of_grid(params, job.cell)
    models = params.sections("models", Model)
    settings = {
        "report": params.section("report", Report),
        "icl": params.section("icl", Icl),
        "train": params.section("train", Train),
    }
    found = ask(grid, job.cell, n_ctx=params.integer("corpus.n_ctx"), **settings)
    svgs = draw(found, settings["train"].tokens)
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    found_circuits = summary.circuits(found["circuit_readings"], found["circuit_paths"])
    context = {
        **settings,
        **found,
        "phase_rule": params.section("phases", Phases),
        "models": {name: models[cell.model] for name, cell in grid.items()},
        "otherwise": {name: summary.otherwise(cell) for name, cell in grid.items()},
        "verdicts": summary.verdicts(found["claims"]),
        "carried": summary.carried(found["interventions"]),
        "removed": summary.removed(found["removals"]),
        "ways": summary.ways(found["removals"]),
        "circuits": found_circuits,
        "signals": dates.SIGNALS,
        "manifest": manifest,
        "captions": CAPTIONS,
        "sections": SECTIONS,
        "circuit_figures": CIRCUITS,
        "explorer": explorer.script_data(explorer.explored(found)),
        "script": SCRIPT.read_text(encoding="utf-8"),
        "script_hash": explorer.script_hash(SCRIPT.read_text(encoding="utf-8")),
        "svgs": {name: base64.b64encode(svg.encode()).decode() for name, svg in svgs.items()},
    }
    products = {
        "circuits": summary.circuit_products(found_circuits),
        "claims": summary.claims(found["claims"], found["evidence"]),
        "metrics": summary.metrics(found["cells"], found["claims"]),
        "provenance": made(job, grid, manifest),
    }
    with job.outputs(REPORTS / job.cell) as folder:
        (folder / "figures").mkdir()
        for name, svg in svgs.items():
            (folder / "figures" / f"{name}.svg").write_text(svg, encoding="utf-8")
        for name in ("index.html", "circuits.html", "summary.md"):
            text = _templates().get_template(f"{name}.j2").render(context)
            (folder / name).write_text(text, encoding="utf-8")
        for name, own in products.items():
            text = json.dumps(own, indent=2, sort_keys=name == "provenance", allow_nan=False)
            (folder / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")


def made(job: Job, grid: dict[str, Cell], manifest: dict) -> dict:
    """Who made the report, and each file it was made of."""
    inputs = {str(MANIFEST): manifest["provenance"]}
    for table, own in tables(grid, job.cell).items():
        for source in own:
            found = provenance_of(table, source.path, source.stage)
            inputs[str(source.path)] = asdict(found)
    return {"report": asdict(job.provenance), "inputs": inputs}


def tables(grid: dict[str, Cell], name: str) -> dict[Table, list[Source]]:
    """What the report on a grid reads."""
    every = sources(list(grid), name)
    return {table: every[table] for table in READ}


def ask(
    grid: dict[str, Cell], name: str, n_ctx: int, report: Report, icl: Icl, train: Train
) -> Found:
    """Asks every query; a later one may read an earlier result."""
    connection = connect(tables(grid, name))
    connection.register("cells", pa.Table.from_pylist(panels(grid)))
    for resamples, table in RESAMPLED.items():
        ((count,),) = connection.sql(f"select count(distinct seq) from {table}").fetchall()
        # There may be no edge to cut.
        connection.register(
            resamples, draws(max(count, 1), icl.bootstrap_draws, icl.bootstrap_seed)
        )
    tokens = {"tokens_per_step": train.batch * n_ctx}
    interval = tails(icl.interval)
    bound: dict[str, dict[str, Any]] = {
        "windows": {},
        "final_heads": {},
        "removals": interval,
        "cells": {},
        "curves": {**tokens, "reach": report.slope_reach},
        "heads": tokens,
        "positions": {**tokens, "bins": report.position_bins, "reach": report.slope_reach},
        "ablations": tokens,
        "undone": {**tokens, "mode": _strictest_mode(connection)},
        "trajectories": tokens,
        "phases": {},
        "interventions": interval,
        "repeats": {},
        "circuit_readings": tokens,
        "circuit_edges": {**tokens, **interval, "least": LEAST_CUT},
        "circuit_paths": {**tokens, **interval},
        "circuit_heads": tokens,
        "circuit_direct": tokens,
        "circuit_compositions": tokens,
        **{f"circuit_{name}": {} for name in EXPLORED},
        "claims": {},
        "evidence": {},
    }
    found = {}
    for query_name, values in progress(bound.items(), "report: ask", "query"):
        result = query(connection, f"report/{query_name}", values)
        connection.register(f"{query_name}_result", result)
        found[query_name] = result.to_pylist()
    return found


def _strictest_mode(connection: duckdb.DuckDBPyConnection) -> str:
    """View A of the paper preserves patterns; a study may do without."""
    found = connection.sql("select distinct mode from ablations").fetchall()
    return "pattern" if ("pattern",) in found else "full"


def draw(found: Found, tokens: int) -> dict[str, str]:
    """Every figure as SVG, by its name."""
    todo = drawings(found, tokens)
    return {name: make() for name, make in progress(todo.items(), "report: draw", "figure")}


def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for own in (spell.fixed, spell.millions, spell.significant, spell.piped):
        environment.filters[own.__name__] = own
    environment.globals["between"] = spell.between
    return environment


if __name__ == "__main__":
    run(main, "report", __doc__, per="grid")

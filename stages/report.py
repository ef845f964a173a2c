"""SQL over the tables -> reports/: the page, figures, summary, claims, metrics, DVC's plots."""

import base64
import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import pyarrow as pa

from induction.config.cells import Cell
from induction.config.icl import IclSettings
from induction.config.model import Architecture
from induction.config.params import Params
from induction.config.phases import PhaseSettings
from induction.config.report import ReportSettings
from induction.config.train import TrainSettings
from induction.pipeline.artifacts import MANIFEST, Product
from induction.pipeline.job import Job, run
from induction.pipeline.progress import progress
from induction.report import answer, explorer, formatting, page, plots, sequences, summary
from induction.report.figures import analysis, dates
from induction.report.figures.analysis import Measure
from induction.report.figures.answer import rows as best_heads
from induction.report.figures.captions import CAPTIONS, CIRCUITS, SECTIONS
from induction.report.figures.every import Found, drawings
from induction.report.flat import flattened
from induction.report.panels import panels
from induction.report.plots import PLOTS, properties
from induction.stats.bootstrap import draws
from induction.stats.intervals import tails
from induction.tables import circuits
from induction.tables.ablations import ABLATIONS
from induction.tables.claims import CLAIMS, EVIDENCE
from induction.tables.corpus import DOCUMENTS, EVAL, EVAL_SEQUENCES, VOCABULARY
from induction.tables.duck import (
    connect,
    query,
)
from induction.tables.heads import COMPOSITIONS, HEADS, REPEATS
from induction.tables.icl import ICL, POSITIONS
from induction.tables.interventions import INTERVENTION_HEADS, INTERVENTIONS
from induction.tables.losses import LOSSES
from induction.tables.parquet import provenance_of
from induction.tables.pca import PCA
from induction.tables.phases import OVERLAPS, PHASES, WINDOWS

EXPLORED = (
    "attribution", "lens", "orders", "offsets", "entries", "eigenvalues", "trigrams", "bugs",
    "tokens", "attention", "shown",
)  # fmt: skip
TEMPLATES = Path("induction/report/templates/report")
# What the page says about its making: every section but the machine it ran on.
SECTIONS_SHOWN = (
    "corpus", "models", "train", "losses", "icl", "pca", "heads", "ablations", "interventions",
    "circuits", "phases", "claims", "report",
)  # fmt: skip
PER = "grid"
INPUTS = (
    DOCUMENTS, VOCABULARY, EVAL, EVAL_SEQUENCES, MANIFEST, LOSSES, ICL, POSITIONS, PCA, HEADS,
    COMPOSITIONS, REPEATS, ABLATIONS, INTERVENTIONS, INTERVENTION_HEADS, *circuits.ALL, PHASES,
    WINDOWS, OVERLAPS, CLAIMS, EVIDENCE,
)  # fmt: skip
OUTPUTS = (
    Product("index.html", in_git=False),
    Product("circuits.html", in_git=False),
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
PARAMS = (
    "ablations", "circuits", "claims", "corpus", "heads", "icl", "interventions", "losses",
    "models", "pca", "phases", "report", "train",
)  # fmt: skip

# Draws of the bootstrap, and the table whose sequences they are of.
RESAMPLED = {
    "draws": "ablations",
    "edit_draws": "interventions",
    "circuit_draws": "paths",
    "cut_draws": "edge_ablations",
}
# Tokens that gain and lose most, of each cell, and how many tokens before them are shown.
SHOWN, CONTEXT = 8, 24
# Edges that cost less ICL when cut, in nats, get no interval.
LEAST_CUT = 0.02


def main(job: Job) -> None:
    params = job.params
    grid = job.cells
    settings = {
        "report": params.section("report", ReportSettings),
        "icl": params.section("icl", IclSettings),
        "train": params.section("train", TrainSettings),
    }
    found = ask(job, n_ctx=params.get("corpus")["n_ctx"], **settings)
    manifest = json.loads(job.source(MANIFEST).path.read_text(encoding="utf-8"))
    tokens = max(row["tokens"] for row in found["curves"])
    svgs = draw(found, settings["train"].tokens)
    measures, drawn = pictures(found, tokens)
    told = answer.findings(found)
    context = {
        **settings,
        **found,
        **_study(params, grid),
        **_findings(params, found, told),
        **_page(found, told, tokens),
        "grid": job.instance,
        "manifest": manifest,
        "svgs": {name: encoded(svg) for name, svg in svgs.items()},
        "measures": drawn,
    }
    # Once every param was read: its hash is over those.
    provenance = made(job, manifest)
    context |= {"made": provenance, "fingerprint": fingerprint(provenance)}
    data = {
        "index": page.script(found, measures, told, tokens),
        "circuits": page.circuits(found),
    }
    products = {
        "circuits": summary.circuit_products(context["circuits"]),
        "claims": summary.claims(found["claims"], found["evidence"]),
        "metrics": summary.metrics(found["cells"], found["claims"]),
        "provenance": provenance,
    }
    with job.outputs() as outputs:
        texts = {f"figures/{name}.svg": svg for name, svg in svgs.items()}
        texts |= {f"plots/{name}": rows for name, rows in plots.texts(found).items()}
        texts[sequences.NAME] = sequences.text(found["sequences"])
        texts["summary.md"] = _rendered("summary.md", context)
        for name, own in data.items():
            texts[f"{name}.html"] = _rendered(f"{name}.html", context | scripted(name, own))
        for name, own in products.items():
            text = json.dumps(own, indent=2, sort_keys=name == "provenance", allow_nan=False)
            texts[f"{name}.json"] = f"{text}\n"
        for name in ("figures", "plots"):
            (outputs.folder / name).mkdir()
        for name, text in texts.items():
            (outputs.folder / name).write_text(text, encoding="utf-8")


def _study(params: Params, grid: dict[str, Cell]) -> dict[str, Any]:
    """What was asked: models, rules, every param."""
    models = params.sections("models", Architecture)
    return {
        "architectures": {name: models[cell.model] for name, cell in grid.items()},
        "otherwise": {name: summary.otherwise(cell) for name, cell in grid.items()},
        "phase_rule": params.section("phases", PhaseSettings),
        "kinds": params.get("heads")["kinds"],
        "edited": {own: params.get(own)["sequences"] for own in ("ablations", "interventions")},
        "params": list(flattened({name: params.get(name) for name in SECTIONS_SHOWN}).items()),
        "times": json.loads(asset("times.json")),
    }


def _findings(params: Params, found: Found, told: list[answer.Found]) -> dict[str, Any]:
    """What was found, in words and rows."""
    rule, verdicts = params.section("phases", PhaseSettings), summary.verdicts(found["claims"])
    failed = summary.failed(found["claims"])
    return {
        "found": told,
        "models": answer.models(told),
        "sentences": answer.sentences(told, verdicts["claim"], failed, rule),
        "why_not": {own.name: answer.why_not(own, rule) for own in told if not own.changed},
        "verdicts": verdicts,
        "evidence": page.by_claim(found["evidence"]),
        "carried": summary.carried(found["interventions"]),
        "removed": summary.removed(found["removals"]),
        "ways": summary.ways(found["removals"]),
        "circuits": summary.circuits(found["circuit_readings"], found["circuit_paths"]),
    }


def _page(found: Found, told: list[answer.Found], tokens: int) -> dict[str, Any]:
    """How the page shows it."""
    detailed, style = [row for row in found["cells"] if row["is_detailed"]], asset("page.css")
    first = next((row for row in detailed if row["phase_change"]), detailed[0])["cell"]
    return {
        "detailed": detailed,
        "first": first,
        "columns": page.columns(told),
        "spans": page.windows(told, tokens),
        "sparks": {row["cell"]: page.sparks(found, row["cell"], tokens) for row in detailed},
        "passages": page.passages(found),
        "passage": page.first_passage(found, first),
        "changes": page.changes(found, tokens),
        "signals": dates.SIGNALS,
        "captions": CAPTIONS,
        "sections": SECTIONS,
        "circuit_figures": CIRCUITS,
        "style": style,
        "style_hash": explorer.content_hash(style),
    }


def scripted(name: str, data: dict) -> dict[str, str]:
    """The script of a page and its data, as they stand in it."""
    script = f'"use strict";\n(() => {{\n{asset("common.js")}{asset(f"{name}.js")}}})();\n'
    return {
        "data": explorer.script_data(data),
        "script": script,
        "script_hash": explorer.content_hash(script),
    }


def asset(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def encoded(svg: str) -> str:
    """For a data URI."""
    return base64.b64encode(svg.encode()).decode()


def fingerprint(provenance: dict) -> str:
    """One hash for a report: over those of the code and params behind every table."""
    return hashlib.sha256(json.dumps(provenance, sort_keys=True).encode()).hexdigest()


def made(job: Job, manifest: dict) -> dict:
    """Who made the report, and each file it was made of."""
    inputs = {str(job.source(MANIFEST).path): manifest["provenance"]}
    for table, sources in job.views().items():
        for source in sources:
            inputs[str(source.path)] = asdict(provenance_of(table, source.path, source.stage))
    return {"report": asdict(job.provenance), "inputs": inputs}


def ask(
    job: Job, n_ctx: int, report: ReportSettings, icl: IclSettings, train: TrainSettings
) -> Found:
    """Asks every query; a later one may read an earlier result."""
    connection = connect(job.views())
    connection.register("cells", pa.Table.from_pylist(panels(job.cells)))
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
        "induction": {**tokens, "mode": _mode(connection, "full")},
        "cells": {},
        "curves": {**tokens, "reach": report.slope_reach},
        "heads": tokens,
        "positions": {**tokens, "bins": report.position_bins, "reach": report.slope_reach},
        "ablations": tokens,
        "undone": {**tokens, "mode": _mode(connection, "pattern")},
        "trajectories": tokens,
        "phases": {},
        "interventions": interval,
        "repeats": {},
        "moments": tokens,
        "passages": {},
        "passage_losses": {},
        "token_changes": {"shown": SHOWN, "context": CONTEXT},
        "token_losses": {},
        "circuit_readings": tokens,
        "circuit_edges": {**tokens, **interval, "least": LEAST_CUT},
        "circuit_paths": {**tokens, **interval},
        "circuit_heads": tokens,
        "circuit_direct": tokens,
        "circuit_compositions": tokens,
        **{f"circuit_{name}": {} for name in EXPLORED},
        "claims": {},
        "evidence": {},
        "sequences": {
            "early_first": icl.windows.early[0],
            "early_last": icl.windows.early[1],
            "late_first": icl.windows.late[0],
            "late_last": icl.windows.late[1],
            "early_point": icl.early_point,
            "late_point": icl.late_point,
        },
    }
    found = {}
    for query_name, values in progress(bound.items(), "report: ask", "query"):
        result = query(connection, f"report/{query_name}", values)
        connection.register(f"{query_name}_result", result)
        found[query_name] = result.to_pylist()
    detailed = {row["cell"] for row in found["cells"] if row["is_detailed"]}
    found["answer"] = [
        row for row in best_heads(found["curves"], found["heads"]) if row["cell"] in detailed
    ]
    return found


def _mode(connection: duckdb.DuckDBPyConnection, wanted: str) -> str:
    """How heads were removed: as wanted, or the other way if the study did without."""
    found = {mode for (mode,) in connection.sql("select distinct mode from ablations").fetchall()}
    return wanted if wanted in found else max(found - {"none"})


def draw(found: Found, tokens: int) -> dict[str, str]:
    """Every figure as SVG, by its name."""
    todo = drawings(found, tokens)
    return {name: str(make()) for name, make in progress(todo.items(), "report: draw", "figure")}


def pictures(found: Found, tokens: int) -> tuple[list[Measure], list[dict[str, Any]]]:
    """The rows of the model analysis, and as the page shows them: with a picture per panel."""
    measures = analysis.measures(found)
    of_cell = {row["cell"]: row["panel"] for row in found["windows"]}
    rows = []
    for measure in progress(measures, "report: panels", "measure"):
        drawn = analysis.pictures(measure.panels(), tokens)
        own = {of_cell.get(name, name): encoded(svg) for name, svg in drawn.items()}
        rows.append(
            {**vars(measure), "pictures": own, "legend": page.keys(measure, found["windows"])}
        )
    return measures, rows


def _rendered(name: str, context: dict[str, Any]) -> str:
    return _templates().get_template(f"{name}.j2").render(context)


def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for own in (formatting.fixed, formatting.millions, formatting.significant, formatting.piped):
        environment.filters[own.__name__] = own
    environment.globals["between"] = formatting.between
    return environment


if __name__ == "__main__":
    run(main)

"""SQL over the tables -> reports/: the page, the figures, the summary, the metrics."""

import base64
import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import jinja2

from stages.files.catalog import sources
from stages.files.duck import Source, connect, query
from stages.files.job import Job, run
from stages.files.stage import DATA, progress
from stages.files.tables import provenance_of
from stages.lib import figures
from stages.lib.bootstrap import draws, tails
from stages.lib.tables.ablations import ABLATIONS
from stages.lib.tables.contract import Table
from stages.lib.tables.heads import HEADS
from stages.lib.tables.icl import ICL, POSITIONS
from stages.lib.tables.pca import PCA
from stages.settings.icl import Icl
from stages.settings.model import Cell, Model
from stages.settings.report import Report
from stages.settings.train import Train

REPORTS = Path("reports")
MANIFEST = DATA / "corpus" / "manifest.json"
TEMPLATES = Path(__file__).parent / "templates" / "report"
METRICS = (
    "icl_final",
    "icl_final_low",
    "icl_final_high",
    "icl_paper_points",
    "loss_final",
    "phase_change",
    "phase_start_tokens",
    "phase_end_tokens",
    "prefix_matching_max",
    "previous_token_max",
    "best_head",
    "ablation_icl_max",
)

CAPTIONS = {
    "icl": "In-context learning over training: loss late in the context minus loss early, so "
    "more in-context learning is lower. Band: bootstrap interval over sequences. Dotted: the "
    "paper's two positions. Yellow: the phase window.",
    "loss": "Mean loss over the evaluation set, with its interval.",
    "prefix_matching": "Prefix matching of every head on repeated random tokens: the share of "
    "attention on the tokens that followed earlier occurrences of the current one. The two best "
    "heads are named.",
    "previous_token": "Attention to the previous token on held-out text, every head.",
    "loss_map": "Loss over training and position in the context. Dashed: the phase window.",
    "slope_map": "d loss / d ln(position): blue where more context lowers the loss, red where it "
    "raises it; clipped at ±0.5. Dashed: the phase window.",
    "pca": "Joint PCA of the loss vectors. Each panel shows one cell's path in the common plane "
    "(grey: the others; square: the end; orange: the phase window).",
    "ablation_full": "Full ablation: ICL without a head minus ICL of the whole model. Above "
    "zero, the head carries in-context learning.",
    "ablation_pattern": "Pattern-preserving ablation: the same with all later attention patterns "
    "held, so that only the path through values is cut.",
}


def main(job: Job) -> None:
    params = job.params
    cells = params.sections("cells", Cell)
    models = params.sections("models", Model)
    settings = {
        "report": params.section("report", Report),
        "icl": params.section("icl", Icl),
        "train": params.section("train", Train),
    }
    rows = ask(sorted(cells), n_ctx=params.integer("corpus.n_ctx"), **settings)
    svgs = draw(rows)
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    context = {
        **settings,
        "cells": rows["cells"],
        "final_heads": rows["final_heads"],
        "models": {cell: models[own.model] for cell, own in cells.items()},
        "manifest": manifest,
        "captions": CAPTIONS,
        "svgs": {name: base64.b64encode(svg.encode()).decode() for name, svg in svgs.items()},
    }
    metrics = {"cells": {row["cell"]: {key: row[key] for key in METRICS} for row in rows["cells"]}}
    with job.output(REPORTS) as folder:
        (folder / "figures").mkdir(parents=True)
        for name, svg in svgs.items():
            (folder / "figures" / f"{name}.svg").write_text(svg, encoding="utf-8")
        for name in ("index.html", "summary.md"):
            text = _templates().get_template(f"{name}.j2").render(context)
            (folder / name).write_text(text, encoding="utf-8")
        for name, found in (("metrics", metrics), ("provenance", made(job, manifest))):
            text = json.dumps(found, indent=2, sort_keys=name == "provenance") + "\n"
            (folder / f"{name}.json").write_text(text)


def made(job: Job, manifest: dict) -> dict:
    """Who made the report, and each file it was made of."""
    inputs = {str(MANIFEST): manifest["provenance"]}
    for table, own in tables(sorted(job.params.sections("cells", Cell))).items():
        for source in own:
            found = provenance_of(table, source.path, source.stage)
            inputs[str(source.path)] = asdict(found)
    return {"report": asdict(job.provenance), "inputs": inputs}


def tables(cells: list[str]) -> dict[Table, list[Source]]:
    """What the report reads."""
    every = sources(cells)
    return {table: every[table] for table in (ICL, POSITIONS, PCA, HEADS, ABLATIONS)}


def ask(
    cells: list[str], n_ctx: int, report: Report, icl: Icl, train: Train
) -> dict[str, list[dict]]:
    """The rows of every report query, by its name; a later query may read an earlier result."""
    connection = connect(tables(cells))
    n_seq = connection.execute("select count(distinct seq) from ablations").fetchall()[0][0]
    connection.register("draws", draws(n_seq, icl.bootstrap_draws, icl.bootstrap_seed))
    tokens = {"tokens_per_step": train.batch * n_ctx}
    bound = {
        "phase": {**tokens, **asdict(report.phase)},
        "final_heads": tails(icl.interval),
        "cells": {},
        "curves": tokens,
        "heads": tokens,
        "positions": {**tokens, "bins": report.position_bins, "reach": report.slope_reach},
        "ablations": tokens,
        "trajectories": tokens,
    }
    rows = {}
    for name, values in bound.items():
        found = query(connection, f"report/{name}", values)
        connection.register(f"{name}_result", found)
        rows[name] = found.to_pylist()
    return rows


def draw(rows: dict[str, list[dict]]) -> dict[str, str]:
    """Every figure as SVG, by its name."""
    phases = rows["phase"]
    todo: dict[str, Callable[[], str]] = {
        "icl": lambda: figures.icl(rows["curves"], phases),
        "loss": lambda: figures.loss(rows["curves"], phases),
        "prefix_matching": lambda: figures.prefix_matching(rows["heads"], phases),
        "previous_token": lambda: figures.previous_token(rows["heads"], phases),
        "loss_map": lambda: figures.loss_map(rows["positions"], phases),
        "slope_map": lambda: figures.slope_map(rows["positions"], phases),
        "pca": lambda: figures.trajectories(rows["trajectories"]),
    }
    for mode in sorted({row["mode"] for row in rows["ablations"]}):
        todo[f"ablation_{mode}"] = partial(figures.delta_icl, rows["ablations"], phases, mode)
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
    environment.filters["millions"] = lambda tokens: f"{tokens / 1e6:.2f} M"
    return environment


if __name__ == "__main__":
    run(main, "report", __doc__, per_cell=False)

"""SQL over the tables -> reports/: the page, the figures, the summary, the metrics."""

import base64
import json
from pathlib import Path
from typing import Any

import jinja2

from stages.files.catalog import sources
from stages.files.duck import connect, query
from stages.files.params import Params
from stages.files.stage import DATA, output, progress, run
from stages.lib import figures
from stages.lib.bootstrap import draws, tails
from stages.lib.tables.ablations import ABLATIONS
from stages.lib.tables.heads import HEADS
from stages.lib.tables.icl import ICL, POSITIONS
from stages.lib.tables.pca import PCA
from stages.settings.icl import Icl
from stages.settings.model import Cell, Model
from stages.settings.report import Report
from stages.settings.train import Train

REPORTS = Path("reports")
TEMPLATES = Path(__file__).parent / "templates"
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


def main() -> None:
    params = Params()
    cells = params.sections("cells", Cell)
    report = params.section("report", Report)
    icl = params.section("icl", Icl)
    train = params.section("train", Train)
    n_ctx = params.integer("corpus.n_ctx")
    models = params.sections("models", Model)
    per_step = {"tokens_per_step": train.batch * n_ctx}

    every = sources(sorted(cells))
    wanted = (ICL, POSITIONS, PCA, HEADS, ABLATIONS)
    connection = connect({table: every[table] for table in wanted})
    n_seq = connection.execute("select count(distinct seq) from ablations").fetchall()[0][0]
    connection.register("draws", draws(n_seq, icl.bootstrap_draws, icl.bootstrap_seed))

    def rows(name: str, **bound: Any) -> list[dict]:
        found = query(connection, name, bound)
        connection.register(f"{name}_result", found)
        return found.to_pylist()

    phase = report.phase
    phases = rows(
        "phase",
        **per_step,
        smoothing=phase.smoothing,
        peak_share=phase.peak_share,
        min_drop=phase.min_drop,
        min_final=phase.min_final,
    )
    final_heads = rows("final_heads", **tails(icl.interval))
    by_cell = rows("cells")
    curves, heads = rows("curves", **per_step), rows("heads", **per_step)
    positions = rows("positions", **per_step, bins=report.position_bins, reach=report.slope_reach)
    ablations = rows("ablations", **per_step)
    paths = rows("trajectories", **per_step)

    draw = {
        "icl": lambda: figures.icl(curves, phases),
        "loss": lambda: figures.loss(curves, phases),
        "prefix_matching": lambda: figures.prefix_matching(heads, phases),
        "previous_token": lambda: figures.previous_token(heads, phases),
        "loss_map": lambda: figures.loss_map(positions, phases),
        "slope_map": lambda: figures.slope_map(positions, phases),
        "pca": lambda: figures.trajectories(paths),
    }
    for mode in sorted({row["mode"] for row in ablations}):
        draw[f"ablation_{mode}"] = lambda mode=mode: figures.delta_icl(ablations, phases, mode)
    svgs = {name: make() for name, make in progress(draw.items(), "report: draw", "figure")}

    context = {
        "cells": by_cell,
        "final_heads": final_heads,
        "phases": phases,
        "models": {cell: models[own.model] for cell, own in cells.items()},
        "icl": icl,
        "report": report,
        "train": train,
        "manifest": json.loads((DATA / "corpus" / "manifest.json").read_text(encoding="utf-8")),
        "captions": CAPTIONS,
        "svgs": {n: base64.b64encode(svg.encode()).decode() for n, svg in svgs.items()},
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["millions"] = lambda tokens: f"{tokens / 1e6:.2f} M"
    metrics = {"cells": {row["cell"]: {key: row[key] for key in METRICS} for row in by_cell}}
    with output(REPORTS) as folder:
        (folder / "figures").mkdir(parents=True)
        for name, svg in svgs.items():
            (folder / "figures" / f"{name}.svg").write_text(svg, encoding="utf-8")
        for name in ("index.html", "summary.md"):
            text = environment.get_template(f"{name}.j2").render(context)
            (folder / name).write_text(text, encoding="utf-8")
        (folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")


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


if __name__ == "__main__":
    run(main, "report", __doc__, per_cell=False)

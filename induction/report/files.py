"""Every file of a report, as text."""

import json
from typing import Any

from induction.config.model import Architecture
from induction.report import circuits_page, context, index_page, limits, plots, sequences, summary
from induction.report.figures.drawn import drawn
from induction.report.figures.figure import Section
from induction.report.findings import findings, models
from induction.report.left_out import left_out
from induction.report.rendering import inline_script, render
from induction.report.rows import Results
from induction.report.scoreboard import scoreboard
from induction.report.wording import label

# What is said in sentences, for README, docs and `induction show`.
ANSWER = ("sentences", "limits", "compared_sentence", "smearing", "weights")


def files(
    results: Results,
    study: dict[str, Any],
    manifests: list[dict[str, Any]],
    provenance: dict[str, Any],
    grid: str,
) -> dict[str, str]:
    """By path in the folder of the report; `study` is that of `context.study`, `manifests` those of
    every corpus, the study's own first."""
    cells = findings(results)
    detailed, variations = models(cells, study["architectures"])
    results = results | {
        "models": [
            {
                "cell": cell.name,
                "panel": model.panel,
                "kind": model.kind,
                "label": label(model.model),
            }
            for model in detailed
            for cell in model.cells
        ]
    }
    columns = index_page.columns(cells, study["architectures"], study["variations"])
    figures = drawn(results, index_page.titles(columns), index_page.shown(columns))
    board = scoreboard(
        results["claims"],
        results["claims_by_family"],
        results["evidence"],
        results["phases"],
        {row["cell"]: row["kind"] for row in results["models"]},
        bool(study["suite"]),
    )
    filled = {
        **study,
        **context.findings(results, cells, detailed, variations, study),
        **context.pages(results, cells, figures, columns),
        "scoreboard": board,
        "grid": grid,
        "limits": ""
        if study["suite"]
        else limits.limits(
            [model.model for model in detailed if isinstance(model.model, Architecture)],
            manifests[0],
            max(row["tokens"] for row in results["curves"]),
            study["params"]["corpus.n_ctx"],
            study["train"].optimizer,
        ),
        "manifest": manifests[0],
        "left_out": left_out(manifests),
        "provenance": provenance,
        "fingerprint": context.fingerprint(provenance),
    }
    on_circuits = [d.figure for d in figures if d.figure.section is Section.CIRCUITS]
    on_index = [d.figure for d in figures if d.figure.section is not Section.CIRCUITS]
    data = {
        "index": index_page.script_data(results, on_index, columns),
        "circuits": circuits_page.script_data(results, on_circuits),
    }
    products = {
        "answer": {key: filled[key] for key in ANSWER},
        "circuits": summary.circuits_json(filled["circuits"]),
        "claims": summary.claims_json(results["claims"], board),
        "metrics": summary.metrics_json(results["cells"], results["claims"]),
        "provenance": provenance,
    }
    return {
        **{f"figures/{d.figure.name}.svg": d.svg for d in figures if d.figure.is_file},
        **{f"plots/{name}": text for name, text in plots.files(results).items()},
        sequences.NAME: sequences.text(results["sequences"]),
        "summary.md": render("report/summary.md", filled),
        **{
            f"{page}.html": render(f"report/{page}.html", filled | inline_script(page, content))
            for page, content in data.items()
        },
        **{
            f"{name}.json": json.dumps(
                content, indent=2, sort_keys=name == "provenance", allow_nan=False
            )
            + "\n"
            for name, content in products.items()
        },
    }

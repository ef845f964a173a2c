"""What DVC plots, of one revision or several: a small CSV file per plot, a row per point.

The panels and the colours of revisions are those of the template, .dvc/plots/panels.json.
"""

import csv
import io
from dataclasses import dataclass

from induction.report.rows import Results, Rows

# Tokens are shown in millions. Not by figures.frame: every stage reads PLOTS as it starts.
MILLION = 1e6
TEMPLATE = "panels"
X, X_LABEL = "million_tokens", "training tokens (millions)"


@dataclass(frozen=True)
class Plot:
    """A panel per cell, in it a line per revision and, where heads have names, per head."""

    query: str
    names: tuple[str, ...]
    y: str
    title: str
    y_label: str


ICL = "In-context learning over training (lower is more)"
LOSS = "Loss on the evaluation set over training"
MATCHING = "Prefix matching of every head over training"
PLOTS = {
    "icl": Plot("curves", ("cell",), "icl_matched", ICL, "matched ICL (nats)"),
    "loss": Plot("curves", ("cell",), "loss", LOSS, "loss (nats per token)"),
    "prefix_matching": Plot(
        "heads", ("cell", "name"), "prefix_matching", MATCHING, "share of attention"
    ),
}


def properties(name: str) -> tuple[tuple[str, str], ...]:
    """How DVC is to draw a plot: names and values of its options."""
    plot = PLOTS[name]
    return (
        ("template", TEMPLATE),
        ("x", X),
        ("y", plot.y),
        ("title", plot.title),
        ("x_label", X_LABEL),
        ("y_label", plot.y_label),
    )


def files(results: Results) -> dict[str, str]:
    """The text of every file, by its name."""
    return {f"{name}.csv": _csv(plot, results[plot.query]) for name, plot in PLOTS.items()}


def _csv(plot: Plot, rows: Rows) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*plot.names, X, plot.y])
    for row in rows:
        names = [row[name] for name in plot.names]
        # Nobody sees finer differences, and they would be most of the file.
        writer.writerow([*names, f"{row['tokens'] / MILLION:.6g}", f"{row[plot.y]:.4f}"])
    return file.getvalue()

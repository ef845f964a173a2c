"""Every figure of the report, in the order of the pages.

A figure is an entry in the module that draws it: pages, captions, CSV downloads, the model
analysis table and summary.md follow from it.
"""

from induction.report.figures import (
    answer,
    circuit_edges,
    head_circuits,
    head_lines,
    head_scatter,
    head_sets,
    logit_paths,
    loss,
    pca_paths,
    repeats,
    score,
    signal_dates,
    smearing,
)
from induction.report.figures.figure import Figure

MODULES = (
    answer, score, smearing, loss, pca_paths, signal_dates, head_lines, head_scatter, repeats,
    head_sets, circuit_edges, head_circuits, logit_paths,
)  # fmt: skip
FIGURES = tuple(
    entry for module in MODULES for entry in vars(module).values() if isinstance(entry, Figure)
)

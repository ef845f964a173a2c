"""Figures of the registry as SVG."""

from dataclasses import dataclass
from typing import Any

from induction.pipeline.progress import progress
from induction.report.figures.figure import Figure
from induction.report.figures.frame import COLOURS, Panels
from induction.report.figures.model_table import pictures
from induction.report.figures.registry import FIGURES
from induction.report.rendering import encode
from induction.report.rows import Results


@dataclass(frozen=True)
class DrawnFigure:
    """`svg` is the whole figure; a row of the model analysis table that is no file has none.

    `parts` are the panels of a figure that the page shows apart, as base64.
    Of a row, `pictures` are the panels, as base64, by panel of the report; `colours` says what
    its lines and `scale` what its map shows.
    """

    figure: Figure
    svg: str
    parts: list[str]
    pictures: dict[str, str]
    colours: list[dict[str, Any]]
    scale: tuple[str, str, str] | None

    @property
    def image(self) -> str:
        return encode(self.svg)


def drawn(results: Results) -> list[DrawnFigure]:
    """Every figure that this study has rows of."""
    end = max(row["tokens"] for row in results["curves"])
    panel_of = {row["cell"]: row["panel"] for row in results["windows"]}
    figures = []
    for figure in progress(FIGURES, "report: figures", "figure"):
        drawing = figure.drawing(results)
        if drawing is None:
            continue
        row = figure.row
        svgs = pictures(drawing, end) if row and isinstance(drawing, Panels) else {}
        figures.append(
            DrawnFigure(
                figure,
                parts=[encode(each) for each in drawing.pictures()]
                if isinstance(drawing, Panels) and drawing.is_apart
                else [],
                svg=str(drawing) if figure.is_file or not row else "",
                pictures={panel_of.get(name, name): encode(svg) for name, svg in svgs.items()},
                colours=_colours(figure, results),
                scale=row.scale(figure.rows(results)) if row and row.scale else None,
            )
        )
    return figures


def _colours(figure: Figure, results: Results) -> list[dict[str, Any]]:
    """What the colours of the lines in a row of the table mean."""
    if figure.row is None or figure.row.lines not in ("head", "seed"):
        return []
    if figure.row.lines == "head":
        layers = sorted({row["layer"] for row in figure.rows(results)})
        return [{"text": f"layer {layer}", "colour": layer % len(COLOURS)} for layer in layers]
    seeds = sorted({row["seed"] for row in results["windows"]})
    return [{"text": f"seed {seed}", "colour": i % len(COLOURS)} for i, seed in enumerate(seeds)]

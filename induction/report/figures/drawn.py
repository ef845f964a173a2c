"""Figures of the registry as SVG."""

from collections.abc import Container, Mapping
from dataclasses import dataclass

from induction.pipeline.progress import progress
from induction.report.figures.figure import Figure, Section
from induction.report.figures.frame import (
    LAYER_COLOURS,
    SEED_COLOURS,
    Drawing,
    Panels,
    colour_of,
    dash_of,
    seeds_of,
)
from induction.report.figures.model_table import pictures
from induction.report.figures.registry import FIGURES
from induction.report.rows import Results

# What a data URI in an attribute of HTML may not hold as it is. Base64 would be half as long again.
RESERVED = {"%": "%25", "#": "%23", "&": "%26", "'": "%26apos;", '"': "'"}


@dataclass(frozen=True)
class Key:
    """What a colour of a row means: the place of a `kind`, layer or seed, in its palette."""

    kind: str
    place: int
    text: str

    @property
    def css(self) -> str:
        """The class of its swatch."""
        return f"{self.kind}{self.place}"

    @property
    def rule(self) -> str:
        """The colour and dashes of its swatch, as those of its line."""
        colours = {"layer": LAYER_COLOURS, "seed": SEED_COLOURS}[self.kind]
        colour, (dash, gap, *_) = colour_of(colours, self.place), dash_of(colours, self.place)
        stripes = f"repeating-linear-gradient(90deg,{colour} 0 {dash}px,#0000 0 {dash + gap}px)"
        return f".{self.css}::before{{background:{stripes if gap else colour}}}\n"


@dataclass(frozen=True)
class DrawnFigure:
    """`svg` is the whole figure, if it is a file or has no panels; `pieces` are its panels as data
    URIs, by panel of the report or, in circuits.html, by name. A row of the model analysis table
    has no pieces.

    Of a row, `pictures` are the panels, as data URIs, by panel of the report; `keys` say what its
    lines and `scale` what its map shows.
    """

    figure: Figure
    svg: str
    pieces: dict[str, str]
    pictures: dict[str, str]
    keys: list[Key]
    scale: tuple[str, str, str] | None

    @property
    def image(self) -> str:
        return data_uri(self.svg)


def drawn(results: Results, names: Mapping[str, str], shown: Container[str]) -> list[DrawnFigure]:
    """Every figure that this study has rows of; `names` are those of panels and cells, in words,
    and those that are `shown` at first."""
    end = max(row["tokens"] for row in results["curves"])
    panel_of = {row["cell"]: row["panel"] for row in results["windows"]}
    figures = []
    for figure in progress(FIGURES, "report: figures", "figure"):
        drawing = figure.drawing(results)
        if drawing is None:
            continue
        row = figure.row
        svgs = pictures(drawing, end) if row and isinstance(drawing, Panels) else {}
        # All panels of the second page are shown, and several may be of one model.
        is_second = figure.section is Section.CIRCUITS
        is_apart = isinstance(drawing, Panels) and not row
        pieces = drawing.pieces(names, () if is_second else shown) if is_apart else {}
        svg = _svg(drawing, names) if figure.is_file or not (row or pieces) else ""
        figures.append(
            DrawnFigure(
                figure.of_study(results),
                svg=svg,
                pieces={
                    name if is_second else panel_of.get(name, name): data_uri(piece)
                    for name, piece in pieces.items()
                },
                pictures={panel_of.get(name, name): data_uri(svg) for name, svg in svgs.items()},
                keys=_keys(figure, results),
                scale=row.scale(figure.rows(results)) if row and row.scale else None,
            )
        )
    return figures


def _svg(drawing: Drawing, names: Mapping[str, str]) -> str:
    return drawing.svg(names) if isinstance(drawing, Panels) else drawing


def data_uri(svg: str) -> str:
    """A picture as the `src` of an image, in double quotes; nothing in it is left to escape."""
    return "data:image/svg+xml;charset=utf-8," + svg.translate(str.maketrans(RESERVED))


def legend_style(figures: list[DrawnFigure]) -> str:
    """The style of the swatches of all keys."""
    keys = dict.fromkeys(key for drawn in figures for key in drawn.keys)
    return "".join(key.rule for key in keys)


def _keys(figure: Figure, results: Results) -> list[Key]:
    """What the colours of the lines in a row of the table mean."""
    if figure.row is None or figure.row.lines not in ("head", "seed"):
        return []
    if figure.row.lines == "head":
        layers = sorted({row["layer"] for row in figure.rows(results)})
        return [Key("layer", layer, f"layer {layer}") for layer in layers]
    seeds = seeds_of(results["windows"])
    return [Key("seed", place, f"seed {seed}") for place, seed in enumerate(seeds)]

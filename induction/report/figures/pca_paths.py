"""The paths of cells through the joint PCA of their loss vectors."""

import altair as alt

from induction.report.figures.figure import Section, TableRow, figure
from induction.report.figures.frame import (
    COLOURS,
    GREY,
    INK,
    Domain,
    Panels,
    in_millions,
    layers,
    padded_extent,
)
from induction.report.rows import Results, Rows

NOT_DRAWN = "not drawn for variations"


@figure(
    "trajectories",
    Section.ICL,
    "Joint PCA of the loss vectors. Each panel shows one cell's path in the common plane (grey: "
    "all cells on the study's text; square: the end; orange: the phase window).",
    keep=lambda row: row["is_detailed"],
    row=TableRow("PCA of the loss vectors", "pc1", "path", absent=NOT_DRAWN),
    is_file=True,
)
def pca(rows: Rows, results: Results) -> Panels:
    """The path of each detailed cell, the others grey; orange inside its phase window."""
    paths = results["trajectories"]
    share = [100 * paths[0][name] for name in ("pc1_share", "pc2_share")]
    domain = plane(paths)
    x = alt.X("pc1:Q", title=f"PC1 ({share[0]:.0f} %)", scale=_scale(domain["pc1"]))
    y = alt.Y("pc2:Q", title=f"PC2 ({share[1]:.0f} %)", scale=_scale(domain["pc2"]))
    points = [{key: row[key] for key in ("cell", "tokens", "pc1", "pc2")} for row in paths]
    all_lines = alt.Chart(in_millions(points)).mark_line(color=GREY, strokeWidth=1, opacity=0.35)
    background = all_lines.encode(x=x, y=y, detail="cell:N", order="tokens:Q")

    def panel(_: str, path: Rows) -> alt.LayerChart:
        inside = [row for row in path if row["is_in_window"]]
        line = alt.Chart(in_millions(path)).mark_line(color=COLOURS[0], point={"size": 8})
        window = alt.Chart(in_millions(inside)).mark_line(color=COLOURS[1], strokeWidth=3)
        end = alt.Chart(in_millions(path[-1:])).mark_point(
            shape="square", filled=True, color=INK, size=40, opacity=1
        )
        return layers(
            background, *(chart.encode(x=x, y=y, order="tokens:Q") for chart in (line, window, end))
        )

    return Panels(rows, "cell", panel)


def plane(paths: Rows) -> dict[str, Domain]:
    """The domain of every panel, by axis."""
    return {name: padded_extent(paths, name) for name in ("pc1", "pc2")}


def _scale(domain: Domain) -> alt.Scale:
    return alt.Scale(domain=domain, nice=False)

"""The paths of cells through the joint PCA of their loss vectors."""

import altair as alt

from induction.report.figures.figure import LOWEST_SEED, Section, TableRow, figure
from induction.report.figures.frame import (
    GREY,
    INK,
    WINDOW,
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
    "Where training takes each model: its losses on all tokens are one long vector, and the plane "
    "shows the two directions in which these vectors differ most, the same for all models (a joint "
    "PCA). Circle: the start of training; square: the end; yellow: the phase window; grey: the "
    "paths of all others.",
    also=LOWEST_SEED,
    keep=lambda row: row["is_detailed"],
    row=TableRow("path of the losses (PCA)", "pc1", "path", absent=NOT_DRAWN),
    is_file=True,
)
def pca(rows: Rows, results: Results) -> Panels:
    """The path of each detailed cell, the others grey; on yellow inside its phase window."""
    paths = results["trajectories"]
    share = [100 * paths[0][name] for name in ("pc1_share", "pc2_share")]
    domain = plane(paths)
    x = alt.X("pc1:Q", title=f"PC1 ({share[0]:.0f} %)", scale=_scale(domain["pc1"]))
    y = alt.Y("pc2:Q", title=f"PC2 ({share[1]:.0f} %)", scale=_scale(domain["pc2"]))
    points = [{key: row[key] for key in ("cell", "tokens", "pc1", "pc2")} for row in paths]
    all_lines = alt.Chart(in_millions(points)).mark_line(color=GREY, strokeWidth=1, opacity=0.5)
    background = all_lines.encode(x=x, y=y, detail="cell:N", order="tokens:Q")

    def panel(_: str, path: Rows) -> alt.LayerChart:
        inside = alt.Chart(in_millions([row for row in path if row["is_in_window"]]))
        line = alt.Chart(in_millions(path)).mark_line(color=INK, strokeWidth=1.5)
        start, end = (alt.Chart(in_millions([row])) for row in (path[0], path[-1]))
        return layers(
            background,
            *(
                chart.encode(x=x, y=y, order="tokens:Q")
                for chart in (
                    inside.mark_line(color=WINDOW, strokeWidth=9, strokeJoin="round", opacity=0.6),
                    line,
                    start.mark_point(shape="circle", color=INK, size=45, opacity=1),
                    end.mark_point(shape="square", filled=True, color=INK, size=40, opacity=1),
                )
            ),
        )

    return Panels(rows, "cell", panel)


def plane(paths: Rows) -> dict[str, Domain]:
    """The domain of every panel, by axis."""
    return {name: padded_extent(paths, name) for name in ("pc1", "pc2")}


def _scale(domain: Domain) -> alt.Scale:
    return alt.Scale(domain=domain, nice=False)

"""The paths of cells through the joint PCA of their loss vectors."""

import altair as alt

from induction.report.figures.frame import COLOURS, GREY, INK, Panels, Rows, data, spread


def trajectories(paths: Rows) -> Panels:
    """The path of each detailed cell, the others grey; orange: inside its phase window."""
    share = [100 * paths[0][name] for name in ("pc1_share", "pc2_share")]
    x = alt.X("pc1:Q", title=f"PC1 ({share[0]:.0f} %)", scale=_scale(paths, "pc1"))
    y = alt.Y("pc2:Q", title=f"PC2 ({share[1]:.0f} %)", scale=_scale(paths, "pc2"))
    points = [{key: row[key] for key in ("cell", "tokens", "pc1", "pc2")} for row in paths]
    everything = alt.Chart(data(points)).mark_line(color=GREY, strokeWidth=1, opacity=0.35)
    others = everything.encode(x=x, y=y, detail="cell:N", order="tokens:Q")

    def panel(_: str, own: Rows) -> alt.LayerChart:
        inside = [row for row in own if row["is_in_window"]]
        line = alt.Chart(data(own)).mark_line(color=COLOURS[0], point={"size": 8})
        window = alt.Chart(data(inside)).mark_line(color=COLOURS[1], strokeWidth=3)
        end = alt.Chart(data(own[-1:])).mark_point(
            shape="square", filled=True, color=INK, size=40, opacity=1
        )
        return alt.layer(
            others,
            *(chart.encode(x=x, y=y, order="tokens:Q") for chart in (line, window, end)),
        )

    return Panels([row for row in paths if row["is_detailed"]], "cell", panel)


def _scale(paths: Rows, field: str) -> alt.Scale:
    return alt.Scale(domain=spread(paths, field), nice=False)

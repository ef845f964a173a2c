"""Every head as a point, at the end of training: by its weights against what it does."""

import altair as alt

from induction.report.figures.figure import Section, figure
from induction.report.figures.frame import COLOURS, GREY, inline, known, to_svg
from induction.report.rows import Results, Rows

KINDS = {
    "induction": (COLOURS[1], "diamond"),
    "previous_token": (COLOURS[0], "square"),
    "positional": (COLOURS[4], "triangle-up"),
    "other": (GREY, "circle"),
}
SIDE = 300


@figure(
    "final_heads",
    Section.HEADS,
    "Every head of every cell at the end of training: what its weights say, against what it does. "
    "Left: copying. The OV circuit is what a head passes on of the tokens it attends to; its "
    "positivity, from the eigenvalues, is 1 where it makes all of them likelier. Right: matching. "
    "The QK circuit decides where a head looks; its positivity is 1 where, through the "
    "previous-token heads before it, every token looks for what followed it before. Heads of the "
    "first layer have none before them, and are not on the right.",
)
def circuit(rows: Rows, results: Results) -> str:
    pairs = (
        (("copying", "copying score"), ("ov_positivity", "positivity of the OV circuit")),
        (
            ("prefix_matching", "prefix matching"),
            ("qk_positivity", "positivity of the QK circuit, previous-token term"),
        ),
    )
    charts = [_scatter(points, x, y) for x, y in pairs if (points := known(rows, x[0], y[0]))]
    return to_svg(alt.hconcat(*charts))


def _scatter(rows: Rows, x: tuple[str, str], y: tuple[str, str]) -> alt.Chart:
    """Column and title of either axis."""
    names = list(KINDS)
    colours, shapes = zip(*KINDS.values(), strict=True)
    key = alt.Legend(labelExpr="replace(datum.label, '_', ' ')", symbolOpacity=1)
    axis = alt.Axis(tickCount=5)
    fields = (x[0], y[0], "kind")
    points = inline([{field: row[field] for field in fields} for row in rows])
    return (
        alt.Chart(points)
        .mark_point(filled=True, size=45, opacity=0.75)
        .encode(
            x=alt.X(f"{x[0]}:Q", title=x[1], scale=_scale(x[0]), axis=axis),
            y=alt.Y(f"{y[0]}:Q", title=y[1], scale=_scale(y[0]), axis=axis),
            color=alt.Color("kind:N", scale=alt.Scale(domain=names, range=colours), legend=key),
            shape=alt.Shape("kind:N", scale=alt.Scale(domain=names, range=shapes), legend=key),
        )
        .properties(width=SIDE, height=SIDE)
    )


def _scale(field: str) -> alt.Scale:
    return alt.Scale(domain=[0, 1] if field == "prefix_matching" else [-1, 1])

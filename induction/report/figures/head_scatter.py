"""Every head as a point, at the end of training: by its weights against what it does."""

import altair as alt

from induction.report.figures.figure import Section, figure
from induction.report.figures.frame import COLOURS, GREY, WIDTH, Panels, inline, known
from induction.report.rows import Results, Rows

KINDS = {
    "induction": (COLOURS[1], "diamond"),
    "previous_token": (COLOURS[0], "square"),
    "positional": (COLOURS[4], "triangle-up"),
    "other": (GREY, "circle"),
}
# By what stands above it: columns and titles of both axes, and where that of x begins.
PAIRS = {
    "Copying": ("copying", "ov_positivity", "copying score", "positivity of the OV circuit", -1),
    "Matching": (
        "prefix_matching", "qk_positivity", "prefix matching", "positivity of the QK circuit", 0,
    ),
}  # fmt: skip


@figure(
    "final_heads",
    Section.HEADS,
    "Every head of every cell at the end of training: what its weights say, against what it does. "
    "Copying: the OV circuit is what a head passes on of the tokens it attends to, and its "
    "positivity, from the eigenvalues, is 1 where it makes all of them likelier. Matching: the QK "
    "circuit decides where a head looks, and its positivity is 1 where, through the previous-token "
    "heads before it, every token looks for what followed it before. Heads of the first layer have "
    "no heads before them, and are not there.",
)
def circuit(rows: Rows, results: Results) -> Panels:
    points = [
        {"pair": pair, "x": row[x], "y": row[y], "kind": row["kind"]}
        for pair, (x, y, *_) in PAIRS.items()
        for row in known(rows, x, y)
    ]
    return Panels(points, "pair", _scatter, height=WIDTH)


def _scatter(pair: str, points: Rows) -> alt.Chart:
    _, _, x, y, low = PAIRS[pair]
    names = list(KINDS)
    colours, shapes = zip(*KINDS.values(), strict=True)
    key = alt.Legend(labelExpr="replace(datum.label, '_', ' ')", symbolOpacity=1)
    axis = alt.Axis(tickCount=5)
    return (
        alt.Chart(inline(points))
        .mark_point(filled=True, size=45, opacity=0.75)
        .encode(
            x=alt.X("x:Q", title=x, scale=alt.Scale(domain=[low, 1]), axis=axis),
            y=alt.Y("y:Q", title=y, scale=alt.Scale(domain=[-1, 1]), axis=axis),
            color=alt.Color("kind:N", scale=alt.Scale(domain=names, range=colours), legend=key),
            shape=alt.Shape("kind:N", scale=alt.Scale(domain=names, range=shapes), legend=key),
        )
    )

"""The circuits of single heads: attention by position, and eigenvalues of what they copy."""

from itertools import product

import altair as alt

from induction.report.figures.figure import Section, figure
from induction.report.figures.frame import (
    COLOURS,
    GREY,
    Panels,
    deepening,
    inline,
    layers,
    palette,
    to_svg,
)
from induction.report.rows import Results, Rows

KINDS = ["induction", "previous-token", "positional", "other"]
# Lighter attention would be thousands of invisible rectangles.
LEAST_WEIGHT = 0.05
ATTENTION = alt.Color("share:Q", title="attention", scale=deepening(COLOURS[0]))


@figure(
    "circuit_edges",
    Section.CIRCUITS,
    "The circuit's sender and its receiver on BOS and a random block that comes twice, at every "
    "checkpoint read. The sender finds the previous token; later the receiver finds what followed "
    "the last time. Attention below 0.05 is left out.",
    keep=lambda row: (
        row["is_circuit"] and row["is_last"] and row["is_detailed"] and row["from_layer"] >= 0
    ),
    is_file=True,
    # The explorer of the page has the numbers of every map.
    has_csv=False,
)
def circuit_attention(rows: Rows, results: Results) -> Panels:
    """Of the first cell that has a circuit of two heads."""
    edge = rows[0]
    heads = [(edge["from_layer"], edge["from_head"]), (edge["layer"], edge["head"])]
    read_at = {(row["cell"], row["step"]): row["at"] for row in results["circuit_readings"]}
    patterns = [row for row in results["circuit_attention"] if row["probe"] == "random"]
    marks = []
    for head, row in product(heads, patterns):
        if _key(row) == (edge["cell"], *head):
            weights = iter(row["weights"])
            side = int((8 * len(row["weights"]) + 1) ** 0.5) // 2
            marks += [
                {
                    "panel": f"L{head[0]}H{head[1]}, {read_at[row['cell'], row['step']]}",
                    **{"query": query, "query2": query + 1, "key": key, "key2": key + 1},
                    "share": share,
                }
                for query in range(side)
                for key in range(query + 1)
                if (share := round(next(weights) / 255, 2)) >= LEAST_WEIGHT
            ]
    size = max(row["query2"] for row in marks)
    scale = alt.Scale(domain=[0, size], nice=False)

    def panel(_: str, squares: Rows) -> alt.Chart:
        x = alt.X("key:Q", title="key", scale=scale)
        y = alt.Y("query:Q", title="query", scale=alt.Scale(domain=[size, 0]))
        rectangles = alt.Chart(inline(squares)).mark_rect()
        return rectangles.encode(x=x, x2="key2:Q", y=y, y2="query2:Q", color=ATTENTION)

    return Panels(marks, "panel", panel, height=190)


@figure(
    "circuit_heads",
    Section.CIRCUITS,
    "Attention to the previous token: by the position circuit alone, without any token, and as "
    "measured on text. Every head of every cell at the end of training; colours: whether the "
    "position circuit is a term of its own.",
    keep=lambda row: row["is_last"],
)
def circuit_positions(rows: Rows, results: Results) -> str:
    points = [
        {
            "by_position": row["by_position"],
            "previous_token": row["previous_token"],
            "term": "not exact" if row["inexact_position"] else "exact",
        }
        for row in rows
    ]
    terms = [name for name in ("exact", "not exact") if any(row["term"] == name for row in points)]
    scale = alt.Scale(domain=[0, 1])
    ends = [{"by_position": at, "previous_token": at} for at in (0, 1)]
    x = alt.X("by_position:Q", title="by the position circuit", scale=scale)
    y = alt.Y("previous_token:Q", title="measured on text", scale=scale)
    line = alt.Chart(inline(ends)).mark_line(color=GREY, strokeDash=[3, 3])
    dots = alt.Chart(inline(points)).mark_point(filled=True, size=24, opacity=0.8)
    chart = layers(
        line.encode(x=x, y=y), dots.encode(x=x, y=y, color=palette("term", terms, "position term"))
    )
    return to_svg(chart.properties(width=260, height=260))


@figure(
    "circuit_offsets",
    Section.CIRCUITS,
    "The position circuits, pos W_QK posᵀ, by distance: attention to the token itself (0), the "
    "previous one (1) and so on, at the end of training.",
    keep=lambda row: row["is_last"],
)
def circuit_offsets(rows: Rows, results: Results) -> Panels:
    squares = [
        {
            "cell": row["cell"],
            "head": f"L{row['layer']}H{row['head']}",
            "offset": i,
            "share": round(share, 2),
        }
        for row in rows
        for i, share in enumerate(row["by_position"])
    ]
    axis = alt.Axis(labelAngle=0, labelOverlap=True)

    def panel(_: str, heads: Rows) -> alt.Chart:
        x = alt.X("offset:O", title="positions back", axis=axis)
        y = alt.Y("head:O", title=None)
        return alt.Chart(inline(heads)).mark_rect().encode(x=x, y=y, color=ATTENTION)

    return Panels(squares, "cell", panel)


@figure(
    "circuit_eigenvalues",
    Section.CIRCUITS,
    "Eigenvalues of W_E W_OV W_U of every head, divided by the largest of their head: on the "
    "right, the head raises the logit of what it attends to. End of training.",
    keep=lambda row: row["is_last"],
)
def circuit_eigenvalues(rows: Rows, results: Results) -> Panels:
    """In the complex plane, coloured by kind of head."""
    heads = results["circuit_heads"]
    kinds = {_key(row): row["kind"].replace("_", "-") for row in heads if row["is_last"]}
    points = [
        {"cell": row["cell"], "kind": kinds[_key(row)], "re": x, "im": y}
        for row in rows
        for x, y in zip(row["re"], row["im"], strict=True)
    ]
    used = [kind for kind in KINDS if any(point["kind"] == kind for point in points)]
    scale = alt.Scale(domain=[-1.05, 1.05])
    axes = alt.Chart(inline([{"zero": 0}])).mark_rule(color=GREY, strokeWidth=0.6)

    def panel(_: str, heads: Rows) -> alt.LayerChart:
        dots = alt.Chart(inline(heads)).mark_point(filled=True, size=14, opacity=0.7)
        return layers(
            axes.encode(x=alt.X("zero:Q", scale=scale)),
            axes.encode(y=alt.Y("zero:Q", scale=scale)),
            dots.encode(
                x=alt.X("re:Q", title="real part", scale=scale),
                y=alt.Y("im:Q", title="imaginary part", scale=scale),
                color=palette("kind", used, "head"),
            ),
        )

    return Panels(points, "cell", panel, height=190)


def _key(row: dict) -> tuple[str, int, int]:
    return row["cell"], row["layer"], row["head"]

"""The induction circuit and the edges between heads: what they are, and what ICL loses without."""

import altair as alt

from induction.report.figures.figure import LOWEST_SEED, Section, figure
from induction.report.figures.frame import (
    COLOURS,
    GREY,
    INK,
    TOKENS,
    Panels,
    extent,
    in_millions,
    inline,
    layers,
    palette,
    seed_palette,
)
from induction.report.rows import Results, Rows

RUNS = {
    ("whole", "whole"): "whole model",
    ("circuit", "cut"): "circuit cut",
    ("circuit", "kept"): "circuit and direct path alone",
    ("direct", "kept"): "direct path alone",
}
# Height of a line of text, as a share of a panel.
LINE = 0.09


@figure(
    "circuit_paths",
    Section.CIRCUITS,
    "Is the circuit necessary and enough? In-context learning of the whole model, with the "
    "circuit's edges cut, with nothing but the circuit and the direct path, and with the direct "
    "path alone; what is cut gives its mean. At the end of training, a dot per seed, with "
    "bootstrap intervals over sequences. Models without a circuit have no panel.",
    keep=lambda row: row["is_last"] and row["path"] == "circuit",
)
def circuit_paths(rows: Rows, results: Results) -> Panels:
    with_circuit = {row["panel"] for row in rows if row["run"] == "cut"}
    runs = [
        {
            **{key: row[key] for key in ("panel", "seed", "icl", "icl_low", "icl_high")},
            "what": RUNS[row["path"], row["run"]],
        }
        for row in results["circuit_paths"]
        if row["is_last"] and row["is_shown"] and row["panel"] in with_circuit
    ]
    seeds = sorted({row["seed"] for row in runs})
    scale = alt.Scale(domain=extent(runs, "icl_low", "icl_high"))
    zero = alt.Chart(inline([{"icl": 0}])).mark_rule(color=GREY, strokeDash=[3, 3])

    def panel(_: str, model: Rows) -> alt.LayerChart:
        y = alt.Y("what:N", title=None, sort=list(RUNS.values()), axis=alt.Axis(labelLimit=200))
        offset = alt.YOffset("seed:N", scale=alt.Scale(domain=seeds))
        base = alt.Chart(inline(model)).encode(y=y, yOffset=offset, color=seed_palette(runs))
        x = alt.X("icl:Q", title="in-context learning (nats)", scale=scale)
        return layers(
            zero.encode(x=x),
            base.mark_rule(strokeWidth=1).encode(
                x=alt.X("icl_low:Q", scale=scale), x2="icl_high:Q"
            ),
            base.mark_point(filled=True, size=45, opacity=1).encode(x=x),
        )

    return Panels(runs, "panel", panel, height=110, columns=3)


@figure(
    "circuit_edges",
    Section.CIRCUITS,
    "What in-context learning loses when one edge, from what a head writes into the keys of a "
    "later head, is cut. One line per edge; blue: edges that meet all of the rule at that "
    "checkpoint.",
    also=LOWEST_SEED,
    keep=lambda row: row["is_first"] and row["receiver_input"] == "k",
)
def circuit_edges(rows: Rows, results: Results) -> Panels:
    """Those of a circuit are named."""
    edges = [
        {key: row[key] for key in ("cell", "tokens", "edge", "icl_lost", "is_circuit", "is_last")}
        for row in rows
    ]
    low, high = extent(edges, "icl_lost")
    scale = alt.Scale(domain=[low, high])

    def panel(_: str, lines: Rows) -> alt.LayerChart:
        base = alt.Chart(in_millions(lines)).encode(
            x=TOKENS, y=alt.Y("icl_lost:Q", title="ICL lost without it (nats)", scale=scale)
        )
        named = [row for row in lines if row["is_last"] and row["is_circuit"]]
        heights = apart([row["icl_lost"] for row in named], LINE * (high - low))
        labels = [row | {"icl_lost": at} for row, at in zip(named, heights, strict=True)]
        return layers(
            base.mark_line(strokeWidth=0.8, color=GREY, opacity=0.6).encode(detail="edge:N"),
            base.transform_filter("datum.is_circuit").mark_point(
                filled=True, size=30, opacity=1, color=COLOURS[0]
            ),
            alt.Chart(in_millions(labels))
            .mark_text(align="right", dx=-6, fontSize=9)
            .encode(x=TOKENS, y=alt.Y("icl_lost:Q", scale=scale), text="edge:N"),
        )

    return Panels(edges, "cell", panel)


def apart(values: list[float], gap: float) -> list[float]:
    """Where to write labels at these heights, each at least `gap` above the next lower."""
    placed: dict[int, float] = {}
    for i in sorted(range(len(values)), key=lambda i: values[i]):
        lowest = max(placed.values()) + gap if placed else values[i]
        placed[i] = max(values[i], lowest)
    return [placed[i] for i in range(len(values))]


@figure(
    "circuit_edges",
    Section.CIRCUITS,
    "K-composition between heads, at every checkpoint read: wider where more rows of the circuit "
    "W_E W_QK (W_OV)ᵀ W_Eᵀ have their maximum on the diagonal, so that a query looks for keys "
    "preceded by its own token. Blue: the induction circuit.",
    keep=lambda row: row["is_detailed"] and row["from_layer"] >= 0 and row["receiver_input"] == "k",
)
def circuit_graph(rows: Rows, results: Results) -> Panels:
    """Heads as nodes, a panel per checkpoint."""
    read_at = {(row["cell"], row["step"]): row["at"] for row in results["circuit_readings"]}
    lines = [
        {
            "panel": f"{row['cell']}, {read_at[row['cell'], row['step']]}",
            "x": row["from_head"],
            "y": row["from_layer"],
            "x2": row["head"],
            "y2": row["layer"],
            "diagonal": row["k_diagonal"],
            "kind": "circuit" if row["is_circuit"] else "other",
        }
        for row in rows
    ]
    last_head = max(max(row["x"], row["x2"]) for row in lines)

    def axis(title: str, last: int) -> dict:
        return {
            "title": title,
            "scale": alt.Scale(domain=[-0.3, last + 0.3], nice=False),
            "axis": alt.Axis(values=list(range(last + 1)), format="d", grid=False),
        }

    def panel(_: str, edges: Rows) -> alt.LayerChart:
        nodes = {(row["x"], row["y"]) for row in edges} | {(row["x2"], row["y2"]) for row in edges}
        x = alt.X("x:Q", **axis("head", last_head))
        y = alt.Y("y:Q", **axis("layer", max(row["y2"] for row in edges)))
        rules = alt.Chart(inline(edges)).mark_rule()
        dots = alt.Chart(inline([{"x": head, "y": layer} for head, layer in sorted(nodes)]))
        width = alt.StrokeWidth(
            "diagonal:Q",
            title="share of the diagonal",
            scale=alt.Scale(domain=[0, 1], range=[0.2, 8]),
        )
        color = palette("kind", ["circuit", "other"], "edge")
        return layers(
            rules.encode(x=x, y=y, x2="x2:Q", y2="y2:Q", strokeWidth=width, color=color),
            dots.mark_point(filled=True, size=60, color=INK, opacity=1).encode(x=x, y=y),
        )

    return Panels(lines, "panel", panel, height=110)


@figure(
    "circuit_compositions",
    Section.CIRCUITS,
    "Composition scores by Frobenius norms, over all of training: what a later head reads of what "
    "an earlier one writes, into queries, keys and values, minus the mean of circuits in random "
    "orientations. One line per pair of heads and input.",
)
def circuit_compositions(rows: Rows, results: Results) -> Panels:
    inputs = {"q": "queries", "k": "keys", "v": "values"}
    named = [row | {"into": inputs[row["receiver_input"]]} for row in rows]
    scale = alt.Scale(domain=extent(rows, "above"))

    def panel(_: str, lines: Rows) -> alt.Chart:
        base = alt.Chart(in_millions(lines)).mark_line(strokeWidth=1, opacity=0.7)
        y = alt.Y("above:Q", title="composition above chance", scale=scale)
        color = palette("into", list(inputs.values()), "into")
        return base.encode(x=TOKENS, y=y, color=color, detail="edge:N")

    return Panels(named, "cell", panel)

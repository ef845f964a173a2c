"""What the weights say: paths to the logits, circuits of heads and their edges."""

import altair as alt

from induction.report.figures.frame import (
    COLOURS,
    GREY,
    INK,
    TOKENS,
    Panel,
    Panels,
    Rows,
    data,
    extent,
    inline,
    palette,
    svg,
)

# What is drawn from: induction/sql/report/circuit_<name>.sql.
QUERIES = (
    "readings", "edges", "paths", "heads", "direct", "compositions", "attribution", "orders",
    "offsets", "eigenvalues", "trigrams", "attention",
)  # fmt: skip
KINDS = ["induction", "previous-token", "positional", "other"]
SPANS = {"text_late": "text, late", "random_again": "random, repeated"}
RUNS = {
    ("whole", "whole"): "whole model",
    ("circuit", "cut"): "circuit cut",
    ("circuit", "kept"): "circuit and direct path alone",
    ("direct", "kept"): "direct path alone",
}
# Lighter attention would be thousands of invisible rectangles.
LEAST_WEIGHT = 0.05
# Height of a line of text, as a share of a panel.
LINE = 0.09


def spelled(token: str) -> str:
    """A token of the byte-level alphabet, with its spaces and line ends visible."""
    return token.replace("Ġ", "␣").replace("Ċ", "↵")


def part_name(layer: int, part: str) -> str:
    return f"L{layer}{part.upper()}" if part.startswith("h") or part == "mlp" else part


def parts(attribution: Rows) -> Panels:
    """Direct logit attribution at the end of training, one panel per cell."""
    rows = [
        {
            "cell": row["cell"],
            "part": part_name(row["layer"], row["part"]),
            "span": SPANS[row["span"]],
            "logit": row["logit"],
        }
        for row in attribution
        if row["is_last"] and row["span"] in SPANS
    ]

    def panel(_: str, own: Rows) -> Panel:
        order = list(dict.fromkeys(row["part"] for row in own))
        return (
            alt.Chart(inline(own))
            .mark_bar()
            .encode(
                y=alt.Y("part:N", title=None, sort=order),
                yOffset=alt.YOffset("span:N", sort=list(SPANS.values())),
                x=alt.X("logit:Q", title="right token's logit above the mean (nats)"),
                color=palette("span", list(SPANS.values()), "on"),
            )
        )

    return Panels(rows, "cell", panel, height=alt.Step(9), columns=4)


def direct_path(rows: Rows) -> Panels:
    """How far the direct path is from the bigrams of the text, a line per seed."""
    seeds = sorted({row["seed"] for row in rows})
    scale = alt.Scale(domain=[0, extent(rows, "kl")[1]])

    def panel(_: str, own: Rows) -> Panel:
        base = alt.Chart(data(own)).encode(x=TOKENS)
        y = alt.Y("kl:Q", title="KL from the bigrams (nats)", scale=scale)
        line = base.mark_line(strokeWidth=1.3, point=alt.OverlayMarkDef(size=14))
        unigram = base.mark_line(strokeDash=[4, 3], strokeWidth=1, color=GREY)
        return alt.layer(
            unigram.encode(y=alt.Y("kl_unigram:Q", scale=scale)),
            line.encode(y=y, color=palette("seed", seeds, "seed", legend=len(seeds) > 1)),
        )

    return Panels(rows, "panel", panel)


def eigenvalues(rows: Rows, heads: Rows) -> Panels:
    """OV eigenvalues in the complex plane, at the end of training, coloured by kind of head."""
    kinds = {
        (row["cell"], row["layer"], row["head"]): row["kind"].replace("_", "-")
        for row in heads
        if row["is_last"]
    }
    points = [
        {
            "cell": row["cell"],
            "kind": kinds[row["cell"], row["layer"], row["head"]],
            "re": x,
            "im": y,
        }
        for row in rows
        if row["is_last"]
        for x, y in zip(row["re"], row["im"], strict=True)
    ]
    shown = [kind for kind in KINDS if any(point["kind"] == kind for point in points)]
    scale = alt.Scale(domain=[-1.05, 1.05])
    axes = alt.Chart(inline([{"zero": 0}])).mark_rule(color=GREY, strokeWidth=0.6)

    def panel(_: str, own: Rows) -> Panel:
        base = alt.Chart(inline(own)).mark_point(filled=True, size=14, opacity=0.7)
        return alt.layer(
            axes.encode(x=alt.X("zero:Q", scale=scale)),
            axes.encode(y=alt.Y("zero:Q", scale=scale)),
            base.encode(
                x=alt.X("re:Q", title="real part", scale=scale),
                y=alt.Y("im:Q", title="imaginary part", scale=scale),
                color=palette("kind", shown, "head"),
            ),
        )

    return Panels(points, "cell", panel, height=190)


def skip_trigrams(rows: Rows) -> Panels:
    """The largest skip-trigrams of every head at the end of training, one panel per head."""
    best = [
        {
            "head": f"{row['cell']} L{row['layer']}H{row['head']}",
            "what": " ".join(
                (spelled(row["source"]), "…", spelled(row["destination"]), "→", spelled(row["out"]))
            ),
            "effect": row["effect"],
            "lift": row["lift"],
        }
        for row in rows
        if row["is_last"] and row["row"] < 8
    ]
    color = alt.Color(
        "lift:Q",
        title="ln lift in the text",
        scale=alt.Scale(scheme="viridis", domain=extent(best, "lift")),
    )

    def panel(_: str, own: Rows) -> Panel:
        order = [row["what"] for row in own]
        y = alt.Y("what:N", title=None, sort=order, axis=alt.Axis(labelLimit=150))
        x = alt.X("effect:Q", title="attention × raise (nats)")
        return alt.Chart(inline(own)).mark_bar().encode(x=x, y=y, color=color)

    return Panels(best, "head", panel, height=130, columns=4)


def offsets(rows: Rows) -> Panels:
    """Attention by distance of every head's position circuit, at the end of training."""
    cells = [
        {"cell": row["cell"], "head": f"L{row['layer']}H{row['head']}", "offset": i, "share": share}
        for row in rows
        if row["is_last"]
        for i, share in enumerate(row["by_position"])
    ]

    def panel(_: str, own: Rows) -> Panel:
        return (
            alt.Chart(inline(own))
            .mark_rect()
            .encode(
                x=alt.X(
                    "offset:O",
                    title="positions back",
                    axis=alt.Axis(labelAngle=0, labelOverlap=True),
                ),
                y=alt.Y("head:O", title=None),
                color=alt.Color(
                    "share:Q",
                    title="attention",
                    scale=alt.Scale(scheme="blues", domain=[0, 1]),
                ),
            )
        )

    return Panels(cells, "cell", panel)


def positions(heads: Rows) -> str:
    """Attention to the previous token: by weights and measured, every head, end of training."""
    exact = {True: "exact", False: "not exact"}
    rows = [
        {
            "by_position": row["by_position"],
            "previous_token": row["previous_token"],
            "term": exact[row["inexact_position"] == ""],
        }
        for row in heads
        if row["is_last"]
    ]
    shown = [name for name in exact.values() if any(row["term"] == name for row in rows)]
    scale = alt.Scale(domain=[0, 1])
    ends = [{"by_position": at, "previous_token": at} for at in (0, 1)]
    x = alt.X("by_position:Q", title="by the position circuit", scale=scale)
    y = alt.Y("previous_token:Q", title="measured on text", scale=scale)
    line = alt.Chart(inline(ends)).mark_line(color=GREY, strokeDash=[3, 3])
    dots = alt.Chart(inline(rows)).mark_point(filled=True, size=24, opacity=0.8)
    chart = alt.layer(
        line.encode(x=x, y=y),
        dots.encode(x=x, y=y, color=palette("term", shown, "position term")),
    )
    return svg(chart.properties(width=260, height=260))


def graph(edges: Rows, readings: Rows) -> Panels:
    """Heads as nodes, K-composition as edges, at every checkpoint read: the circuit assembles."""
    called = {(row["cell"], row["step"]): row["at"] for row in readings}
    rows = [row for row in edges if row["is_detailed"] and row["receiver_input"] == "k"]
    rows = [row for row in rows if row["from_layer"] >= 0]
    lines = [
        {
            "panel": f"{row['cell']}, {called[row['cell'], row['step']]}",
            "x": row["from_head"],
            "y": row["from_layer"],
            "x2": row["head"],
            "y2": row["layer"],
            "diagonal": row["k_diagonal"],
            "kind": "circuit" if row["is_circuit"] else "other",
        }
        for row in rows
    ]
    heads = extent(lines, "x", "x2")[1]

    def axis(title: str, most: int) -> dict:
        values = list(range(most + 1))
        return {
            "title": title,
            "scale": alt.Scale(domain=[-0.3, most + 0.3], nice=False),
            "axis": alt.Axis(values=values, format="d", grid=False),
        }

    def panel(_: str, own: Rows) -> Panel:
        nodes = {(row["x"], row["y"]) for row in own} | {(row["x2"], row["y2"]) for row in own}
        x = alt.X("x:Q", **axis("head", heads))
        y = alt.Y("y:Q", **axis("layer", extent(own, "y2")[1]))
        base = alt.Chart(inline(own)).mark_rule()
        dots = alt.Chart(inline([{"x": a, "y": b} for a, b in sorted(nodes)]))
        size = alt.StrokeWidth(
            "diagonal:Q",
            title="share of the diagonal",
            scale=alt.Scale(domain=[0, 1], range=[0.2, 8]),
        )
        return alt.layer(
            base.encode(
                x=x,
                y=y,
                x2="x2:Q",
                y2="y2:Q",
                strokeWidth=size,
                color=palette("kind", ["circuit", "other"], "edge"),
            ),
            dots.mark_point(filled=True, size=60, color=INK, opacity=1).encode(x=x, y=y),
        )

    return Panels(lines, "panel", panel, height=110)


def compositions(rows: Rows) -> Panels:
    """Composition scores above chance over training, a line per pair of heads and input."""
    readers = {"q": "queries", "k": "keys", "v": "values"}
    named = [row | {"into": readers[row["receiver_input"]]} for row in rows]
    scale = alt.Scale(domain=extent(rows, "above"))

    def panel(_: str, own: Rows) -> Panel:
        return (
            alt.Chart(data(own))
            .mark_line(strokeWidth=1, opacity=0.7)
            .encode(
                x=TOKENS,
                y=alt.Y("above:Q", title="composition above chance", scale=scale),
                color=palette("into", list(readers.values()), "into"),
                detail="edge:N",
            )
        )

    return Panels(named, "cell", panel)


def strengthening(edges: Rows) -> Panels:
    """What ICL loses without each edge into keys, over training; those of a circuit are named."""
    rows = [row for row in edges if row["is_first"] and row["receiver_input"] == "k"]
    found = [
        {key: row[key] for key in ("cell", "tokens", "edge", "icl_lost", "is_circuit", "is_last")}
        for row in rows
    ]
    low, high = extent(found, "icl_lost")
    scale = alt.Scale(domain=[low, high])

    def panel(_: str, own: Rows) -> Panel:
        base = alt.Chart(data(own)).encode(
            x=TOKENS, y=alt.Y("icl_lost:Q", title="ICL lost without it (nats)", scale=scale)
        )
        named = [row for row in own if row["is_last"] and row["is_circuit"]]
        labels = apart([row["icl_lost"] for row in named], LINE * (high - low))
        last = [row | {"icl_lost": at} for row, at in zip(named, labels, strict=True)]
        return alt.layer(
            base.mark_line(strokeWidth=0.8, color=GREY, opacity=0.6).encode(detail="edge:N"),
            base.transform_filter("datum.is_circuit").mark_point(
                filled=True, size=30, opacity=1, color=COLOURS[0]
            ),
            alt.Chart(data(last))
            .mark_text(align="right", dx=-6, fontSize=9, color=COLOURS[0])
            .encode(x=TOKENS, y=alt.Y("icl_lost:Q", scale=scale), text="edge:N"),
        )

    return Panels(found, "cell", panel)


def apart(values: list[float], gap: float) -> list[float]:
    """Where to write labels at these heights, each at least `gap` above the next lower."""
    placed: dict[int, float] = {}
    for i in sorted(range(len(values)), key=lambda i: values[i]):
        lowest = max(placed.values()) + gap if placed else values[i]
        placed[i] = max(values[i], lowest)
    return [placed[i] for i in range(len(values))]


def paths(rows: Rows) -> Panels:
    """ICL of the whole model, of the circuit alone, without it, and of no head, end of training."""
    own_rows = [
        {
            **{key: row[key] for key in ("panel", "seed", "icl", "icl_low", "icl_high")},
            "what": RUNS[row["path"], row["run"]],
        }
        for row in rows
        if row["is_last"] and row["is_shown"]
    ]
    having = {row["panel"] for row in own_rows if row["what"] == "circuit cut"}
    own_rows = [row for row in own_rows if row["panel"] in having]
    seeds = sorted({row["seed"] for row in own_rows})
    scale = alt.Scale(domain=extent(own_rows, "icl_low", "icl_high"))
    zero = alt.Chart(inline([{"icl": 0}])).mark_rule(color=GREY, strokeDash=[3, 3])

    def panel(_: str, own: Rows) -> Panel:
        y = alt.Y("what:N", title=None, sort=list(RUNS.values()), axis=alt.Axis(labelLimit=200))
        base = alt.Chart(inline(own)).encode(
            y=y,
            yOffset=alt.YOffset("seed:N", scale=alt.Scale(domain=seeds)),
            color=palette("seed", seeds, "seed", legend=len(seeds) > 1),
        )
        x = alt.X("icl:Q", title="in-context learning (nats)", scale=scale)
        return alt.layer(
            zero.encode(x=x),
            base.mark_rule(strokeWidth=1).encode(
                x=alt.X("icl_low:Q", scale=scale), x2="icl_high:Q"
            ),
            base.mark_point(filled=True, size=45, opacity=1).encode(x=x),
        )

    return Panels(own_rows, "panel", panel, height=110, columns=3)


def orders(rows: Rows) -> Panels:
    """What paths through one more head take off the loss, end of training, a dot per seed."""
    seeds = sorted({row["seed"] for row in rows})
    zero = alt.Chart(inline([{"gain": 0}])).mark_rule(color=GREY, strokeDash=[3, 3])

    def panel(_: str, own: Rows) -> Panel:
        dots = alt.Chart(inline(own)).mark_point(filled=True, size=36, opacity=0.8)
        return alt.layer(
            zero.encode(y="gain:Q"),
            dots.encode(
                x=alt.X("order:O", title="heads in a row", axis=alt.Axis(labelAngle=0)),
                y=alt.Y("gain:Q", title="off the loss (nats)"),
                color=palette("seed", seeds, "seed", legend=len(seeds) > 1),
            ),
        )

    return Panels(rows, "panel", panel)


def attention(rows: Rows, edges: Rows, readings: Rows) -> Panels:
    """A circuit's sender and receiver on a repeated random sequence, at every checkpoint read.

    Of the first cell that has a circuit of two heads."""
    found = [row for row in edges if row["is_last"] and row["is_circuit"] and row["is_detailed"]]
    two = next(row for row in found if row["from_layer"] >= 0)
    heads = [(two["from_layer"], two["from_head"]), (two["layer"], two["head"])]
    marks = []
    for row in rows:
        head = (row["layer"], row["head"])
        if row["cell"] != two["cell"] or row["probe"] != "random" or head not in heads:
            continue
        called = next(
            own["at"]
            for own in readings
            if own["cell"] == row["cell"] and own["step"] == row["step"]
        )
        name = f"L{head[0]}H{head[1]}, {called}"
        weights = iter(row["weights"])
        side = int((8 * len(row["weights"]) + 1) ** 0.5) // 2
        marks += [
            {"panel": name, "order": heads.index(head), "query": query, "key": key, "share": share}
            for query in range(side)
            for key in range(query + 1)
            if (share := next(weights) / 255) >= LEAST_WEIGHT
        ]
    marks.sort(key=lambda mark: mark["order"])
    last = extent(marks, "query")[1]
    scale = alt.Scale(domain=[0, last + 1], nice=False)

    def panel(_: str, own: Rows) -> Panel:
        squares = [{**row, "query2": row["query"] + 1, "key2": row["key"] + 1} for row in own]
        return (
            alt.Chart(inline(squares))
            .mark_rect()
            .encode(
                x=alt.X("key:Q", title="key", scale=scale),
                x2="key2:Q",
                y=alt.Y("query:Q", title="query", scale=alt.Scale(domain=[last + 1, 0])),
                y2="query2:Q",
                color=alt.Color(
                    "share:Q", title="attention", scale=alt.Scale(scheme="blues", domain=[0, 1])
                ),
            )
        )

    return Panels(marks, "panel", panel, height=190)

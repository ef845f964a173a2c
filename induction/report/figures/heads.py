"""A line per head over training, one cell per panel; and every head as a point at the end."""

import altair as alt

from induction.report.figures.frame import (
    COLOURS,
    GREY,
    TOKENS,
    Panels,
    Rows,
    data,
    domains,
    inline,
    known,
    of,
    svg,
    window,
)

KINDS = {
    "induction": (COLOURS[1], "diamond"),
    "previous_token": (COLOURS[0], "square"),
    "positional": (COLOURS[4], "triangle-up"),
    "other": (GREY, "circle"),
}
SIDE = 300


def prefix_matching(heads: Rows, windows: Rows) -> Panels:
    """Prefix matching of every head; the two best are named."""
    return _per_head(heads, windows, "prefix_matching", "prefix matching")


def previous_token(heads: Rows, windows: Rows) -> Panels:
    """Attention to the previous token, of every head; the two best are named."""
    return _per_head(heads, windows, "previous_token", "previous-token score")


def qk_trace(heads: Rows, windows: Rows) -> Panels:
    """Trace of every head's QK circuit with a previous-token head before it: positive where a
    token looks for keys that it preceded. Not defined in the first layer."""
    own = known(heads, "qk_trace")
    domain = domains(own, "cell", windows, "qk_trace")
    return _per_head(own, windows, "qk_trace", "trace of the QK circuit", domain)


def gates(heads: Rows, windows: Rows) -> Panels:
    """What each head of a model with smeared keys keeps of a position's own key."""
    own = known(heads, "smear_gate")
    return _per_head(own, windows, "smear_gate", "share of the own key kept")


def delta_icl(ablations: Rows, windows: Rows, mode: str) -> Panels:
    """Change of ICL when a head is removed: above zero, the head carries in-context learning."""
    domain = domains(ablations, "cell", windows, "delta_icl")
    title = f"ΔICL without the head ({mode}, nats)"
    return _per_head(of(ablations, "mode", mode), windows, "delta_icl", title, domain)


def undone(shares: Rows, windows: Rows) -> Panels:
    """The share of the change of the loss vector that removing a head undoes."""
    domain = domains(shares, "cell", windows, "undone")
    return _per_head(shares, windows, "undone", "share of the change undone", domain)


def circuit(final: Rows) -> str:
    """Every head of every cell at the end: OV circuit and copying, QK circuit and matching."""
    attention = ("prefix_matching", "prefix matching")
    pairs = (
        (("copying", "copying score"), ("ov_positivity", "positivity of the OV circuit")),
        (attention, ("qk_positivity", "positivity of the QK circuit, previous-token term")),
    )
    drawn = [known(final, x[0], y[0]) for x, y in pairs]
    charts = [_scatter(own, x, y) for own, (x, y) in zip(drawn, pairs, strict=True) if own]
    return svg(alt.hconcat(*charts))


def _scatter(rows: Rows, across: tuple[str, str], up: tuple[str, str]) -> alt.Chart:
    names = list(KINDS)
    colours, shapes = zip(*KINDS.values(), strict=True)
    key = alt.Legend(labelExpr="replace(datum.label, '_', ' ')", symbolOpacity=1)
    axis = alt.Axis(tickCount=5)
    fields = (across[0], up[0], "kind")
    points = inline([{field: row[field] for field in fields} for row in rows])
    return (
        alt.Chart(points)
        .mark_point(filled=True, size=45, opacity=0.75)
        .encode(
            x=alt.X(f"{across[0]}:Q", title=across[1], scale=_share(across[0]), axis=axis),
            y=alt.Y(f"{up[0]}:Q", title=up[1], scale=_share(up[0]), axis=axis),
            color=alt.Color("kind:N", scale=alt.Scale(domain=names, range=colours), legend=key),
            shape=alt.Shape("kind:N", scale=alt.Scale(domain=names, range=shapes), legend=key),
        )
        .properties(width=SIDE, height=SIDE)
    )


def _share(field: str) -> alt.Scale:
    return alt.Scale(domain=[0, 1] if field == "prefix_matching" else [-1, 1])


def _per_head(
    rows: Rows,
    windows: Rows,
    field: str,
    title: str,
    domain: dict[str, list[float]] | None = None,
) -> Panels:
    """Without a domain, what is drawn are shares: from 0 to 1."""
    layers = sorted({row["layer"] for row in rows})
    # A layer has its colour also where the first has no such score.
    colours = [COLOURS[layer % len(COLOURS)] for layer in layers]
    color = alt.Color(
        "layer:N",
        scale=alt.Scale(domain=layers, range=colours),
        legend=alt.Legend(symbolOpacity=1),
    )

    def panel(cell: str, own: Rows) -> alt.LayerChart:
        low, high = domain[cell] if domain else (0.0, 1.0)
        # Names further down would stand on the axis, and on each other.
        floor, ceiling = low + 0.1 * (high - low), high - 0.1 * (high - low)
        kept = [{key: row[key] for key in ("tokens", "layer", "name", field)} for row in own]
        base = alt.Chart(data(kept)).encode(
            x=TOKENS,
            y=alt.Y(f"{field}:Q", title=title, scale=alt.Scale(domain=[low, high], nice=False)),
            color=color,
        )
        last = max(row["tokens"] for row in own)
        ends = [row for row in kept if row["tokens"] == last and row[field] >= floor]
        tops = sorted(ends, key=lambda row: -row[field])[:2]
        # The best above its line, the second below, so that close lines keep both names.
        names = [
            alt.Chart(data([top]))
            .mark_text(align="right", dx=-2, dy=9 if top[field] > ceiling else dy, fontSize=9)
            .encode(x=TOKENS, y=f"{field}:Q", text="name:N", color=color)
            for top, dy in zip(tops, (-6, 9), strict=False)
        ]
        return alt.layer(
            window(of(windows, "cell", cell)),
            base.mark_line(strokeWidth=1.3).encode(detail="name:N"),
            *names,
        )

    return Panels(rows, "cell", panel)

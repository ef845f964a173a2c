"""The study in one figure: in-context learning and the best induction head, model by model."""

import altair as alt

from induction.report.figures.frame import COLOURS, TOKENS, Rows, data, domains, svg

WIDTH, HEIGHT = 430, 240
PANELS = (("icl", "in-context learning (nats)"), ("prefix_matching", "best prefix matching"))


def rows(curves: Rows, heads: Rows) -> Rows:
    """ICL, and the highest prefix matching of any head, at every checkpoint both have."""
    best: dict[tuple, float] = {}
    for row in heads:
        key = (row["cell"], row["tokens"])
        best[key] = max(best.get(key, 0.0), row["prefix_matching"])
    return [
        {key: row[key] for key in ("cell", "tokens", "icl")}
        | {"prefix_matching": best[row["cell"], row["tokens"]]}
        for row in curves
        if (row["cell"], row["tokens"]) in best
    ]


def answer(drawn: Rows, windows: Rows) -> str:
    """Two panels, a line per model; thick inside its phase window."""
    names = list(dict.fromkeys(row["cell"] for row in drawn))
    spans = {row["cell"]: row for row in windows if row["is_phase_change"]}
    inside = [
        row
        for row in drawn
        if (span := spans.get(row["cell"]))
        and span["start_tokens"] <= row["tokens"] <= span["end_tokens"]
    ]
    # More models than colours: the next round is dashed.
    dashes = [[1, 0] if i < len(COLOURS) else [4, 2] for i, _ in enumerate(names)]
    colours = [COLOURS[i % len(COLOURS)] for i, _ in enumerate(names)]
    color = alt.Color("cell:N", title="model", scale=alt.Scale(domain=names, range=colours))
    dash = alt.StrokeDash("cell:N", title="model", scale=alt.Scale(domain=names, range=dashes))

    def panel(field: str, title: str) -> alt.LayerChart:
        domain = domains(drawn, "cell", windows, field)[names[0]]
        scale = alt.Scale(domain=[0, 1] if field == "prefix_matching" else domain, clamp=True)
        y = alt.Y(f"{field}:Q", title=title, scale=scale)
        line = alt.Chart(data(drawn)).mark_line(strokeWidth=1.3)
        thick = alt.Chart(data(inside)).mark_line(strokeWidth=4, opacity=0.8)
        return alt.layer(
            line.encode(x=TOKENS, y=y, color=color, strokeDash=dash),
            thick.encode(x=TOKENS, y=y, color=color, strokeDash=dash),
        ).properties(width=WIDTH, height=HEIGHT)

    return svg(alt.hconcat(*(panel(*own) for own in PANELS)))

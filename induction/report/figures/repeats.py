"""The loss on random blocks each time they come round: one panel per model."""

import altair as alt

from induction.report.figures.frame import INK, Panel, Panels, Rows, extent, inline, palette

DASHES = {"fixed": [1, 0], "gap": [4, 3]}


def repeats(losses: Rows) -> Panels:
    """By how often the block came before, for every length of block and both probes."""
    blocks = sorted({row["block"] for row in losses})
    scale = alt.Scale(domain=extent(losses, "loss"))
    last = max(row["repeat"] for row in losses)
    ticks = alt.Axis(values=list(range(last + 1)), format="d")

    def panel(_: str, own: Rows) -> Panel:
        base = alt.Chart(inline(own)).encode(
            x=alt.X("repeat:Q", title="times the block came before", axis=ticks),
            y=alt.Y("loss:Q", title="loss (nats per token)", scale=scale),
            color=palette("block", blocks, "tokens of the block"),
        )
        dashes = alt.StrokeDash(
            "probe:N",
            title="repeats",
            scale=alt.Scale(domain=list(DASHES), range=list(DASHES.values())),
            legend=alt.Legend(symbolStrokeColor=INK, symbolSize=400),
        )
        lines = base.mark_line(strokeWidth=1.3).encode(strokeDash=dashes)
        return alt.layer(lines, base.mark_point(filled=True, size=12, opacity=1))

    return Panels(losses, "panel", panel)

"""Loss on random blocks by how often they came before: one panel per model."""

import altair as alt

from induction.report.figures.figure import Section, figure
from induction.report.figures.frame import INK, Panels, extent, inline, layers, palette
from induction.report.rows import Results, Rows

DASHES = {"fixed": [1, 0], "gap": [4, 3]}


@figure(
    "repeats",
    Section.HEADS,
    "Loss on random blocks by how often the block came before, at the end of training; mean over a "
    "model's seeds. Solid: one repeat after another; dashed: with random gaps between, so that no "
    "fixed distance helps.",
)
def repeats(rows: Rows, results: Results) -> Panels:
    """A line per length of block and probe."""
    blocks = sorted({row["block"] for row in rows})
    scale = alt.Scale(domain=extent(rows, "loss"))
    last = max(row["repeat"] for row in rows)
    ticks = alt.Axis(values=list(range(last + 1)), format="d")

    def panel(_: str, losses: Rows) -> alt.LayerChart:
        base = alt.Chart(inline(losses)).encode(
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
        return layers(lines, base.mark_point(filled=True, size=12, opacity=1))

    return Panels(rows, "panel", panel)

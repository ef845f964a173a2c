"""Loss on random blocks by how often they came before, against chance: one panel per model."""

import altair as alt

from induction.report.figures.figure import Section, figure, has_other_text, has_seeds
from induction.report.figures.frame import GREY, INK, Panels, extent, inline, known, layers, palette
from induction.report.rows import Results, Rows

DASHES = {"fixed": [1, 0], "gap": [4, 3]}


@figure(
    "repeats",
    Section.HEADS,
    "Loss on random blocks by how often the block came before, at the end of training. "
    "Solid: one repeat after another; dashed: with random gaps between, so that no "
    "fixed distance helps. Grey: chance, an even guess over the whole vocabulary, which is what a "
    "model that knows nothing has; above it a model is sure of what is wrong.",
    also=(
        (has_seeds, "Each line is the mean over a model's seeds."),
        (has_other_text, "Models of another text have another vocabulary, and no such line."),
    ),
)
def repeats(rows: Rows, results: Results) -> Panels:
    """A line per length of block and probe, and chance."""
    blocks = sorted({row["block"] for row in rows})
    scale = alt.Scale(domain=extent(rows, "loss", "chance"))
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
        return layers(
            *_chance(losses, scale), lines, base.mark_point(filled=True, size=12, opacity=1)
        )

    return Panels(rows, "panel", panel)


def _chance(losses: Rows, scale: alt.Scale) -> list[alt.Chart]:
    """The loss of an even guess over the vocabulary: a line, and its name."""
    if not (rows := known(losses[:1], "chance")):
        return []
    (row,) = rows
    name = f"chance: ln({row['vocab_size']}) = {row['chance']:.2f}"
    chart = alt.Chart(inline([{"chance": row["chance"], "repeat": 0, "name": name}]))
    y = alt.Y("chance:Q", scale=scale)
    return [
        chart.mark_rule(color=GREY, strokeWidth=0.8).encode(y=y),
        # Below the line, where no loss of a first time lies.
        chart.mark_text(align="left", dx=3, dy=7, fontSize=9, opacity=0.8).encode(
            x="repeat:Q", y=y, text="name:N"
        ),
    ]

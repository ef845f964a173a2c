"""The two stages of a model with smeared keys: the best head of each layer over training."""

import altair as alt

from induction.report.figures.figure import Section, figure
from induction.report.figures.frame import (
    LAYER_COLOURS,
    TOKENS,
    colour_of,
    in_millions,
    layers,
    of,
    phase_windows,
    to_svg,
)
from induction.report.figures.line_labels import line_labels
from induction.report.rows import Results, Rows

WIDTH, HEIGHT = 320, 200
SHOWN = "prefix_matching"


@figure(
    "heads",
    Section.SMEARING,
    "The model with smeared keys that has most layers: every head's prefix matching over training, "
    "by layer. Shaded: its window of phase change. Its lowest seed.",
    keep=lambda row: row["smear_gate"] is not None,
    is_file=True,
)
def stages(rows: Rows, results: Results) -> str:
    """A line per head, the layers named at the end of their best heads."""
    cell = max(rows, key=lambda row: row["layer"])["cell"]
    heads = of(rows, "cell", cell)
    used = sorted({row["layer"] for row in heads})
    colours = [colour_of(LAYER_COLOURS, layer) for layer in used]
    color = alt.Color("layer:N", legend=None, scale=alt.Scale(domain=used, range=colours))
    y = alt.Y(f"{SHOWN}:Q", title="prefix matching", scale=alt.Scale(domain=[0, 1]))
    last = max(row["tokens"] for row in heads)
    at_end = [row for row in heads if row["tokens"] == last]
    best = [
        max((row for row in at_end if row["layer"] == layer), key=lambda row: row[SHOWN])
        for layer in used
    ]
    ends = [
        row | {"value": row[SHOWN], "text": f"layer {row['layer']} ({row['name']})"} for row in best
    ]
    names = line_labels(ends, [0, 1], HEIGHT)
    points = [{key: row[key] for key in ("tokens", "layer", "name", SHOWN)} for row in heads]
    return to_svg(
        layers(
            phase_windows(of(results["windows"], "cell", cell)),
            alt.Chart(in_millions(points))
            .mark_line(strokeWidth=1.4)
            .encode(x=TOKENS, y=y, color=color, detail="name:N"),
            alt.Chart(in_millions(names))
            .mark_text(align="left", dx=6, fontSize=11)
            .encode(x=TOKENS, y=alt.Y("pixel:Q", scale=None, title=None), text="text:N"),
        ).properties(width=WIDTH, height=HEIGHT)
    )

"""The study in one figure: in-context learning and the best induction head, model by model."""

import altair as alt

from induction.report.figures.figure import Section, figure
from induction.report.figures.frame import COLOURS, TOKENS, domains, in_millions, layers, to_svg
from induction.report.rows import Results, Rows

WIDTH, HEIGHT = 430, 240
PANELS = (("icl_matched", "matched ICL (nats)"), ("prefix_matching", "best prefix matching"))


@figure(
    "answer",
    Section.ANSWER,
    "Matched in-context learning, and the highest prefix matching of any head, over training. One "
    "line per model: its lowest seed; thick inside its phase window.",
    is_file=True,
)
def answer(rows: Rows, results: Results) -> str:
    """Two panels, a line per model; thick inside its phase window."""
    names = list(dict.fromkeys(row["cell"] for row in rows))
    windows = results["windows"]
    spans = {row["cell"]: row for row in windows if row["is_phase_change"]}
    inside = [
        row
        for row in rows
        if (span := spans.get(row["cell"]))
        and span["start_tokens"] <= row["tokens"] <= span["end_tokens"]
    ]
    # With more models than colours, the second round of colours is dashed.
    dashes = [[1, 0] if i < len(COLOURS) else [4, 2] for i, _ in enumerate(names)]
    colours = [COLOURS[i % len(COLOURS)] for i, _ in enumerate(names)]
    color = alt.Color("cell:N", title="model", scale=alt.Scale(domain=names, range=colours))
    dash = alt.StrokeDash("cell:N", title="model", scale=alt.Scale(domain=names, range=dashes))

    def panel(field: str, title: str) -> alt.LayerChart:
        domain = domains(rows, "cell", windows, field)[names[0]]
        scale = alt.Scale(domain=[0, 1] if field == "prefix_matching" else domain, clamp=True)
        y = alt.Y(f"{field}:Q", title=title, scale=scale)
        line = alt.Chart(in_millions(rows)).mark_line(strokeWidth=1.3)
        thick = alt.Chart(in_millions(inside)).mark_line(strokeWidth=4, opacity=0.8)
        return layers(
            line.encode(x=TOKENS, y=y, color=color, strokeDash=dash),
            thick.encode(x=TOKENS, y=y, color=color, strokeDash=dash),
        ).properties(width=WIDTH, height=HEIGHT)

    return to_svg(alt.hconcat(*(panel(field, title) for field, title in PANELS)))

"""The study in one figure: in-context learning and the best induction head, model by model."""

import altair as alt

from induction.report.figures.figure import Section, figure
from induction.report.figures.frame import (
    MODEL_COLOURS,
    TOKENS,
    Panels,
    colour_of,
    dash_of,
    domains,
    in_millions,
    layers,
)
from induction.report.figures.line_labels import line_labels
from induction.report.rows import Results, Rows

WIDTH, HEIGHT = 250, 220  # as wide as a phone, with the names: letters keep their size there
ICL, MATCHING = "in-context learning (matched, nats)", "best prefix matching of any head"
PANELS = {ICL: "icl_matched", MATCHING: "prefix_matching"}


@figure(
    "answer",
    Section.ANSWER,
    "In-context learning, and the highest prefix matching of any head, over training. A line per "
    "model (attention-only, unless its name says more), the run of its lowest seed; thick inside "
    "its window. A line without a thick part is of a run without a phase change.",
    is_file=True,
)
def answer(rows: Rows, results: Results) -> Panels:
    """A line per model, labelled at its end, thick inside its phase window."""
    named = {row["cell"]: row["label"] for row in results["models"]}
    names = list(dict.fromkeys(row["cell"] for row in rows))
    places = range(len(names))
    color = alt.Color(
        "cell:N",
        legend=None,
        scale=alt.Scale(domain=names, range=[colour_of(MODEL_COLOURS, i) for i in places]),
    )
    dash = alt.StrokeDash(
        "cell:N",
        legend=None,
        scale=alt.Scale(domain=names, range=[dash_of(MODEL_COLOURS, i) for i in places]),
    )
    windows = results["windows"]
    spans = {row["cell"]: row for row in windows if row["is_phase_change"]}

    def panel(title: str, lines: Rows) -> alt.LayerChart:
        of_language = domains(rows, "cell", windows, PANELS[title])[names[0]]
        domain = [0.0, 1.0] if title == MATCHING else of_language
        y = alt.Y("value:Q", title=None, scale=alt.Scale(domain=domain, clamp=True))
        inside = [
            row
            for row in lines
            if (span := spans.get(row["cell"]))
            and span["start_tokens"] <= row["tokens"] <= span["end_tokens"]
        ]
        line = alt.Chart(in_millions(lines)).mark_line(strokeWidth=1.4)
        thick = alt.Chart(in_millions(inside)).mark_line(strokeWidth=4.5)
        last = {row["cell"]: row for row in lines}
        ends = [row | {"text": named[cell]} for cell, row in last.items()]
        words = alt.Chart(in_millions(line_labels(ends, domain, HEIGHT)))
        return layers(
            line.encode(x=TOKENS, y=y, color=color, strokeDash=dash),
            thick.encode(x=TOKENS, y=y, color=color, strokeDash=dash),
            words.mark_point(filled=True, size=28, opacity=1, xOffset=6).encode(
                x=TOKENS, y=alt.Y("pixel:Q", scale=None, title=None), color=color
            ),
            words.mark_text(align="left", dx=12, fontSize=11).encode(
                x=TOKENS, y=alt.Y("pixel:Q", scale=None, title=None), text="text:N"
            ),
        )

    marks = [
        {"panel": title, "cell": row["cell"], "tokens": row["tokens"], "value": row[field]}
        for title, field in PANELS.items()
        for row in rows
    ]
    return Panels(marks, "panel", panel, height=HEIGHT, width=WIDTH, columns=2)

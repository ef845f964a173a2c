"""Usual and matched in-context learning with their intervals, one above the other."""

import altair as alt

from induction.report.figures.figure import Section, figure
from induction.report.figures.frame import COLOURS, GREY, inline, layers, to_svg
from induction.report.rows import Results, Rows

SCORES = {"usual": "icl_final", "matched": "icl_matched"}


@figure(
    "cells",
    Section.SCORE,
    "In-context learning at the end of training by both scores, with their intervals over "
    "evaluation texts; the lowest seed of each model.",
    keep=lambda row: row["is_detailed"],
    is_file=True,
)
def scores(rows: Rows, results: Results) -> str:
    kinds = {row["cell"]: row["kind"] for row in results["models"]}
    marks = [
        {"kind": kinds[row["cell"]], "score": score, "value": row[name]}
        | {"low": row[f"{name}_low"], "high": row[f"{name}_high"]}
        for row in rows
        for score, name in SCORES.items()
    ]
    colour = alt.Color(
        "score:N", title=None, scale=alt.Scale(domain=[*SCORES], range=[COLOURS[1], COLOURS[0]])
    )
    y = alt.Y("kind:N", title=None, sort=None, axis=alt.Axis(labelLimit=220))
    offset = alt.YOffset("score:N", sort=[*SCORES])
    base = alt.Chart(inline(marks)).encode(y=y, yOffset=offset, color=colour)
    zero = alt.Chart(inline([{"zero": 0}])).mark_rule(color=GREY, strokeDash=[3, 3])
    title, scale = "in-context learning, nats", alt.Scale(padding=8)
    axis = alt.Axis(tickCount=5, labelOverlap=True)
    return to_svg(
        layers(
            zero.encode(x="zero:Q"),
            base.mark_rule(strokeWidth=3).encode(
                x=alt.X("low:Q", title=title, scale=scale, axis=axis), x2="high:Q"
            ),
            base.mark_point(filled=True, size=45).encode(x=alt.X("value:Q", title=title)),
        ).properties(width=330, height=alt.Step(14))
    )

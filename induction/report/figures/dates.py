"""When every signal changes: one panel per model, a row per signal, a bar per seed."""

import altair as alt

from induction.report.figures.frame import (
    COLOURS,
    GREY,
    INK,
    MILLION,
    Panel,
    Panels,
    Rows,
    inline,
    known,
    of,
    window,
)

SIGNALS = {
    "icl": "in-context learning",
    "prefix_matching": "prefix matching",
    "qk_trace": "QK positivity",
    "ab": "undone by ablation (a·b)",
    "loss_bump": "loss bump",
    "pca_turn": "PCA turn",
}
ESTIMATORS = {"levels": COLOURS[0], "slope": COLOURS[5]}
DATES = ("start", "middle", "end")
LINE = 8  # pixels per bar


def phases(dates: Rows, windows: Rows, tokens: int) -> Panels:
    """Of every signal that changes: from its start to its end, with intervals, and its middle.

    `tokens` are those of the whole training. Models without any change have no panel.
    """
    changing = {row["panel"] for row in dates if row["is_defined"]}
    rows = [_row(row) for row in dates if row["panel"] in changing]
    height = LINE * len(SIGNALS) * max(2, len({row["line"] for row in rows}))
    scale = alt.Scale(domain=[0, tokens / MILLION], nice=False)

    def panel(name: str, own: Rows) -> Panel:
        x = alt.X("start:Q", title="training tokens (millions)", scale=scale)
        y = alt.Y("signal:N", title=None, scale=alt.Scale(domain=list(SIGNALS.values())))
        offset = alt.YOffset("line:N")
        drawn = known(own, "middle")
        bars = alt.Chart(inline(drawn)).encode(y=y, yOffset=offset)
        color = alt.Color(
            "estimator:N",
            scale=alt.Scale(domain=list(ESTIMATORS), range=list(ESTIMATORS.values())),
        )
        intervals = [
            {"signal": row["signal"], "line": row["line"], "low": row[low], "high": row[high]}
            for row in drawn
            for low, high in ((f"{date}_low", f"{date}_high") for date in DATES)
            if row[low] is not None
        ]
        errors = alt.Chart(inline(intervals)).mark_rule(color=INK, strokeWidth=1)
        still = sorted({row["signal"] for row in own} - {row["signal"] for row in drawn})
        notes = alt.Chart(inline([{"signal": signal, "start": 0} for signal in still]))
        return alt.layer(
            window(of(windows, "panel", name), opacity=0.15),
            bars.mark_rule(strokeWidth=5).encode(x=x, x2="end:Q", color=color),
            errors.encode(x=alt.X("low:Q", scale=scale), x2="high:Q", y=y, yOffset=offset),
            bars.mark_point(filled=True, color=INK, size=18, opacity=1).encode(
                x=alt.X("middle:Q", scale=scale)
            ),
            notes.mark_text(align="left", dx=3, fontSize=9, color=GREY).encode(
                x=x, y=y, text=alt.value("not defined here")
            ),
        )

    return Panels(rows, "panel", panel, height=height, columns=3)


def _row(row: dict) -> dict:
    """What is drawn of a date: in millions of tokens, on a line of its seed and estimator."""
    ends = [f"{date}{end}" for date in DATES for end in ("", "_low", "_high")]
    found = {name: row[f"{name.partition('_')[0]}_tokens"] for name in DATES}
    found |= {name: row[name] for name in ends if name not in DATES}
    return {
        "panel": row["panel"],
        "signal": SIGNALS[row["signal"]],
        "estimator": row["estimator"],
        "line": f"{row['seed']:010d} {row['estimator']}",
        **{name: None if own is None else own / MILLION for name, own in found.items()},
    }

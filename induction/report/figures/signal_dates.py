"""When every signal changes: one panel per model, a row per signal, a bar per seed."""

import altair as alt

from induction.report.figures.figure import Section, figure, has_seeds
from induction.report.figures.frame import (
    COLOURS,
    INK,
    MILLION,
    Panels,
    inline,
    known,
    layers,
    of,
    phase_windows,
)
from induction.report.rows import Results, Rows

SIGNALS = {
    "icl": "in-context learning",
    "prefix_matching": "prefix matching",
    "qk_trace": "QK positivity",
    "ab": "undone by ablation (a·b)",
    "loss_bump": "loss bump",
    "pca_turn": "PCA turn",
}
ESTIMATORS = {"levels": COLOURS[0], "slope": COLOURS[1]}
DATES = ("start", "middle", "end")
LINE = 8  # pixels per bar


@figure(
    "phases",
    Section.DATES,
    "When each signal changes. A bar reaches from the start of a change to its end, a dot marks "
    "its middle, and thin lines are the bootstrap intervals of the three (where something can be "
    "resampled). Blue: by levels, at 10, 50 and 90 % of the rise; orange: by slope; yellow: the "
    "phase window of in-context learning. QK positivity, the trace of the QK circuit without its "
    "scale, is that of one head: beyond the first layer, the one that ends with the highest prefix "
    "matching, whether or not that makes it an induction head. A signal that does not change has "
    "no dates; the table below says why. A model in which none changes has no panel.",
    also=((has_seeds, "Every seed has a bar of its own, the lowest seed on top."),),
    keep=lambda row: row["is_defined"],
    is_file=True,
)
def phases(rows: Rows, results: Results) -> Panels:
    """Of every signal that changes: from its start to its end, with intervals, and its middle.

    Signals that do not change are named in the panels of models where another one does.
    """
    changing = {row["panel"] for row in rows}
    dates = [_in_millions(row) for row in results["phases"] if row["panel"] in changing]
    end = max(row["tokens"] for row in results["curves"])
    height = LINE * len(SIGNALS) * max(2, len({row["line"] for row in dates}))
    scale = alt.Scale(domain=[0, end / MILLION], nice=False)

    def panel(name: str, signals: Rows) -> alt.LayerChart:
        x = alt.X("start:Q", title="training tokens (millions)", scale=scale)
        y = alt.Y("signal:N", title=None, scale=alt.Scale(domain=list(SIGNALS.values())))
        offset = alt.YOffset("line:N")
        dated = known(signals, "middle")
        bars = alt.Chart(inline(dated)).encode(y=y, yOffset=offset)
        color = alt.Color(
            "estimator:N", scale=alt.Scale(domain=list(ESTIMATORS), range=list(ESTIMATORS.values()))
        )
        intervals = [
            {"signal": row["signal"], "line": row["line"], "low": row[low], "high": row[high]}
            for row in dated
            for low, high in ((f"{date}_low", f"{date}_high") for date in DATES)
            if row[low] is not None
        ]
        errors = alt.Chart(inline(intervals)).mark_rule(color=INK, strokeWidth=1)
        undated = sorted({row["signal"] for row in signals} - {row["signal"] for row in dated})
        notes = alt.Chart(inline([{"signal": signal, "start": 0} for signal in undated]))
        return layers(
            phase_windows(of(results["windows"], "panel", name), opacity=0.15),
            bars.mark_rule(strokeWidth=5).encode(x=x, x2="end:Q", color=color),
            errors.encode(x=alt.X("low:Q", scale=scale), x2="high:Q", y=y, yOffset=offset),
            bars.mark_point(filled=True, color=INK, size=18, opacity=1).encode(
                x=alt.X("middle:Q", scale=scale)
            ),
            notes.mark_text(align="left", dx=3, fontSize=9, opacity=0.8).encode(
                x=x, y=y, text=alt.value("not defined here")
            ),
        )

    return Panels(dates, "panel", panel, height=height, columns=3)


def _in_millions(row: dict) -> dict:
    """What is drawn of a row: dates in millions of tokens, on a line per seed and estimator."""
    dates = {name: row[f"{name}_tokens"] for name in DATES}
    dates |= {name: row[name] for date in DATES for name in (f"{date}_low", f"{date}_high")}
    return {
        "panel": row["panel"],
        "signal": SIGNALS[row["signal"]],
        "estimator": row["estimator"],
        "line": f"{row['seed']:010d} {row['estimator']}",
        **{name: None if date is None else date / MILLION for name, date in dates.items()},
    }

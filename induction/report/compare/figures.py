"""Two reports side by side: every measure in A and in B, and what it differs by."""

import altair as alt

from induction.report.figures.frame import COLOURS, GREY, INK, Panels, extent, inline, known, layers
from induction.report.rows import Rows

LINE = 8  # pixels per dot
LABEL = 130  # pixels of a cell's name
# The interval of a share of little ICL would leave no room for the others.
ROOM = 0.6
SIDES = {"A": (COLOURS[0], "circle"), "B": (COLOURS[1], "diamond")}
CLEAR = {"leaves out 0": (COLOURS[0], "circle"), "holds 0": (GREY, "diamond")}


def values(rows: Rows) -> Panels:
    """`rows` have panel, unit, cell, side (A or B), value, low, high: dots with intervals."""
    return _dots(rows, "side", SIDES, "report", zero=False)


def changes(rows: Rows) -> Panels:
    """`rows` have panel, unit, cell, clear, value, low, high: B − A, with its interval."""
    return _dots(rows, "clear", CLEAR, "the interval of B − A", zero=True)


def _dots(
    rows: Rows, key: str, looks: dict[str, tuple[str, str]], title: str, zero: bool
) -> Panels:
    """A panel per measure, a line per cell; `zero` marks it."""
    lines = 1 if zero else len(looks)
    colours, shapes = (list(column) for column in zip(*looks.values(), strict=True))
    color = alt.Color(
        f"{key}:N", title=title, scale=alt.Scale(domain=list(looks), range=colours),
        legend=alt.Legend(orient="top", labelLimit=400),
    )  # fmt: skip
    shape = alt.Shape(f"{key}:N", title=title, scale=alt.Scale(domain=list(looks), range=shapes))
    offset = alt.YOffset(f"{key}:N", scale=alt.Scale(domain=list(looks)))

    def panel(_: str, cells: Rows) -> alt.LayerChart:
        order = list(dict.fromkeys(row["cell"] for row in cells))
        low, high = _domain(cells, zero)
        scale = alt.Scale(domain=[low, high], nice=False)
        # Cut here: what the renderer clips it numbers anew in every run.
        bars = [
            row | {"low": max(row["low"], low), "high": min(row["high"], high)}
            for row in known(cells, "low", "high")
        ]
        y = alt.Y(
            "cell:N", title=None, scale=alt.Scale(domain=order), axis=alt.Axis(labelLimit=LABEL)
        )
        x = alt.X("value:Q", title=cells[0]["unit"], scale=scale, axis=alt.Axis(tickCount=4))
        errors = alt.Chart(inline(bars)).mark_rule(strokeWidth=1.5)
        dots = alt.Chart(inline(cells)).mark_point(filled=True, size=40, opacity=1)
        dots = dots.encode(x=x, y=y, color=color, shape=shape)
        errors = errors.encode(x=alt.X("low:Q", scale=scale), x2="high:Q", y=y, color=color)
        if not zero:
            return layers(errors.encode(yOffset=offset), dots.encode(yOffset=offset))
        line = alt.Chart(inline([{"value": 0}])).mark_rule(color=INK, strokeWidth=0.8)
        return layers(line.encode(x=alt.X("value:Q", scale=scale)), errors, dots)

    step = alt.Step(LINE * (lines + 1), **{"for": "position"})
    return Panels(rows, "panel", panel, height=step, columns=3)


def _domain(rows: Rows, zero: bool) -> tuple[float, float]:
    """All values, and their intervals up to a limit."""
    low, high = extent(rows, "value")
    low, high = (min(low, 0), max(high, 0)) if zero else (low, high)
    room = ROOM * (high - low) or 0.1 * abs(low) or 1.0
    ends = extent(rows, "value", "low", "high")
    pad = 0.1 * room
    return max(ends[0], low - room) - pad, min(ends[1], high + room) + pad

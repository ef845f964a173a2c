"""Two reports side by side: every measure in A and in B, and what it differs by."""

import altair as alt

from induction.report.figures.frame import (
    COLOURS,
    GREY,
    INK,
    Panel,
    Panels,
    Rows,
    extent,
    inline,
    known,
)

LINE = 8  # pixels per dot
LABEL = 130  # pixels of a cell's name
# A share of little ICL has an interval that would leave no room for the others.
ROOM = 0.6
SIDES = {"A": (COLOURS[0], "circle"), "B": (COLOURS[1], "diamond")}
CLEAR = {"leaves out 0": (COLOURS[0], "circle"), "holds 0": (GREY, "diamond")}


def values(rows: Rows) -> Panels:
    """`rows` have panel, unit, cell, side (A or B), value, low, high: dots with intervals."""
    return _drawn(rows, "side", SIDES, "report", zero=False)


def changes(rows: Rows) -> Panels:
    """`rows` have panel, unit, cell, clear, value, low, high: B − A, with its interval."""
    return _drawn(rows, "clear", CLEAR, "the interval of B − A", zero=True)


def _drawn(
    rows: Rows, key: str, looks: dict[str, tuple[str, str]], title: str, zero: bool
) -> Panels:
    lines = 1 if zero else len(looks)
    colours, shapes = (list(own) for own in zip(*looks.values(), strict=True))
    color = alt.Color(
        f"{key}:N", title=title, scale=alt.Scale(domain=list(looks), range=colours),
        legend=alt.Legend(orient="top", labelLimit=400),
    )  # fmt: skip
    shape = alt.Shape(f"{key}:N", title=title, scale=alt.Scale(domain=list(looks), range=shapes))
    offset = alt.YOffset(f"{key}:N", scale=alt.Scale(domain=list(looks)))

    def panel(_: str, own: Rows) -> Panel:
        order = list(dict.fromkeys(row["cell"] for row in own))
        low, high = _domain(own, zero)
        scale = alt.Scale(domain=[low, high], nice=False)
        # By hand: what the renderer clips, it numbers anew in every run.
        bars = [
            row | {"low": max(row["low"], low), "high": min(row["high"], high)}
            for row in known(own, "low", "high")
        ]
        y = alt.Y(
            "cell:N", title=None, scale=alt.Scale(domain=order), axis=alt.Axis(labelLimit=LABEL)
        )
        x = alt.X("value:Q", title=own[0]["unit"], scale=scale, axis=alt.Axis(tickCount=4))
        place = {"y": y, "color": color} | ({} if zero else {"yOffset": offset})
        errors = alt.Chart(inline(bars)).mark_rule(strokeWidth=1.5)
        dots = alt.Chart(inline(own)).mark_point(filled=True, size=40, opacity=1)
        layers = [
            errors.encode(x=alt.X("low:Q", scale=scale), x2="high:Q", **place),
            dots.encode(x=x, shape=shape, **place),
        ]
        if zero:
            line = alt.Chart(inline([{"value": 0}])).mark_rule(color=INK, strokeWidth=0.8)
            layers.insert(0, line.encode(x=alt.X("value:Q", scale=scale)))
        return alt.layer(*layers)

    step = alt.Step(LINE * (lines + 1), **{"for": "position"})
    return Panels(rows, "panel", panel, height=step, columns=3)


def _domain(rows: Rows, zero: bool) -> tuple[float, float]:
    """All values, and their intervals as far as there is room for them."""
    low, high = extent(rows, "value")
    low, high = (min(low, 0), max(high, 0)) if zero else (low, high)
    room = ROOM * (high - low) or 0.1 * abs(low) or 1.0
    ends = extent(rows, "value", "low", "high")
    pad = 0.1 * room
    return max(ends[0], low - room) - pad, min(ends[1], high + room) + pad

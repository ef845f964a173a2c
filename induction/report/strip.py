"""A claim's value, interval and bound on an axis, as small as a line of text."""

import math
from dataclasses import dataclass

from induction.report.rows import Rows
from induction.report.units import brief

WIDTH, HEIGHT, PAD = 200, 34, 10
# How wide a character of a label is at most, on average, in pixels.
CHARACTER = 6.5
# What every axis shows, by unit: shares lie side by side on one scale.
SHOWN = {"share": (0.0, 1.0), "degrees": (0.0, 90.0)}


@dataclass(frozen=True)
class Axis:
    """From `first` to `last`, in the statistic's unit, across the strip but for its pads. The label
    of `first` is empty where it has no room beside that of `last`."""

    first: float
    last: float
    first_says: str
    last_says: str

    def place(self, value: float) -> float:
        """In pixels."""
        share = (value - self.first) / (self.last - self.first)
        return round(PAD + (WIDTH - 2 * PAD) * share, 1)


@dataclass(frozen=True)
class Strip:
    """In pixels: the bound, where the claim holds (its left side, its width, and which way it lies
    from the bound), the value, and the ends of its interval, if it has one."""

    axis: Axis
    bound: float
    holds: tuple[float, float]
    direction: int
    value: float
    interval: tuple[float, float] | None
    width: int = WIDTH
    height: int = HEIGHT


def axis(rows: Rows, bound: float, unit: str) -> Axis:
    """One with round ends that shows every value with its interval, and the bound."""
    shown = [*SHOWN.get(unit, (0.0,)), bound]
    shown += [row[key] for row in rows for key in ("value", "low", "high")]
    numbers = [number for number in shown if number is not None]
    first, last = min(numbers), max(numbers)
    step = 10 ** (math.floor(math.log10((last - first) or 1.0)) - 1)
    first, last = math.floor(round(first / step, 6)), math.ceil(round(last / step, 6))
    ends = [end * step for end in (first, max(last, first + 1))]
    labels = [brief(end, unit) for end in ends]
    if CHARACTER * (len(labels[0]) + len(labels[1]) + 1) > WIDTH - 2 * PAD:
        labels[0] = ""
    return Axis(ends[0], ends[1], labels[0], labels[1])


def draw(row: dict, on: Axis, bound: float, side: str) -> Strip:
    """Of a row of table claims that has a value; `side` is `at least` or `at most`."""
    at = on.place(bound)
    interval = None
    if row["low"] is not None:
        interval = (on.place(row["low"]), on.place(row["high"]))
    return Strip(
        axis=on,
        bound=at,
        holds=(at, round(WIDTH - at, 1)) if side == "at least" else (0.0, at),
        direction=1 if side == "at least" else -1,
        value=on.place(row["value"]),
        interval=interval,
    )

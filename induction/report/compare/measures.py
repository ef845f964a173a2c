"""What is compared of every cell: entries of metrics.json and circuits.json, read with care.

The files may come from another version, or from a stranger: what is missing is not known, what has
another type is refused, and text is made printable.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

from induction.config.errors import show, visible
from induction.report.formatting import short
from induction.report.summary import DIGITS

Source = Literal["metrics", "circuits"]
LONGEST = 300  # characters of a text that is shown


@dataclass(frozen=True)
class Estimate:
    """A number with its interval, where the report has one."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Measure:
    """`key` is that of metrics.json, `interval` that of its ends without _low and _high; of
    circuits.json the interval stands with the value. `form` is the printf form of a number, None
    of training tokens."""

    key: str
    title: str
    unit: str = ""
    form: str | None = "%.3f"
    interval: str = ""
    source: Source = "metrics"
    kind: Literal["number", "text"] = "number"


MEASURES = (
    Measure("icl_matched", "final matched ICL", "nats", "%+.3f", "icl_matched"),
    Measure("icl_final", "final usual ICL", "nats", "%+.3f", "icl_final"),
    Measure("icl_paper_points", "ICL at the paper's points", "nats", "%+.3f", "icl_paper"),
    Measure("loss_final", "final loss", "nats per token", interval="loss_final"),
    Measure("phase_change", "phase change", kind="text"),
    Measure("phase_start_tokens", "window starts", "training tokens", None),
    Measure("phase_end_tokens", "window ends", "training tokens", None),
    Measure("prefix_matching_max", "best prefix matching", "share of attention"),
    Measure("best_head", "head of best prefix matching", kind="text"),
    Measure("previous_token_max", "best previous-token score", "share of attention"),
    Measure("previous_token_head", "head of best previous-token score", kind="text"),
    Measure("ablation_icl_max", "largest ΔICL of one head", "nats", "%+.3f", "ablation_icl"),
    Measure("ablation_head", "head of largest ΔICL", kind="text"),
    Measure("circuit", "circuit", source="circuits", kind="text"),
    Measure("share_cut", "lost without the circuit", "share of ICL", source="circuits"),
    Measure("share_kept", "kept by the circuit alone", "share of ICL", source="circuits"),
)
NUMBERS = tuple(measure for measure in MEASURES if measure.kind == "number")

# The measures of one cell by key: None where the report has null, no key where it has none.
CellValues = dict[str, Estimate | str | None]


def of_cells(content: Any, source: Source) -> dict[str, CellValues]:
    """The measures of every cell, in the order of metrics.json or circuits.json.

    Raises ValueError for content that no report has.
    """
    cells = mapping(content, "its content")
    if source == "metrics":
        cells = mapping(cells.get("cells"), "cells")
    return {
        printed(name): {
            measure.key: _read(measure, cell, f"{printed(name)}.{measure.key}")
            for measure in MEASURES
            if measure.source == source and measure.key in mapping(cell, printed(name))
        }
        for name, cell in cells.items()
    }


def _read(measure: Measure, cell: dict, where: str) -> Estimate | str | None:
    value = cell[measure.key]
    if measure.kind == "text":
        return _text(value, where)
    if value is None:
        return None
    if measure.source == "circuits":
        if not isinstance(value, list) or len(value) != 3:
            raise ValueError(f"{where}: found {show(value)}, expected [value, low, high] or null")
        number, low, high = value
        return estimate(number, low, high, where)
    low, high = (cell.get(f"{measure.interval}_{end}") for end in ("low", "high"))
    return estimate(value, low, high, where)


def estimate(value: Any, low: Any, high: Any, where: str) -> Estimate | None:
    """Raises ValueError for what is neither a finite number nor null.

    Floats keep the digits that reports have now: the further digits of older ones say nothing.
    """
    for number in (value, low, high):
        is_number = isinstance(number, int | float) and not isinstance(number, bool)
        if number is not None and not (is_number and abs(number) < 1e300 and isfinite(number)):
            raise ValueError(f"{where}: found {show(number)}, expected a finite number or null")
    value, *ends = (
        None if number is None else float(short(number, DIGITS)) for number in (value, low, high)
    )
    return None if value is None else Estimate(value, *ends)


def _text(value: Any, where: str) -> str | None:
    """Names, yes and no, and circuits, which are lists of names."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(edge, str) for edge in value):
        return printed(" + ".join(value)) or "none"
    if value is None or isinstance(value, str):
        return None if value is None else printed(value)
    raise ValueError(f"{where}: found {show(value)}, expected a name, names, true or false")


def mapping(value: Any, where: str) -> dict:
    """Raises ValueError for what is no mapping."""
    if not isinstance(value, dict):
        raise ValueError(f"{where}: found {show(value)}, expected a mapping")
    return value


def printed(text: str) -> str:
    return visible(text, LONGEST)

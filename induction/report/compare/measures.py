"""What is compared of every cell: entries of metrics.json and circuits.json, read with care.

The files may be of another version, or a stranger's: what is not there is not known, what is of
another type is refused, and text is made to print.
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
    """`key` is that of metrics.json, `ends` those of its interval; of circuits.json the interval
    stands with the value. `form` is the printf form of a number, None of training tokens."""

    key: str
    title: str
    unit: str = ""
    form: str | None = "%.3f"
    ends: tuple[str, str] | None = None
    source: Source = "metrics"
    kind: Literal["number", "text"] = "number"


MEASURES = (
    Measure("icl_final", "final ICL", "nats", "%+.3f", ("icl_final_low", "icl_final_high")),
    Measure(
        "icl_paper_points",
        "ICL at the paper's points",
        "nats",
        "%+.3f",
        ("icl_paper_low", "icl_paper_high"),
    ),
    Measure(
        "loss_final", "final loss", "nats per token", ends=("loss_final_low", "loss_final_high")
    ),
    Measure("phase_change", "phase change", kind="text"),
    Measure("phase_start_tokens", "window starts", "training tokens", None),
    Measure("phase_end_tokens", "window ends", "training tokens", None),
    Measure("prefix_matching_max", "best prefix matching", "share of attention"),
    Measure("best_head", "head of best prefix matching", kind="text"),
    Measure("previous_token_max", "best previous-token score", "share of attention"),
    Measure("previous_token_head", "head of best previous-token score", kind="text"),
    Measure(
        "ablation_icl_max",
        "largest ΔICL of one head",
        "nats",
        "%+.3f",
        ("ablation_icl_low", "ablation_icl_high"),
    ),
    Measure("ablation_head", "head of largest ΔICL", kind="text"),
    Measure("circuit", "circuit", source="circuits", kind="text"),
    Measure("share_cut", "lost without the circuit", "share of ICL", source="circuits"),
    Measure("share_kept", "kept by the circuit alone", "share of ICL", source="circuits"),
)
NUMBERS = tuple(own for own in MEASURES if own.kind == "number")

# Of one cell, by the measures' keys: None where the report has null, no key where it has none.
Found = dict[str, Estimate | str | None]


def of_cells(found: Any, source: Source) -> dict[str, Found]:
    """The measures of every cell, in the order of metrics.json or circuits.json.

    Raises ValueError for what is none of it.
    """
    every = mapping(found, "its content")
    if source == "metrics":
        every = mapping(every.get("cells"), "cells")
    return {
        printed(name): {
            measure.key: _read(measure, own[measure.key], own, f"{printed(name)}.{measure.key}")
            for measure in MEASURES
            if measure.source == source and measure.key in mapping(own, printed(name))
        }
        for name, own in every.items()
    }


def _read(measure: Measure, value: Any, own: dict, where: str) -> Estimate | str | None:
    if measure.kind == "text":
        return _text(value, where)
    if value is None:
        return None
    if measure.source == "circuits":
        if not isinstance(value, list) or len(value) != 3:
            raise ValueError(f"{where}: found {show(value)}, expected [value, low, high] or null")
        return estimate(*value, where)
    return estimate(value, *(own.get(end) for end in measure.ends or ("", "")), where)


def estimate(value: Any, low: Any, high: Any, where: str) -> Estimate | None:
    """Raises ValueError for what is neither a finite number nor null.

    Of floats, the digits that reports have now: older ones had more, which say nothing.
    """
    for own in (value, low, high):
        is_number = isinstance(own, int | float) and not isinstance(own, bool)
        if own is not None and not (is_number and abs(own) < 1e300 and isfinite(own)):
            raise ValueError(f"{where}: found {show(own)}, expected a finite number or null")
    value, *ends = (
        None if own is None else float(short(own, DIGITS)) for own in (value, low, high)
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


def mapping(found: Any, where: str) -> dict:
    """Raises ValueError for what is no mapping."""
    if not isinstance(found, dict):
        raise ValueError(f"{where}: found {show(found)}, expected a mapping")
    return found


def printed(text: str) -> str:
    return visible(text, LONGEST)

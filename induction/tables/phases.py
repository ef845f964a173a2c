"""Tables of stage `phases`."""

import pyarrow as pa

from induction.tables.contract import Column, Table

_CELL = Column("cell", pa.string(), "model and seed")
_SIGNAL = Column(
    "signal",
    pa.string(),
    "ab, icl, loss_bump, pca_turn, prefix_matching or qk_trace; see induction/stats/signals.py",
)
_ESTIMATOR = Column("estimator", pa.string(), "levels or slope; see stats/change_points.py")


def _with_interval(name: str, unit: str, what: str, where: str) -> tuple[Column, ...]:
    stem = name.removesuffix("_tokens")
    no_draws = f"{where} or nothing was resampled"
    return (
        Column(name, pa.float64(), f"{unit}; {what}; null where {where}", nullable=True),
        *(
            Column(
                f"{stem}_{end}",
                pa.float64(),
                f"{unit}; {which} end of its bootstrap interval; null where {no_draws}",
                nullable=True,
            )
            for end, which in (("low", "lower"), ("high", "upper"))
        ),
    )


PHASES = Table(
    "phases",
    "whether and when each signal of each cell changes, by two estimators",
    ("cell", "signal", "estimator"),
    (
        _CELL,
        _SIGNAL,
        _ESTIMATOR,
        Column("is_defined", pa.bool_(), "whether the signal changes; the same for both"),
        Column("reason", pa.string(), "why there is no change; empty where there is one"),
        *_with_interval("rise", "unit of the signal", "after minus before", "there is no curve"),
        *_with_interval("start_tokens", "tokens", "the change begins", "there is no change"),
        *_with_interval("middle_tokens", "tokens", "its middle", "there is no change"),
        *_with_interval("end_tokens", "tokens", "it is over", "there is no change"),
    ),
)

WINDOWS = Table(
    "phases_windows",
    "where ICL falls fastest, by the published rule, and whether that is a phase change",
    ("cell",),
    (
        _CELL,
        Column("is_phase_change", pa.bool_(), "by phases.min_drop and phases.min_final"),
        Column("start_tokens", pa.int64(), "tokens at the first checkpoint of the window"),
        Column("middle_tokens", pa.int64(), "tokens at the checkpoint of the steepest fall"),
        Column("end_tokens", pa.int64(), "tokens at the last checkpoint of the window"),
        Column("icl_drop", pa.float64(), "nats; fall of the smoothed ICL inside the window"),
    ),
)

OVERLAPS = Table(
    "phases_overlaps",
    "whether two signals of a cell change together; each pair once, both defined",
    ("cell", "estimator", "signal", "other"),
    (
        _CELL,
        _ESTIMATOR,
        _SIGNAL,
        Column("other", pa.string(), "a signal after `signal` in the alphabet"),
        Column("overlap", pa.bool_(), "whether the spans from start to end share a point"),
        Column("distance", pa.float64(), "tokens; middle of `other` minus middle of `signal`"),
    ),
    may_be_empty=True,
)

CURVES = Table(
    "phases_curves",
    "each signal at every checkpoint, turned so that its change is a rise; not smoothed",
    ("cell", "signal", "step"),
    (
        _CELL,
        _SIGNAL,
        Column("step", pa.int32(), "optimiser steps done"),
        Column("value", pa.float64(), "unit of the signal"),
        *(
            Column(
                name,
                pa.float64(),
                f"unit of the signal; {which} end of its bootstrap interval; null where nothing "
                "was resampled",
                nullable=True,
            )
            for name, which in (("low", "lower"), ("high", "upper"))
        ),
    ),
)

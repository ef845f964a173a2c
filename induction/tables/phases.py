"""Tables of stage `phases`."""

from induction.tables.columns import CELL, STEP, flag, float64, int32, int64, text
from induction.tables.contract import Column, Table

_SIGNAL = text(
    "signal",
    "ab, icl, loss_bump, pca_turn, prefix_matching or qk_trace; see induction/stats/signals.py",
)
_ESTIMATOR = text("estimator", "levels or slope; see stats/change_points.py")
_DRAW = int32("draw", "resample of the sequences, the same in every cell; 0: each once")


def _interval(stem: str, unit: str, where: str) -> tuple[Column, Column]:
    about = f"end of its bootstrap interval; null where {where}"
    return (
        float64(f"{stem}low", f"{unit}; lower {about}", nullable=True),
        float64(f"{stem}high", f"{unit}; upper {about}", nullable=True),
    )


def _with_interval(name: str, unit: str, what: str, where: str) -> tuple[Column, ...]:
    no_draws = f"{where} or nothing was resampled"
    return (
        float64(name, f"{unit}; {what}; null where {where}", nullable=True),
        *_interval(f"{name.removesuffix('_tokens')}_", unit, no_draws),
    )


PHASES = Table(
    "phases",
    "whether and when each signal of each cell changes, by two estimators",
    (CELL, _SIGNAL, _ESTIMATOR),
    (
        flag("is_defined", "whether the signal changes; the same for both"),
        text("reason", "why there is no change; empty where there is one"),
        *_with_interval("rise", "unit of the signal", "after minus before", "there is no curve"),
        *_with_interval("start_tokens", "tokens", "the change begins", "there is no change"),
        *_with_interval("middle_tokens", "tokens", "its middle", "there is no change"),
        *_with_interval("end_tokens", "tokens", "it is over", "there is no change"),
    ),
)

WINDOWS = Table(
    "phases_windows",
    "where ICL falls fastest, by the published rule, and whether that is a phase change",
    (CELL,),
    (
        flag("is_phase_change", "by phases.min_drop and phases.min_final"),
        int64("start_tokens", "tokens at the first checkpoint of the window"),
        int64("middle_tokens", "tokens at the checkpoint of the steepest fall"),
        int64("end_tokens", "tokens at the last checkpoint of the window"),
        float64("icl_drop", "nats; fall of the smoothed ICL inside the window"),
    ),
)

DATE_DRAWS = Table(
    "phases_date_draws",
    "when each signal that changes does so in bootstrap resamples; the rows of draw 0 are phases'",
    (CELL, _SIGNAL, _ESTIMATOR, _DRAW),
    tuple(
        float64(f"{name}_tokens", f"tokens; {what}; null where the draw does not rise", True)
        for name, what in (
            ("start", "the change begins"),
            ("middle", "its middle"),
            ("end", "it is over"),
        )
    ),
    may_be_empty=True,
)

WINDOW_DRAWS = Table(
    "phases_window_draws",
    "the window of ICL, by the rule of phases_windows, in bootstrap resamples",
    (CELL, _DRAW),
    (
        flag("is_phase_change", "by phases.min_drop and phases.min_final; 0 is phases_windows'"),
        float64("icl_drop", "nats; fall of the smoothed ICL inside the draw's own window"),
    ),
)

OVERLAPS = Table(
    "phases_overlaps",
    "whether two signals of a cell change together; each pair once, both defined",
    (CELL, _ESTIMATOR, _SIGNAL, text("other", "a signal after `signal` in the alphabet")),
    (
        flag("overlap", "whether the spans from start to end share a point"),
        float64("distance", "tokens; middle of `other` minus middle of `signal`"),
    ),
    may_be_empty=True,
)

CURVES = Table(
    "phases_curves",
    "each signal at every checkpoint, turned so that its change is a rise; not smoothed",
    (CELL, _SIGNAL, STEP),
    (
        float64("value", "unit of the signal"),
        *_interval("", "unit of the signal", "nothing was resampled"),
    ),
)

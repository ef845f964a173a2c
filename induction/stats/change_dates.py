"""The tables of stage `phases`, row by row: every signal of every cell, and when it changes."""

from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float

from induction.config.cells import Cell
from induction.config.icl import IclSettings
from induction.config.model import Architecture
from induction.config.phases import PhaseSettings
from induction.stats.bootstrap import resamples
from induction.stats.change_points import (
    ESTIMATORS,
    detect_change,
    icl_windows,
    overlaps,
    undefined_change,
)
from induction.stats.intervals import with_interval
from induction.stats.signals import (
    Measurements,
    Undefined,
    find_control,
    means,
    principal_plane,
    signal_curves,
)
from induction.tables.contract import Table
from induction.tables.phases import CURVES, DATE_DRAWS, OVERLAPS, PHASES, WINDOW_DRAWS, WINDOWS

NO_CHANGE = Undefined("the phase rule finds no change of ICL, so no before and after")


def phase_rows(
    grid: dict[str, Cell],
    models: dict[str, Architecture],
    measurements: dict[str, Measurements],
    tokens_per_step: int,
    icl: IclSettings,
    rule: PhaseSettings,
) -> dict[Table, list[dict[str, Any]]]:
    """The rows of all tables of a grid, whose cells are sorted; cells on one text are alike.

    Draws are of the same sequences in every cell, so that a difference between cells, and a mean
    over them, has its error.
    """

    @cache
    def weights(n_seq: int) -> np.ndarray:
        return resamples(n_seq, icl.bootstrap_draws, icl.bootstrap_seed)

    compared = [measurements[name].loss_vectors for name in grid if grid[name].is_comparable]
    plane = principal_plane(np.concatenate(compared)) if compared else None
    rows: dict[Table, list[dict[str, Any]]] = {
        table: [] for table in (CURVES, DATE_DRAWS, OVERLAPS, PHASES, WINDOW_DRAWS, WINDOWS)
    }
    for name in grid:
        cell, control = measurements[name], find_control(name, grid, models)
        tokens = cell.steps.astype(np.float64) * tokens_per_step
        icl_curves = means(cell.icl, weights(len(cell.icl)))
        final_low = with_interval(icl_curves[:, -1], icl.interval)[1]
        windows = icl_windows(icl_curves, final_low, tokens, rule)
        window = windows.of_draw_0
        rows[WINDOWS].append(
            {
                "cell": name,
                "is_phase_change": window.is_phase_change,
                "start_tokens": int(tokens[window.first]),
                "middle_tokens": int(tokens[window.peak]),
                "end_tokens": int(tokens[window.last]),
                "icl_drop": window.drop,
            }
        )
        rows[WINDOW_DRAWS] += [
            {"cell": name, "draw": draw, "is_phase_change": is_change, "icl_drop": drop}
            for draw, (is_change, drop) in enumerate(
                zip(windows.is_phase_change, windows.drop, strict=True)
            )
        ]
        curves = signal_curves(
            cell,
            control if isinstance(control, Undefined) else measurements[control],
            (window.first, window.last) if window.is_phase_change else NO_CHANGE,
            plane,
            weights,
        )
        changes = {}
        for signal, curve in sorted(curves.items()):
            if isinstance(curve, Undefined):
                changes[signal] = undefined_change(curve.reason)
                continue
            min_rise = getattr(rule.min_rise, signal)
            changes[signal] = detect_change(curve, tokens, min_rise, rule, icl.interval)
            rows[CURVES] += [
                {"cell": name, "signal": signal, "step": step, **_columns("value", at, "")}
                for step, at in zip(cell.steps, with_interval(curve, icl.interval), strict=True)
            ]
        rows[PHASES] += [
            {
                "cell": name,
                "signal": signal,
                "estimator": estimator,
                "is_defined": not change.reason,
                "reason": change.reason,
                **_columns("rise", change.rise, "rise_"),
                **_columns("start_tokens", change.dates[estimator][0], "start_"),
                **_columns("middle_tokens", change.dates[estimator][1], "middle_"),
                **_columns("end_tokens", change.dates[estimator][2], "end_"),
            }
            for signal, change in changes.items()
            for estimator in ESTIMATORS
        ]
        rows[DATE_DRAWS] += [
            {
                "cell": name,
                "signal": signal,
                "estimator": estimator,
                "draw": draw,
                **dict(zip(("start_tokens", "middle_tokens", "end_tokens"), dates, strict=True)),
            }
            for signal, change in changes.items()
            for estimator in ESTIMATORS
            if not change.reason
            # Without sequences to resample, the same in every draw.
            for draw, dates in enumerate(
                np.broadcast_to(change.resampled[estimator], (len(icl_curves), 3))
            )
        ]
        rows[OVERLAPS] += [
            {"cell": name, "estimator": estimator, **pair._asdict()}
            for estimator in ESTIMATORS
            for pair in overlaps(
                {
                    signal: change.dates[estimator][:, 0]
                    for signal, change in changes.items()
                    if not change.reason
                }
            )
        ]
    return rows


def _columns(
    name: str, triple: Float[np.ndarray, "value_low_high=3"], ends: str
) -> dict[str, float]:
    return dict(zip((name, f"{ends}low", f"{ends}high"), triple, strict=True))

"""The tables of stage `phases`, row by row: every signal of every cell, and what it does."""

from functools import cache

import numpy as np

from induction.config.cells import Cell
from induction.config.icl import IclSettings
from induction.config.model import Architecture
from induction.config.phases import PhaseSettings
from induction.stats.change_points import (
    ESTIMATORS,
    change,
    icl_window,
    overlaps,
    unknown,
    with_interval,
)
from induction.stats.signals import (
    SIGNALS,
    Measured,
    Missing,
    control_of,
    curves_of,
    means,
    plane,
    resamples,
)
from induction.tables.contract import Table
from induction.tables.phases import CURVES, OVERLAPS, PHASES, WINDOWS

# Of every table its rows, each in the order of the table's columns.
Rows = dict[Table, list[tuple]]


def dated(
    grid: dict[str, Cell],
    models: dict[str, Architecture],
    found: dict[str, Measured],
    tokens_per_step: int,
    icl: IclSettings,
    rule: PhaseSettings,
) -> Rows:
    """The rows of all tables of a grid, whose cells are sorted; cells on one text are alike."""

    @cache
    def weights(n_seq: int) -> np.ndarray:
        return resamples(n_seq, icl.bootstrap_draws, icl.bootstrap_seed)

    compared = [found[cell].sampled for cell, own in grid.items() if own.is_on_its_text]
    axes = plane(np.concatenate(compared)) if compared else None
    rows: Rows = {table: [] for table in (CURVES, OVERLAPS, PHASES, WINDOWS)}
    for cell in grid:
        own, control = found[cell], control_of(cell, grid, models)
        control = control if isinstance(control, Missing) else found[control]
        tokens = own.steps.astype(np.float64) * tokens_per_step
        icl_curves = means(own.icl, weights(len(own.icl)))
        final_low = with_interval(icl_curves[:, -1], icl.interval)[1]
        window = icl_window(icl_curves[0], final_low, tokens, rule)
        edges = (
            (window.first, window.last)
            if window.is_phase_change
            else Missing("the phase rule finds no change of ICL, so no before and after")
        )
        first, peak, last = (int(tokens[i]) for i in window[:3])
        rows[WINDOWS].append((cell, window.is_phase_change, first, peak, last, window.drop))

        dates = {}
        curves = curves_of(own, control, edges, axes, weights)
        for signal in SIGNALS:
            curve = curves[signal]
            if isinstance(curve, Missing):
                dates[signal] = unknown(curve.reason)
                continue
            least = getattr(rule.min_rise, signal)
            dates[signal] = change(curve, tokens, least, rule, icl.interval)
            ends = with_interval(curve, icl.interval)
            rows[CURVES] += [(cell, signal, *at) for at in zip(own.steps, *ends.T, strict=True)]
        changes = {signal: its for signal, its in dates.items() if not its.reason}
        rows[PHASES] += [
            (cell, signal, name, not its.reason, its.reason, *its.rise, *its.dates[name].ravel())
            for signal, its in dates.items()
            for name in ESTIMATORS
        ]
        rows[OVERLAPS] += [
            (cell, name, *pair)
            for name in ESTIMATORS
            for pair in overlaps({s: its.dates[name][:, 0] for s, its in changes.items()})
        ]
    return rows

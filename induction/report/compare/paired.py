"""B − A sequence by sequence: the difficulty of sequences that both sides read cancels."""

from math import floor, log10

import numpy as np
from jaxtyping import Float

from induction.config.icl import IclSettings
from induction.report import sequences
from induction.report.compare.measures import CellValues, Estimate, printed
from induction.report.sequences import DECIMALS
from induction.report.summary import DIGITS
from induction.stats.bootstrap import resamples
from induction.stats.intervals import equal_tailed

# Measures that are means over sequences: a column of sequences.csv, or the difference of two.
MEANS = {
    "icl_matched": ("late", "late_short"),
    "icl_final": ("late", "early"),
    "icl_paper_points": ("late_point", "early_point"),
    "loss_final": ("loss",),
}
# The keys of section `icl` that say at which positions each is read.
READ_AT = {
    "icl_matched": ("windows",),
    "icl_final": ("windows",),
    "icl_paper_points": ("early_point", "late_point"),
    "loss_final": (),
}

# The values of one cell, by the keys of MEANS.
PerSequence = dict[str, Float[np.ndarray, "seq"]]
Key = tuple[str, str]  # cell and measure


def of_cells(content: str, cells: dict[str, CellValues]) -> dict[str, PerSequence]:
    """The measures of every sequence, by the cells of sequences.csv.

    Raises ValueError for content that no report has, and if its means are not those of `cells`.
    """
    measures = {printed(name): _measures(means) for name, means in sequences.read(content).items()}
    unmatched = measures.keys() ^ cells.keys()
    if unmatched:
        name = min(unmatched)
        raise ValueError(f"found {name!r} in one of it and metrics.json, expected it in both")
    for cell, by_key in measures.items():
        for key, values in by_key.items():
            if key in cells[cell]:
                _check(float(values.mean()), cells[cell][key], key, f"{cell}.{key}")
    return measures


def _measures(means: sequences.Means) -> PerSequence:
    return {
        key: means[names[0]] - (means[names[1]] if len(names) == 2 else 0)
        for key, names in MEANS.items()
        if means.keys() >= {*names}
    }


def _check(mean: float, reported: Estimate | str | None, key: str, where: str) -> None:
    """Rounding moves each mean of the file by at most half a unit of its last decimal, and the
    reported value by half a unit of its last digit."""
    value = reported.value if isinstance(reported, Estimate) else None
    last_digit = 10.0 ** (floor(log10(abs(value))) + 1 - DIGITS) if value else 0
    tolerance = 0.501 * (len(MEANS[key]) * 10**-DECIMALS + last_digit)
    if value is None or abs(mean - value) > tolerance:
        raise ValueError(f"{where}: found a mean of {mean:.6g}, expected {value} of metrics.json")


def intervals(
    differences: dict[Key, Float[np.ndarray, "seq"]], icl: IclSettings
) -> dict[Key, tuple[float, float]]:
    """Percentile intervals of their means, by the draws of the intervals of the reports.

    All differences must have the same number of sequences.
    """
    if not differences:
        return {}
    values = np.stack(list(differences.values()), axis=1)
    weights = resamples(len(values), icl.bootstrap_draws, icl.bootstrap_seed)[1:]
    low, high = equal_tailed(weights @ values / len(values), icl.interval)
    return dict(zip(differences, zip(low.tolist(), high.tolist(), strict=True), strict=True))

"""B − A sequence by sequence: where both sides read the same ones, what is hard in them cancels."""

import numpy as np
from jaxtyping import Float

from induction.config.icl import IclSettings
from induction.report import sequences
from induction.report.compare.measures import Estimate, Found, printed
from induction.report.sequences import DECIMALS
from induction.stats.bootstrap import resamples
from induction.stats.intervals import equal_tailed

# Measures that are means over sequences: of which mean, or of which of two the difference.
MEANS = {
    "icl_final": ("late", "early"),
    "icl_paper_points": ("late_point", "early_point"),
    "loss_final": ("loss",),
}
# What of section `icl` says where they are read: elsewhere it is another measure.
READ_AT = {
    "icl_final": ("windows",),
    "icl_paper_points": ("early_point", "late_point"),
    "loss_final": (),
}

# Of one cell, by the keys of MEANS.
PerSequence = dict[str, Float[np.ndarray, "seq"]]
Key = tuple[str, str]  # cell and measure


def of_cells(content: str, cells: dict[str, Found]) -> dict[str, PerSequence]:
    """The measures of every sequence, by the cells of sequences.csv.

    Raises ValueError for what is none of it, and if its means are not those of `cells`.
    """
    found = {printed(name): _measures(means) for name, means in sequences.read(content).items()}
    odd = found.keys() ^ cells.keys()
    if odd:
        raise ValueError(f"found {min(odd)!r} in one of it and metrics.json, expected it in both")
    for cell, own in found.items():
        for key, values in own.items():
            if key in cells[cell]:
                _check(float(values.mean()), cells[cell][key], key, f"{cell}.{key}")
    return found


def _measures(means: sequences.Means) -> PerSequence:
    return {
        key: means[names[0]] - (means[names[1]] if len(names) == 2 else 0)
        for key, names in MEANS.items()
    }


def _check(mean: float, said: Estimate | str | None, key: str, where: str) -> None:
    """Each mean in the file is off by half a unit of its last decimal at most."""
    reach = 0.501 * len(MEANS[key]) * 10**-DECIMALS
    if not isinstance(said, Estimate) or abs(mean - said.value) > reach:
        value = said.value if isinstance(said, Estimate) else said
        raise ValueError(f"{where}: found a mean of {mean:.6g}, expected {value} of metrics.json")


def intervals(
    differences: dict[Key, Float[np.ndarray, "seq"]], icl: IclSettings
) -> dict[Key, tuple[float, float]]:
    """Percentile intervals of their means, by the draws of the reports' own intervals.

    All are of as many sequences.
    """
    if not differences:
        return {}
    values = np.stack(list(differences.values()), axis=1)
    weights = resamples(len(values), icl.bootstrap_draws, icl.bootstrap_seed)[1:]
    low, high = equal_tailed(weights @ values / len(values), icl.interval)
    return dict(zip(differences, zip(low.tolist(), high.tolist(), strict=True), strict=True))

"""Why claims that fail may fail: what their definitions and the recipe of training say.

A sentence is shown where the claim is contradicted, or inconclusive on the side that fails.
"""

from collections.abc import Mapping
from statistics import fmean

from induction.report.formatting import listed
from induction.report.rows import Rows

_ONE_MISS = (
    "The rule asks for all cases: one in which the two changes lie apart, or one of them is "
    "missing, fails it."
)
_LATE = (
    "Models with such positions change later, and may need a longer training than they get here."
)
# The claims that a signal changes when in-context learning does; signals as in table phases.
DATED = {
    "prefix_matching_in_window": "prefix_matching",
    "loss_bump_in_window": "loss_bump",
    "pca_turns_in_window": "pca_turn",
    "qk_trace_in_window": "qk_trace",
}
# By claim: from the definition of its statistic.
BY_DEFINITION = dict.fromkeys(DATED, _ONE_MISS) | {
    "icl_forms_in_window": "A model in which the phase rule finds no change counts as zero, "
    "however much it learns in context.",
    "pca_right_angle": "The paper judges this angle by eye; the bound of 60° is ours.",
    "random_repeats_beat_chance": "A model of text expects tokens that are common in text, so that "
    "random ones cost it far more than an even guess when they first come. Induction has to make "
    "up for this, too.",
    "new_continuations_worsen": "This is the change of the loss itself. Whatever else the model "
    "learns in the window lowers it, and can hide what induction costs these tokens.",
    "icl_moves_as_a_whole": "A model in which the phase rule finds no change counts as zero, "
    "however much it learns in context.",
    "exact_induction": "The exact pattern knows matches of one token alone. What matches of three "
    "tokens add is a claim of its own.",
    "prefix_matching_with_copying": "The paper gives no formula for the copying score. On our "
    "reading of its scale random heads lie far below zero, so that a score above zero asks for "
    "much more than copying above chance. Whether they copy more than other heads, on any scale, "
    "is a claim of its own.",
    "size_helps_early_tokens": "The statistic divides one small difference between two models by "
    "another, so that its error is large.",
}
# By claim: from the length of our training, which says nothing of the models of others.
BY_TRAINING = {
    "window_is_narrow": "The paper trains on 10 billion tokens, this study on some millions. The "
    "change takes a larger part of so short a training.",
    "rotary_changes": _LATE,
    "learned_changes": _LATE,
}


def explanation(row: Mapping, dates: Rows, of_others: bool) -> str:
    """Of a row of table claims; empty if there is none. `dates` are rows of phases.sql,
    `of_others`: models not trained here."""
    if not _fails(row):
        return ""
    known = BY_DEFINITION if of_others else BY_DEFINITION | BY_TRAINING
    return " ".join(filter(None, (known.get(row["claim"], ""), _timing(row, dates))))


def _timing(row: Mapping, dates: Rows) -> str:
    """How long before or after in-context learning the signal of a dated claim changes."""
    signal, cells = DATED.get(row["claim"]), row["cells"].split()
    middles = {
        (each["cell"], each["estimator"], each["signal"]): each["middle_tokens"] / 1e6
        for each in dates
        if each["is_defined"]
    }
    lags: dict[str, list[float]] = {}
    for cell, estimator, name in middles:
        if name == signal and cell in cells and (cell, estimator, "icl") in middles:
            lag = middles[cell, estimator, signal] - middles[cell, estimator, "icl"]
            lags.setdefault(estimator, []).append(lag)
    if not lags:
        return ""
    parts = []
    for estimator in sorted(lags):
        lag = fmean(lags[estimator])
        where = "it" if parts else "that of in-context learning"
        when = "after" if lag > 0 else "before"
        parts.append(f"{abs(lag):.2f} M tokens {when} {where} by {estimator}")
    return f"On average, the middle of this change lies {listed(parts)}."


def _fails(row: Mapping) -> bool:
    if row["verdict"] != "inconclusive" or row["value"] is None:
        return row["verdict"] == "contradicted"
    above = row["value"] >= row["bound"]
    return not above if row["side"] == "at least" else above and row["value"] != row["bound"]

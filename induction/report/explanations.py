"""Why claims that fail may fail: what their definitions and the recipe of training say.

A sentence is shown where the claim is contradicted, or inconclusive on the side that fails.
"""

_ONE_MISS = (
    "The rule asks for all cases, so that a single one in which the two dates lie apart, or one of "
    "them is missing, fails it."
)
_LATE = (
    "Models with such positions change later, and may need a longer training than they get here."
)
# By claim: from the definition of its statistic.
BY_DEFINITION = {
    "icl_forms_in_window": "A model in which the phase rule finds no change counts as zero, "
    "however much it learns in context.",
    "prefix_matching_in_window": _ONE_MISS,
    "loss_bump_in_window": _ONE_MISS,
    "pca_turns_in_window": _ONE_MISS,
    "qk_trace_in_window": _ONE_MISS,
    "pca_right_angle": "The paper judges this angle by eye; that 60° are enough is our rule.",
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


def explanation(row: dict, of_others: bool) -> str:
    """Of a row of table claims; empty if there is none. `of_others`: models not trained here."""
    known = BY_DEFINITION if of_others else BY_DEFINITION | BY_TRAINING
    return known.get(row["claim"], "") if _fails(row) else ""


def _fails(row: dict) -> bool:
    if row["verdict"] != "inconclusive" or row["value"] is None:
        return row["verdict"] == "contradicted"
    above = row["value"] >= row["bound"]
    return not above if row["side"] == "at least" else above and row["value"] != row["bound"]

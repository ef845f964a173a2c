"""The kind of a head, from its scores."""

from typing import Literal

from induction.config.heads import KindThresholds

Kind = Literal["induction", "previous_token", "positional", "other"]


def kind_of(
    prefix_matching: float,
    prefix_matching_gap: float,
    same_token: float,
    previous_token: float,
    thresholds: KindThresholds,
) -> Kind:
    """The kind of a head with these scores, all shares of attention in [0, 1].

    Olsson et al. 2022 colour heads "previous token", "induction" and "other" without giving
    thresholds: these are ours. A head that matches prefixes only where the repeat comes at a fixed
    distance, or that attends to the token itself more than to the one after, is `positional`: it
    need not compare tokens to do so.
    """
    if prefix_matching >= thresholds.induction:
        finds_tokens = prefix_matching_gap >= thresholds.shortcut * prefix_matching
        return "induction" if finds_tokens and prefix_matching > same_token else "positional"
    return "previous_token" if previous_token >= thresholds.previous_token else "other"

"""Section `phases`: the rules that say whether and when something changes."""

from typing import Annotated

from pydantic import Field

from induction.config.strict import Share, settings, within

# Below, what rounding leaves of a flat curve could count as a change, and have no date.
Rise = Annotated[float, within(0.001, 100, "no signal of these models rises by more")]
# Guessing among 65,535 tokens costs 11 nats: no loss falls by more than this bound.
Nats = Annotated[float, Field(gt=0, le=100, description="nats")]


@settings
class MinRise:
    """By how much a signal must rise to have changed, each in the signal's unit."""

    ab: Rise
    icl: Rise
    loss_bump: Rise
    pca_turn: Rise
    prefix_matching: Rise
    qk_trace: Rise


@settings
class PhaseSettings:
    """`smoothing` … `min_final` are the published rule for ICL, as implemented in
    induction/stats/change_points.py."""

    smoothing: Annotated[int, within(0, 10_000, "there are no more checkpoints")]
    peak_share: Share
    min_drop: Nats
    min_final: Nats
    min_checkpoints: Annotated[int, within(2, 10_000, "there are no more checkpoints")]
    min_rise: MinRise

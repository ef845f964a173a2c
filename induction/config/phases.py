"""Section `phases`: the rules that say whether and when something changes."""

from dataclasses import dataclass

from induction.config.strict import require, require_range


@dataclass(frozen=True)
class MinRise:
    """By how much a signal must rise to have changed, each in the signal's own unit."""

    ab: float
    icl: float
    loss_bump: float
    pca_turn: float
    prefix_matching: float
    qk_trace: float

    def check(self, key: str) -> None:
        # Below, what rounding leaves of a flat curve could count as a change, and have no date.
        names = tuple(self.__dataclass_fields__)
        require_range(self, key, names, 0.001, 100, "no signal of these models rises by more")


@dataclass(frozen=True)
class PhaseSettings:
    """`smoothing` … `min_final` are the published rule for ICL, as implemented in
    induction/stats/change_points.py."""

    smoothing: int
    peak_share: float
    min_drop: float
    min_final: float
    min_checkpoints: int
    min_rise: MinRise

    def check(self, key: str) -> None:
        require_range(self, key, ("smoothing",), 0, 10_000, "there are no more checkpoints")
        require_range(self, key, ("min_checkpoints",), 2, 10_000, "there are no more checkpoints")
        require(
            0 < self.peak_share < 1,
            f"{key}.peak_share",
            self.peak_share,
            "a share in (0, 1)",
            "correct it",
        )
        for name in ("min_drop", "min_final"):
            value = getattr(self, name)
            # No loss of these models falls by more: guessing among 65,535 tokens costs 11 nats.
            require(0 < value <= 100, f"{key}.{name}", value, "nats in (0, 100]", "correct it")

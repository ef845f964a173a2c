"""Section `report`: the published phase rule, and how figures are binned."""

from dataclasses import dataclass

from stages.settings.strict import require, require_range


@dataclass(frozen=True)
class Phase:
    """The rule that finds a phase change in an ICL curve; see stages/sql/report/phase.sql."""

    smoothing: int
    peak_share: float
    min_drop: float
    min_final: float

    def check(self, key: str) -> None:
        require_range(self, key, ("smoothing",), 0, 10_000, "there are no more checkpoints")
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


@dataclass(frozen=True)
class Report:
    phase: Phase
    position_bins: int
    slope_reach: int

    def check(self, key: str) -> None:
        require_range(self, key, ("position_bins",), 4, 200, "bins of one picture")
        require(
            1 <= self.slope_reach < self.position_bins,
            f"{key}.slope_reach",
            self.slope_reach,
            f"1 … {self.position_bins - 1}, fewer than position_bins",
            "correct it",
        )

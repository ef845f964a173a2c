"""Section `report`: how figures are binned."""

from dataclasses import dataclass

from induction.config.strict import require, require_range


@dataclass(frozen=True)
class ReportSettings:
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

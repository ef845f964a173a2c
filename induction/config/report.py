"""Section `report`: how figures are binned."""

from typing import Annotated

from induction.config.errors import require
from induction.config.strict import settings, within


@settings
class ReportSettings:
    position_bins: Annotated[int, within(4, 200, "bins of one picture")]
    slope_reach: Annotated[int, within(1, 199, "fewer than position_bins")]

    def __post_init__(self) -> None:
        require(
            self.slope_reach < self.position_bins,
            "slope_reach",
            self.slope_reach,
            f"at most {self.position_bins - 1}, fewer than position_bins",
            "lower it",
        )

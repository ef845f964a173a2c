"""Section `losses`: how the evaluation set is fed."""

from typing import Annotated

from induction.config.strict import settings, within


@settings
class LossSettings:
    batch: Annotated[int, within(1, 65_536, "their activations fill the memory")]

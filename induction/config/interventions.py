"""Section `interventions`: what is done to the heads of the circuit together, and when."""

from typing import Annotated

from induction.config.corpus import check_available
from induction.config.strict import Seed, settings, within


@settings
class InterventionSettings:
    # Some masks of n_ctx² keys are kept for every sequence.
    sequences: Annotated[int, within(2, 1_000, "their attention is in memory at once")]
    every: Annotated[int, within(1, 1_000_000, "checkpoints")]
    draws: Annotated[int, within(1, 1_000, "each is a run of the model")]
    seed: Seed

    def check_fits(self, key: str, eval_sequences: int) -> None:
        check_available(f"{key}.sequences", self.sequences, eval_sequences)

"""Section `interventions`: what is done to the heads of the circuit together, and when."""

from dataclasses import dataclass

from induction.config.strict import MAX_SEED, require, require_range


@dataclass(frozen=True)
class InterventionSettings:
    sequences: int
    every: int
    draws: int
    seed: int

    def check(self, key: str) -> None:
        # Some masks of n_ctx² keys are kept for every sequence.
        require_range(self, key, ("sequences",), 2, 1_000, "their attention is in memory at once")
        require_range(self, key, ("every",), 1, 1_000_000, "checkpoints")
        require_range(self, key, ("draws",), 1, 1_000, "each is a run of the model")
        require_range(self, key, ("seed",), 0, MAX_SEED)

    def check_fits(self, key: str, eval_sequences: int) -> None:
        require(
            self.sequences <= eval_sequences,
            f"{key}.sequences",
            self.sequences,
            f"at most corpus.evaluation.sequences = {eval_sequences}",
            "lower it or enlarge the evaluation set",
        )

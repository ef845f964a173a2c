"""Section `ablations`: which heads are removed, how, on how much text."""

from dataclasses import dataclass
from typing import Literal

from induction.config.strict import require, require_range


@dataclass(frozen=True)
class AblationSettings:
    sequences: int
    other_sequences: int
    modes: tuple[Literal["full", "pattern"], ...]
    replacements: tuple[Literal["zero", "mean", "resample"], ...]

    @property
    def others(self) -> tuple[Literal["mean", "resample"], ...]:
        """The replacements that are a check on zero, on fewer sequences."""
        return tuple(own for own in self.replacements if own != "zero")

    def rows(self, heads: int) -> int:
        """Of the table, at one checkpoint of a model with that many heads."""
        per_mode = self.sequences + len(self.others) * self.other_sequences
        return self.sequences + heads * len(self.modes) * per_mode

    def check(self, key: str) -> None:
        why = "the tables number them in 16 bits"
        require_range(self, key, ("sequences",), 2, 32_767, why)
        # Of one sequence, the next is itself.
        require_range(
            self, key, ("other_sequences",), 2, self.sequences, f"the first of {key}.sequences"
        )
        require(
            0 < len(set(self.modes)) == len(self.modes),
            f"{key}.modes",
            list(self.modes),
            "full, pattern or both, each once",
            "correct the list",
        )
        require(
            "zero" in self.replacements and len(set(self.replacements)) == len(self.replacements),
            f"{key}.replacements",
            list(self.replacements),
            "zero, and mean, resample or both, each once",
            "correct the list",
        )

    def check_fits(self, key: str, eval_sequences: int) -> None:
        require(
            self.sequences <= eval_sequences,
            f"{key}.sequences",
            self.sequences,
            f"at most corpus.evaluation.sequences = {eval_sequences}",
            "lower it or enlarge the evaluation set",
        )

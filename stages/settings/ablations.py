"""Section `ablations`: which heads are removed, how, on how much text."""

from dataclasses import dataclass
from typing import Literal

from stages.settings.strict import require, require_range


@dataclass(frozen=True)
class Ablations:
    sequences: int
    modes: tuple[Literal["full", "pattern"], ...]

    def check(self, key: str) -> None:
        require_range(self, key, ("sequences",), 2, 32_767, "the tables number them in 16 bits")
        require(
            0 < len(set(self.modes)) == len(self.modes),
            f"{key}.modes",
            list(self.modes),
            "full, pattern or both, each once",
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

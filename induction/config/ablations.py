"""Section `ablations`: which heads are removed, how, on how much text."""

from typing import Annotated, Literal

from induction.config.corpus import check_available
from induction.config.errors import require
from induction.config.strict import Distinct, settings, within


@settings
class AblationSettings:
    sequences: Annotated[int, within(2, 32_767, "the tables number them in 16 bits")]
    # At least two, because resampling takes the next sequence.
    other_sequences: Annotated[int, within(2, 32_767, "the first of ablations.sequences")]
    modes: Distinct[Literal["full", "pattern"]]
    replacements: Distinct[Literal["zero", "mean", "resample"]]

    def __post_init__(self) -> None:
        require(
            self.other_sequences <= self.sequences,
            "other_sequences",
            self.other_sequences,
            f"at most ablations.sequences = {self.sequences}, of which they are the first",
            "lower it",
        )
        require(
            "zero" in self.replacements,
            "replacements",
            list(self.replacements),
            "zero among them, on which the others are a check",
            "add zero",
        )

    @property
    def others(self) -> tuple[Literal["mean", "resample"], ...]:
        """The replacements that are a check on zero, on fewer sequences."""
        return tuple(name for name in self.replacements if name != "zero")

    def rows(self, heads: int) -> int:
        """Rows of the table at one checkpoint of a model with that many heads."""
        per_mode = self.sequences + len(self.others) * self.other_sequences
        return self.sequences + heads * len(self.modes) * per_mode

    def check_fits(self, key: str, eval_sequences: int) -> None:
        check_available(f"{key}.sequences", self.sequences, eval_sequences)

"""Section `circuits`: which checkpoints are read, how much of each, and what is a circuit."""

from typing import Annotated, Literal

from induction.config.corpus import check_available
from induction.config.errors import require
from induction.config.strict import Distinct, settings, within

Moment = Literal["first", "start", "middle", "end", "last"]
Sequences = Annotated[int, within(2, 1_000, "their activations are in memory at once")]
Side = Annotated[int, within(2, 128, "each pair of positions is a row")]
Rows = Annotated[int, within(1, 1_000, "rows and columns of a table in the report")]
Count = Annotated[int, within(1, 10**9, "of tokens in training")]


@settings
class CircuitRule:
    diagonal: Annotated[float, within(0, 1)]
    copying: Annotated[float, within(0, 1)]
    necessary: Annotated[float, within(0, 100, "nats")]


@settings
class ShownSettings:
    block: Side
    repeats: Annotated[int, within(2, 16, "a probe has at most 256 tokens")]
    text: Side
    offsets: Annotated[int, within(2, 128, "columns of one picture")]

    def __post_init__(self) -> None:
        require(
            self.probe_length <= 256,
            "block",
            self.block,
            f"a probe of at most 256 tokens, got {self.probe_length}",
            "lower block or repeats",
        )

    @property
    def probe_length(self) -> int:
        """Tokens of the probe: BOS and the repeated block."""
        return 1 + self.block * self.repeats


@settings
class CircuitSettings:
    checkpoints: Distinct[Moment]
    sequences: Sequences
    trial_sequences: Sequences
    replacements: Distinct[Literal["mean", "zero"]]
    rule: CircuitRule
    sources: Annotated[int, within(1, 100_000, "tokens, of which no vocabulary has more")]
    entries: Rows
    columns: Rows
    min_count: Count
    context: Annotated[int, within(2, 1_000_000, "no context is longer")]
    counted: Annotated[int, within(1_000, 100_000_000, "they are sorted in memory")]
    among: Rows
    min_seen: Count
    shown: ShownSettings

    def check_fits(self, key: str, tokens: int, eval_sequences: int) -> None:
        for name in ("sequences", "trial_sequences"):
            check_available(f"{key}.{name}", getattr(self, name), eval_sequences)
        shown = self.shown
        lengths = {"block": shown.probe_length, "text": shown.text, "offsets": shown.offsets}
        for name, length in lengths.items():
            require(
                length < tokens,
                f"{key}.shown.{name}",
                getattr(shown, name),
                f"fewer than corpus.evaluation.tokens = {tokens}, got {length}",
                "lower it",
            )

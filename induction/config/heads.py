"""Section `heads`: the probes that say what a head does."""

from typing import Annotated

from pydantic import Field

from induction.config.errors import require
from induction.config.strict import Listed, Seed, settings, within

Threshold = Annotated[float, within(0, 1, "scores are shares")]
# The patterns of all sequences of a kind are in memory together: for each head, as many numbers as
# the square of their length.
Sequences = Annotated[int, within(1, 1_000, "all their attention patterns are in memory at once")]


@settings
class KindThresholds:
    """Shares of attention from which a head has a name; `shortcut` is a share of its score."""

    induction: Threshold
    previous_token: Threshold
    shortcut: Threshold


@settings
class ChanceSettings:
    """The random orientations that composition scores are compared with."""

    draws: Annotated[int, within(100, 1_000, "all are in memory at once")]
    quantile: Annotated[float, within(0.5, 1, "it is an upper limit")]


@settings
class HeadSettings:
    sequences: Sequences
    block: Annotated[int, within(2, 32_767, "probes must fit corpus.n_ctx")]
    repeats: Annotated[int, within(2, 32_767, "probes must fit corpus.n_ctx")]
    lengths: Listed[int]
    exclude_share: Annotated[float, Field(ge=0, lt=0.5, description="a share at either end")]
    max_gap: Annotated[int, within(1, 32_767, "probes must fit corpus.n_ctx")]
    text_sequences: Sequences
    seed: Seed
    kinds: KindThresholds
    chance: ChanceSettings

    def __post_init__(self) -> None:
        rises = all(a < b for a, b in zip(self.lengths, self.lengths[1:], strict=False))
        require(
            len(self.lengths) > 0 and rises and 2 <= self.lengths[0] <= self.lengths[-1] <= 32_767,
            "lengths",
            list(self.lengths),
            "at least one length of a block, each longer than the one before, from 2 to 32,767",
            "correct the list",
        )

    @property
    def longest(self) -> int:
        """Tokens of the longest probe whose patterns are read: BOS, and the largest gap after
        every repeat."""
        return self._tokens(self.block)

    @property
    def largest_block(self) -> int:
        return max(self.block, *self.lengths)

    def _tokens(self, block: int) -> int:
        return 1 + self.repeats * (block + self.max_gap)

    def check_fits(self, key: str, n_ctx: int, vocab_size: int) -> None:
        """The longest probes must fit the context, and their tokens must exist."""
        usable = int(vocab_size * (1 - 2 * self.exclude_share)) - 1
        for name, at_length, longest in (
            ("block", "repeats", self.block),
            ("lengths", "lengths", self.lengths[-1]),
        ):
            length = self._tokens(longest)
            require(
                length <= n_ctx,
                f"{key}.{at_length}",
                getattr(self, at_length),
                f"probes of at most corpus.n_ctx = {n_ctx} tokens, got {length}",
                f"lower repeats, {name} or max_gap",
            )
            require(
                2 * longest <= usable,
                f"{key}.{name}",
                getattr(self, name),
                f"at most half of the {usable} usable tokens of the vocabulary",
                f"lower {name} or exclude_share, or raise corpus.vocab_size",
            )

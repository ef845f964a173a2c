"""Section `heads`: the probes that say what a head does."""

from dataclasses import dataclass

from stages.settings.strict import MAX_SEED, require, require_range


@dataclass(frozen=True)
class Heads:
    sequences: int
    block: int
    repeats: int
    exclude_share: float
    max_gap: int
    text_sequences: int
    seed: int

    @property
    def longest(self) -> int:
        """Tokens of the longest probe: BOS, and the largest gap after every repeat."""
        return 1 + self.repeats * (self.block + self.max_gap)

    def check(self, key: str) -> None:
        # Patterns of all sequences of a kind are in memory together: n_ctx² numbers per head.
        why = "all their attention patterns are in memory at once"
        require_range(self, key, ("sequences", "text_sequences"), 1, 1_000, why)
        require_range(self, key, ("block", "repeats"), 2, 32_767, "probes must fit corpus.n_ctx")
        require_range(self, key, ("max_gap",), 1, 32_767, "probes must fit corpus.n_ctx")
        require_range(self, key, ("seed",), 0, MAX_SEED)
        require(
            0 <= self.exclude_share < 0.5,
            f"{key}.exclude_share",
            self.exclude_share,
            "a share in [0, 0.5)",
            "correct it",
        )

    def check_fits(self, key: str, n_ctx: int, vocab_size: int) -> None:
        """The longest probe must fit the context, and its tokens must exist."""
        require(
            self.longest <= n_ctx,
            f"{key}.repeats",
            self.repeats,
            f"probes of at most corpus.n_ctx = {n_ctx} tokens, got {self.longest}",
            "lower repeats, block or max_gap",
        )
        usable = int(vocab_size * (1 - 2 * self.exclude_share)) - 1
        require(
            2 * self.block <= usable,
            f"{key}.block",
            self.block,
            f"at most half of the {usable} usable tokens of the vocabulary",
            "lower block or exclude_share, or raise corpus.vocab_size",
        )

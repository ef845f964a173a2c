"""Section `heads`: the probes that say what a head does."""

from dataclasses import dataclass

from induction.config.strict import MAX_SEED, require, require_range


@dataclass(frozen=True)
class KindThresholds:
    """Shares of attention from which a head has a name; `shortcut` is a share of its score."""

    induction: float
    previous_token: float
    shortcut: float

    def check(self, key: str) -> None:
        names = ("induction", "previous_token", "shortcut")
        require_range(self, key, names, 0, 1, "scores are shares")


@dataclass(frozen=True)
class ChanceSettings:
    """The random orientations that composition scores are compared with."""

    draws: int
    quantile: float

    def check(self, key: str) -> None:
        require_range(self, key, ("draws",), 100, 1_000, "all are in memory at once")
        require_range(self, key, ("quantile",), 0.5, 1, "it is an upper limit")


@dataclass(frozen=True)
class HeadSettings:
    sequences: int
    block: int
    repeats: int
    lengths: tuple[int, ...]
    exclude_share: float
    max_gap: int
    text_sequences: int
    seed: int
    kinds: KindThresholds
    chance: ChanceSettings

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

    def check(self, key: str) -> None:
        # Patterns of all sequences of a kind are in memory together: n_ctx² numbers per head.
        why = "all their attention patterns are in memory at once"
        require_range(self, key, ("sequences", "text_sequences"), 1, 1_000, why)
        require_range(self, key, ("block", "repeats"), 2, 32_767, "probes must fit corpus.n_ctx")
        require_range(self, key, ("max_gap",), 1, 32_767, "probes must fit corpus.n_ctx")
        require_range(self, key, ("seed",), 0, MAX_SEED)
        rises = all(a < b for a, b in zip(self.lengths, self.lengths[1:], strict=False))
        require(
            len(self.lengths) > 0 and rises and 2 <= self.lengths[0] <= self.lengths[-1] <= 32_767,
            f"{key}.lengths",
            list(self.lengths),
            "at least one length of a block, each longer than the one before, from 2 to 32,767",
            "correct the list",
        )
        require(
            0 <= self.exclude_share < 0.5,
            f"{key}.exclude_share",
            self.exclude_share,
            "a share in [0, 0.5)",
            "correct it",
        )

    def check_fits(self, key: str, n_ctx: int, vocab_size: int) -> None:
        """The longest probes must fit the context, and their tokens must exist."""
        usable = int(vocab_size * (1 - 2 * self.exclude_share)) - 1
        for name, found, most in (
            ("block", self.block, self.block),
            ("lengths", list(self.lengths), self.lengths[-1]),
        ):
            length = self._tokens(most)
            require(
                length <= n_ctx,
                f"{key}.repeats" if name == "block" else f"{key}.lengths",
                self.repeats if name == "block" else found,
                f"probes of at most corpus.n_ctx = {n_ctx} tokens, got {length}",
                f"lower repeats, {name} or max_gap",
            )
            require(
                2 * most <= usable,
                f"{key}.{name}",
                found,
                f"at most half of the {usable} usable tokens of the vocabulary",
                f"lower {name} or exclude_share, or raise corpus.vocab_size",
            )

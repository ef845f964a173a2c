"""Section `heads`: the probes that say what a head does."""

from dataclasses import dataclass

from stages.settings.strict import require


@dataclass(frozen=True)
class Heads:
    sequences: int
    block: int
    repeats: int
    exclude_share: float
    max_gap: int
    text_sequences: int
    seed: int

    def check(self, key: str) -> None:
        for name, least in (
            ("sequences", 1),
            ("block", 2),
            ("repeats", 2),
            ("max_gap", 1),
            ("text_sequences", 1),
        ):
            value = getattr(self, name)
            require(value >= least, f"{key}.{name}", value, f"at least {least}", "correct it")
        require(
            0 <= self.exclude_share < 0.5,
            f"{key}.exclude_share",
            self.exclude_share,
            "a share in [0, 0.5)",
            "correct it",
        )

    def check_fits(self, key: str, n_ctx: int, vocab_size: int) -> None:
        """The longest probe must fit the context, and its tokens must exist."""
        longest = 1 + self.repeats * (self.block + self.max_gap)
        require(
            longest <= n_ctx,
            f"{key}.repeats",
            self.repeats,
            f"probes of at most corpus.n_ctx = {n_ctx} tokens, got {longest}",
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

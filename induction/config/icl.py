"""Section `icl`: where the in-context-learning score is read, and its interval."""

from typing import Annotated

from induction.config.errors import require
from induction.config.strict import Pair, Seed, Share, settings, within

# A 0-based index into the loss vector of the longest context that the tables can number.
Position = Annotated[int, within(0, 32_765, "corpus.evaluation.tokens is bounded")]


@settings
class IclWindows:
    """Where ICL is read: first and last position of two windows, both included.

    They are equally long: for the matched score the tokens of `late` are read again at the
    positions of `early`.
    """

    early: Pair[Position]
    late: Pair[Position]

    def __post_init__(self) -> None:
        for name in ("early", "late"):
            first, last = window = getattr(self, name)
            require(first <= last, name, list(window), "[first, last], in this order", "order it")
        require(
            self.early[1] < self.late[0],
            "late",
            list(self.late),
            f"a window after early {list(self.early)}",
            "move one of them",
        )
        length, late_length = (last - first for first, last in (self.early, self.late))
        require(
            length == late_length,
            "late",
            list(self.late),
            f"as many positions as early {list(self.early)}, where its tokens are read again",
            "move an end",
        )

    @property
    def length(self) -> int:
        """Positions of each of them."""
        return self.late[1] - self.late[0] + 1

    @property
    def shift(self) -> int:
        """By how many tokens the text is cut short for the matched score."""
        return self.late[0] - self.early[0]

    def check_fits(self, key: str, tokens: int) -> None:
        """An evaluation sequence of so many tokens has one loss less, from position 0 on."""
        _check_reach(f"{key}.late", list(self.late), self.late[1], tokens)


@settings
class IclSettings:
    windows: IclWindows
    early_point: Position
    late_point: Position
    bootstrap_draws: Annotated[int, within(100, 100_000, "each resamples all sequences")]
    bootstrap_seed: Seed
    interval: Share

    def __post_init__(self) -> None:
        require(
            self.early_point < self.late_point,
            "late_point",
            self.late_point,
            f"a position after early_point {self.early_point}",
            "move one of them",
        )

    def check_fits(self, key: str, tokens: int) -> None:
        """All positions must lie in the loss vector."""
        self.windows.check_fits(f"{key}.windows", tokens)
        _check_reach(f"{key}.late_point", self.late_point, self.late_point, tokens)


def _check_reach(key: str, value: object, last: int, tokens: int) -> None:
    require(
        last <= tokens - 2,
        key,
        value,
        f"positions up to {tokens - 2}, because corpus.evaluation.tokens is {tokens}",
        f"raise corpus.evaluation.tokens to at least {last + 2} or move it",
    )

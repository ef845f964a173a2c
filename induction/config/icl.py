"""Section `icl`: where the in-context-learning score is read, and its interval."""

from dataclasses import dataclass

from induction.config.strict import MAX_SEED, require, require_range

LAST_POSITION = 32_765  # of the longest context that the tables can number


@dataclass(frozen=True)
class IclWindows:
    """Where ICL is read. Positions are 0-based indices into the loss vector; ends included."""

    early: tuple[int, int]
    late: tuple[int, int]

    def check(self, key: str) -> None:
        for name in ("early", "late"):
            first, last = getattr(self, name)
            holds = 0 <= first <= last <= LAST_POSITION
            expected = f"[first, last] within 0 … {LAST_POSITION}"
            require(holds, f"{key}.{name}", [first, last], expected, "order it")
        require(
            self.early[1] < self.late[0],
            f"{key}.late",
            list(self.late),
            f"a window after early {list(self.early)}",
            "move one of them",
        )

    def check_fits(self, key: str, n_ctx: int) -> None:
        """A sequence of n_ctx tokens has n_ctx - 1 losses, at positions 0 … n_ctx - 2."""
        _check_reach(f"{key}.late", list(self.late), self.late[1], n_ctx)


@dataclass(frozen=True)
class IclSettings:
    windows: IclWindows
    early_point: int
    late_point: int
    bootstrap_draws: int
    bootstrap_seed: int
    interval: float

    def check(self, key: str) -> None:
        points = ("early_point", "late_point")
        require_range(self, key, points, 0, LAST_POSITION, "corpus.n_ctx is bounded")
        require(
            self.early_point < self.late_point,
            f"{key}.late_point",
            self.late_point,
            f"a position after early_point {self.early_point}",
            "move one of them",
        )
        require_range(self, key, ("bootstrap_draws",), 100, 100_000)
        require_range(self, key, ("bootstrap_seed",), 0, MAX_SEED)
        require(
            0 < self.interval < 1,
            f"{key}.interval",
            self.interval,
            "a share in (0, 1)",
            "correct it",
        )

    def check_fits(self, key: str, n_ctx: int) -> None:
        """All positions must lie in the loss vector."""
        self.windows.check_fits(f"{key}.windows", n_ctx)
        _check_reach(f"{key}.late_point", self.late_point, self.late_point, n_ctx)


def _check_reach(key: str, found: object, last: int, n_ctx: int) -> None:
    require(
        last <= n_ctx - 2,
        key,
        found,
        f"positions up to {n_ctx - 2}, because corpus.n_ctx is {n_ctx}",
        f"raise corpus.n_ctx to at least {last + 2} or move it",
    )

"""Section `claims`: the rules that decide about the paper's claims, fixed before a run."""

from dataclasses import dataclass
from typing import Literal

from induction.config.strict import require, require_range

# Statistics are nats, shares, angles or tokens: none is beyond this.
LARGEST = 10**13


@dataclass(frozen=True)
class Rule:
    """A statistic must be `at_least` or `at_most` a bound, in `seeds` seeds or more."""

    seeds: int
    at_least: float | None = None
    at_most: float | None = None

    def check(self, key: str) -> None:
        given = [bound for bound in (self.at_least, self.at_most) if bound is not None]
        expected = "one of at_least and at_most"
        require(len(given) == 1, key, given, expected, "give one bound, and only one")
        expected = f"a bound within ±{LARGEST:,}"
        require(abs(given[0]) <= LARGEST, key, given[0], expected, "correct it")
        require_range(self, key, ("seeds",), 1, 1_000, "more are not trained")

    @property
    def bound(self) -> float:
        return self.at_least if self.at_least is not None else self.at_most

    @property
    def side(self) -> Literal["at least", "at most"]:
        return "at least" if self.at_least is not None else "at most"


@dataclass(frozen=True)
class ClaimSettings:
    interval: float
    rules: dict[str, Rule]

    def check(self, key: str) -> None:
        holds = 0 < self.interval < 1
        require(holds, f"{key}.interval", self.interval, "a share in (0, 1)", "correct it")

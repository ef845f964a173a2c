"""Section `claims`: the rules that decide about the paper's claims, fixed before a run."""

from typing import Annotated, Literal

from induction.config.errors import require
from induction.config.strict import Named, Share, settings, within

Bound = Annotated[float, within(-(10**13), 10**13, "of nats, shares, angles or tokens")]


@settings
class Rule:
    """A statistic must be `at_least` or `at_most` a bound, in `seeds` seeds or more."""

    seeds: Annotated[int, within(1, 1_000, "more are not trained")]
    at_least: Bound | None = None
    at_most: Bound | None = None

    def __post_init__(self) -> None:
        bounds = [bound for bound in (self.at_least, self.at_most) if bound is not None]
        expected = "one of at_least and at_most"
        require(len(bounds) == 1, "", bounds, expected, "write one bound, and only one")

    @property
    def bound(self) -> float:
        bound = self.at_least if self.at_least is not None else self.at_most
        assert bound is not None  # by __post_init__
        return bound

    @property
    def side(self) -> Literal["at least", "at most"]:
        return "at least" if self.at_least is not None else "at most"


@settings
class ClaimSettings:
    interval: Share
    resolvable: Annotated[float, within(0, 1_000, "of half-widths; more leaves no ratio")]
    rules: Named[Rule]

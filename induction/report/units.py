"""A claim's value in words: shares as per cent, tokens as millions."""

from dataclasses import dataclass

from induction.report.formatting import signed


@dataclass(frozen=True)
class Unit:
    """What a value is multiplied by, what stands behind it, and how many decimals it has."""

    factor: float
    suffix: str
    decimals: int


UNITS = {
    "share": Unit(100, " %", 0),
    "points": Unit(100, " percentage points", 0),
    "nats": Unit(1, " nats", 2),
    "degrees": Unit(1, "°", 0),
    "tokens": Unit(1e-6, " M tokens", 2),
    "number": Unit(1, "", 2),
    "": Unit(1, "", 2),
}
# Below 10 %, a share has a decimal.
SMALL, MORE_DECIMALS = 0.1, 3


@dataclass(frozen=True)
class Words:
    """`value` with its unit, `interval` in brackets or empty, `bound` with its unit."""

    value: str
    interval: str
    bound: str

    @property
    def both(self) -> str:
        return f"{self.value} {self.interval}".rstrip()


def in_words(
    value: float, low: float | None, high: float | None, bound: float | None, unit: str
) -> Words:
    """With as many decimals as it takes to see on which side of the bound each number lies."""
    kind = UNITS[unit]
    numbers = [value] if low is None or high is None else [value, low, high]
    decimals = kind.decimals
    if kind.factor == 100 and 0 < max(map(abs, numbers)) < SMALL:
        decimals += 1
    limit = decimals + MORE_DECIMALS
    while bound is not None and decimals < limit and _hidden(numbers, bound, kind, decimals):
        decimals += 1

    def spelled(number: float) -> str:
        return signed(f"{number * kind.factor:.{decimals}f}")

    ends = ", ".join(map(spelled, numbers[1:]))
    return Words(
        spelled(value) + kind.suffix,
        f"[{ends}]" if ends else "",
        "" if bound is None else plain(bound, unit),
    )


def plain(number: float, unit: str) -> str:
    """A number that is round by itself, as a bound or the end of an axis."""
    kind = UNITS[unit]
    return signed(f"{number * kind.factor:.4g}") + kind.suffix


def brief(number: float, unit: str) -> str:
    """The same where there is little room."""
    return plain(number, unit).replace("percentage points", "pp")


def _hidden(numbers: list[float], bound: float, kind: Unit, decimals: int) -> bool:
    """Whether a number that is not the bound looks like it."""
    at_bound = round(bound * kind.factor, decimals)
    return any(
        number != bound and round(number * kind.factor, decimals) == at_bound for number in numbers
    )

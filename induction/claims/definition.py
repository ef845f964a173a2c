"""What a claim is: its words, and how its value is measured and read."""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

CONTROL = ""
Bounds = tuple[float, float]
UNBOUNDED: Bounds = (-math.inf, math.inf)
SHARE: Bounds = (0.0, 1.0)
CORRELATION: Bounds = (-1.0, 1.0)
ANGLE: Bounds = (0.0, 180.0)
# A share is read as per cent, a difference of two shares as percentage points, tokens as millions.
Unit = Literal["share", "points", "nats", "degrees", "tokens", "number"]
Sample = Literal["evaluation sequences", "random probes"]
TEXT: Sample = "evaluation sequences"
PROBES: Sample = "random probes"


class Tested(NamedTuple):
    """A claim that has a value. `reading` is the statistic as a sentence, with {} for the value
    and its unit; `sample` is what the statistic's error comes from, beside seeds."""

    text: str
    statistic: str
    unit: Unit
    reading: str
    bounds: Bounds = UNBOUNDED
    sample: Sample = TEXT


@dataclass(frozen=True)
class ClaimDefinition:
    """`section` is the paper's, CONTROL for a control of ours. Either `statistic` says what the
    value is, with its unit, or `reason` why these models can have none. `bounds` are those that
    the value cannot leave, nor its interval: of counts, attention, correlations, angles."""

    name: str
    section: str
    text: str
    statistic: str = ""
    unit: Unit | Literal[""] = ""
    reading: str = ""
    bounds: Bounds = UNBOUNDED
    sample: Sample = TEXT
    reason: str = ""

    @property
    def kind(self) -> Literal["claim", "control"]:
        return "control" if self.section == CONTROL else "claim"


def tested(section: str, **claims: Tested) -> list[ClaimDefinition]:
    return [ClaimDefinition(name, section, **claim._asdict()) for name, claim in claims.items()]


def untested(section: str, **claims: tuple[str, str]) -> list[ClaimDefinition]:
    """By name: the text and the reason."""
    return [ClaimDefinition(n, section, text, reason=r) for n, (text, r) in claims.items()]

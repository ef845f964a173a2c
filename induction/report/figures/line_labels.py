"""Names at the ends of lines, so that no legend has to be looked up."""

from induction.report.figures.frame import Domain
from induction.report.rows import Rows

GAP = 13.0  # pixels between two names


def line_labels(ends: Rows, domain: Domain, height: int) -> Rows:
    """The rows with `pixel`, the place of each name from the top: that of its line's `value`, or as
    near as the names above and below it allow."""
    low, high = map(float, domain)
    ordered = sorted(ends, key=lambda row: -row["value"])
    wanted = [height * (high - min(max(row["value"], low), high)) / (high - low) for row in ordered]
    return [row | {"pixel": pixel} for row, pixel in zip(ordered, spread(wanted, GAP), strict=True)]


def spread(wanted: list[float], gap: float) -> list[float]:
    """Places at least `gap` apart, in order, as near as can be to those wanted, which rise: names
    that would overlap become a block whose middle is the mean of theirs."""
    blocks: list[list[float]] = []
    for place in wanted:
        blocks.append([place])
        while len(blocks) > 1 and _start(blocks[-1], gap) < _start(blocks[-2], gap) + gap * len(
            blocks[-2]
        ):
            last = blocks.pop()
            blocks[-1] += last
    return [_start(block, gap) + gap * i for block in blocks for i in range(len(block))]


def _start(block: list[float], gap: float) -> float:
    return sum(block) / len(block) - gap * (len(block) - 1) / 2

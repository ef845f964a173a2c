"""Lines as small as a word: the geometry of one over training."""

from dataclasses import dataclass

WIDTH, HEIGHT, PAD = 120, 28, 2


@dataclass(frozen=True)
class Spark:
    """Pixels: `line` are the points of a polyline, `zero` the height of zero, if it is in sight."""

    line: str
    zero: float | None
    width: int = WIDTH
    height: int = HEIGHT


def spark(tokens: list[int], values: list[float], end: int, low: float, high: float) -> Spark:
    """`values` at `tokens`, of the `end` of all training; the frame shows `low` to `high`."""
    span = (high - low) or 1.0

    def up(value: float) -> float:
        return HEIGHT - PAD - (HEIGHT - 2 * PAD) * (value - low) / span

    points = [f"{WIDTH * t / end:.1f},{up(v):.1f}" for t, v in zip(tokens, values, strict=True)]
    return Spark(" ".join(points), round(up(0.0), 1) if low <= 0 <= high else None)


def stretch(start: int, stop: int, end: int) -> tuple[float, float]:
    """Where a window lies: its left side and its width."""
    return round(WIDTH * start / end, 1), round(WIDTH * (stop - start) / end, 1)

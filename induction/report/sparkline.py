"""Sparkline geometry: a line over training, as small as a word."""

from dataclasses import dataclass

WIDTH, HEIGHT, PAD = 120, 28, 2


@dataclass(frozen=True)
class Sparkline:
    """In pixels: the points of a polyline, and the height of zero if it is in sight."""

    points: str
    zero: float | None
    width: int = WIDTH
    height: int = HEIGHT


def sparkline(
    tokens: list[int], values: list[float], end: int, low: float, high: float
) -> Sparkline:
    """`values` at `tokens`, with `end` tokens across and `low` to `high` upwards."""
    span = (high - low) or 1.0

    def y(value: float) -> float:
        return HEIGHT - PAD - (HEIGHT - 2 * PAD) * (value - low) / span

    points = [f"{WIDTH * t / end:.1f},{y(v):.1f}" for t, v in zip(tokens, values, strict=True)]
    return Sparkline(" ".join(points), round(y(0.0), 1) if low <= 0 <= high else None)


def stretch(start: int, stop: int, end: int) -> tuple[float, float]:
    """Left side and width of a window, in pixels."""
    return round(WIDTH * start / end, 1), round(WIDTH * (stop - start) / end, 1)

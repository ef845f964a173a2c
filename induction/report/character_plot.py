"""Curves drawn in characters, for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

LABEL = 6  # characters before the axis
HEIGHT = 5  # lines of a plot, without its axis
# The bits of the eight dots of a braille character, row by row from the top.
BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
# A dot above, one below, or both.
ASCII_DOTS = " '.:"


@dataclass(frozen=True)
class Screen:
    """How many characters fit on a line, and whether only those of ASCII can be shown."""

    width: int
    is_ascii: bool = False


@dataclass(frozen=True)
class Curve:
    x: Sequence[float]
    y: Sequence[float]


# Of an axis: its first value and its last.
Range = tuple[float, float]


def plot(
    curves: Sequence[Curve], marked: Range | None, xs: Range, ys: Range, screen: Screen
) -> list[str]:
    """Lines as wide as the screen: the curves, and below them an axis whose stretch `marked` is
    thick. `xs` and `ys` are what the axes reach over; the larger y is above."""
    width = screen.width - LABEL - 1
    rows = _dots(curves, xs, ys, width, screen.is_ascii)
    upright, corner, thin, thick = "|+-=" if screen.is_ascii else "│└─━"
    labels = [f"{ys[1]:+.1f}", *[""] * (HEIGHT - 2), f"{ys[0]:+.1f}"]
    lines = [
        f"{label:>{LABEL - 1}} {upright}{row}" for label, row in zip(labels, rows, strict=True)
    ]
    axis = [thin] * width
    if marked:
        first, last = (round(_share(x, xs) * (width - 1)) for x in marked)
        axis[first : last + 1] = [thick] * (last + 1 - first)
    lines.append(f"{' ' * LABEL}{corner}{''.join(axis)}")
    return [line.rstrip() for line in lines]


def _share(value: float, ends: Range) -> float:
    low, high = ends
    return (value - low) / ((high - low) or 1.0)


def _dots(curves: Sequence[Curve], xs: Range, ys: Range, width: int, is_ascii: bool) -> list[str]:
    """HEIGHT lines of `width` characters. Between two points of a curve there is a straight line:
    in every column the dots from where it enters to where it leaves."""
    across, down = (1, 2) if is_ascii else (2, 4)
    columns, rows = width * across, HEIGHT * down
    lit = set()
    for curve in curves:
        places = [
            (_share(x, xs) * (columns - 1), (1 - _share(y, ys)) * (rows - 1))
            for x, y in zip(curve.x, curve.y, strict=True)
        ]
        for (x0, y0), (x1, y1) in zip(places, [*places[1:], places[-1]], strict=True):
            steps = max(1, round(2 * max(abs(x1 - x0), abs(y1 - y0))))
            for i in range(steps + 1):
                at = i / steps
                lit.add((round(x0 + at * (x1 - x0)), round(y0 + at * (y1 - y0))))
    return [
        "".join(_character(lit, column, row, across, down) for column in range(width))
        for row in range(HEIGHT)
    ]


def _character(lit: set[tuple[int, int]], column: int, row: int, across: int, down: int) -> str:
    dots = [
        (i, j)
        for i in range(across)
        for j in range(down)
        if (column * across + i, row * down + j) in lit
    ]
    if across == 1:
        return ASCII_DOTS[sum(1 << j for _, j in dots)]
    return chr(0x2800 + sum(BRAILLE[j][i] for i, j in dots)) if dots else " "


def side_by_side(blocks: Sequence[Sequence[str]], width: int, gap: int, across: int) -> list[str]:
    """Blocks of lines in rows of `across`, each `width` characters wide."""
    lines = []
    for start in range(0, len(blocks), across):
        row = blocks[start : start + across]
        height = max(map(len, row))
        padded = [[*block, *[""] * (height - len(block))] for block in row]
        lines += [(" " * gap).join(f"{part:<{width}}" for part in parts).rstrip()
                  for parts in zip(*padded, strict=True)]  # fmt: skip
        lines.append("")
    return lines

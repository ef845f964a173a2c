"""Curves in characters: dots where the values are, in braille and in ASCII."""

import pytest

from induction.report.character_plot import HEIGHT, LABEL, Curve, Screen, plot, side_by_side

RISING = Curve([0, 1, 2, 3], [0.0, 1.0, 2.0, 3.0])
DOTS = {0x01: (0, 0), 0x02: (0, 1), 0x04: (0, 2), 0x08: (1, 0)}
DOTS |= {0x10: (1, 1), 0x20: (1, 2), 0x40: (0, 3), 0x80: (1, 3)}


def drawn(curves, marked=None, is_ascii=False, width=27, ys=(0.0, 3.0)) -> list[str]:
    return plot(curves, marked, (0.0, 3.0), ys, Screen(width, is_ascii))


def dots(lines: list[str], width: int) -> set[tuple[int, int]]:
    """The dots of a plot in braille: column from the left, row from the top."""
    lit = set()
    for row, line in enumerate(lines[:HEIGHT]):
        for column, character in enumerate(line[LABEL + 1 :].ljust(width)):
            bits = ord(character) - 0x2800 if character != " " else 0
            lit |= {(2 * column + i, 4 * row + j) for bit, (i, j) in DOTS.items() if bits & bit}
    return lit


def test_a_straight_line_is_a_diagonal_of_dots():
    lit = dots(drawn([RISING]), 20)
    columns, rows = 40, 4 * HEIGHT
    assert {(0, rows - 1), (columns - 1, 0)} <= lit, "from corner to corner"
    for column, row in lit:
        assert row == pytest.approx((1 - column / (columns - 1)) * (rows - 1), abs=1)
    assert {column for column, _ in lit} == set(range(columns)), "without a gap"


def test_every_curve_is_drawn_and_a_flat_one_is_flat():
    flat = Curve([0, 3], [1.5, 1.5])
    both = dots(drawn([RISING, flat]), 20)
    assert both == dots(drawn([RISING]), 20) | dots(drawn([flat]), 20)
    assert len({row for _, row in dots(drawn([flat]), 20)}) == 1
    same = drawn([Curve([0, 3], [1.0, 1.0])], ys=(1.0, 1.0))
    assert len(dots(same, 20)) == 40, "also where all values are one"


def test_the_window_is_thick():
    lines = drawn([RISING], marked=(1.0, 2.0), width=LABEL + 1 + 31)
    axis = lines[-1][LABEL + 1 :]
    assert len(axis) == 31 and (axis.index("━"), axis.rindex("━")) == (10, 20)
    assert "━" not in drawn([RISING])[-1]


def test_in_ascii_there_is_ascii_alone():
    lines = drawn([RISING], (1.0, 2.0), is_ascii=True)
    assert "".join(lines).isascii() and "=" in lines[-1]
    ends = [line[LABEL + 1 :] for line in lines[:HEIGHT]]
    assert ends[0].rstrip()[-1] in "':" and ends[-1][0] in ".:", "from below to above"
    assert lines[0].split()[0] == "+3.0" and lines[HEIGHT - 1].split()[0] == "+0.0"


@pytest.mark.parametrize("is_ascii", [True, False])
@pytest.mark.parametrize("width", [10, 36, 200])
def test_a_plot_is_no_wider_than_its_screen(width, is_ascii):
    lines = drawn([RISING], (0.0, 3.0), is_ascii, width)
    assert len(lines) == HEIGHT + 1 and max(map(len, lines)) == width


def test_blocks_stand_side_by_side():
    blocks = [["a", "b"], ["c"], ["d"]]
    assert side_by_side(blocks, 3, 2, 2) == ["a    c", "b", "", "d", ""]

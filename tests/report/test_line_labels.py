"""Names at the ends of lines."""

from itertools import pairwise

import pytest

from induction.report.figures.line_labels import GAP, line_labels, spread


def test_names_that_have_room_stand_at_their_lines():
    assert spread([10.0, 50.0, 90.0], 13.0) == [10.0, 50.0, 90.0]


@pytest.mark.parametrize(
    "wanted", [[50.0, 50.0], [50.0, 51.0, 52.0, 90.0], [10.0, 22.0, 34.0, 35.0, 36.0], [5.0]]
)
def test_names_that_overlap_move_apart_around_their_middle(wanted):
    places = spread(wanted, 13.0)
    assert all(b - a >= 13.0 - 1e-9 for a, b in pairwise(places))
    assert sum(places) == pytest.approx(sum(wanted)), "none is pushed further than need be"


def test_the_highest_value_is_named_at_the_top():
    ends = [
        {"value": 0.5, "text": "b"},
        {"value": 0.51, "text": "a"},
        {"value": 2.0, "text": "off"},
    ]
    labels = line_labels(ends, [0, 1], 200)
    assert [label["text"] for label in labels] == ["off", "a", "b"]
    assert labels[0]["pixel"] == 0.0, "beyond the axis: at its end"
    assert labels[2]["pixel"] - labels[1]["pixel"] == pytest.approx(GAP)

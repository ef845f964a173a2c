"""What the page is made of: text that may be anything, sparklines, colours, packed numbers."""

import base64
import struct

import pytest

from induction.report import index_page
from induction.report.dotted_keys import flatten
from induction.report.sparkline import HEIGHT, PAD, WIDTH, sparkline, stretch


def test_a_sparkline_goes_from_corner_to_corner():
    line = sparkline([0, 50, 100], [0.0, 0.5, 1.0], 100, 0.0, 1.0)
    points = [tuple(map(float, point.split(","))) for point in line.points.split()]
    assert points == [(0, HEIGHT - PAD), (WIDTH / 2, HEIGHT / 2), (WIDTH, PAD)]
    assert line.zero == HEIGHT - PAD
    assert sparkline([0], [2.0], 10, 1.0, 3.0).zero is None
    assert sparkline([0], [1.0], 10, 1.0, 1.0).points == f"0.0,{HEIGHT - PAD:.1f}", "a flat one"
    assert stretch(25, 75, 100) == (WIDTH / 4, WIDTH / 2)


@pytest.mark.parametrize(
    ("change", "shade"),
    [
        (None, ""),
        (0.0, ""),
        (-0.24, ""),
        (-0.3, "g1"),
        (-1.0, "g2"),
        (-1.25, "g3"),
        (0.25, "l1"),
        (1.6, "l3"),
        (-9.0, "g8"),
    ],
)
def test_a_shade_is_half_a_nat(change, shade):
    assert index_page.shade(change) == shade


def test_the_first_passage_is_coloured_by_the_change_of_each_token():
    results = {
        "moments": [{"cell": "a", "before": 5, "after": 7}],
        "passages": [{"seq": 3, "tokens": ["x", "y", "z"]}],
        "passage_losses": [
            {"cell": "a", "seq": 3, "steps": [0, 5, 7], "losses": [0, 0, 1000, 2000, 2000, 500]}
        ],
    }
    assert index_page.first_passage(results, "a") == [("x", ""), ("y", "l2"), ("z", "g3")]
    assert index_page.first_passage(results, "b") == []


def test_losses_are_packed_as_the_script_reads_them():
    results = {"passage_losses": [{"cell": "a", "seq": 3, "losses": [1, 258, 65535]}]}
    packed = base64.b64decode(index_page.packed_losses(results)["a"]["3"])
    assert struct.unpack("<3H", packed) == (1, 258, 65535)


def test_gained_and_lost_tokens_come_the_largest_first():
    def change(pos: int, change: float) -> dict:
        return {"cell": "a", "seq": 0, "pos": pos, "change": change, "document": "a\u202eb"} | {
            "before": 1.0, "after": 1.0 + change, "tokens": ["Ġx", "Ċ", "y"]
        }  # fmt: skip

    results = {
        "token_changes": [change(0, -2.0), change(1, -1.0), change(2, 0.5), change(3, 3.0)],
        "token_losses": [
            {"cell": "a", "seq": 0, "pos": pos, "losses": [1.0, 2.0]} for pos in range(4)
        ],
        "curves": [{"cell": "a", "tokens": tokens} for tokens in (0, 10)],
    }
    rows = index_page.token_changes(results, 10)["a"]
    assert [row["pos"] for row in rows["gained"]] == [0, 1]
    assert [row["pos"] for row in rows["lost"]] == [3, 2]
    assert (rows["lost"][0]["text"], rows["lost"][0]["token"]) == (" x↵\n", "y")
    assert rows["lost"][0]["document"] == "a⟨U+202E⟩b"


def test_tables_of_the_page_are_columns_with_as_many_digits_as_one_sees():
    results = {"icl": [{"a": 1, "b": 0.123456789}, {"a": 2, "b": None}], "none": []}
    assert index_page.tables(results, ["icl", "none", "icl"]) == {
        "icl": {"a": [1, 2], "b": [0.123457, None]}
    }


def test_params_are_flattened_to_lines():
    assert flatten({"a": {"b": [1, 2], "c": {}}, "d": "x"}) == {
        "a.b": "[1, 2]",
        "a.c": "{}",
        "d": '"x"',
    }

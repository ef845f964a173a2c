"""What the page is made of: text that may be anything, sparklines, colours, packed numbers."""

import base64
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from induction.report import index_page
from induction.report.context import ForeignArchitecture
from induction.report.dotted_keys import flatten
from induction.report.findings import CellFindings
from induction.report.rendering import packed
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
            {"cell": "a", "seq": 3, "steps": [0, 5, 7], "losses": [0, 0, 20, 40, 40, 10]}
        ],
    }
    assert index_page.first_passage(results, "a") == [("x", ""), ("y", "l2"), ("z", "g3")]
    assert index_page.first_passage(results, "b") == []


def counts(spelled: str) -> list[int]:
    """Read as the script does."""
    most, above, read = len(index_page.LETTERS) - 1, 0, []
    for letter in spelled:
        count = index_page.LETTERS.index(letter)
        read += [] if count == most else [above + count]
        above = above + most if count == most else 0
    return read


@given(st.lists(st.integers(0, 2000)))
def test_counts_are_spelled_as_the_script_reads_them(numbers):
    assert counts(index_page.spelled(numbers)) == numbers
    assert not set('&<>"\\') & set(index_page.LETTERS)


def test_losses_are_packed_as_the_script_reads_them():
    losses = [1, 400, 0, 32767]  # two tokens at two checkpoints
    results = {"passage_losses": [{"cell": "a", "seq": 3, "steps": [0, 5], "losses": losses}]}
    spelled = index_page.packed_losses(results)["a"]["3"]
    folded = counts(spelled)
    changes = [-(each + 1) // 2 if each % 2 else each // 2 for each in folded]
    assert changes == [1, 400, -1, 32367]


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
        "icl": {"a": [1, 2], "b": [0.1235, None]}
    }


def test_params_are_flattened_to_lines():
    assert flatten({"a": {"b": [1, 2], "c": {}}, "d": "x"}) == {
        "a.b": "[1, 2]",
        "a.c": "{}",
        "d": '"x"',
    }


def cell(name: str, seed: int = 0, changed: bool = False, detailed: bool = True) -> CellFindings:
    return CellFindings(
        scores={"phase_change": changed, "is_detailed": detailed},
        window={"cell": f"{name}_s{seed}", "panel": name},
        heads=[],
        share=None,
        kinds={},
    )


MODELS = {
    f"{name}_s{seed}": ForeignArchitecture(layers, mlp, smeared)
    for name, layers, mlp, smeared in (
        ("mlp2", 2, True, False),
        ("attn3", 3, False, False),
        ("attn2", 2, False, False),
        ("attn1", 1, False, False),
        ("smear2", 2, False, True),
        ("smear1", 1, False, True),
        ("adamw", 2, False, False),
    )
    for seed in (0, 1)
}
PLAIN = dict.fromkeys(MODELS, "")


@pytest.mark.parametrize(
    ("changing", "shown"),
    [
        ({"attn2", "attn3", "smear1", "smear2"}, {"attn1", "attn2", "smear1"}),
        ({"attn3", "smear2"}, {"attn1", "attn3", "smear2"}),
        (set(), {"attn1", "attn2", "smear1"}),
    ],
)
def test_models_that_answer_the_question_are_shown_first(changing, shown):
    names = ("adamw", "mlp2", "attn3", "attn2", "attn1", "smear2", "smear1")
    cells = [cell(name, changed=name in changing, detailed=name != "adamw") for name in names]
    columns = index_page.columns(cells, MODELS, PLAIN)
    assert {column.panel for column in columns if column.is_shown} == shown
    assert [column.panel for column in columns] == list(names)
    few = index_page.columns([cell("mlp2"), cell("attn3")], MODELS, PLAIN)
    assert all(column.is_shown for column in few)
    mlps = index_page.columns([cell(name) for name in ("mlp2", "attn3", "attn2")], MODELS, PLAIN)
    assert all(column.is_shown for column in mlps), "others make up for what is missing"


def test_columns_are_called_what_their_models_are():
    cells = [cell("attn2", 0), cell("attn2", 1), cell("adamw", 0), cell("attn1", 0)]
    variations = PLAIN | {"adamw_s0": "optimizer adamw"}
    several, varied, single = index_page.columns(cells, MODELS, variations)
    assert (several.name, several.cell) == ("two-layer attention-only models", "attn2_s0")
    assert varied.name == "two-layer attention-only model, optimizer adamw"
    assert single.name == single.kind == "one-layer attention-only model"
    assert index_page.titles([several])["attn2_s0"] == "Two-layer attention-only model"
    alike = index_page.columns([cell("attn2"), cell("adamw")], MODELS, PLAIN)
    assert [column.kind for column in alike] == [
        "two-layer attention-only model (attn2)",
        "two-layer attention-only model (adamw)",
    ]


def test_what_only_scripts_read_is_packed():
    text = "<b>é</b>" * 100
    assert zlib.decompress(base64.b64decode(packed(text))).decode() == text
    assert len(packed(text)) < len(text) / 5

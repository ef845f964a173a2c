"""Panels, formatting, and what the products of the report hold beside figures."""

import json

import pytest

from induction.config.cells import Cell
from induction.config.train import TrainChanges
from induction.report import summary
from induction.report.formatting import between, escape_pipes, fixed, millions, significant
from induction.report.panels import panels
from induction.report.scoreboard import scoreboard
from tests.judged import cell, part, row

WARM = TrainChanges(warmup_steps=400)


def shown(**grid: Cell) -> list[tuple]:
    keys = ("cell", "panel", "place", "is_first", "is_detailed")
    return [tuple(row[key] for key in keys) for row in panels(dict(sorted(grid.items())))]


def test_cells_that_differ_in_the_seed_alone_share_a_panel_the_plain_ones_first():
    assert shown(
        a_s10=Cell("a", 10),
        a_s2=Cell("a", 2),
        adam_s2=Cell("a", 2, train=WARM),
        b_s0=Cell("b", 0),
        docs_s0=Cell("a", 0, corpus="docs"),
    ) == [
        ("a_s2", "a", 0, True, True),
        ("a_s10", "a", 0, False, False),
        ("b_s0", "b_s0", 1, True, True),
        ("adam_s2", "adam_s2", 2, True, False),
        ("docs_s0", "docs_s0", 3, True, False),
    ]


def test_where_no_cell_is_plain_all_are_shown_in_detail():
    rows = shown(x=Cell("a", 0, train=WARM), y=Cell("a", 1, train=WARM), z=Cell("a", 0, "docs"))
    assert [row[1] for row in rows] == ["x y", "x y", "z"]
    assert [row[4] for row in rows] == [True, False, True]


def test_models_of_periodic_text_are_told_apart():
    grid = {"a": Cell("a", 0), "b": Cell("a", 0, train=TrainChanges(text="periodic"))}
    assert [row["is_periodic"] for row in panels(grid)] == [False, True]


def test_no_two_panels_have_one_name():
    """`a` would stand for a_s0 and a_s1, and it is a cell of its own."""
    rows = shown(a=Cell("b", 0), a_s0=Cell("a", 0), a_s1=Cell("a", 1))
    assert [row[1] for row in rows] == ["a", "a_s0 a_s1", "a_s0 a_s1"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (fixed(None), "–"),
        (fixed(-0.5, "%+.2f"), "−0.50"),
        (millions(None), "–"),
        (millions(1_330_000), "1.33 M"),
        (significant(None), "–"),
        (significant(0.123456), "0.123"),
        (significant(-1_374_995.4), "−1,374,995"),
        (significant(1600.2), "1,600"),
        (between(None, 1.0), ""),
        (between(-0.12345, 2000.0), " [−0.123, 2,000]"),
        (between(-0.5, 0.25, "%+.2f"), " [−0.50, +0.25]"),
        (escape_pipes("|ICL|\nfalls"), r"\|ICL\| falls"),
    ],
)
def test_formatting(text, expected):
    assert text == expected


def judged(claim: str, verdict: str, kind: str = "claim") -> dict:
    return {"claim": claim, "kind": kind, "verdict": verdict}


CLAIMS = [
    judged("a", "supported"),
    judged("b", "inconclusive"),
    judged("c", "not tested here"),
    judged("d", "supported"),
    judged("e", "contradicted", "control"),
]


def test_metrics_count_claims_and_controls_apart_and_not_what_is_not_tested():
    cell = {"cell": "x", "more": 1} | dict.fromkeys(summary.METRICS, 0.5)
    result = summary.metrics_json([cell], CLAIMS)
    assert list(result) == ["cells", "claims", "controls"]
    assert result["cells"] == {"x": dict.fromkeys(summary.METRICS, 0.5)}
    assert result["claims"] == {"supported": 2, "contradicted": 0, "inconclusive": 1}
    assert result["controls"] == {"supported": 0, "contradicted": 1, "inconclusive": 0}
    assert summary.verdicts(CLAIMS)["claim"]["not tested here"] == 1


def test_claims_json_has_the_tables_and_the_sentences_but_nothing_drawn():
    claims = [row("b"), row("c", verdict="contradicted", value=0.4)]
    mlp, nowhere = part("b", "mlp"), cell("b", "x", value=None, low=None, high=None)
    board = scoreboard(claims, [mlp], [nowhere], [], {}, False)
    first, second = summary.claims_json(claims, board)
    for claim, written in zip(claims, (first, second), strict=True):
        assert claim.items() <= written.items()
    (family,) = first["families"]
    shown = {k: v for k, v in mlp.items() if k not in ("claim", "place")}
    assert family == shown | {"says": "60 % [50, 70]"}
    assert first["evidence"] == [{k: v for k, v in nowhere.items() if k != "claim"}]
    assert second["families"] == second["evidence"] == []
    assert second["says"] == "It takes 40 % [50, 70] of all; the rule asks for at least 50 %."
    json.dumps([first, second], allow_nan=False)


def test_random_sets_stand_as_their_mean():
    def row(cell: str, draw: int, share: float | None, detailed: bool = True) -> dict:
        row = {"cell": cell, "intervention": "random_induction", "draw": draw, "share": share}
        return row | {"delta_loss": None, "is_detailed": detailed}

    result = summary.mean_over_draws(
        [row("a", 0, 0.1), row("a", 1, 0.3), row("b", 0, None), row("c", 0, 0.9, detailed=False)]
    )
    assert [(row["cell"], row["share"], row["delta_loss"]) for row in result] == [
        ("a", pytest.approx(0.2), None),
        ("b", None, None),
    ]


def test_removals_go_by_head_and_kind_of_ablation():
    rows = [
        {"cell": "a", "name": "L0H0", "replacement": replacement, "mode": mode}
        for replacement, mode in (("mean", "full"), ("zero", "pattern"), ("zero", "full"))
    ]
    assert summary.ablation_kinds(rows) == [("zero", "full"), ("zero", "pattern"), ("mean", "full")]
    assert summary.removals_of_heads(rows)["a", "L0H0"]["zero", "full"] is rows[2]


def test_a_variation_is_put_in_words():
    assert summary.variation(Cell("a", 0)) == ""
    result = summary.variation(Cell("a", 0, "docs", TrainChanges(text="shuffled", shuffle_span=16)))
    assert result == "corpus docs, text shuffled, shuffle_span 16"

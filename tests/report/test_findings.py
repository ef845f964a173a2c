"""Cells as models, and what a cell misses of a phase change."""

from induction.report.findings import findings, missed_rules
from tests.report.madeup_findings import RULE, Model, of, results


def test_cells_of_a_model_stand_together():
    shown, others = of(
        {"cell": "a_s0", "panel": "a"},
        {"cell": "a_s1", "panel": "a", "is_detailed": False},
        {"cell": "x", "is_detailed": False, "model": Model(1)},
    )
    assert {model.panel: [cell.name for cell in model.cells] for model in shown} == {
        "a": ["a_s0", "a_s1"]
    }
    assert [model.panel for model in others] == ["x"]
    assert shown[0].kind == "two-layer attention-only model"


def test_a_variation_does_not_change_what_its_model_is_called():
    shown, others = of({"cell": "a"}, {"cell": "adam", "is_detailed": False})
    assert shown[0].kind == "two-layer attention-only model"
    assert others[0].kind == "two-layer attention-only model (adam)"


def test_what_a_phase_change_lacks_is_said():
    cells = findings(
        results(
            {"cell": "slow", "changes": False, "icl": -0.35, "drop": 0.1},
            {"cell": "flat", "changes": False, "icl": -0.15, "drop": 0.25},
            {"cell": "noisy", "changes": False, "icl": -0.2},
            {"cell": "changed"},
        )
    )
    cells[2].scores["icl_matched_high"] = 0.0
    assert [missed_rules(cell, RULE) for cell in cells] == [
        "it falls by 0.10 nats inside its window, less than 0.2",
        "it ends at −0.15 nats, above −0.2",
        "its interval at the end reaches zero",
        "",
    ]
    assert [cell.is_gradual(RULE) for cell in cells] == [True, False, False, False]

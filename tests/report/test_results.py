"""The overview that commands end with, from files of a report."""

import json

from induction.config.paths import REPORTS
from induction.pipeline.settings import study_of
from induction.report import results
from tests.project import Project


def overview(folder, monkeypatch, *claims: dict) -> list[str]:
    """Its lines that are not empty, of a report with these claims; without, of an older one."""
    monkeypatch.chdir(folder)
    cell = {"icl_matched": -0.5, "phase_change": False, "best_head": "L1H3"}
    cell |= {"prefix_matching_max": 0.6}
    REPORTS.mkdir()
    metrics = {"cells": {"a_cell": cell}, "claims": {"supported": 7}}
    (REPORTS / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    if claims:
        (REPORTS / "claims.json").write_text(json.dumps(claims), encoding="utf-8")
    text = results.overview("", study_of(Project.committed()))
    return [line for line in text.splitlines() if line]


def control(text: str, verdict: str) -> dict:
    return {"kind": "control", "text": text, "verdict": verdict}


def test_a_failed_control_comes_first_and_an_undecided_one_below_the_claims(tmp_path, monkeypatch):
    claims = (control("It stays.", "contradicted"), control("Who knows.", "inconclusive"))
    lines = overview(tmp_path, monkeypatch, *claims)
    assert lines[0] == "A control failed: “It stays”. Claims that rest on it say little."
    (of_cell,) = [i for i, line in enumerate(lines) if line.startswith("a_cell")]
    of_claims = lines.index("claims of the paper: 7 supported")
    assert 0 < of_cell < of_claims < lines.index("A control is inconclusive: “Who knows”.")


def test_a_report_from_before_the_matched_score_has_a_dash(tmp_path, monkeypatch):
    assert "-0.500" in overview(tmp_path, monkeypatch)[1]
    metrics = json.loads((REPORTS / "metrics.json").read_text(encoding="utf-8"))
    del metrics["cells"]["a_cell"]["icl_matched"]
    (REPORTS / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    lines = results.overview("", study_of(Project.committed())).splitlines()
    assert lines[1].split()[:3] == ["a_cell", "–", "no"]


def test_without_failures_the_cells_come_first(tmp_path, monkeypatch):
    assert overview(tmp_path, monkeypatch)[0].startswith("cell ")
    (REPORTS / "claims.json").write_text(json.dumps([control("It holds.", "supported")]))
    text = results.overview("", study_of(Project.committed()))
    assert text.startswith("cell ") and "control" not in text

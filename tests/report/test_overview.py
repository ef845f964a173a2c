"""`induction show` and the end of `make study`: from the files of a report alone."""

import json
import re
import textwrap

import pytest

from induction.cli import show
from induction.config.errors import StageError
from induction.config.paths import REPORTS
from induction.pipeline.settings import study_of
from induction.report import overview
from induction.report.character_plot import Screen
from tests.project import Project

STUDY = study_of(Project.committed())
FLAT = {"phase_change": False, "best_head": "L0H2", "prefix_matching_max": 0.02}
FLAT |= {"icl_matched": -0.012, "icl_matched_low": -0.021, "icl_matched_high": -0.002}
CHANGED = {"phase_change": True, "phase_start_tokens": 1_228_800, "phase_end_tokens": 2_969_600}
CHANGED |= {"icl_matched": -0.466, "icl_matched_low": -0.526, "icl_matched_high": -0.412}
CHANGED |= {"best_head": "L1H1", "prefix_matching_max": 0.664}
CHANGED |= {"best_head_icl": 0.18, "best_head_icl_low": 0.12, "best_head_icl_high": 0.24}
CELLS = {"attn1_s0": FLAT, "attn2_s0": CHANGED}
CURVES = "cell,million_tokens,icl_matched\n" + "".join(
    f"{cell},{x},{x * slope}\n"
    for cell, slope in (("attn1_s0", 0.0), ("attn2_s0", -0.1))
    for x in (0, 2, 4)
)


def judged(text: str, verdict: str, kind: str = "claim", seeds: int = 5) -> dict:
    return {"kind": kind, "text": text, "verdict": verdict, "seeds": seeds}


@pytest.fixture(autouse=True)
def reports(tmp_path, monkeypatch):
    """A report of two cells, and nothing beside it."""
    monkeypatch.chdir(tmp_path)
    write()
    return tmp_path / REPORTS


def write(cells=CELLS, claims=(), grid: str = "", curves: str = CURVES) -> None:
    folder = REPORTS / grid
    (folder / "plots").mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    (folder / "claims.json").write_text(json.dumps(list(claims)), encoding="utf-8")
    (folder / "plots" / "icl.csv").write_text(curves, encoding="utf-8")


def lines(screen: Screen | None = None) -> list[str]:
    return overview.everything(False, STUDY, screen).splitlines()


def test_it_says_which_models_change_where_and_by_which_head():
    first, *rest = lines()
    assert first == (
        "A phase change happens in two-layer attention-only models, but not in one-layer "
        "attention-only models."
    )
    rows = {row.split()[0]: re.split(r"  +", row.strip()) for row in rest if "_s0 " in row}
    assert rows == {
        "attn1_s0": ["attn1_s0", "−0.01 [−0.02, 0.00]", "none", "L0H2 0.02", "–"],
        "attn2_s0": [
            "attn2_s0",
            "−0.47 [−0.53, −0.41]",
            "1.23–2.97 M",
            "L1H1 0.66",
            "+0.18 [0.12, 0.24]",
        ],
    }
    assert "reports/index.html, which `dvc pull report` fetches" in rest[-2]
    (REPORTS / "index.html").touch()
    assert lines()[-2].endswith("reports/index.html")


def test_seeds_of_a_model_stand_together_and_variations_are_counted():
    write(
        {"attn2_s3": CHANGED, "attn2_s99": FLAT, "attn1_s3": FLAT, "adamw_s3": CHANGED}
        | {"rotary_s3": FLAT, "old_s0": FLAT},
        grid="published",
    )
    params = Project.committed()
    params["published"] |= {
        "adamw_s3": {"model": "attn2", "seed": 3, "train": {"optimizer": "adamw"}},
        "rotary_s3": {"model": "rotary2", "seed": 3},
    }
    first, *rest = overview.everything(True, study_of(params)).splitlines()
    assert "in two-layer attention-only models (1 of 2 runs), but not in one-layer" in first
    assert first.endswith("rotary positions. Variations and controls that change: 1 of 2.")
    at = {name: i for i, name in enumerate(line.split()[0] for line in rest if line)}
    assert at["attn2_s3"] + 1 == at["attn2_s99"]
    assert any(line == "two-layer attention-only models, optimizer adamw" for line in rest)


def test_without_a_change_it_says_so():
    write({"attn1_s0": FLAT, "attn2_s0": FLAT | {"best_head": "L1H0"}})
    assert lines()[0] == (
        "There is no phase change in one-layer attention-only models and two-layer "
        "attention-only models."
    )


def test_what_failed_stands_by_its_text():
    write(claims=[
        judged("It forms.", "supported"), judged("It is narrow.", "contradicted"),
        judged("Who knows.", "inconclusive"), judged("At scale.", "not tested here", seeds=0),
        judged("It stays.", "contradicted", "control"),
        judged("It is noise.", "supported", "control"),
    ])  # fmt: skip
    shown = lines()
    assert shown[0] == "A control failed: “It stays”. Claims that rest on it say little."
    counts = "1 supported, 1 contradicted, 1 inconclusive, 1 not tested here"
    at = shown.index(f"Claims of the paper: {counts}.")
    assert shown[at + 1 : at + 3] == [
        "  contradicted: It is narrow.",
        "Controls: 1 supported, 1 contradicted.",
    ]
    assert "nothing is decided" not in "\n".join(shown)
    write(claims=[judged("It forms.", "inconclusive", seeds=1)])
    assert "The rules ask for three seeds or more; with one, nothing is decided." in lines()


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("is_ascii", [True, False])
def test_on_a_terminal_curves_are_drawn_and_no_line_is_too_long(width, is_ascii):
    shown = lines(Screen(width, is_ascii))
    assert max(map(len, shown)) <= width
    axes = [line for line in shown if "└" in line or "  +--" in line]
    assert sum(line.count("└") + line.count("+--") for line in axes) == 2, "one per model"
    thick = "=" if is_ascii else "━"
    assert [thick in line for line in axes] in ([True], [False, True])
    assert any("-0.4" in line and ("│" in line or "|" in line) for line in shown)
    assert not any("└" in line for line in lines()), "none where there is no terminal"


def test_the_window_lies_where_the_table_says():
    (axis,) = (line for line in lines(Screen(40)) if "━" in line)
    bar = axis[axis.index("└") + 1 :]
    ends = [at * 4 / (len(bar) - 1) for at in (bar.index("━"), bar.rindex("━"))]
    assert ends == pytest.approx([1.2288, 2.9696], abs=0.1)


def test_a_suite_has_its_own_part():
    params = Project.committed()
    params["suites"] = {"llama": {"source": "folder", "at": "models/llama", "bos": "none"}}
    params["cells"]["llama"] = {"suite": "llama"}
    study = study_of(params)
    assert "llama" not in overview.everything(False, study), "it has no report yet"
    write({"llama": FLAT}, grid="llama", curves=CURVES.replace("attn2_s0", "llama"))
    text = overview.everything(False, study)
    assert "There is no phase change in checkpoints of models/llama." in text
    assert "reports/llama/index.html" in text and "attn2_s0" in text
    params["cells"] = {"llama": {"suite": "llama"}}
    assert "attn2_s0" not in overview.everything(False, study_of(params))


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("metrics.json", None, r"^reports/metrics.json: not found; run `make study`$"),
        ("metrics.json", "{", r"^reports/metrics.json: found no JSON .*; restore it from Git, or"),
        ("plots/icl.csv", "cell,x\na,1\n", r"^reports/plots/icl.csv: not as a report writes it"),
    ],
)
def test_without_a_whole_report_one_line_says_what_to_do(reports, name, content, match):
    (reports / name).unlink()
    if content is not None:
        (reports / name).write_text(content)
    with pytest.raises(StageError, match=match) as raised:
        lines(Screen(80))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("variables", "encoding", "is_ascii"),
    [
        ({"TERM": "xterm"}, "utf-8", False),
        ({"TERM": "xterm"}, "latin-1", True),
        ({"TERM": "dumb"}, "utf-8", True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, "utf-8", True),
        ({"TERM": "xterm", "NO_COLOR": ""}, "utf-8", False),
    ],
)
def test_a_terminal_gets_what_it_can_show(monkeypatch, variables, encoding, is_ascii):
    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    Terminal.encoding = encoding
    monkeypatch.setattr(show.sys, "stdout", Terminal())
    screen = show.terminal()
    assert screen is not None and screen.is_ascii == is_ascii


def test_all_of_it_can_be_said_in_ascii():
    text = "\n".join(lines(Screen(80, is_ascii=True)))
    shown = show.in_ascii(text)
    assert shown.isascii() and "\\u" not in shown and "1.23-2.97 M" in shown
    assert [len(line) for line in shown.splitlines()] == [len(line) for line in text.splitlines()]
    assert textwrap.dedent(shown) == shown

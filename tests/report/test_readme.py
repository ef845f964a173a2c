"""The blocks of README and docs/results.md, from made-up reports of either run."""

from dataclasses import replace
from pathlib import Path

import pytest

from induction.claims.registry import DEFINITIONS
from induction.config.errors import StageError
from induction.config.names import PUBLISHED
from induction.config.paths import REPORTS
from induction.config.study import Study
from induction.pipeline.settings import study_of
from induction.report.readme import claims, pages, shown
from induction.report.readme.shown import Reports
from tests.project import Project


def study(cells: dict, published: dict) -> Study:
    params = Project.committed() | {"cells": cells, "published": published}
    return study_of(params)


def metrics(**changed) -> dict:
    defaults = {
        "icl_matched": -0.5,
        "icl_matched_low": -0.6,
        "icl_matched_high": -0.4,
        "icl_final": -0.55,
        "icl_final_low": -0.75,
        "icl_final_high": -0.35,
        "icl_paper_points": -0.45,
        "icl_paper_low": None,
        "icl_paper_high": None,
        "loss_final": 2.125,
        "phase_change": True,
        "phase_start_tokens": 1_000_000,
        "phase_end_tokens": 2_500_000,
        "prefix_matching_max": 0.625,
        "best_head": "L1H1",
        "previous_token_max": 0.875,
        "previous_token_head": "L0H1",
        "ablation_icl_max": 0.25,
        "ablation_icl_low": 0.125,
        "ablation_icl_high": 0.375,
        "ablation_head": "L0H1",
    }
    return defaults | changed


def claim(name: str, **changed) -> dict:
    defaults = {
        "claim": name,
        "kind": "claim",
        "section": "Argument 1",
        "text": "It holds.",
        "statistic": "share",
        "rule": "at least 0.5, 3 seeds",
        "value": 0.75,
        "low": 0.7,
        "high": 0.8,
        "verdict": "supported",
        "reason": "",
        "says": "Much does.",
        "decides": "",
        "why": "",
        "families": [],
    }
    return defaults | changed


FLAT = {
    "phase_change": False, "phase_start_tokens": None, "phase_end_tokens": None,
    "prefix_matching_max": 0.125, "icl_final_low": -0.5, "icl_final_high": -0.49,
}  # fmt: skip
CLAIMS = {
    "window_is_narrow": claim(
        "window_is_narrow", text="It is narrow.", verdict="contradicted", value=0.1, low=None,
        high=None, reason="", why="Training is short.",
    ),
    "window_place": claim(
        "window_place", text="Nobody asked.", statistic="", rule="", value=None, low=None,
        high=None, verdict="not tested here", reason="too small",
    ),
    "little_before": claim(
        "little_before", text="Who knows.", verdict="inconclusive", reason="The bound is 0.5.",
        decides="About 9 seeds would decide it.", why="It varies.",
        says="Half do; the rule asks for 50 %.",
        families=[{"family": "attention_only", "value": 0.5, "low": 0.25, "high": 0.75,
                   "verdict": "inconclusive", "says": "50 % [25, 75]"}],
    ),
    "untrained": claim("untrained", kind="control", section="", text="It controls."),
    "order_inverts": claim("order_inverts", text="None.", says="", decides="There is no value."),
}  # fmt: skip
NONE_READ = {"circuit": [], "reason": "no sender", "share_cut": None, "share_kept": None}
REPORT = Reports(
    metrics={
        "cells": {
            "attn2_s3": metrics(),
            "attn2_s4": metrics(icl_matched=-0.25, **FLAT),
            "attn1_s3": metrics(**FLAT),
            "attn1_s4": metrics(**FLAT),
            "adamw_s3": metrics(icl_matched=0.125),
        },
        "claims": {"supported": 1, "contradicted": 1, "inconclusive": 0},
        "controls": {"supported": 1, "contradicted": 0, "inconclusive": 0},
    },
    claims=[CLAIMS.get(one.name, claim(one.name)) for one in DEFINITIONS],
    circuits={
        "attn2_s3": {
            "circuit": ["L0H0>L1H3", "L0H1>L1H3"],
            "reason": "",
            "share_cut": [0.75, 0.5, 1.5],
            "share_kept": [1.25, 0.5, 1.5],
        },
        **dict.fromkeys(("attn2_s4", "attn1_s3", "attn1_s4", "adamw_s3"), NONE_READ),
    },
    times={
        "machine": "a machine",
        "stages": {"train": 500, "study": 1200},
        "commands": {
            "make study": {"seconds": 1203, "what": "install included"},
            "make verify": {"seconds": 12, "what": "all files"},
        },
    },
    answer={
        "sentences": ["It changes.", "In 2 of 4 models."],
        "limits": "Small.",
        "compared_sentence": "3.0 times as wide.",
        "smearing": ["One layer is enough.", "Two change earlier."],
        "weights": [],
    },
)
CELLS = {
    "attn1_s3": {"model": "attn1", "seed": 3},
    "attn1_s4": {"model": "attn1", "seed": 4},
    "attn2_s3": {"model": "attn2", "seed": 3},
    "attn2_s4": {"model": "attn2", "seed": 4},
    "adamw_s3": {"model": "attn2", "seed": 3, "train": {"optimizer": "adamw"}},
}
OTHER = {"attn2_s9": {"model": "attn2", "seed": 9}}
STUDIES = {"": study(CELLS, OTHER), PUBLISHED: study(OTHER, CELLS)}


@pytest.fixture(params=STUDIES, autouse=True)
def grid(request, monkeypatch) -> str:
    """The run that is shown."""
    monkeypatch.setattr(shown, "GRID", request.param)
    monkeypatch.setattr(shown, "FOLDER", REPORTS / request.param)
    return request.param


def block(name: str, reports: Reports = REPORT, page: Path = pages.RESULTS) -> str:
    text = f"a <!-- {name} -->\nstale text\n<!-- /{name} --> b"
    text = pages.filled(page, text, STUDIES[shown.GRID], reports)
    assert text.startswith(f"a <!-- {name} -->\n") and text.endswith(f"<!-- /{name} --> b")
    return text.partition("-->\n")[2].rpartition("<!--")[0]


def block_rows(name: str) -> list[list[str]]:
    """The rows of a block's table, without its head."""
    lines = block(name).splitlines()
    assert all(line.startswith("|") for line in lines)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_models_have_a_row_for_every_seed_and_variations_stand_apart():
    one, two = "one-layer attention-only model", "two-layer attention-only model"
    assert block_rows("models") == [
        [one, "`attn1_s3`", "none", "−0.50", "2.12"],
        ["", "`attn1_s4`", "none", "−0.50", "2.12"],
        [two, "`attn2_s3`", "1.00 M – 2.50 M", "−0.50", "2.12"],
        ["", "`attn2_s4`", "none", "−0.25", "2.12"],
    ]
    assert block_rows("variations") == [
        [f"{two}, optimizer adamw", "`adamw_s3`", "1.00 M – 2.50 M", "0.12", "2.12", "0.62 (L1H1)"]
    ]


def test_scores_stand_side_by_side_with_their_intervals():
    scores = ["−0.500 [−0.600, −0.400]", "−0.550 [−0.750, −0.350]", "−0.450"]
    assert block_rows("matched")[2][2:] == scores


def test_heads_and_circuits_of_every_seed():
    assert block_rows("heads")[2][1:] == [
        "`attn2_s3`", "0.62 (L1H1)", "0.88 (L0H1)", "0.25 [0.12, 0.38] (L0H1)"
    ]  # fmt: skip
    assert block_rows("circuits")[2][1:] == [
        "`attn2_s3`", "L0H0>L1H3, L0H1>L1H3", "0.75 [0.50, 1.50]", "1.25 [0.50, 1.50]"
    ]  # fmt: skip
    assert block_rows("circuits")[3][2:] == ["none: no sender", "–", "–"]


def test_sentences_count_seeds():
    some = "in one of two seeds of the two-layer attention-only models"
    none = "in no seed of the one-layer attention-only models"
    assert block("change") == (
        f"The rule finds a phase change {some}; {none}. In training tokens, the windows lie at "
        "1.00 M – 2.50 M in the two-layer attention-only models.\n"
    )
    assert block("best_heads").endswith(f"must be, {some}; {none}.\n")
    assert block("circuit").endswith(f"circuit {some}; {none}.\n")


def test_sentences_about_one_seed_each_and_about_no_model_at_all(grid, monkeypatch):
    pairs = {"attn1_s3": CELLS["attn1_s3"], "attn2_s3": CELLS["attn2_s3"]}
    monkeypatch.setitem(
        STUDIES, grid, study(OTHER, pairs) if grid == PUBLISHED else study(pairs, OTHER)
    )
    one, two = (REPORT.metrics["cells"][cell] for cell in pairs)
    report = replace(REPORT, metrics={"cells": dict(zip(pairs, (one, two), strict=True))})
    expected = "change in the two-layer attention-only model, and not in the one-layer attention-"
    assert expected in block("change", report)
    report = replace(REPORT, metrics={"cells": dict.fromkeys(pairs, one)})
    assert block("change", report) == "The rule finds a phase change in none of the two models.\n"
    report = replace(REPORT, metrics={"cells": dict.fromkeys(pairs, two)})
    assert block("change", report).startswith("The rule finds a phase change in all two models. ")
    assert block("variations", report) == "This run has none.\n"


def test_every_claim_answers_one_question():
    asked = [name for names in claims.QUESTIONS.values() for name in names]
    assert sorted(asked) == sorted(one.name for one in DEFINITIONS)


def test_claims_that_fail_stay_and_families_stand_below():
    _, narrow, place, before, family, *_ = block_rows("claims_change")
    assert narrow[2:] == ["**contradicted**", "Much does."]
    assert place == ["Nobody asked.", "Argument 1", "not tested here", "–"]
    assert before == [
        "Who knows.",
        "Argument 1",
        "inconclusive",
        "Half do; the rule asks for 50 %.",
    ]
    alone = "… attention-only models alone"
    assert family == [alone, "", "inconclusive", "50 % [25, 75]"]
    assert ["None.", "Argument 1", "supported", "There is no value."] in block_rows("claims_change")
    assert ["It controls.", "our control"] in [row[:2] for row in block_rows("claims_artefact")]


def test_what_does_not_hold_has_its_reason_and_what_would_decide_it():
    assert block_rows("failures") == [
        ["**contradicted**", "“It is narrow”", "Training is short."],
        ["inconclusive", "“Who knows”", "About 9 seeds would decide it. It varies."],
        ["not tested here", "“Nobody asked”", "too small"],
    ]
    alike = [claim(str(i), verdict="inconclusive", reason="1 of 3 seeds") for i in range(12)]
    text = block("failures", replace(REPORT, claims=alike))
    assert "| inconclusive | 12 claims and controls | 1 of 3 seeds |" in text


def test_counts_times_findings_and_where_they_are_from(grid):
    assert "**1 supported, 1 contradicted, 0 inconclusive**, 1 not tested here" in block("verdicts")
    assert block_rows("times") == [["500", "1,200"]]
    spent = "`make study` 20 min 3 s (install included), `make verify` 12 s (all files)."
    assert spent in block("commands")
    assert block("findings") == "1. It changes.\n2. In 2 of 4 models.\n"
    assert block("compared") == "3.0 times as wide.\n"
    assert block("limits") == "Small.\n"
    assert block("smearing") == "* One layer is enough.\n* Two change earlier.\n"
    assert block("weights") == ""
    run = "published run (`make published`)" if grid else "default study (`make study`)"
    shows = (
        f"The numbers are those of the {run}, with two models, two seeds of each, and one run of"
    )
    assert f"{shows} variations and controls: [summary]" in block("source")
    more = f"{grid}/" if grid else ""
    assert f"[claims](../reports/{more}claims.json)" in block("source")
    assert f"[claims](reports/{more}claims.json)" in block("source", page=pages.README)
    assert f"(../reports/{more}figures/icl.svg)\n\n*In-context" in block("figure_icl")
    assert block("figure_icl", page=pages.README).count("\n") == 1


def test_a_control_that_failed_comes_before_the_counts():
    controls = [claim("a", kind="control", text="It stays.", verdict="contradicted")]
    controls.append(claim("b", kind="control", text="Who knows.", verdict="inconclusive"))
    text = block("verdicts", replace(REPORT, claims=controls))
    assert text.startswith("**A control failed: “It stays”. Claims that rest on it say little.**")
    assert text.endswith("0 inconclusive. A control is inconclusive: “Who knows”.\n")
    assert text.index("It stays") < text.index("Of the paper's claims") < text.index("Who knows")


def test_an_unknown_block_is_named():
    with pytest.raises(StageError, match=r"docs/results.md: found block 'x', expected one of sour"):
        block("x")


def test_without_the_cells_of_params_the_blocks_by_cell_stay_and_the_others_do_not(
    grid, monkeypatch
):
    assert shown.other_cells(STUDIES[grid], REPORT) == []
    monkeypatch.setitem(STUDIES, grid, study({"a": CELLS["attn1_s3"]}, {"b": CELLS["attn1_s3"]}))
    only = "b" if grid else "a"
    assert shown.other_cells(STUDIES[grid], REPORT) == sorted({only, *CELLS})
    for name, written in pages.BLOCKS.items():
        assert (block(name) == "stale text\n") == written.by_cell

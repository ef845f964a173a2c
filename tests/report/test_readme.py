"""The blocks of README, from made reports; and README itself, against the committed ones."""

import json
import re

import pytest

from induction.config.errors import StageError
from induction.config.study import Study
from induction.pipeline.settings import study_of
from induction.report import readme
from induction.report.blocks import BLOCK
from tests.project import ROOT, Project


def study(cells: dict, published: dict) -> Study:
    params = Project.committed() | {"cells": cells, "published": published}
    return study_of(params)


def metrics(**changed) -> dict:
    defaults = {
        "icl_matched": -0.5,
        "phase_change": True,
        "phase_start_tokens": 1_000_000,
        "phase_end_tokens": 2_500_000,
        "prefix_matching_max": 0.625,
    }
    return defaults | changed


def claim(**changed) -> dict:
    defaults = {
        "kind": "claim",
        "text": "It holds.",
        "statistic": "share",
        "rule": "at least 0.5, 3 seeds",
        "value": 0.75,
        "low": 0.7,
        "high": 0.8,
        "verdict": "supported",
    }
    return defaults | changed


REPORTS = {
    readme.METRICS: {
        "cells": {
            "attn2_s0": metrics(),
            "attn2_s1": metrics(icl_matched=-0.25, phase_change=False),
            "adamw_s0": metrics(icl_matched=0.125),
        },
        "claims": {"supported": 1, "contradicted": 1, "inconclusive": 0},
        "controls": {"supported": 1, "contradicted": 0, "inconclusive": 0},
    },
    readme.CLAIMS: [
        claim(),
        claim(text="It fails.", verdict="contradicted", value=0.1, low=None, high=None),
        claim(text="Nobody asked.", verdict="not tested here", value=None),
        claim(kind="control", text="It controls."),
    ],
    readme.CIRCUITS: {
        "attn2_s0": {
            "circuit": ["L0H0>L1H3", "L0H1>L1H3"],
            "share_cut": [0.75, 0.5, 1.5],
            "share_kept": [1.25, 0.5, 1.5],
        },
        "attn2_s1": {"circuit": [], "share_cut": None, "share_kept": None},
        "adamw_s0": {"circuit": [], "share_cut": None, "share_kept": None},
    },
    readme.TIMES: {
        "machine": "a machine",
        "stages": {"train": 500, "study": 1200},
        "commands": {
            "make study": {"seconds": 1203, "what": "install included"},
            "make verify": {"seconds": 12, "what": "all files"},
        },
    },
}
STUDY = study(
    {"attn2_s9": {"model": "attn2", "seed": 9}},
    {
        "attn2_s0": {"model": "attn2", "seed": 0},
        "attn2_s1": {"model": "attn2", "seed": 1},
        "adamw_s0": {"model": "attn2", "seed": 0, "train": {"optimizer": "adamw"}},
    },
)


def block_rows(name: str) -> list[list[str]]:
    """The rows of a block's table, without its head."""
    text = readme.filled(f"a <!-- {name} -->\nstale text\n<!-- /{name} --> b", STUDY, REPORTS)
    assert text.startswith(f"a <!-- {name} -->\n|") and text.endswith(f"<!-- /{name} --> b")
    assert "stale" not in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_models_have_every_seed_and_variations_stand_apart():
    assert block_rows("models") == [
        ["`attn2`", "-0.50, -0.25", "–, –", "1.00 M – 2.50 M, none", "0.62, 0.62"]
    ]
    assert block_rows("variations") == [["`adamw_s0`", "+0.12", "–", "1.00 M – 2.50 M", "0.62"]]


def test_circuits_have_every_seed():
    assert block_rows("circuits") == [
        ["`attn2`", "L0H0>L1H3 + L0H1>L1H3, none", "0.75, –", "1.25, –"]
    ]


def test_claims_that_fail_stay():
    assert block_rows("claims") == [
        ["It holds.", "share", "0.75 [0.7, 0.8]", "at least 0.5, 3 seeds", "supported"],
        ["It fails.", "share", "0.1", "at least 0.5, 3 seeds", "**contradicted**"],
    ]
    assert [row[0] for row in block_rows("controls")] == ["It controls."]


def test_counts_and_times():
    text = readme.filled("<!-- verdicts -->\n<!-- /verdicts -->", STUDY, REPORTS)
    assert "**1 supported, 1 contradicted, 0 inconclusive**, 1 not tested here" in text
    assert block_rows("times") == [["500", "1,200"]]
    text = readme.filled("<!-- commands -->\n<!-- /commands -->", STUDY, REPORTS)
    assert "`make study` 20 min 3 s (install included), `make verify` 12 s (all files)." in text


def test_a_control_that_failed_comes_before_the_counts():
    claims = [claim(kind="control", text="It stays.", verdict="contradicted")]
    claims.append(claim(kind="control", text="Who knows.", verdict="inconclusive"))
    text = readme.verdicts(STUDY, REPORTS | {readme.CLAIMS: claims})
    assert text.startswith("**A control failed: “It stays”. Claims that rest on it say little.**")
    assert text.endswith("0 inconclusive. A control is inconclusive: “Who knows”.\n")
    assert text.index("It stays") < text.index("Of the paper's claims") < text.index("Who knows")


def test_an_unknown_block_is_named():
    with pytest.raises(StageError, match="found block 'x', expected one of commands"):
        readme.filled("<!-- x -->\n<!-- /x -->", STUDY, REPORTS)


README = (ROOT / "README.md").read_text(encoding="utf-8")
# Numbers of README that no run produced and no param holds.
NAMED = {
    "2022": "the year of the paper",
    "2.0": "of the licence",
    "2.13.0": "torch, as pyproject.toml pins it",
    "3.11": "Python",
    "768": "width of the paper's models",
    "10,000": "evaluation sequences of the paper",
    "9": "of `kill -9`",
}


def numbers(text: str) -> set[str]:
    """Numbers of the prose: no code, no link targets, nothing that `make readme` writes."""
    for skipped in (r"^```.*?^```", BLOCK.pattern, r"`[^`\n]*`", r"\]\([^)]*\)"):
        text = re.sub(skipped, " ", text, flags=re.DOTALL | re.MULTILINE)
    return set(re.findall(r"(?<![\w.,])\d[\d.,]*\d|(?<![\w.,])\d", text))


def scalars(params) -> set[float]:
    if isinstance(params, dict | list):
        inner = params.values() if isinstance(params, dict) else params
        return set().union(*map(scalars, inner))
    return {float(params)} if type(params) in (int, float) else set()


def test_every_number_of_readme_stands_in_a_report_or_in_params():
    """Those in blocks are the reports' own; of the rest, none is a result."""
    known = scalars(Project.committed())
    stray = {
        number
        for number in numbers(README) - NAMED.keys()
        if not {float(number.replace(",", "")), float(number.replace(",", "")) / 100} & known
    }
    assert not stray
    assert numbers("1.25 and `7` [x](8) −9\n```\n6\n```\nL1H3") == {"1.25", "9"}


def test_without_the_cells_of_params_the_blocks_by_cell_stay_and_the_others_do_not():
    other = study({"attn2_s9": {"model": "attn2", "seed": 9}}, {"a": {"model": "attn1", "seed": 0}})
    assert readme.other_cells(STUDY, REPORTS) == []
    assert readme.other_cells(other, REPORTS) == ["a", "adamw_s0", "attn2_s0", "attn2_s1"]
    for name in readme.BLOCKS:
        text = f"<!-- {name} -->\nold\n<!-- /{name} -->"
        assert readme.filled(text, STUDY, REPORTS) != text
        assert (readme.filled(text, other, REPORTS) == text) == (name in readme.BY_CELL)


def test_readme_is_what_the_reports_say():
    assert {block[2] for block in BLOCK.finditer(README)} == readme.BLOCKS.keys()
    reports = {name: json.loads((ROOT / name).read_text()) for name in REPORTS}
    assert readme.filled(README, study_of(Project.committed()), reports) == README

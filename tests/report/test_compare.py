"""Two reports compared: by hand, out of a real Git repository, and made by strangers."""

import html
import json
import re
import sys
import tempfile
from math import sqrt
from pathlib import Path

import numpy as np
import pytest

from induction.cli import project
from induction.cli.compare import command
from induction.config.errors import StageError
from induction.config.icl import IclSettings
from induction.config.strict import parse
from induction.report import revisions, sequences
from induction.report.compare import figures, measures, page, paired, wording
from induction.report.compare.comparison import Comparison, compare
from induction.report.compare.difference import difference, is_clear, is_identical, over_seeds
from induction.report.compare.measures import Estimate
from induction.report.dotted_keys import flatten
from induction.report.summary import METRICS
from induction.stats.bootstrap import draws
from induction.stats.intervals import tails
from tests.git import git
from tests.report.test_sql import WINDOWS, ask, losses

EVIL = "</td><script>alert(1)</script>\"'&|"
ODD = "שלום \u202e 🧠 \x1b[31m\x00 é"
PARAMS = {
    "corpus": {"seed": 0},
    "cells": {"a_s0": {"model": "a", "seed": 0}},
    "claims": {"interval": 0.95},
    "icl": {
        "windows": {"early": [1, 2], "late": [3, 4]},
        "early_point": 1,
        "late_point": 4,
        "bootstrap_draws": 1000,
        "bootstrap_seed": 0,
        "interval": 0.95,
    },
}


def cell(**changed) -> dict:
    values = {
        "icl_matched": -0.25,
        "icl_matched_low": -0.4,
        "icl_matched_high": -0.1,
        "icl_final": -0.5,
        "icl_final_low": -0.8,
        "icl_final_high": -0.1,
        "icl_paper_points": -0.75,
        "icl_paper_low": -1.0,
        "icl_paper_high": -0.5,
        "loss_final": 2.0,
        "loss_final_low": 1.9,
        "loss_final_high": 2.1,
        "phase_change": True,
        "phase_start_tokens": 1_000_000,
        "phase_end_tokens": 2_500_000,
        "prefix_matching_max": 0.625,
        "previous_token_max": 0.5,
        "best_head": "L1H3",
        "previous_token_head": "L0H0",
        "ablation_icl_max": 0.25,
        "ablation_icl_low": 0.2,
        "ablation_icl_high": 0.3,
        "ablation_head": "L1H3",
    }
    return values | changed


def claim(**changed) -> dict:
    values = {
        "claim": "holds",
        "kind": "claim",
        "text": "It holds.",
        "rule": "at least 0.5, 3 seeds",
        "value": 0.75,
        "low": 0.7,
        "high": 0.8,
        "verdict": "supported",
    }
    return values | changed


# Of two sequences: loss, early, late, late with a short context, and the losses at the paper's
# points. Their means are those of `cell`.
SEQUENCES = [(1.0, 2.0, 1.9, 2.1, 2.0, 1.5), (3.0, 2.0, 1.1, 1.4, 2.0, 1.0)]
# Both ICL scores 0.1 lower and loss 0.25 higher in both; at the paper's points 0.5 higher in the
# first alone.
SHIFTED = [(1.25, 2.0, 1.8, 2.1, 2.0, 2.0), (3.25, 2.0, 1.0, 1.4, 2.0, 1.0)]
SHIFTS = {"icl_matched": -0.35, "icl_final": -0.6}
WIDE = {
    "icl_final_low": -0.9,
    "icl_final_high": -0.1,
    "loss_final_low": 1.0,
    "loss_final_high": 3.0,
}
CIRCUIT = {"circuit": ["L0H0>L1H3"], "share_cut": [0.7, 0.4, 2.0], "share_kept": None}


def csv_text(rows: dict[str, list[tuple]]) -> str:
    """sequences.csv as a report writes it."""
    return sequences.text(
        [
            {"cell": cell, "seq": seq} | dict(zip(sequences.MEANS, means, strict=True))
            for cell, sequences_of in rows.items()
            for seq, means in enumerate(sequences_of)
        ]
    )


def report(
    folder: Path, cells=None, claims=None, circuits=None, params=PARAMS, text="a", rows=None
) -> Path:
    """A report as `stages.report` writes it, as far as it is compared; None leaves a file out."""
    reports = folder / "reports"
    reports.mkdir(parents=True, exist_ok=True)
    by = {"stage": "report", "code": "1", "params": "2", "versions": ["python==3.11"]}
    cells = {"a_s0": cell()} if cells is None else cells
    files = {
        "metrics.json": {"cells": cells, "claims": {}, "controls": {}},
        "claims.json": [claim()] if claims is None else claims,
        "circuits.json": {name: CIRCUIT for name in cells} if circuits is None else circuits,
        "provenance.json": {"report": by, "inputs": {"data/icl/a_s0": by | {"stage": "icl"}}},
    }
    for name, content in files.items():
        (reports / name).write_text(json.dumps(content))
    if rows is not None:
        (reports / sequences.NAME).write_text(csv_text(rows))
    (reports / "summary.md").write_text(f"256 sequences. sha256 `{text * 64}`.\n")
    if params is not None:
        # JSON is YAML.
        (folder / "params.yaml").write_text(json.dumps(params))
    return reports


def compared(a: Path, b: Path):
    return compare(revisions.read(str(a), ""), revisions.read(str(b), ""))


def row(comparison, key: str, name: str = "a_s0"):
    (only,) = [row for row in comparison.rows if row.measure.key == key and row.cell == name]
    return only


def change(comparison: Comparison, key: str) -> Estimate:
    estimate = row(comparison, key).change
    assert estimate is not None
    return estimate


def table(text: str, title: str) -> list[list[str]]:
    """The rows of a table that was printed, without its head."""
    section = text.split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    assert len({len(line) for line in lines}) == 1, "aligned"
    return [[field.strip() for field in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


# Differences


def test_a_difference_is_worked_by_hand():
    """Below: hypot(0.2 − 0.16, 0.5 − 0.47) = 0.05; above: hypot(0.32 − 0.2, 0.47 − 0.42) = 0.13."""
    comparison = difference(Estimate(0.47, 0.42, 0.5), Estimate(0.2, 0.16, 0.32))
    assert comparison.value == pytest.approx(-0.27)
    assert (comparison.low, comparison.high) == pytest.approx((-0.32, -0.14))
    assert (
        is_clear(comparison)
        and not is_clear(Estimate(0.1, -0.1, 0.3))
        and not is_clear(Estimate(1.0))
    )


def test_normal_intervals_give_the_root_of_the_sum_of_squares():
    comparison = difference(Estimate(1.0, 0.7, 1.3), Estimate(1.0 + 2, 2.6, 3.4))
    assert (comparison.low, comparison.high) == pytest.approx((1.5, 2.5))


def test_a_value_outside_its_interval_adds_nothing_on_that_side():
    comparison = difference(Estimate(0.0, -0.3, 0.3), Estimate(1.0, 1.1, 1.4))
    assert (comparison.low, comparison.high) == pytest.approx((0.7, 1.5))


def test_without_an_interval_on_both_sides_there_is_none():
    assert difference(Estimate(1.0, 0.5, 1.5), Estimate(2.0)) == Estimate(1.0)


def test_identical_numbers_differ_by_zero_and_unknown_ends_do_not_count():
    assert difference(Estimate(1.0, 0.5, 1.5), Estimate(1.0, 0.5, 1.5)) == Estimate(0.0)
    assert is_identical(Estimate(1.0, 0.5, 1.5), Estimate(1.0))
    assert not is_identical(Estimate(1.0, 0.5, 1.5), Estimate(1.0, 0.5, 1.6))
    assert not is_identical(Estimate(1.0), Estimate(1.0 + 2**-52))


@pytest.mark.parametrize(("correlation", "least", "most"), [(0.0, 0.93, 0.97), (0.8, 0.99, 1.0)])
def test_it_covers_as_often_as_it_says_and_more_often_on_the_same_sequences(
    correlation, least, most
):
    """Means over 100 sequences, of A 0 and of B 0.5: what their losses share makes it wide."""
    rng = np.random.default_rng(0)
    shared, a, b = rng.normal(size=(3, 1000, 100))
    mixed = [sqrt(correlation) * shared + sqrt(1 - correlation) * noise for noise in (a, b)]

    def estimate(values: np.ndarray) -> Estimate:
        mean, half = float(values.mean()), 0.196 * float(values.std(ddof=1))
        return Estimate(mean, mean - half, mean + half)

    pairs = [
        difference(estimate(values_a), estimate(values_b + 0.5))
        for values_a, values_b in zip(*mixed, strict=True)
    ]
    held = [change.low <= 0.5 <= change.high for change in pairs if change.low and change.high]
    assert len(held) == 1000 and least <= np.mean(held) <= most


def test_over_seeds_is_students():
    """t(0.975, 2) = 4.3027: 2 ± 4.3027 × 1 / sqrt(3)."""
    comparison = over_seeds([1.0, 2.0, 3.0], 0.95)
    assert (comparison.value, comparison.low, comparison.high) == pytest.approx(
        (2, -0.48414, 4.48414), abs=1e-4
    )
    assert over_seeds([1.0, 2.0], None) == Estimate(1.5) and over_seeds([1.0], 0.9) == Estimate(1.0)


# A report against another


def test_the_table_by_hand(tmp_path):
    """Δ usual ICL: −0.2 − hypot(0.1, 0.4), + hypot(0.2, 0.3); loss: 0.5 ± hypot(0.1, 0.1)."""
    a = report(tmp_path / "a", {"a_s0": cell(), "gone_s0": cell()})
    moved = cell(
        icl_final=-0.7,
        icl_final_low=-0.8,
        icl_final_high=-0.5,
        loss_final=2.5,
        loss_final_low=2.4,
        loss_final_high=2.6,
        phase_start_tokens=1_100_000,
        best_head="L1H2",
    )
    b = report(
        tmp_path / "b",
        {"a_s0": moved, "new_s0": cell()},
        circuits={"a_s0": CIRCUIT | {"circuit": ["L0H1>L1H3"], "share_kept": [1.25, 1, 2]}},
        params=PARAMS | {"train": {"lr": 0.1, "steps": [1, 2]}, "corpus": {"seed": 1}},
    )
    text = page.markdown(compared(a, b))
    assert table(text, "Cells") == [
        ["a_s0", "final usual ICL, nats", "−0.500 [−0.800, −0.100]", "−0.700 [−0.800, −0.500]",
         "−0.2 [−0.612, +0.161]", "from both", "no"],
        ["a_s0", "final loss, nats per token", "2.000 [1.900, 2.100]", "2.500 [2.400, 2.600]",
         "+0.5 [+0.359, +0.641]", "from both", "yes"],
        ["a_s0", "window starts, training tokens", "1.00 M", "1.10 M", "+0.1 M", "", ""],
        ["a_s0", "head of best prefix matching", "L1H3", "L1H2", "changed", "", ""],
        ["a_s0", "circuit", "L0H0>L1H3", "L0H1>L1H3", "gained L0H1>L1H3; lost L0H0>L1H3", "",
         ""],
        ["a_s0", "kept by the circuit alone, share of ICL", "–", "1.250 [1.000, 2.000]",
         "changed", "", ""],
    ]  # fmt: skip
    assert table(text, "Params") == [
        ["corpus.seed", "0", "1"],
        ["train.lr", "(not there)", "0.1"],
        ["train.steps", "(not there)", "[1, 2]"],
    ]
    assert "In A only: gone_s0." in text and "In B only: new_s0." in text
    assert wording.EVALUATION["other"] in text, "another seed draws other sequences"
    assert wording.NOT_RUN in text, "provenance has the same params on both sides"


def test_identical_runs_are_said_to_be(tmp_path):
    a = report(tmp_path / "a")
    b = report(tmp_path / "b", claims=[claim(verdict="contradicted"), claim(claim="new")])
    comparison = compared(a, b)
    assert "both report: a_s0." in page.markdown(comparison)
    assert comparison.identical() == ["a_s0"] and comparison.evaluation == "same"
    assert row(comparison, "icl_final").change == Estimate(0.0)
    assert wording.change(row(comparison, "icl_final")) == "0" and comparison.params == []
    assert "## Cells" in page.markdown(comparison) and wording.NOT_RUN not in page.markdown(
        comparison
    )


def test_where_all_cells_are_identical_they_are_counted(tmp_path):
    two = {"a_s0": cell(), "b_s0": cell()}
    comparison = compared(report(tmp_path / "a", two), report(tmp_path / "b", two))
    assert "both report: all 2 common cells." in page.markdown(comparison)
    assert comparison.is_same, "another folder, the same bytes"


def test_another_text_is_another_evaluation_set_and_no_text_says_nothing(tmp_path):
    a, b = report(tmp_path / "a"), report(tmp_path / "b", text="b")
    assert compared(a, b).evaluation == "other"
    (b / "summary.md").unlink()
    assert compared(a, b).evaluation == "not known"


def test_older_reports_know_less(tmp_path):
    """No intervals but that of ICL, no circuits, no claims, no provenance, no params."""
    keys = ("icl_final", "icl_final_low", "icl_final_high", "icl_paper_points", "phase_change")
    old = {key: cell()[key] for key in keys}
    a = report(tmp_path / "a", {"a_s0": old | {"icl_paper_points": -0.5}}, params=None)
    for name in ("circuits.json", "claims.json", "provenance.json", "summary.md"):
        (a / name).unlink()
    comparison = compared(a, report(tmp_path / "b"))
    assert row(comparison, "icl_paper_points").change == Estimate(-0.25)
    assert row(comparison, "loss_final").status == "not known" == row(comparison, "circuit").status
    assert wording.change(row(comparison, "loss_final")) == "–"
    text = page.markdown(comparison)
    assert "params: not known of" in text and "claims: not known of" in text
    assert "lost without the circuit" in text.split("older report does not have it")[1]
    assert len(table(text, "Cells")) == 1


# Sequence by sequence


def pair(tmp_path, **b) -> tuple[Path, Path]:
    """Two reports with sequences.csv: SHIFTED against SEQUENCES."""
    moved = cell(**SHIFTS, icl_paper_points=-0.5, loss_final=2.25, **WIDE)
    first = report(tmp_path / "a", {"a_s0": cell(**WIDE)}, rows={"a_s0": SEQUENCES})
    return first, report(
        tmp_path / "b", **{"cells": {"a_s0": moved}, "rows": {"a_s0": SHIFTED}} | b
    )


def interval_kinds(comparison) -> dict[str, str | None]:
    return {row.measure.key: row.interval for row in comparison.rows if row.interval}


def test_differences_that_are_constant_have_no_width_however_wide_the_sides_are(tmp_path):
    """0.5 and 0 at the paper's points: their resampled means are 0, 0.25 and 0.5."""
    a, b = pair(tmp_path)
    comparison = compared(a, b)
    assert interval_kinds(comparison) == dict.fromkeys(paired.MEANS, "paired")
    assert {
        key: pytest.approx((difference.value, difference.low, difference.high), abs=1e-12)
        for key in paired.MEANS
        for difference in [change(comparison, key)]
    } == {
        "icl_matched": (-0.1, -0.1, -0.1),
        "icl_final": (-0.1, -0.1, -0.1),
        "icl_paper_points": (0.25, 0.0, 0.5),
        "loss_final": (0.25, 0.25, 0.25),
    }
    text, html_page = page.markdown(comparison), page.html(comparison)
    assert [fields[4:] for fields in table(text, "Cells")] == [
        ["−0.1 [−0.1, −0.1]", "paired", "yes"],
        ["−0.1 [−0.1, −0.1]", "paired", "yes"],
        ["+0.25 [+0, +0.5]", "paired", "no"],
        ["+0.25 [+0.25, +0.25]", "paired", "yes"],
    ]
    for shown in (text, html.unescape(html_page)):
        assert wording.INTERVALS["paired"] in shown and wording.NOT_PAIRED not in shown
    assert html_page.count('<td class="text">paired</td>') == 4
    cells = json.loads(page.as_json(comparison, None))["cells"]
    listed = {entry["measure"]: entry["interval"] for entry in cells}
    assert listed["icl_final"] == "paired" and listed["best_head"] is None


def test_what_a_report_has_no_sequences_of_is_from_both(tmp_path):
    moved = cell(**SHIFTS, icl_paper_points=-0.5, loss_final=2.25, ablation_icl_max=0.3)
    comparison = compared(*pair(tmp_path, cells={"a_s0": moved}))
    assert interval_kinds(comparison) == dict.fromkeys(paired.MEANS, "paired") | {
        "ablation_icl_max": "from both"
    }
    assert wording.INTERVALS["from both"] in page.markdown(comparison)


@pytest.mark.parametrize("older", ["a", "b"])
def test_an_older_report_has_no_sequences_and_says_so(tmp_path, older):
    """ICL: −0.1 − hypot(0.3, 0.4), + hypot(0.5, 0.4), by the ends of both."""
    sides = dict(zip("ab", pair(tmp_path), strict=True))
    (sides[older] / sequences.NAME).unlink()
    comparison = compared(sides["a"], sides["b"])
    assert set(interval_kinds(comparison).values()) == {"from both"}
    icl = change(comparison, "icl_final")
    assert (icl.low, icl.high) == pytest.approx((-0.1 - 0.5, -0.1 + sqrt(0.41)))
    for text in (page.markdown(comparison), html.unescape(page.html(comparison))):
        assert f"{wording.NOT_PAIRED}{getattr(comparison, older).name}." in text
        assert wording.INTERVALS["from both"] in text and wording.INTERVALS["paired"] not in text


def with_icl(**changed) -> dict:
    return {"params": PARAMS | {"icl": PARAMS["icl"] | changed}}


@pytest.mark.parametrize(
    ("b", "left"),
    [
        ({"text": "b"}, ""),
        ({"params": PARAMS | {"corpus": {"seed": 1}}}, ""),
        ({"params": None}, ""),
        (with_icl(windows={"early": [0, 2], "late": [3, 4]}), "icl_paper_points loss_final"),
        (with_icl(early_point=2), "icl_matched icl_final loss_final"),
        ({"params": PARAMS | {"cells": {"a_s0": {"model": "a", "seed": 0, "corpus": "x"}}}}, ""),
        ({"params": PARAMS | {"cells": {}}}, ""),
        ({"rows": {"a_s0": [*SHIFTED, (2.25, 2.0, 1.4, 1.75, 2.0, 1.5)]}}, ""),
    ],
    ids=["text", "set", "no params", "windows", "points", "other text", "no cell", "number"],
)
def test_what_may_be_read_elsewhere_is_not_paired(tmp_path, b, left):
    comparison = interval_kinds(compared(*pair(tmp_path, **b)))
    assert [key for key, kind in comparison.items() if kind == "paired"] == left.split()
    assert set(paired.MEANS) <= comparison.keys()


def test_draws_and_level_are_those_of_b_else_of_a(tmp_path):
    """At 40 % the interval of 0, 0.25 and 0.5 is the middle one, with the probability 1/2."""
    a, b = pair(tmp_path, **with_icl(interval=0.4))
    assert row(compared(a, b), "icl_paper_points").change == Estimate(0.25, 0.25, 0.25)
    assert row(compared(b, a), "icl_paper_points").change == Estimate(-0.25, -0.5, 0.0)
    report(
        tmp_path / "b",
        {"a_s0": cell(**SHIFTS, icl_paper_points=-0.5, loss_final=2.25)},
        rows={"a_s0": SHIFTED},
        **with_icl(interval=0.4, unheard_of=1),
    )
    assert row(compared(a, b), "icl_paper_points").change == Estimate(0.25, 0.0, 0.5)


def test_identical_cells_differ_by_zero_without_an_interval(tmp_path):
    a = report(tmp_path / "a", rows={"a_s0": SEQUENCES})
    b = report(tmp_path / "b", rows={"a_s0": SEQUENCES}, claims=[])
    assert row(compared(a, b), "loss_final").change == Estimate(0.0)
    assert "paired" not in interval_kinds(compared(a, b)).values()


def test_the_interval_is_that_of_the_report_s_query_on_differences_of_losses():
    """Another implementation: means are linear, so score.sql may read B − A token by token."""

    def again(rows: list[dict]) -> list[dict]:
        """Of the late tokens with a short context: a linear function of their losses, too."""
        late = [row for row in rows if row["pos"] >= WINDOWS["late_first"]]
        return [row | {"loss": row["loss"] * (2 + row["seq"] % 3)} for row in late]

    rng = np.random.default_rng(0)
    icl = parse(IclSettings, PARAMS["icl"], "icl")
    sides = [losses(*rng.gamma(2.0, size=(20, 5)).tolist()) for _ in "ab"]
    read = []
    for rows in sides:
        inputs = {
            "losses": [loss | {"cell": "a"} for loss in rows],
            "losses_short": [loss | {"cell": "a"} for loss in again(rows)],
            "icl": [{"cell": "a", "step": 0}],
        }
        content = sequences.text(ask("report/sequences", inputs, **WINDOWS))
        read.append(paired.of_cells(content, {"a": {}})["a"])
    a, b = read
    ends = paired.intervals({("a", key): b[key] - a[key] for key in paired.MEANS}, icl)
    less = [
        loss | {"loss": other["loss"] - loss["loss"]} for loss, other in zip(*sides, strict=True)
    ]
    drawn = draws(20, icl.bootstrap_draws, icl.bootstrap_seed)
    tables = {"losses": less, "losses_short": again(less), "draws": drawn}
    (score,) = ask("icl/score", tables, **WINDOWS, **tails(icl.interval))
    names = ("icl_matched", "icl", "icl_paper", "loss")
    for key, name in zip(paired.MEANS, names, strict=True):
        expected = (score[f"{name}_low"], score[f"{name}_high"])
        assert ends["a", key] == pytest.approx(expected, abs=2e-5), key


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_paired_intervals_cover_as_often_as_they_say(correlation):
    """Means over 100 sequences, of A 0 and of B 0.5, as above, whatever the losses share."""
    rng = np.random.default_rng(0)
    shared, a, b = rng.normal(size=(3, 1000, 100))
    mixed = [sqrt(correlation) * shared + sqrt(1 - correlation) * noise for noise in (a, b)]
    differences = {("", str(i)): 0.5 + values for i, values in enumerate(mixed[1] - mixed[0])}
    comparison = paired.intervals(differences, parse(IclSettings, PARAMS["icl"], "icl"))
    assert 0.92 <= np.mean([low <= 0.5 <= high for low, high in comparison.values()]) <= 0.97


GOOD = csv_text({"a_s0": SEQUENCES})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "found '', expected the head 'cell,seq,loss,early,late,late_short,early_point,"),
        (GOOD.replace("late_point", "last"), "expected the head"),
        (GOOD[:-30], "found the row 'a_s0,1,3.00000.*expected"),
        (GOOD.rpartition("a_s0")[0], "a_s0.icl_matched: found a mean of -0.2, expected -0.25 "),
        (GOOD.replace("a_s0,1", "a_s0,0"), "expected sequence 1"),
        (GOOD.replace("1.90000", "nan"), "expected 5 decimals"),
        (GOOD.replace("1.90000", "1e300"), "expected 5 decimals"),
        (GOOD.replace("1.90000", "1.90001"), None),
        (GOOD.replace("1.90000", "1.90005"), "icl_matched: found a mean of -0.249975, exp"),
        (GOOD.replace("3.00000", "3.00002"), None),
        (GOOD.replace("3.00000", "3.00005"), "loss_final: found a mean of 2.00002, expected 2.0 "),
        (GOOD.replace("3.00000", "3.10000"), "loss_final: found a mean of 2.05, expected 2.0 of"),
        (GOOD.replace("a_s0", "b_s0"), "found 'a_s0' in one of it and metrics.json"),
        (GOOD + 'a_s0,2,"1', "unexpected end of data"),
        (GOOD + "b_s0,0" + ",1.00000" * 6 + "\n", "another number of sequences"),
        (GOOD + "\n", "found the row ''"),
        (GOOD + "\xff", "codec can't decode"),
        ("\0" * 9 + "\x1b[31m", "expected the head"),
    ],
)
def test_damaged_sequences_are_named_with_what_is_wrong(tmp_path, content, message):
    folder = report(tmp_path, rows={"a_s0": SEQUENCES})
    (folder / sequences.NAME).write_bytes(content.encode("latin-1"))
    if message is None:
        assert revisions.read(str(folder), "").sequences is not None
        return
    with pytest.raises(StageError, match=message) as error:
        revisions.read(str(folder), "")
    text = str(error.value)
    assert sequences.NAME in text and text.endswith("or make it anew (`make study`)")
    assert "\n" not in text and text.isprintable() and len(text) < 600


def test_reports_from_before_the_matched_score_are_paired_in_what_they_have(tmp_path):
    a, b = pair(tmp_path)
    for folder in (a, b):
        lines = (folder / sequences.NAME).read_text().splitlines()
        rows = [line.split(",") for line in lines]
        older = "\n".join(",".join(row[:5] + row[6:]) for row in rows) + "\n"
        (folder / sequences.NAME).write_text(older)
    expected = dict.fromkeys(paired.MEANS, "paired") | {"icl_matched": "from both"}
    assert interval_kinds(compared(a, b)) == expected


def test_what_is_written_is_read():
    rng = np.random.default_rng(0)
    rows = {name: rng.gamma(2.0, size=(3, 6)).tolist() for name in ("a,b", 'c"', "é")}
    comparison = sequences.read(csv_text(rows))
    assert list(comparison) == list(rows)
    for name, values in rows.items():
        read = np.stack([comparison[name][key] for key in sequences.MEANS], axis=1)
        assert np.abs(read - values).max() <= 0.5 * 10**-sequences.DECIMALS * 1.001


def test_a_change_that_vanished_has_no_window(tmp_path):
    gone = {"phase_change": False, "phase_start_tokens": None, "phase_end_tokens": None}
    text = page.markdown(
        compared(report(tmp_path / "a"), report(tmp_path / "b", {"a_s0": cell(**gone)}))
    )
    assert [fields[1:5] for fields in table(text, "Cells")] == [
        ["phase change", "yes", "no", "changed"],
        ["window starts, training tokens", "1.00 M", "–", "changed"],
        ["window ends, training tokens", "2.50 M", "–", "changed"],
    ]


def test_seeds_of_a_model_are_paired(tmp_path):
    """ICL falls by 0.1, 0.2 and 0.3: −0.2 ± 4.3027 × 0.1 / sqrt(3). b has one seed, c two names."""
    names = {f"a_s{i}": {"model": "a", "seed": i} for i in range(3)}
    names |= {"b_s0": {"model": "b", "seed": 0}}
    params = PARAMS | {"cells": names}
    a = report(tmp_path / "a", {name: cell() for name in names}, params=params)
    moved = {"a_s0": -0.6, "a_s1": -0.7, "a_s2": -0.8, "b_s0": -0.9}
    b = report(
        tmp_path / "b", {name: cell(icl_final=icl) for name, icl in moved.items()}, params=params
    )
    (mean,) = compared(a, b).means
    assert (mean.panel, mean.seeds, mean.measure.key) == ("a", 3, "icl_final")
    half = 4.3027 * 0.1 / sqrt(3)
    assert (mean.change.value, mean.change.low, mean.change.high) == pytest.approx(
        (-0.2, -0.2 - half, -0.2 + half), abs=1e-4
    )
    other = PARAMS | {"cells": names | {"a_s1": {"model": "a", "seed": 7}}}
    report(tmp_path / "b", {name: cell(icl_final=icl) for name, icl in moved.items()}, params=other)
    (mean,) = compared(a, b).means
    assert mean.seeds == 2, "another seed of the same name is no pair"


def test_claims_whose_verdict_changed_stand_first(tmp_path):
    same, value, verdict, gone = ("same", "value", "verdict", "gone")
    a = [claim(claim=name, text=name) for name in (same, value, verdict, gone)]
    b = [dict(copied) for copied in a[:3]]
    b[1]["value"], b[2]["verdict"], b[2]["rule"] = 0.5, "contradicted", "at least 0.9, 3 seeds"
    comparison = compared(report(tmp_path / "a", claims=a), report(tmp_path / "b", claims=b))
    rules = ("at least 0.5, 3 seeds", "A: at least 0.5, 3 seeds; B: at least 0.9, 3 seeds")
    assert [pair.name for pair in comparison.claims or []] == [verdict, gone, value, same]
    assert table(page.markdown(comparison), "Claims") == [
        [verdict, "supported: 0.75 [0.7, 0.8]", "contradicted: 0.75 [0.7, 0.8]", rules[1]],
        [gone, "supported: 0.75 [0.7, 0.8]", "(not there)", rules[0]],
        [value, "supported: 0.75 [0.7, 0.8]", "supported: 0.5 [0.7, 0.8]", rules[0]],
    ]
    assert "2 with another verdict, 1 with another value or rule, 1 the same." in page.markdown(
        comparison
    )


def test_no_cell_in_both(tmp_path):
    comparison = compared(report(tmp_path / "a"), report(tmp_path / "b", {"b_s0": cell()}))
    assert "No cell is in both." in page.markdown(comparison) and "<img" not in page.html(
        comparison
    )


# The page


def test_what_strangers_wrote_neither_acts_nor_hides(tmp_path):
    names = {EVIL: cell(), ODD: cell(best_head=EVIL)}
    a = report(tmp_path / "a", names, [claim(text=EVIL), claim(claim="o", text=ODD)])
    b = report(
        tmp_path / "b",
        {name: cell(best_head=ODD, icl_final=-0.4) for name in names},
        [claim(text=EVIL, verdict=EVIL), claim(claim="o", text=ODD, verdict=ODD)],
        params=PARAMS | {EVIL: ODD, "odd": [EVIL]},
    )
    comparison = compared(a, b)
    html_page, text = page.html(comparison), page.markdown(comparison)
    assert "<script" not in html_page and "&lt;script&gt;" in html_page
    for shown in (html_page, text):
        assert "שלום" in shown and "🧠" in shown
        assert (
            not set(shown) & {"\u202e", "\x1b", "\x00"} and "\\u202e" in shown and "\\x1b" in shown
        )
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in html_page
    plain = re.sub(r"data:[^\"]+", "", html_page)
    assert not re.search(r"\b(None|nan|Undefined)\b|\son\w+=|https?:", plain)
    assert plain.count("<td") == plain.count("</td>") and "<figure>" in plain
    assert [len(fields) for fields in table(text, "Params")] == [3, 3], "pipes end no column"


def test_the_page_is_the_same_every_time_and_marks_what_is_clear(tmp_path):
    a = report(tmp_path / "a")
    b = report(
        tmp_path / "b", {"a_s0": cell(loss_final=3.0, loss_final_low=2.9, loss_final_high=4)}
    )
    pages = {page.html(compared(a, b)) for _ in range(2)}
    assert len(pages) == 1
    (text,) = pages
    assert text.count("<figure>") == 2 and text.count('<tr class="clear">') == 1
    assert "+1 [+0.859, +2]" in text


def test_intervals_that_are_too_long_end_at_the_frame():
    """What the renderer would clip, it would number anew in every run."""
    shares = [{"side": side, "value": 0.5, "low": -1000.0, "high": 0.6} for side in "AB"]
    common = {"panel": "p", "unit": "share", "cell": "a_s0"}
    svg = str(figures.values([common | ends for ends in shares]))
    drawn = [
        float(number)
        for number in re.findall(r"-?\d+(?:\.\d+)?", re.sub(r"xmlns\S+|#\w+", "", svg))
    ]
    assert max(map(abs, drawn)) < 1000


# Where reports come from


def commit(folder: Path, message: str) -> str:
    git(folder, "add", ".")
    git(folder, "commit", "-qm", message)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Path:
    """Three commits: without a report; final ICL −0.5; −0.6; an experiment on that has −0.7."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "README").write_text("nothing yet")
    (folder / ".gitignore").write_text(".scratch/\n")
    commit(folder, "before")
    report(folder)
    commit(folder, "first")
    git(folder, "tag", "first")
    report(folder, {"a_s0": cell(icl_final=-0.6)})
    second = commit(folder, "second")
    report(folder, {"a_s0": cell(icl_final=-0.7)}, params=PARAMS | {"train": {"lr": 0.1}})
    experiment = commit(folder, "experiment")
    git(folder, "update-ref", f"refs/exps/{second[:2]}/{second[2:]}/peppy-gust", experiment)
    git(folder, "update-ref", f"refs/exps/{second[:2]}/{second[2:]}/two-fold", experiment)
    first = git(folder, "rev-parse", "first")
    git(folder, "update-ref", f"refs/exps/{first[:2]}/{first[2:]}/two-fold", experiment)
    git(folder, "reset", "-q", "--hard", second)
    report(folder, {"a_s0": cell(icl_final=-0.8)})
    monkeypatch.chdir(folder)
    return folder


def icl(name: str) -> float:
    estimate = revisions.read(name, "").cells["a_s0"]["icl_final"]
    assert isinstance(estimate, Estimate)
    return estimate.value


def test_every_kind_of_name_is_read_without_a_checkout(repository):
    before = git(repository, "status", "--porcelain", "--ignored")
    names = ("first", "HEAD~1", "main", "peppy-gust", "workspace", "reports", "./reports")
    assert [icl(name) for name in names] == [-0.5, -0.5, -0.6, -0.7, -0.8, -0.8, -0.8]
    assert icl(git(repository, "rev-parse", "--short", "HEAD")) == -0.6
    comparison = compare(revisions.read("main", ""), revisions.read("peppy-gust", ""))
    assert comparison.params == [("train.lr", None, "0.1")] and comparison.b.what.startswith(
        "experiment "
    )
    assert git(repository, "status", "--porcelain", "--ignored") == before


def test_another_grid_has_a_folder_of_its_own(repository):
    report(repository / "reports" / "x", {"b_s0": cell()}, params=None)
    (repository / "reports" / "x" / "reports").rename(repository / "reports" / "published")
    side = revisions.read("workspace", "published")
    assert list(side.cells) == ["b_s0"] and side.params == PARAMS
    assert list(revisions.read("reports", "published").cells) == ["b_s0"]
    assert revisions.read("reports/published", "").params == PARAMS
    with pytest.raises(StageError, match=r"^reports/published/metrics.json in commit \w+: not fou"):
        revisions.read("main", "published")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("peppy-gast", r"no such revision, experiment or folder \(near it: peppy-gust\).*dvc exp"),
        ("HEAD~9", "found no such revision.*`git tag`"),
        ("two-fold", r"found 2 experiments of that name.*refs/exps/.*/two-fold"),
        ("HEAD~2", r"reports/metrics.json in commit \w{10}: not found.*git log -- reports"),
        (".", "metrics.json: not found; name a folder"),
        ("--help", "found no such revision"),
        ("main..first", "found no such revision"),
        ("x" * 5000, "found no such revision"),
    ],
)
def test_what_is_not_there_is_said_with_its_remedy(repository, name, message):
    with pytest.raises(StageError, match=message) as error:
        revisions.read(name, "")
    assert "\n" not in str(error.value) and len(str(error.value)) < 600


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("metrics.json", "{", "not as a report writes it: Expecting property name"),
        ("metrics.json", "[]", r"found \[\], expected a mapping; restore it"),
        ("metrics.json", '{"cells": {"a": 1}}', "a: found 1, expected a mapping"),
        ("metrics.json", '{"cells": {"a": {"icl_final": "x"}}}', "a.icl_final: found 'x', expec"),
        ("metrics.json", '{"cells": {"a": {"icl_final": NaN}}}', "found nan, expected a finite"),
        ("metrics.json", '{"cells": {"a": {"icl_final": true}}}', "found True, expected a fini"),
        ("metrics.json", '{"cells": {"a": {"loss_final": 1' + "0" * 999 + "}}}", "an integer of"),
        ("metrics.json", '{"cells": {"a": {"best_head": 1}}}', "found 1, expected a name"),
        ("metrics.json", "[" * 100_000, "not as a report writes it"),
        ("metrics.json", "\xff", "not as a report writes it"),
        ("circuits.json", '{"a_s0": {"share_cut": [1]}}', r"found \[1\], expected \[value"),
        ("claims.json", '[{"claim": 1}]', "claim 0: claim: found 1, expected text"),
        ("claims.json", '[{"value": "x"}]', "claim 0: found 'x', expected a finite number"),
        ("claims.json", "{}", "expected a list of claims"),
        ("provenance.json", '{"inputs": 1}', "inputs: found 1, expected a mapping"),
        ("../params.yaml", "a: [", r"params.yaml: not readable as YAML"),
    ],
)
def test_damaged_files_are_named_with_what_is_wrong(tmp_path, file, content, message):
    folder = report(tmp_path)
    (folder / file).write_bytes(content.encode("latin-1"))
    with pytest.raises(StageError, match=message) as error:
        revisions.read(str(folder), "")
    assert Path(file).name in str(error.value) and "\n" not in str(error.value)
    assert f"{tempfile.gettempdir()}/tmp" not in str(error.value), "a copy of ours has no name"


def test_without_git_folders_can_be_compared_and_revisions_cannot(tmp_path, monkeypatch):
    folder = report(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert revisions.read(str(folder), "").params == PARAMS
    with pytest.raises(StageError, match="not in a Git repository; run this in a clone"):
        revisions.read("HEAD", "")


# The command


@pytest.fixture
def run(repository, monkeypatch, capsys):
    """The command in this process: (exit status, stdout, stderr)."""

    # Paths are relative to where the command was called.
    monkeypatch.setattr(project, "CALLED_IN", repository)

    def ran(*arguments: str) -> tuple[int, str, str]:
        try:
            command.main(list(arguments), standalone_mode=False)
        except StageError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1, *capsys.readouterr()
        return 0, *capsys.readouterr()

    return ran


def test_the_command_writes_its_page_and_nothing_else(repository, run):
    before = git(repository, "status", "--porcelain")
    code, out, error = run("first")
    assert (code, error) == (0, "")
    assert table(out, "Cells")[0][2:4] == ["−0.500 [−0.800, −0.100]", "−0.800 [−0.800, −0.100]"]
    (written,) = (path for path in (repository / ".scratch").rglob("*") if path.is_file())
    assert written.relative_to(repository).as_posix() == ".scratch/compare/first..workspace.html"
    assert out.endswith("page: .scratch/compare/first..workspace.html\n")
    assert git(repository, "status", "--porcelain") == before


def test_json_has_the_numbers_and_errors_are_one_line(repository, run):
    _, out, _ = run("first", "main", "--format", "json", "--out", "page.html")
    comparison = json.loads(out)
    assert comparison["page"] == "page.html" and (repository / "page.html").exists()
    (cell_row,) = [row for row in comparison["cells"] if row["status"] == "changed"]
    assert cell_row["measure"] == "icl_final" and cell_row["change"]["value"] == pytest.approx(-0.1)
    code, out, error = run("nowhere")
    assert code == 1 and out == "" and error.count("\n") == 1 and error.startswith("error: ")
    *_, error = run("first", "main", "--out", "README/page.html")
    assert error.startswith("error: README/page.html: not writable: ")


def test_what_is_the_same_is_said_and_makes_no_page(repository, run):
    code, out, _ = run("main", "HEAD")
    assert code == 0 and "are the same, byte for byte" in out
    assert not (repository / ".scratch").exists()


def test_the_names_of_pages_stay_in_their_folder():
    place = page.path_of("../other/reports", "v1/x y", "published")
    assert place == Path(".scratch/compare/other_reports..v1_x_y.published.html")
    assert page.path_of("..", "é", "").parent == Path(".scratch/compare")


def test_every_measure_is_what_reports_have():
    """A key that no report has would be a dash for ever."""
    known = {*METRICS, "circuit", "share_cut", "share_kept"}
    for measure in measures.MEASURES:
        ends = [f"{measure.interval}_{end}" for end in ("low", "high") if measure.interval]
        assert {measure.key, *ends} <= known
    assert flatten({"a": {"b": 1, "c": {}}, "d": [1]}) == {"a.b": "1", "a.c": "{}", "d": "[1]"}

"""The report's files, made of tables that are made up."""

import base64
import hashlib
import json
import re
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from stages import report
from stages.files.catalog import sources
from stages.files.job import Job
from stages.files.tables import write_table
from stages.lib.tables.contract import Table
from stages.lib.tables.heads import PROBES as PROBES_TABLE
from stages.lib.tables.rows import columns
from tests.conftest import made
from tests.project import Project

READS = ("corpus", "icl", "models", "phases", "report", "train")
CELLS = ("attn1_s0", "attn2_s0", "attn2_s1")
STEPS = tuple(range(4))
ODD = "falls by <b>|ICL|</b>"
HEADS = {"layer": (0, 1), "head": (0, 1)}
EDGE = {"layer": (1,), "head": (0, 1), "from_layer": (0,), "from_head": (0, 1)}
SPANS = ("random_again", "random_first", "text", "text_early", "text_late")
PROBES = ("random", "text")
TRIALS = [("whole", "whole", "none"), ("direct", "kept", "mean")] + [
    ("circuit", run, replacement) for run in ("cut", "kept") for replacement in ("mean", "zero")
]
# What a vocabulary may spell.
TOKEN = "</script><b>Ġ"
TOKENS = ("token", "other", "source", "destination", "out", "text_out")
ABLATED = [("none", "none", -1, -1)] + [
    (replacement, mode, layer, head)
    for replacement, mode, layer, head in product(
        ("mean", "zero"), ("full", "pattern"), (0, 1), (0, 1)
    )
]
INTERVENTIONS = ("ideal_both", "knockout", "none", "random_induction", "without_induction")
SIGNALS = ("ab", "icl", "loss_bump", "pca_turn", "prefix_matching", "qk_trace")
AXES = {
    "icl": {"step": STEPS},
    "icl_positions": {"step": STEPS, "pos": tuple(range(63))},
    "pca": {"cell": CELLS, "step": STEPS, "component": (1, 2)},
    "heads": {"step": STEPS, **HEADS},
    "repeats": {
        "step": STEPS,
        "probe": ("fixed", "gap"),
        "block": (3, 6),
        "seq": (0, 1),
        "repeat": (0, 1, 2),
    },
    "ablations": {"step": STEPS, "way": ABLATED, "seq": (0, 1)},
    "interventions": {"step": STEPS, "intervention": INTERVENTIONS, "draw": (0,), "seq": (0, 1)},
    "sets": {"step": STEPS, "intervention": INTERVENTIONS},
    "phases": {"cell": CELLS, "signal": SIGNALS, "estimator": ("levels", "slope")},
    "phases_windows": {"cell": CELLS},
    "phases_overlaps": {
        "cell": CELLS,
        "estimator": ("levels",),
        "signal": ("ab",),
        "other": ("icl",),
    },
    "readings": {"step": STEPS},
    "attribution": {"step": STEPS, "span": SPANS, "layer": (-1, 0), "part": ("embed", "h0")},
    "lens": {"step": STEPS, "span": SPANS, "after": (0, 1)},
    "direct_path": {"step": STEPS},
    "direct_tokens": {"step": STEPS, "row": (0, 1), "place": (0, 1)},
    "head_circuits": {"step": STEPS, **HEADS},
    "entries": {"step": STEPS, **HEADS, "circuit": ("ov", "qk"), "row": (0, 1), "place": (0, 1)},
    "eigenvalues": {"step": STEPS, **HEADS, "index": (0, 1)},
    "offsets": {"step": STEPS, **HEADS, "offset": (0, 1, 2)},
    "compositions": {"step": STEPS, **EDGE},
    "edges": {"step": STEPS, **EDGE},
    "cuts": {"step": STEPS, **EDGE, "reader": ("k", "q"), "seq": (0, 1)},
    "paths": {"step": STEPS, "trial": TRIALS, "seq": (0, 1)},
    "orders": {"step": STEPS, "order": (0, 1), "seq": (0, 1)},
    "attention": {"step": STEPS, "probe": PROBES, **HEADS, "pair": ((0, 0), (1, 0), (1, 1))},
    "shown": {"probe": PROBES, "pos": (0, 1)},
    "skip_trigrams": {"step": STEPS, "layer": (0,), "head": (0,), "row": (0, 1)},
    "bugs": {
        "step": STEPS,
        "layer": (0,),
        "head": (0,),
        "row": (0,),
        "role": ("first", "forced", "second"),
    },
    "claims": {"place": (0, 1)},
    "evidence": {"claim": ("a",), "cell": CELLS},
}


def filled(table: Table) -> list[dict]:
    """Rows with a random number wherever nothing else is said."""
    rng = np.random.default_rng(0)
    found = []
    for values in product(*AXES[table.name].values()):
        row = dict(zip(AXES[table.name], values, strict=True))
        if "way" in row:
            row |= dict(zip(("replacement", "mode", "layer", "head"), row.pop("way"), strict=True))
        if "trial" in row:
            row |= dict(zip(("path", "run", "replacement"), row.pop("trial"), strict=True))
        if "pair" in row:
            row |= dict(zip(("query", "key"), row.pop("pair"), strict=True))
        for column in table.columns:
            if column.name not in row:
                row[column.name] = value(column.type, rng)
        found.append(row | special(table.name, row))
    return sorted(found, key=lambda row: [row[name] for name in table.grain])


def value(kind: pa.DataType, rng: np.random.Generator) -> object:
    if pa.types.is_string(kind):
        return ""
    if pa.types.is_boolean(kind):
        return True
    return float(rng.random()) if pa.types.is_floating(kind) else 1


def special(name: str, row: dict) -> dict:
    """Where numbers are not defined, and names that mean something."""
    nowhere = {key: np.nan for key in row if key.endswith(("_low", "_high", "_tokens"))}
    if name == "heads":
        none = {"qk_trace": np.nan, "qk_positivity": np.nan} if row["layer"] == 0 else {}
        return {"kind": "previous_token", "smear_gate": np.nan} | none
    if name == "phases" and row["signal"] == "qk_trace":
        return nowhere | {"rise": np.nan, "is_defined": False, "reason": ODD}
    if name == "phases_windows":
        return {"start_tokens": 512, "end_tokens": 1024, "is_phase_change": row["cell"] != CELLS[0]}
    if name == "readings":
        return {"at": f"step {row['step']}", "circuit": "L0H0>L1H0", "reason": ODD}
    if name == "attention":
        return {"weight": 255 if row["key"] == 0 else 0}
    if name in ("paths", "cuts"):
        # More in-context learning in every sequence, so that there is something to share out.
        return {"early": 2.0 + row["seq"], "late": 1.0}
    if any(key in row for key in TOKENS):
        return {key: TOKEN for key in TOKENS if key in row}
    if name == "claims":
        kind, verdict = (("claim", "supported"), ("control", "not tested here"))[row["place"]]
        none = {} if row["place"] == 0 else {"value": np.nan, "low": np.nan, "high": np.nan}
        own = {"claim": "ab"[row["place"]], "kind": kind, "verdict": verdict, "text": ODD}
        return own | none
    if name == "evidence":
        return {"value": np.nan, "reason": "no head"} if row["cell"] == CELLS[0] else {}
    return {}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    found = Project(tmp_path_factory.mktemp("report"))
    cells = {name: {"model": name[:-3], "seed": int(name[-1])} for name in CELLS}
    # It gets along with what dvc.yaml declares that it reads.
    found.edit(lambda params: {name: params[name] for name in READS} | {"cells": cells})
    for table, files in sources(list(CELLS)).items():
        if table not in report.READ:
            continue
        for file in files:
            names = [column.name for column in table.columns]
            rows = columns(table, [tuple(row[name] for name in names) for row in filled(table)])
            stage, _, cell = file.stage.partition("@")
            write_table(table, found.folder / file.path, rows, made(stage, cell))
    manifest = {
        "documents_used": 2,
        "documents_held_out": 1,
        "source": "<i>files</i>",
        "versions": {},
        "train_tokens": 1000,
        "vocab_size": 300,
        "evaluation_sequences": 2,
        "n_ctx": 64,
        "sha256": "0",
        "provenance": {"stage": "corpus"},
    }
    path = found.folder / report.MANIFEST
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(manifest))
    return found


@pytest.fixture
def reports(project, monkeypatch) -> Path:
    monkeypatch.chdir(project.folder)
    if not report.REPORTS.exists():
        report.main(Job("report"))
    return report.REPORTS


def test_the_page_holds_every_figure_and_nothing_undefined(reports):
    page = (reports / "index.html").read_text(encoding="utf-8")
    figures = {path.stem for path in (reports / "figures").glob("*.svg")}
    assert {"icl", "phases", "undone", "interventions", "repeats", "circuit"} <= figures
    assert "gates" not in figures, "no keys are smeared"
    circuits = (reports / "circuits.html").read_text(encoding="utf-8")
    for name in figures:
        assert f'<figure id="{name}">' in (circuits if name.startswith("circuit_") else page)
    plain = re.sub(r"data:[^\"]+", "", page)
    summary = (reports / "summary.md").read_text(encoding="utf-8")
    for text in (plain, summary, re.sub(r"data:[^\"]+|<script.*", "", circuits)):
        assert not re.search(r"\b(None|nan|NaN|inf|Undefined)\b", text)
        assert ODD.split("<")[0] in text
    assert "default-src 'none'" in page and "<script" not in page


def test_what_comes_from_tables_is_escaped(reports):
    page = (reports / "index.html").read_text(encoding="utf-8")
    assert "<b>|ICL|" not in page and "falls by &lt;b&gt;|ICL|&lt;/b&gt;" in page
    assert "<i>files" not in page
    lines = (reports / "summary.md").read_text(encoding="utf-8").splitlines()
    (header,) = [line for line in lines if line.startswith("| claim |")]
    rows = [line for line in lines if line.startswith("| falls by")]
    assert len(rows) == 2
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in (*rows, header)} == {10}


def test_the_page_of_circuits_runs_its_own_script_alone(reports):
    page = (reports / "circuits.html").read_text(encoding="utf-8")
    opened = re.findall(r"<script[^>]*>(.*?)</script>", page, flags=re.S)
    assert len(opened) == page.count("<script") == 2, "nothing in the data ends its element"
    data, script = opened
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy
    assert not re.search(r"\son\w+=", page.replace(script, "")), "no inline event handlers"
    for unsafe in ("innerHTML", "outerHTML", "document.write", "eval(", "insertAdjacentHTML"):
        assert unsafe not in script
    cells = json.loads(data)
    assert sorted(cells) == ["attn1_s0", "attn2_s0"], "those shown in detail"
    reading = cells["attn2_s0"]["readings"][-1]
    assert reading["at"] == "step 3"
    head = reading["heads"]["L1H0"]
    assert head["ov"][0][0] == "</script><b>␣"
    assert list(base64.b64decode(head["attention"]["text"])) == [255, 255, 0]
    assert {edge["edge"] for edge in reading["edges"]} == {
        f"L0H{a}>L1H{b}" for a in (0, 1) for b in (0, 1)
    }


def test_tables_in_markdown_have_one_length_of_row(reports):
    lines = (reports / "summary.md").read_text(encoding="utf-8").splitlines()
    tables = re.split(r"\n(?!\|)", "\n".join(line for line in lines))
    checked = 0
    for table in tables:
        rows = [line for line in table.split("\n") if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) <= 1, rows[:3]
        checked += len(rows) > 2
    assert checked == 7


def test_the_scoreboard_stands_on_the_page_with_its_verdicts(reports):
    page = (reports / "index.html").read_text(encoding="utf-8")
    assert page.index('id="claims"') < page.index('id="controls"') < page.index("The cells")
    assert '<span class="verdict supported">supported</span>' in page
    assert "1 supported, 0 contradicted, 0 inconclusive</strong>; 0 not tested here" in page


def test_only_detailed_cells_have_tables_of_heads(reports):
    summary = (reports / "summary.md").read_text(encoding="utf-8")
    heads = summary[summary.index("## What each head is") :]
    assert "| attn2_s0 | L1H1 | previous token |" in heads and "| attn2_s1 |" not in heads
    assert "Here: attn1_s0, attn2_s0; the tables" in heads


def test_claims_and_metrics_are_strict_json(reports):
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    claims = json.loads((reports / "claims.json").read_text(), parse_constant=refuse)
    assert [claim["place"] for claim in claims] == [0, 1]
    assert claims[1]["value"] is None and claims[1]["evidence"] == []
    first, second, _ = claims[0]["evidence"]
    assert first == {"cell": CELLS[0], "seed": 1, "value": None, "reason": "no head"}
    assert isinstance(second["value"], float)
    metrics = json.loads((reports / "metrics.json").read_text(), parse_constant=refuse)
    assert sorted(metrics["cells"]) == sorted(CELLS)
    assert metrics["claims"] == {"supported": 1, "contradicted": 0, "inconclusive": 0}
    assert metrics["controls"] == {"supported": 0, "contradicted": 0, "inconclusive": 0}


def test_circuits_json_has_every_cell_with_its_shares(reports):
    found = json.loads((reports / "circuits.json").read_text())
    assert sorted(found) == sorted(CELLS)
    own = found["attn2_s1"]
    assert own["circuit"] == ["L0H0>L1H0"] and own["reason"] == ODD
    # Early is 2 and 3 in two sequences, late is 1, whatever is cut or kept.
    assert own["share_cut"] == [0, 0, 0] and own["share_kept"] == [1, 1, 1]


def test_provenance_lists_every_file(reports):
    listed = json.loads((reports / "provenance.json").read_text())["inputs"]
    wanted = {path.as_posix() for path in Path("data").rglob("*.parquet")}
    assert set(listed) == wanted | {report.MANIFEST.as_posix()}
    assert listed["data/heads/attn2_s1/heads.parquet"]["cell"] == "attn2_s1"
    assert PROBES_TABLE not in report.READ


def test_the_same_tables_give_the_same_bytes_and_leave_another_grid_s_report_alone(reports):
    def products() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in reports.rglob("*") if path.is_file()}

    (reports / "published").mkdir(exist_ok=True)
    (reports / "published" / "index.html").write_text("another")
    before = products()
    report.main(Job("report"))
    assert products() == before

"""The report's files, made of tables that are made up."""

import base64
import hashlib
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from induction.config.icl import IclSettings
from induction.config.params import Params
from induction.config.paths import REPORTS
from induction.pipeline.artifacts import MANIFEST
from induction.pipeline.job import Job
from induction.pipeline.layout import source_of
from induction.report import sequences
from induction.report.figures.figure import Section
from induction.report.figures.registry import FIGURES
from induction.report.formatting import escape_pipes
from induction.tables.claims import CLAIMS
from induction.tables.heads import PROBES as PROBES_TABLE
from induction.tables.losses import LOSSES
from induction.tables.parquet import write_table
from stages import report
from tests.conftest import provenance_by
from tests.madeup import CELLS, ODD, STEPS, TOKEN, study
from tests.project import Project

OF_SMEARING = {"gates", "stages"}  # figures of what no model here has


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    return study(tmp_path_factory.mktemp("report"))


@pytest.fixture
def reports(project, monkeypatch) -> Path:
    monkeypatch.chdir(project.folder)
    if not REPORTS.exists():
        report.main(Job("report"))
    return REPORTS


def test_the_pages_hold_every_figure_and_nothing_undefined(reports):
    index, circuits = (
        (reports / f"{name}.html").read_text(encoding="utf-8") for name in ("index", "circuits")
    )
    for entry in FIGURES:
        page = circuits if entry.section is Section.CIRCUITS else index
        there = f'<figure id="{entry.name}"' in page or f'<section id="m-{entry.name}"' in page
        assert there == (entry.name not in OF_SMEARING), entry.name
    summary = (reports / "summary.md").read_text(encoding="utf-8")
    pages = [re.sub(r"data:[^\"]+|<script.*", "", page, flags=re.S) for page in (index, circuits)]
    for text in (*pages, summary):
        assert not re.search(r"\b(None|nan|NaN|inf|Undefined)\b", text)
        assert ODD.split("<")[0] in text


def test_what_was_left_out_of_the_text_is_named_and_does_nothing(reports):
    summary, index = (
        (reports / name).read_text(encoding="utf-8") for name in ("summary.md", "index.html")
    )
    assert "Left out of the text: `not UTF-8: 1 (<i>'a'|b</i>.txt)`." in summary
    assert "Left out of the text: not UTF-8: 1 (&lt;i&gt;`a`|b&lt;/i&gt;.txt)." in index


def test_the_figures_of_readme_are_files_which_the_summary_shows(reports):
    files = {path.stem for path in (reports / "figures").glob("*")}
    assert files == {entry.name for entry in FIGURES if entry.is_file} - OF_SMEARING
    summary = (reports / "summary.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(figures/(\w+)\.svg\)", summary)) == files


def test_what_comes_from_tables_is_escaped(reports):
    page = (reports / "index.html").read_text(encoding="utf-8")
    assert "<b>|ICL|" not in page and "falls by &lt;b&gt;|ICL|&lt;/b&gt;" in page
    assert "<i>files" not in page
    lines = (reports / "summary.md").read_text(encoding="utf-8").splitlines()
    (header,) = [line for line in lines if line.startswith("| claim |")]
    rows = [line for line in lines if line.startswith("| falls by")]
    assert len(rows) == 2
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in (*rows, header)} == {8}


def scripts(page: str) -> list[str]:
    return re.findall(r"<script[^>]*>(.*?)</script>", page, flags=re.S)


def unpacked(text: str) -> str:
    return zlib.decompress(base64.b64decode(text)).decode()


class Elements(HTMLParser):
    """The names of all elements and attributes of a page."""

    def __init__(self):
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attributes)


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@pytest.mark.parametrize("name", ["index", "circuits"])
def test_a_page_runs_its_own_script_alone_and_asks_for_nothing(reports, name):
    page = (reports / f"{name}.html").read_text(encoding="utf-8")
    opened = scripts(page)
    assert len(opened) == page.count("<script") == 2, "nothing in the data ends its element"
    _, script = opened
    style = re.findall(r"<style>(.*?)</style>", page, flags=re.S)[0]
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and rules["img-src"] == "data:"
    assert rules["script-src"] == digest(script) and rules["style-src"] == digest(style)
    elements = Elements()
    elements.feed(page)
    for later in re.findall(r"<template[^>]*>([^<]*)</template>", page):
        elements.feed(unpacked(later))
    assert not any(name.startswith("on") for name in elements.attributes), (
        "no inline event handlers"
    )
    assert "style" not in elements.attributes, "the policy would not let it act"
    assert elements.tags.isdisjoint({"base", "embed", "form", "iframe", "link", "object"})
    rest = page.replace(script, "")
    for unsafe in ("innerHTML", "outerHTML", "document.write", "eval(", "insertAdjacentHTML"):
        assert unsafe not in script
    assert not re.search(r"https?://(?!www\.w3\.org/)", rest), "nothing comes from elsewhere"


def test_the_page_of_circuits_has_every_reading_of_detailed_cells(reports):
    data, _ = scripts((reports / "circuits.html").read_text(encoding="utf-8"))
    cells = json.loads(unpacked(data))["cells"]
    assert sorted(cells) == ["attn1_s0", "attn2_s0"], "those shown in detail"
    reading = cells["attn2_s0"]["readings"][-1]
    assert reading["at"] == "last"
    head = reading["heads"]["L1H0"]
    assert head["ov"][0][0] == TOKEN.replace("Ġ", "␣")
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
    order = (
        "answer-first",
        "words",
        "claims",
        "controls",
        "score",
        "models",
        "heads",
        "tokens",
        "made",
    )
    places = [page.index(f'id="{name}"') for name in order]
    assert places == sorted(places)
    assert '<span class="verdict supported">supported</span>' in page


@pytest.mark.slow
def test_a_control_that_failed_is_said_before_anything_else(tmp_path, monkeypatch):
    """On the first screen of page and summary; what is undecided comes after the answer."""
    monkeypatch.chdir(study(tmp_path).folder)
    path = source_of(CLAIMS, "").path
    columns = pq.read_table(path).to_pydict()
    odd = columns["text"][0]
    columns |= {"kind": ["control"] * 2, "verdict": ["contradicted", "inconclusive"]}
    columns |= {"text": [f"fails, {odd}", "undecided"]}
    write_table(CLAIMS, path, columns, provenance_by("claims", ""))
    report.main(Job("report"))
    page = (REPORTS / "index.html").read_text(encoding="utf-8")
    failed = page.index("A control failed: “fails, falls by &lt;b&gt;")
    assert page.index('id="answer-first"') < failed < page.index('<ol class="answer">')
    lines = (REPORTS / "summary.md").read_text(encoding="utf-8").splitlines()
    assert lines.index(next(line for line in lines if line.startswith("**A control failed"))) < (
        lines.index(next(line for line in lines if line.startswith("1. ")))
    )
    assert any("A control is inconclusive: “undecided”." in line for line in lines)


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
    assert (first["cell"], first["value"], first["reason"]) == (CELLS[0], None, "no head")
    assert isinstance(second["low"], float)
    assert [part["family"] for part in claims[0]["families"]] == ["attention_only", "mlp"]
    assert claims[1]["families"] == []
    assert isinstance(second["value"], float)
    summary = (reports / "summary.md").read_text(encoding="utf-8")
    assert f"| {escape_pipes(claims[0]['says'])} |" in summary
    metrics = json.loads((reports / "metrics.json").read_text(), parse_constant=refuse)
    assert sorted(metrics["cells"]) == sorted(CELLS)
    assert metrics["claims"] == {"supported": 1, "contradicted": 0, "inconclusive": 0}
    assert metrics["controls"] == {"supported": 0, "contradicted": 0, "inconclusive": 0}


def test_circuits_json_has_every_cell_with_its_shares(reports):
    content = json.loads((reports / "circuits.json").read_text())
    assert sorted(content) == sorted(CELLS)
    cell = content["attn2_s1"]
    assert cell["circuit"] == ["L0H0>L1H0"] and cell["reason"] == ODD
    # Early is 2 and 3 in two sequences, late is 1, whatever is cut or kept.
    assert cell["share_cut"] == [0, 0, 0] and cell["share_kept"] == [1, 1, 1]


def test_sequences_csv_has_every_cell_and_sequence_at_the_last_checkpoint(reports):
    text = (reports / sequences.NAME).read_text(encoding="utf-8")
    head, *rows = [line.split(",") for line in text.removesuffix("\n").split("\n")]
    assert head == sequences.HEAD
    assert [row[:2] for row in rows] == [[cell, seq] for cell in CELLS for seq in "01"]
    assert all(re.fullmatch(r"\d\.\d{5}", number) for row in rows for number in row[2:])
    first, last = Params().section("icl", IclSettings).windows.late
    for cell, means in sequences.read(text).items():
        # By step, sequence and position, as the table is sorted.
        losses = pq.read_table(source_of(LOSSES, cell).path)["loss"].to_numpy()
        at_the_end = losses.reshape(len(STEPS), 2, -1)[-1]
        assert means["late"] == pytest.approx(at_the_end[:, first : last + 1].mean(1), abs=1e-5)
        assert means["loss"] == pytest.approx(at_the_end.mean(1), abs=1e-5)


def test_provenance_lists_every_file(reports):
    listed = json.loads((reports / "provenance.json").read_text())["inputs"]
    expected = {path.as_posix() for path in Path("data").rglob("*.parquet")}
    assert set(listed) == expected | {source_of(MANIFEST, "").path.as_posix()}
    assert listed["data/heads/attn2_s1/heads.parquet"]["cell"] == "attn2_s1"
    assert PROBES_TABLE not in report.INPUTS


@pytest.mark.slow
def test_the_same_tables_give_the_same_bytes_and_leave_another_grid_s_report_alone(reports):
    def products() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in reports.rglob("*") if path.is_file()}

    (reports / "published").mkdir(exist_ok=True)
    (reports / "published" / "index.html").write_text("another")
    before = products()
    report.main(Job("report"))
    assert products() == before

"""The whole study, small, in a folder of its own: with real DVC, on a folder of English text."""

import errno
import json
import os
import re
import signal
import subprocess
import time

import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner

from induction.cli.main import VERBS, verbs
from induction.config.icl import IclSettings
from induction.config.strict import parse
from induction.report import revisions
from induction.report.compare import paired
from induction.report.summary import METRICS
from tests.project import CELLS, INDUCTION, PER_CELL, PER_GRID, ROOT, Project


@pytest.fixture(scope="module")
def project(studied, tmp_path_factory) -> Project:
    return studied.copy(tmp_path_factory.mktemp("study"))


def test_every_product_is_there(project):
    reports = project.folder / "reports"
    page = (reports / "index.html").read_text(encoding="utf-8")
    figures = {path.stem for path in (reports / "figures").glob("*.svg")}
    assert {"answer", "icl", "prefix_matching"} <= figures
    for name in ("loss_map", "slope_map", "ablation_full", "ablation_pattern", "repeats", "gates"):
        assert f'id="{name}"' in page or f'id="m-{name}"' in page
        assert name not in figures, "inlined, and no file"
    claims = json.loads((reports / "claims.json").read_text(encoding="utf-8"))
    assert [claim["place"] for claim in claims] == list(range(len(claims)))
    assert all(f'id="claim-{claim["claim"]}"' in page for claim in claims)
    circuits = (reports / "circuits.html").read_text(encoding="utf-8")
    for name in figures:
        each = circuits if name.startswith("circuit_") else page
        assert f'id="{name}"' in each or f'id="m-{name}"' in each
    for each, links in ((page, "circuits.html"), (circuits, "index.html")):
        outside = set(re.findall(r"""(?:src|href)=["'](?!data:|#)([^"']*)""", each))
        docs = {link for link in outside if link.startswith("../docs/")}
        pages = {link.removeprefix("../").partition("#")[0] for link in docs}
        assert all((ROOT / page).is_file() for page in pages)
        assert {link.partition("#")[0] for link in outside - docs} <= {links}
        assert "://" not in re.sub(r"data:[^\"]+", "", each).replace("http://www.w3.org", "")
    summary = (reports / "summary.md").read_text(encoding="utf-8")
    for name in re.findall(r"\]\((figures/[^)]+)\)", summary):
        assert (reports / name).exists()
    for cell, each in project.metrics().items():
        assert cell in page and cell in summary
        assert tuple(each) == METRICS
        for name in ("icl_final", "icl_matched"):
            assert each[f"{name}_low"] <= each[name] <= each[f"{name}_high"]
        assert re.fullmatch(r"L\dH\d", each["best_head"])
    assert not list((project.folder / ".scratch" / "partial").rglob("*.parquet")), "no debris"


def test_sequences_have_the_means_and_the_intervals_of_metrics_json(project):
    """Reading holds the means; the draws are those of stage `icl`, so that ends agree, too."""
    side = revisions.read(str(project.folder / "reports"), "")
    icl = parse(IclSettings, side.params["icl"], "icl")
    for cell, each in side.sequences.items():
        result = paired.intervals({(cell, key): values for key, values in each.items()}, icl)
        for (_, key), ends in result.items():
            said = side.cells[cell][key]
            assert ends == pytest.approx((said.low, said.high), abs=1e-5)
    assert side.sequences.keys() == project.metrics().keys()


def test_the_text_is_the_user_s_own(project):
    manifest = json.loads((project.folder / "data/corpus/manifest.json").read_text())
    assert manifest["source"] == "files"
    name = "books/broken.txt (perhaps cp1252: iconv -f cp1252 -t utf-8)"
    said = {"reason": "not UTF-8", "count": 1, "is_lost": True, "examples": [name]}
    assert said in manifest["left_out"]
    shown = project.run(*INDUCTION, "show").stdout
    assert f"left out of the text: not UTF-8: 1 ({name})\n" in shown
    assert f"not UTF-8: 1 ({name})" in (project.folder / "reports/summary.md").read_text()
    names = pq.read_table(project.folder / "data/corpus/documents.parquet")["name"].to_pylist()
    assert all(name.startswith("books/") for name in names)


def test_tables_agree_with_each_other(project):
    data = project.folder / "data"
    for cell in CELLS:
        steps = sorted(int(p.stem[5:]) for p in (data / "train" / cell).glob("step_*"))
        assert steps == [0, 5, 10, 15, 20]
        assert len(pq.read_table(data / "train" / cell / "log.parquet")) == 20
        losses = pq.ParquetFile(data / "losses" / cell / "losses.parquet")
        assert losses.metadata.num_rows == 5 * 12 * 63
        for path in (f"icl/{cell}/icl", f"heads/{cell}/heads", f"ablations/{cell}/ablations"):
            table = pq.read_table(data / f"{path}.parquet")
            assert sorted(set(table["step"].to_pylist())) == steps


def test_nothing_runs_twice(project):
    before = time.perf_counter()
    done = project.run("dvc", "repro")
    seconds = time.perf_counter() - before
    assert "up to date" in done.stdout and "Running" not in done.stdout
    assert seconds < 10


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(project):
    folder = project.folder / "data" / "train" / "smear2_s0"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = project.run("dvc", "repro", "--force", "--single-item", "train@smear2_s0")
    assert "Running stage" in done.stdout
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert project.repro() == set()


@pytest.mark.slow
def test_a_comment_anywhere_reruns_the_digests_alone(project):
    for path, comment in (
        ("stages/losses.py", "# x\n"),
        ("induction/models/transformer.py", "# x\n"),
        ("induction/sql/report/curves.sql", "-- x\n"),
    ):
        project.append(path, comment)
    assert project.repro() == {"plan"}


@pytest.mark.slow
def test_a_changed_query_reruns_the_report_alone(project):
    project.append("induction/sql/report/curves.sql", "\n")
    assert project.repro() == {"plan", "report"}


@pytest.mark.slow
def test_a_seed_more_runs_that_cell_and_the_aggregates_and_its_removal_removes_it(project):
    before = project.params()

    def add(params):
        params["cells"]["attn1_s1"] = {"model": "attn1", "seed": 1}
        return params

    project.edit(add)
    new = {f"{stage}@attn1_s1" for stage in PER_CELL}
    assert project.repro() == new | {"plan", *PER_GRID}
    assert set(project.metrics()) == {*CELLS, "attn1_s1"}
    project.edit(lambda _: before)
    ran = project.repro()
    assert ran <= {"plan", *PER_GRID}, "or restored from the run cache"
    assert set(project.metrics()) == set(CELLS)
    assert "attn1_s1" not in (project.folder / "reports" / "index.html").read_text()


def test_the_project_writes_nothing_outside_itself(project):
    home = project.folder / "home"
    result = [p for p in home.rglob("*") if p.is_file()] if home.exists() else []
    assert not result


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("select count(*) as n from losses where cell = 'attn1_s0'", "3780"),
        ("show tables", "ablations"),
        ("describe icl", "icl_paper_high"),
    ],
)
def test_queries_are_answered(project, sql, wanted):
    done = project.run(*INDUCTION, "query", sql)
    assert done.returncode == 0, done.stderr
    assert wanted in done.stdout


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("select nothing from icl", "nothing"),
        ("selec", "syntax"),
        ("drop view icl", "read-only"),
        ("copy icl to 'data/icl/attn1_s0/icl.parquet'", "read-only"),
        ("create table t as select 1", "read-only"),
        ("select * from read_text('params.yaml')", "params.yaml"),
        ("set enable_external_access = true", "read-only"),
    ],
)
def test_what_is_no_question_is_refused_in_one_breath(project, sql, wanted):
    before = (project.folder / "data/icl/attn1_s0/icl.parquet").read_bytes()
    done = project.run(*INDUCTION, "query", sql)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and wanted in done.stderr
    assert "Traceback" not in done.stderr
    assert (project.folder / "data/icl/attn1_s0/icl.parquet").read_bytes() == before


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_explains_itself(verb):
    done = CliRunner().invoke(verbs, [verb, "--help"])
    assert done.exit_code == 0 and len(done.stdout) > 100


def test_a_stage_explains_itself(project):
    done = project.run("python", "-m", "stages.losses", "--help")
    assert done.returncode == 0 and "--cell" in done.stdout


def one_line(done: subprocess.CompletedProcess) -> str:
    """The error of a failed stage: exit status, one line, no traceback."""
    assert done.returncode != 0
    errors = [line for line in done.stderr.splitlines() if "error:" in line]
    assert len(errors) == 1 and "Traceback" not in done.stderr, done.stderr
    return errors[0]


@pytest.fixture
def spoiled(project):
    """The project with params to be spoiled, put right afterwards."""
    before = (project.folder / "params.yaml").read_text()
    yield project
    (project.folder / "params.yaml").write_text(before)


@pytest.mark.parametrize(
    ("section", "change", "wanted"),
    [
        ("corpus", {"files": "nowhere/*.txt"}, r"corpus\.files 'nowhere/\*\.txt': found no text"),
        ("corpus", {"vocab_size": 60_000}, r"corpus\.vocab_size: found 60000, but the text gives"),
        (
            "corpus",
            {"files": "books/0001.txt"},
            r"corpus\.evaluation\.sequences: found \d+, but .* room for \d+ windows",
        ),
        (
            "corpus",
            {"evaluation": {"sequences": 30_000, "tokens": 64, "held_out": 0.2}},
            r"corpus\.evaluation\.sequences: found 30000, but .* have room for \d+ windows",
        ),
    ],
)
def test_corpus_that_cannot_be_made_is_refused_and_the_old_one_stays(
    spoiled, section, change, wanted
):
    before = (spoiled.folder / "data/corpus/eval.parquet").read_bytes()
    spoiled.edit(lambda params: {**params, section: params[section] | change})
    error = one_line(spoiled.run("python", "-m", "stages.corpus"))
    assert re.search(wanted, error), error
    assert (spoiled.folder / "data/corpus/eval.parquet").read_bytes() == before


@pytest.mark.slow
def test_a_single_file_is_a_corpus_of_its_stretches(studied, tmp_path):
    """As nanoGPT has it: input.txt."""
    project = studied.copy(tmp_path / "single")
    books = sorted((project.folder / "books").glob("*.txt"))
    text = "\n".join(book.read_text(encoding="utf-8", errors="ignore") for book in books)
    (project.folder / "texts").mkdir()
    (project.folder / "texts" / "input.txt").write_text(text, encoding="utf-8")
    change = {"files": "texts/input.txt", "max_characters": 10 * len(text)}
    project.edit(lambda params: {**params, "corpus": params["corpus"] | change})
    done = project.run("python", "-m", "stages.corpus")
    assert done.returncode == 0, done.stderr
    assert "texts/input.txt is cut into 2" in done.stderr
    manifest = json.loads((project.folder / "data/corpus/manifest.json").read_text())
    assert manifest["documents_are_stretches"]
    assert manifest["characters"] == len(text) and 0 < manifest["documents_held_out"] < 20


@pytest.mark.slow
def test_a_truncated_stream_is_named_with_its_remedy(project):
    path = project.folder / "data/corpus/train_tokens.safetensors"
    whole = path.read_bytes()
    try:
        for cut in (0, len(whole) // 2):
            path.unlink()  # the file may be a read-only link into the cache
            path.write_bytes(whole[:cut])
            error = one_line(project.run("python", "-m", "stages.train", "--cell", "attn1_s0"))
            assert re.search(
                r"train_tokens\.safetensors: truncated.*dvc repro --force.*corpus", error
            )
    finally:
        path.unlink()
        path.write_bytes(whole)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_device_that_is_not_there_is_named(spoiled):
    spoiled.edit(lambda params: {**params, "device": "cuda"})
    for stage in ("train", "heads"):
        error = one_line(spoiled.run("python", "-m", f"stages.{stage}", "--cell", "attn1_s0"))
        assert "device: found 'cuda', expected auto or cpu, because torch sees no GPU" in error


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (
            {"tokens": 10**9},
            r"train\.tokens: found 1000000000, but data/corpus/train_tokens.safetensors holds",
        ),
        ({"adamw_lr": 1e30, "muon_lr": 1e30}, r"diverged at step \d+ of 20: loss .*lower"),
    ],
)
def test_training_that_cannot_go_on_publishes_nothing(spoiled, change, wanted):
    folder = spoiled.folder / "data" / "train" / "attn1_s0"
    before = sorted(path.name for path in folder.iterdir())
    spoiled.edit(lambda params: {**params, "train": params["train"] | change})
    error = one_line(spoiled.run("python", "-m", "stages.train", "--cell", "attn1_s0"))
    assert re.search(wanted, error), error
    assert sorted(path.name for path in folder.iterdir()) == before


def test_bad_params_stop_dvc_before_anything_runs(spoiled):
    before = spoiled.params()
    spoiled.edit(lambda params: {**params, "icl": params["icl"] | {"late_point": 9999}})
    done = spoiled.run("dvc", "repro")
    spoiled.edit(lambda _: before)
    spoiled.run("dvc", "repro", "plan", check=True)  # DVC removed the digests before it failed
    assert done.returncode != 0
    assert "icl.late_point: found 9999" in done.stderr
    assert set(re.findall(r"Running stage '([^']+)'", done.stdout)) == {"plan"}


def test_a_cell_that_dvc_yaml_does_not_know_is_pointed_out(spoiled):
    cells = {**spoiled.params()["cells"], "attn1_s5": {"model": "attn1", "seed": 5}}
    spoiled.edit(lambda params: {**params, "cells": cells})
    error = one_line(spoiled.run("python", "-m", "stages.plan"))
    assert "run `make plan`" in error


def test_ctrl_c_leaves_one_line_and_no_debris(spoiled):
    one = {"batch": 1, "micro_batch": 1}
    spoiled.edit(lambda params: {**params, "train": params["train"] | one})
    folder = spoiled.folder / "data" / "train" / "attn1_s0"
    before = sorted(path.name for path in folder.iterdir())
    process = spoiled.start(
        "python", "-m", "stages.train", "--cell", "attn1_s0", stderr=subprocess.PIPE, text=True
    )
    partial = spoiled.folder / ".scratch" / "partial" / "train@attn1_s0"
    deadline = time.time() + 60
    while not partial.exists() and time.time() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in errors and "Traceback" not in errors
    assert not partial.exists()
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_full_disk_is_one_line_and_no_debris(project):
    """The write itself fails, as it does when the disk is full."""
    script = (
        "import errno, os, sys\n"
        "import induction.tables.parquet as t\n"
        "def full(self, data):\n"
        "    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), 'x.parquet')\n"
        "t.TableWriter.write = full\n"
        "sys.argv = ['stages.heads', '--cell', 'attn1_s0']\n"
        "import runpy; runpy.run_module('stages.heads', run_name='__main__')\n"
    )
    error = one_line(project.run("python", "-c", script))
    assert os.strerror(errno.ENOSPC) in error and "free space" in error
    assert not (project.folder / ".scratch/partial/heads@attn1_s0").exists()
    assert (project.folder / "data/heads/attn1_s0/heads.parquet").exists()

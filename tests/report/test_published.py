"""The published run, small: what it is made of, and that it leaves the study alone."""

import json
import re

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests.project import CELLS, INDUCTION, PER_CELL, PER_GRID, Project

ADDED = {
    "smear2_s1": {"model": "smear2", "seed": 1},
    "attn1_s1": {"model": "attn1", "seed": 1},
    "adamw_s1": {"model": "smear2", "seed": 1, "train": {"optimizer": "adamw"}},
    "shuffled_s1": {"model": "smear2", "seed": 1, "train": {"text": "shuffled"}},
    "periodic_s1": {"model": "attn1", "seed": 1, "train": {"text": "periodic", "period": 5}},
    "prose_s1": {"model": "attn1", "seed": 1, "corpus": "prose"},
}
# Of which every fifth leaves a checkpoint, then every tenth.
STEPS = [0, 5, 10, 15, 20, 30, 40]
RAN = re.compile(r"Running stage '([^']+)'")


def with_published(params: dict) -> dict:
    params["published"] = ADDED
    (dense,) = params["train"]["checkpoints"]
    tokens = dense["until"]
    params["published_train"] = {
        "tokens": 2 * tokens,
        "checkpoints": [dense, {"until": 2 * tokens, "every": tokens // 2}],
    }
    params["corpora"] = {"prose": {"source": "docstrings", "packages": ["networkx"]}}
    return params


@pytest.fixture(scope="module")
def published(studied, tmp_path_factory) -> tuple[Project, dict[str, bytes], list[str]]:
    """The study with the published run, the study's files before it, and what ran."""
    project = studied.copy(tmp_path_factory.mktemp("published"))
    before = project.products()
    project.edit(with_published)
    done = project.run(*INDUCTION, "study", "--published", "--jobs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    logs = (project.folder / ".scratch" / "logs").glob("*.log")
    said = done.stdout + "".join(log.read_text() for log in logs)
    return project, before, [name.split(":")[-1] for name in RAN.findall(said)]


@pytest.mark.slow
def test_only_what_is_new_runs(published):
    _, _, ran = published
    expected = {f"{stage}@{cell}" for stage in PER_CELL for cell in ADDED}
    expected |= {f"{stage}@published" for stage in PER_GRID}
    assert sorted(ran) == sorted(expected | {"plan", "corpus@prose"})


@pytest.mark.slow
def test_the_study_stays_as_it_was_and_all_is_up_to_date(published):
    project, before, _ = published
    after = project.products()
    changed = {path for path in before if after[path] != before[path]}
    assert changed == {"data/plan/text_packages"}, "which has those of every corpus"
    for command in (("dvc", "repro"), ("dvc", "repro", "published/dvc.yaml")):
        assert RAN.findall(project.run(*command).stdout) == []
    checked = project.run(*INDUCTION, "verify")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.slow
def test_the_published_report_is_about_the_cells_that_were_trained_longer(published):
    project, _, _ = published
    folder = project.folder / "reports" / "published"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert set(metrics["cells"]) == {*ADDED}
    for cell in ADDED:
        icl = pq.read_table(project.folder / "data" / "icl" / cell / "icl.parquet")
        assert icl["step"].to_pylist() == STEPS
    curves = pq.read_table(project.folder / "data/phases/published/phases_curves.parquet")
    bumps = curves.filter(pc.field("signal") == "loss_bump")
    assert set(bumps["cell"].to_pylist()) == {"smear2_s1"}, "beside the model of its seed"
    assert set(project.metrics()) == {*CELLS}
    claims = json.loads((folder / "claims.json").read_text())
    (flagged,) = [main for main in claims if main["claim"] == "periodic_is_flagged"]
    assert flagged["cells"] == "periodic_s1"
    # It has a value, which one seed of the three that its rule asks for does not decide.
    assert (flagged["value"] in (0, 1), flagged["seeds"]) == (True, 1)
    assert flagged["verdict"] == "inconclusive"


@pytest.mark.slow
def test_cells_on_another_text_stand_beside_no_others(published):
    project, _, _ = published
    joint = pq.read_table(project.folder / "data/pca/published/pca.parquet")
    assert set(joint["cell"].to_pylist()) == {"attn1_s1", "smear2_s1", "adamw_s1"}
    main, other = (
        pq.read_table(project.folder / "data" / "corpus" / name / "eval.parquet")["token"]
        for name in (".", "prose")
    )
    assert main.to_pylist() != other.to_pylist()


@pytest.mark.slow
def test_queries_see_both(published):
    project, _, _ = published
    sql = "select (select count(distinct cell) from icl), count(distinct cell) from published.icl"
    said = project.run(*INDUCTION, "query", sql).stdout
    assert re.search(rf"\b{len(CELLS)}\b.*\b{len(ADDED)}\b", said), said


@pytest.mark.slow
def test_a_removed_corpus_and_run_leave_no_dvc_yaml(published, tmp_path):
    project = published[0].copy(tmp_path / "p")
    project.edit(lambda params: params | {"published": {}, "corpora": {}})
    done = project.run(*INDUCTION, "plan")
    assert "published/dvc.yaml: removed" in done.stderr
    assert not (project.folder / "published" / "dvc.yaml").exists()
    done = project.run("dvc", "repro")
    assert done.returncode == 0, done.stdout + done.stderr
    # It has the packages of every corpus. Of the rest DVC has the study as it was before.
    assert RAN.findall(done.stdout) == ["plan"]


@pytest.mark.slow
def test_without_published_cells_there_is_no_published_run(studied, tmp_path):
    project = studied.copy(tmp_path / "p")
    done = project.run(*INDUCTION, "study", "--published")
    assert done.returncode == 1 and "params.yaml: published: found no cells" in done.stderr

"""`induction cost`: what is left to do, of a finished, an unfinished and a changed study."""

import json
import re
import shutil
from dataclasses import replace

import pytest
import torch

from induction.config.errors import StageError
from induction.config.model import Architecture
from induction.config.params import Params
from induction.config.study import Study
from induction.config.train import TrainLength
from induction.models.suites.described import describe
from induction.pipeline import estimate as estimating
from induction.pipeline import machine_rates, pending, plan
from induction.pipeline.calibration import Rates
from induction.pipeline.costs import Model, Work, stand_in, work_of
from induction.pipeline.estimate import Estimate, worth_saying
from induction.pipeline.machine_rates import Rate
from induction.pipeline.settings import study_of
from induction.report import cost
from tests.models.suites.loopback import serving
from tests.models.suites.made import saved, suite
from tests.project import CELLS, INDUCTION, PER_CELL, PER_GRID, ROOT, Project

NOWHERE = "http://127.0.0.1:9"
JOINED = {("", stage) for stage in PER_GRID}


def asked(project: Project, *arguments: str, **variables: str) -> dict:
    done = project.run(*INDUCTION, "cost", "--json", *arguments, variables=variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def rows(answer: dict) -> set[tuple[str, str]]:
    return {(row["cell"], row["stage"]) for row in answer["rows"]}


@pytest.fixture(scope="module")
def study() -> Study:
    return study_of(Project.committed())


def test_of_a_finished_study_nothing_is_left(studied):
    done = studied.run(*INDUCTION, "cost")
    assert (done.returncode, done.stdout) == (0, f"{cost.NOTHING}\n"), done.stderr
    empty = {"flop": 0, "minutes": 0.0, "disk_bytes": 0, "download_bytes": 0}
    assert asked(studied) == {"rows": [], "total": empty, "unknown": []}


@pytest.mark.slow
def test_what_is_missing_is_counted_with_what_depends_on_it_and_trained_by_nobody(
    studied, tmp_path
):
    project = studied.copy(tmp_path / "unfinished")
    shutil.rmtree(project.folder / "data" / "ablations" / CELLS[0])
    found = asked(project)
    joined = {("", stage) for stage in ("phases", "claims", "report")}
    assert rows(found) == {(CELLS[0], "ablations"), *joined}
    for name in ("data", ".scratch"):
        shutil.rmtree(project.folder / name)
    (project.folder / "dvc.lock").unlink()
    (project.folder / "dvc.yaml").unlink()
    found = asked(project)
    every = {(cell, stage) for cell in CELLS for stage in PER_CELL}
    assert rows(found) == {*every, ("", "plan"), ("", "corpus"), *JOINED}
    assert not (project.folder / "data").exists(), "nothing ran"
    total = found["total"]
    for name in ("flop", "disk_bytes", "download_bytes"):
        assert total[name] == pytest.approx(sum(row[name] for row in found["rows"]), abs=20)
    assert 0 < total["minutes"] < 30 and total["flop"] > 0
    written = project.run(*INDUCTION, "cost").stdout
    assert re.search(r"^attn1_s0 +train +\d+ +\d+\.\d +\d+\.\d$", written, re.MULTILINE)
    assert re.search(r"^together about \d+ minutes? and \d+\.\d MB on this machine$", written, re.M)


@pytest.mark.slow
def test_a_changed_param_or_line_brings_back_its_stages_alone(studied, tmp_path):
    project = studied.copy(tmp_path / "changed")
    params = studied.params()
    params["interventions"]["draws"] += 1
    project.edit(lambda _: params)
    wanted = {(cell, "interventions") for cell in CELLS}
    wanted |= {("", stage) for stage in ("plan", "claims", "report")}
    assert rows(asked(project)) == wanted
    project.edit(lambda _: studied.params())
    project.append("stages/pca.py", "\nUNUSED = 1\n")
    assert rows(asked(project)) == {("", stage) for stage in ("plan", "pca", "claims", "report")}


@pytest.mark.slow
def test_a_suite_is_counted_and_one_that_cannot_be_asked_for_is_one_line(studied, tmp_path):
    project = studied.copy(tmp_path / "suites")
    saved(project.folder / "theirs" / "step1", "neox")

    def add(params: dict) -> dict:
        here = {"source": "folder", "at": "theirs", "bos": "none", "revision": "step{step}"}
        there = {"source": "hub", "at": "a/b", "bos": "none", "steps": [1]}
        params["suites"] = {"local": here, "remote": there}
        params["cells"] |= {name: {"suite": name} for name in params["suites"]}
        return params

    project.edit(add)
    found = asked(project, HF_ENDPOINT=NOWHERE)
    (line,) = found["unknown"]
    assert line.startswith("suites.remote: found no answer from the hub about a/b at main (")
    by_stage = {row["stage"]: row for row in found["rows"] if row["cell"] == "local"}
    assert by_stage["fetch"]["download_bytes"] == 0 < by_stage["ablations"]["flop"]
    assert "train" not in by_stage
    unknown = [row for row in found["rows"] if row["cell"] == "remote" and row["flop"] is None]
    assert {row["stage"] for row in unknown} == {"fetch", *PER_CELL} - {"train", "circuits"}


def test_what_is_not_known_has_no_numbers_and_is_named_last():
    work = [Work("fetch", "here", download=2_500_000), Work("fetch", "there", is_known=False)]
    lines = cost.table(Estimate(work, [60.0, 0.0], ["suites.there: no answer"])).splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "cell stage GFLOP minutes disk MB download MB",
        "here fetch 0 1.0 0.0 2.5",
        "there fetch ? ? ? ?",
        "together about 1 minute and 0.0 MB on this machine, 2.5 MB of downloads, and what is not "
        "known",
        "suites.there: no answer",
    ]


def test_the_size_of_a_suite_of_a_hub_is_that_of_its_first_revision_times_the_steps(
    tmp_path, monkeypatch
):
    with serving() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        folder = tmp_path / "step0"
        saved(folder, "llama")
        hub.push("step0", folder)
        theirs = suite("hub", "some/model", revision="step{step}", steps=[0, 5, 9])
        found = describe("theirs", theirs, tmp_path / "none")
        wanted = [folder / "config.json", folder / "model.safetensors"]
        assert found.download == sum(path.stat().st_size for path in wanted)
        assert found.checkpoints == 3 and found.sizes.mlp_matrices == 3
        assert not hub.paths("model.safetensors"), "no weights are fetched"
        shutil.copytree(folder, tmp_path / "kept" / "step_000000000")
        asked = len(hub.asked)
        assert describe("theirs", theirs, tmp_path / "kept") == replace(found, download=0)
        assert len(hub.asked) == asked
        missing = suite("hub", "some/other", revision="step{step}", steps=[0])
        with pytest.raises(StageError, match=r"suites.theirs: found no answer from the hub about"):
            describe("theirs", missing, tmp_path / "none")


def test_a_longer_training_costs_by_its_tokens_and_checkpoints(study):
    def of(study: Study, stage: str) -> Work:
        return work_of(study, stage, "attn2_s3", {})

    short, n_ctx = replace(study, published_train=TrainLength()), study.corpus.n_ctx
    settings = study.trained_as("attn2_s3"), short.trained_as("attn2_s3")
    tokens, checkpoints = (
        measure(settings[0]) / measure(settings[1])
        for measure in (lambda each: each.steps(n_ctx), lambda each: len(each.schedule(n_ctx)))
    )
    assert of(study, "train").flop / of(short, "train").flop == tokens == 3
    for stage in ("losses", "heads", "ablations"):
        longer, shorter = of(study, stage), of(short, stage)
        assert longer.flop / shorter.flop == pytest.approx(checkpoints)
        assert longer.written / shorter.written == pytest.approx(checkpoints) and checkpoints > 1
    assert of(study, "circuits") == of(short, "circuits")


@pytest.mark.parametrize("stage", ["train", "losses", "ablations", "icl"])
def test_bytes_are_those_of_the_committed_study(study, stage):
    """dvc.lock has what was written; of a training a copy stays in .scratch/, too."""
    lock = (ROOT / "dvc.lock").read_text()
    for cell in study.cells:
        entry = lock.split(f"\n  {stage}@{cell}:\n")[1].split("\n    outs:\n")[1]
        size = int(re.findall(r"size: (\d+)", entry)[0])
        copies = 2.1 if stage == "train" else 1
        assert work_of(study, stage, cell, {}).written == pytest.approx(copies * size, rel=0.1)


def everything(study: Study) -> list[plan.Expanded]:
    addresses = {stage.address for stage in plan.expanded(study)}
    return pending.left(study, addresses, pending.everything(study, published=False))


@pytest.mark.slow
def test_before_it_begins_the_study_says_what_it_takes_if_that_is_more_than_a_minute(
    study, studied, monkeypatch
):
    asked: list[float] = []

    def measure(pairs: list, seconds: float) -> Rates:
        asked.append(seconds)
        return Rates(dict.fromkeys(pairs, 100e9), 2.0)

    monkeypatch.setattr(estimating, "measure", measure)
    found = worth_saying(study, everything(study))
    assert found is not None
    assert re.fullmatch(r"about \d+ minutes and 0\.4 GB on this machine", cost.total(found))
    assert asked == [estimating.MOST], "so many seconds of measuring"
    small = study_of(studied.params())
    assert worth_saying(small, everything(small)) is None
    assert worth_saying(study, []) is None
    assert len(asked) == 1, "what is short is not measured"

    def fails(*_: object) -> Rates:
        raise StageError("no answer")

    monkeypatch.setattr(estimating, "measure", fails)
    assert worth_saying(study, everything(study)) is None, "it begins all the same"


def test_the_total_is_in_units_that_fit():
    def of(seconds: float, written: float, download: int = 0) -> str:
        work = [Work("train", "a", written=written, download=download)]
        return cost.total(Estimate(work, [seconds], []))

    assert of(20, 2e6) == "about 0 minutes and 2.0 MB on this machine"
    assert of(70, 3e8) == "about 1 minute and 0.3 GB on this machine"
    assert of(9e3, 3e9, 10**9) == (
        "about 2.5 hours and 3.0 GB on this machine, 1.0 GB of downloads"
    )


def test_a_model_of_any_size_is_cut_to_what_is_measured_in_the_time(study, monkeypatch):
    monkeypatch.chdir(ROOT)
    arch = study.models["mlp2"]
    large = replace(arch, n_layers=48, n_heads=25, d_model=1_600, d_mlp=6_400)
    for kind in ("train", "forward", "ablate"):
        rate = Rate(Model(large, 50_000), kind, Params())
        half = rate.flop(rate.whole) / 2
        piece = rate._fitting(half)
        assert rate.flop(piece) <= half
        assert piece.sequences >= rate.cores, "every core has work"
        least = rate._fitting(1.0)
        assert least.arch.n_layers == 1 and least.length == 64


def test_every_run_that_is_timed_has_all_cores(study, monkeypatch):
    """Workers leave torch with one thread: the next would have one core, and say twice the time."""
    monkeypatch.chdir(ROOT)
    threads = []

    class Watched(machine_rates.Workers):
        def __init__(self, device):
            threads.append(torch.get_num_threads())
            super().__init__(device)

    monkeypatch.setattr(machine_rates, "Workers", Watched)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        Rate(Model(study.models["attn1"], 300), "forward", Params()).measured(0.1)
    finally:
        torch.set_num_threads(before)
    assert threads == [2, 2]


def test_a_foreign_model_is_measured_by_one_of_ours_of_its_size(tmp_path):
    for kind in ("neox", "gpt2", "llama"):
        saved(tmp_path / kind / "step1", kind)
        named = suite("folder", tmp_path / kind, revision="step{step}")
        sizes = describe("theirs", named, tmp_path).sizes
        ours = stand_in(sizes)
        assert isinstance(ours, Architecture)
        assert (ours.n_layers, ours.d_model) == (sizes.n_layers, sizes.d_model)
        assert 2 * ours.d_mlp == sizes.mlp_matrices * sizes.d_mlp

"""Suites through the pipeline: our own checkpoints in GPT-2's format, and what must not happen.

Stages run in this process, in a small study's folder, so that what they load and measure can be
counted; the last tests run the whole with DVC.
"""

import contextlib
import json
import re
import shutil
import signal
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import GPT2LMHeadModel

from induction.config.errors import StageError
from induction.models import checkpoints
from induction.models.suites import hub as hub_module
from induction.models.suites import loading
from induction.pipeline import code_digests, plan
from induction.pipeline.job import Job
from induction.pipeline.settings import study_of
from tests.exported import as_gpt2
from tests.models.suites.loopback import Loopback, serving
from tests.project import CELLS, INDUCTION, PER_CELL, PER_GRID, Project, small

pytestmark = pytest.mark.slow
OURS, SUITE, WITH_BOS = "ours_s0", "theirs", "with_bos"
STEPS = [0, 5, 10, 15, 20]
MEASURES = ("losses", "heads", "ablations", "interventions")
WEIGHTS = "model.safetensors"
CLOSE = {"rtol": 0, "atol": 1e-5}


def entry(**changed) -> dict:
    """An entry of `suites` that names the exported checkpoints."""
    return {
        "source": "folder",
        "at": "exported",
        "bos": "none",
        "revision": "step{step}",
        "tokens_per_step": 512,
        **changed,
    }


def with_suites(params: dict) -> dict:
    """A model that GPT-2 can express, whose heads matter from the start, and suites of it."""
    learned = params["models"]["learned2"] | {"mlp": True, "d_mlp": 24}
    learned["init"] |= {"embed_std": 1.0, "qkv_gain": 3.0, "o_gain": 1.0, "unembed_std": 0.3}
    params["models"] = {"learned2": learned}
    params["cells"] = {OURS: {"model": "learned2", "seed": 0}}
    params["suites"] = {SUITE: entry(), WITH_BOS: entry(bos=0)}
    params["cells"] |= {name: {"suite": name} for name in params["suites"]}
    params["interventions"]["every"] = 1
    return params


def stage(project: Project, name: str, instance: str = "") -> None:
    """Run a stage in this process. Raises StageError."""
    with contextlib.chdir(project.folder):
        import_module(f"stages.{name}").main(Job(name, instance))


def suite_with(name: str, **changed):
    """A change of params.yaml: an entry of `suites`, new if need be, with a cell of its name."""

    def edit(params: dict) -> dict:
        params["suites"][name] = params["suites"].get(name, entry()) | changed
        params["cells"][name] = {"suite": name}
        return params

    return edit


def export(project: Project, target: str = "exported") -> None:
    """The checkpoints of our cell in GPT-2's format, with the study's tokenizer beside them."""
    for path in sorted((project.folder / "data" / "train" / OURS).glob("step_*")):
        model, header = checkpoints.load(path)
        as_gpt2(model).save_pretrained(project.folder / target / f"step{header.step}")
    tokenizer = project.folder / "data" / "corpus" / "tokenizer.json"
    shutil.copy(tokenizer, project.folder / target / "tokenizer.json")


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """What a source says is worked out once, not for every stage."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code_digests, "_bare", cache(code_digests._bare))
        yield


@pytest.fixture(scope="module")
def exported(studied, tmp_path_factory) -> Project:
    """Our cell trained and exported; of its suites nothing has run."""
    project = studied.copy(tmp_path_factory.mktemp("suites"))
    project.edit(with_suites)
    stage(project, "train", OURS)
    export(project)
    return project


@pytest.fixture(scope="module")
def fetched(exported, tmp_path_factory) -> Project:
    """The same, with the tokens and the checkpoints of suite `theirs`."""
    project = exported.copy(tmp_path_factory.mktemp("fetched"))
    stage(project, "corpus", SUITE)
    stage(project, "fetch", SUITE)
    return project


@pytest.fixture
def project(fetched, tmp_path) -> Project:
    """A copy, to be changed."""
    return fetched.copy(tmp_path / "study")


class Counts:
    """What was loaded, by path, and what was measured, by stage and step."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.measured: list[tuple[str, int]] = []


@pytest.fixture
def counts(monkeypatch) -> Counts:
    result = Counts()
    fetch, measuring = (
        import_module(name) for name in ("stages.fetch", "induction.pipeline.measuring")
    )
    load, measure = loading.load, measuring.measure_foreign

    def counted_load(path: Path, *arguments):
        result.loaded.append(path.name)
        return load(path, *arguments)

    def counted_measure(measured, model, step, where):
        result.measured.append((measured.job.stage.name, step))
        return measure(measured, model, step, where)

    monkeypatch.setattr(loading, "load", counted_load)
    monkeypatch.setattr(measuring, "measure_foreign", counted_measure)
    monkeypatch.setattr(fetch, "measure_foreign", counted_measure)
    return result


def every(stages, steps) -> list[tuple[str, int]]:
    return sorted((name, step) for name in stages for step in steps)


def table(project: Project, path: str) -> dict[str, np.ndarray]:
    read = pq.read_table(project.folder / "data" / f"{path}.parquet")
    return {name: read[name].to_numpy() for name in read.column_names}


def parts(project: Project, name: str, suite: str = SUITE) -> dict[str, int]:
    """The parts of a stage, each with what tells its folder from another of that name."""
    folder = project.folder / ".scratch" / "parts" / suite / name
    return {path.name: path.stat().st_ino for path in folder.glob("[0-9]*")}


def same(ours: dict, theirs: dict, columns=None) -> None:
    """Raise unless two tables have the same keys and, but for rounding, the same numbers."""
    assert columns or ours.keys() == theirs.keys()
    for name in columns or ours:
        if ours[name].dtype.kind == "f":
            np.testing.assert_allclose(theirs[name], ours[name], **CLOSE, err_msg=name)
        else:
            assert (theirs[name] == ours[name]).all(), name


# The same numbers by both ways


def test_exported_checkpoints_measure_as_our_own(project):
    assert (project.folder / "data/corpus/tokenizer.json").read_bytes() == (
        project.folder / f"data/corpus/{SUITE}/tokenizer.json"
    ).read_bytes()
    for name in ("eval", "eval_sequences"):
        same(table(project, f"corpus/{name}"), table(project, f"corpus/{SUITE}/{name}"))
    for name in (*MEASURES, "icl"):
        stage(project, name, OURS)
        stage(project, name, SUITE)
    for path in (
        "losses/{}/losses",
        "losses/{}/losses_short",
        "icl/{}/icl",
        "icl/{}/icl_positions",
        "icl/{}/icl_sampled",
        "ablations/{}/ablations",
        "heads/{}/compositions",
    ):
        ours, theirs = (table(project, path.format(cell)) for cell in (OURS, SUITE))
        assert sorted({*ours["step"].tolist()}) == STEPS
        same(ours, theirs)
    ablations = table(project, f"ablations/{OURS}/ablations")
    assert {*ablations["replacement"]} == {"none", "zero", "mean", "resample"}
    # Heads matter, and each in its own way: one taken for another would be seen.
    late = ablations["late"][(ablations["mode"] == "full") & (ablations["step"] == 20)]
    assert np.std(late) > 0.01
    ours, theirs = (table(project, f"heads/{cell}/heads") for cell in (OURS, SUITE))
    same(ours, theirs, ("step", "layer", "head", "previous_token", "ov_positivity", "qk_trace"))
    same(ours, theirs, ("qk_positivity",))
    assert np.isnan(theirs["smear_gate"]).all()


def test_probes_are_those_of_our_own_where_a_bos_begins_them(exported, tmp_path):
    project = exported.copy(tmp_path / "study")
    stage(project, "corpus", WITH_BOS)
    for name, cell in (("fetch", WITH_BOS), ("heads", WITH_BOS), ("heads", OURS)):
        stage(project, name, cell)
    ours, with_bos = (table(project, f"heads/{cell}/heads") for cell in (OURS, WITH_BOS))
    keys = ("step", "layer", "head")
    on_probes = ("prefix_matching", "prefix_matching_gap", "same_token", "first_token")
    same(ours, with_bos, (*keys, *on_probes, "copying", "copying_share", "ov_positivity"))
    assert np.std(ours["prefix_matching"]) > 0.01
    ours, with_bos = (table(project, f"heads/{cell}/repeats") for cell in (OURS, WITH_BOS))
    same(ours, with_bos)


@torch.no_grad()
def test_every_sequence_begins_with_the_bos_also_with_a_short_context(exported, tmp_path):
    project = exported.copy(tmp_path / "study")
    project.edit(suite_with(WITH_BOS, bos=7))
    for name in ("corpus", "fetch", "losses"):
        stage(project, name, WITH_BOS)
    tokens = torch.from_numpy(table(project, f"corpus/{WITH_BOS}/eval")["token"].astype(np.int64))
    tokens = tokens.view(12, 64)
    assert (tokens[:, 0] == 7).all() and (tokens[:, 1:] != 7).any()
    windows = project.params()["icl"]["windows"]
    (early, _), (late, last) = windows["early"], windows["late"]
    shift = late - early
    short = tokens[:, shift : last + 2].clone()
    assert (short[:, 0] != 7).any()
    short[:, 0] = 7
    for path, read, first in (("losses", tokens, 0), ("losses_short", short, early)):
        found = table(project, f"losses/{WITH_BOS}/{path}")
        for step in (0, 20):
            model = GPT2LMHeadModel.from_pretrained(project.folder / f"exported/step{step}")
            logits = model.eval()(read).logits[:, :-1].log_softmax(-1)
            wanted = -logits.gather(-1, read[:, 1:, None])[:, first:, 0]
            at = found["step"] == step
            if path == "losses_short":
                assert {*found["pos"][at].tolist()} == {*range(late, last + 1)}
            np.testing.assert_allclose(found["loss"][at], wanted.flatten().numpy(), **CLOSE)


# What is measured, and what is not measured again


def test_fetch_measures_all_and_the_stages_after_it_open_nothing(exported, tmp_path, counts):
    project = exported.copy(tmp_path / "study")
    stage(project, "corpus", SUITE)
    stage(project, "fetch", SUITE)
    assert counts.loaded == [f"step{step}" for step in STEPS], "each once"
    assert sorted(counts.measured) == every(MEASURES, STEPS)
    shutil.rmtree(project.folder / "exported")
    for name in MEASURES:
        stage(project, name, SUITE)
        assert {*table(project, f"{name}/{SUITE}/{name}")["step"].tolist()} == {*STEPS}
    assert counts.loaded == [f"step{step}" for step in STEPS]
    rows = table(project, f"fetch/{SUITE}/checkpoints")
    assert rows["step"].tolist() == STEPS
    assert rows["tokens"].tolist() == [512 * step for step in STEPS]
    assert len({*rows["sha256"]}) == len(STEPS) and {*rows["dtype"]} == {"float32"}
    assert {*rows["vocab_size"]} == {300}


def test_a_changed_stage_measures_again_alone(project, counts):
    before = {name: parts(project, name) for name in MEASURES}
    project.edit(lambda params: params | {"ablations": params["ablations"] | {"sequences": 3}})
    for name in MEASURES:
        stage(project, name, SUITE)
    assert sorted(counts.measured) == every(["ablations"], STEPS)
    after = {name: parts(project, name) for name in MEASURES}
    assert len(after["ablations"]) == len(STEPS), "those of before are gone"
    assert not {*after["ablations"]} & {*before["ablations"]}
    for name in ("losses", "heads", "interventions"):
        assert after[name] == before[name]
    assert len(table(project, f"ablations/{SUITE}/ablations")["seq"]) > 0
    assert table(project, f"ablations/{SUITE}/ablations")["seq"].max() == 2


def test_a_step_more_is_measured_alone(exported, tmp_path, counts):
    project = exported.copy(tmp_path / "study")
    project.edit(suite_with(SUITE, steps=STEPS[:-1]))
    for name in ("corpus", "fetch"):
        stage(project, name, SUITE)
    assert sorted(counts.measured) == every(MEASURES, STEPS[:-1])
    counts.measured.clear()
    project.edit(suite_with(SUITE, steps=STEPS))
    for name in ("corpus", "fetch", *MEASURES):
        stage(project, name, SUITE)
    assert sorted(counts.measured) == every(MEASURES, [20])
    assert {*table(project, f"losses/{SUITE}/losses")["step"].tolist()} == {*STEPS}


def test_changed_text_is_measured_again(project, counts):
    """The tokens are others, and the parts of before say nothing of them."""
    project.edit(lambda params: params | {"corpus": params["corpus"] | {"seed": 5}})
    stage(project, "corpus", SUITE)
    stage(project, "losses", SUITE)
    assert sorted(counts.measured) == every(["losses"], STEPS)


def test_other_weights_are_noticed(project):
    """A stage that has to fetch again refuses weights that are not those that fetch saw."""
    project.edit(lambda params: params | {"losses": {"batch": 3, "gpu_batch": 3}})
    weights = project.folder / "exported" / "step5" / WEIGHTS
    shutil.copy(project.folder / "exported" / "step10" / WEIGHTS, weights)
    with pytest.raises(StageError, match=r"the weights of exported are no longer those that it"):
        stage(project, "losses", SUITE)
    assert not (project.folder / f"data/losses/{SUITE}").exists()


KILLED = """\
import os, signal, sys
renamed = 0
def watch(event, args):
    global renamed
    if event == "os.rename" and "/parts/" in os.path.abspath(os.fsdecode(args[1])):
        renamed += 1
        if renamed == 7:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
from induction.pipeline.job import run
from stages import fetch
sys.argv = ["fetch", "--cell", "theirs"]
run(fetch.main)
"""


def test_a_kill_costs_what_was_at_work(exported, tmp_path, counts):
    """After the second stage of the second checkpoint, while the third is put into place."""
    project = exported.copy(tmp_path / "study")
    stage(project, "corpus", SUITE)
    done = project.run("python", "-c", KILLED)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (project.folder / f"data/fetch/{SUITE}").exists()
    kept = every(MEASURES, [0]) + every(["heads", "losses"], [5])
    left = {name: parts(project, name) for name in MEASURES}
    found = [(name, int(part.partition("-")[0])) for name in left for part in left[name]]
    assert sorted(found) == sorted(kept)
    stage(project, "fetch", SUITE)
    assert sorted([*counts.measured, *kept]) == every(MEASURES, STEPS)
    for name in MEASURES:
        folder = project.folder / ".scratch" / "parts" / SUITE / name
        assert len([*folder.iterdir()]) == len(STEPS), "no debris"


# What is refused


def refused(project: Project, name: str, suite: str) -> str:
    """The one line of an error of a stage, which published nothing."""
    with pytest.raises(StageError) as caught:
        stage(project, name, suite)
    assert not (project.folder / "data" / name / suite).exists()
    assert not [*(project.folder / ".scratch" / "partial").rglob("*.parquet")], "no debris"
    text = str(caught.value)
    assert text.isprintable()
    return text


def test_equal_neighbours_are_refused_unless_they_are_declared(project):
    shutil.rmtree(project.folder / "data" / "fetch" / SUITE)
    folder = project.folder / "exported"
    shutil.copy(folder / "step5" / WEIGHTS, folder / "step10" / WEIGHTS)
    done = project.run("python", "-m", "stages.fetch", "--cell", SUITE)
    errors = [line for line in done.stderr.splitlines() if "error:" in line]
    assert done.returncode == 1 and len(errors) == 1 and "Traceback" not in done.stderr
    wanted = r"suites\.theirs\.steps: found \[5, 10\], expected other weights at each step, not "
    assert re.search(wanted + r"the same in step5 and step10.*same: \[\[5, 10\]\]", errors[0])
    assert not (project.folder / f"data/fetch/{SUITE}").exists()
    project.edit(suite_with(SUITE, same=[[5, 10]]))
    for name in ("corpus", "fetch"):
        stage(project, name, SUITE)
    hashes = table(project, f"fetch/{SUITE}/checkpoints")["sha256"].tolist()
    assert hashes[1] == hashes[2] and len({*hashes}) == 4


def test_weights_that_are_no_numbers_are_refused(project):
    shutil.rmtree(project.folder / "data" / "fetch" / SUITE)
    path = project.folder / "exported" / "step10" / WEIGHTS
    weights = load_file(path)
    weights["transformer.wte.weight"][3, 1] = torch.nan
    save_file(weights, path, metadata={"format": "pt"})
    error = refused(project, "fetch", SUITE)
    wanted = (
        r"suites\.theirs: exported, step10: transformer\.wte\.weight: found NaN or infinity in 1"
    )
    assert re.match(wanted, error), error


def test_a_tokenizer_that_is_not_there_is_named(project):
    project.edit(suite_with("bare", at="bare"))
    shutil.copytree(project.folder / "exported", project.folder / "bare")
    (project.folder / "bare" / "tokenizer.json").unlink()
    error = refused(project, "corpus", "bare")
    wanted = r"suites\.bare\.tokenizer: found nothing, expected where .* bare/step0 has no tokeni"
    assert re.search(wanted, error), error


def test_a_tokenizer_that_the_model_is_too_small_for_is_named(project):
    project.edit(suite_with("larger", at="larger"))
    shutil.copytree(project.folder / "exported", project.folder / "larger")
    path = project.folder / "larger" / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.add_tokens([" networks"])
    path.write_text(tokenizer.to_str(), encoding="utf-8")
    stage(project, "corpus", "larger")
    error = refused(project, "fetch", "larger")
    wanted = "suites.larger: larger, step0: the model has 300 tokens, its tokenizer 301; set token"
    assert wanted in error


# What ours never have


def test_token_ids_beyond_sixteen_bits(project):
    """The last ids are words of the text; a model of ours, and a table of its, has fewer."""
    project.edit(suite_with("many", at="many", steps=[3], revision="", tokens_per_step=None))
    path = project.folder / "many"
    tokenizer = Tokenizer.from_file(str(project.folder / "exported" / "tokenizer.json"))
    tokenizer.add_tokens([f"<{i}>" for i in range(70_000 - 302)])
    tokenizer.add_tokens([" the", " of"])
    assert tokenizer.get_vocab_size() == 70_000
    first, _ = checkpoints.load(project.folder / f"data/train/{OURS}/step_000000.safetensors")
    config = as_gpt2(first).config
    config.vocab_size, config.n_embd, config.n_inner = 70_000, 8, 8
    torch.manual_seed(0)
    GPT2LMHeadModel(config).save_pretrained(path)
    (path / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
    stage(project, "corpus", "many")
    # All that occur in a small text may be among the most or the least common of so many.
    error = refused(project, "fetch", "many")
    assert "but only 0 tokens of the vocabulary occur in the training stream" in error
    project.edit(lambda params: params | {"heads": params["heads"] | {"exclude_share": 0.0005}})
    for name in ("fetch", "losses", "heads", "icl"):
        stage(project, name, "many")
    tokens = table(project, "corpus/many/eval")["token"]
    assert {69_998, 69_999} <= {*tokens.tolist()}
    words = Tokenizer.from_file(str(project.folder / "data/corpus/many/tokenizer.json"))
    documents = [*(project.folder / "books").glob("*.txt")]
    texts = [path.read_text(encoding="utf-8", errors="ignore") for path in documents]
    assert any(words.decode(tokens[:64].tolist(), skip_special_tokens=False) in t for t in texts)
    icl = table(project, "icl/many/icl")
    assert icl["step"].tolist() == [3] and all(np.isfinite(icl[name]).all() for name in icl)
    assert table(project, "losses/many/losses")["loss"].mean() == pytest.approx(
        np.log(70_000), abs=0.1
    )
    rows = table(project, "fetch/many/checkpoints")
    assert rows["vocab_size"].tolist() == [70_000] and np.isnan(rows["tokens"]).all()


# From a hub


@pytest.fixture
def hub(exported, monkeypatch) -> Iterator[Loopback]:
    """Every exported checkpoint is a revision."""
    monkeypatch.setattr(hub_module, "WAITS", (0,) * 9)
    with serving() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        for step in STEPS:
            folder = exported.folder / "exported" / f"step{step}"
            server.push(f"step{step}", folder, "apache-2.0")
            tokenizer = (exported.folder / "exported" / "tokenizer.json").read_bytes()
            server.files[server.branches[f"step{step}"]]["tokenizer.json"] = tokenizer
        yield server


FROM_HUB = {"source": "hub", "at": "some/model", "steps": STEPS}


def weights_of(project: Project) -> list[Path]:
    """All weights that were downloaded, wherever they lie."""
    return [
        path
        for folder in (".scratch/suites", "data/fetch")
        for path in (project.folder / folder).rglob("*.safetensors")
    ]


def test_one_checkpoint_of_a_hub_is_on_this_disk_at_a_time(exported, tmp_path, hub, counts,
                                                           monkeypatch):  # fmt: skip
    project = exported.copy(tmp_path / "study")
    project.edit(suite_with("hubbed", **FROM_HUB))
    fetch, there = hub_module.Hub.fetch, []

    def watched(self, commit, files, folder):
        there.append(len(weights_of(project)))
        fetch(self, commit, files, folder)
        there.append(len(weights_of(project)))

    monkeypatch.setattr(hub_module.Hub, "fetch", watched)
    stage(project, "corpus", "hubbed")
    assert there == [0, 0], "the tokenizer came alone"
    stage(project, "fetch", "hubbed")
    assert there[2:] == [0, 1] * len(STEPS) and weights_of(project) == []
    recorded = json.loads((project.folder / "suites" / "hubbed.json").read_text())
    assert {name: each["commit"] for name, each in recorded["some/model"].items()} == hub.branches
    rows = table(project, "fetch/hubbed/checkpoints")
    assert rows["commit"].tolist() == [hub.branches[f"step{step}"] for step in STEPS]
    assert {*rows["licence"]} == {"apache-2.0"}

    # Nothing is asked of the hub again, for what was measured.
    asked, measured = len(hub.asked), len(counts.measured)
    for name in ("fetch", *MEASURES):
        stage(project, name, "hubbed")
    assert len(hub.asked) == asked and len(counts.measured) == measured
    # What has to be measured again is fetched again, one by one.
    project.edit(lambda params: params | {"losses": {"batch": 3, "gpu_batch": 3}})
    stage(project, "losses", "hubbed")
    assert [*zip(*[iter(there[-2 * len(STEPS) :])] * 2, strict=True)] == [(0, 1)] * len(STEPS)
    assert counts.measured[measured:] == every(["losses"], STEPS) and weights_of(project) == []
    # A folder of this machine with the same weights gives the same numbers.
    for name in ("corpus", "fetch", "losses"):
        stage(project, name, SUITE)
    same(table(project, "losses/hubbed/losses"), table(project, f"losses/{SUITE}/losses"))


def test_weights_of_a_hub_are_kept_if_asked(exported, tmp_path, hub, counts):
    project = exported.copy(tmp_path / "study")
    project.edit(suite_with("hubbed", **FROM_HUB, keep=True))
    for name in ("corpus", "fetch"):
        stage(project, name, "hubbed")
    kept = {path.relative_to(project.folder).as_posix() for path in weights_of(project)}
    assert kept == {f"data/fetch/hubbed/step_{step:09d}/{WEIGHTS}" for step in STEPS}
    assert len(hub.paths(WEIGHTS)) == len(STEPS)
    hub.branches.clear()
    hub.files.clear()
    project.edit(lambda params: params | {"losses": {"batch": 3, "gpu_batch": 3}})
    counts.measured.clear()
    stage(project, "losses", "hubbed")
    assert counts.measured == every(["losses"], STEPS), "of what was kept"
    assert {path.relative_to(project.folder).as_posix() for path in weights_of(project)} == kept


# The whole, with DVC


def test_a_study_of_suites_alone_plans_nothing_of_ours():
    params = with_suites(small(Project.committed()))
    del params["cells"][OURS]
    ours, theirs, published = plan.files(study_of(params)).values()
    assert [*ours.stages] == ["plan", "corpus"] and not ours.cells and not published.stages
    assert {"fetch", *PER_GRID} < {*theirs.stages} and [*theirs.cells] == [SUITE, WITH_BOS]


def with_two(params: dict) -> dict:
    """The study as it is, and suites of a folder and of a hub."""
    hubbed = entry(**FROM_HUB, tokenizer="exported", keep=True)
    params["suites"] = {SUITE: entry(), "hubbed": hubbed}
    params["cells"] |= {name: {"suite": name} for name in params["suites"]}
    return params


@pytest.fixture(scope="module")
def whole(studied, exported, tmp_path_factory) -> Iterator[tuple[Project, set[str], bytes]]:
    """A finished study to which two suites were added; which stages ran then, and dvc.yaml before
    that."""
    project = studied.copy(tmp_path_factory.mktemp("whole"))
    folder = project.folder / "exported"
    shutil.copytree(exported.folder / "exported", folder)
    planned = (project.folder / "dvc.yaml").read_bytes()
    project.edit(with_two)
    with serving() as server:
        for step in STEPS:
            server.push(f"step{step}", folder / f"step{step}", "apache-2.0")
        done = project.run(*INDUCTION, "study", variables={"HF_ENDPOINT": server.url})
    assert done.returncode == 0, done.stdout + done.stderr
    ran = re.findall(r"Running stage '([^']+)'", done.stdout)
    assert len(ran) == len({*ran}), "each once"
    yield project, {*ran}, planned


def test_a_suite_more_leaves_the_stages_of_the_study_as_they_are(whole):
    project, ran, planned = whole
    assert (project.folder / "dvc.yaml").read_bytes() == planned
    per_suite = {"corpus", "fetch", *PER_CELL, *PER_GRID} - {"train", "circuits"}
    theirs = {f"suites/dvc.yaml:{name}@{cell}" for name in per_suite for cell in (SUITE, "hubbed")}
    assert ran == {"plan", *PER_GRID, *theirs}
    for cell in (SUITE, "hubbed"):
        reports = project.folder / "reports" / cell
        assert cell in (reports / "index.html").read_text(encoding="utf-8")
        assert [*json.loads((reports / "metrics.json").read_text())["cells"]] == [cell]
    assert {*project.metrics()} == {*CELLS}, "a suite is a grid of its own"
    recorded = json.loads((project.folder / "suites" / "hubbed.json").read_text())
    assert [*recorded["some/model"]] == sorted(f"step{step}" for step in STEPS)
    kept = project.folder / "data" / "fetch" / "hubbed"
    assert sorted(path.parent.name for path in kept.rglob(WEIGHTS)) == [
        f"step_{step:09d}" for step in STEPS
    ]


def test_nothing_of_a_suite_runs_twice(whole):
    """Neither is the hub asked, which is gone."""
    project, *_ = whole
    done = project.run(*INDUCTION, "study")
    assert done.returncode == 0 and "Running stage" not in done.stdout, done.stdout
    done = project.run("dvc", "repro", "dvc.yaml", "suites/dvc.yaml")
    assert "up to date" in done.stdout and "Running" not in done.stdout


def test_a_suite_is_verified(whole):
    project, *_ = whole
    done = project.run(*INDUCTION, "verify")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "BAD" not in done.stdout and f"fetch@{SUITE}" in done.stdout
    path = project.folder / "data" / "fetch" / SUITE / "checkpoints.parquet"
    before = path.read_bytes()
    read = pq.read_table(path)
    path.unlink()  # the file may be a link into the cache
    try:
        pq.write_table(read.slice(0, 4), path)
        done = project.run(*INDUCTION, "verify")
    finally:
        path.unlink()
        path.write_bytes(before)
    assert done.returncode == 1
    assert re.search(rf"BAD +(suites/dvc\.yaml:)?fetch@{SUITE}", done.stdout), done.stdout
    assert "checkpoints.parquet" in done.stdout

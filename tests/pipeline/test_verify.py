"""Every artifact says who made it, nothing is credited to the wrong code, and verify knows."""

import json
import os
import re
import time
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner
from safetensors import safe_open
from safetensors.torch import save_file

from induction.cli import verify as verb
from induction.config.params import Params
from induction.pipeline import code_digests, layout, plan
from induction.pipeline.artifacts import TRAIN_TOKENS
from induction.pipeline.declarations import stages
from induction.pipeline.dvc_lock import md5
from induction.pipeline.settings import study_of
from induction.tables import circuits
from induction.tables.provenance import hash_params
from tests.project import CELLS, PER_CELL, Project

LOSSES = "data/losses/attn1_s0/losses.parquet"
BARE = cache(code_digests._bare)
STEP = "data/train/attn1_s0/step_000010.safetensors"


@pytest.fixture(scope="module")
def project(studied, tmp_path_factory) -> Project:
    return studied.copy(tmp_path_factory.mktemp("verify"))


@pytest.fixture
def verify(project, monkeypatch):
    """Exit status and output of `verify`, in this process: torch is loaded."""

    def call() -> tuple[int, str]:
        done = CliRunner().invoke(verb.command)
        return done.exit_code, f"{done.exception or ''}\n{done.stdout}"

    monkeypatch.chdir(project.folder)
    # Every call digests the code of all stages; what a text says stays the same.
    monkeypatch.setattr(code_digests, "_bare", BARE)
    return call


@pytest.fixture
def spoil(project):
    """Replace a file of the project by what a function makes of it, until the test ends."""
    kept: dict[Path, bytes | None] = {}

    def change(name: str, make) -> None:
        path = project.folder / name
        kept.setdefault(path, path.read_bytes() if path.exists() else None)
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)  # it may be a link into the cache
        make(path, kept[path])

    yield change
    for path, before in kept.items():
        path.unlink(missing_ok=True)
        if before is not None:
            path.write_bytes(before)


def text(old: str, new: str):
    return lambda path, before: path.write_text(before.decode().replace(old, new))


def test_all_is_well_after_a_run(verify):
    status, said = verify()
    assert status == 0 and "no problems" in said and "BAD" not in said
    for name in ("corpus", "pca", "report", *(f"train@{cell}" for cell in CELLS)):
        assert f"ok   {name}\n" in said


def provenance(path: Path) -> dict:
    if path.suffix == ".parquet":
        return json.loads(pq.read_schema(path).metadata[b"provenance"])
    with safe_open(path, framework="pt") as file:
        (held,) = file.metadata().values()
    result = json.loads(held)["provenance"]
    return json.loads(result) if isinstance(result, str) else result


def test_every_artifact_carries_who_made_it(project):
    data = project.folder / "data"
    result = [*data.rglob("*.parquet"), *data.rglob("*.safetensors")]
    assert len(result) == 2 * (18 + len(circuits.ALL)) + 15
    for path in result:
        created = provenance(path)
        stage = path.relative_to(data).parts[0]
        assert created["stage"] == stage
        per_cell = stage in PER_CELL
        assert created["cell"] == (next(c for c in CELLS if c in str(path)) if per_cell else "")
        planned = project.folder / code_digests.planned(stage)
        assert created["code"] == planned.read_text().strip()
        assert re.fullmatch(r"[0-9a-f]{64}", created["params"])
        assert f"torch=={torch.__version__.split('+')[0]}" in created["versions"]
        assert created["device"] == "cpu" and created["dtype"] == "float32"
    manifest = json.loads((data / "corpus" / "manifest.json").read_text())
    report = json.loads((project.folder / "reports" / "provenance.json").read_text())
    assert manifest["provenance"]["stage"] == "corpus"
    assert report["report"]["stage"] == "report"
    assert report["inputs"]["data/heads/attn1_s0/heads.parquet"]["cell"] == "attn1_s0"


def test_every_stage_of_every_cell_read_the_params_it_declares(project, monkeypatch):
    """The hash in an artifact is over the keys that were asked for, each with its value."""
    monkeypatch.chdir(project.folder)
    params = Params()
    for stage in plan.expanded(study_of(params.all())):
        if stage.name == "plan":
            continue
        if stage.name == "report":
            created = json.loads(Path("reports/provenance.json").read_text())["report"]
        else:
            table = stages()[stage.name].tables[0]
            created = provenance(layout.source_of(table, stage.instance).path)
        assert created["params"] == hash_params(params.values(stage.params)), stage.label


def flip(path: Path, before: bytes) -> None:
    """One bit, at the same size and time: what a look at the clock would miss."""
    data = bytearray(before)
    data[len(data) // 3] ^= 1
    path.write_bytes(data)


def rewritten(change):
    """A Parquet file written anew with other rows or metadata."""

    def make(path: Path, before: bytes) -> None:
        table = pq.read_table(pa.BufferReader(before))
        pq.write_table(change(table), path)

    return make


def with_loss(table: pa.Table, row: int, value: float) -> pa.Table:
    values = table["loss"].to_numpy().copy()
    values[row] = value
    return table.set_column(3, table.schema.field("loss"), pa.array(values, pa.float32()))


def with_metadata(table: pa.Table, key: str, value: str) -> pa.Table:
    return table.replace_schema_metadata({**table.schema.metadata, key.encode(): value.encode()})


def other(table: pa.Table, **changed) -> pa.Table:
    created = json.loads(table.schema.metadata[b"provenance"]) | changed
    return with_metadata(table, "provenance", json.dumps(created))


WRONG = [
    (LOSSES, flip, r"losses/attn1_s0: not the bytes that dvc\.lock names; `dvc ch"),
    (LOSSES, lambda path, before: path.write_bytes(before[:-9]), r"truncated or not Parquet"),
    (LOSSES, rewritten(lambda t: with_loss(t, 7, np.nan)), r"column loss: nan in row 7"),
    (LOSSES, rewritten(lambda t: t.slice(1)), r"found 3779 rows, expected 3780"),
    (LOSSES, rewritten(lambda t: pa.concat_tables([t, t])), r"strictly increase|begins at"),
    (LOSSES, rewritten(lambda t: with_metadata(t, "version", "2")), r"version 1 .*found 2"),
    (LOSSES, rewritten(lambda t: t.drop_columns("pos")), r"expected columns"),
    (LOSSES, rewritten(lambda t: other(t, cell="smear2_s0")), r"another cell smear2_s0"),
    (LOSSES, rewritten(lambda t: other(t, code="0" * 64)), r"other code, of hash 0000"),
    (LOSSES, rewritten(lambda t: other(t, params="0" * 64)), r"with other params, of hash"),
    (LOSSES, rewritten(lambda t: other(t, versions=["torch==1.0"])), r"versions \['torch==1"),
    (LOSSES, rewritten(lambda t: t.replace_schema_metadata({"version": "1"})), r"carries no"),
    (STEP, flip, r"train/attn1_s0: not the bytes that dvc\.lock names"),
    (STEP, lambda path, _: None, r"missing or not asked for: step_000010"),
    ("data/corpus/tokenizer.json", flip, r"tokenizer\.json: not that of manifest\.json"),
    ("data/corpus/train_tokens.safetensors", flip, r"tokens do not match their hash"),
    ("data/corpus/manifest.json", text('"provenance"', '"x"'), r"manifest\.json: unreadable"),
    ("data/losses/gone_s0.parquet", lambda path, _: path.write_text("x"), r"no stage makes it"),
    ("reports/summary.md", text("attn1", "attn9"), r"summary\.md: not the bytes.*git checkout"),
    ("reports/provenance.json", text('"code"', '"cod"'), r"provenance\.json: unreadable"),
    ("params.yaml", text("bootstrap_draws: 100", "bootstrap_draws: 101"), r"its values are"),
    ("dvc.lock", text("losses@attn1_s0:", "losses@attn7_s0:"), r"dvc\.lock: lacks losses@attn1_s0"),
    ("dvc.lock", lambda path, _: path.write_text("{"), r"dvc\.lock: not a lock file"),
    ("dvc.yaml", text("desc:", "dsc:"), r"dvc\.yaml: found other stages"),
]
# Each costs seconds: of the faults of one file, the first few stand for all.
QUICK = (0, 3, 12, 14, 16, 17, 20, 23)


@pytest.mark.parametrize(
    ("name", "make", "wanted"),
    [
        pytest.param(*case, marks=[] if i in QUICK else pytest.mark.slow)
        for i, case in enumerate(WRONG)
    ],
)
def test_what_is_wrong_is_named(verify, spoil, name, make, wanted):
    spoil(name, make)
    status, said = verify()
    assert status == 1
    assert re.search(wanted, said), said


def test_an_aggregate_of_older_parts_is_named(verify, spoil, project):
    """The part lies inside an output folder, which dvc.lock names only as a whole."""
    part = "data/icl/attn1_s0/icl_sampled.parquet"
    old = md5(project.folder / part)
    spoil("dvc.lock", text(old, "0" * 32))
    status, said = verify()
    assert status == 1 and re.search(rf"BAD  pca\n     {part}: changed since", said), said


def test_a_checkpoint_twice_is_named(project, verify, spoil):
    with safe_open(project.folder / STEP, framework="pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    other_step = "data/train/attn1_s0/step_000015.safetensors"
    with safe_open(project.folder / other_step, framework="pt") as file:
        metadata = file.metadata()
    spoil(other_step, lambda path, _: save_file(weights, path, metadata=metadata))
    _, said = verify()
    assert re.search(r"step_000015\.safetensors: the same weights as .*step_000010", said)


@pytest.mark.slow
def test_code_that_changed_since_is_named_and_a_comment_is_told_from_it(verify, spoil):
    spoil("induction/interp/losses.py", lambda path, before: path.write_bytes(before + b"# x\n"))
    _, said = verify()
    assert "induction: changed since this stage ran; run `dvc repro plan`" in said
    assert "other code" not in said
    spoil("induction/interp/losses.py", lambda path, before: path.write_bytes(before + b"x = 1\n"))
    _, said = verify()
    assert f"{LOSSES}: made by other code, of hash" in said


def test_a_report_that_git_brought_is_not_checked_without_its_data(verify, spoil, project):
    """Of the published run, made on another machine."""
    spoil("reports/published/metrics.json", lambda path, _: path.write_text("{}"))
    status, said = verify()
    assert status == 0, said


def test_what_was_not_pulled_is_no_problem(project, verify):
    moved = project.folder / "moved"
    (project.folder / "data" / "train").rename(moved)
    try:
        status, said = verify()
    finally:
        moved.rename(project.folder / "data" / "train")
    assert status == 0 and "not here" in said and "train@attn1_s0" in said


def edit_while_running(project: Project, path: str, old: str, new: str) -> tuple[str, str]:
    """Edit a file once training has begun; returns what the stage said, and the file's old text."""
    target = project.folder / path
    before = target.read_text()
    assert old in before
    for folder in (project.folder / ".scratch" / "train").glob("attn1_s0-*"):
        project.run("rm", "-r", str(folder))
    with project.start(
        "python", "-m", "stages.train", "--cell", "attn1_s0", stderr=-1, text=True
    ) as process:
        deadline = time.time() + 60
        while time.time() < deadline:
            if list((project.folder / ".scratch" / "train").glob("attn1_s0-*/state*")):
                break
            time.sleep(0.002)
        assert process.poll() is None, "it is still at work"
        target.write_text(before.replace(old, new))
        said = process.stderr.read()
    return said, before


@pytest.mark.slow
def test_code_that_changes_while_it_runs_is_not_credited(project):
    """DVC hashes dependencies when the command has ended: the stage itself must refuse."""
    folder = project.folder / "data" / "train" / "attn1_s0"
    published = {path.name: path.stat().st_ino for path in folder.iterdir()}
    path = "induction/models/training.py"
    said, before = edit_while_running(project, path, "self.step += 1", "self.step += 1 + 0")
    assert f"error: train@attn1_s0: {path}: changed while this stage ran" in said
    assert "nothing was published" in said and "Undo the change" in said
    assert {path.name: path.stat().st_ino for path in folder.iterdir()} == published
    (project.folder / path).write_text(before)
    done = project.run("python", "-m", "stages.train", "--cell", "attn1_s0")
    assert "goes on from step 20 of 20" in done.stderr, "its state was kept"


@pytest.mark.slow
def test_a_comment_that_comes_while_it_runs_does_no_harm(project):
    path = "induction/models/training.py"
    said, before = edit_while_running(project, path, "self.step += 1", "self.step += 1  # one")
    (project.folder / path).write_text(before)
    assert "error" not in said


@pytest.mark.slow
def test_params_that_change_while_it_runs_are_not_credited(project):
    said, before = edit_while_running(project, "params.yaml", "warmup_steps: 5", "warmup_steps: 6")
    (project.folder / "params.yaml").write_text(before)
    assert "error: train@attn1_s0: params.yaml: changed while this stage ran" in said


def test_code_younger_than_the_process_is_refused(project):
    """It may have been imported before or after the change: nobody can know."""
    path = project.folder / "induction" / "stats" / "pca.py"
    before = path.stat().st_mtime
    os.utime(path, (time.time() + 100,) * 2)
    done = project.run("python", "-m", "stages.pca")
    os.utime(path, (before, before))
    assert done.returncode == 1
    assert "induction/stats/pca.py: changed while this stage was starting" in done.stderr


def test_params_that_do_not_decide_are_not_hashed():
    def hashed(n_ctx: int, sequences: int, tokens: int, held_out: float) -> str:
        evaluation = {"sequences": sequences, "tokens": tokens, "held_out": held_out}
        section = {"n_ctx": n_ctx, "evaluation": evaluation}
        return hash_params({"corpus": section}, TRAIN_TOKENS.without)

    assert hashed(64, 10, 64, 0.2) == hashed(32, 20, 32, 0.2) != hashed(64, 10, 64, 0.3)
    assert hash_params({"a": 1, "b": 2}) != hash_params({"a": 2, "b": 1})


def test_comments_and_docstrings_are_not_code(tmp_path):
    path = tmp_path / "a.py"
    digests = set()
    for source in (
        '"""One."""\n\ndef f(x):\n    """Two."""\n    return x  # three\n',
        '"""Another."""\ndef f(x): return x\n',
        "# nothing\ndef f(x):\n    'doc'\n    return (x)\n",
    ):
        path.write_text(source)
        digests.add(code_digests.digests([Path("a.py")], tmp_path)["a.py"])
    assert len(digests) == 1
    for source in ("def f(x): return -x\n", "def f(x): 1; return x\n", "def f(:\n"):
        path.write_text(source)
        digests.add(code_digests.digests([Path("a.py")], tmp_path)["a.py"])
    assert len(digests) == 4

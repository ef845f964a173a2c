"""Killed, interrupted, out of space, started twice: nothing is lost, nothing half-written."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from contextlib import suppress

import psutil
import pytest

from tests.project import INDUCTION, PER_CELL, PER_GRID, ROOT, Project, english

KILLS = ROOT / "tests" / "kills.py"


@pytest.fixture(scope="module")
def project(studied, tmp_path_factory) -> Project:
    return studied.copy(tmp_path_factory.mktemp("crash"))


def kill(project: Project, count: int, seed: int, *stages: str) -> dict:
    done = project.run("python", str(KILLS), str(count), str(seed), *stages)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_kills_at_any_moment_lose_nothing(project):
    result = kill(project, 16, 5, "train", "icl")
    assert sum(result["kills"].values()) >= 16
    assert result["resumed"] > 0, "training went on from a state"
    assert project.run("dvc", "status").stdout == "Data and pipelines are up to date.\n"


@pytest.mark.slow
def test_240_kills_over_all_stages_lose_nothing(project):
    result = kill(project, 240, 1)
    assert sum(result["kills"].values()) >= 240
    assert result["resumed"] >= 40
    assert all(result["kills"].values()), result
    print(result)


@pytest.mark.slow
def test_the_whole_study_killed_again_and_again_ends_in_the_same_bytes(project, tmp_path):
    """DVC and all: the process group is killed at moments spread over the run."""
    wanted = project.products()
    again = Project(tmp_path / "again")
    english(again.folder / "books")
    kills = 0
    for attempt in range(15):
        with again.start(*INDUCTION, "study", "--jobs", "2") as process:
            try:
                process.wait(3 + 2.5 * (attempt % 7))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                kills += 1
    assert kills >= 3
    done = again.run(*INDUCTION, "study", "--jobs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert again.products() == wanted
    assert not list((again.folder / ".scratch").rglob("*.partial"))
    done = again.run(*INDUCTION, "verify")
    assert done.returncode == 0, done.stdout


@pytest.fixture
def edited(project):
    """The project, whose params a test may change; put right and brought up to date afterwards."""
    before = (project.folder / "params.yaml").read_text()
    yield project
    (project.folder / "params.yaml").write_text(before)
    project.repro()


def steps_of(project: Project, cell: str) -> dict[str, bytes]:
    folder = project.folder / "data" / "train" / cell
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def longer(params: dict, tokens: int) -> dict:
    every = params["train"]["checkpoints"][0]["every"]
    checkpoints = [{"until": tokens, "every": every}]
    return params | {"train": params["train"] | {"tokens": tokens, "checkpoints": checkpoints}}


@pytest.mark.slow
def test_a_longer_training_goes_on_and_equals_one_that_was_that_long(edited):
    train = ("python", "-m", "stages.train", "--cell", "smear2_s0")
    edited.run(*train, check=True)
    tokens = edited.params()["train"]["tokens"]
    edited.edit(lambda params: longer(params, 2 * tokens))
    done = edited.run(*train)
    assert "goes on from step 20 of 40" in done.stderr
    extended = steps_of(edited, "smear2_s0")
    states = edited.folder / ".scratch" / "train"
    kept = states.rename(states.with_name("kept"))
    assert "goes on" not in edited.run(*train).stderr
    assert steps_of(edited, "smear2_s0") == extended
    # And back: a shorter one is a part of what is there.
    edited.run("rm", "-r", str(states))
    kept.rename(states)
    edited.edit(lambda params: longer(params, tokens))
    assert "goes on from step 20 of 20" in edited.run(*train).stderr
    assert len(steps_of(edited, "smear2_s0")) == 6


@pytest.mark.slow
def test_sigterm_ends_a_training_after_the_step_at_hand(edited):
    """As Ctrl-C does, but nothing of the training is lost; the bytes are those of an undisturbed
    one."""
    train = ("python", "-m", "stages.train", "--cell", "attn1_s0")
    one = {"batch": 1, "micro_batch": 1}
    edited.edit(lambda params: longer(params | {"train": params["train"] | one}, 64 * 1200))
    states = edited.folder / ".scratch" / "train"
    edited.run("rm", "-rf", str(states))
    with edited.start(*train, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.time() + 60
        while not list(states.glob("attn1_s0-*/step_000040*")):
            assert time.time() < deadline and process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        errors = process.stderr.read()
    assert process.returncode == 130
    assert "interrupted" in errors and "Traceback" not in errors
    (step,) = re.findall(r"train@attn1_s0: SIGTERM: kept at step (\d+)", errors)
    assert 40 <= int(step) < 1200
    assert f"goes on from step {step} of 1200" in edited.run(*train, check=True).stderr
    resumed = steps_of(edited, "attn1_s0")
    edited.run("rm", "-r", str(states))
    assert "goes on" not in edited.run(*train, check=True).stderr
    assert steps_of(edited, "attn1_s0") == resumed


@pytest.mark.slow
def test_another_setting_never_takes_up_a_state(edited):
    train = ("python", "-m", "stages.train", "--cell", "attn1_s0")
    edited.run(*train, check=True)
    before = edited.params()
    for change in ({"batch": 4, "micro_batch": 4}, {"muon_lr": 0.01}, {"warmup_steps": 6}, {}):
        edited.edit(lambda _, change=change: before | {"train": before["train"] | change})
        took_up = "goes on" in edited.run(*train, check=True).stderr
        assert took_up == (not change)
    # A CPU has one sequence per pass, whatever is set for a GPU.
    edited.edit(lambda _: before | {"train": before["train"] | {"micro_batch": 2}})
    assert "goes on" in edited.run(*train, check=True).stderr


@pytest.mark.slow
def test_a_checkpoint_that_was_not_kept_costs_a_new_training(edited):
    """A denser schedule asks for steps that are gone."""
    edited.run("python", "-m", "stages.train", "--cell", "attn1_s0", check=True)
    dense = [{"until": 64 * 8 * 20, "every": 64 * 8 * 2}]
    edited.edit(lambda p: p | {"train": p["train"] | {"checkpoints": dense}})
    done = edited.run("python", "-m", "stages.train", "--cell", "attn1_s0")
    assert done.returncode == 0 and "goes on" not in done.stderr
    assert len(steps_of(edited, "attn1_s0")) == 12


@pytest.mark.slow
def test_the_same_text_from_other_code_retrains_nothing(edited):
    """The stream's provenance changes, its tokens don't: training finds its end state again."""
    edited.run("python", "-m", "stages.train", "--cell", "attn1_s0", check=True)
    before = steps_of(edited, "attn1_s0")
    path = edited.folder / "stages" / "corpus.py"
    whole = path.read_text()
    path.write_text(whole.replace("ENCODE_BATCH = 256", "ENCODE_BATCH = 255"))
    try:
        edited.run("dvc", "repro", "corpus", check=True)
        done = edited.run("dvc", "repro", "train@attn1_s0")
        assert "goes on from step 20 of 20" in done.stderr
        assert steps_of(edited, "attn1_s0") == before
    finally:
        path.write_text(whole)


HOLD = """
import sys, time
from induction.pipeline.locks import exclusive
with exclusive(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.slow
def test_a_second_run_beside_the_first_is_told_and_harms_nothing(project):
    before = project.products()
    for lock, command in (
        ("study", ("induction.cli.main", "study")),
        ("train@attn1_s0", ("stages.train", "--cell", "attn1_s0")),
    ):
        with project.start("python", "-c", HOLD, lock, stdout=subprocess.PIPE) as first:
            first.stdout.readline()
            done = project.run("python", "-m", *command)
            first.kill()
        assert done.returncode == 1 and "Traceback" not in done.stderr
        assert f"{lock} is already running in this folder (process {first.pid})" in done.stderr
    assert project.products() == before
    assert project.run(*INDUCTION, "study").returncode == 0, "the lock went with it"


def at_work(group: int) -> list[psutil.Process]:
    """Who of a process group still runs, half a second after it was told to stop."""
    time.sleep(0.5)
    result = []
    for process in psutil.process_iter():
        # Others on the machine may end while they are looked at.
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                result.append(process)
    return result


@pytest.mark.slow
@pytest.mark.parametrize("way", ["Ctrl-C", "SIGTERM"])
def test_a_stopped_study_goes_on(project, way):
    before = project.products()
    project.run("rm", "-r", "data/train/attn1_s0", ".dvc/cache/runs", ".scratch/train")
    project.run("rm", "-r", ".dvc/cache/files")
    with project.start(
        *INDUCTION, "study", "--jobs", "2", stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.time() + 60
        while not list((project.folder / ".scratch" / "train").glob("attn1_s0-*/state*")):
            assert time.time() < deadline
            time.sleep(0.05)
        if way == "Ctrl-C":
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.SIGTERM)
        errors = process.stderr.read()
    assert process.returncode == 130
    assert not at_work(process.pid), "nobody of the group is left"
    assert "goes on from there" in errors and "Traceback" not in errors
    assert project.run(*INDUCTION, "study").returncode == 0
    assert project.products() == before


# Imports come first: some write files of their own while they are imported.
LIMITED = """
import importlib, resource, sys, torch._dynamo
from induction.pipeline.job import run
limit, name = int(sys.argv[1]), sys.argv[2]
module = importlib.import_module(f"stages.{name}")
sys.dont_write_bytecode = True  # it would be cut off, and stay
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.argv = sys.argv[2:]
run(module.main)
"""


@pytest.mark.parametrize(
    "stage",
    [
        "icl",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("corpus", *PER_CELL, *PER_GRID)
            if name != "icl"
        ),
    ],
)
def test_a_disk_that_takes_no_more_is_one_line_and_no_debris(project, stage):
    """The system itself refuses the write: of Python, of pyarrow, of whoever writes."""
    cell = ["--cell", "attn1_s0"] if stage in PER_CELL else []
    before = project.products()
    project.run("rm", "-r", ".scratch/train")
    for limit in (0, 700):
        done = project.run("python", "-c", LIMITED, str(limit), stage, *cell)
        assert done.returncode == 1, done.stderr
        errors = [line for line in done.stderr.splitlines() if "error:" in line]
        assert len(errors) == 1 and "Traceback" not in done.stderr, done.stderr
        # DVC may be the first whose write is refused, of its own database.
        by_dvc = stage == "corpus" and "disk I/O error" in errors[0]
        assert by_dvc or ("nothing was published" in errors[0] and "free space" in errors[0])
    assert project.products() == before
    assert not [p for p in (project.folder / ".scratch/partial").rglob("*") if p.is_file()]


def test_a_read_only_folder_is_named(project):
    # Root writes everywhere, unless it lays that privilege down.
    mortal = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if os.geteuid() != 0:
        mortal = []
    elif not shutil.which("setpriv") or project.run(*mortal, "true").returncode:
        pytest.skip("root cannot be kept from writing here")
    folder = project.folder / ".scratch"
    shutil.rmtree(folder / "partial", ignore_errors=True)
    folder.chmod(0o500)
    try:
        done = project.run(*mortal, "python", "-m", "stages.pca")
    finally:
        folder.chmod(0o700)
    assert done.returncode == 1
    assert "Permission denied" in done.stderr and "give write access" in done.stderr


@pytest.mark.slow
def test_the_states_of_old_trainings_are_swept(project):
    old = project.folder / ".scratch" / "train" / "attn9_s0-0123456789abcdef"
    young = old.with_name("attn8_s0-0123456789abcdef")
    debris = project.folder / ".scratch" / "partial" / "train@gone_s0"
    for folder in (old, young, debris):
        folder.mkdir(parents=True)
    os.utime(old, (time.time() - 15 * 24 * 3600,) * 2)
    assert project.run(*INDUCTION, "study").returncode == 0
    assert young.exists() and not old.exists() and not debris.exists()
    young.rmdir()


IN_PLACE = """
import os, runpy, shutil, sys
def in_place(source, target):
    if os.path.isdir(source):
        shutil.copytree(source, target, dirs_exist_ok=True); shutil.rmtree(source)
    else:
        shutil.copyfile(source, target); os.unlink(source)
os.replace = in_place
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.slow
def test_kills_py_would_notice(project, tmp_path):
    """The harness itself: outputs that are copied into their place, file by file, must fail it."""
    broken = project.copy(tmp_path / "broken")
    done = broken.run("python", "-c", IN_PLACE, str(KILLS), "200", "0")
    assert done.returncode != 0
    assert "neither whole nor absent" in done.stderr or "other bytes" in done.stderr, done.stderr
    assert "undisturbed" not in done.stderr


def test_a_stage_at_work_keeps_what_it_has_half_done(project):
    partial = project.folder / ".scratch" / "partial" / "train@attn1_s0"
    partial.mkdir(parents=True)
    with project.start("python", "-c", HOLD, "train@attn1_s0", stdout=subprocess.PIPE) as first:
        first.stdout.readline()
        done = project.run(*INDUCTION, "study")
        first.kill()
    assert done.returncode == 1 and "train@attn1_s0 is already running" in done.stderr
    assert partial.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "left"),
    [
        pytest.param(".dvc/tmp/rwlock", "", marks=pytest.mark.slow),
        (".dvc/tmp/rwlock", '{"write": {"PATH": {"pid": 1, "cmd": "dvc repro"}}}'),
        ("dvc.lock", "schema: '2.0'\nstages:\n  plan:\n    cmd: python -m st"),
    ],
)
def test_what_a_kill_leaves_of_dvc_s_own_files_stops_nothing(project, name, left):
    """DVC rewrites both in place, and refuses to run with half of one."""
    before = project.products()
    path = str(project.folder / "data" / "train" / "attn1_s0")
    (project.folder / name).write_text(left.replace("PATH", path))
    done = project.run(*INDUCTION, "study")
    assert done.returncode == 0, done.stdout + done.stderr
    assert project.products() == before
    assert project.run("dvc", "status").stdout == "Data and pipelines are up to date.\n"

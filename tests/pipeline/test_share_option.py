"""`--share`: what a stage made is in the remote before the next begins; a remote that is away stops
nothing."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from induction.pipeline import sharing, status
from induction.pipeline.engines.local import one_by_one
from induction.pipeline.work import Work
from tests.project import CELLS, INDUCTION, PER_CELL, Project

CELL = CELLS[0]
RAN = re.compile(r"Running stage '([^']+)'")
RESTORED = re.compile(r"Stage '([^']+)' is cached - skipping run")
SHARE = (*INDUCTION, "study", "--cells", CELL, "--share")
AWAY = "the DVC remote cannot be used now"


@pytest.fixture
def events(monkeypatch, tmp_path) -> list[str]:
    """What is run, pushed and said, in order; pushes succeed, and no stage begins."""
    monkeypatch.chdir(tmp_path)
    events: list[str] = []

    def push(targets: list[str]) -> tuple[int, str]:
        events.append(f"push {' '.join(targets)}")
        return 0, ""

    monkeypatch.setattr(sharing, "push", push)
    monkeypatch.setattr(sharing, "say", events.append)
    monkeypatch.setattr(sharing, "REMOTE", sharing.Remote())
    return events


def executing(events: list[str], codes: dict[str, int]) -> Callable[[list[str]], int]:
    def execute(command: list[str]) -> int:
        what = " ".join(part for part in command[3:] if part not in ("repro", "--single-item"))
        events.append(what.removeprefix("--wait-for-lock "))
        return codes.get(events[-1], 0)

    return execute


def go_on() -> bool:
    return False


def test_a_stage_is_pushed_before_the_next_begins_and_after_a_failure_none_does(events):
    execute = executing(events, {"--pull heads@a": 1})
    code = sharing.Remote().run_each(["train@a", "heads@a", "icl@a"], execute, go_on)
    assert code == 1
    assert events == ["--pull train@a", "push train@a", "--pull heads@a"]


def test_the_engine_shares_so(events, monkeypatch):
    monkeypatch.setattr("induction.pipeline.engines.local.REMOTE", sharing.REMOTE)
    monkeypatch.setattr("induction.pipeline.engines.local.call", executing(events, {}))
    one_by_one([Work("a", ["train@a"], ["heads@a"])], True, lambda cell, seconds: cell)
    assert events == ["--pull train@a", "push train@a", "--pull heads@a", "push heads@a"]


def test_a_push_that_fails_is_told_once_and_made_up_for(events, monkeypatch):
    remote, now = sharing.Remote(), [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    working = sharing.push
    monkeypatch.setattr(sharing, "push", lambda targets: (255, "ERROR: away"))
    execute = executing(events, {})
    assert remote.run_each(["plan", "corpus"], execute, go_on) == 0
    now[0] += sharing.PATIENCE
    assert remote.run_each(["train@a"], execute, go_on) == 0
    now[0] += sharing.PATIENCE
    monkeypatch.setattr(sharing, "push", working)
    assert remote.run_each(["heads@a", "icl@a"], execute, go_on) == 0
    (said,) = [event for event in events if AWAY in event]
    events.remove(said)
    assert events == [
        "--pull plan", "corpus", "--pull train@a",
        "--pull heads@a", "push plan corpus train@a heads@a", "--pull icl@a", "push icl@a",
    ]  # fmt: skip


def test_a_stage_that_could_not_be_pulled_is_computed(events):
    """DVC says 255 of that, and of a stage that failed, which is not run again."""
    execute = executing(events, {"--pull train@a": 255})
    assert sharing.Remote().run_each(["train@a"], execute, go_on) == 0
    (said,) = [event for event in events if AWAY in event]
    assert events == ["--pull train@a", said, "train@a"]

    def fail(command: list[str]) -> int:
        with pytest.raises(ValueError), status.reported("train", "a"):
            raise ValueError
        return 255

    assert sharing.Remote().run_each(["train@a"], fail, go_on) == 255


@pytest.mark.parametrize("code", [sharing.INTERRUPTED, -signal.SIGTERM])
def test_what_interrupts_a_push_ends_the_run(events, monkeypatch, code):
    monkeypatch.setattr(sharing, "push", lambda targets: (code, "stopped"))
    execute = executing(events, {})
    assert sharing.Remote().run_each(["train@a", "heads@a"], execute, go_on) == code
    assert events == ["--pull train@a"]


@pytest.fixture(scope="module")
def origin(studied, tmp_path_factory) -> Project:
    """A project in which nothing has been computed."""
    created = studied.copy(tmp_path_factory.mktemp("share") / "origin")
    for name in ("data", "reports", ".scratch", ".dvc/cache", ".dvc/tmp", "home"):
        shutil.rmtree(created.folder / name, ignore_errors=True)
    (created.folder / "dvc.lock").unlink()
    return created


def machine(origin: Project, folder: Path, store: Path) -> Project:
    created = origin.copy(folder)
    created.run("dvc", "remote", "add", "--local", "-d", "store", str(store), check=True)
    return created


def is_at(project: Project, stage: str) -> bool:
    """Whether the cell is at a stage; between two stages, its status is not there."""
    with suppress(FileNotFoundError):
        path = project.folder / ".scratch" / "status" / CELL
        return json.loads(path.read_text(encoding="utf-8"))["stage"] == stage
    return False


def kill_tree(process: subprocess.Popen) -> None:
    everyone = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for each in everyone:
        each.suspend()  # none of them sees another die
    for each in everyone:
        os.kill(each.pid, signal.SIGKILL)


def of_cell(project: Project) -> dict[str, bytes]:
    return {path: data for path, data in project.products().items() if f"/{CELL}/" in path}


@pytest.mark.slow
def test_a_lost_machine_loses_only_the_stage_that_it_was_at(origin, studied, tmp_path):
    lost = machine(origin, tmp_path / "lost", tmp_path / "store")
    with lost.start(*SHARE) as process:
        while process.poll() is None and not is_at(lost, "circuits"):
            time.sleep(0.01)
        assert process.poll() is None
        kill_tree(process)
    shutil.rmtree(lost.folder)
    successor = machine(origin, tmp_path / "successor", tmp_path / "store")
    done = successor.run(*SHARE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(RAN.findall(done.stdout)) == {f"circuits@{CELL}"}
    finished = {f"{stage}@{CELL}" for stage in PER_CELL} - {f"circuits@{CELL}"}
    assert set(RESTORED.findall(done.stdout)) == finished | {"plan", "corpus"}
    assert of_cell(successor) == of_cell(studied)


@pytest.mark.slow
def test_a_remote_that_is_away_stops_nothing_and_fails_at_the_end(origin, studied, tmp_path):
    """A file lies where the remote's folder should be; then it is gone, and all is pushed."""
    disk = tmp_path / "disk"
    disk.write_text("not mounted")
    worker = machine(origin, tmp_path / "worker", disk / "store")
    done = worker.run(*SHARE)
    assert done.returncode != 0
    assert of_cell(worker) == of_cell(studied)
    assert (done.stdout + done.stderr).count(AWAY) == 1
    (line,) = re.findall(r"^error: .*", done.stderr, re.MULTILINE)
    assert "not everything could be pushed" in line and "run the same command again" in line
    disk.unlink()
    done = worker.run(*SHARE)
    assert done.returncode == 0 and not RAN.findall(done.stdout), done.stdout + done.stderr
    other = machine(origin, tmp_path / "other", disk / "store")
    done = other.run(*SHARE)
    assert done.returncode == 0 and not RAN.findall(done.stdout), done.stdout + done.stderr
    assert of_cell(other) == of_cell(studied)

"""What is checked before anything is queued, without a cluster."""

import json

import pytest

from induction.config.errors import StageError
from induction.pipeline.cluster import preflight
from induction.pipeline.cluster.coordinator import only_missing
from induction.pipeline.cluster.packages import installed
from induction.pipeline.cluster.scheduler import Task, TaskState
from induction.pipeline.cluster.shared_folder import RunFolder, Settings
from induction.tables.atomic import write
from tests.git import git


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    created = RunFolder(tmp_path / "lab" / "runs" / "abc")
    created.shared.root.mkdir()
    created.create()
    created.write_settings(Settings("abc", "python", installed(), []))
    return created


def test_a_commit_decides_about_what_is_run(tmp_path, monkeypatch):
    """What the pipeline writes, and notes of the user, decide about nothing."""
    monkeypatch.chdir(tmp_path)
    git(tmp_path, "init", "--quiet")
    with pytest.raises(StageError, match="found no commit"):
        preflight.clean_commit()
    for name in ("params.yaml", "dvc.lock", "reports/metrics.json", "stages/icl.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1\n")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "-m", "all")
    for name in ("dvc.lock", "dvc.yaml", "reports/metrics.json", "notes.txt"):
        (tmp_path / name).write_text("2\n")
    assert preflight.clean_commit() == git(tmp_path, "rev-parse", "HEAD")
    for name in ("params.yaml", "stages/new.py"):
        (tmp_path / name).write_text("2\n")
        with pytest.raises(StageError, match=rf"^{name}: found changes"):
            preflight.clean_commit()
        git(tmp_path, "add", "--all")
        git(tmp_path, "commit", "--quiet", "-m", name)


def test_space_is_asked_for(folder):
    preflight.check_space(folder, 1)
    with pytest.raises(StageError, match=r"GB free, expected 1,000,000\.0 GB"):
        preflight.check_space(folder, 1e15)


class Node:
    """A scheduler whose job leaves `says` as its probe, or `log` as its output, and ends."""

    def __init__(self, folder: RunFolder, says: bytes = b"", log: str = "", phase="ended"):
        self.folder, self.says, self.log, self.phase = folder, says, log, phase
        self.cancelled: list[str] = []

    def submit(self, submission) -> str:
        assert submission.options[-1] == f"--time={preflight.MINUTES}"
        if self.says:
            write(self.folder.probe_of("n7"), self.says)
        if self.log:
            self.folder.log_of(preflight.CHECK).write_text(self.log)
        return "1"

    def states(self, name: str) -> dict[Task, TaskState]:
        return {Task("1", 0): TaskState(self.phase, "n7", "asks for what no node has")}

    def cancel(self, jobs) -> None:
        self.cancelled += jobs


def probe(packages: list[str], free: int) -> bytes:
    content = {"node": "n7", "packages": packages, "free": free, "scratch": "scratch"}
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    ("node", "wanted"),
    [
        ({"says": probe(["python==2.7"], 10)}, r"node n7: found other packages than here: python:"),
        ({"says": probe(installed(), 10)}, r"node n7: found 0\.0 GB free in scratch, expected 1"),
        ({"log": "exec: /x/python: not found"}, r"node n7: the worker could not begin: .*python"),
        ({}, r"SHARED: .*/lab: not visible on node n7"),
        ({"phase": "stuck"}, r"SLURM: a short job, to look at a node, asks for what no node has"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_node_is_told(folder, node, wanted):
    scheduler = Node(folder, **node)
    with pytest.raises(StageError, match=wanted):
        preflight.check_node(folder, scheduler, [], 1e9)
    assert scheduler.cancelled == (["1"] if "phase" in node else [])


def test_a_node_that_is_as_it_should_be(folder):
    node = Node(folder, probe([*installed(), "more==1"], 2 * 10**9))
    preflight.check_node(folder, node, [], 1e9)


def test_what_the_shared_folder_has_need_not_be_here(folder):
    locked = {"cmd": "x", "outs": [{"path": "data/train/a", "md5": "ab12.dir"}]}
    said = [{"changed outs": {"data/train/a": "deleted"}}]
    assert not only_missing(said, locked, folder.shared)
    kept = folder.shared.cache / "files" / "md5" / "ab" / "12.dir"
    kept.parent.mkdir(parents=True)
    kept.touch()
    assert only_missing(said, locked, folder.shared)
    others = (
        {"changed deps": {"data/plan/train": "modified"}},
        {"changed deps": {"params.yaml": {"train": "modified"}}},
        "changed command",
    )
    for other in others:
        assert not only_missing([*said, other], locked, folder.shared)

"""The locks of workers become ours, unless two of them differ."""

from pathlib import Path

import pytest
import yaml

from induction.config.errors import StageError
from induction.pipeline.cluster import joining
from induction.pipeline.cluster.shared_folder import RunFolder
from induction.pipeline.dvc_lock import LOCK, read_lock
from induction.pipeline.settings import read_study

STUDY = read_study()


def stage(md5: str, dep: str = "d" * 32) -> dict:
    return {
        "cmd": "python -m stages.x",
        "deps": [{"path": "a", "hash": "md5", "md5": dep, "size": 1}],
        "outs": [{"path": "b", "hash": "md5", "md5": md5, "size": 1}],
    }


@pytest.fixture
def folder(tmp_path, monkeypatch) -> RunFolder:
    monkeypatch.chdir(tmp_path)
    created = RunFolder(tmp_path / "lab" / "runs" / "abc")
    created.shared.root.mkdir()
    created.create()
    return created


def locked(folder: RunFolder, cell: str, stages: dict) -> None:
    folder.locks_of(cell).mkdir()
    (folder.locks_of(cell) / LOCK).write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))


def test_each_cell_comes_from_its_worker(folder):
    """What others have of it, or of what comes before all cells, is not taken."""
    LOCK.write_text(yaml.safe_dump({"schema": "2.0", "stages": {"plan": stage("p" * 32)}}))
    locked(folder, "attn1_s0", {"plan": stage("p" * 32), "icl@attn1_s0": stage("1" * 32)})
    locked(folder, "attn2_s0", {"plan": stage("p" * 32), "icl@attn2_s0": stage("2" * 32)})
    locked(folder, "smear1_s0", {"icl@smear1_s0": stage("3" * 32)})
    joining.join(folder, ["attn1_s0", "attn2_s0"])
    wanted = {"plan": "p", "icl@attn1_s0": "1", "icl@attn2_s0": "2"}
    assert read_lock(LOCK) == {name: stage(digit * 32) for name, digit in wanted.items()}


def test_two_answers_to_one_question_are_refused(folder):
    locked(folder, "attn1_s0", {"icl@attn1_s0": stage("1" * 32)})
    locked(folder, "attn2_s0", {"icl@attn1_s0": stage("2" * 32)})
    with pytest.raises(StageError, match=r"two answers, of the workers for attn1_s0 and for attn2"):
        joining.join(folder, ["attn1_s0", "attn2_s0"])
    assert not LOCK.exists(), "nothing was changed"


def test_answers_to_different_questions_are_no_conflict(folder):
    locked(folder, "attn1_s0", {"icl@attn1_s0": stage("1" * 32)})
    locked(folder, "attn2_s0", {"icl@attn1_s0": stage("2" * 32, dep="e" * 32)})
    joining.join(folder, ["attn1_s0", "attn2_s0"])
    assert read_lock(LOCK)["icl@attn1_s0"] == stage("1" * 32)


def test_what_is_outdated_here_is_removed_and_the_rest_stays(folder):
    LOCK.write_text(yaml.safe_dump({"schema": "2.0", "stages": {"icl@attn1_s0": stage("1" * 32)}}))
    locked(folder, "attn1_s0", {"icl@attn1_s0": stage("1" * 32)})
    Path("b").touch()
    (folder.times / "icl@attn1_s0.json").write_text("{}")
    joining.join(folder, ["attn1_s0"])
    assert Path("b").exists() and Path(".scratch/times/icl@attn1_s0.json").exists()
    (folder.locks_of("attn1_s0") / LOCK).write_text(
        yaml.safe_dump({"schema": "2.0", "stages": {"icl@attn1_s0": stage("2" * 32)}})
    )
    joining.join(folder, ["attn1_s0"])
    assert not Path("b").exists()


def test_only_tables_that_join_cells_are_fetched():
    targets = joining.tables_that_join(STUDY, ["attn1_s0"])
    assert {"icl@attn1_s0", "heads@attn1_s0"} <= {*targets}
    assert not [each for each in targets if each.startswith(("train@", "corpus"))]

"""What is said where Git does not work, and that the remedy it names does."""

import os
import re
import shutil
from pathlib import Path

import pytest

from induction.config.errors import StageError
from induction.pipeline.environment import DVC, run
from induction.pipeline.repository import check_git
from tests.git import git


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder with a space in its name, in no repository."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    created = tmp_path / "a study"
    created.mkdir()
    (created / "file").write_text("x")
    monkeypatch.chdir(created)
    return created


def refusal() -> str:
    with pytest.raises(StageError) as caught:
        check_git()
    message = str(caught.value)
    assert "\n" not in message
    return message


def do(remedy: str, message: str, cwd: Path) -> None:
    """Run the command of the message that matches."""
    (command,) = [each for each in re.findall("`([^`]+)`", message) if re.match(remedy, each)]
    identity = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")}  # fmt: skip
    done = run(["sh", "-c", command], identity, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_files_without_git(folder):
    do("git init", refusal(), folder)
    check_git()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_repository_of_another_user(folder):
    git(folder, "init", "-q")
    run([*DVC, "init", "-q"], check=True)
    for path in (folder, folder / ".git"):
        os.chown(path, 12345, 12345)
    message = refusal()
    assert "another user" in message and "clone" not in message
    do("git config", message, folder)
    check_git()
    run([*DVC, "status"], check=True)


def test_a_folder_of_git_itself_or_a_bare_repository(folder, monkeypatch):
    git(folder, "init", "-q")
    git(folder, "add", "file")
    git(folder, "commit", "-qm", "one")
    git(folder, "clone", "-q", "--bare", ".", "bare")
    for place in (".git", "bare"):
        monkeypatch.chdir(folder / place)
        message = refusal().replace("<folder>", str(folder / f"clone of {place}").join("''"))
        do("git clone", message, folder)
        monkeypatch.chdir(folder / f"clone of {place}")
        check_git()


def test_a_worktree_whose_repository_moved(folder, monkeypatch):
    git(folder, "init", "-q")
    git(folder, "add", "file")
    git(folder, "commit", "-qm", "one")
    linked = folder.parent / "linked here"
    git(folder, "worktree", "add", "-q", str(linked), "-b", "other")
    moved = folder.rename(folder.parent / "moved")
    monkeypatch.chdir(linked)
    do("git worktree repair", refusal(), moved)
    check_git()


def test_without_git(folder, monkeypatch, tmp_path):
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    if shutil.which("git", path=os.path.dirname(DVC[0])):
        pytest.skip("Git lies beside Python")
    assert refusal() == "git: not found; install it: DVC needs a Git repository"

"""The tests as hooks of a linked worktree: Git leaves GIT_DIR and GIT_INDEX_FILE to them, and what
they commit, tag and add has to stay in the repositories they make."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.git import git
from tests.project import ROOT

# Those that commit, tag, start DVC, and ask for the repository that they are in.
CHOSEN = (
    "tests/pipeline/test_environment.py",
    "tests/pipeline/test_repository.py",
    "tests/report/test_compare.py",
)
HOOK = """#!/bin/sh
set -e
test -n "$GIT_DIR"
exec "{python}" -m pytest -p no:cacheprovider --basetemp "{base}" {options} {chosen} >"{log}" 2>&1
"""


def state(repository: Path) -> tuple[str, ...]:
    """What a hook could change: refs, index, files, configuration."""
    return tuple(
        git(repository, *command.split())
        for command in (
            "for-each-ref refs/heads refs/tags refs/exps refs/stash",
            "log --all --format=%H",
            "ls-files -s",
            "status --porcelain --untracked-files=all",
            "config --local --list",
        )
    )


@pytest.mark.slow
def test_hooks_of_a_linked_worktree_leave_it_as_it_was(tmp_path):
    main, linked, remote = (tmp_path / name for name in ("main", "linked", "remote"))
    git(tmp_path, "init", "-q", "--bare", "remote")
    git(tmp_path, "init", "-q", "main")
    for name in git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if (ROOT / name).exists() and not name.startswith("reports/"):
            (main / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, main / name)
    git(main, "add", "--all")
    git(main, "commit", "-qm", "one")
    git(main, "remote", "add", "origin", str(remote))
    git(main, "worktree", "add", "-q", "-b", "work", str(linked))
    for hook, options in (("pre-commit", ""), ("pre-push", "-n 2")):
        log = tmp_path / f"{hook}.log"
        variables = {"python": sys.executable, "base": tmp_path / hook, "options": options}
        path = main / ".git" / "hooks" / hook
        path.write_text(HOOK.format(**variables, chosen=" ".join(CHOSEN), log=log))
        path.chmod(0o755)
    (linked / "README.md").write_text("changed")
    git(linked, "add", "README.md")
    main_before, index = state(main), git(linked, "ls-files", "-s")
    git(linked, "commit", "-qm", "two")
    assert "passed" in (tmp_path / "pre-commit.log").read_text()
    assert git(linked, "ls-files", "-s") == index
    assert git(linked, "status", "--porcelain", "--untracked-files=all") == ""
    assert sorted(git(linked, "log", "--all", "--format=%s").splitlines()) == ["one", "two"]
    assert state(main)[2:] == main_before[2:]
    before = state(main), state(linked)
    git(linked, "push", "-q", "origin", "work")
    assert "passed" in (tmp_path / "pre-push.log").read_text()
    assert (state(main), state(linked)) == before
    assert git(remote, "log", "work", "--format=%s").splitlines() == ["two", "one"]

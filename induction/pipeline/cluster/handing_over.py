"""Give a run all that its workers need, through the shared folder."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from induction.config.errors import StageError
from induction.pipeline.cluster.packages import installed
from induction.pipeline.cluster.shared_folder import RunFolder, Settings, SharedFolder, copy_locks
from induction.pipeline.environment import DVC, run

REMOTE = "shared"  # DVC's name, in this clone, for the cache in the shared folder
SCRIPT = Path(__file__).with_name("worker.sh")


def hand_over(
    folder: RunFolder, commit: str, python: str, before: list[str], done: Sequence[str]
) -> None:
    """The commit, the settings, the locks, and the files of what comes before all cells and of the
    stages that are `done` here."""
    folder.write_settings(Settings(commit, python, installed(), before))
    shutil.copyfile(SCRIPT, folder.script)
    _push_commit(folder.shared, commit)
    copy_locks(Path(), folder.given)
    add_remote(folder.shared)
    _call([*DVC, "push", "--quiet", "--remote", REMOTE, *before, *done])


def add_remote(shared: SharedFolder) -> None:
    """A cache has the layout of a remote in a folder."""
    _call([*DVC, "remote", "add", "--quiet", "--local", "--force", REMOTE, str(shared.cache)])


def _push_commit(shared: SharedFolder, commit: str) -> None:
    repository = str(shared.repository)
    if not shared.repository.exists():
        _call(["git", "init", "--quiet", "--bare", repository])
    _call(["git", "push", "--quiet", "--no-verify", repository, f"{commit}:refs/runs/{commit}"])


def _call(command: list[str]) -> None:
    done = run(command, capture_output=True, text=True, errors="replace")
    if done.returncode:
        said = " ".join(done.stderr.split())
        raise StageError(f"{' '.join(command[:6])}: {said}; mend that, and go on")

"""The environment in which commands and the programs they start run."""

import os
import subprocess

from induction.config.errors import StageError

# What `git rev-parse --local-env-vars` lists: a Git hook sets some of them, and Git, and with it
# DVC, would then write into the repository of the hook, whatever folder it was started in.
LOCAL_TO_GIT = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)


def leave_hook() -> None:
    """Forget the repository for which a Git hook may have started this process."""
    for name in LOCAL_TO_GIT:
        os.environ.pop(name, None)


def check_git() -> None:
    """Raise StageError unless this folder is in a Git repository, which DVC needs."""
    command = ["git", "rev-parse", "--is-inside-work-tree"]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        raise StageError("git: not found; install it: DVC needs it") from None
    if done.returncode:
        raise StageError(
            f"{os.getcwd()}: not usable as a Git repository ({done.stderr.strip()}), and DVC needs "
            "one; clone the project rather than download its files, or make one of them with `git "
            "init && git add --all && git commit -m start`"
        )

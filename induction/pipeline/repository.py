"""Whether Git and DVC can work in this folder. Imports nothing that is to be installed: `make`
asks before it installs anything."""

import os
import re
import shlex
import sys

from induction.config.errors import StageError
from induction.pipeline.environment import run

NEEDED = "DVC needs a Git repository"
START = "`git init && git add --all && git commit -m start`"


def check_git() -> None:
    """Raise StageError, with the remedy, unless this folder is in a work tree of Git."""
    here = os.getcwd()
    try:
        # In English: what Git says decides about the remedy.
        done = run(
            ["git", "rev-parse", "--is-inside-work-tree"],
            {"LC_ALL": "C", "LANGUAGE": ""},
            capture_output=True,
            encoding="utf-8",
            errors="backslashreplace",
        )
    except FileNotFoundError:
        raise StageError(f"git: not found; install it: {NEEDED}") from None
    if done.returncode == 0 and done.stdout.strip() == "true":
        return
    if done.returncode == 0:
        raise StageError(
            f"{here}: found a bare repository or a folder of Git itself, expected a work tree; "
            f"run `git clone {shlex.quote(here)} <folder>`, and go on in that folder"
        )
    if match := re.search(r"git config --global --add safe\.directory (.+)", done.stderr):
        raise StageError(
            f"{here}: Git does not touch this repository, because its folder belongs to another "
            f"user; if you trust its files, run `{match[0].strip()}`, or make the folder yours"
        )
    if match := re.search(r"not a git repository: (.+)", done.stderr):
        repair = f"git worktree repair {shlex.quote(here)}"
        raise StageError(
            f"{here}: .git points to {match[1].strip()}, which is not there; if the repository "
            f"moved, run `{repair}` in it; if this was a worktree that is no more, add one there "
            "(`git worktree add`) and go on in that"
        )
    if "not a git repository (or any" in done.stderr:
        raise StageError(
            f"{here}: not in a Git repository, and {NEEDED}; clone the project rather than "
            f"download its files, or make one of them with {START}"
        )
    said = " ".join(done.stderr.split())
    raise StageError(f"{here}: {NEEDED}, and Git refuses this one: {said}; mend that, and go on")


if __name__ == "__main__":
    try:
        check_git()
    except StageError as error:
        sys.exit(f"error: {error}")
